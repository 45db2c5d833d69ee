/**
 * `sample`: keeps every n-th row of a group (of a batch), or the rows whose time is a multiple of a duration.
 * Thread: shard worker. State of the count form per group, in pages: counts f64.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { type Span, spanOf, truncate } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages } from '../../state/pages.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { GroupCensus } from '../kit/group-census.js'
import { GroupHold } from '../kit/group-hold.js'
import { RowSelector } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const sampleDef: NodeDef = {
  method: 'sample',
  kind: 'sample',
  goType: 'SampleNode',
  doc: 'Keeps every n-th point, or the points at multiples of a duration.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'rate', type: 'any' }],
  properties: [],
  construct(node, args) {
    const rate = args[0]
    if (typeof rate !== 'bigint' && !(rate instanceof Duration))
      throw new ShardlineError('sample-rate', 'must pass int64 or duration to new sample node', 400)
    node.props.rate = rate
  },
  check(node) {
    const { rate } = node.props
    if (rate === 0n || (rate instanceof Duration && rate.ns === 0n)) {
      throw new ShardlineError('sample-rate', 'invalid sample rate: must be positive integer or duration')
    }
  },
  effects: (node) => ({ reads: [], stateful: typeof node.props.rate === 'bigint' && node.edge !== 'batch' }),
}

export class SampleOperator extends Operator {
  /** Rows per kept row, 0 in the duration form. */
  private readonly every: number
  private readonly span: Span
  private readonly counts: Pages<Float64Array>
  private readonly hold: GroupHold
  private readonly census: GroupCensus
  private kept = new Uint8Array(maxChunkRows)
  private readonly selector = new RowSelector()
  private readonly instant = { ms: 0, sub: 0 }

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { rate } = planned.node.props
    this.every = typeof rate === 'bigint' ? Math.abs(Number(rate)) : 0
    this.span = spanOf(rate instanceof Duration ? rate.ns : 0n)
    this.counts = ctx.state.f64()
    this.hold = new GroupHold(ctx.state)
    this.census = new GroupCensus(ctx)
  }

  receive(chunk: Chunk): void {
    this.census.see(chunk)
    if (this.kept.length < chunk.n) this.kept = new Uint8Array(chunk.n)
    if (this.every === 0) this.atMultiples(chunk)
    else if (chunk.windows === null) this.countRows(chunk)
    else {
      const w = chunk.windows
      for (let i = 0; i < w.n; i++) {
        for (let r = w.starts[i], k = 0; r < w.ends[i]; r++, k++) this.kept[r] = k % this.every === 0 ? 1 : 0
      }
    }
    const rows = this.selector.keep(chunk, this.kept)
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
    if (this.hold.release(grouping, group)) this.counts.set(group, 0)
  }

  override dispose(): void {
    this.counts.release()
    this.hold.dispose()
    this.census.dispose()
  }

  private atMultiples(chunk: Chunk): void {
    const t = this.instant
    for (let r = 0; r < chunk.n; r++) {
      truncate(chunk.ms[r], chunk.sub[r], this.span, t)
      this.kept[r] = t.ms === chunk.ms[r] && t.sub === chunk.sub[r] ? 1 : 0
    }
  }

  private countRows(chunk: Chunk): void {
    const { counts, hold, kept, every } = this
    let refused = 0
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      kept[r] = 0
      if (!counts.ensure(g) || !hold.hold(chunk.grouping, g)) {
        refused++
        continue
      }
      const page = counts.pages[g >> counts.shift]
      const seen = page[g & counts.mask]
      if (seen === 0) kept[r] = 1
      page[g & counts.mask] = seen + 1 >= every ? 0 : seen + 1
    }
    if (refused > 0) this.ctx.dropped('memory', refused)
  }
}

export const sampleEntry: OperatorEntry = { def: sampleDef, create: (planned, ctx) => new SampleOperator(planned, ctx) }
