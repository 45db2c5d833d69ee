/**
 * Copies staged rows into a slot as a batch (batch-layout.ts), hashes them per route and lists them per shard. Thread: main.
 */

import { type BatchSchema, batchOffsets } from '../columns/batch-layout.js'
import { fnvOffset, fnvPrime, type Route, shardOf } from '../transport/routes.js'
import type { BatchStage, TableRoute } from './batch-stage.js'

/** A batch in a slot that is not published yet. */
export interface PreparedBatch {
  readonly slot: number
  /** Byte offset of the batch from the slot's start. */
  readonly offset: number
  readonly schema: BatchSchema
  readonly rows: number
  readonly routes: readonly Route[]
  /** Rows of route r for shard s at [r * shards + s]. */
  readonly routeRows: Int32Array
  /** Per shard the sum over the routes: 0 = the shard need not see the batch. */
  readonly shardRows: Int32Array
}

/** A batch, and where in its slot it ends. */
export interface WrittenBatch {
  readonly batch: PreparedBatch
  readonly end: number
}

/** Views of the buffer that holds all slots. */
interface SlotViews {
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f64: Float64Array
}

let shardOfRow = new Uint16Array(1024)
const cursors = new Int32Array(65536)

/** Writes batches into the slots of one pool. */
export class BatchWriter {
  private readonly views: SlotViews
  private readonly shards: number

  constructor(data: SharedArrayBuffer, shards: number) {
    this.views = {
      u8: new Uint8Array(data),
      i32: new Int32Array(data),
      u32: new Uint32Array(data),
      f64: new Float64Array(data),
    }
    this.shards = shards
  }

  /** Writes the batch of a stage at `offset` of the slot that starts at byte `base`. Its `end` is the offset behind it. */
  write(stage: BatchStage, slot: number, base: number, offset: number): WrittenBatch {
    const { views, shards } = this
    const rows = stage.rows
    const { table } = stage
    const schema = table.schema!
    const o = batchOffsets(schema, rows, offset)
    const header = (base + offset) >> 2
    const { i32 } = views
    i32[header] = schema.id
    i32[header + 1] = rows
    i32[header + 2] = table.routes.length
    i32[header + 3] = o.routes
    i32.fill(0, header + 4, header + 8)
    i32.set(stage.times.subarray(0, 2 * rows), (base + o.times) >> 2)
    i32.set(stage.lineStarts.subarray(0, rows), (base + o.lineStarts) >> 2)
    i32.set(stage.lineLengths.subarray(0, rows), (base + o.lineLengths) >> 2)
    for (let c = 0; c < stage.tagColumns; c++) i32.set(stage.tags[c].subarray(0, 2 * rows), (base + o.tags[c]) >> 2)
    for (let c = 0; c < stage.fieldColumns; c++) {
      i32.set(stage.i32[c].subarray(0, 2 * rows), (base + o.payloads[c]) >> 2)
      views.u8.set(stage.kinds[c].subarray(0, rows), base + o.kinds[c])
    }
    const routeRows = new Int32Array(table.routes.length * shards)
    const shardRows = new Int32Array(shards)
    let w = (base + o.routes) >> 2
    for (let r = 0; r < table.routes.length; r++) {
      const counts = routeRows.subarray(r * shards, (r + 1) * shards)
      w = this.writeRoute(stage, base, table.routes[r], w, counts)
      for (let s = 0; s < shards; s++) shardRows[s] += counts[s]
    }
    const routes = table.routes.map((r) => r.route)
    return { batch: { slot, offset, schema, rows, routes, routeRows, shardRows }, end: w * 4 - base }
  }

  /** Writes one route record at word `w`, and the rows of each shard into `counts`; returns the word behind it. */
  private writeRoute(stage: BatchStage, base: number, route: TableRoute, w: number, counts: Int32Array): number {
    const { views, shards } = this
    const { i32, u32 } = views
    const rows = stage.rows
    const p = route.route.partition
    i32[w] = route.route.id
    if (p.kind === 'pinned') {
      i32[w + 1] = 0
      w += 2
      for (let s = 0; s < shards; s++) {
        i32[w++] = s === p.shard ? -1 : 0
        counts[s] = s === p.shard ? rows : 0
      }
      return (w + 1) & ~1
    }
    let hashes: Uint32Array
    if (p.kind === 'tags') {
      i32[w + 1] = 1
      hashes = u32.subarray(w + 2, w + 2 + rows)
      hashRows(stage, views.u8, base, route.columns, hashes)
      w += 2 + rows
    } else {
      i32[w + 1] = 0
      hashes = stage.seriesHashes[route.seriesHash]
      w += 2
    }
    if (shards === 1) {
      i32[w++] = -1
      counts[0] = rows
      return (w + 1) & ~1
    }
    if (shardOfRow.length < rows) shardOfRow = new Uint16Array(rows * 2)
    for (let r = 0; r < rows; r++) {
      const s = shardOf(hashes[r], shards)
      shardOfRow[r] = s
      counts[s]++
    }
    let all = false
    for (let s = 0; s < shards; s++) {
      const n = counts[s]
      all ||= n === rows
      i32[w++] = n === rows ? -1 : n
      cursors[s] = w
      if (n < rows) w += n
    }
    if (!all) for (let r = 0; r < rows; r++) i32[cursors[shardOfRow[r]]++] = r
    return (w + 1) & ~1
  }
}

/** Mixed hash of the partition tags of each row. */
function hashRows(stage: BatchStage, u8: Uint8Array, base: number, columns: readonly number[], out: Uint32Array): void {
  const rows = stage.rows
  const last = columns.length - 1
  if (last < 0) {
    out.fill(finalMix(fnvOffset) >>> 0)
    return
  }
  for (let k = 0; k <= last; k++) {
    const refs = stage.tags[columns[k]]
    for (let r = 0; r < rows; r++) {
      let h = k === 0 ? fnvOffset : out[r] | 0
      const start = base + refs[2 * r]
      const end = start + refs[2 * r + 1]
      for (let i = start; i < end; i++) h = Math.imul(h ^ u8[i], fnvPrime)
      h = Math.imul(h, fnvPrime)
      out[r] = k === last ? finalMix(h) : h
    }
  }
}

function finalMix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
