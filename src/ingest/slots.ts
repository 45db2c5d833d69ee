/**
 * The slots that carry record batches from main to the shards. Threads: main acquires, fills and seals; shards release.
 *
 *   FREE → FILLING (acquire) → PUBLISHED (seal, refs = shard rings with entries of the slot) → FREE (last release)
 *
 * One SharedArrayBuffer holds all slots, another the control words:
 *
 *   control   int32: freed, 3 spare, then per slot: state, refs
 *
 * Only main moves a slot out of FREE, so acquiring needs no compare-and-exchange. The lowest free slot is taken first:
 * no more slots become resident than were ever in use at once.
 */

export const SlotState = { Free: 0, Filling: 1, Published: 2 } as const

/** What a worker needs to attach. */
export interface SharedSlots {
  readonly data: SharedArrayBuffer
  readonly control: SharedArrayBuffer
  readonly slots: number
  readonly slotBytes: number
}

const freedWord = 0
const firstSlotWord = 4

export class SlotPool {
  readonly slots: number
  readonly slotBytes: number
  readonly shared: SharedSlots
  /** All slots; slot s starts at `offsetOf(s)`. */
  readonly bytes: Uint8Array
  private readonly control: Int32Array

  constructor(opts: { slots: number; slotBytes: number } | SharedSlots) {
    this.slots = opts.slots
    this.slotBytes = opts.slotBytes
    if (this.slotBytes % 8 !== 0) throw new RangeError('slotBytes must be a multiple of 8')
    this.shared =
      'data' in opts
        ? opts
        : {
            data: new SharedArrayBuffer(opts.slots * opts.slotBytes),
            control: new SharedArrayBuffer((firstSlotWord + 2 * opts.slots) * 4),
            slots: opts.slots,
            slotBytes: opts.slotBytes,
          }
    this.bytes = new Uint8Array(this.shared.data)
    this.control = new Int32Array(this.shared.control)
  }

  static attach(shared: SharedSlots): SlotPool {
    return new SlotPool(shared)
  }

  offsetOf(slot: number): number {
    return slot * this.slotBytes
  }

  /** The lowest free slot, now FILLING, or -1. Main only. */
  acquire(): number {
    for (let s = 0; s < this.slots; s++) {
      // Pairs with the store in release(): all reads of the last holder happened before.
      if (Atomics.load(this.control, firstSlotWord + 2 * s) !== SlotState.Free) continue
      Atomics.store(this.control, firstSlotWord + 2 * s, SlotState.Filling)
      return s
    }
    return -1
  }

  /** Publishes a filled slot with `refs` holders; call before pushing its ring entries. 0 holders: free at once. Main only. */
  seal(slot: number, refs: number): void {
    const w = firstSlotWord + 2 * slot
    Atomics.store(this.control, w + 1, refs)
    Atomics.store(this.control, w, refs > 0 ? SlotState.Published : SlotState.Free)
  }

  /** Gives back one reference. The last one frees the slot and wakes main. */
  release(slot: number): void {
    const w = firstSlotWord + 2 * slot
    if (Atomics.sub(this.control, w + 1, 1) !== 1) return
    // Pairs with the load in acquire().
    Atomics.store(this.control, w, SlotState.Free)
    // Pairs with the load in whenFreed().
    Atomics.add(this.control, freedWord, 1)
    Atomics.notify(this.control, freedWord)
  }

  /** Frees a slot that was acquired but never sealed. Main only. */
  discard(slot: number): void {
    Atomics.store(this.control, firstSlotWord + 2 * slot, SlotState.Free)
  }

  stateOf(slot: number): number {
    return Atomics.load(this.control, firstSlotWord + 2 * slot)
  }

  refsOf(slot: number): number {
    return Atomics.load(this.control, firstSlotWord + 2 * slot + 1)
  }

  freeSlots(): number {
    let n = 0
    for (let s = 0; s < this.slots; s++) if (this.stateOf(s) === SlotState.Free) n++
    return n
  }

  /** Resolves once at least one slot is free. Main only; the caller looks again, it may have been taken meanwhile. */
  async whenFreed(): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.control, freedWord)
      if (this.freeSlots() > 0) return
      const wait = Atomics.waitAsync(this.control, freedWord, seen)
      if (wait.async) await wait.value
    }
  }
}
