/**
 * `changeDetect`: passes a row on when one of the listed fields differs, in type or value, from the last row passed on.
 * Thread: shard worker.
 *
 * State per group, in pages, of the last row passed on: per listed field i32 ×3, kind and the two payload words. A string's
 * words are a ref into the byte heap and its length. In a batch the last row passed on is a row of the same chunk.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { ByteHeap } from '../../state/byte-heap.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { CellReader } from '../kit/cells.js'
import { stringsOf } from '../kit/dimensions.js'
import { GroupKeepingOperator } from '../kit/group-keeping.js'
import { RowSelector } from '../kit/select-rows.js'
import { GroupNames } from '../kit/window-groups.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

/** Words of a cell. */
const KIND = 0
const LO = 1
const HI = 2
const words = 3

export const changeDetectDef: NodeDef = {
  method: 'changeDetect',
  kind: 'changeDetect',
  goType: 'ChangeDetectNode',
  doc: 'Passes a point on when one of the fields differs, in type or value, from the last point passed on.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'fields', type: 'string', variadic: true }],
  properties: [],
  construct(node, args) {
    node.props.fields = args
  },
  effects: (node) => ({
    reads: stringsOf(node.props.fields),
    needsFields: stringsOf(node.props.fields),
    stateful: node.edge !== 'batch',
  }),
}

class EmittedCells extends GroupNames {
  private readonly cells: Pages<Int32Array>
  private readonly heap: ByteHeap

  constructor(
    state: StateAllocator,
    grouping: GroupInfo,
    private readonly fields: number,
  ) {
    super(state, grouping)
    this.cells = state.i32(words * Math.max(1, fields))
    this.heap = new ByteHeap(state)
  }

  override add(group: number, name: string): boolean {
    return this.cells.ensure(group) && super.add(group, name)
  }

  override remove(group: number): void {
    super.remove(group)
    for (let k = 0; k < this.fields; k++) this.clear(group, k)
  }

  /** Whether cell `r` differs from the one kept in place k of the group. */
  differs(group: number, k: number, column: Column, r: number): boolean {
    const { cells } = this
    const page = cells.pages[group >> cells.shift]
    const o = (group & cells.mask) * cells.stride + words * k
    const kind = column.kinds[r]
    // Null is present, yet equals an absent field.
    if (kind === Kind.Null) return page[o + KIND] !== Kind.Missing
    if (page[o + KIND] !== kind) return true
    const lo = column.i32[2 * r]
    const hi = column.i32[2 * r + 1]
    switch (kind) {
      case Kind.Float:
        return !sameFloat(lo, hi, page[o + LO], page[o + HI])
      case Kind.String: {
        if (page[o + HI] !== hi) return true
        const bytes = this.heap.pageOf(page[o + LO])
        return !sameBytes(column.bytes, lo, bytes, this.heap.offsetOf(page[o + LO]), hi)
      }
      case Kind.Bool:
        return page[o + LO] !== lo
      default:
        return page[o + LO] !== lo || page[o + HI] !== hi
    }
  }

  /** Keeps the row's cells. A string that the budget refuses looks like a change to the next row: rather one row too many. */
  keep(group: number, columns: readonly (Column | null)[], r: number): void {
    const { cells } = this
    for (let k = 0; k < columns.length; k++) {
      const column = columns[k]
      this.clear(group, k)
      const kind = column === null ? Kind.Missing : column.kinds[r]
      if (column === null || !isPresent(kind)) continue
      const page = cells.pages[group >> cells.shift]
      const o = (group & cells.mask) * cells.stride + words * k
      const length = column.i32[2 * r + 1]
      let word = column.i32[2 * r]
      if (kind === Kind.String) {
        word = this.heap.put(column.bytes, word, length)
        if (word === 0) continue
      }
      page[o + KIND] = kind
      page[o + LO] = word
      page[o + HI] = length
    }
  }

  override dispose(): void {
    super.dispose()
    this.cells.release()
    this.heap.release()
  }

  private clear(group: number, k: number): void {
    const { cells } = this
    const page = cells.pages[group >> cells.shift]
    const o = (group & cells.mask) * cells.stride + words * k
    if (page[o + KIND] === Kind.String) this.heap.free(page[o + LO], page[o + HI])
    page[o + KIND] = Kind.Missing
  }
}

