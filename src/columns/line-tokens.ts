/**
 * Takes a valid line of line protocol apart into byte ranges (spec: line protocol 1.2). Thread: any.
 *
 * "Escaped" means that the byte before is a backslash, in the key part and in field keys; the field part ends at the first
 * blank outside of quotes, where a backslash takes the next byte with it.
 */
import { decodeUtf8 } from './column.js'
import { Kind } from './kinds.js'

const backslash = 92

export class LineTokens {
  /** Measurement: from the line's start to here. */
  nameEnd = 0
  /** Where the key part ends: the blank before the fields. */
  keyEnd = 0
  tagCount = 0
  /** Per tag: key start, key end, value start, value end. */
  tags = new Int32Array(64)
  fieldCount = 0
  /** Per field: key start, key end, value start, value end (strings without quotes, integers without 'i'), kind. */
  fields = new Int32Array(80)

  /** Reads measurement and tags of the line at [start, end). Only valid lines. */
  readKey(b: Uint8Array, start: number, end: number): void {
    let i = start + 1
    while (i < end && ((b[i] !== 44 && b[i] !== 32) || b[i - 1] === backslash)) i++
    this.nameEnd = i
    this.tagCount = 0
    while (i < end && b[i] === 44) {
      if (this.tags.length < 4 * (this.tagCount + 1)) this.tags = doubled(this.tags)
      const o = 4 * this.tagCount++
      this.tags[o] = ++i
      while (i < end && (b[i] !== 61 || b[i - 1] === backslash)) i++
      this.tags[o + 1] = i
      this.tags[o + 2] = ++i
      while (i < end && ((b[i] !== 44 && b[i] !== 32) || b[i - 1] === backslash)) i++
      this.tags[o + 3] = i
    }
    this.keyEnd = i
  }

  /** Reads the fields of the line at [start, end), `start` at or behind the key part's end. Returns where they end. */
  readFields(b: Uint8Array, start: number, end: number): number {
    let from = start
    while (from < end && isBlank(b[from])) from++
    const to = fieldsEnd(b, from, end)
    this.fieldCount = 0
    let i = from
    while (i < to) {
      const keyStart = i
      while (i < to && (b[i] !== 61 || (i > keyStart && b[i - 1] === backslash))) i++
      const keyEnd = i
      const valueStart = ++i
      let quoted = false
      while (i < to) {
        if (b[i] === backslash && i + 1 < to && (b[i + 1] === 34 || b[i + 1] === backslash)) {
          i += 2
          continue
        }
        if (b[i] === 34) quoted = !quoted
        else if (b[i] === 44 && !quoted) break
        i++
      }
      if (keyEnd > keyStart && i > valueStart) this.addField(b, keyStart, keyEnd, valueStart, i)
      i++
    }
    return to
  }

  private addField(b: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    if (this.fields.length < 5 * (this.fieldCount + 1)) this.fields = doubled(this.fields)
    const o = 5 * this.fieldCount++
    const c = b[valueStart]
    this.fields[o] = keyStart
    this.fields[o + 1] = keyEnd
    if (c === 34) {
      this.fields[o + 2] = valueStart + 1
      this.fields[o + 3] = Math.max(valueStart + 1, valueEnd - 1)
      this.fields[o + 4] = Kind.String
      return
    }
    const isInt = b[valueEnd - 1] === 105
    this.fields[o + 2] = valueStart
    this.fields[o + 3] = isInt ? valueEnd - 1 : valueEnd
    this.fields[o + 4] = (c >= 48 && c <= 57) || c === 45 || c === 46 ? (isInt ? Kind.Int : Kind.Float) : Kind.Bool
  }
}

export function isBlank(c: number): boolean {
  return c === 32 || c === 9 || c === 0
}

/** The first blank behind `from` outside of quotes, or `end`. */
function fieldsEnd(b: Uint8Array, from: number, end: number): number {
  let quoted = false
  let equals = 0
  let commas = 0
  let i = from
  while (i < end) {
    const c = b[i]
    if (c === backslash && i + 1 < end) {
      i += 2
      continue
    }
    if (c === 34 && equals > commas) quoted = !quoted
    else if (!quoted) {
      if (c === 61) equals++
      else if (c === 44) commas++
      else if (c === 32) break
    }
    i++
  }
  return i
}

/** The bytes that lose a backslash before them. */
export class EscapeSet {
  /** Of measurements and field keys. */
  static readonly Name = new EscapeSet(', ="')
  /** Of tag keys and tag values. */
  static readonly Tag = new EscapeSet(', =')
  /** Of string fields. */
  static readonly String = new EscapeSet('"\\')
  private readonly members = new Uint8Array(256)

  private constructor(ascii: string) {
    for (let i = 0; i < ascii.length; i++) this.members[ascii.charCodeAt(i)] = 1
  }

  has(byte: number): boolean {
    return this.members[byte] === 1
  }

  /** Unescapes [start, end) of `b` into `out` at `at`; returns the number of bytes written. */
  unescapeInto(b: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
    let o = at
    for (let i = start; i < end; i++) {
      if (b[i] === backslash && i + 1 < end && this.members[b[i + 1]] === 1) i++
      out[o++] = b[i]
    }
    return o - at
  }
}

/** The text of [start, end), unescaped. */
export function textAt(b: Uint8Array, start: number, end: number, set: EscapeSet): string {
  for (let i = start; i < end; i++) {
    if (b[i] !== backslash) continue
    const out = new Uint8Array(end - start)
    return decodeUtf8(out, 0, set.unescapeInto(b, start, end, out, 0))
  }
  return decodeUtf8(b, start, end - start)
}

/** True for `t`, `T`, `true`, `True`, `TRUE` of a valid boolean. */
export function boolAt(b: Uint8Array, start: number): boolean {
  return b[start] === 116 || b[start] === 84
}

function doubled(a: Int32Array): Int32Array<ArrayBuffer> {
  const to = new Int32Array(a.length * 2)
  to.set(a)
  return to
}
