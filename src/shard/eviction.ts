/**
 * What happens when a shard's state reaches its budget, and when groups fall idle. Thread: shard worker, between chunks only.
 *
 * The budget is all pages of the shard. `reserveBytes` of it are kept for what one chunk may add; above that the policy acts:
 *
 *   drop-oldest   the largest task gives first: its oldest buffered rows, then its least recently seen groups. A task whose
 *                 requests were refused gives of its own groups, because freed ids are what its new groups can use at once
 *   drop-newest   nothing is evicted: what does not fit is refused and counted (`memory`)
 *   block         the shard takes nothing from its ring for up to `blockMs`, so writers are held or turned away; only the end
 *                 of a task can make room, so after that it takes one entry as under drop-newest and waits again
 *
 * Pages and heaps reuse freed room inside a task before they give pages back, so `used` may stay high after an eviction. The
 * floor follows it: only growth beyond what the last round left, or a refusal, starts the next round.
 */
import { TaskCell } from '../observe/stat-block.js'
import type { Grouping } from './grouping.js'
import type { StatePolicy } from './messages.js'
import type { ShardMemory } from './pages.js'
import type { ShardTask } from './task.js'

/** Most groups evicted in one round, and looked at in one step of the idle sweep. */
const maxGroupsPerRound = 8192
const sweepStep = 4096
const logIntervalMs = 10_000
const blockMs = 1000

export class Evictor {
  readonly reserveBytes: number
  private readonly highBytes: number
  private floorBytes: number
  private readonly refusedBefore = new Map<number, number>()
  private refusals = 0
  private blockedSince = -1
  private sweepTask = 0
  private sweepGrouping = 0
  private sweepGroup = 0
  private readonly victims: number[] = []
  private readonly lastLogMs = new Map<number, number>()
  private readonly unlogged = new Map<number, { groups: number; bytes: number }>()

  constructor(
    private readonly memory: ShardMemory,
    private readonly policy: StatePolicy,
  ) {
    this.reserveBytes = Math.min(Math.max(256 * 1024, memory.budgetBytes >> 4), memory.budgetBytes >> 1)
    this.highBytes = memory.budgetBytes - this.reserveBytes
    this.floorBytes = this.highBytes
  }

  /** Makes room when the state has grown into the reserve. */
  relieve(tasks: readonly ShardTask[]): void {
    if (this.policy !== 'drop-oldest' || tasks.length === 0) return
    const used = this.memory.used
    if (used <= this.highBytes && this.memory.refused === this.refusals) return
    this.refusals = this.memory.refused
    const starved = this.starvedTasks(tasks)
    if (used <= this.floorBytes && starved.length === 0) {
      this.floorBytes = Math.max(this.highBytes, used)
      return
    }
    const wanted = Math.max(used - this.floorBytes, this.memory.budgetBytes >> 6)
    const bySize = [...tasks].sort((a, b) => b.runtime.stateBytes - a.runtime.stateBytes)
    let left = wanted
    for (const task of bySize) {
      if (left <= 0) break
      left -= this.evictRows(task, left)
    }
    if (starved.length > 0) for (const task of starved) this.evictBytesOfGroups(task, wanted)
    else if (left > 0) {
      for (const task of bySize) {
        if (left <= 0) break
        left -= this.evictBytesOfGroups(task, left)
      }
    }
    this.floorBytes = Math.max(this.highBytes, this.memory.used)
  }

  /** Policy block: whether the shard may take the next entry. `clockMs` is any steady clock. */
  mayTake(clockMs: number): boolean {
    if (this.policy !== 'block' || this.memory.used <= this.highBytes) {
      this.blockedSince = -1
      return true
    }
    if (this.blockedSince < 0) this.blockedSince = clockMs
    if (clockMs - this.blockedSince < blockMs) return false
    this.blockedSince = clockMs
    return true
  }

