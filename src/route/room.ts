/**
 * How main learns that ring places or slots have become free. Threads: main waits, the shards signal (ShardLoop.signalRoom).
 *
 *   int32: number of signals · whether main waits
 */
export class RoomSignal {
  readonly sab = new SharedArrayBuffer(8)
  private readonly words = new Int32Array(this.sab)
  private waiting: Promise<void> | null = null

  /**
   * Resolves at the first signal after this call. A caller that found no room calls this, looks once more, and only then
   * awaits: room made between the two looks would otherwise be missed.
   */
  wait(): Promise<void> {
    if (this.waiting === null) {
      const seen = Atomics.load(this.words, 0)
      // Pairs with the load in signalRoom().
      Atomics.store(this.words, 1, 1)
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
