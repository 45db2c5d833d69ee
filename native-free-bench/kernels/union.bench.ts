/** Unions of two streams over 50,000 groups, one float field: chunks that pass at once, and points that wait and interleave. */
import type { Bench } from 'tinybench'
import { maxChunkRows } from '../../src/columns/chunk.js'
import { chunksOf, hosts, joinGroups, operatorOf, shuffled } from './join.bench.js'
import { startMs } from './panes.bench.js'

export const rowsPerOperation = maxChunkRows
export const boundBy =
  'cache misses of random groups (own id, its record); for points that wait the copying of cells in and out'

const sources = `var a = stream|from().measurement('a').groupBy('h')
var b = stream|from().measurement('b').groupBy('h')
`

/** Row r of a parent's chunk number k has time (k + r / rows) · stepMs. */
function run(bench: Bench, name: string, calls: string, stepMs: number): void {
  const op = operatorOf(`${sources}a|union(b)${calls}`, 'union')
  const order = shuffled(joinGroups)
  const chunkCount = 16
  const parents = ['b', 'a'].map((m) => chunksOf(hosts(joinGroups), m, order, chunkCount))
  let k = 0
  bench.add(`union: ${name}`, () => {
    const port = k & 1
    const at = k >> 1
    k++
    const chunk = parents[port][at % chunkCount]
    for (let r = 0; r < maxChunkRows; r++) {
      chunk.ms[r] = startMs + Math.floor((at + r / maxChunkRows) * stepMs)
    }
    op.receive(chunk, port)
  })
}

export function add(bench: Bench): void {
  const tail = '|eval(lambda: "v" + 1.0).as(\'x\')'
  run(bench, 'every point waits for the other parent', ".rename('u')" + tail, maxChunkRows)
  run(bench, 'runs of 64 points of equal time', ".rename('u')" + tail, maxChunkRows / 64)
  run(bench, 'chunks of one time', ".rename('u')" + tail, 1)
  run(bench, 'runs of 64 points, names kept', tail, maxChunkRows / 64)
  run(bench, 'every point waits, whole points', ".rename('u')|httpOut('o')", maxChunkRows)
}
