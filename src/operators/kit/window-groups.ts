/**
 * What an operator knows of each group, for one grouping. Thread: shard worker.
 *
 *   GroupNames     flags u8 (0: unknown)   name i32: name of the message that created the group
 *   WindowGroups   dueMs f64 · dueSub i32 (only where not 0): next emission; count windows: dueMs = rows until then
 *
 * After a `groupBy`, barriers and deletes still carry the group of before (spec nodes 7.3), so an operator has one of these
 * per grouping that it hears of; nearly always that is one.
 */
import type { GroupInfo } from '../../columns/chunk.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { NameTable } from './window-names.js'

export class GroupNames {
  /** Groups known. */
  size = 0
  protected readonly flags: Pages<Uint8Array>
  private readonly nameIds: Pages<Int32Array>
  private readonly names = new NameTable()

  constructor(
    state: StateAllocator,
    readonly grouping: GroupInfo,
  ) {
    this.flags = state.u8()
    this.nameIds = state.i32()
  }

  has(group: number): boolean {
    // Beyond the end of a short first page this is undefined, which is not > 0.
    const p = this.flags.pages[group >> this.flags.shift]
    return p !== undefined && p[group & this.flags.mask] > 0
  }

  /** False: the budget refused. */
  add(group: number, name: string): boolean {
    const { flags, nameIds } = this
    if (!flags.ensure(group) || !nameIds.ensure(group)) return false
    flags.set(group, 1)
    nameIds.set(group, this.names.take(name))
    this.size++
    this.grouping.retain?.(group)
    return true
  }

  remove(group: number): void {
    this.flags.set(group, 0)
    this.names.give(this.nameIds.get(group))
    this.size--
    this.grouping.release?.(group)
  }

  nameOf(group: number): string {
    return this.names.nameOf(this.nameIds.get(group))
  }

  rename(group: number, name: string): void {
    const old = this.nameIds.get(group)
    this.nameIds.set(group, this.names.take(name))
    this.names.give(old)
  }

  /** Marks that a batch of the group has been emitted: those below know it. */
  markEmitted(group: number): void {
    this.flags.set(group, 2)
  }

  hasEmitted(group: number): boolean {
    return this.has(group) && this.flags.get(group) === 2
  }

  dispose(): void {
    this.flags.release()
    this.nameIds.release()
    this.size = 0
  }
}

export class WindowGroups extends GroupNames {
  readonly dueMs: Pages<Float64Array>
  private readonly dueSubs: Pages<Int32Array>

  constructor(state: StateAllocator, grouping: GroupInfo) {
    super(state, grouping)
    this.dueMs = state.f64()
    this.dueSubs = state.i32()
  }

  /** A group that is due at (ms, sub). False: the budget refused. */
  addDue(group: number, name: string, ms: number, sub: number): boolean {
    if (!this.dueMs.ensure(group) || (sub !== 0 && !this.dueSubs.ensure(group)) || !this.add(group, name)) return false
    this.dueMs.set(group, ms)
    if (this.dueSubs.has(group)) this.dueSubs.set(group, sub)
    return true
  }

  /** False: the budget refused the page of `sub`; the due time has lost it. */
  setDue(group: number, ms: number, sub: number): boolean {
    this.dueMs.set(group, ms)
    if (sub !== 0 && !this.dueSubs.ensure(group)) return false
    if (this.dueSubs.has(group)) this.dueSubs.set(group, sub)
    return true
  }

  dueSub(group: number): number {
    return this.dueSubs.has(group) ? this.dueSubs.get(group) : 0
  }

  /** Whether an instant is at or after the due time. */
  isDue(group: number, ms: number, sub: number): boolean {
    const due = this.dueMs.get(group)
    return ms > due || (ms === due && sub >= this.dueSub(group))
  }

  override dispose(): void {
    super.dispose()
    this.dueMs.release()
    this.dueSubs.release()
  }
}
