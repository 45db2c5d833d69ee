/**
 * One fit and forecast of the Holt-Winters model: 16 minimisations of up to 1000 steps, of one or two passes over the series
 * each. An operation is one batch of one group; a shard does nothing else meanwhile.
 */
import type { Bench } from 'tinybench'
import { HoltWinters } from '../../src/operators/aggregates/holt-winters-model.js'

export const boundBy =
  'the chain of floating-point operations from one value of the series to the next: about 16,000 passes, nothing to do in parallel'

const series = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => 100 + i + 10 * Math.sin(i / 2))

export const lengths = [10, 60, 600] as const

export function add(bench: Bench): void {
  const model = new HoltWinters()
  for (const n of lengths) {
    const y = series(n)
    bench.add(`holtWinters: ${n} values`, () => model.forecast(y, n, 0, 10))
    bench.add(`holtWinters: ${n} values, seasons of 12`, () => model.forecast(y, n, n < 12 ? 4 : 12, 10))
  }
}
