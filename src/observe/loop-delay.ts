/**
 * How late main's event loop is: a timer is due every few milliseconds, and how much later it runs is what anything else waits
 * for its turn. Thread: main. Two histograms start by turns, so that what is shown is of the last half minute to minute.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { DelayView } from '../alerts/latency.js'

const everyMs = 10
const turnMs = 30_000

export class LoopDelay {
  /** The one that is shown comes first. */
  private histograms: [IntervalHistogram, IntervalHistogram]
  private readonly timer: NodeJS.Timeout

  constructor() {
    const start = (): IntervalHistogram => {
      const histogram = monitorEventLoopDelay({ resolution: everyMs })
      histogram.enable()
      return histogram
    }
    this.histograms = [start(), start()]
    this.timer = setInterval(() => this.turn(), turnMs)
    this.timer.unref()
  }

  view(): DelayView {
    const [shown] = this.histograms
    // The time between two timers is measured; what exceeds their distance is delay.
    const seconds = (ns: number): number => Math.max(0, ns / 1e9 - everyMs / 1000)
    if (shown.count === 0) return { count: 0, sum: 0, p50: 0, p99: 0, p999: 0, max: 0 }
    return {
      count: shown.count,
      sum: seconds(shown.mean) * shown.count,
      p50: seconds(shown.percentile(50)),
      p99: seconds(shown.percentile(99)),
      p999: seconds(shown.percentile(99.9)),
      max: seconds(shown.max),
    }
  }

  close(): void {
    clearInterval(this.timer)
    for (const histogram of this.histograms) histogram.disable()
  }

  private turn(): void {
    const [oldest, younger] = this.histograms
    oldest.reset()
    this.histograms = [younger, oldest]
  }
}
