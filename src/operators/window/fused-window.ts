/**
 * A window whose only readers are count, sum, mean and spread: it keeps panes instead of rows, and its children are fed with
 * merged panes. What is emitted, counted and reported is the same as over rows. Thread: shard worker.
 *
 *   ring      aligned, period > every: panes are slots of gcd(period, every). A row whose slot is beyond the newest pane's
 *             opens a pane, any other (late ones too) goes into the newest. The next cut-off, due − period, is known in
 *             advance: panes below it are dropped at emission, and while no pane is open rows below it are ignored.
 *   one pane  period ≤ every: opened by the first row at or after the cut-off, takes all rows until it is emitted.
 *
 * One subtraction tells whether a row goes into the open pane of its group, and so that nothing is due (see
 * fused-window-records.ts); everything else is `place`.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { modulo, zeroTimeMs } from '../../columns/time.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { aggregateOf } from '../influxql/influxql-defs.js'
import { CellReader } from '../kit/cells.js'
import { closeAfterMs, closedByTime } from '../kit/close-after.js'
import { Operator, type OperatorContext } from '../operator.js'
import { PaneLane } from './fused-window-lane.js'
import { Merged } from './fused-window-merged.js'
import { FusedOutput, fusible } from './fused-window-output.js'
import { headerWords, PaneRecords } from './fused-window-records.js'
import { type PaneShape, shapeOf } from './fusing.js'
import { WindowCloser } from './window-closer.js'
import { windowOptions } from './window-options.js'
import type { WindowSchedule } from './window-schedule.js'

/** Rows whose records are brought near at once: they stay in the second-level cache. */
const blockRows = 512

export interface FusedChild {
  readonly planned: PlannedNode
  readonly ctx: OperatorContext
}

/** The window and, per child, the operator that takes its place. Connect them as if nothing were fused. */
export function createFusedWindow(
  window: PlannedNode,
  ctx: OperatorContext,
  children: readonly FusedChild[],
): { window: Operator; outputs: Operator[] } {
  const { schedule } = windowOptions(window.node)
  const shape = shapeOf(schedule)
  if (shape === null) throw new Error('this window cannot keep panes')
  const outputs = children.map((c) => new FusedOutput(c.planned, c.ctx, aggregateOf(c.planned.node)!))
  return {
    window: new FusedWindow(ctx, { schedule, shape, closeAfterMs: closeAfterMs(window.node, ctx) }, outputs),
    outputs,
  }
}

interface FusedOptions {
  readonly schedule: WindowSchedule
  readonly shape: PaneShape
  readonly closeAfterMs: number
}

interface Space {
  readonly records: PaneRecords
  readonly lanes: readonly PaneLane[]
  /** Groups that have emitted. */
  emitted: number
  closer: WindowCloser | null
}

class FusedWindow extends Operator {
  private readonly spaces = new Map<GroupInfo, Space>()
  private space: Space | null = null
  private readonly reader = new CellReader()
  private readonly merged: Merged[]
  /** Per lane its field and the outputs that read it. */
  private readonly fields: readonly { name: string; outputs: FusedOutput[] }[]
  private batches = 0
  private cardinality = 0
  /** A row goes into the open pane if its distance from `newest` is in [low, high). */
  private readonly low: number
  private readonly high: number
  /** Milliseconds from the start of some slot to the Unix epoch. */
  private readonly originMs: number
  /** The slot that `slotPane` was computed for last. */
  private slot = Number.NaN
  private slotPane = 0
  private readonly schedule: WindowSchedule
  private readonly shape: PaneShape

  constructor(
    ctx: OperatorContext,
    private readonly options: FusedOptions,
    private readonly outputs: readonly FusedOutput[],
  ) {
    super(ctx)
    const { schedule, shape } = options
    this.schedule = schedule
    this.shape = shape
    const fields: { name: string; outputs: FusedOutput[] }[] = []
    for (const o of outputs) {
      const known = fields.find((f) => f.name === o.field)
      if (known === undefined) fields.push({ name: o.field, outputs: [o] })
      else known.outputs.push(o)
      o.knows = (grouping, group) => this.spaces.get(grouping)?.records.hasEmitted(group) ?? false
    }
    this.fields = fields
    this.merged = fields.map(() => new Merged())
    this.low = shape.slotMs === 0 ? Number.NEGATIVE_INFINITY : 0
    this.high = shape.slotMs
    this.originMs = zeroTimeMs - schedule.offset.ms
  }

