/**
 * What a fused window knows of each group: its newest open pane and when it is due, in nine bytes. Thread: shard worker.
 *
 *   newest  f64   ring: start of the newest open slot, `steps` slots before the due time
 *                 one pane: the due time while the pane is open (steps 1)
 *                 no pane open (steps 0): closedBase − due time, which is far before any instant
 *   steps   u8
 *   dueSubs i32   only where the due time is not a whole millisecond
 *
 * Groups that are not known have NaN, so that one comparison with `newest` sends their rows to the slow path too.
 */
import type { GroupInfo } from '../columns/chunk.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { GroupNames } from './window-groups.js'

/** Further back than any instant can be, and small enough for the difference to be exact. */
const closedBase = -1e15

export class PaneGroups extends GroupNames {
  readonly newest: Pages<Float64Array>
  private readonly steps: Pages<Uint8Array>
  private readonly dueSubs: Pages<Int32Array>

  constructor(
    state: StateAllocator,
    grouping: GroupInfo,
    /** 0: one pane. */
    private readonly slotMs: number,
  ) {
    super(state, grouping)
    this.newest = state.f64()
    this.steps = state.u8()
    this.dueSubs = state.i32()
  }

  /** A group that is due at (ms, sub), without a pane. False: the budget refused. */
  addDue(group: number, name: string, ms: number, sub: number): boolean {
    const { newest } = this
    if (!newest.has(group)) {
      const p = group >> newest.shift
      const known = newest.pages[p]?.length ?? 0
      if (!newest.ensure(group)) return false
      newest.pages[p].fill(Number.NaN, known)
    }
    if (!this.steps.ensure(group) || (sub !== 0 && !this.dueSubs.ensure(group)) || !this.add(group, name)) return false
    this.close(group, ms, sub)
    return true
  }

  override remove(group: number): void {
    super.remove(group)
    this.newest.set(group, Number.NaN)
  }

  isOpen(group: number): boolean {
    return this.steps.get(group) !== 0
  }

  dueMs(group: number): number {
    const newest = this.newest.get(group)
    const steps = this.steps.get(group)
    return steps === 0 ? closedBase - newest : this.slotMs === 0 ? newest : newest + steps * this.slotMs
  }

  dueSub(group: number): number {
    return this.dueSubs.has(group) ? this.dueSubs.get(group) : 0
  }

  /** No pane is open; due at (ms, sub). False: the budget refused the page of `sub`, which is lost. */
  close(group: number, ms: number, sub: number): boolean {
    this.newest.set(group, closedBase - ms)
    this.steps.set(group, 0)
    if (sub !== 0 && !this.dueSubs.ensure(group)) return false
    if (this.dueSubs.has(group)) this.dueSubs.set(group, sub)
    return true
  }

  /** The newest pane is the one of `slot` (ring), due at `dueMs`. */
  open(group: number, slot: number, dueMs: number): void {
    this.newest.set(group, this.slotMs === 0 ? dueMs : slot)
    this.steps.set(group, this.slotMs === 0 ? 1 : (dueMs - slot) / this.slotMs)
  }

  override dispose(): void {
    super.dispose()
    this.newest.release()
    this.steps.release()
    this.dueSubs.release()
  }
}
