/**
 * Rows of one table on their way into the slot being filled. Thread: main.
 *
 * The scanner writes columns here, because the layout of a batch depends on its number of rows; `writeBatch` (batch-write.ts)
 * copies them into the slot. Offsets are relative to the slot already. Invariant: cells at and beyond `rows` are Missing.
 * Stages are pooled: only tables with rows in the current slot have one.
 */
import type { BatchSchema } from '../columns/batch-layout.js'
import type { Route } from '../transport/routes.js'

const initialRows = 16

/** A route as the scanner follows it. */
export interface TableRoute {
  readonly route: Route
  /** 'tags': the columns of the partition tags, in tag order. */
  readonly columns: readonly number[]
  /** 'series': which of the table's series hashes this route uses; -1 otherwise. */
  readonly seriesHash: number
}

/** What a stage knows of the table whose rows it holds. */
export interface StagedTable {
  readonly schema: BatchSchema | null
  readonly routes: readonly TableRoute[]
  /** Distinct `exclude` lists of the 'series' routes. */
  readonly seriesExcludes: readonly (readonly string[])[]
  stage: BatchStage | null
}

export class BatchStage {
  table!: StagedTable
  rows = 0
  capacity = initialRows
  /** Bytes that one row, and the batch without rows, take in the slot at most. */
  rowBytes = 0
  fixedBytes = 0
  /** Rows at the last mark, valid while `markId` is the writer's. */
  markRows = 0
  markId = -1
  /** int64 ns as word pairs. */
  times = new Int32Array(2 * initialRows)
  lineStarts = new Int32Array(initialRows)
  lineLengths = new Int32Array(initialRows)
  /** Per tag column pairs of offset, length (-1: absent). */
  readonly tags: Int32Array[] = []
  readonly f64: Float64Array[] = []
  readonly i32: Int32Array[] = []
  readonly kinds: Uint8Array[] = []
  /** Per distinct `exclude` of series routes: mixed hash. */
  readonly seriesHashes: Uint32Array[] = []
  /** Columns of the arrays above in use. */
  tagColumns = 0
  fieldColumns = 0

  attach(table: StagedTable, shards: number): void {
    this.table = table
    this.rows = 0
    this.markId = -1
    const schema = table.schema!
    this.tagColumns = schema.tags.length
    this.fieldColumns = schema.fields.length
    while (this.tags.length < this.tagColumns) this.tags.push(new Int32Array(2 * this.capacity).fill(-1))
    while (this.kinds.length < this.fieldColumns) {
      const payload = new ArrayBuffer(8 * this.capacity)
      this.f64.push(new Float64Array(payload))
      this.i32.push(new Int32Array(payload))
      this.kinds.push(new Uint8Array(this.capacity))
    }
    while (this.seriesHashes.length < table.seriesExcludes.length)
      this.seriesHashes.push(new Uint32Array(this.capacity))
    this.rowBytes = 16 + 8 * this.tagColumns + 9 * this.fieldColumns + 8 * table.routes.length
    // Alignment takes up to 7 bytes per section; each route has its header and a count per shard.
    this.fixedBytes = 40 + 16 + 8 * this.fieldColumns + table.routes.length * (24 + 4 * shards)
  }

  grow(): void {
    const n = this.capacity * 2
    this.capacity = n
    this.times = grown(this.times, new Int32Array(2 * n))
    this.lineStarts = grown(this.lineStarts, new Int32Array(n))
    this.lineLengths = grown(this.lineLengths, new Int32Array(n))
    for (let i = 0; i < this.tags.length; i++) this.tags[i] = grown(this.tags[i], new Int32Array(2 * n).fill(-1))
    for (let i = 0; i < this.kinds.length; i++) {
      const payload = new ArrayBuffer(8 * n)
      this.f64[i] = grown(this.f64[i], new Float64Array(payload))
      this.i32[i] = new Int32Array(payload)
      this.kinds[i] = grown(this.kinds[i], new Uint8Array(n))
    }
    for (let i = 0; i < this.seriesHashes.length; i++)
      this.seriesHashes[i] = grown(this.seriesHashes[i], new Uint32Array(n))
  }

  /** Makes rows [from, to) Missing. */
  clear(from: number, to: number): void {
    for (let i = 0; i < this.tagColumns; i++) this.tags[i].fill(-1, 2 * from, 2 * to)
    for (let i = 0; i < this.fieldColumns; i++) this.kinds[i].fill(0, from, to)
  }
}

function grown<T extends Int32Array | Uint32Array | Uint8Array | Float64Array>(old: T, to: T): T {
  to.set(old)
  return to
}

/** Stages not in use; a few large ones at most are kept. */
export class StagePool {
  private readonly free: BatchStage[] = []

  take(): BatchStage {
    return this.free.pop() ?? new BatchStage()
  }

  give(stage: BatchStage): void {
    stage.clear(0, stage.rows)
    stage.rows = 0
    stage.table.stage = null
    if (this.free.length < 64 || (this.free.length < 4096 && stage.capacity <= 64)) this.free.push(stage)
  }
}
