/**
 * Rows of a chunk as line protocol: tags and fields sorted, int64 and ns exact, floats without exponent. Reads columns, the
 * bytes of lines, packed rows and group keys where they are; no strings or objects are made per row, except for numbers that
 * need their shortest form and for rests of other kinds. Thread: shard worker.
 *
 * Left out and counted in `skipped`: null and missing cells, NaN and infinities, which line protocol does not have. A row that
 * cannot be written (no field is left, a line feed in a name, …) adds nothing; `refusal` says why.
 *
 * Keys of a row are copied unescaped into one scratch, where they are compared; values stay where they are until they are
 * written. Of equal tag names the first counts, of equal field names the last.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { LineRows } from '../../columns/line-rows.js'
import { EscapeSet, LineTokens } from '../../columns/line-tokens.js'
import { TextKind } from '../../columns/packed-lines.js'
import { PackedRows } from '../../columns/packed-rows.js'
import { formatRfc3339, spanOf } from '../../columns/time.js'
import { Duration, kindOf, missing, type Value } from '../../columns/values.js'
import { goDuration } from '../../go/go-duration.js'
import { Grouping } from '../../state/grouping.js'
import { Entries, From, width } from './line-entries.js'
import { KeyScratch } from './line-keys.js'
import { LineText, type TimeUnit } from './line-text.js'

export interface LineEncoderOptions {
  /** '' = the name of the chunk. */
  readonly measurement: string
  /** Set on every row, over its own tags. */
  readonly tags: readonly (readonly [string, string])[]
  readonly unit: TimeUnit
  /** How a duration is written: as its text, or as an integer of ns. */
  readonly durations: 'text' | 'ns'
}

const backslash = 92

export class LineEncoder {
  readonly out: LineText
  /** Cells left out since the owner last set it to 0. */
  skipped = 0
  /** Why the last row was not written. */
  refusal = ''
  private readonly fixedName: Uint8Array | null
  private readonly fixedTags: readonly (readonly [Uint8Array, Uint8Array])[]
  private readonly durationsAsInt: boolean
  private readonly tags = new Entries()
  private readonly fields = new Entries()
  private readonly tokens = new LineTokens()
  /** Keys of the columns, then those of the row at hand. */
  private readonly keys = new KeyScratch()
  private columnKeys = 0
  private name: Uint8Array = new Uint8Array(0)
  /** Key ranges of chunk.tags and chunk.fields, and of the fixed tags. */
  private tagKeys: Int32Array = new Int32Array(0)
  private fieldKeys: Int32Array = new Int32Array(0)
  private fixedKeys = new Int32Array(0)
  private exceptTags: Uint8Array[] = []
  private exceptFields: Uint8Array[] = []
  private chunk!: Chunk
  private packedBytes: Uint8Array = new Uint8Array(0)
  private keyPage: Uint8Array = new Uint8Array(0)
  private at = 0
  private boxed: Value[] = []
  private wholeChunkRefusal = ''

  constructor(options: LineEncoderOptions) {
    this.out = new LineText(options.unit)
    this.fixedName = options.measurement === '' ? null : encodeUtf8(options.measurement)
    // Empty values are no tags, but they do hide the row's own.
    this.fixedTags = options.tags.map(([k, v]) => [encodeUtf8(k), encodeUtf8(v)] as const)
    this.durationsAsInt = options.durations === 'ns'
  }

