/** Which cells an InfluxQL function keeps of the rows of a stream until their time has passed. Thread: any. */
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Aggregate } from '../aggregates/aggregate.js'
import { layoutOf, type RowLayout } from '../kit/row-store.js'

export function inputLayout(
  aggregate: Aggregate,
  planned: PlannedNode,
  field: string,
  as: string,
  keys: readonly string[],
): RowLayout {
  if (!aggregate.rowTags && aggregate.shape !== 'selector') return { fields: [field], tags: [], dims: [], rest: null }
  const out = layoutOf(planned)
  const selector = aggregate.shape === 'selector'
  const kept = selector ? out.fields.filter((f) => f !== as) : []
  const fields = [...new Set([field, ...keys, ...kept])]
  const dims =
    planned.groupedBy === '*' ? [] : [...new Set([...out.dims, ...keys.filter((k) => planned.groupedBy.includes(k))])]
  const tags = [...new Set([...out.tags, ...keys.filter((k) => !dims.includes(k))])]
  const wanted = out.rest !== null && (out.rest.tags || (selector && out.rest.fields))
  const rest = wanted
    ? { fields: selector && out.rest!.fields, tags: out.rest!.tags, skipFields: fields, skipTags: [...tags, ...dims] }
    : null
  return { fields, tags, dims, rest }
}
