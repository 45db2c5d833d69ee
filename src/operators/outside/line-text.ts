/** A growing buffer of line protocol and how its values are written. Thread: any, without shared state. */

import type { EscapeSet } from '../../columns/line-tokens.js'
import { formatFloatF } from '../../go/go-format.js'

/** Unit of the times, in ns. */
export type TimeUnit = 1 | 1_000 | 1_000_000 | 1_000_000_000 | 60_000_000_000 | 3_600_000_000_000

const backslash = 92
const quote = 34
/** One very large frame must not keep its memory for ever. */
const keptBytes = 4 * 1024 * 1024

const encoder = new TextEncoder()

export class LineText {
  bytes = new Uint8Array(16 * 1024)
  length = 0

  constructor(private readonly unit: TimeUnit) {}

  reset(): void {
    this.length = 0
    if (this.bytes.length > keptBytes) this.bytes = new Uint8Array(16 * 1024)
  }

  byte(v: number): void {
    this.reserve(1)
    this.bytes[this.length++] = v
  }

  /**
   * Copies [start, end) with a backslash before what `set` escapes. `raw`: the source is escaped itself, so escapes in it are
   * taken over as they are.
   */
  escaped(src: Uint8Array, start: number, end: number, set: EscapeSet, raw: boolean): void {
    this.reserve(2 * (end - start))
    const to = this.bytes
    let o = this.length
    for (let i = start; i < end; i++) {
      const c = src[i]
      if (raw && c === backslash && i + 1 < end && set.has(src[i + 1])) {
        to[o++] = c
        to[o++] = src[++i]
        continue
      }
      if (c < 62 && set.has(c)) to[o++] = backslash
      to[o++] = c
    }
    this.length = o
  }

  /** A measurement: only commas and blanks are escaped in it. */
  measurement(name: Uint8Array): void {
    this.reserve(2 * name.length)
    for (let i = 0; i < name.length; i++) {
      if (name[i] === 44 || name[i] === 32) this.bytes[this.length++] = backslash
      this.bytes[this.length++] = name[i]
    }
  }

  /** A string value. `raw` as in escaped. */
  quoted(src: Uint8Array, start: number, end: number, raw: boolean): void {
    this.reserve(2 * (end - start) + 2)
    const to = this.bytes
    let o = this.length
    to[o++] = quote
    for (let i = start; i < end; i++) {
      const c = src[i]
      if (raw && c === backslash && i + 1 < end && (src[i + 1] === quote || src[i + 1] === backslash)) {
        to[o++] = c
        to[o++] = src[++i]
        continue
      }
      if (c === quote || c === backslash) to[o++] = backslash
      to[o++] = c
    }
    to[o++] = quote
    this.length = o
  }

  quotedText(s: string): void {
    const b = encoder.encode(s)
    this.quoted(b, 0, b.length, false)
  }

  bool(v: boolean): void {
    this.ascii(v ? 'true' : 'false')
  }

  /** False, and nothing written: NaN and infinities. */
  float(v: number): boolean {
    if (!Number.isFinite(v)) return false
    if (Number.isInteger(v) && v > -9007199254740992 && v < 9007199254740992 && !Object.is(v, -0)) {
      if (v < 0) {
        this.byte(45)
        this.digits(-v)
      } else this.digits(v)
    } else this.ascii(formatFloatF(v))
    return true
  }

  /** A float from the text of a line, in the form `float` gives it. */
  floatText(src: Uint8Array, start: number, end: number): void {
    if (isShortest(src, start, end)) this.copy(src, start, end)
    else this.float(Number(asciiOf(src, start, end)))
  }

  /** An integer from the text of a line, without its `i`. */
  intText(src: Uint8Array, start: number, end: number): void {
    const first = src[start] === 45 ? start + 1 : start
    if (src[first] !== 48 || end === start + 1) this.copy(src, start, end)
    else this.ascii(String(BigInt(asciiOf(src, start, end))))
    this.byte(105)
  }

  int64(lo: number, hi: number): void {
    const v = hi * 4294967296 + (lo >>> 0)
    if (v >= 0 && v < 9007199254740992) this.digits(v)
    else if (v < 0 && v > -9007199254740992) {
      this.byte(45)
      this.digits(-v)
    } else this.ascii(String((BigInt(hi) << 32n) | BigInt(lo >>> 0)))
  }

  /** An instant in units of `unit`, cut towards zero. */
  time(ms: number, sub: number): void {
    const { unit } = this
    if (ms < 0) {
      const ns = BigInt(ms) * 1_000_000n + BigInt(sub)
      this.ascii(String(ns / BigInt(unit)))
    } else if (unit >= 1_000_000) this.digits(Math.floor(ms / (unit / 1_000_000)))
    else {
      const rest = unit === 1 ? sub : Math.floor(sub / 1000)
      if (ms === 0) this.digits(rest)
      else {
        this.digits(ms)
        this.padded(rest, unit === 1 ? 6 : 3)
      }
    }
  }

  private reserve(n: number): void {
    if (this.length + n <= this.bytes.length) return
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n))
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }

  private copy(src: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    for (let i = start; i < end; i++) this.bytes[this.length++] = src[i]
  }

  private ascii(s: string): void {
    this.reserve(s.length)
    for (let i = 0; i < s.length; i++) this.bytes[this.length++] = s.charCodeAt(i)
  }

  /** An integral double in 0 … 2^53. */
  private digits(v: number): void {
    if (v < 1e9) {
      this.small(v)
      return
    }
    const hi = Math.floor(v / 1e9)
    this.small(hi)
    this.padded(v - hi * 1e9, 9)
  }

  private small(v: number): void {
    let n = 1
    for (let p = 10; p <= v; p *= 10) n++
    this.padded(v, n)
  }

  /** `n` digits, 0 ≤ v < 10^9. */
  private padded(v: number, n: number): void {
    this.reserve(n)
    const { bytes } = this
    let x = v
    for (let o = this.length + n - 1; o >= this.length; o--) {
      const q = (x / 10) | 0
      bytes[o] = 48 + x - q * 10
      x = q
    }
    this.length += n
  }
}

/** Whether the text of a valid number is what `float` would write: plain, without needless zeros, and short enough to be exact. */
function isShortest(src: Uint8Array, start: number, end: number): boolean {
  let i = src[start] === 45 ? start + 1 : start
  if (end - i > 15 || src[i] === 46) return false
  if (src[i] === 48 && (i + 1 < end ? src[i + 1] !== 46 : i > start)) return false
  let point = false
  for (; i < end; i++) {
    if (src[i] === 46) point = true
    else if (src[i] < 48 || src[i] > 57) return false
  }
  return !point || (src[end - 1] !== 48 && src[end - 1] !== 46)
}

function asciiOf(src: Uint8Array, start: number, end: number): string {
  let s = ''
  for (let i = start; i < end; i++) s += String.fromCharCode(src[i])
  return s
}