  /** Rows of this chunk follow. Its memory is read until the next call. `ownName`: the measurement option does not count. */
  begin(chunk: Chunk, ownName = false): void {
    this.chunk = chunk
    this.name = ownName || this.fixedName === null ? this.keys.nameBytes(chunk.name) : this.fixedName
    this.wholeChunkRefusal = nameFault(this.name)
    this.keys.used = 0
    this.tagKeys = this.keys.putNames(chunk.tags, this.tagKeys)
    this.fieldKeys = this.keys.putNames(chunk.fields, this.fieldKeys)
    if (this.fixedKeys.length < 2 * this.fixedTags.length) this.fixedKeys = new Int32Array(2 * this.fixedTags.length)
    for (let i = 0; i < this.fixedTags.length; i++) {
      this.fixedKeys[2 * i] = this.keys.used
      this.keys.put(this.fixedTags[i][0], 0, this.fixedTags[i][0].length)
      this.fixedKeys[2 * i + 1] = this.keys.used
    }
    this.columnKeys = this.keys.used
    this.exceptTags = []
    for (const t of chunk.tags) this.exceptTags.push(this.keys.nameBytes(t.name))
    for (const t of chunk.hiddenTags) this.exceptTags.push(this.keys.nameBytes(t))
    for (const [k] of this.fixedTags) this.exceptTags.push(k)
    this.exceptFields = []
    for (const f of chunk.fields) this.exceptFields.push(this.keys.nameBytes(f.name))
    for (const f of chunk.hiddenFields) this.exceptFields.push(this.keys.nameBytes(f))
  }

  /** Appends the line of a row, its LF included. False: nothing was added, see `refusal`. `group` as in Chunk.tagsOf. */
  append(row: number, group: number): boolean {
    if (this.wholeChunkRefusal !== '') {
      this.refusal = this.wholeChunkRefusal
      return false
    }
    const { out } = this
    const start = out.length
    this.keys.used = this.columnKeys
    this.tags.n = 0
    this.fields.n = 0
    this.boxed.length = 0
    this.gather(row, group)
    this.tags.sort(this.keys.bytes)
    this.fields.sort(this.keys.bytes)
    out.measurement(this.name)
    if (this.writeTags(row) && this.writeFields(row)) {
      out.byte(32)
      out.time(this.chunk.ms[row], this.chunk.sub[row])
      out.byte(10)
      return true
    }
    out.length = start
    return false
  }

  private gather(row: number, group: number): void {
    const { chunk } = this
    for (let i = 0; i < this.fixedTags.length; i++) {
      if (this.fixedTags[i][1].length === 0) continue
      this.tags.add(this.fixedKeys[2 * i], this.fixedKeys[2 * i + 1])
      this.tags.setValue(From.Fixed, i, 0, Kind.String)
    }
    for (let i = 0; i < chunk.tags.length; i++) {
      const { column } = chunk.tags[i]
      if (column.kinds[row] !== Kind.String || column.i32[2 * row + 1] === 0) continue
      if (this.isFixed(this.tagKeys[2 * i], this.tagKeys[2 * i + 1])) continue
      this.tags.add(this.tagKeys[2 * i], this.tagKeys[2 * i + 1])
      this.tags.setValue(From.Column, i, 0, Kind.String)
    }
    for (let i = 0; i < chunk.fields.length; i++) {
      const { column } = chunk.fields[i]
      const kind = column.kinds[row]
      if (kind === Kind.Missing && !(column.markers && column.i32[2 * row] === 1)) continue
      this.fields.add(this.fieldKeys[2 * i], this.fieldKeys[2 * i + 1])
      this.fields.setValue(From.Column, i, 0, kind)
    }
    const { rest } = chunk
    if (chunk.groupTags) this.addGroupTags(chunk.grouping, group)
    if (rest === null) return
    const tags = chunk.restTags && !chunk.groupTags
    const at = chunk.restIndex === null ? row : chunk.restIndex[row]
    if (rest instanceof LineRows) this.addLine(rest, at, tags, chunk.restFields)
    else if (rest instanceof PackedRows) this.addPacked(rest, at, tags, chunk.restFields)
    else {
      if (tags) this.addTagMap(at)
      if (chunk.restFields) this.addFieldMap(at)
    }
  }

  // Sources

