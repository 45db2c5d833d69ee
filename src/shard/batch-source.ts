/**
 * Makes chunks of the batches in slots: for one route, the rows of this shard, at most `maxChunkRows` at a time. Thread: shard
 * worker.
 *
 * A batch is wrapped as the Arrow RecordBatch it is (columns/arrow.ts) and read through its raw buffers; one of few rows is
 * read by offset, because wrapping it would cost more than its rows. Encoded columns are views of the slot where the chunk is
 * a run of all rows, gathers into scratch otherwise; everything else of a row is reachable through its line. The chunk and all
 * it points at are valid until the next `load`, and only while the slot is held.
 *
 *   scratch of a shard: 8192 rows × (times 12 + groups 4 + hashes 4 + 17 per encoded column) bytes
 */

import { BatchColumns, recordBatchOf } from '../columns/arrow.js'
import { type BatchOffsets, type BatchSchema, batchOffsets } from '../columns/batch-layout.js'
import { Chunk, type GroupInfo, maxChunkRows, type NamedColumn } from '../columns/chunk.js'
import { Column } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import { LineRows } from '../columns/line-rows.js'
import { msOf, subOf } from '../columns/time.js'
import type { Route } from '../transport/routes.js'
import type { SharedSlots } from '../transport/slots.js'

/** Arrow's wrapper, and views instead of copies, are cheaper only from this many rows on. */
const minViewRows = 64

/** The one group of rows that are not grouped. */
export const nilGrouping: GroupInfo = {
  byName: false,
  tagNames: () => [],
  tagValues: () => [],
  groupName: () => '',
  idText: () => '',
}

/** Views of the slots that the sources of a shard share. */
export class SlotViews {
  readonly data: SharedArrayBuffer
  readonly slotSize: number
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly u8: Uint8Array
  /** One view per slot: what string payloads and lines point into. */
  readonly slots: readonly Uint8Array[]

  constructor({ data, slots, slotBytes }: SharedSlots) {
    this.data = data
    this.slotSize = slotBytes
    this.i32 = new Int32Array(data)
    this.u32 = new Uint32Array(data)
    this.u8 = new Uint8Array(data)
    this.slots = Array.from({ length: slots }, (_, s) => new Uint8Array(data, s * slotBytes, slotBytes))
  }
}

export class BatchSource {
  readonly chunk: Chunk
  /** The route that nextRoute() stands on, and the number of rows that this shard has of it. */
  routeId = -1
  rows = 0
  private readonly i32: Int32Array
  private readonly u32: Uint32Array
  private readonly u8: Uint8Array
  private readonly scratch: Column[] = []
  private readonly hashes: Uint32Array
  private readonly lines = new LineRows()
  private base = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private schema!: BatchSchema
  private offsets!: BatchOffsets
  private batchRows = 0
  private routesLeft = 0
  /** i32 index behind the current route's record. */
  private word = 0
  private hashWord = -1
  /** i32 index of the row list; -1: all rows. */
  private list = -1
  private starts: Int32Array | null = null
  private lengths: Int32Array | null = null
  /** Raw buffers of the wrapped batch; null for one of few rows. */
  private columns: BatchColumns | null = null

  constructor(
    private readonly views: SlotViews,
    private readonly shard: number,
    private readonly shards: number,
    /** Longest chunk. */
    private readonly maxRows = maxChunkRows,
  ) {
    this.hashes = new Uint32Array(maxRows)
    this.i32 = views.i32
    this.u32 = views.u32
    this.u8 = views.u8
    this.chunk = new Chunk(nilGrouping, new Float64Array(maxRows), new Int32Array(maxRows), new Int32Array(maxRows))
  }

  /** Stands before the first route of a batch. */
  open(slot: number, offset: number, schema: BatchSchema): void {
    this.base = slot * this.views.slotSize
    this.bytes = this.views.slots[slot]
    this.schema = schema
    const header = (this.base + offset) >> 2
    this.batchRows = this.i32[header + 1]
    this.routesLeft = this.i32[header + 2]
    this.word = (this.base + this.i32[header + 3]) >> 2
    this.offsets = batchOffsets(schema, this.batchRows, offset)
    this.starts = null
    this.lengths = null
    this.columns =
      this.batchRows < minViewRows
        ? null
        : new BatchColumns(recordBatchOf(this.views.data, this.base, offset, schema), schema)
  }

  /** Goes to the next route that has rows for this shard. False: there is none left. */
  nextRoute(): boolean {
    const { i32 } = this
    while (this.routesLeft > 0) {
      this.routesLeft--
      this.routeId = i32[this.word]
      const hashed = i32[this.word + 1] === 1
      this.hashWord = hashed ? this.word + 2 : -1
      let w = this.word + 2 + (hashed ? this.batchRows : 0)
      this.rows = 0
      for (let s = 0; s < this.shards; s++) {
        const count = i32[w++]
        if (s === this.shard) {
          this.rows = count < 0 ? this.batchRows : count
          this.list = count < 0 ? -1 : w
        }
        if (count > 0) w += count
      }
      this.word = (w + 1) & ~1
      if (this.rows > 0) return true
    }
    return false
  }