class ChangeDetectOperator extends GroupKeepingOperator<EmittedCells> {
  private readonly fields: readonly string[]
  private readonly columns: (Column | null)[] = []
  private readonly missing: Int32Array
  private kept = new Uint8Array(maxChunkRows)
  private readonly cells = new CellReader()
  private readonly selector = new RowSelector()
  /** Rows that had none of the fields. */
  private bare = 0

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    this.fields = stringsOf(planned.node.props.fields)
    this.missing = new Int32Array(this.fields.length)
  }

  receive(chunk: Chunk): void {
    if (this.kept.length < chunk.n) this.kept = new Uint8Array(chunk.n)
    this.cells.begin()
    this.columns.length = 0
    for (const name of this.fields) this.columns.push(this.cells.field(chunk, name))
    this.missing.fill(0)
    this.bare = 0
    const space = this.spaceOf(chunk.grouping)
    if (chunk.windows === null) this.streamRows(chunk, space)
    else {
      const w = chunk.windows
      for (let i = 0; i < w.n; i++) {
        if (!space.has(w.groups[i])) space.add(w.groups[i], chunk.name)
        this.batchRows(w.starts[i], w.ends[i])
      }
    }
    this.showCardinality()
    this.report()
    const rows = this.selector.keep(chunk, this.kept)
    if (rows !== null) this.emit(rows)
  }

  protected makeSpace(grouping: GroupInfo): EmittedCells {
    return new EmittedCells(this.ctx.state, grouping, this.fields.length)
  }

  private streamRows(chunk: Chunk, space: EmittedCells): void {
    const { columns, kept, missing } = this
    let refused = 0
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      kept[r] = 0
      if (!space.has(g) && !space.add(g, chunk.name)) {
        refused++
        continue
      }
      let present = columns.length === 0
      for (let k = 0; k < columns.length; k++) {
        const column = columns[k]
        const kind = column === null ? Kind.Missing : column.kinds[r]
        if (column === null || kind === Kind.Missing) {
          missing[k]++
          continue
        }
        present = true
        if (!space.differs(g, k, column, r)) continue
        kept[r] = 1
        break
      }
      if (!present) this.bare++
      if (kept[r] === 1) space.keep(g, columns, r)
    }
    if (refused > 0) this.ctx.dropped('memory', refused)
  }

  private batchRows(from: number, to: number): void {
    const { columns, kept, missing } = this
    let last = -1
    for (let r = from; r < to; r++) {
      kept[r] = 0
      let present = columns.length === 0
      for (let k = 0; k < columns.length; k++) {
        const column = columns[k]
        if (column === null || column.kinds[r] === Kind.Missing) {
          missing[k]++
          continue
        }
        present = true
        if (last < 0 ? column.kinds[r] === Kind.Null : sameCells(column, last, r)) continue
        kept[r] = 1
        break
      }
      if (!present) this.bare++
      if (kept[r] === 1) last = r
    }
  }

  private report(): void {
    for (let k = 0; k < this.fields.length; k++) {
      const n = this.missing[k]
      if (n === 0) continue
      const field = this.fields[k]
      this.ctx.error('Invalid field in change detect', `expected field ${field} not found`, n, { field })
    }
    if (this.bare > 0) this.ctx.dropped('error', this.bare)
  }
}

const pair = new Float64Array(2)
const pairWords = new Int32Array(pair.buffer)

/** NaN differs from everything; 0 and −0 are equal. */
function sameFloat(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  pairWords[0] = aLo
  pairWords[1] = aHi
  pairWords[2] = bLo
  pairWords[3] = bHi
  return pair[0] === pair[1]
}

function sameBytes(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number, n: number): boolean {
  for (let i = 0; i < n; i++) if (a[aOffset + i] !== b[bOffset + i]) return false
  return true
}

function isPresent(kind: number): boolean {
  return kind !== Kind.Missing && kind !== Kind.Null
}

/** Cells a and b of one column; b is not Missing. Missing equals Null. */
function sameCells(column: Column, a: number, b: number): boolean {
  const { kinds, i32, f64, bytes } = column
  if (!isPresent(kinds[b])) return !isPresent(kinds[a])
  if (kinds[a] !== kinds[b]) return false
  if (kinds[b] === Kind.Float) return f64[a] === f64[b]
  if (kinds[b] === Kind.String)
    return i32[2 * a + 1] === i32[2 * b + 1] && sameBytes(bytes, i32[2 * a], bytes, i32[2 * b], i32[2 * b + 1])
  return i32[2 * a] === i32[2 * b] && (kinds[b] === Kind.Bool || i32[2 * a + 1] === i32[2 * b + 1])
}

export const changeDetectEntry: OperatorEntry = {
  def: changeDetectDef,
  create: (planned, ctx) => new ChangeDetectOperator(planned, ctx),
}
