/**
 * Long work on main in slices: between two of them everything else of the event loop has its turn. Thread: main.
 *
 *   const turns = new Turns()
 *   for (const x of many) { work(x); if (turns.over) await turns.next() }
 */

/** A few slices may come together in one turn of the loop, and still nothing waits for long. */
const defaultSliceMs = 3
/** Looking at the clock costs more than many a step. */
const looksEvery = 16

export class Turns {
  private until: number
  private steps = 0

  constructor(private readonly sliceMs = defaultSliceMs) {
    this.until = performance.now() + sliceMs
  }

  /** Asked after each step: the slice is used up. */
  get over(): boolean {
    return ++this.steps % looksEvery === 0 && performance.now() > this.until
  }

  /** The next slice. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.until = performance.now() + this.sliceMs
  }
}
