/**
 * Writers that wait for room: first in, first out, bounded in bytes and in time. Only the first one holds anything (slots it
 * has filled), so two large requests never wait for each other. A write whose attempt throws fails alone. Thread: main.
 */
import { timerMs } from '../go/durations.js'
import type { Prepared } from '../ingest/line-writer.js'
import type { WriteRequest, WriteResult } from './engine-api.js'

export interface Waiter {
  readonly request: WriteRequest
  /** Filled slots, when only room in the rings was missing. */
  prepared: Prepared | null
  /** The last attempt failed with so many free slots: fewer or as many will not do. -1: not tried. */
  triedWith: number
  /** Clock of the scan: the time of lines without one. */
  nowNs: bigint
}

interface Entry extends Waiter {
  readonly resolve: (r: WriteResult) => void
  readonly reject: (err: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** Pumping takes turns with the rest of main's work. */
const sliceMs = 5

export class WaitingWriters {
  /** Bytes of the bodies held. */
  bytes = 0
  private readonly queue: Entry[] = []
  private scheduled = false

  constructor(
    private readonly maxBytes: number,
    /** Tries to write; null: there still is no room. */
    private readonly attempt: (w: Waiter) => WriteResult | null,
    /** Resolves when it is worth looking again. */
    private readonly room: () => Promise<void>,
    /** A waiter leaves unserved: its time was over, or its attempt failed. */
    private readonly abandon: (w: Waiter, why: 'late' | 'failed') => void,
  ) {}

  get length(): number {
    return this.queue.length
  }

  /**
   * Queues a writer; null when the bound on bytes forbids it (one writer may always wait, however large). Rejects with what its
   * attempt threw.
   */
  add(waiter: Waiter, waitMs: number): Promise<WriteResult> | null {
    const size = waiter.request.body.length
    if (this.queue.length > 0 && this.bytes + size > this.maxBytes) return null
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.expire(entry), timerMs(waitMs))
      const entry: Entry = { ...waiter, resolve, reject, timer }
      this.queue.push(entry)
      this.bytes += size
      this.schedule()
    })
  }

  /** Everybody leaves with 503. */
  close(): void {
    while (this.queue.length > 0) this.expire(this.queue[0])
  }

  private expire(entry: Entry): void {
    const i = this.queue.indexOf(entry)
    if (i < 0) return
    this.leave(i)
    entry.resolve(overloaded())
    this.abandon(entry, 'late')
  }

  /** The first in line could not even be tried. */
  private fail(err: unknown): void {
    const entry = this.queue[0]
    if (entry !== undefined) {
      this.leave(0)
      entry.reject(err)
      this.abandon(entry, 'failed')
    }
    this.scheduled = false
    if (this.queue.length > 0) this.schedule()
  }

  private leave(place: number): void {
    const [entry] = this.queue.splice(place, 1)
    clearTimeout(entry.timer)
    this.bytes -= entry.request.body.length
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.pump().catch((err: unknown) => this.fail(err))
  }

  private async pump(): Promise<void> {
    while (this.queue.length > 0) {
      // Asked for before looking: room made meanwhile ends the wait at once.
      const room = this.room()
      const until = performance.now() + sliceMs
      let served = true
      while (this.queue.length > 0 && served && performance.now() < until) {
        const entry = this.queue[0]
        const result = this.attempt(entry)
        served = result !== null
        if (result !== null) {
          this.leave(0)
          entry.resolve(result)
        }
      }
      if (this.queue.length > 0) await (served ? new Promise((resolve) => setImmediate(resolve)) : room)
    }
    this.scheduled = false
  }
}

export function overloaded(): WriteResult {
  return { status: 503, points: 0, error: 'engine is overloaded: no room for the write' }
}
