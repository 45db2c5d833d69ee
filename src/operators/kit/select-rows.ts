/**
 * Builds compacted chunks: the rows of a chunk that pass a filter, gathered into columns that are allocated once and reused.
 * Thread: shard worker.
 *
 * Invariants: rows keep their order; windows stay, also when empty; `rest` is shared, reached through a composed restIndex;
 * string payloads stay offsets into the source's bytes. A selector may be applied to its own output: rows only move towards
 * lower numbers, so gathering in place is safe. The result is valid until the selector's next use.
 */
import { Chunk, maxChunkRows, type Windows } from '../../columns/chunk.js'
import { Column } from '../../columns/column.js'

/** Copies rows[0 … n) of `from` to the first n rows of `to`. Both may be the same column. */
export function gatherColumn(from: Column, rows: Int32Array, n: number, to: Column): void {
  const kinds = from.kinds
  const words = from.i32
  const outKinds = to.kinds
  const outWords = to.i32
  for (let k = 0; k < n; k++) {
    const r = rows[k]
    outKinds[k] = kinds[r]
    // Not as f64: an int64 whose bits are those of a NaN could be changed by the copy.
    outWords[2 * k] = words[2 * r]
    outWords[2 * k + 1] = words[2 * r + 1]
  }
  to.bytes = from.bytes
  to.markers = from.markers
}

/** Row → group of a chunk of either edge type. On a batch edge the rows take their window's group. */
export class RowGroups {
  private scratch = new Int32Array(0)

  of(chunk: Chunk): Int32Array {
    const w = chunk.windows
    if (w === null) return chunk.groups
    if (this.scratch.length < chunk.n) this.scratch = new Int32Array(Math.max(chunk.n, 256))
    for (let i = 0; i < w.n; i++) this.scratch.fill(w.groups[i], w.starts[i], w.ends[i])
    return this.scratch
  }
}

export class RowSelector {
  /** The rows chosen by the last `keep` that gathered. */
  rows = new Int32Array(0)
  private pool: Column[] = []
  private capacity = 0
  private ms = new Float64Array(0)
  private sub = new Int32Array(0)
  private groups = new Int32Array(0)
  private restIndex = new Int32Array(0)
  private hashes = new Uint32Array(0)
  private starts = new Int32Array(0)
  private ends = new Int32Array(0)

  /**
   * The rows with keep[row] = 1. All of them: the same chunk; none on a stream edge: null. On a batch edge rows outside of
   * the windows' ranges are left behind.
   */
  keep(chunk: Chunk, keep: Uint8Array): Chunk | null {
    const n = chunk.n
    let kept = 0
    for (let r = 0; r < n; r++) kept += keep[r] === 1 ? 1 : 0
    if (kept === n) return chunk
    if (chunk.windows !== null) return this.keepInWindows(chunk, chunk.windows, keep)
    if (kept === 0) return null
    this.reserveRows(kept)
    const rows = this.rows
    let k = 0
    for (let r = 0; r < n; r++) if (keep[r] === 1) rows[k++] = r
    return this.select(chunk, rows, kept)
  }

  /** A chunk of rows[0 … n) of `chunk`, ascending. Windows are taken over as they are: use `keep` on a batch edge. */
  select(chunk: Chunk, rows: Int32Array, n: number): Chunk {
    this.reserve(n)
    const ms = this.ms
    const sub = this.sub
    const groups = this.groups
    for (let k = 0; k < n; k++) {
      const r = rows[k]
      ms[k] = chunk.ms[r]
      sub[k] = chunk.sub[r]
      groups[k] = chunk.groups[r]
    }
    const out = new Chunk(chunk.grouping, ms, sub, groups)
    out.n = n
    out.name = chunk.name
    out.db = chunk.db
    out.rp = chunk.rp
    out.rest = chunk.rest
    out.restFields = chunk.restFields
    out.restTags = chunk.restTags
    out.hiddenFields = chunk.hiddenFields
    out.hiddenTags = chunk.hiddenTags
    out.groupTags = chunk.groupTags
    out.windows = chunk.windows
    if (chunk.rest !== null) {
      const from = chunk.restIndex
      const index = this.restIndex
      if (from === null) for (let k = 0; k < n; k++) index[k] = rows[k]
      else for (let k = 0; k < n; k++) index[k] = from[rows[k]]
      out.restIndex = index
    }
    if (chunk.hashes !== null) {
      for (let k = 0; k < n; k++) this.hashes[k] = chunk.hashes[rows[k]]
      out.hashes = this.hashes
      out.hashedTags = chunk.hashedTags
    }
    let next = 0
    const inUse = this.poolColumnsOf(chunk)
    const target = (from: Column): Column => {
      if (this.pool.includes(from)) return from
      while (next < this.pool.length && inUse.includes(this.pool[next])) next++
      if (next === this.pool.length) this.pool.push(Column.alloc(this.capacity))
      return this.pool[next++]
    }
    for (const { name, column } of chunk.fields) {
      const to = target(column)
      gatherColumn(column, rows, n, to)
      out.fields.push({ name, column: to })
    }
    for (const { name, column } of chunk.tags) {
      const to = target(column)
      gatherColumn(column, rows, n, to)
      out.tags.push({ name, column: to })
    }
    return out
  }

  private keepInWindows(chunk: Chunk, windows: Windows, keep: Uint8Array): Chunk {
    let total = 0
    for (let w = 0; w < windows.n; w++) total += windows.ends[w] - windows.starts[w]
    this.reserveRows(total)
    if (this.starts.length < windows.n) {
      this.starts = new Int32Array(windows.n * 2)
      this.ends = new Int32Array(windows.n * 2)
    }
    const rows = this.rows
    let k = 0
    for (let w = 0; w < windows.n; w++) {
      const from = windows.starts[w]
      const to = windows.ends[w]
      this.starts[w] = k
      for (let r = from; r < to; r++) if (keep[r] === 1) rows[k++] = r
      this.ends[w] = k
    }
    const out = this.select(chunk, rows, k)
    const { n, groups, ms, sub } = windows
    out.windows = { n, groups, ms, sub, starts: this.starts, ends: this.ends }
    return out
  }

  private poolColumnsOf(chunk: Chunk): Column[] {
    const used: Column[] = []
    for (const f of chunk.fields) if (this.pool.includes(f.column)) used.push(f.column)
    for (const t of chunk.tags) if (this.pool.includes(t.column)) used.push(t.column)
    return used
  }

  private reserveRows(n: number): void {
    if (this.rows.length < n) this.rows = new Int32Array(Math.max(n, maxChunkRows))
  }

  private reserve(n: number): void {
    if (this.capacity >= n && this.capacity > 0) return
    // The old arrays stay with the chunk that may still be read: they are replaced, not resized.
    this.capacity = Math.max(n, maxChunkRows)
    this.ms = new Float64Array(this.capacity)
    this.sub = new Int32Array(this.capacity)
    this.groups = new Int32Array(this.capacity)
    this.restIndex = new Int32Array(this.capacity)
    this.hashes = new Uint32Array(this.capacity)
    this.pool = []
  }
}
