/**
 * `derivative`: the rate of change of a field between consecutive rows of a group, or of a batch. Thread: shard worker.
 *
 * State per group, in pages: stored f64 ×3 (value, ms, sub of the stored row); a held group has a stored row.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import { type Column, int64ToNumber } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration } from '../../columns/values.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages } from '../../state/pages.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { CellReader, clearedColumn } from '../kit/cells.js'
import { GroupCensus } from '../kit/group-census.js'
import { GroupHold } from '../kit/group-hold.js'
import { RowSelector } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

/** Words of a record. */
const VALUE = 0
const MS = 1
const SUB = 2
const words = 3

export const derivativeDef: NodeDef = {
  method: 'derivative',
  kind: 'derivative',
  goType: 'DerivativeNode',
  doc: 'The rate of change of a field between consecutive points, per unit of time.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'field', type: 'string' }],
  properties: [
    {
      name: 'as',
      doc: 'Name of the result. Default: the field itself.',
      form: 'field',
      args: [{ name: 'as', type: 'string' }],
      default: null,
    },
    {
      name: 'unit',
      doc: 'The time that the rate is per.',
      form: 'field',
      args: [{ name: 'unit', type: 'duration' }],
      default: new Duration(1_000_000_000n),
    },
    {
      name: 'nonNegative',
      doc: 'Leave out results of values that fall. A point of an earlier time than the one before it can still give a negative rate.',
      form: 'flag',
      args: [],
      default: false,
    },
    {
      name: 'dropLate',
      doc: 'Drops points that are older than the newest one of their group or batch: with `.nonNegative()` no rate is negative then.',
      form: 'flag',
      args: [],
      default: false,
    },
  ],
  construct(node, args) {
    node.props.field = args[0]
  },
  effects: (node) => ({
    reads: [text(node, 'field')],
    needsFields: [text(node, 'field')],
    makesFields: [[text(node, 'as') || text(node, 'field'), 'float']],
    stateful: true,
  }),
}

function text(node: PipelineNode, name: string): string {
  const v = node.props[name]
  return typeof v === 'string' ? v : ''
}

/** Kinds of a refused field, as the log prints their Go types. */
const goTypes = ['<nil>', 'int64', 'float64', 'string', 'bool', 'time.Duration', 'time.Time', '<nil>']

