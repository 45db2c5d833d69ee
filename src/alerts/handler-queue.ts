/**
 * The queue between a topic and one handler: first in, first out, bounded, one delivery (or batch) at a time, each with a
 * deadline. Thread: main.
 *
 * Overflow: a full queue refuses the new event, as the original does; refusals are counted and logged at a limited rate.
 * Closing drains for a bounded time, then counts what is left as discarded; nothing else waits for it.
 */
import { withSignal } from '../abortable.js'
import type { Delivery } from '../alert-handlers/delivery.js'
import { type AlertHandler, type FailDelivery, queueCapacity } from '../alert-handlers/handler.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { LogLimit } from '../log-limit.js'

export interface QueueCounters {
  readonly offered: number
  readonly delivered: number
  readonly failed: number
  /** Refused because the queue was full. */
  readonly refused: number
  /** Left over when the queue was closed. */
  readonly discarded: number
  readonly waiting: number
}

export class HandlerQueue {
  private readonly ring: (Delivery | undefined)[] = []
  private head = 0
  private count = 0
  private busy = false
  private closed = false
  /** Of the delivery under way. */
  private current: AbortController | null = null
  private idle: (() => void)[] = []
  private offered = 0
  private delivered = 0
  private failed = 0
  private refused = 0
  private discarded = 0
  private readonly refusedLines = new LogLimit()
  private readonly failedLines = new LogLimit()

  constructor(
    readonly handler: AlertHandler,
    private readonly log: Log,
    private readonly match: ((d: Delivery) => boolean) | null = null,
    private readonly capacity = queueCapacity,
  ) {}

  get counters(): QueueCounters {
    const { offered, delivered, failed, refused, discarded, count } = this
    return { offered, delivered, failed, refused, discarded, waiting: count }
  }

  /** False: the queue is full (or closed) and the event is lost for this handler. */
  offer(d: Delivery): boolean {
    this.offered++
    if (this.closed || this.count === this.capacity) {
      this.refused++
      this.logRefused(d)
      return false
    }
    this.ring[(this.head + this.count) % this.capacity] = d
    this.count++
    if (!this.busy) {
      this.busy = true
      // Not at once: the events of one tick make one batch.
      setImmediate(() => void this.run())
    }
    return true
  }

  /** Refuses new events, waits for the rest at most `drainMs`, then discards. */
  async close(drainMs: number): Promise<void> {
    if (this.closed) return
    this.closed = true
    if (this.busy) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMs)
        this.idle.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    this.discarded += this.count
    if (this.count > 0) {
      this.log.error('handler closed before all events were delivered', {
        handler: this.handler.kind,
        discarded: this.count,
      })
    }
    this.clear()
    this.current?.abort(new ShardlineError('handler-closed', 'handler closed'))
    await this.handler.close?.()
  }

  private clear(): void {
    this.ring.length = 0
    this.head = 0
    this.count = 0
  }

  private take(): Delivery[] {
    const batch: Delivery[] = []
    while (this.count > 0 && batch.length < this.handler.maxBatch) {
      const d = this.ring[this.head]
      this.ring[this.head] = undefined
      this.head = (this.head + 1) % this.capacity
      this.count--
      if (d !== undefined && this.matches(d)) batch.push(d)
    }
    return batch
  }

  private matches(d: Delivery): boolean {
    if (this.match === null) return true
    try {
      return this.match(d)
    } catch (err) {
      this.log.error('failed to evaluate match expression', { handler: this.handler.kind, err: errorText(err) })
      return false
    }
  }

  private async run(): Promise<void> {
    while (this.count > 0) {
      const batch = this.take()
      if (batch.length > 0) await this.deliver(batch)
    }
    this.busy = false
    for (const resolve of this.idle.splice(0)) resolve()
  }

  private async deliver(batch: readonly Delivery[]): Promise<void> {
    const failures = new Set<Delivery>()
    const fail: FailDelivery = (d, err) => {
      if (!failures.has(d)) this.logFailed(d, err)
      failures.add(d)
    }
    const { deadlineMs } = this.handler
    const controller = new AbortController()
    this.current = controller
    const timer = setTimeout(() => {
      controller.abort(new ShardlineError('handler-late', `no answer within ${deadlineMs} ms`))
    }, deadlineMs)
    try {
      await withSignal(this.handler.deliver(batch, controller.signal, fail), controller.signal)
    } catch (err) {
      // A handler that stops because of the signal says so in words of its own: the reason is the better text.
      const reason: unknown = controller.signal.aborted ? controller.signal.reason : err
      for (const d of batch) fail(d, reason)
    } finally {
      clearTimeout(timer)
      this.current = null
    }
    this.failed += failures.size
    this.delivered += batch.length - failures.size
  }

  private logFailed(d: Delivery, err: unknown): void {
    if (!this.failedLines.may()) return
    const keys = { handler: this.handler.kind, topic: d.topic, event: d.event.id, err: errorText(err) }
    this.log.error('failed to send event', { ...keys, ...this.failedLines.suppressed() })
  }

  private logRefused(d: Delivery): void {
    if (!this.refusedLines.may()) return
    const err = `failed to deliver event ${JSON.stringify(d.event.id)} to handler`
    this.log.error('encountered error collecting event', { topic: d.topic, err, refused: this.refused })
  }
}
