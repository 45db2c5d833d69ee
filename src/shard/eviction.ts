/**
 * What happens when a shard's state reaches its budget, and when groups fall idle. Thread: shard worker, between chunks only.
 *
 * The budget is all pages of the shard. A reserve of it is kept for what one chunk may add: a sixteenth, or as much as chunks
 * have added of late. Above that the policy acts:
 *
 *   drop-oldest   the largest task gives its oldest buffered rows; then every grouping that still makes groups gives its least
 *                 recently seen ones, because freed ids are what new groups can use at once
 *   drop-newest   nothing is evicted: what does not fit is refused and counted (`memory`)
 *   block         the shard takes nothing from its ring for up to `blockMs`, so writers are held or turned away; only the end
 *                 of a task can make room, so after that it takes one entry as under drop-newest and waits again
 *
 * Room that owners free inside their pages is theirs to fill again and does not count as used (ShardMemory.idle). What they
 * do not tell shows as refusals: rounds that follow refusals in close succession double what they take, up to a quarter of
 * the budget; rounds far apart halve it. Pages in which some group lives stay with their task.
 */

import type { Grouping } from '../state/grouping.js'
import type { ShardMemory } from '../state/pages.js'
import type { StatePolicy } from '../transport/messages.js'
import { TaskCell } from '../transport/stat-block.js'
import type { ShardTask } from './task.js'

/** Most groups evicted in one round, and looked at in one step of the idle sweep. */
const maxGroupsPerRound = 8192
const sweepStep = 4096
const logIntervalMs = 10_000
const blockMs = 1000

interface Inflow {
  /** Groups made up to the last round, and how many a chunk makes of late. */
  made: number
  recent: number
  /** What the last search has found: groups not seen since `cutMs`, from `next` on still to be evicted. */
  readonly oldest: number[]
  next: number
  cutMs: number
}

export class Evictor {
  private readonly leastReserve: number
  private highBytes: number
  private floorBytes: number
  /** Bytes in use after the last call, and the most that a chunk has added of late. */
  private settledBytes = 0
  private inflowBytes = 0
  private readonly inflows = new WeakMap<Grouping, Inflow>()
  private refusals = 0
  /** Bytes that a round after a refusal takes, and when (in chunks) the last refusal was. */
  private stepBytes = 0
  private chunks = 0
  private lastStarved = Number.NEGATIVE_INFINITY
  private blockedSince = -1
  private sweepTask = 0
  private sweepGrouping = 0
  private sweepGroup = 0
  private readonly lastLogMs = new Map<number, number>()
  private readonly unlogged = new Map<number, { groups: number; bytes: number }>()

  constructor(
    private readonly memory: ShardMemory,
    private readonly policy: StatePolicy,
  ) {
    this.leastReserve = Math.min(Math.max(256 * 1024, memory.budgetBytes >> 4), memory.budgetBytes >> 1)
    this.highBytes = memory.budgetBytes - this.leastReserve
    this.floorBytes = this.highBytes
  }

  /** Makes room when the state has grown into the reserve, or was refused something. */
  relieve(tasks: readonly ShardTask[]): void {
    if (this.policy !== 'drop-oldest' || tasks.length === 0) return
    this.chunks++
    const { memory } = this
    this.adaptReserve()
    const starved = memory.refused !== this.refusals
    if (memory.used <= this.highBytes && !starved) return
    this.refusals = memory.refused
    this.evictForNewGroups(tasks)
    const used = memory.used - memory.idle
    if (used <= this.highBytes) this.floorBytes = this.highBytes
    if (used <= this.floorBytes && !starved) {
      this.floorBytes = Math.max(this.highBytes, used)
      return
    }
    const bySize = [...tasks].sort((a, b) => b.runtime.stateBytes - a.runtime.stateBytes)
    let left = this.amount(used, starved)
    for (const task of bySize) {
      if (left <= 0) break
      left -= this.evictRows(task, left)
    }
    this.settledBytes = memory.used - memory.idle
    this.floorBytes = Math.max(this.highBytes, this.settledBytes)
  }

  /** Policy block: whether the shard may take the next entry. `clockMs` is any steady clock. */
  mayTake(clockMs: number): boolean {
    if (this.policy !== 'block' || this.memory.used - this.memory.idle <= this.highBytes) {
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
    this.lastLogMs.delete(key)
    this.unlogged.delete(key)
  }

  private adaptReserve(): void {
    const { memory } = this
    const used = memory.used - memory.idle
    this.inflowBytes = Math.max(used - this.settledBytes, this.inflowBytes * 0.98)
    this.settledBytes = used
    const reserve = Math.max(this.leastReserve, this.inflowBytes * 1.25)
    this.highBytes = memory.budgetBytes - Math.min(reserve, memory.budgetBytes >> 1)
  }

  private amount(used: number, starved: boolean): number {
    const { budgetBytes } = this.memory
    const least = Math.max(used - this.floorBytes, budgetBytes >> 6)
    if (!starved) return least
    const close = this.chunks - this.lastStarved < 16
    this.lastStarved = this.chunks
    this.stepBytes = Math.min(
      Math.max(close ? this.stepBytes * 2 : this.stepBytes / 2, this.leastReserve),
      budgetBytes >> 2,
    )
    return Math.max(least, this.stepBytes)
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

  /** Keeps as many ids free in each growing grouping as its last two chunks have taken. */
  private evictForNewGroups(tasks: readonly ShardTask[]): void {
    for (const task of tasks) {
      for (const grouping of task.groupings) {
        const inflow = this.inflowOf(grouping)
        const made = grouping.created - inflow.made
        inflow.made = grouping.created
        // A chunk that was refused groups would have made more.
        inflow.recent = Math.min(maxGroupsPerRound, Math.max(made * 2, inflow.recent >> 1, made > 0 ? 64 : 0))
        const wanted = Math.min(inflow.recent - grouping.freeIds, grouping.size >> 1)
        if (wanted <= 0) continue
        const evicted = this.evictOldest(task, grouping, inflow, wanted)
        this.report(task, evicted, 0, 'state evicted')
      }
    }
  }

  private inflowOf(grouping: Grouping): Inflow {
    let inflow = this.inflows.get(grouping)
    if (inflow === undefined) {
      inflow = { made: 0, recent: 0, oldest: [], next: 0, cutMs: 0 }
      this.inflows.set(grouping, inflow)
    }
    return inflow
  }

  /** A search costs three passes over all groups, so it finds some for later rounds too. */
  private evictOldest(task: ShardTask, grouping: Grouping, inflow: Inflow, wanted: number): number {
    let evicted = 0
    for (let searched = false; evicted < wanted; ) {
      const g = inflow.next < inflow.oldest.length ? inflow.oldest[inflow.next++] : -1
      if (g >= 0) {
        // Not if it is gone, or has had rows since the search.
        if (!grouping.isAlive(g) || grouping.lastSeenMs(g) > inflow.cutMs) continue
        this.evictGroup(task, grouping, g)
        evicted++
        continue
      }
      if (searched) break
      searched = true
      inflow.oldest.length = 0
      inflow.next = 0
      grouping.oldest(Math.max(wanted - evicted, grouping.size >> 4), inflow.oldest)
      inflow.cutMs = Number.NEGATIVE_INFINITY
      for (const o of inflow.oldest) inflow.cutMs = Math.max(inflow.cutMs, grouping.lastSeenMs(o))
    }
    return evicted
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
