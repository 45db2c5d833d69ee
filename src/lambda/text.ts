/**
 * Strings with byte semantics (spec tickscript 8.4). A value is a JavaScript string; a byte that is not part of valid UTF-8
 * is carried as the lone surrogate U+DC00 + byte, so that cutting and joining inside a character loses nothing. Lengths and
 * offsets of lambdas count UTF-8 bytes. For ASCII (nearly everything) both are the same and no bytes are made. Thread: any.
 */
import { decodeUtf8 } from '../columns/column.js'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole ASCII range
const asciiOnly = /^[\x00-\x7f]*$/

export function isAscii(s: string): boolean {
  if (s.length > 32) return asciiOnly.test(s)
  for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 127) return false
  return true
}

/** Bytes of a value, carried bytes restored. */
export function toBytes(s: string): Uint8Array {
  const out = new Uint8Array(s.length * 3)
  return out.subarray(0, writeBytes(s, out, 0))
}

/** Writes the bytes of a value (at most 3 per unit) and returns the offset after them. */
export function writeBytes(s: string, into: Uint8Array, at: number): number {
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i)
    if (c < 0x80) into[at++] = c
    else if (c < 0x800) {
      into[at++] = 0xc0 | (c >> 6)
      into[at++] = 0x80 | (c & 63)
    } else if (c >= 0xd800 && c < 0xe000) {
      const next = c < 0xdc00 && i + 1 < s.length ? s.charCodeAt(i + 1) : 0
      if (next >= 0xdc00 && next < 0xe000) {
        const code = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00)
        into[at++] = 0xf0 | (code >> 18)
        into[at++] = 0x80 | ((code >> 12) & 63)
        into[at++] = 0x80 | ((code >> 6) & 63)
        into[at++] = 0x80 | (code & 63)
        i++
      } else if (c >= 0xdc80 && c <= 0xdcff) into[at++] = c - 0xdc00
      else {
        into[at++] = 0xef
        into[at++] = 0xbf
        into[at++] = 0xbd
      }
    } else {
      into[at++] = 0xe0 | (c >> 12)
      into[at++] = 0x80 | ((c >> 6) & 63)
      into[at++] = 0x80 | (c & 63)
    }
  }
  return at
}

/** The value of a byte range. */
export function fromBytes(bytes: Uint8Array, offset: number, length: number): string {
  const end = offset + length
  for (let i = offset; i < end; i++) if (bytes[i] > 127) return fromWideBytes(bytes, offset, length)
  if (length > 48) return decodeUtf8(bytes, offset, length)
  let s = ''
  let i = offset
  // Eight characters a call: far fewer intermediate strings than one by one.
  for (; i + 8 <= end; i += 8) {
    s += String.fromCharCode(
      bytes[i],
      bytes[i + 1],
      bytes[i + 2],
      bytes[i + 3],
      bytes[i + 4],
      bytes[i + 5],
      bytes[i + 6],
      bytes[i + 7],
    )
  }
  for (; i < end; i++) s += String.fromCharCode(bytes[i])
  return s
}

function fromWideBytes(bytes: Uint8Array, offset: number, length: number): string {
  const part = bytes.slice(offset, offset + length)
  try {
    return strict.decode(part)
  } catch (err) {
    if (!(err instanceof TypeError)) throw err
    return carry(part)
  }
}

/** Decodes what is valid and carries every other byte. */
function carry(part: Uint8Array): string {
  let out = ''
  let i = 0
  while (i < part.length) {
    const size = validSize(part, i)
    if (size === 0) {
      out += String.fromCharCode(0xdc00 + part[i])
      i++
    } else {
      out += strict.decode(part.subarray(i, i + size))
      i += size
    }
  }
  return out
}

/** Size of the valid character at i, 0 when there is none. */
function validSize(b: Uint8Array, i: number): number {
  const c = b[i]
  if (c < 0x80) return 1
  const size = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0
  if (size === 0 || i + size > b.length) return 0
  for (let k = 1; k < size; k++) if ((b[i + k] & 0xc0) !== 0x80) return 0
  const second = b[i + 1]
  if (c === 0xe0 && second < 0xa0) return 0
  if (c === 0xed && second > 0x9f) return 0
  if (c === 0xf0 && second < 0x90) return 0
  if (c === 0xf4 && second > 0x8f) return 0
  return size
}

/** Longest string that an expression may make, in UTF-16 units: a few nested replacements would fill any memory. */
export const maxTextLength = 1 << 18

/**
 * Joins; carried bytes that now complete a character become that character: they can only meet at the seam. undefined:
 * too long.
 */
export function concat(a: string, b: string): string | undefined {
  if (a.length + b.length > maxTextLength) return undefined
  const joined = a + b
  if (a.length === 0 || b.length === 0 || !isCarried(a.charCodeAt(a.length - 1)) || !isCarried(b.charCodeAt(0))) {
    return joined
  }
  return complete(joined)
}

const carriedBytes = /[\udc80-\udcff]/

/** A text put together of pieces: carried bytes that complete a character become it. */
export function complete(s: string): string {
  if (!carriedBytes.test(s)) return s
  const bytes = toBytes(s)
  return fromBytes(bytes, 0, bytes.length)
}

function isCarried(unit: number): boolean {
  return unit >= 0xdc80 && unit <= 0xdcff
}

export function byteLength(s: string): number {
  let n = 0
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i)
    if (c < 0x80) n++
    else if (c < 0x800) n += 2
    else if (c < 0xd800 || c >= 0xe000) n += 3
    else {
      const next = c < 0xdc00 && i + 1 < s.length ? s.charCodeAt(i + 1) : 0
      if (next >= 0xdc00 && next < 0xe000) {
        n += 4
        i++
      } else n += c >= 0xdc80 && c <= 0xdcff ? 1 : 3
    }
  }
  return n
}

/** The bytes [start, stop) as a value. */
export function byteSlice(s: string, start: number, stop: number): string {
  if (isAscii(s)) return s.slice(start, stop)
  const bytes = toBytes(s)
  return fromBytes(bytes, start, stop - start)
}

const surrogate = /[\ud800-\udfff]/

/** Order of the bytes. UTF-16 order differs only where surrogates are involved. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  if (!surrogate.test(a) && !surrogate.test(b)) return a < b ? -1 : 1
  const x = toBytes(a)
  const y = toBytes(b)
  return compareBytes(x, 0, y, 0, Math.min(x.length, y.length)) || x.length - y.length
}

/** Order of the first `length` bytes of two ranges. */
export function compareBytes(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number, length: number): number {
  for (let i = 0; i < length; i++) {
    const d = a[aOffset + i] - b[bOffset + i]
    if (d !== 0) return d
  }
  return 0
}

export function equalBytes(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aOffset + i] !== b[bOffset + i]) return false
  return true
}
