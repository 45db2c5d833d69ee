/**
 * How main learns that ring places or slots have become free. Threads: main waits, the shards signal (ShardLoop.signalRoom).
 *
 *   int32: number of signals · free slots that main waits for, 0: it does not wait
 *
 * Each wake-up costs both threads more than many rows, so writers ask for several slots at once. A shard that has nothing
 * left to do signals in any case.
 */
export class RoomSignal {
  readonly sab = new SharedArrayBuffer(8)
  private readonly words = new Int32Array(this.sab)
  private waiting: Promise<void> | null = null

  /**
   * Resolves at the first signal after this call, which comes when `wantedSlots` are free. A caller that found no room calls this, looks once more, and only then
   * awaits: room made between the two looks would otherwise be missed.
   */
  wait(wantedSlots = 1): Promise<void> {
    if (this.waiting !== null) {
      if (Atomics.load(this.words, 1) > wantedSlots) Atomics.store(this.words, 1, wantedSlots)
    } else {
      const seen = Atomics.load(this.words, 0)
      // Pairs with the load in signalRoom().
      Atomics.store(this.words, 1, wantedSlots)
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
