/**
 * Which groups an operator holds state for: one byte per group in pages. A held group's id is not given to another group
 * until every holder has released it. The groups are those of the grouping last held; others are not known here.
 * Thread: shard worker.
 */
import type { GroupInfo } from '../../columns/chunk.js'
import { Grouping } from '../../state/grouping.js'
import type { Pages, StateAllocator } from '../../state/pages.js'

export class GroupHold {
  /** Groups held. */
  size = 0
  private readonly held: Pages<Uint8Array>
  private grouping: GroupInfo | null = null

  constructor(state: StateAllocator) {
    this.held = state.u8()
  }

  has(group: number): boolean {
    return this.held.has(group) && this.held.get(group) !== 0
  }

  /** Idempotent. False: the budget refused. */
  hold(grouping: GroupInfo, group: number): boolean {
    if (!this.held.ensure(group)) return false
    if (this.held.get(group) !== 0) return true
    this.grouping = grouping
    this.held.set(group, 1)
    this.size++
    if (grouping instanceof Grouping) grouping.retain(group)
    return true
  }

  /** Whether the group was held. */
  release(grouping: GroupInfo, group: number): boolean {
    if (grouping !== this.grouping || !this.has(group)) return false
    this.held.set(group, 0)
    this.size--
    if (grouping instanceof Grouping) grouping.release(group)
    return true
  }

  /** Holds the group of every row (or window); returns the number of rows whose group the budget refused. */
  holdAll(grouping: GroupInfo, groups: Int32Array, n: number): number {
    let refused = 0
    for (let r = 0; r < n; r++) if (!this.hold(grouping, groups[r])) refused++
    return refused
  }

  dispose(): void {
    this.held.release()
    this.size = 0
  }
}
