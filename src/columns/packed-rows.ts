/**
 * Cells of rows that no column holds, packed into bytes: what an operator keeps of a whole point, and what it hands on as
 * `rest` of the chunks it emits.
 *
 *   row     varint count of tags, per tag: name, value; then per field: name, kind byte, payload (to the end of the row)
 *   name, value   varint byte length, UTF-8
 *   payload       Int, Float, Duration, Time: 8 bytes, little endian; Bool: 1 byte; String: as a value; Null: nothing;
 *                 TextKind (numbers from a line): their text, as a value
 *
 * Of equal tag names the first counts, of equal field names the last, as in lines. Missing cells are left out. Thread: any, without shared state.
 */
import type { Chunk, NamedColumn, RestRows } from './chunk.js'
import { type Column, decodeUtf8, encodeUtf8, setInt64 } from './column.js'
import { Kind } from './kinds.js'
import { LineRows } from './line-rows.js'
import { packLineFields, packLineTags, TextKind } from './packed-lines.js'
import type { RowScratch } from './row-scratch.js'
import { Duration, kindOf, missing, Timestamp, type Value } from './values.js'

/** What `packRow` packs. */
export interface PackPlan {
  readonly fields: boolean
  readonly tags: boolean
  /** Names that are kept elsewhere. */
  readonly skipFields: readonly string[]
  readonly skipTags: readonly string[]
}

const wordBytes = new ArrayBuffer(8)
const wordsI32 = new Int32Array(wordBytes)
const wordsF64 = new Float64Array(wordBytes)

/** Encoded names of what `rest` must not give: columns, hidden and skipped ones. The same lists come for a whole chunk. */
class ExceptNames {
  private readonly columns: string[] = []
  private hidden: readonly string[] = []
  private skip: readonly string[] = []
  private names: readonly Uint8Array[] = []

  of(columns: readonly NamedColumn[], hidden: readonly string[], skip: readonly string[]): readonly Uint8Array[] {
    let same = hidden === this.hidden && skip === this.skip && columns.length === this.columns.length
    for (let i = 0; same && i < columns.length; i++) same = columns[i].name === this.columns[i]
    if (same) return this.names
    this.columns.length = 0
    for (const c of columns) this.columns.push(c.name)
    this.hidden = hidden
    this.skip = skip
    this.names = [...new Set([...this.columns, ...hidden, ...skip])].map(encodeUtf8)
    return this.names
  }
}

const exceptTags = new ExceptNames()
const exceptFields = new ExceptNames()

/**
 * Packs the cells of one row of a chunk into `scratch` (which is reset) and returns the length. `group` as in Chunk.tagsOf.
 */
export function packRow(chunk: Chunk, row: number, group: number, plan: PackPlan, scratch: RowScratch): number {
  scratch.reset()
  if (plan.tags) packTags(chunk, row, group, plan, scratch)
  else scratch.byte(0)
  if (plan.fields) packFields(chunk, row, plan, scratch)
  return scratch.length
}

function packTags(chunk: Chunk, row: number, group: number, plan: PackPlan, out: RowScratch): void {
  const countAt = out.length
  out.byte(0)
  let count = 0
  for (const { name, column } of chunk.tags) {
    if (column.kinds[row] !== Kind.String || plan.skipTags.includes(name)) continue
    out.name(name)
    out.text(column.bytes, column.i32[2 * row], column.i32[2 * row + 1])
    count++
  }
  if (chunk.groupTags) {
    const keys = chunk.grouping.tagNames(group)
    const values = chunk.grouping.tagValues(group)
    for (let i = 0; i < keys.length; i++) {
      if (!shows(chunk.tag(keys[i]), chunk.hiddenTags, plan.skipTags, keys[i])) continue
      out.name(keys[i])
      out.string(values[i])
      count++
    }
  } else if (chunk.rest instanceof LineRows && chunk.restTags) {
    const at = chunk.restIndex ? chunk.restIndex[row] : row
    const start = chunk.rest.lineStart(at)
    const except = exceptTags.of(chunk.tags, chunk.hiddenTags, plan.skipTags)
    count += packLineTags(chunk.rest.lineBytes, start, start + chunk.rest.lineLength(at), except, out)
  } else if (chunk.rest !== null && chunk.restTags) {
    const tags = new Map<string, string>()
    chunk.rest.readTags(chunk.restIndex ? chunk.restIndex[row] : row, tags)
    for (const [k, v] of tags) {
      if (!shows(chunk.tag(k), chunk.hiddenTags, plan.skipTags, k)) continue
      out.string(k)
      out.string(v)
      count++
    }
  }
  if (count < 128) out.bytes[countAt] = count
  else widenCount(out, countAt, count)
}

/** The place kept for the count was one byte; make it a longer varint. */
function widenCount(out: RowScratch, at: number, count: number): void {
  const tail = out.bytes.slice(at + 1, out.length)
  out.length = at
  out.varint(count)
  out.raw(tail, 0, tail.length)
}

function packFields(chunk: Chunk, row: number, plan: PackPlan, out: RowScratch): void {
  for (const { name, column } of chunk.fields) {
    if (column.kinds[row] === Kind.Missing || plan.skipFields.includes(name)) continue
    out.name(name)
    packCell(column, row, out)
  }
  if (chunk.rest === null || !chunk.restFields) return
  const at = chunk.restIndex ? chunk.restIndex[row] : row
  if (chunk.rest instanceof LineRows) {
    const start = chunk.rest.lineStart(at)
    const except = exceptFields.of(chunk.fields, chunk.hiddenFields, plan.skipFields)
    packLineFields(chunk.rest.lineBytes, start, start + chunk.rest.lineLength(at), except, out)
    return
  }
  const fields = new Map<string, Value>()
  chunk.rest.readFields(at, fields)
  for (const [k, v] of fields) {
    if (!shows(chunk.field(k), chunk.hiddenFields, plan.skipFields, k)) continue
    packField(k, v, out)
  }
}

