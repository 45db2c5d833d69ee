/** Dimensions of from and groupBy: reading and checking the arguments, and the grouping that reaches a node. Thread: any. */
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import {
  Lambda,
  type MadeType,
  type NodeEffects,
  type PipelineNode,
  Reference,
  Regex,
  type ScriptValue,
  Star,
} from '../../tickscript/node-def.js'

export type NodeGrouping = NonNullable<NodeEffects['grouping']>

/** The Go type of a script value as error texts print it. */
export function goTypeOf(v: ScriptValue | null | undefined): string {
  if (typeof v === 'bigint') return 'int64'
  if (typeof v === 'number') return 'float64'
  if (typeof v === 'string') return 'string'
  if (typeof v === 'boolean') return 'bool'
  if (v instanceof Duration) return 'time.Duration'
  if (v instanceof Regex) return '*regexp.Regexp'
  if (v instanceof Lambda) return '*ast.LambdaNode'
  if (v instanceof Star) return '*ast.StarNode'
  if (v instanceof Reference) return '*ast.ReferenceNode'
  if (Array.isArray(v)) return '[]interface {}'
  return v === null || v === undefined ? '<nil>' : `*pipeline.${v.def.goType}`
}

/** The type of the field that a script's value makes. */
export function madeType(v: ScriptValue | null | undefined): MadeType {
  if (typeof v === 'bigint') return 'int'
  if (typeof v === 'number') return 'float'
  if (typeof v === 'boolean') return 'boolean'
  return typeof v === 'string' ? 'string' : 'any'
}

/** The values of a list property; none when it was never set. */
export function listOf(v: ScriptValue | null | undefined): readonly ScriptValue[] {
  return Array.isArray(v) ? v : []
}

/** As listOf, for lists whose items the script evaluation has checked to be strings. */
export function stringsOf(v: ScriptValue | null | undefined): string[] {
  return listOf(v).filter((s): s is string => typeof s === 'string')
}

/** The define-time texts for a list of dimensions. */
export function checkDimensions(dims: readonly ScriptValue[], excluded: readonly string[]): void {
  let star = false
  for (const d of dims) {
    if (typeof d === 'string') {
      if (d === '') throw new ShardlineError('bad-dimension', 'dimensions cannot not be the empty string')
    } else if (d instanceof Star) star = true
    else throw new ShardlineError('bad-dimension', `invalid dimension object of type ${goTypeOf(d)}`)
  }
  if (star && dims.length > 1)
    throw new ShardlineError('bad-dimension', "cannot group by both '*' and named dimensions.")
  if (!star && excluded.length > 0) throw new ShardlineError('bad-dimension', "exclude requires '*'")
}

/** Sorted tag names as the original groups by them (duplicates stay), or `*`. */
export function dimensionsOf(dims: readonly ScriptValue[]): readonly string[] | '*' {
  if (dims.some((d) => d instanceof Star)) return '*'
  return dims.filter((d): d is string => typeof d === 'string').sort()
}

/** The grouping of the rows a node receives, from the nearest node upstream that groups. */
export function incomingGrouping(node: PipelineNode): NodeGrouping {
  const [parent] = node.parents
  return parent === undefined ? { dims: [], byName: false } : outgoingGrouping(parent)
}

/** What is known during one question: a node's effects ask for its parent's grouping, and so does who finds none there. */
let known: Map<PipelineNode, NodeGrouping> | null = null

/** Grouping of the rows that the node hands on. */
export function outgoingGrouping(node: PipelineNode): NodeGrouping {
  const isFirst = known === null
  const asked = known ?? new Map<PipelineNode, NodeGrouping>()
  known = asked
  try {
    let grouping = asked.get(node)
    if (grouping === undefined) {
      grouping = node.def.effects?.(node).grouping ?? incomingGrouping(node)
      asked.set(node, grouping)
    }
    return grouping
  } finally {
    if (isFirst) known = null
  }
}

/** No node upstream has written, removed or replaced tags: those of a row are those of its line. */
export function tagsAsWritten(node: PipelineNode): boolean {
  return node.parents.every((p) => {
    const e = p.def.effects?.(p)
    return (e?.writesTags ?? []).length === 0 && e?.groupTagsOnly !== true && tagsAsWritten(p)
  })
}
