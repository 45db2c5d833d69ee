/**
 * `default`: fills absent fields (or null ones) and absent or empty tags. On a batch edge the tags of the batch's group are
 * filled too, so a defaulted tag becomes a dimension. Thread: shard worker.
 */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { Value } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef, PipelineNode, ScriptValue } from '../../tickscript/node-def.js'
import { CellReader, clearedColumn, setCell } from '../kit/cells.js'
import { goTypeOf, incomingGrouping, listOf, madeType } from '../kit/dimensions.js'
import { regroupedByTags, TagWritingOperator } from '../kit/tag-writing.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

/** A property that collects [name, value] pairs; a later call for the same name replaces the value. */
function addPair(node: PipelineNode, property: string, args: ScriptValue[]): void {
  const pairs = listOf(node.props[property]).filter((p) => !(Array.isArray(p) && p[0] === args[0]))
  node.props[property] = [...pairs, [args[0], args[1]]]
}

function pairsOf(node: PipelineNode, property: string): [string, ScriptValue][] {
  const out: [string, ScriptValue][] = []
  for (const p of listOf(node.props[property])) if (Array.isArray(p) && typeof p[0] === 'string') out.push([p[0], p[1]])
  return out
}

const fieldsProp = 'defaultFields'
const tagsProp = 'defaultTags'

export const defaultDef: NodeDef = {
  method: 'default',
  kind: 'default',
  goType: 'DefaultNode',
  doc: 'Sets fields and tags that a point lacks.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    {
      name: 'field',
      doc: 'The value of a field that is absent.',
      form: 'method',
      args: [
        { name: 'name', type: 'string' },
        { name: 'value', type: 'any' },
      ],
      apply: (node, args) => addPair(node, fieldsProp, args),
    },
    {
      name: 'tag',
      doc: 'The value of a tag that is absent or empty.',
      form: 'method',
      args: [
        { name: 'name', type: 'string' },
        { name: 'value', type: 'string' },
      ],
      apply: (node, args) => addPair(node, tagsProp, args),
    },
  ],
  counters: ['fields_defaulted', 'tags_defaulted'],
  validate(node) {
    for (const [name, value] of pairsOf(node, fieldsProp)) {
      if (!['bigint', 'number', 'string', 'boolean'].includes(typeof value)) {
        throw new ShardlineError(
          'default-type',
          `unsupported type ${goTypeOf(value)} for field "${name}", field default values must be float,int,string or bool`,
        )
      }
    }
  },
  effects(node) {
    const tags = pairsOf(node, tagsProp).map((p) => p[0])
    const fields = pairsOf(node, fieldsProp).map((p) => p[0])
    return {
      reads: [...fields, ...tags],
      makesFields: pairsOf(node, fieldsProp).map(([name, value]) => [name, madeType(value)] as const),
      writesTags: tags,
      grouping: node.edge === 'batch' ? batchGrouping(node, tags) : regroupedByTags(node, tags),
    }
  },
}

function batchGrouping(node: PipelineNode, tags: readonly string[]): ReturnType<typeof regroupedByTags> {
  if (tags.length === 0) return undefined
  const { dims, exclude, byName } = incomingGrouping(node)
  return dims === '*' ? { dims, exclude, byName } : { dims: withTags(dims, tags), byName }
}

function withTags(dims: readonly string[], tags: readonly string[]): string[] {
  return [...new Set([...dims, ...tags])].sort()
}

interface Filler {
  readonly name: string
  readonly value: Value
  readonly bytes: Uint8Array
  readonly out: OutColumn
}

export class DefaultOperator extends TagWritingOperator {
  private readonly fields: readonly Filler[]
  private readonly tags: readonly Filler[]
  private readonly cells = new CellReader()

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    const { node } = planned
    super(
      ctx,
      pairsOf(node, tagsProp).map((p) => p[0]),
      'set',
    )
    this.fields = pairsOf(node, fieldsProp).map(fillerOf)
    this.tags = pairsOf(node, tagsProp).map(fillerOf)
  }

  receive(chunk: Chunk): void {
    const out = chunk.derive()
    this.cells.begin()
    let filled = 0
    for (const f of this.fields) filled += fillField(out, f, this.cells.field(chunk, f.name))
    if (filled > 0) this.ctx.stats.add('fields_defaulted', filled)
    filled = 0
    for (const f of this.tags) filled += fillTag(out, f, this.cells.tag(chunk, f.name))
    if (filled > 0) this.ctx.stats.add('tags_defaulted', filled)
    this.emitRows(out)
  }

  protected override batchGroups(): boolean {
    return this.tags.length > 0
  }

  protected override batchDims(dims: readonly string[]): readonly string[] {
    return withTags(
      dims,
      this.tags.map((t) => t.name),
    )
  }

  protected override changeGroupTags(tags: Map<string, string>): void {
    for (const t of this.tags) {
      if ((tags.get(t.name) ?? '') !== '') continue
      tags.set(t.name, String(t.value))
      this.ctx.stats.add('tags_defaulted', 1)
    }
  }
}

function fillerOf([name, v]: [string, ScriptValue]): Filler {
  const value =
    typeof v === 'string' || typeof v === 'bigint' || typeof v === 'number' || typeof v === 'boolean' ? v : ''
  return {
    name,
    value,
    bytes: typeof value === 'string' ? encodeUtf8(value) : new Uint8Array(0),
    out: new OutColumn(name, 256),
  }
}

/** Which cells of the column at hand are to be filled. */
let absent = new Uint8Array(maxChunkRows)

/** Gives `out` a column without absent or null cells; returns how many were filled. */
function fillField(out: Chunk, f: Filler, from: Column | null): number {
  const n = out.n
  if (absent.length < n) absent = new Uint8Array(n)
  let count = n
  if (from === null) absent.fill(1, 0, n)
  else {
    const { kinds } = from
    count = 0
    for (let r = 0; r < n; r++) {
      const kind = kinds[r]
      absent[r] = kind === Kind.Missing || kind === Kind.Null ? 1 : 0
      count += absent[r]
    }
  }
  if (count > 0) out.setField(f.name, filled(n, f, from, count))
  return count
}

function fillTag(out: Chunk, f: Filler, from: Column | null): number {
  const n = out.n
  if (absent.length < n) absent = new Uint8Array(n)
  let count = n
  if (from === null) absent.fill(1, 0, n)
  else {
    const { kinds, i32 } = from
    count = 0
    for (let r = 0; r < n; r++) {
      absent[r] = kinds[r] === Kind.Missing || i32[2 * r + 1] === 0 ? 1 : 0
      count += absent[r]
    }
  }
  if (count > 0) out.setTag(f.name, filled(n, f, from, count))
  return count
}

/** `from` with the value in all `count` absent cells. */
function filled(n: number, f: Filler, from: Column | null, count: number): Column {
  const out = clearedColumn(f.out, n)
  const isText = typeof f.value === 'string'
  const offset = isText ? out.addBytes(f.bytes, 0, f.bytes.length) : 0
  setCell(out, 0, f.value)
  const { column } = out
  const kind = column.kinds[0]
  const lo = isText ? offset : column.i32[0]
  const hi = isText ? f.bytes.length : column.i32[1]
  for (let r = 0; r < n; r++) {
    if (count < n && absent[r] === 0) out.copy(r, from!, r)
    else out.setWords(r, kind, lo, hi)
  }
  return column
}

export const defaultEntry: OperatorEntry = {
  def: defaultDef,
  create: (planned, ctx) => new DefaultOperator(planned, ctx),
}
