/**
 * One timer wheel per shard. It is advanced by main's clock stamps only, so a timer never overtakes an earlier accepted
 * point. Thread: shard worker.
 *
 * A TimerSet belongs to one operator and holds at most one timer per group, in paged columns:
 *   dues   f64  due time, ms since the epoch; 0 = not set
 *   nexts / prevs  i32  links of the bucket's doubly linked list (group + 1; 0 = none)
 * Buckets are per set: `tickMs` wide, `bucketCount` of them; a timer further away than one turn stays in its bucket and is
 * looked at once a turn.
 */
import type { Pages, StateAllocator } from './pages.js'

const tickMs = 50
const bucketCount = 2048

export class TimerWheel {
  private sets = new Set<TimerSet>()
  nowMs = 0

  add(state: StateAllocator, onTimer: (group: number, nowMs: number) => void): TimerSet {
    const set = new TimerSet(this, state, onTimer)
    this.sets.add(set)
    return set
  }

  remove(set: TimerSet): void {
    this.sets.delete(set)
  }

  /** Fires every timer due at or before `nowMs`. */
  advance(nowMs: number): void {
    if (nowMs <= this.nowMs) return
    this.nowMs = nowMs
    for (const set of this.sets) set.advance(nowMs)
  }
}

export class TimerSet {
  private dues: Pages<Float64Array>
  private nexts: Pages<Int32Array>
  private prevs: Pages<Int32Array>
  private heads = new Int32Array(bucketCount)
  private tick: number
  size = 0

  constructor(
    private readonly wheel: TimerWheel,
    state: StateAllocator,
    private readonly onTimer: (group: number, nowMs: number) => void,
  ) {
    this.dues = state.f64()
    this.nexts = state.i32()
    this.prevs = state.i32()
    this.tick = Math.floor(wheel.nowMs / tickMs)
  }

  /** Sets (or moves) the timer of a group. False: the budget refused. */
  set(group: number, dueMs: number): boolean {
    if (!this.dues.ensure(group) || !this.nexts.ensure(group) || !this.prevs.ensure(group)) return false
    if (this.dues.get(group) !== 0) this.unlink(group)
    this.dues.set(group, dueMs)
    const b = Math.max(Math.floor(dueMs / tickMs), this.tick) & (bucketCount - 1)
    const head = this.heads[b]
    this.nexts.set(group, head)
    this.prevs.set(group, -b - 1)
    if (head !== 0) this.prevs.set(head - 1, group + 1)
    this.heads[b] = group + 1
    this.size++
    return true
  }

  clear(group: number): void {
    if (!this.dues.has(group) || this.dues.get(group) === 0) return
    this.unlink(group)
    this.dues.set(group, 0)
  }

  dueOf(group: number): number {
    return this.dues.has(group) ? this.dues.get(group) : 0
  }

  advance(nowMs: number): void {
    const to = Math.floor(nowMs / tickMs)
    if (this.size === 0) {
      this.tick = to
      return
    }
    const from = to - this.tick >= bucketCount ? to - bucketCount + 1 : this.tick
    for (let t = from; t <= to; t++) {
      let g = this.heads[t & (bucketCount - 1)]
      while (g !== 0) {
        const group = g - 1
        g = this.nexts.get(group)
        const due = this.dues.get(group)
        if (due <= nowMs) {
          this.clear(group)
          const follower = g
          this.onTimer(group, nowMs)
          // The callback may have unlinked the follower (or moved it): then start this bucket again.
          if (
            follower !== 0 &&
            (this.dues.get(follower - 1) === 0 || this.bucketOf(follower - 1) !== (t & (bucketCount - 1)))
          ) {
            g = this.heads[t & (bucketCount - 1)]
          }
        }
      }
    }
    this.tick = to
  }

  dispose(): void {
    this.dues.release()
    this.nexts.release()
    this.prevs.release()
    this.heads.fill(0)
    this.size = 0
    this.wheel.remove(this)
  }

  private bucketOf(group: number): number {
    return Math.max(Math.floor(this.dues.get(group) / tickMs), this.tick) & (bucketCount - 1)
  }

  private unlink(group: number): void {
    const next = this.nexts.get(group)
    const prev = this.prevs.get(group)
    if (prev > 0) this.nexts.set(prev - 1, next)
    else this.heads[-prev - 1] = next
    if (next !== 0) this.prevs.set(next - 1, prev)
    this.size--
  }
}
