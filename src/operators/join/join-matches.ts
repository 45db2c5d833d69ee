/**
 * Joining different groupings (join.on; spec nodes 4.15): messages that wait for others of their on-group.
 * Thread: shard worker.
 *
 * A message with more dimensions than `.on()` names is specific, any other a match message. Per on-group both wait in
 * a queue of their own: specific ones for a match, matches for further specific ones. The low mark, the earliest of
 * the parents' latest times, says which of them wait in vain.
 *
 *   on-group   lists i32 ×4: first and last specific + 1, first and last match + 1 · times f64 per parent (subs on
 *              demand)
 *   message    ms f64 · sub i32 (on demand) · i32 ×4: parent, name id, join group and its generation (specific only) ·
 *              clock when it came f64 (with closeAfter)
 */
import type { GroupInfo } from '../../columns/chunk.js'
import { Grouping } from '../../state/grouping.js'
import type { Pages } from '../../state/pages.js'
import type { TimerSet } from '../../state/timer-wheel.js'
import { GroupHold } from '../kit/group-hold.js'
import type { OperatorContext } from '../operator.js'
import type { JoinContent } from './join-content.js'
import type { JoinPlan } from './join-plan.js'
import type { JoinSets } from './join-sets.js'
import { OwnGroups } from './merge-groups.js'
import { SlotPool } from './merge-slots.js'

const never = Number.NEGATIVE_INFINITY

/** Queues of an on-group: places in `lists`. */
const SPECIFIC = 0
const MATCH = 2

const PARENT = 0
const NAME = 1
const GROUP = 2
const GENERATION = 3

/** A message on its way into a join: entry `index` of the bound chunk, or (index -1) one that has waited. Used again and again. */
export interface Arrival {
  parent: number
  /** Its rounded time. */
  ms: number
  sub: number
  name: string
  index: number
  /** -1: it comes from the chunk. */
  message: number
  /** Main's clock when it came. */
  cameMs: number
}

export function noArrival(): Arrival {
  return { parent: 0, ms: 0, sub: 0, name: '', index: -1, message: -1, cameMs: 0 }
}

/** What the matches ask of the join. */
export interface MatchSink {
  /** Takes a message into the sets of a join group. It is valid during the call only. */
  collect(g: number, arrival: Arrival): void
  /** Rows that the budget refused to keep. */
  refused(rows: number): void
  evicted(rows: number): void
}

/** The join that the matches belong to. */
export interface MatchedJoin {
  readonly plan: JoinPlan
  readonly byName: boolean
  readonly content: JoinContent
  readonly sets: JoinSets
  readonly groups: OwnGroups
  /** A message waits for a match so long at most; 0: until the others are past its time. */
  readonly closeAfterMs: number
}

export class JoinMatches {
  readonly groups: OwnGroups
  private readonly hold: GroupHold
  private readonly lists: Pages<Int32Array>
  private readonly times: Pages<Float64Array>
  private readonly timeSubs: Pages<Int32Array>
  private readonly pool: SlotPool
  private readonly ms: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly meta: Pages<Int32Array>
  private readonly came: Pages<Float64Array>
  private readonly closeAfterMs: number
  /** By on-group, for its messages that have waited longest. */
  private readonly timers: TimerSet | null
  private readonly reported: boolean[]
  private allReported = false
  private limit = 0
  private lowMs = never
  private lowSub = 0
  /** The waiting message being handed on. */
  private readonly waited = noArrival()
  private readonly plan: JoinPlan
  private readonly content: JoinContent
  private readonly sets: JoinSets
  private readonly joinGroups: OwnGroups

