/** Rows → line protocol: what influxDBOut and kapacitorLoopback do per row, from lines, from columns, from aggregates. */
import type { Bench } from 'tinybench'
import { Chunk } from '../../src/columns/chunk.js'
import { OutColumn } from '../../src/columns/chunk-builder.js'
import { encodeUtf8 } from '../../src/columns/column.js'
import { LineRows } from '../../src/columns/line-rows.js'
import { LineEncoder } from '../../src/operators/outside/line-encoder.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { combinedBody, cpuBody, linesPerBody } from './scanner.bench.js'

const rows = linesPerBody

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = rows
export const boundBy = 'bytes copied, and the shortest form of floats that are not integral'

function chunkOf(body: Uint8Array, grouping: Grouping): Chunk {
  const chunk = new Chunk(grouping, new Float64Array(rows), new Int32Array(rows), new Int32Array(rows))
  const starts = new Int32Array(rows)
  const lengths = new Int32Array(rows)
  let at = 0
  for (let r = 0; r < rows; r++) {
    const end = body.indexOf(10, at)
    starts[r] = at
    lengths[r] = end - at
    at = end + 1
    chunk.ms[r] = 1_611_111_060_000 + r
    chunk.sub[r] = 123_456
  }
  chunk.n = rows
  chunk.name = 'm'
  chunk.rest = new LineRows().reset(body, 0, starts, lengths)
  return chunk
}

function encoding(chunk: Chunk): () => void {
  const encoder = new LineEncoder({ measurement: 'out', tags: [['src', 'x']], unit: 1, durations: 'text' })
  return () => {
    encoder.begin(chunk)
    for (let r = 0; r < chunk.n; r++) encoder.append(r, chunk.groups[r])
    encoder.out.reset()
  }
}

export function add(bench: Bench): void {
  const grouping = new Grouping(new StateAllocator(new ShardMemory(1e9)), ['host'], false)
  bench.add('encode 5k combined lines: 4 tags, 1 field', encoding(chunkOf(combinedBody(), grouping)))
  bench.add('encode 5k cpu lines: 2 tags, 10 fields', encoding(chunkOf(cpuBody(), grouping)))

  const mean = chunkOf(combinedBody(), grouping)
  mean.rest = null
  mean.groupTags = true
  const column = new OutColumn('mean', rows)
  for (let r = 0; r < rows; r++) {
    const key = encodeUtf8(`..host-${r % 100}`)
    key[0] = key.length - 2
    key[1] = 0
    mean.groups[r] = grouping.lookup(key, key.length, r % 100, 0)
    column.setFloat(r, r % 2 === 0 ? r : r / 7)
  }
  mean.setField('mean', column.column)
  bench.add('encode 5k means: group tag, half of them fractions', encoding(mean))
}