  private addLine(rest: LineRows, at: number, tags: boolean, fields: boolean): void {
    const { tokens } = this
    const b = rest.lineBytes
    const start = rest.lineStart(at)
    const end = start + rest.lineLength(at)
    tokens.readKey(b, start, end)
    if (tags) {
      for (let i = 0; i < tokens.tagCount; i++) {
        const o = 4 * i
        const k = this.keys.putEscaped(b, tokens.tags[o], tokens.tags[o + 1], EscapeSet.Tag)
        if (this.keys.isOneOf(k, this.exceptTags) || tokens.tags[o + 2] === tokens.tags[o + 3]) continue
        this.tags.add(k, this.keys.used)
        this.tags.setValue(From.Line, tokens.tags[o + 2], tokens.tags[o + 3], Kind.String)
      }
    }
    if (!fields) return
    tokens.readFields(b, tokens.keyEnd, end)
    for (let i = 0; i < tokens.fieldCount; i++) {
      const o = 5 * i
      const k = this.keys.putEscaped(b, tokens.fields[o], tokens.fields[o + 1], EscapeSet.Name)
      if (this.keys.isOneOf(k, this.exceptFields)) continue
      this.fields.add(k, this.keys.used)
      this.fields.setValue(From.Line, tokens.fields[o + 2], tokens.fields[o + 3], tokens.fields[o + 4])
    }
  }

  private addPacked(rest: PackedRows, at: number, tags: boolean, fields: boolean): void {
    const length = at < rest.lengths.length ? rest.lengths[at] : 0
    if (length === 0) return
    const b = rest.bytes
    this.packedBytes = b
    this.at = rest.starts[at]
    const end = this.at + length
    for (let n = this.varint(b); n > 0; n--) {
      const k = this.putPackedKey(b)
      const bytes = this.varint(b)
      const value = this.at
      this.at += bytes
      if (tags && bytes > 0 && !this.keys.isOneOf(k, this.exceptTags)) {
        this.tags.add(k, this.keys.used)
        this.tags.setValue(From.Packed, value, value + bytes, Kind.String)
      }
    }
    while (fields && this.at < end) {
      const k = this.putPackedKey(b)
      const kind = b[this.at++]
      let bytes = kind === Kind.Bool ? 1 : kind === Kind.Null ? 0 : 8
      if (kind === Kind.String || kind === TextKind.Int || kind === TextKind.Float) bytes = this.varint(b)
      const value = this.at
      this.at += bytes
      if (this.keys.isOneOf(k, this.exceptFields)) continue
      this.fields.add(k, this.keys.used)
      this.fields.setValue(From.Packed, value, value + bytes, kind)
    }
  }

  private addGroupTags(grouping: GroupInfo, group: number): void {
    if (!(grouping instanceof Grouping)) {
      const names = grouping.tagNames(group)
      const values = grouping.tagValues(group)
      for (let i = 0; i < names.length; i++) this.addText(names[i], values[i])
      return
    }
    const { dims } = grouping
    const [page, start, length] = grouping.keyBytes(group)
    this.keyPage = page
    let o = start
    if (grouping.byName) o += 2 + (page[o] | (page[o + 1] << 8))
    for (let i = 0; dims === null ? o < start + length : i < dims.length; i++) {
      const k = this.keys.used
      if (dims === null) {
        const n = page[o] | (page[o + 1] << 8)
        this.keys.put(page, o + 2, o + 2 + n)
        o += 2 + n
      } else {
        const name = this.keys.nameBytes(dims[i])
        this.keys.put(name, 0, name.length)
      }
      const n = page[o] | (page[o + 1] << 8)
      o += 2
      if (n > 0 && !this.keys.isOneOf(k, this.exceptTags)) {
        this.tags.add(k, this.keys.used)
        this.tags.setValue(From.Key, o, o + n, Kind.String)
      }
      o += n
    }
  }

  private addTagMap(at: number): void {
    const tags = new Map<string, string>()
    this.chunk.rest!.readTags(at, tags)
    for (const [k, v] of tags) this.addText(k, v)
  }

  private addText(name: string, value: string): void {
    const k = this.keys.used
    const key = this.keys.nameBytes(name)
    this.keys.put(key, 0, key.length)
    if (value === '' || this.keys.isOneOf(k, this.exceptTags)) return
    const keyEnd = this.keys.used
    const bytes = encodeUtf8(value)
    this.keys.put(bytes, 0, bytes.length)
    this.tags.add(k, keyEnd)
    this.tags.setValue(From.Scratch, keyEnd, this.keys.used, Kind.String)
  }

