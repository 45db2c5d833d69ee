/**
 * How main learns that ring places or slots have become free. Threads: main waits, the shards signal (ShardLoop.signalRoom).
 *
 *   int32: number of signals · 0: main does not wait, else 1 + the most slots that a signalling shard may still hold
 *
 * Each wake-up costs both threads more than many rows, so writers wait until a good part of what a shard holds is done. A
 * shard that has nothing left to do signals in any case.
 */
export class RoomSignal {
  readonly sab = new SharedArrayBuffer(8)
  private readonly words = new Int32Array(this.sab)
  private waiting: Promise<void> | null = null

  /**
   * Resolves at the first signal after this call, by a shard that holds at most `slotsHeld` slots. A caller that found no room
   * calls this, looks once more, and only then awaits: room made between the two looks would otherwise be missed.
   */
  wait(slotsHeld = anySlots): Promise<void> {
    if (this.waiting !== null) {
      if (Atomics.load(this.words, 1) <= slotsHeld) Atomics.store(this.words, 1, slotsHeld + 1)
    } else {
      const seen = Atomics.load(this.words, 0)
      // Pairs with the load in signalRoom().
      Atomics.store(this.words, 1, slotsHeld + 1)
      const w = Atomics.waitAsync(this.words, 0, seen)
      const done = (): void => {
        this.waiting = null
        Atomics.store(this.words, 1, 0)
      }
      this.waiting = w.async ? w.value.then(done) : Promise.resolve().then(done)
    }
    return this.waiting
  }

  /** Main itself has made room, or wants its waiters to look again. */
  signal(): void {
    Atomics.add(this.words, 0, 1)
    Atomics.notify(this.words, 0)
  }
}

/** More slots than there can be. */
const anySlots = 1 << 20