  /** First byte of the line of a row of the current route, relative to the slot: the order of the rows as written. */
  lineStartOf(row: number): number {
    const i = this.list < 0 ? row : this.i32[this.list + row]
    return this.i32[((this.base + this.offsets.lineStarts) >> 2) + i]
  }

  /** Rows [from, to) of the current route, at most the longest chunk, as a chunk. `route` names the tags of the hashes. */
  load(from: number, route: Route | null, to = this.rows): Chunk {
    const { chunk, schema } = this
    const n = Math.min(to - from, this.maxRows)
    chunk.n = n
    chunk.name = schema.name
    chunk.db = schema.db
    chunk.rp = schema.rp
    const rows = this.list < 0 ? null : this.i32.subarray(this.list + from, this.list + from + n)
    this.loadTimes(rows, from, n)
    this.loadLines(rows, from, n)
    this.loadHashes(rows, from, n, route)
    const fields: NamedColumn[] = []
    const tags: NamedColumn[] = []
    let next = 0
    for (let c = 0; c < schema.fields.length; c++)
      fields.push({ name: schema.fields[c], column: this.fieldColumn(c, rows, from, n, next++) })
    for (let c = 0; c < schema.tags.length; c++)
      tags.push({ name: schema.tags[c], column: this.tagColumn(c, rows, from, n, next++) })
    chunk.fields = fields
    chunk.tags = tags
    return chunk
  }

  private loadTimes(rows: Int32Array | null, from: number, n: number): void {
    const { ms, sub } = this.chunk
    const i32 = this.columns === null ? this.i32 : this.columns.times
    const w = this.columns === null ? (this.base + this.offsets.times) >> 2 : 0
    for (let r = 0; r < n; r++) {
      const i = w + 2 * (rows === null ? from + r : rows[r])
      const lo = i32[i]
      const m = msOf(lo, i32[i + 1])
      ms[r] = m
      sub[r] = subOf(lo, m)
    }
  }

  private loadLines(rows: Int32Array | null, from: number, n: number): void {
    const { chunk } = this
    if (this.columns !== null) {
      this.starts = this.columns.lineStarts
      this.lengths = this.columns.lineLengths
    } else if (this.starts === null || this.lengths === null) {
      const s = (this.base + this.offsets.lineStarts) >> 2
      const l = (this.base + this.offsets.lineLengths) >> 2
      this.starts = this.i32.subarray(s, s + this.batchRows)
      this.lengths = this.i32.subarray(l, l + this.batchRows)
    }
    if (rows === null && from > 0)
      this.lines.reset(this.bytes, 0, this.starts.subarray(from, from + n), this.lengths.subarray(from, from + n))
    else this.lines.reset(this.bytes, 0, this.starts, this.lengths)
    chunk.rest = this.lines
    chunk.restIndex = rows
  }

  private loadHashes(rows: Int32Array | null, from: number, n: number, route: Route | null): void {
    const { chunk } = this
    if (this.hashWord < 0 || route === null || route.partition.kind !== 'tags') {
      chunk.hashes = null
      chunk.hashedTags = null
      return
    }
    chunk.hashedTags = route.partition.tags
    if (rows === null) {
      chunk.hashes = this.u32.subarray(this.hashWord + from, this.hashWord + from + n)
      return
    }
    const { u32, hashes, hashWord } = this
    for (let r = 0; r < n; r++) hashes[r] = u32[hashWord + rows[r]]
    chunk.hashes = hashes
  }

  private fieldColumn(c: number, rows: Int32Array | null, from: number, n: number, scratch: number): Column {
    const { columns } = this
    if (columns !== null && rows === null && n >= minViewRows) {
      const view = new Column(
        columns.kinds[c].subarray(from, from + n),
        columns.f64[c].subarray(from, from + n),
        columns.i32[c].subarray(2 * from, 2 * (from + n)),
      )
      view.bytes = this.bytes
      return view
    }
    const out = this.scratchColumn(scratch)
    const u8 = columns === null ? this.u8 : columns.kinds[c]
    const i32 = columns === null ? this.i32 : columns.i32[c]
    const k = columns === null ? this.base + this.offsets.kinds[c] : 0
    const w = columns === null ? (this.base + this.offsets.payloads[c]) >> 2 : 0
    for (let r = 0; r < n; r++) {
      const row = rows === null ? from + r : rows[r]
      out.kinds[r] = u8[k + row]
      out.i32[2 * r] = i32[w + 2 * row]
      out.i32[2 * r + 1] = i32[w + 2 * row + 1]
    }
    return out
  }

  private tagColumn(c: number, rows: Int32Array | null, from: number, n: number, scratch: number): Column {
    const out = this.scratchColumn(scratch)
    const i32 = this.columns === null ? this.i32 : this.columns.tags[c]
    const w = this.columns === null ? (this.base + this.offsets.tags[c]) >> 2 : 0
    for (let r = 0; r < n; r++) {
      const i = w + 2 * (rows === null ? from + r : rows[r])
      const length = i32[i + 1]
      out.kinds[r] = length < 0 ? Kind.Missing : Kind.String
      out.i32[2 * r] = i32[i]
      out.i32[2 * r + 1] = length
    }
    return out
  }

  private scratchColumn(i: number): Column {
    while (this.scratch.length <= i) this.scratch.push(Column.alloc(this.maxRows))
    const c = this.scratch[i]
    c.bytes = this.bytes
    return c
  }
}