  private addFieldMap(at: number): void {
    const fields = new Map<string, Value>()
    this.chunk.rest!.readFields(at, fields)
    for (const [name, v] of fields) {
      const k = this.keys.used
      const key = this.keys.nameBytes(name)
      this.keys.put(key, 0, key.length)
      if (this.keys.isOneOf(k, this.exceptFields)) continue
      this.boxed.push(v)
      this.fields.add(k, this.keys.used)
      this.fields.setValue(From.Boxed, this.boxed.length - 1, 0, v === missing ? Kind.Missing : kindOf(v))
    }
  }

  // Output

  private writeTags(row: number): boolean {
    const { out, tags } = this
    const keys = this.keys.bytes
    for (let i = 0; i < tags.n; i++) {
      const e = tags.order[i]
      if (i > 0 && tags.compare(keys, tags.order[i - 1], e) === 0) continue
      const w = tags.words
      const o = width * e
      if (this.badKey(w[o], w[o + 1], 'tag')) return false
      out.byte(44)
      out.escaped(keys, w[o], w[o + 1], EscapeSet.Tag, false)
      out.byte(61)
      if (!this.writeTagValue(row, w[o + 2], w[o + 3], w[o + 4])) return false
    }
    return true
  }

  private writeTagValue(row: number, from: number, a: number, b: number): boolean {
    const { out } = this
    const start = out.length
    switch (from) {
      case From.Fixed: {
        const value = this.fixedTags[a][1]
        out.escaped(value, 0, value.length, EscapeSet.Tag, false)
        break
      }
      case From.Column: {
        const { column } = this.chunk.tags[a]
        const at = column.i32[2 * row]
        out.escaped(column.bytes, at, at + column.i32[2 * row + 1], EscapeSet.Tag, false)
        break
      }
      case From.Line:
        out.escaped((this.chunk.rest as LineRows).lineBytes, a, b, EscapeSet.Tag, true)
        break
      case From.Packed:
        out.escaped(this.packedBytes, a, b, EscapeSet.Tag, false)
        break
      case From.Key:
        out.escaped(this.keyPage, a, b, EscapeSet.Tag, false)
        break
      default:
        out.escaped(this.keys.bytes, a, b, EscapeSet.Tag, false)
    }
    if (out.bytes[out.length - 1] === backslash) return this.refuse('a tag value ends in a backslash')
    for (let i = start; i < out.length; i++) if (out.bytes[i] === 10) return this.refuse('line feed in a tag value')
    return true
  }

  private writeFields(row: number): boolean {
    const { out, fields } = this
    const keys = this.keys.bytes
    let written = 0
    for (let i = 0; i < fields.n; i++) {
      const e = fields.order[i]
      if (i + 1 < fields.n && fields.compare(keys, e, fields.order[i + 1]) === 0) continue
      const w = fields.words
      const o = width * e
      if (this.badKey(w[o], w[o + 1], 'field')) return false
      const start = out.length
      out.byte(written === 0 ? 32 : 44)
      out.escaped(keys, w[o], w[o + 1], EscapeSet.Name, false)
      out.byte(61)
      if (this.writeValue(row, w[o + 2], w[o + 3], w[o + 4], w[o + 5])) written++
      else {
        out.length = start
        this.skipped++
      }
    }
    return written > 0 || this.refuse('no field can be written')
  }

  /** False: line protocol has no such value. */
  private writeValue(row: number, from: number, a: number, b: number, kind: number): boolean {
    if (from === From.Column) return this.writeCell(this.chunk.fields[a].column, row, kind)
    if (from === From.Boxed) return this.writeBoxed(this.boxed[a])
    const isLine = from === From.Line
    const src = isLine ? (this.chunk.rest as LineRows).lineBytes : this.packedBytes
    const { out } = this
    if (kind === Kind.String) out.quoted(src, a, b, isLine)
    else if (isLine) {
      if (kind === Kind.Int) out.intText(src, a, b)
      else if (kind === Kind.Bool) out.bool(src[a] === 116 || src[a] === 84)
      else out.floatText(src, a, b)
    } else if (kind === TextKind.Int) out.intText(src, a, b)
    else if (kind === TextKind.Float) out.floatText(src, a, b)
    else if (kind === Kind.Bool) out.bool(src[a] !== 0)
    else if (kind === Kind.Null) return false
    else return this.writeWords(kind, wordAt(src, a), wordAt(src, a + 4))
    return true
  }