  constructor(
    ctx: OperatorContext,
    join: MatchedJoin,
    private readonly sink: MatchSink,
  ) {
    const { state } = ctx
    const { plan, content } = join
    this.plan = plan
    this.content = content
    this.sets = join.sets
    this.joinGroups = join.groups
    this.groups = new OwnGroups(ctx, { dims: plan.on, byName: join.byName }, '', true)
    this.hold = new GroupHold(state)
    this.lists = state.i32(4)
    this.times = state.f64(plan.parents)
    this.timeSubs = state.i32(plan.parents)
    this.ms = state.f64()
    this.subs = state.i32()
    this.meta = state.i32(4)
    this.came = state.f64()
    this.closeAfterMs = join.closeAfterMs
    this.timers = join.closeAfterMs > 0 ? ctx.timers((on, nowMs) => this.fire(on, nowMs)) : null
    const always = [this.ms, this.meta, ...content.messageAlways]
    if (this.timers !== null) always.push(this.came)
    const bytes = 28 + content.slotBytes + (this.timers === null ? 0 : 8)
    this.pool = new SlotPool(state, always, [this.subs, ...content.messageOthers], bytes)
    this.reported = new Array<boolean>(plan.parents).fill(false)
  }

  /** An entry of the bound chunk. */
  receive(info: GroupInfo, group: number, arrival: Arrival): void {
    const { index } = arrival
    if (!this.allReported) {
      this.reported[arrival.parent] = true
      this.allReported = this.reported.every((r) => r)
    }
    const on = this.groups.of(info, group)
    if (on < 0 || !this.ready(on)) {
      this.sink.refused(this.content.rowsOf(index))
      return
    }
    this.setTime(on, arrival.parent, arrival.ms, arrival.sub)
    this.findLowMark(on)
    if (this.allReported) this.sendEarly(on)
    if (this.isSpecific(info, group)) this.specific(on, info, group, arrival)
    else this.match(on, arrival)
    if (this.timers !== null) this.arm(on, this.timers)
  }

  /** A delete of a group from a parent: its on-group's queues go, and the parent's low mark. */
  deleteGroup(info: GroupInfo, group: number, parent: number): void {
    if (this.plan.deleteAll) {
      for (let on = 0; on < this.limit; on++) if (this.hold.has(on)) this.clearTimes(on)
    }
    const on = this.groups.find(info, group)
    this.groups.forget(info, group)
    if (on < 0 || !this.hold.has(on)) return
    this.clear(on, SPECIFIC)
    this.clear(on, MATCH)
    this.times.set(on, never, parent)
    let known = false
    for (let p = 0; p < this.plan.parents; p++) known ||= this.times.get(on, p) !== never
    if (known) return
    this.timers?.clear(on)
    this.hold.release(this.groups.grouping, on)
    this.groups.grouping.freeIfUnused(on)
  }

  evictGroup(info: GroupInfo, group: number): void {
    if (info !== this.groups.grouping) this.groups.forget(info, group)
    else if (this.hold.release(info, group)) {
      this.timers?.clear(group)
      this.sink.evicted(this.clear(group, SPECIFIC) + this.clear(group, MATCH))
    }
  }

  /** The task stops: what waits for a match is sent alone. */
  stop(): void {
    for (let on = 0; on < this.limit; on++) {
      if (!this.hold.has(on)) continue
      while (this.first(on, SPECIFIC) >= 0) this.sendFirst(on)
    }
  }

  /** Drops the first messages of the queues whose first ones are the oldest. */
  evict(bytes: number): number {
    let freed = 0
    while (freed < bytes && this.pool.live > 0) {
      const fronts: number[] = []
      this.eachQueue((on, queue) => fronts.push(this.ms.get(this.first(on, queue))))
      if (fronts.length === 0) break
      fronts.sort((a, b) => a - b)
      const cut = fronts[fronts.length >> 2]
      this.eachQueue((on, queue) => {
        if (freed >= bytes || this.ms.get(this.first(on, queue)) > cut) return
        const rows = this.dropFirst(on, queue)
        this.sink.evicted(rows)
        freed += 28 + rows * this.content.rowBytes
      })
    }
    return freed
  }

  dispose(): void {
    this.pool.dispose()
    this.timers?.dispose()
    for (const p of [this.lists, this.times, this.timeSubs]) p.release()
    this.hold.dispose()
    this.groups.dispose()
    this.limit = 0
  }

  /** Whether a group has more dimensions than are joined on. */
  private isSpecific(info: GroupInfo, group: number): boolean {
    const n = info instanceof Grouping && info.dims !== null ? info.dims.length : info.tagNames(group).length
    return n > this.plan.on.length
  }

