/**
 * An operator that keeps something for each group: it knows a group from the first message on (a barrier counts), and drops
 * it and passes the delete on only if it knew it (spec nodes 3). Groups are kept per grouping: after a `groupBy`, barriers and
 * deletes still carry the group of before. Thread: shard worker.
 */
import type { GroupInfo } from '../../columns/chunk.js'
import { Operator } from '../operator.js'
import type { GroupNames } from './window-groups.js'

export abstract class GroupKeepingOperator<Space extends GroupNames> extends Operator {
  private readonly spaces = new Map<GroupInfo, Space>()
  private space: Space | null = null
  private cardinality = 0

  /** What is kept for the groups of one grouping. Its `remove` forgets a group with its state. */
  protected abstract makeSpace(grouping: GroupInfo): Space

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, _port: number): void {
    const space = this.spaceOf(grouping)
    if (!space.has(group)) space.add(group, 'barrier')
    this.showCardinality()
    this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number, _port: number): void {
    if (!this.forget(grouping, group)) return
    this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.forget(grouping, group)
  }

  override dispose(): void {
    for (const space of this.spaces.values()) space.dispose()
    this.spaces.clear()
    this.space = null
  }

  protected spaceOf(grouping: GroupInfo): Space {
    if (this.space !== null && this.space.grouping === grouping) return this.space
    let space = this.spaces.get(grouping)
    if (space === undefined) {
      space = this.makeSpace(grouping)
      this.spaces.set(grouping, space)
    }
    this.space = space
    return space
  }

  protected showCardinality(): void {
    let n = 0
    for (const space of this.spaces.values()) n += space.size
    if (n === this.cardinality) return
    this.cardinality = n
    this.ctx.stats.set('working_cardinality', n)
  }

  private forget(grouping: GroupInfo, group: number): boolean {
    const space = this.spaces.get(grouping)
    if (space === undefined || !space.has(group)) return false
    space.remove(group)
    this.showCardinality()
    return true
  }
}
