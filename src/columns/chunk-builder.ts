/**
 * Builds the chunks that an operator emits, in columns that are allocated once and reused. Thread: shard worker.
 *
 *   stream edge:  begin(name, …)  { r = row(ms, sub, group); columns[k].setFloat(r, v) … }  flush()
 *   batch edge:   begin(name, …)  { beginWindow(group, ms, sub) { r = row(…); … } endWindow() }  flush()
 *
 * Invariants: a row starts with every cell Missing. Rows are emitted in the order they were added. `begin` and `row` emit by
 * themselves when the name changes or the chunk is full, but never inside a window: a window longer than a chunk makes the
 * columns grow. A column's string bytes belong to it and are reused once the chunk has been emitted.
 */
import { Chunk, type GroupInfo, maxChunkRows, type NamedColumn, type Windows } from './chunk.js'
import { Column } from './column.js'
import { Kind } from './kinds.js'
import { PackedRows } from './packed-rows.js'

const noGroups: GroupInfo = {
  tagNames: () => [],
  tagValues: () => [],
  byName: false,
  groupName: () => '',
  idText: () => '',
}

/** One output column. `column` is replaced when the chunk grows: read it again after `row`. */
export class OutColumn {
  column: Column
  /** Number of the chunk that last asked for this column by name. */
  asked = 0
  /** String bytes used. */
  private used = 0

  constructor(
    readonly name: string,
    capacity: number,
  ) {
    this.column = Column.alloc(capacity)
  }

  /** An int64 as two words. */
  setInt(row: number, lo: number, hi: number): void {
    const c = this.column
    c.kinds[row] = Kind.Int
    c.i32[2 * row] = lo
    c.i32[2 * row + 1] = hi
  }

  setFloat(row: number, v: number): void {
    const c = this.column
    c.kinds[row] = Kind.Float
    c.f64[row] = v
  }

  setBool(row: number, v: boolean): void {
    const c = this.column
    c.kinds[row] = Kind.Bool
    c.i32[2 * row] = v ? 1 : 0
    c.i32[2 * row + 1] = 0
  }

  setKind(row: number, kind: Kind): void {
    this.column.kinds[row] = kind
  }

  /** A payload of any kind but String, as two words. */
  setWords(row: number, kind: number, lo: number, hi: number): void {
    const c = this.column
    c.kinds[row] = kind
    c.i32[2 * row] = lo
    c.i32[2 * row + 1] = hi
  }

  /** Copies UTF-8 bytes. */
  setString(row: number, src: Uint8Array, offset: number, length: number): void {
    const at = this.addBytes(src, offset, length)
    const c = this.column
    c.kinds[row] = Kind.String
    c.i32[2 * row] = at
    c.i32[2 * row + 1] = length
  }

  /** The same string as in an earlier row of this chunk. */
  repeatString(row: number, earlier: number): void {
    const c = this.column
    c.kinds[row] = Kind.String
    c.i32[2 * row] = c.i32[2 * earlier]
    c.i32[2 * row + 1] = c.i32[2 * earlier + 1]
  }

  /** Copies a cell of another column, string bytes included. */
  copy(row: number, from: Column, fromRow: number): void {
    if (from.kinds[fromRow] === Kind.String) {
      this.setString(row, from.bytes, from.i32[2 * fromRow], from.i32[2 * fromRow + 1])
    } else this.column.copyCell(row, from, fromRow)
  }

  /** Copies bytes in; returns where. */
  addBytes(src: Uint8Array, offset: number, length: number): number {
    const at = this.used
    if (at + length > this.column.bytes.length) this.growBytes(at + length)
    const bytes = this.column.bytes
    if (length < 48) for (let i = 0; i < length; i++) bytes[at + i] = src[offset + i]
    else bytes.set(src.subarray(offset, offset + length), at)
    this.used = at + length
    return at
  }