  /** One bounded step of the sweep for groups not seen since `nowMs - ttlMs`. */
  sweepIdle(tasks: readonly ShardTask[], nowMs: number, ttlMs: number): void {
    if (tasks.length === 0) return
    const before = nowMs - ttlMs
    for (let step = 0, looked = 0; step <= tasks.length && looked < sweepStep; ) {
      const task = tasks[this.sweepTask % tasks.length]
      const grouping = task.groupings[this.sweepGrouping]
      if (grouping === undefined) {
        this.sweepTask = (this.sweepTask + 1) % tasks.length
        this.sweepGrouping = 0
        this.sweepGroup = 0
        step++
        continue
      }
      const end = Math.min(grouping.capacity, this.sweepGroup + sweepStep - looked)
      looked += Math.max(1, end - this.sweepGroup)
      let evicted = 0
      for (; this.sweepGroup < end; this.sweepGroup++) {
        if (!grouping.isAlive(this.sweepGroup) || grouping.lastSeenMs(this.sweepGroup) > before) continue
        this.evictGroup(task, grouping, this.sweepGroup)
        evicted++
      }
      if (evicted > 0) this.report(task, evicted, 0, 'idle groups evicted')
      if (this.sweepGroup >= grouping.capacity) {
        this.sweepGrouping++
        this.sweepGroup = 0
      }
    }
  }

  /** Forgets a task that has ended. */
  forget(key: number): void {
    this.refusedBefore.delete(key)
    this.lastLogMs.delete(key)
    this.unlogged.delete(key)
  }

  private starvedTasks(tasks: readonly ShardTask[]): ShardTask[] {
    const starved: ShardTask[] = []
    for (const t of tasks) {
      const refused = t.runtime.refused
      if (refused > (this.refusedBefore.get(t.key) ?? 0)) starved.push(t)
      this.refusedBefore.set(t.key, refused)
    }
    return starved
  }

  private evictRows(task: ShardTask, bytes: number): number {
    let freed = 0
    for (const o of task.operators) {
      if (freed >= bytes) break
      if (o !== undefined) freed += o.evictRows(bytes - freed)
    }
    if (freed > 0) this.report(task, 0, freed, 'state evicted')
    return freed
  }

  /** Evicts groups that hold about `bytes`; returns the estimate of what they held. */
  private evictBytesOfGroups(task: ShardTask, bytes: number): number {
    const groups = task.runtime.groups
    if (groups === 0) return 0
    const perGroup = task.runtime.stateBytes / groups
    // At least one in a hundred: the search costs two passes over all groups.
    const n = Math.min(
      maxGroupsPerRound,
      Math.ceil(groups / 4),
      Math.max(Math.ceil(bytes / perGroup), groups / 100, 16),
    )
    let evicted = 0
    for (const grouping of task.groupings) {
      this.victims.length = 0
      grouping.oldest(Math.ceil((n * grouping.size) / groups), this.victims)
      for (const g of this.victims) this.evictGroup(task, grouping, g)
      evicted += this.victims.length
    }
    this.report(task, evicted, evicted * perGroup, 'state evicted')
    return evicted * perGroup
  }

  private evictGroup(task: ShardTask, grouping: Grouping, g: number): void {
    for (const o of task.operators) o?.evictGroup(grouping, g)
    grouping.free(g)
  }

  private report(task: ShardTask, groups: number, bytes: number, msg: string): void {
    const { runtime } = task
    runtime.countEvictedGroups(groups)
    runtime.env.stats.addTask(runtime.spec.statsOffset, TaskCell.evictedBytes, bytes)
    const open = this.unlogged.get(task.key) ?? { groups: 0, bytes: 0 }
    open.groups += groups
    open.bytes += bytes
    this.unlogged.set(task.key, open)
    const now = performance.now()
    const last = this.lastLogMs.get(task.key)
    if (last !== undefined && now - last < logIntervalMs) return
    this.lastLogMs.set(task.key, now)
    this.unlogged.delete(task.key)
    runtime.env.log(task.key, 0, 'info', msg, {
      task: runtime.spec.id,
      shard: String(runtime.env.shard),
      groups: String(open.groups),
      bytes: String(Math.round(open.bytes)),
    })
  }
}
