/**
 * What a window knows of each group, for one grouping: when it emits next and the name of the message that created it.
 * Thread: shard worker.
 *
 *   alive u8   dueMs f64 · dueSub i32 (count windows: dueMs = rows until the next emission)   name i32
 *
 * After a `groupBy`, barriers and deletes still carry the group of before (spec nodes 7.3), so an operator has one of these
 * per grouping that it hears of; nearly always that is one.
 */
import type { GroupInfo } from '../columns/chunk.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { NameTable } from './window-names.js'

export class WindowGroups {
  /** Groups alive. */
  size = 0
  readonly alive: Pages<Uint8Array>
  readonly dueMs: Pages<Float64Array>
  readonly dueSub: Pages<Int32Array>
  private readonly nameIds: Pages<Int32Array>
  private readonly names = new NameTable()

  constructor(
    state: StateAllocator,
    readonly grouping: GroupInfo,
  ) {
    this.alive = state.u8()
    this.dueMs = state.f64()
    this.dueSub = state.i32()
    this.nameIds = state.i32()
  }

  has(group: number): boolean {
    const p = this.alive.pages[group >> this.alive.shift]
    return p !== undefined && p[group & this.alive.mask] === 1
  }

  /** False: the budget refused. */
  add(group: number, name: string): boolean {
    const { alive, dueMs, dueSub, nameIds } = this
    if (!alive.ensure(group) || !dueMs.ensure(group) || !dueSub.ensure(group) || !nameIds.ensure(group)) return false
    alive.set(group, 1)
    nameIds.set(group, this.names.take(name))
    this.size++
    this.grouping.retain?.(group)
    return true
  }

  remove(group: number): void {
    this.alive.set(group, 0)
    this.names.give(this.nameIds.get(group))
    this.size--
    this.grouping.release?.(group)
  }

  nameOf(group: number): string {
    return this.names.nameOf(this.nameIds.get(group))
  }

  setDue(group: number, ms: number, sub: number): void {
    this.dueMs.set(group, ms)
    this.dueSub.set(group, sub)
  }

  /** Whether an instant is at or after the due time. */
  isDue(group: number, ms: number, sub: number): boolean {
    const due = this.dueMs.get(group)
    return ms > due || (ms === due && sub >= this.dueSub.get(group))
  }

  dispose(): void {
    for (const p of [this.alive, this.dueMs, this.dueSub, this.nameIds]) p.release()
    this.size = 0
  }
}
