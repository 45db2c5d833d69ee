/** A Prometheus summary of a histogram that is kept elsewhere. Thread: main. */
import { type Registry, Summary } from 'prom-client'
import type { DelayView } from '../alerts/latency.js'

/** What is measured of main. */
export interface Delays {
  readonly loop: () => DelayView
  readonly alerts: () => DelayView
}

export class DelaySummary extends Summary {
  constructor(
    private readonly view: () => DelayView,
    private readonly about: { readonly name: string; readonly help: string },
    registry: Registry,
  ) {
    super({ ...about, percentiles: [], registers: [registry] })
  }

  override async get(): ReturnType<Summary['get']> {
    const { count, sum, p50, p99, p999 } = this.view()
    const { name, help } = this.about
    const shown = await super.get()
    return {
      ...shown,
      name,
      help,
      values: [
        { labels: { quantile: 0.5 }, value: p50 },
        { labels: { quantile: 0.99 }, value: p99 },
        { labels: { quantile: 0.999 }, value: p999 },
        { metricName: `${name}_sum`, labels: {}, value: sum },
        { metricName: `${name}_count`, labels: {}, value: count },
      ],
    }
  }
}