  private writeCell(column: Column, row: number, kind: number): boolean {
    const lo = column.i32[2 * row]
    const hi = column.i32[2 * row + 1]
    if (kind === Kind.String) this.out.quoted(column.bytes, lo, lo + hi, false)
    else if (kind === Kind.Bool) this.out.bool(lo !== 0)
    else if (kind === Kind.Float) return this.out.float(column.f64[row])
    else if (kind === Kind.Missing || kind === Kind.Null) return false
    else return this.writeWords(kind, lo, hi)
    return true
  }

  /** Int, Float, Duration, Time from two words. */
  private writeWords(kind: number, lo: number, hi: number): boolean {
    const { out } = this
    if (kind === Kind.Float) {
      words[0] = lo
      words[1] = hi
      return out.float(floats[0])
    }
    if (kind === Kind.Int || (kind === Kind.Duration && this.durationsAsInt)) {
      out.int64(lo, hi)
      out.byte(105)
      return true
    }
    const ns = (BigInt(hi) << 32n) | BigInt(lo >>> 0)
    out.quotedText(kind === Kind.Duration ? goDuration(ns) : timeText(ns))
    return true
  }

  private writeBoxed(v: Value): boolean {
    const { out } = this
    if (v === missing || v === null) return false
    if (typeof v === 'string') out.quotedText(v)
    else if (typeof v === 'number') return out.float(v)
    else if (typeof v === 'boolean') out.bool(v)
    else {
      const ns = typeof v === 'bigint' ? v : v.ns
      const kind = typeof v === 'bigint' ? Kind.Int : v instanceof Duration ? Kind.Duration : Kind.Time
      return this.writeWords(kind, Number(BigInt.asIntN(32, ns)), Number(ns >> 32n))
    }
    return true
  }

  // Names

  private refuse(why: string): false {
    this.refusal = why
    return false
  }

  private badKey(start: number, end: number, what: string): boolean {
    const keys = this.keys.bytes
    if (start === end) return !this.refuse(`a ${what} without a name`)
    if (keys[end - 1] === backslash) return !this.refuse(`the name of a ${what} ends in a backslash`)
    for (let i = start; i < end; i++)
      if (keys[i] < 32) return !this.refuse(`control character in the name of a ${what}`)
    return false
  }

  private putPackedKey(b: Uint8Array): number {
    const n = this.varint(b)
    const at = this.keys.put(b, this.at, this.at + n)
    this.at += n
    return at
  }

  private varint(b: Uint8Array): number {
    let v = 0
    for (let shift = 0; ; shift += 7) {
      const x = b[this.at++]
      v |= (x & 127) << shift
      if (x < 128) return v
    }
  }

  private isFixed(start: number, end: number): boolean {
    for (const [k] of this.fixedTags) if (this.keys.same(start, end, k)) return true
    return false
  }
}

const words = new Int32Array(2)
const floats = new Float64Array(words.buffer)

function wordAt(b: Uint8Array, o: number): number {
  return b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24)
}

/** Why a measurement cannot stand at the start of a line; '' when it can. */
function nameFault(name: Uint8Array): string {
  if (name.length === 0) return 'missing measurement'
  if (name[0] === 35) return 'a measurement that starts with # would be a comment'
  if (name[name.length - 1] === backslash) return 'the measurement ends in a backslash'
  if (name[0] < 32 || name.includes(10)) return 'control character in the measurement'
  return ''
}

/** A time as Go prints it. */
function timeText(ns: bigint): string {
  const { ms, sub } = spanOf(ns)
  return `${formatRfc3339(ms, sub).replace('T', ' ').replace('Z', '')} +0000 UTC`
}
