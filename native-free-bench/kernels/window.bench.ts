/**
 * Windows over rows: storing one projected field of 94,000 groups, with and without reducing, in chunks of 8192 rows. A
 * task's rate in rows/s is maxChunkRows × its operations per second; bytes per row: `rowBytes`.
 */
import type { Bench } from 'tinybench'
import { maxChunkRows } from '../../src/columns/chunk.js'
import { Kind } from '../../src/columns/kinds.js'
import { influxqlEntries } from '../../src/operators/influxql/influxql-defs.js'
import type { Operator } from '../../src/operators/operator.js'
import { windowDef, windowEntry } from '../../src/operators/window/window.js'
import { ShardMemory } from '../../src/state/pages.js'
import { groupCount, kernelContext, link, planned, randomChunks, Sink, seconds, startMs } from './panes.bench.js'

function windowThen(memory: ShardMemory, period: number, every: number, method: string): Operator {
  const props = { period: seconds(period), every: seconds(every), align: true }
  const op = windowEntry.create!(planned(windowDef, props), kernelContext(memory))
  const entry = influxqlEntries.find((e) => e.def.method === method)!
  const args = method === 'percentile' ? ['v', 95] : ['v']
  const child = entry.create!(planned(entry.def, {}, args), kernelContext(memory))
  link(op, child)
  link(child, new Sink(kernelContext(memory)))
  return op
}

/** State bytes per row of a window that holds `rowsPerGroup` rows of each group. */
export function rowBytes(rowsPerGroup: number): number {
  const memory = new ShardMemory(2e9)
  const op = windowThen(memory, 3600, 3600, 'percentile')
  const chunk = randomChunks(1, Kind.Int)[0]
  for (let i = 0; i < rowsPerGroup; i++) {
    for (let g = 0; g < groupCount; g += maxChunkRows) {
      chunk.n = Math.min(maxChunkRows, groupCount - g)
      for (let r = 0; r < chunk.n; r++) chunk.groups[r] = g + r
      op.receive(chunk, 0)
    }
  }
  return memory.used / (groupCount * rowsPerGroup)
}

const chunkCount = 64

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = maxChunkRows
export const boundBy = 'copying rows into blocks, then sorting or scanning them at emission'

export function add(bench: Bench): void {
  for (const [name, method, period, every] of [
    ['tumbling, then percentile', 'percentile', 10, 10],
    ['sliding 60s by 10s, then max', 'max', 60, 10],
  ] as const) {
    const op = windowThen(new ShardMemory(2e9), period, every, method)
    const chunks = randomChunks(chunkCount, Kind.Int)
    let k = 0
    // 64 chunks are about 5.6 rows a group: one emission per group and turn.
    bench.add(`window: ${name}`, () => {
      const chunk = chunks[k % chunkCount]
      chunk.ms.fill(startMs + Math.floor(k++ / chunkCount) * 10_000)
      op.receive(chunk, 0)
    })
  }
}