  private specific(on: number, info: GroupInfo, group: number, arrival: Arrival): void {
    const { ms, sub } = arrival
    const g = this.joinGroups.of(info, group)
    if (g < 0) {
      this.sink.refused(this.content.rowsOf(arrival.index))
      return
    }
    let matched = false
    let old = 0
    let m = this.first(on, MATCH)
    while (m >= 0) {
      if (this.compare(m, ms, sub) === 0) {
        this.sink.collect(g, arrival)
        this.collectMatch(g, m)
        matched = true
      }
      if (!this.isBeforeLow(m)) break
      old++
      m = this.next(m)
    }
    if (this.allReported) for (; old > 0; old--) this.dropFirst(on, MATCH)
    if (matched) return
    if (this.allReported && (ms < this.lowMs || (ms === this.lowMs && sub < this.lowSub))) this.sink.collect(g, arrival)
    else this.enqueue(on, SPECIFIC, arrival, g)
  }

  private match(on: number, arrival: Arrival): void {
    this.enqueue(on, MATCH, arrival, -1)
    for (;;) {
      const s = this.first(on, SPECIFIC)
      if (s < 0 || this.compare(s, arrival.ms, arrival.sub) !== 0) return
      const g = this.sendFirst(on)
      if (g >= 0) this.sink.collect(g, arrival)
    }
  }

  /** Specific messages older than the low mark find no match any more. */
  private sendEarly(on: number): void {
    for (;;) {
      const s = this.first(on, SPECIFIC)
      if (s < 0 || !this.isBeforeLow(s)) return
      this.sendFirst(on)
    }
  }

  /** Hands the first specific message to its join group, which is returned; -1: the group has been evicted. */
  private sendFirst(on: number): number {
    const s = this.first(on, SPECIFIC)
    const g = this.meta.get(s, GROUP)
    const { grouping } = this.joinGroups
    const alive = grouping.isAlive(g) && grouping.generation(g) === this.meta.get(s, GENERATION)
    if (alive) this.collectMatch(g, s)
    const rows = this.dropFirst(on, SPECIFIC)
    if (alive) return g
    this.sink.evicted(rows)
    return -1
  }

  private collectMatch(g: number, message: number): void {
    const { waited } = this
    waited.name = this.sets.table.nameOf(this.meta.get(message, NAME))
    waited.parent = this.meta.get(message, PARENT)
    waited.ms = this.ms.get(message)
    waited.sub = this.subOf(message)
    waited.message = message
    if (this.timers !== null) waited.cameMs = this.came.get(message)
    this.sink.collect(g, waited)
  }

  private enqueue(on: number, queue: number, arrival: Arrival, g: number): void {
    const { parent, ms, sub, name, index } = arrival
    const message = this.pool.take()
    const ok = message >= 0 && (sub === 0 || this.subs.ensure(message)) && this.content.keep(message, parent, index)
    if (!ok) {
      if (message >= 0) this.pool.give(message)
      this.sink.refused(this.content.rowsOf(index))
      return
    }
    this.ms.set(message, ms)
    if (this.subs.has(message)) this.subs.set(message, sub)
    this.meta.set(message, parent, PARENT)
    this.meta.set(message, this.sets.table.take(name), NAME)
    this.meta.set(message, g, GROUP)
    this.meta.set(message, g < 0 ? 0 : this.joinGroups.grouping.generation(g), GENERATION)
    if (this.timers !== null) this.came.set(message, arrival.cameMs)
    this.pool.next.set(message, 0)
    const last = this.lists.get(on, queue + 1) - 1
    if (last < 0) this.lists.set(on, message + 1, queue)
    else this.pool.next.set(last, message + 1)
    this.lists.set(on, message + 1, queue + 1)
  }