function shows(column: Column | null, hidden: readonly string[], skip: readonly string[], name: string): boolean {
  return column === null && !hidden.includes(name) && !skip.includes(name)
}

function packCell(column: Column, row: number, out: RowScratch): void {
  const kind = column.kinds[row]
  out.byte(kind)
  const lo = column.i32[2 * row]
  const hi = column.i32[2 * row + 1]
  if (kind === Kind.String) out.text(column.bytes, lo, hi)
  else if (kind === Kind.Bool) out.byte(lo)
  else if (kind !== Kind.Null) out.words(lo, hi)
}

function packField(name: string, v: Value, out: RowScratch): void {
  if (v === missing) return
  out.string(name)
  out.byte(kindOf(v))
  if (typeof v === 'string') out.string(v)
  else if (typeof v === 'boolean') out.byte(v ? 1 : 0)
  else if (v !== null) {
    if (typeof v === 'number') wordsF64[0] = v
    else setInt64(wordsI32, 0, typeof v === 'bigint' ? v : v.ns)
    out.words(wordsI32[0], wordsI32[1])
  }
}

/** A reading position in packed bytes. */
class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  varint(): number {
    let v = 0
    for (let shift = 0; ; shift += 7) {
      const b = this.bytes[this.at++]
      v |= (b & 127) << shift
      if (b < 128) return v
    }
  }

  text(): string {
    const n = this.varint()
    const s = decodeUtf8(this.bytes, this.at, n)
    this.at += n
    return s
  }

  skipText(): void {
    const n = this.varint()
    this.at += n
  }

  words(): void {
    const b = this.bytes
    const o = this.at
    wordsI32[0] = b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24)
    wordsI32[1] = b[o + 4] | (b[o + 5] << 8) | (b[o + 6] << 16) | (b[o + 7] << 24)
    this.at = o + 8
  }

  value(kind: number): Value {
    switch (kind) {
      case Kind.String:
        return this.text()
      case Kind.Bool:
        return this.bytes[this.at++] !== 0
      case Kind.Null:
        return null
      case TextKind.Int:
        return BigInt(this.text())
      case TextKind.Float:
        return Number(this.text())
      case Kind.Float:
        this.words()
        return wordsF64[0]
      default: {
        this.words()
        const ns = (BigInt(wordsI32[1]) << 32n) | BigInt(wordsI32[0] >>> 0)
        return kind === Kind.Int ? ns : kind === Kind.Duration ? new Duration(ns) : new Timestamp(ns)
      }
    }
  }
}

/** Rows in packed form: row r is `lengths[r]` bytes of `bytes` from `starts[r]`; no bytes = no cells. */
export class PackedRows implements RestRows {
  bytes = new Uint8Array(0)
  starts = new Int32Array(0)
  lengths = new Int32Array(0)
  private used = 0
  private rows = 0

  /** Sets the packed bytes of a row; rows in between have no cells. */
  set(row: number, src: Uint8Array, offset: number, length: number): void {
    if (row >= this.starts.length) this.growRows(row + 1)
    if (this.used + length > this.bytes.length) this.growBytes(this.used + length)
    const at = this.used
    const bytes = this.bytes
    if (length < 48) for (let i = 0; i < length; i++) bytes[at + i] = src[offset + i]
    else bytes.set(src.subarray(offset, offset + length), at)
    this.starts[row] = at
    this.lengths[row] = length
    this.used = at + length
    if (row >= this.rows) this.rows = row + 1
  }

  reset(): void {
    this.lengths.fill(0, 0, this.rows)
    this.used = 0
    this.rows = 0
    // One chunk with very long rows must not keep its memory for ever.
    if (this.bytes.length > 16 * 1024 * 1024) this.bytes = new Uint8Array(0)
  }

  readTags(row: number, into: Map<string, string>): void {
    if (row >= this.rows || this.lengths[row] === 0) return
    const c = new Cursor(this.bytes, this.starts[row])
    for (let n = c.varint(); n > 0; n--) {
      const name = c.text()
      if (into.has(name)) c.skipText()
      else into.set(name, c.text())
    }
  }

  readFields(row: number, into: Map<string, Value>): void {
    if (row >= this.rows || this.lengths[row] === 0) return
    const end = this.starts[row] + this.lengths[row]
    const c = new Cursor(this.bytes, this.starts[row])
    for (let n = c.varint(); n > 0; n--) {
      c.skipText()
      c.skipText()
    }
    const own = into.size === 0 ? into : new Map<string, Value>()
    while (c.at < end) {
      const name = c.text()
      own.set(name, c.value(this.bytes[c.at++]))
    }
    if (own !== into) for (const [k, v] of own) if (!into.has(k)) into.set(k, v)
  }

  private growRows(need: number): void {
    const n = Math.max(need, this.starts.length * 2, 256)
    const starts = new Int32Array(n)
    const lengths = new Int32Array(n)
    starts.set(this.starts)
    lengths.set(this.lengths)
    this.starts = starts
    this.lengths = lengths
  }

  private growBytes(need: number): void {
    const bytes = new Uint8Array(Math.max(need, this.bytes.length * 2, 4096))
    bytes.set(this.bytes.subarray(0, this.used))
    this.bytes = bytes
  }
}
