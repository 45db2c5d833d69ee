/** Main's clock: what batches and ticks are stamped with. Thread: main. */
export interface Clock {
  /** ms since the epoch. */
  now(): number
  /** Tells when the clock was moved by hand; one that runs by itself never is. Returns the function that ends it. */
  onMoved(moved: () => void): () => void
}

export const systemClock: Clock = { now: () => Date.now(), onMoved: () => () => {} }

/** Stands still until it is moved; never goes back. */
export class ManualClock implements Clock {
  private readonly listeners = new Set<() => void>()

  constructor(private ms: number) {}

  now(): number {
    return this.ms
  }

  set(ms: number): void {
    this.ms = Math.max(this.ms, ms)
    for (const l of this.listeners) l()
  }

  advance(byMs: number): void {
    this.set(this.ms + byMs)
  }

  onMoved(moved: () => void): () => void {
    this.listeners.add(moved)
    return () => this.listeners.delete(moved)
  }
}
