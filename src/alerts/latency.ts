/**
 * How long events take: from the stamp that main puts on a write when it accepts it (for events that a timer makes: from when
 * it was due) until main has handed the finished event to the topics. Thread: main. One histogram of fixed memory, three
 * significant digits, in whole milliseconds as the stamps are; what takes longer than an hour counts as an hour.
 */
import { build, type Histogram } from 'hdr-histogram-js'

/** Seconds. */
export interface DelayView {
  readonly count: number
  readonly sum: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const longestMs = 3_600_000

export class EventLatency {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: longestMs,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  })
  private sumMs = 0

  record(ms: number): void {
    const value = Math.min(Math.max(0, Math.round(ms)), longestMs)
    this.histogram.recordValue(value)
    this.sumMs += value
  }

  view(): DelayView {
    const { histogram } = this
    const at = (percent: number): number => (histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percent))
    return {
      count: histogram.totalCount,
      sum: this.sumMs / 1000,
      p50: at(50) / 1000,
      p99: at(99) / 1000,
      p999: at(99.9) / 1000,
      max: histogram.totalCount === 0 ? 0 : histogram.maxValue / 1000,
    }
  }
}
