/**
 * The slots that carry record batches from main to the shards. Threads: main acquires, fills and seals; shards release.
 *
 *   FREE → FILLING (acquire) → PUBLISHED (seal) → FREE (no shard holds it any more)
 *
 * One SharedArrayBuffer holds all slots, another the holds: per shard, then per slot, int32: entries of the slot that were
 * published to the shard and not released. Main adds, the shard takes away. A slot is free when it is not being filled and
 * every shard's number is 0: there is no other word that says so. So a release is one atomic operation, and when a thread dies,
 * wherever it was, main sets its numbers to what is still in its ring (`recount`) and nothing is lost or freed twice.
 *
 * The lowest free slot is taken first: no more slots become resident than were ever in use at once.
 */

/** What a worker needs to attach. */
export interface SharedSlots {
  readonly data: SharedArrayBuffer
  readonly holds: SharedArrayBuffer
  readonly slots: number
  readonly slotBytes: number
}

/** The entries of one shard that are published and not released. */
export class SlotHolds {
  private readonly held: Int32Array

  constructor({ holds, slots }: SharedSlots, shard: number) {
    this.held = new Int32Array(holds, 4 * slots * shard, slots)
  }

  /** Before an entry of the slot is pushed. Main only. */
  add(slot: number): void {
    Atomics.add(this.held, slot, 1)
  }

  /** The entry's batch is not read any more. Once per entry: by the shard that took it, or by main that dropped it. */
  release(slot: number): void {
    // Pairs with the loads of main in has(): all reads of the batch happened before.
    Atomics.sub(this.held, slot, 1)
  }

  has(slot: number): boolean {
    return Atomics.load(this.held, slot) > 0
  }

  /** Slots with entries that the shard has not released, those in its ring included. */
  count(): number {
    let n = 0
    for (let s = 0; s < this.held.length; s++) if (Atomics.load(this.held, s) > 0) n++
    return n
  }

  /** Bytes of these slots, given the bytes per slot. */
  bytes(bytesOf: Float64Array): number {
    let n = 0
    for (let s = 0; s < this.held.length; s++) if (Atomics.load(this.held, s) > 0) n += bytesOf[s]
    return n
  }

  /** Main only, while the shard has no thread: `entries` per slot are all that is published and not released. */
  recount(entries: Int32Array): void {
    for (let s = 0; s < this.held.length; s++) Atomics.store(this.held, s, entries[s])
  }
}

export class SlotPool {
  readonly slots: number
  readonly slotBytes: number
  readonly shared: SharedSlots
  /** All slots; slot s starts at `offsetOf(s)`. */
  readonly bytes: Uint8Array
  private readonly holds: SlotHolds[] = []
  /** The holds of all shards. */
  private readonly words: Int32Array
  /** 1: acquired and not sealed. */
  private readonly filling: Uint8Array

  constructor(opts: { slots: number; slotBytes: number; shards?: number }) {
    const { slots, slotBytes, shards = 1 } = opts
    this.slots = slots
    this.slotBytes = slotBytes
    if (slotBytes % 8 !== 0) throw new RangeError('slotBytes must be a multiple of 8')
    this.shared = {
      data: new SharedArrayBuffer(slots * slotBytes),
      holds: new SharedArrayBuffer(4 * slots * shards),
      slots,
      slotBytes,
    }
    this.bytes = new Uint8Array(this.shared.data)
    this.words = new Int32Array(this.shared.holds)
    this.filling = new Uint8Array(slots)
    for (let k = 0; k < shards; k++) this.holds.push(new SlotHolds(this.shared, k))
  }

  holdsOf(shard: number): SlotHolds {
    return this.holds[shard]
  }

  offsetOf(slot: number): number {
    return slot * this.slotBytes
  }

  /** The lowest free slot, FILLING from now on, or -1. */
  acquire(): number {
    for (let s = 0; s < this.slots; s++) {
      if (!this.isFree(s)) continue
      this.filling[s] = 1
      return s
    }
    return -1
  }

  /** The entries of the slot have been pushed. Free at once if there are none. */
  seal(slot: number): void {
    this.filling[slot] = 0
  }

  /** Frees a slot that was acquired and has no entries. */
  discard(slot: number): void {
    this.filling[slot] = 0
  }

  isFree(slot: number): boolean {
    if (this.filling[slot] !== 0) return false
    for (const shard of this.holds) if (shard.has(slot)) return false
    return true
  }

  freeSlots(): number {
    let n = 0
    for (let s = 0; s < this.slots; s++) if (this.isFree(s)) n++
    return n
  }

  /** The same, many times faster: the releases of this moment may not be counted yet. */
  freeAtLeast(): number {
    const { slots, words } = this
    const { length } = words
    let n = 0
    for (let s = 0; s < slots; s++) {
      let held = this.filling[s]
      for (let w = s; w < length; w += slots) held |= words[w]
      if (held === 0) n++
    }
    return n
  }
}
