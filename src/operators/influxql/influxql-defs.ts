/** Node definitions of the InfluxQL functions, one per entry of aggregates/index.ts. Thread: any. */
import { ShardlineError } from '../../errors.js'
import type { NodeDef, NodeEffects, PipelineNode, ScriptValue } from '../../tickscript/node-def.js'
import type { Aggregate } from '../aggregates/aggregate.js'
import { aggregates } from '../aggregates/index.js'
import type { OperatorEntry } from '../registry-types.js'
import { InfluxqlOperator } from './influxql.js'

function define(a: Aggregate): NodeDef {
  const kind = a.kind ?? a.method
  return {
    method: a.method,
    kind,
    goType: 'InfluxQLNode',
    doc: a.doc,
    accepts: 'any',
    emits: a.shape === 'multi' || a.shape === 'series' ? 'batch' : 'stream',
    args: a.args,
    properties: [
      {
        name: 'as',
        doc: 'Name of the resulting field.',
        form: 'field',
        args: [{ name: 'as', type: 'string' }],
        default: kind,
      },
      {
        name: 'usePointTimes',
        doc: 'Take the time of the chosen points instead of the end of the batch.',
        form: 'flag',
        args: [],
        default: false,
      },
    ],
    construct(node, args) {
      a.args.forEach((arg, i) => {
        node.props[arg.name] = arg.variadic ? (args.slice(i) as ScriptValue[]) : (args[i] ?? null)
      })
    },
    validate(node) {
      const text = a.problem?.(node) ?? null
      if (text !== null) throw new ShardlineError('invalid-tickscript', text)
    },
    effects: (node) => effectsOf(a, node),
    counters: ['evicted_rows'],
  }
}

function effectsOf(a: Aggregate, node: PipelineNode): NodeEffects {
  const field = String(node.props.field)
  const reads = [field, ...(a.keys?.(node) ?? [])]
  const makesFields = [[String(node.props.as), a.result === 'cells' ? { like: field, or: a.empty } : a.result]] as const
  const common = { reads, needsFields: [field], makesFields, stateful: true }
  // A selector hands on the chosen row, its field under the new name.
  if (a.shape === 'selector') return { ...common, removes: { fields: [field], tags: [] } }
  return { ...common, keepsFields: [], groupTagsOnly: a.rowTags !== true }
}

export const influxqlEntries: readonly OperatorEntry[] = aggregates.map((a) => ({
  def: define(a),
  create: (planned, ctx) => new InfluxqlOperator(a, planned, ctx),
}))

/** The function of a node, if it is one of these. */
export function aggregateOf(node: PipelineNode): Aggregate | undefined {
  return node.def.goType === 'InfluxQLNode' ? aggregates.find((a) => a.method === node.def.method) : undefined
}
