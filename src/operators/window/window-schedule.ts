/**
 * When a time window emits (spec nodes 4.6), shared by the window over rows and the window over panes. Pure arithmetic on
 * instants (ms, sub); results are left in `ms` and `sub`, so nothing is allocated. Thread: shard worker.
 */
import { type Span, truncate, truncateTo } from '../../columns/time.js'

export class WindowSchedule {
  /** Result of the last call. */
  ms = 0
  sub = 0
  private readonly plain: boolean
  private readonly shifted: boolean

  constructor(
    readonly period: Span,
    readonly every: Span,
    readonly align: boolean,
    readonly fillPeriod: boolean,
    /** Aligned due times are multiples of `every` and this, counted from year 1. */
    readonly offset: Span,
  ) {
    this.plain = !align || every.ns === 0n
    this.shifted = offset.ns !== 0n
  }

  /** The first due time of a group whose first message is at t. */
  first(ms: number, sub: number): void {
    if (this.every.ns === 0n) {
      if (this.fillPeriod) this.add(ms, sub, this.period)
      else this.add(ms, sub, this.every)
    } else if (this.fillPeriod) {
      this.add(ms, sub, this.period)
      if (this.align) {
        // The truncated time is never later than t + period, so one step further is the first that is.
        this.truncate()
        this.add(this.ms, this.sub, this.every)
      }
    } else this.after(ms, sub)
  }

  /** The due time after an emission caused by a message at t. */
  after(ms: number, sub: number): void {
    this.add(ms, sub, this.every)
    if (!this.plain) this.truncate()
  }

  /** t − period. */
  start(ms: number, sub: number): void {
    this.ms = ms - this.period.ms
    this.sub = sub - this.period.sub
    if (this.sub < 0) {
      this.sub += 1_000_000
      this.ms--
    }
  }

  private truncate(): void {
    if (this.shifted) truncateTo(this.ms, this.sub, this.every, this.offset, this)
    else truncate(this.ms, this.sub, this.every, this)
  }

  private add(ms: number, sub: number, d: Span): void {
    this.ms = ms + d.ms
    this.sub = sub + d.sub
    if (this.sub >= 1_000_000) {
      this.sub -= 1_000_000
      this.ms++
    }
  }
}
