/** Main's clock: what batches and ticks are stamped with. Thread: main. */
export interface Clock {
  /** ms since the epoch. */
  now(): number
  /** A clock that is moved by hand tells when it has been. Returns the function that ends it. */
  onMoved?(moved: () => void): () => void
}

export const systemClock: Clock = { now: () => Date.now() }

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
