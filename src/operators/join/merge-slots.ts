/**
 * Slots for rows that come and go in any order: numbers that index paged columns. Thread: shard worker.
 *
 *   zone    8192 slots with a free list of its own, linked through `next`; a zone without live slots gives its pages
 *           back
 *   next    i32 per slot: free: the next free one + 1; live: whatever the owner links
 *
 * The columns given at construction exist for every live slot; others may be added with `release` once their pages are
 * made on demand. Room freed inside live pages is told to the allocator, so that eviction does not take it for used.
 */
import type { Pages, StateAllocator } from '../../state/pages.js'

export type AnyPages = Pages<Float64Array> | Pages<Int32Array> | Pages<Uint8Array>

const zoneShift = 13
const zoneSlots = 1 << zoneShift

interface Zone {
  /** First free slot + 1; 0 = none. */
  free: number
  /** Slots never used yet start here (relative). */
  fresh: number
  live: number
  /** In the list of zones with room. */
  listed: boolean
}

export class SlotPool {
  readonly next: Pages<Int32Array>
  live = 0
  private readonly zones: Zone[] = []
  private readonly roomy: number[] = []
  private idleBytes = 0

  constructor(
    private readonly state: StateAllocator,
    /** Columns that every live slot has. */
    private readonly always: readonly AnyPages[],
    /** Columns whose pages come on demand; they go with the zones too. */
    private readonly others: readonly AnyPages[],
    /** Bytes that a slot takes, about. */
    readonly slotBytes: number,
  ) {
    this.next = state.i32()
  }

  /** A slot whose columns exist; what they hold is left over from before. -1: the budget refused. */
  take(): number {
    const z = this.roomy.length > 0 ? this.roomy[this.roomy.length - 1] : this.addZone()
    const zone = this.zones[z]
    let slot: number
    if (zone.free !== 0) {
      slot = zone.free - 1
      zone.free = this.next.get(slot)
      this.idle(-this.slotBytes)
    } else {
      slot = (z << zoneShift) + zone.fresh
      if (!this.next.ensure(slot)) return -1
      for (const p of this.always) if (!p.ensure(slot)) return -1
      zone.fresh++
    }
    zone.live++
    this.live++
    if (zone.free === 0 && zone.fresh === zoneSlots) {
      zone.listed = false
      this.roomy.pop()
    }
    return slot
  }

  give(slot: number): void {
    const z = slot >> zoneShift
    const zone = this.zones[z]
    this.next.set(slot, zone.free)
    zone.free = slot + 1
    this.live--
    this.idle(this.slotBytes)
    if (!zone.listed) {
      zone.listed = true
      this.roomy.push(z)
    }
    // The last zone in use keeps its pages: what is emptied again and again should not take them anew.
    if (--zone.live === 0 && this.live > 0) this.releaseZone(z)
  }

  dispose(): void {
    this.next.release()
    for (const p of this.always) p.release()
    for (const p of this.others) p.release()
    this.idle(-this.idleBytes)
    this.zones.length = 0
    this.roomy.length = 0
    this.live = 0
  }

  private addZone(): number {
    this.zones.push({ free: 0, fresh: 0, live: 0, listed: true })
    this.roomy.push(this.zones.length - 1)
    return this.zones.length - 1
  }

  private idle(bytes: number): void {
    this.idleBytes += bytes
    this.state.idle(bytes)
  }

  private releaseZone(z: number): void {
    const zone = this.zones[z]
    this.idle(-zone.fresh * this.slotBytes)
    zone.free = 0
    zone.fresh = 0
    this.releasePages(this.next, z)
    for (const p of this.always) this.releasePages(p, z)
    for (const p of this.others) this.releasePages(p, z)
  }

  /** Gives back the pages that only hold slots of unused zones. */
  private releasePages(p: AnyPages, z: number): void {
    const first = (z << zoneShift) >> p.shift
    const last = (((z + 1) << zoneShift) - 1) >> p.shift
    if (first < last) {
      for (let page = first; page <= last; page++) p.releasePage(page)
      return
    }
    const zones = 1 << Math.max(0, p.shift - zoneShift)
    const start = Math.floor(z / zones) * zones
    for (let i = start; i < Math.min(start + zones, this.zones.length); i++) if (this.zones[i].fresh > 0) return
    p.releasePage(first)
  }
}