  /** Forgets the rows; the first `rows` kinds become Missing. */
  reset(rows: number): void {
    this.column.kinds.fill(0, 0, rows)
    this.used = 0
    // One chunk with very long strings must not keep its memory for ever.
    if (this.column.bytes.length > 4 * 1024 * 1024) this.column.bytes = new Uint8Array(0)
  }

  /** Other capacity, keeping the first `rows` rows. */
  resize(capacity: number, rows: number): void {
    const c = Column.alloc(capacity)
    c.kinds.set(this.column.kinds.subarray(0, rows))
    c.i32.set(this.column.i32.subarray(0, 2 * rows))
    c.bytes = this.column.bytes
    this.column = c
  }

  private growBytes(need: number): void {
    const bytes = new Uint8Array(Math.max(need, this.column.bytes.length * 2, 1024))
    bytes.set(this.column.bytes.subarray(0, this.used))
    this.column.bytes = bytes
  }
}

export interface ChunkBuilderOptions {
  /** Fields and tags known beforehand; more can be added by `field` and `tag`. */
  readonly fields?: readonly string[]
  readonly tags?: readonly string[]
  /** Rows of a batch edge. */
  readonly batch?: boolean
  /** Rows carry their group's tags (Chunk.groupTags). */
  readonly groupTags?: boolean
  /** Rows carry packed cells (`rest`) with fields, tags or both. */
  readonly rest?: { readonly fields: boolean; readonly tags: boolean }
}

export class ChunkBuilder {
  /** Rows so far. */
  n = 0
  readonly fields: OutColumn[] = []
  readonly tags: OutColumn[] = []
  readonly rest: PackedRows | null
  private readonly batch: boolean
  private capacity: number
  private chunk: Chunk
  private windows: Windows | null = null
  private inWindow = false
  private readonly fixedFields: number
  private readonly fixedTags: number
  private chunkNumber = 1

  /** `limit`: rows at which a chunk is full. The columns start small and grow to it. */
  constructor(
    private readonly options: ChunkBuilderOptions,
    private readonly emit: (chunk: Chunk) => void,
    private readonly limit = maxChunkRows,
  ) {
    this.batch = options.batch === true
    this.capacity = Math.min(256, limit)
    this.rest = options.rest === undefined ? null : new PackedRows()
    for (const name of options.fields ?? []) this.fields.push(new OutColumn(name, this.capacity))
    for (const name of options.tags ?? []) this.tags.push(new OutColumn(name, this.capacity))
    this.fixedFields = this.fields.length
    this.fixedTags = this.tags.length
    this.chunk = this.newChunk(noGroups)
    if (this.batch) this.windows = newWindows(64)
  }

  get name(): string {
    return this.chunk.name
  }

  get ms(): Float64Array {
    return this.chunk.ms
  }

  get sub(): Int32Array {
    return this.chunk.sub
  }

  /** What the next rows (windows) belong to. Emits what is there when that changes. */
  begin(name: string, db: string, rp: string, grouping: GroupInfo): void {
    const c = this.chunk
    if (c.grouping === grouping && c.name === name && c.db === db && c.rp === rp) return
    this.flush()
    c.name = name
    c.db = db
    c.rp = rp
    c.grouping = grouping
  }

  /** Adds a row; returns its number. */
  row(ms: number, sub: number, group: number): number {
    if (this.n === this.capacity) this.makeRoom()
    const c = this.chunk
    const r = this.n++
    c.ms[r] = ms
    c.sub[r] = sub
    c.groups[r] = group
    return r
  }

  beginWindow(group: number, ms: number, sub: number): void {
    // A window is not split, so a chunk is closed early rather than grown by the next window.
    if (this.n >= this.limit) this.flush()
    const w = this.windows!
    if (w.n === w.groups.length) this.windows = grownWindows(w)
    const x = this.windows!
    x.groups[x.n] = group
    x.ms[x.n] = ms
    x.sub[x.n] = sub
    x.starts[x.n] = this.n
    this.inWindow = true
  }