  receive(chunk: Chunk): void {
    const space = this.spaceOf(chunk.grouping)
    this.reader.begin()
    for (const lane of space.lanes) lane.source = this.reader.field(chunk, lane.field)
    for (let from = 0; from < chunk.n; from += blockRows) {
      const to = Math.min(chunk.n, from + blockRows)
      this.touch(space, chunk, from, to)
      this.addRows(space, chunk, from, to)
    }
    this.flush()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    const space = this.spaceOf(grouping)
    const known = space.records.load(group) || this.create(space, group, 'barrier', ms, sub)
    if (known) {
      if (space.records.isDueAt(ms, sub)) this.emitByMessage(space, group, ms, sub)
      space.closer?.see(group, this.ctx.now() - ms)
    }
    this.flush()
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    const space = this.spaces.get(grouping)
    if (space === undefined || !space.records.has(group)) return
    // The outputs ask whether they know the group, so they hear of it first.
    this.emitDelete(grouping, group)
    this.forget(space, group)
    this.flush()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const space = this.spaces.get(grouping)
    if (space === undefined || !space.records.has(group)) return
    if (space.records.isOpen(group)) this.ctx.stats.add('evicted_windows', 1)
    this.forget(space, group)
    this.flush()
  }

  override dispose(): void {
    for (const { records, lanes, closer } of this.spaces.values()) {
      records.release()
      for (const lane of lanes) lane.dispose()
      closer?.dispose()
    }
    this.spaces.clear()
    this.space = null
  }

  private touch(space: Space, chunk: Chunk, from: number, to: number): void {
    const { slotMs } = this.shape
    const ms = chunk.ms[from]
    // Most rows of a chunk are of about the same time, and so go to about the same place.
    const pane = slotMs === 0 ? 0 : this.paneOf(ms - modulo(ms + this.originMs, slotMs))
    const word = pane * space.lanes[0].paneWords
    space.records.touch(chunk, from, to, slotMs, word)
  }

  private addRows(space: Space, chunk: Chunk, from: number, to: number): void {
    const { lanes, records, closer } = space
    const { groups, ms } = chunk
    const { low, high } = this
    const now = this.ctx.now()
    const { pages, shift, mask } = records.f64
    const stride = records.stride >> 1
    const single = lanes.length === 1 ? lanes[0] : null
    for (let r = from; r < to; r++) {
      const g = groups[r]
      const page = pages[g >> shift]
      const start = page === undefined ? Number.NaN : page[(g & mask) * stride]
      const distance = ms[r] - start
      const pane =
        distance >= low && distance < high
          ? start === this.slot
            ? this.slotPane
            : this.paneOf(start)
          : this.place(space, chunk, r, g)
      if (pane >= 0) {
        if (single !== null) {
          if (!single.add(pane, g, r)) this.ctx.dropped('memory', 1)
        } else this.addToAll(lanes, pane, g, r)
      } else if (closer === null || !records.has(g)) continue
      closer?.see(g, now - ms[r])
    }
  }

  private addToAll(lanes: readonly PaneLane[], pane: number, group: number, row: number): void {
    let ok = true
    for (const lane of lanes) ok = lane.add(pane, group, row) && ok
    if (!ok) this.ctx.dropped('memory', 1)
  }

  /** Position of the pane of a slot. */
  private paneOf(slot: number): number {
    const { slotMs, panes } = this.shape
    if (slotMs === 0) return 0
    this.slot = slot
    this.slotPane = modulo((slot + this.originMs) / slotMs, panes)
    return this.slotPane
  }

  /** The pane of a row that is not simply in the open one: creates the group, emits, opens a pane. −1: the row is not kept. */
  private place(space: Space, chunk: Chunk, row: number, group: number): number {
    const ms = chunk.ms[row]
    const sub = chunk.sub[row]
    const { records } = space
    if (!records.load(group)) {
      if (!this.create(space, group, chunk.name, ms, sub)) {
        this.ctx.dropped('memory', 1)
        return -1
      }
    } else if (records.isDueAt(ms, sub)) this.emitByMessage(space, group, ms, sub)
    const { slotMs } = this.shape
    if (records.isOpenNow) {
      if (slotMs === 0) return 0
      const pane = this.paneOf(records.newest)
      if (ms < records.newest + slotMs) return pane
      for (const lane of space.lanes) lane.shelve(pane, group)
    } else {
      this.schedule.start(records.dueMs, records.dueSub)
      if (ms < this.schedule.ms || (ms === this.schedule.ms && sub < this.schedule.sub)) return -1
    }
    const slot = slotMs === 0 ? records.dueMs : ms - modulo(ms + this.originMs, slotMs)
    records.open(group, slot, records.dueMs)
    return this.paneOf(slot)
  }

  private emitByMessage(space: Space, group: number, ms: number, sub: number): void {
    this.emitGroup(space, group, ms, sub)
    space.closer?.restart(group)
  }