  /** The timer of an on-group goes by its first messages: those behind them came later. */
  private arm(on: number, timers: TimerSet): void {
    const s = this.first(on, SPECIFIC)
    const m = this.first(on, MATCH)
    if (s < 0 && m < 0) {
      timers.clear(on)
      return
    }
    const sinceS = s < 0 ? Number.POSITIVE_INFINITY : this.came.get(s)
    const sinceM = m < 0 ? Number.POSITIVE_INFINITY : this.came.get(m)
    timers.set(on, Math.min(sinceS, sinceM) + this.closeAfterMs)
  }

  /** Specific messages that have waited long enough are sent alone; matches that have find no specific one any more. */
  private fire(on: number, nowMs: number): void {
    if (this.timers === null || !this.hold.has(on)) return
    for (let m = this.first(on, MATCH); m >= 0 && this.hasWaited(m, nowMs); m = this.first(on, MATCH)) {
      this.dropFirst(on, MATCH)
    }
    for (let s = this.first(on, SPECIFIC); s >= 0 && this.hasWaited(s, nowMs); s = this.first(on, SPECIFIC)) {
      this.sendFirst(on)
    }
    this.content.flush()
    this.arm(on, this.timers)
  }

  private hasWaited(message: number, nowMs: number): boolean {
    return this.came.get(message) + this.closeAfterMs <= nowMs
  }

  private dropFirst(on: number, queue: number): number {
    const message = this.first(on, queue)
    const next = this.pool.next.get(message)
    this.lists.set(on, next, queue)
    if (next === 0) this.lists.set(on, 0, queue + 1)
    const rows = this.content.drop(message, this.meta.get(message, PARENT))
    this.sets.table.give(this.meta.get(message, NAME))
    this.pool.give(message)
    return rows
  }

  private clear(on: number, queue: number): number {
    let rows = 0
    while (this.first(on, queue) >= 0) rows += this.dropFirst(on, queue)
    return rows
  }

  private eachQueue(visit: (on: number, queue: number) => void): void {
    for (let on = 0; on < this.limit; on++) {
      if (!this.hold.has(on)) continue
      if (this.first(on, SPECIFIC) >= 0) visit(on, SPECIFIC)
      if (this.first(on, MATCH) >= 0) visit(on, MATCH)
    }
  }

  private ready(on: number): boolean {
    if (this.hold.has(on)) return true
    if (!this.lists.ensure(on) || !this.times.ensure(on) || !this.hold.hold(this.groups.grouping, on)) return false
    this.lists.clear(on)
    this.clearTimes(on)
    if (on >= this.limit) this.limit = on + 1
    return true
  }

  private clearTimes(on: number): void {
    for (let p = 0; p < this.plan.parents; p++) this.times.set(on, never, p)
  }

  private setTime(on: number, parent: number, ms: number, sub: number): void {
    this.times.set(on, ms, parent)
    // Refused: the time counts as a little earlier.
    if (sub !== 0 && !this.timeSubs.ensure(on)) return
    if (this.timeSubs.has(on)) this.timeSubs.set(on, sub, parent)
  }

  /** As in the original: a parent that the on-group has not heard of yet counts as the earliest, but for the first ones. */
  private findLowMark(on: number): void {
    this.lowMs = never
    this.lowSub = 0
    if (!this.allReported) return
    for (let p = 0; p < this.plan.parents; p++) {
      const ms = this.times.get(on, p)
      const sub = ms !== never && this.timeSubs.has(on) ? this.timeSubs.get(on, p) : 0
      if (this.lowMs !== never && (ms > this.lowMs || (ms === this.lowMs && sub >= this.lowSub))) continue
      this.lowMs = ms
      this.lowSub = sub
    }
  }

  private isBeforeLow(message: number): boolean {
    return this.compare(message, this.lowMs, this.lowSub) < 0
  }

  private compare(message: number, ms: number, sub: number): number {
    const own = this.ms.get(message)
    if (own !== ms) return own < ms ? -1 : 1
    return this.subOf(message) - sub
  }

  private subOf(message: number): number {
    return this.subs.has(message) ? this.subs.get(message) : 0
  }

  private first(on: number, queue: number): number {
    return this.lists.get(on, queue) - 1
  }

  private next(message: number): number {
    return this.pool.next.get(message) - 1
  }
}
