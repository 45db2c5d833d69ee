/**
 * holtWinters and holtWintersWithFit: forecasts of the values of a batch. The rows' times are put into buckets of the interval:
 * one value per bucket, the first; buckets without one are missing values. What is forecast has times of its own. Thread: shard worker.
 */
import { int64ToNumber } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { nsOf, spanOf } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import type { ArgDef, PipelineNode } from '../../tickscript/node-def.js'
import { type Aggregate, fieldArg, type RowSet, type Series } from './aggregate.js'
import { HoltWinters } from './holt-winters-model.js'

const args: readonly ArgDef[] = [
  fieldArg,
  { name: 'h', type: 'int' },
  { name: 'm', type: 'int' },
  { name: 'interval', type: 'duration' },
]

/** More would stop the shard for minutes; the original has no limits and runs out of memory. */
const maxBuckets = 100_000
const maxSeason = 2000

function problem({ props }: PipelineNode): string | null {
  if (!(props.interval instanceof Duration) || props.interval.ns <= 0n)
    return 'holtWinters requires an interval greater than zero'
  if (Number(props.h) > maxBuckets) return `holtWinters forecasts at most ${maxBuckets} values`
  return Number(props.m) > maxSeason ? `holtWinters takes seasons of at most ${maxSeason} values` : null
}

class Forecaster {
  private readonly model = new HoltWinters()
  private buckets = new Float64Array(256)
  private readonly ahead: number
  private readonly season: number
  private readonly intervalNs: bigint

  constructor(
    node: PipelineNode,
    private readonly withFit: boolean,
  ) {
    const { h, m, interval } = node.props
    this.ahead = Number(h)
    this.season = Number(m)
    this.intervalNs = interval instanceof Duration ? interval.ns : 1n
  }

  run(set: RowSet, out: Series): void {
    const { chunk, rows, n } = set
    const seasonal = this.season >= 2
    if (n < 2 || (seasonal && n < this.season) || this.ahead <= 0) return
    const count = this.fill(set)
    if (count < 0) {
      out.problem = `the points of a batch span more than ${maxBuckets} intervals`
      return
    }
    // After points of one bucket have been dropped there may be less than a season: the original crashes then.
    if (count < 2 || (seasonal && count < this.season)) return
    this.model.forecast(this.buckets, count, this.season, this.ahead)
    const from = this.withFit ? 0 : count
    const origin = rows[this.withFit ? 0 : n - 1]
    const span = spanOf(this.intervalNs)
    let ms = chunk.ms[origin]
    let sub = chunk.sub[origin]
    for (let i = from; i < count + this.ahead; i++) {
      if (i > 0) {
        ms += span.ms
        sub += span.sub
        if (sub >= 1_000_000) {
          sub -= 1_000_000
          ms++
        }
      }
      if (!Number.isNaN(this.model.fitted[i])) out.add(ms, sub, this.model.fitted[i])
    }
  }

  /** One value per bucket from the first point's to the last's; returns their number, -1: too many. */
  private fill({ chunk, column, kind, rows, n }: RowSet): number {
    const valueAt = (r: number) => (kind === Kind.Float ? column.f64[r] : int64ToNumber(column.i32, r))
    let last = this.bucketOf(chunk.ms[rows[0]], chunk.sub[rows[0]])
    this.buckets[0] = valueAt(rows[0])
    let count = 1
    for (let i = 1; i < n; i++) {
      const bucket = this.bucketOf(chunk.ms[rows[i]], chunk.sub[rows[i]])
      if (bucket <= last) continue
      const step = bucket - last
      last = bucket
      if (step > BigInt(maxBuckets - count)) return -1
      const at = count + Number(step) - 1
      this.reserve(at + 1)
      this.buckets.fill(Number.NaN, count, at)
      this.buckets[at] = valueAt(rows[i])
      count = at + 1
    }
    return count
  }

  /** The number of the nearest multiple of the interval; exactly between two it is the one nearer to the epoch. */
  private bucketOf(ms: number, sub: number): bigint {
    const ns = nsOf(ms, sub)
    const quotient = ns / this.intervalNs
    return ns % this.intervalNs > this.intervalNs / 2n ? quotient + 1n : quotient
  }

  private reserve(n: number): void {
    if (n <= this.buckets.length) return
    const buckets = new Float64Array(Math.max(n, this.buckets.length * 2))
    buckets.set(this.buckets)
    this.buckets = buckets
  }
}

function forecasts(method: string, withFit: boolean, doc: string): Aggregate {
  return {
    method,
    kind: 'holtWinters',
    doc,
    shape: 'series',
    kinds: 'numbers',
    result: 'float',
    args,
    problem,
    create(node) {
      const forecaster = new Forecaster(node, withFit)
      return (set, out) => forecaster.run(set, out.series)
    },
  }
}

export const holtWinters = forecasts(
  'holtWinters',
  false,
  'Forecast of the next h values by the Holt-Winters method, with seasons of m values when m is 2 or more.',
)
export const holtWintersWithFit = forecasts(
  'holtWintersWithFit',
  true,
  'As holtWinters, with the fitted values of the points before the forecast.',
)