  /** The window of a group ends without a message: as if a barrier came at its due time, but an empty one is not emitted. */
  private closeDue(space: Space, group: number): boolean {
    const { records } = space
    if (!records.load(group) || !records.isOpenNow) return false
    this.ctx.stats.add(closedByTime, 1)
    this.emitGroup(space, group, records.dueMs, records.dueSub)
    this.flush()
    return records.isOpenNow
  }

  /** Emits the group loaded; (ms, sub) is the instant that causes it. */
  private emitGroup(space: Space, group: number, ms: number, sub: number): void {
    const { records, lanes } = space
    const { schedule } = this
    const first = this.paneOf(records.dueMs - schedule.period.ms)
    const name = records.nameOf(group)
    for (let i = 0; i < lanes.length; i++) {
      const merged = this.merged[i]
      merged.ms = records.dueMs
      merged.sub = records.dueSub
      lanes[i].merge(group, first, merged)
      for (const o of this.fields[i].outputs) o.reduce(merged, name, records.grouping, group)
    }
    this.batches++
    if (records.markEmitted(group)) space.emitted++
    schedule.after(ms, sub)
    this.dropExpired(space, group, first)
  }

  /** Drops the panes below the next cut-off, from position `first` on; the schedule has the next due time. */
  private dropExpired(space: Space, group: number, first: number): void {
    const { records, lanes } = space
    const { schedule } = this
    const { slotMs, panes } = this.shape
    if (!records.isOpenNow || slotMs === 0 || records.newest < schedule.ms - schedule.period.ms) {
      if (records.isOpenNow) for (const lane of lanes) lane.clear(group)
      if (!records.close(group, schedule.ms, schedule.sub)) this.ctx.stats.add('evicted_windows', 1)
      return
    }
    const count = Math.min(panes, (schedule.ms - records.dueMs) / slotMs)
    for (const lane of lanes) lane.drop(first, count, group)
    records.open(group, records.newest, schedule.ms)
  }

  private create(space: Space, group: number, name: string, ms: number, sub: number): boolean {
    if (space.closer?.open(group) === false) return false
    this.schedule.first(ms, sub)
    return space.records.add(group, name, this.schedule.ms, this.schedule.sub)
  }

  private closerOf(space: Space): WindowCloser {
    const { records } = space
    return new WindowCloser(this.ctx, this.options.closeAfterMs, {
      dueOf: (group) => (records.load(group) ? records.dueMs + (records.dueSub > 0 ? 1 : 0) : Number.POSITIVE_INFINITY),
      close: (group) => this.closeDue(space, group),
    })
  }

  private forget(space: Space, group: number): void {
    if (space.records.hasEmitted(group)) space.emitted--
    space.records.remove(group)
    space.closer?.forget(group)
    for (const lane of space.lanes) lane.clear(group)
    // Nobody is left: the pages go back at once. Otherwise ids are used again, and with them the cells.
    if (space.records.size > 0) return
    space.records.release()
    for (const lane of space.lanes) lane.dispose()
  }

  private flush(): void {
    if (this.batches > 0) {
      for (const e of this.edges) e.count(this.batches)
      this.batches = 0
    }
    let known = 0
    let emitted = 0
    for (const s of this.spaces.values()) {
      known += s.records.size
      emitted += s.emitted
    }
    for (const o of this.outputs) o.flush(emitted)
    if (known === this.cardinality) return
    this.cardinality = known
    this.ctx.stats.set('working_cardinality', known)
  }

  private spaceOf(grouping: GroupInfo): Space {
    if (this.space !== null && this.space.records.grouping === grouping) return this.space
    let space = this.spaces.get(grouping)
    if (space === undefined) {
      const { state } = this.ctx
      const lanes: PaneLane[] = []
      let words = headerWords
      let shelfWords = 0
      for (const { name, outputs } of this.fields) {
        const needs = outputs.map((o) => fusible[o.method])
        const lane = new PaneLane(state, {
          field: name,
          panes: this.shape.panes,
          withSums: needs.some((k) => k.sums),
          withRange: needs.some((k) => k.range),
          base: words,
          shelfBase: shelfWords,
        })
        words = lane.end
        shelfWords = lane.shelfEnd
        lanes.push(lane)
      }
      const records = new PaneRecords(state, grouping, this.shape.slotMs, words, shelfWords)
      for (const lane of lanes) lane.records = records
      space = { records, lanes, emitted: 0, closer: null }
      if (this.options.closeAfterMs > 0) space.closer = this.closerOf(space)
      this.spaces.set(grouping, space)
    }
    this.space = space
    return space
  }
}
