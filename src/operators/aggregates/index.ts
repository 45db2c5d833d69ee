/** All InfluxQL functions that reduce a batch. One line per function. Thread: any. */
import type { Aggregate } from './aggregate.js'
import { bottom } from './bottom.js'
import { count } from './count.js'
import { distinct } from './distinct.js'
import { first } from './first.js'
import { holtWinters, holtWintersWithFit } from './holt-winters.js'
import { last } from './last.js'
import { max } from './max.js'
import { mean } from './mean.js'
import { median } from './median.js'
import { min } from './min.js'
import { mode } from './mode.js'
import { percentile } from './percentile.js'
import { spread } from './spread.js'
import { stddev } from './stddev.js'
import { sum } from './sum.js'
import { top } from './top.js'

export const aggregates: readonly Aggregate[] = [
  count,
  distinct,
  mean,
  median,
  mode,
  spread,
  sum,
  first,
  last,
  min,
  max,
  percentile,
  stddev,
  top,
  bottom,
  holtWinters,
  holtWintersWithFit,
]
