/**
 * One timer wheel per shard. It is advanced by main's clock stamps only, so a timer never overtakes an earlier accepted
 * point. Thread: shard worker.
 *
 * Time passes in ticks of `tickMs`; within a tick the timers of a set fire in order of (due time, group), and while one
 * fires `nowMs` is its due time, so a long step of the clock looks like the ticks it is made of. Sets take turns tick by
 * tick; a step of more than `longStepTicks` is taken set by set.
 *
 * A TimerSet belongs to one operator and holds at most one timer per group, in paged columns:
 *   dues   f64  due time, ms since the epoch; NaN = not set (0 in memory never touched: see `linked`)
 *   nexts / prevs  i32  links of the bucket's doubly linked list (group + 1; 0 = none; prevs < 0: −bucket − 1 at its head)
 * Buckets are per set: `bucketCount` of them. A timer further away than one turn stays in its bucket and is looked at once
 * a turn. Moving a timer later only writes `dues`: it is linked anew when its bucket comes up.
 */
import type { Extent, Pages, StateAllocator } from './pages.js'

export const tickMs = 50
const bucketCount = 2048
const longStepTicks = 200_000
const maxRounds = 256

export class TimerWheel {
  private sets: TimerSet[] = []
  private tick = 0
  private added = 0
  /** Set whose turn it is in the current tick, and the time that is advanced to; nothing is due outside of `advance`. */
  private turn = 0
  private targetMs = Number.NEGATIVE_INFINITY
  nowMs = 0

  add(state: StateAllocator, onTimer: (group: number, nowMs: number) => void): TimerSet {
    const set = new TimerSet(this, state, onTimer, ++this.added)
    this.sets = [...this.sets, set]
    return set
  }

  remove(set: TimerSet): void {
    this.sets = this.sets.filter((s) => s !== set)
  }

  /** Fires every timer due at or before `nowMs`. A clock that goes back is ignored. */
  advance(nowMs: number): void {
    if (nowMs <= this.nowMs) return
    const to = Math.floor(nowMs / tickMs)
    let any = false
    for (const set of this.sets) any ||= set.size > 0
    if (any && to - this.tick <= longStepTicks) {
      this.targetMs = nowMs
      for (let t = this.tick; t <= to; t++) {
        this.tick = t
        for (const set of this.sets) {
          this.turn = set.order
          if (set.size > 0) set.fireTick(t, nowMs)
        }
      }
      this.targetMs = Number.NEGATIVE_INFINITY
    } else if (any) {
      this.tick = to
      for (const set of this.sets) if (set.size > 0) set.fireAll(nowMs)
    }
    this.tick = to
    this.nowMs = nowMs
  }

  /** The tick at which a set next looks for a timer that is due: not before the one being processed, nor in one that is past. */
  tickFor(order: number, dueMs: number): number {
    const due = Math.floor(dueMs / tickMs)
    if (due > this.tick) return due
    return order < this.turn && dueMs <= this.targetMs ? this.tick + 1 : this.tick
  }

  /** While a timer fires, the clock shows its due time. */
  fireAt(dueMs: number): void {
    if (dueMs > this.nowMs) this.nowMs = dueMs
  }
}

export class TimerSet {
  private readonly dues: Pages<Float64Array>
  private readonly nexts: Pages<Int32Array>
  private readonly prevs: Pages<Int32Array>
  private heads: Int32Array | null = null
  private headsExtent: Extent | null = null
  size = 0

  constructor(
    private readonly wheel: TimerWheel,
    private readonly state: StateAllocator,
    private readonly onTimer: (group: number, nowMs: number) => void,
    /** Sets take turns in this order. */
    readonly order: number,
  ) {
    this.dues = state.f64()
    this.nexts = state.i32()
    this.prevs = state.i32()
  }

