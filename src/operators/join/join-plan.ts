/**
 * A join node as its operators want it: which fields of which parent are kept, and what each becomes. Thread: any.
 *
 * An output field `x.v` is field `v` of the parent with prefix `x.`. With fill it also depends on the other parents:
 * where the parent is missing, it is filled if the first parent present has a field `v`. So with fill each parent
 * keeps all names.
 */
import { Kind } from '../../columns/kinds.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import { goTypeOf, stringsOf } from '../kit/dimensions.js'
import { layoutOf } from '../kit/row-store.js'
import { prefixesOf } from './merge-prefixes.js'

/** What stands for the fields of a missing parent; null: nothing is emitted without it. */
export interface Fill {
  readonly kind: number
  /** Payload words. */
  readonly lo: number
  readonly hi: number
}

/** An output column and where its cells are. */
export interface JoinOutput {
  /** Number of the output column. */
  readonly to: number
  /** Column of the parent's kept fields. */
  readonly from: number
  /** Per parent the column of the field of the same name, -1 without; only with fill. */
  readonly same: readonly number[]
}

export interface JoinPlan {
  readonly parents: number
  readonly prefixes: readonly string[]
  readonly streamName: string
  readonly on: readonly string[]
  readonly deleteAll: boolean
  readonly fill: Fill | null
  /** Names of the output columns. */
  readonly names: readonly string[]
  /** Per parent the names of the fields kept as columns. */
  readonly inputs: readonly (readonly string[])[]
  /** Per parent what its fields become. */
  readonly outputs: readonly (readonly JoinOutput[])[]
  /** All other fields are wanted too: rows are kept packed. */
  readonly whole: boolean
}

/** Names that are a prefix and a field name, without the prefix. */
function sourceNames(prefix: string, names: Iterable<string>): string[] {
  const out: string[] = []
  for (const name of names) if (name.startsWith(prefix)) out.push(name.slice(prefix.length))
  return out
}

/** The fields of a parent that an output field can come from (NodeEffects.fieldsFrom). */
export function joinSources(node: PipelineNode, parent: number, name: string): readonly string[] {
  const prefixes = prefixesOf(node)
  const wanted = fillOf(node) === null ? prefixes.slice(parent, parent + 1) : prefixes
  return [...new Set(wanted.flatMap((p) => sourceNames(p, [name])))]
}

export function fillOf(node: PipelineNode): Fill | null {
  const { fill } = node.props
  if (fill === 'null') return { kind: Kind.Null, lo: 0, hi: 0 }
  const words = new Int32Array(2)
  if (typeof fill === 'bigint') new BigInt64Array(words.buffer)[0] = fill
  else if (typeof fill === 'number') new Float64Array(words.buffer)[0] = fill
  else return null
  return { kind: typeof fill === 'bigint' ? Kind.Int : Kind.Float, lo: words[0], hi: words[1] }
}

/** The start-time text for a fill that is none of the options. */
export function checkFill(node: PipelineNode): void {
  const { fill } = node.props
  if (fill === null || fill === 'none' || fill === 'null' || typeof fill === 'bigint' || typeof fill === 'number')
    return
  const text = typeof fill === 'string' || typeof fill === 'boolean' ? String(fill) : goTypeOf(fill)
  throw new ShardlineError('task-start', `unexpected fill option ${text}`)
}

export function joinPlan(planned: PlannedNode): JoinPlan {
  const { node } = planned
  const layout = layoutOf(planned)
  const prefixes = prefixesOf(node)
  const fill = fillOf(node)
  // The other names can only be tags of the group.
  const names = layout.fields.filter((n) => prefixes.some((prefix) => n.startsWith(prefix)))
  const inputs = prefixes.map((_, p) => [...new Set(names.flatMap((n) => joinSources(node, p, n)))].sort())
  const outputs = prefixes.map((prefix, p): JoinOutput[] =>
    names.flatMap((name, to) =>
      sourceNames(prefix, [name]).map((field) => ({
        to,
        from: inputs[p].indexOf(field),
        same: fill === null ? [] : inputs.map((list) => list.indexOf(field)),
      })),
    ),
  )
  return {
    parents: prefixes.length,
    prefixes,
    streamName: String(node.props.streamName ?? ''),
    on: stringsOf(node.props.on),
    deleteAll: node.props.deleteAll === true,
    fill,
    names,
    inputs,
    outputs,
    whole: layout.rest?.fields === true,
  }
}