export class DerivativeOperator extends Operator {
  private readonly field: string
  private readonly as: string
  private readonly unitNs: number
  private readonly nonNegative: boolean
  private readonly dropLate: boolean
  private readonly stored: Pages<Float64Array>
  private readonly hold: GroupHold
  private readonly census: GroupCensus
  private readonly out = new OutColumn('', 256)
  private kept = new Uint8Array(maxChunkRows)
  private readonly cells = new CellReader()
  private readonly selector = new RowSelector()
  private zeroElapsed = 0
  private late = 0
  /** The stored row of the batch at hand. */
  private readonly last = { value: 0, ms: 0, sub: 0 }

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { node } = planned
    this.field = text(node, 'field')
    this.as = text(node, 'as') || this.field
    this.unitNs = node.props.unit instanceof Duration ? Number(node.props.unit.ns) : 1e9
    this.nonNegative = node.props.nonNegative === true
    this.dropLate = node.props.dropLate === true
    this.stored = ctx.state.f64(words)
    this.hold = new GroupHold(ctx.state)
    this.census = new GroupCensus(ctx)
  }

  receive(chunk: Chunk): void {
    const n = chunk.n
    this.census.see(chunk)
    if (this.kept.length < n) this.kept = new Uint8Array(n)
    const out = clearedColumn(this.out, n).column
    this.cells.begin()
    const column = this.cells.field(chunk, this.field)
    this.zeroElapsed = 0
    this.late = 0
    const bad = this.countWrongKinds(column, n)
    if (chunk.windows === null) this.streamRows(chunk, column, out)
    else {
      const w = chunk.windows
      for (let i = 0; i < w.n; i++) this.batchRows(chunk, column, out, w.starts[i], w.ends[i])
    }
    if (this.zeroElapsed > 0) this.ctx.error('cannot perform derivative', 'elaspsed time was 0', this.zeroElapsed)
    if (bad + this.zeroElapsed > 0) this.ctx.dropped('error', bad + this.zeroElapsed)
    if (this.late > 0) this.ctx.dropped('late', this.late)
    const result = chunk.derive()
    result.setField(this.as, out)
    const rows = this.selector.keep(result, this.kept)
    if (rows !== null) this.emit(rows)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    this.census.seeOne(grouping, group)
    this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.evictGroup(grouping, group)
    this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.census.forget(grouping, group)
    this.hold.release(grouping, group)
  }

  override dispose(): void {
    this.stored.release()
    this.hold.dispose()
    this.census.dispose()
  }

  /** One error per kind of refused cell; the rows themselves are skipped later. */
  private countWrongKinds(column: Column | null, n: number): number {
    if (column === null) {
      this.ctx.error('cannot perform derivative', 'field is the wrong type', n, { type: '<nil>' })
      return n
    }
    const { kinds } = column
    let bad = 0
    let first = 0
    for (let r = 0; r < n; r++) {
      if (kinds[r] === Kind.Int || kinds[r] === Kind.Float) continue
      if (bad++ === 0) first = kinds[r]
    }
    if (bad > 0) this.ctx.error('cannot perform derivative', 'field is the wrong type', bad, { type: goTypes[first] })
    return bad
  }

  private streamRows(chunk: Chunk, column: Column | null, out: Column): void {
    const { kept, hold, stored, last } = this
    let refused = 0
    for (let r = 0; r < chunk.n; r++) {
      kept[r] = 0
      if (column === null || !isNumber(column.kinds[r])) continue
      const g = chunk.groups[r]
      const known = hold.has(g)
      if (!known && !(stored.ensure(g) && hold.hold(chunk.grouping, g))) {
        refused++
        continue
      }
      const page = stored.pages[g >> stored.shift]
      const o = (g & stored.mask) * words
      if (known) {
        last.value = page[o + VALUE]
        last.ms = page[o + MS]
        last.sub = page[o + SUB]
        if (this.dropLate && this.isLate(chunk, r)) continue
        kept[r] = this.step(chunk, r, column, out)
      }
      page[o + VALUE] = numberAt(column, r)
      page[o + MS] = chunk.ms[r]
      page[o + SUB] = chunk.sub[r]
    }
    if (refused > 0) this.ctx.dropped('memory', refused)
  }

  private batchRows(chunk: Chunk, column: Column | null, out: Column, start: number, end: number): void {
    const { kept, last } = this
    let known = false
    for (let r = start; r < end; r++) {
      kept[r] = 0
      if (column === null || !isNumber(column.kinds[r])) continue
      if (known) {
        if (this.dropLate && this.isLate(chunk, r)) continue
        kept[r] = this.step(chunk, r, column, out)
      }
      last.value = numberAt(column, r)
      last.ms = chunk.ms[r]
      last.sub = chunk.sub[r]
      known = true
    }
  }

  /** Whether row r is older than `last`; counts it. */
  private isLate(chunk: Chunk, r: number): boolean {
    const { last } = this
    if (chunk.ms[r] > last.ms || (chunk.ms[r] === last.ms && chunk.sub[r] >= last.sub)) return false
    this.late++
    return true
  }

  /** Writes the rate from `last` to row r; 1 when it is to be emitted. */
  private step(chunk: Chunk, r: number, column: Column, out: Column): number {
    const { last } = this
    const elapsedMs = chunk.ms[r] - last.ms
    const elapsedSub = chunk.sub[r] - last.sub
    if (elapsedMs === 0 && elapsedSub === 0) {
      this.zeroElapsed++
      return 0
    }
    const difference = numberAt(column, r) - last.value
    if (this.nonNegative && difference < 0) return 0
    // Beyond 2^53 ns the sum of the parts would be rounded twice.
    const elapsedNs =
      Math.abs(elapsedMs) < 9e9
        ? elapsedMs * 1e6 + elapsedSub
        : Number(BigInt(elapsedMs) * 1_000_000n + BigInt(elapsedSub))
    out.kinds[r] = Kind.Float
    out.f64[r] = difference / (elapsedNs / this.unitNs)
    return 1
  }
}

function isNumber(kind: number): boolean {
  return kind === Kind.Int || kind === Kind.Float
}

function numberAt(column: Column, r: number): number {
  return column.kinds[r] === Kind.Float ? column.f64[r] : int64ToNumber(column.i32, r)
}

export const derivativeEntry: OperatorEntry = {
  def: derivativeDef,
  create: (planned, ctx) => new DerivativeOperator(planned, ctx),
}