  /** Sets (or moves) the timer of a group. False: the budget refused. */
  set(group: number, dueMs: number): boolean {
    if (!this.dues.ensure(group) || !this.nexts.ensure(group) || !this.prevs.ensure(group)) return false
    if (this.heads === null && !this.takeHeads()) return false
    if (this.prevs.get(group) !== 0) {
      // Linked at its old due time or earlier, so the bucket comes up before the new one.
      if (dueMs >= this.dues.get(group)) {
        this.dues.set(group, dueMs)
        return true
      }
      this.unlink(group)
    }
    this.dues.set(group, dueMs)
    this.link(group)
    return true
  }

  clear(group: number): void {
    if (!this.prevs.has(group) || this.prevs.get(group) === 0) return
    this.unlink(group)
  }

  /** Due time of a group's timer, 0 when it has none. */
  dueOf(group: number): number {
    return this.prevs.has(group) && this.prevs.get(group) !== 0 ? this.dues.get(group) : 0
  }

  /** Fires the timers of one tick that are due at or before `nowMs`. For the wheel. */
  fireTick(tick: number, nowMs: number): void {
    const b = tick & (bucketCount - 1)
    // A callback may set a timer that is due in this very tick: look again until none is, or it never ends.
    for (let round = 0; round < maxRounds; round++) {
      const due: number[] = []
      let g = this.heads![b]
      while (g !== 0) {
        const group = g - 1
        g = this.nexts.get(group)
        const at = this.dues.get(group)
        if (at <= nowMs && Math.floor(at / tickMs) <= tick) due.push(group)
        else if (Math.floor(at / tickMs) > tick && (Math.floor(at / tickMs) & (bucketCount - 1)) !== b) {
          this.unlink(group)
          this.link(group)
        }
      }
      if (due.length === 0) return
      this.fire(due, nowMs)
      if (this.size === 0) return
    }
  }

  /** Fires every timer due at or before `nowMs`, whatever its bucket; one round. For the wheel. */
  fireAll(nowMs: number): void {
    const due: number[] = []
    const later: number[] = []
    for (let b = 0; b < bucketCount; b++) {
      for (let g = this.heads![b]; g !== 0; g = this.nexts.get(g - 1))
        if (this.dues.get(g - 1) <= nowMs) due.push(g - 1)
        else later.push(g - 1)
    }
    // A timer that was moved later is still linked where it was, which the step has passed.
    for (const group of later) {
      this.unlink(group)
      this.link(group)
    }
    this.fire(due, nowMs)
  }

  dispose(): void {
    this.dues.release()
    this.nexts.release()
    this.prevs.release()
    if (this.headsExtent !== null) this.state.give(this.headsExtent)
    this.headsExtent = null
    this.heads = null
    this.size = 0
    this.wheel.remove(this)
  }

  private fire(due: number[], nowMs: number): void {
    if (due.length > 1) due.sort((a, b) => this.dues.get(a) - this.dues.get(b) || a - b)
    // Callbacks may clear or move timers of this set, or dispose of it.
    for (const group of due) {
      if (this.heads === null) return
      if (this.prevs.get(group) === 0) continue
      const at = this.dues.get(group)
      if (at > nowMs) continue
      this.unlink(group)
      this.wheel.fireAt(at)
      this.onTimer(group, this.wheel.nowMs)
    }
  }

  private takeHeads(): boolean {
    const e = this.state.take(bucketCount * 4)
    if (e === null) return false
    this.headsExtent = e
    this.heads = new Int32Array(e.sab, e.offset, bucketCount)
    return true
  }

  private link(group: number): void {
    const b = this.wheel.tickFor(this.order, this.dues.get(group)) & (bucketCount - 1)
    const heads = this.heads!
    const head = heads[b]
    this.nexts.set(group, head)
    this.prevs.set(group, -b - 1)
    if (head !== 0) this.prevs.set(head - 1, group + 1)
    heads[b] = group + 1
    this.size++
  }

  private unlink(group: number): void {
    const next = this.nexts.get(group)
    const prev = this.prevs.get(group)
    if (prev > 0) this.nexts.set(prev - 1, next)
    else this.heads![-prev - 1] = next
    if (next !== 0) this.prevs.set(next - 1, prev)
    this.prevs.set(group, 0)
    this.size--
  }
}
