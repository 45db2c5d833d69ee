/**
 * Closes the windows that are due and that no point or barrier closes (`.closeAfter(d)`). Thread: shard worker.
 *
 * The time of a group goes on from its points at the pace of main's clock: by how much a point lags behind the clock, so much later
 * than its due time, and d, the window is closed. The least lag counts of the points since the one that made it due when it is, so
 * that points of long ago that are read in now close nothing before they are through.
 *
 *   lags   f64 per group: clock − time of the point, ms; Infinity while nothing waits
 */
import type { Pages } from '../../state/pages.js'
import type { TimerSet } from '../../state/timer-wheel.js'
import type { OperatorContext } from '../operator.js'

export interface ClosedWindows {
  /** Due time of a group's window, rounded up to ms. */
  dueOf(group: number): number
  /** Emits the window if it has rows. False: nothing is left in the group's windows. */
  close(group: number): boolean
}

export class WindowCloser {
  private readonly lags: Pages<Float64Array>
  private readonly timers: TimerSet

  constructor(
    ctx: OperatorContext,
    private readonly afterMs: number,
    private readonly windows: ClosedWindows,
  ) {
    this.lags = ctx.state.f64()
    this.timers = ctx.timers((group, nowMs) => this.fire(group, nowMs))
  }

  /** A new group. False: the budget refused. */
  open(group: number): boolean {
    if (!this.lags.ensure(group)) return false
    this.restart(group)
    return true
  }

  /** A point or a barrier has closed a window: the next one counts from that on. */
  restart(group: number): void {
    this.lags.set(group, Number.POSITIVE_INFINITY)
  }

  /** A point or a barrier of a group that is open, `lag` = clock − its time. */
  see(group: number, lag: number): void {
    const { pages, shift, mask } = this.lags
    const page = pages[group >> shift]
    const o = group & mask
    if (!(lag < page[o])) return
    // Refused: the next one that lags less tries again.
    if (this.timers.set(group, this.windows.dueOf(group) + lag + this.afterMs)) page[o] = lag
  }

  forget(group: number): void {
    this.timers.clear(group)
  }

  dispose(): void {
    this.lags.release()
    this.timers.dispose()
  }

  private fire(group: number, nowMs: number): void {
    const lag = this.lags.get(group)
    const at = this.windows.dueOf(group) + lag + this.afterMs
    // A point came meanwhile that is due later or lags more.
    if (at > nowMs) this.timers.set(group, at)
    else if (this.windows.close(group)) this.timers.set(group, this.windows.dueOf(group) + lag + this.afterMs)
    else this.restart(group)
  }
}