  /** tmax of the open window may still change until it ends. */
  raiseWindow(ms: number, sub: number): void {
    const w = this.windows!
    if (ms > w.ms[w.n] || (ms === w.ms[w.n] && sub > w.sub[w.n])) {
      w.ms[w.n] = ms
      w.sub[w.n] = sub
    }
  }

  endWindow(): void {
    const w = this.windows!
    w.ends[w.n++] = this.n
    this.inWindow = false
    if (this.n >= this.limit || w.n >= this.limit) this.flush()
  }

  /** The column of a field, added when new. One that nobody asked for during a whole chunk goes away: do not keep it. */
  field(name: string): OutColumn {
    return this.named(this.fields, name)
  }

  tag(name: string): OutColumn {
    return this.named(this.tags, name)
  }

  /** Emits the rows (windows) so far. Not inside a window. */
  flush(): void {
    const c = this.chunk
    const n = this.n
    if (this.batch ? this.windows!.n === 0 : n === 0) return
    c.n = n
    c.fields = named(this.fields)
    c.tags = named(this.tags)
    c.windows = this.windows
    c.rest = this.rest
    this.emit(c)
    for (const f of this.fields) f.reset(n)
    for (const t of this.tags) t.reset(n)
    if (this.fields.length > this.fixedFields) this.dropUnused(this.fields, this.fixedFields)
    if (this.tags.length > this.fixedTags) this.dropUnused(this.tags, this.fixedTags)
    this.chunkNumber++
    this.rest?.reset()
    this.n = 0
    if (this.windows !== null) this.windows.n = 0
    // One very long window must not keep its memory for ever.
    if (this.capacity > 4 * this.limit) this.resize(this.limit, 0)
  }

  private makeRoom(): void {
    if (this.capacity >= this.limit && !this.inWindow) {
      this.flush()
      return
    }
    this.resize(this.capacity * 2, this.n)
  }

  private resize(capacity: number, rows: number): void {
    const old = this.chunk
    this.capacity = capacity
    for (const f of this.fields) f.resize(capacity, rows)
    for (const t of this.tags) t.resize(capacity, rows)
    const c = this.newChunk(old.grouping)
    c.name = old.name
    c.db = old.db
    c.rp = old.rp
    c.ms.set(old.ms.subarray(0, rows))
    c.sub.set(old.sub.subarray(0, rows))
    c.groups.set(old.groups.subarray(0, rows))
    this.chunk = c
  }

  private newChunk(grouping: GroupInfo): Chunk {
    const n = this.capacity
    const c = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    c.groupTags = this.options.groupTags === true
    c.restFields = this.options.rest?.fields === true
    c.restTags = this.options.rest?.tags === true
    return c
  }

  private named(list: OutColumn[], name: string): OutColumn {
    for (const c of list) {
      if (c.name !== name) continue
      c.asked = this.chunkNumber
      return c
    }
    const c = new OutColumn(name, this.capacity)
    c.asked = this.chunkNumber
    list.push(c)
    return c
  }

  private dropUnused(list: OutColumn[], fixed: number): void {
    let to = fixed
    for (let i = fixed; i < list.length; i++) if (list[i].asked === this.chunkNumber) list[to++] = list[i]
    list.length = to
  }
}

function named(list: readonly OutColumn[]): NamedColumn[] {
  const out: NamedColumn[] = []
  for (const c of list) out.push({ name: c.name, column: c.column })
  return out
}

function newWindows(capacity: number): Windows {
  return {
    n: 0,
    groups: new Int32Array(capacity),
    ms: new Float64Array(capacity),
    sub: new Int32Array(capacity),
    starts: new Int32Array(capacity),
    ends: new Int32Array(capacity),
  }
}

function grownWindows(w: Windows): Windows {
  const g = newWindows(w.groups.length * 2)
  g.n = w.n
  g.groups.set(w.groups)
  g.ms.set(w.ms)
  g.sub.set(w.sub)
  g.starts.set(w.starts)
  g.ends.set(w.ends)
  return g
}
