/**
 * The sampled execution time of operators (`avg_exec_time_ns`, spec nodes 2): the largest value so far of a moving average
 * over the last 1000 samples of the time per row, time spent in children excluded. Thread: shard worker.
 *
 * One chunk in ten is measured as a whole; an operator called inside a measured chunk adds its time to its parent's account.
 */
import type { Chunk } from '../columns/chunk.js'
import type { Operator } from '../operators/operator.js'

const windowSamples = 1000
const sampleEvery = 10
/** The largest value counts from here on: the first calls run code that is not compiled yet. */
const warmSamples = 20

/** Time spent in children of the operator that is being measured; NaN while nothing is measured. */
let childrenMs = Number.NaN
let calls = 0

/** Replaces the operator's `receive` by one that measures a sample of the calls. */
export function instrument(operator: Operator): void {
  const receive = operator.receive.bind(operator)
  const stats = operator.ctx.stats
  let mean = 0
  let samples = 0
  let largest = 0
  operator.receive = (chunk: Chunk, port: number): void => {
    const outer = childrenMs
    const outermost = Number.isNaN(outer)
    if (outermost && ++calls % sampleEvery !== 0) {
      receive(chunk, port)
      return
    }
    const rows = Math.max(1, chunk.windows === null ? chunk.n : chunk.windows.n)
    childrenMs = 0
    const start = performance.now()
    try {
      receive(chunk, port)
    } finally {
      const all = performance.now() - start
      const own = Math.max(0, all - childrenMs)
      childrenMs = outermost ? Number.NaN : outer + all
      samples = Math.min(samples + 1, windowSamples)
      mean += ((own * 1e6) / rows - mean) / samples
      if (samples >= warmSamples && mean > largest) largest = mean
      stats.set('avg_exec_time_ns', Math.round(Math.max(largest, mean)))
    }
  }
}
