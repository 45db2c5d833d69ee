/** Positions in a script: parsing counts UTF-16 units, everything users see counts bytes of UTF-8. Thread: any. */
import type { Position } from './ast.js'

export class Source {
  /** UTF-16 offset of each line's first character. */
  private readonly lineStarts: number[] = [0]
  /** Byte offset of each UTF-16 offset; null while both are the same. */
  private readonly byteOffsets: Uint32Array | null

  constructor(readonly text: string) {
    let ascii = true
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === 10) this.lineStarts.push(i + 1)
      else if (code > 127) ascii = false
    }
    this.byteOffsets = ascii ? null : byteOffsetsOf(text)
  }

  byteAt(offset: number): number {
    return this.byteOffsets === null ? offset : this.byteOffsets[offset]
  }

  position(offset: number): Position {
    const line = this.lineAt(offset)
    const byte = this.byteAt(offset)
    return { offset: byte, line: line + 1, char: byte - this.byteAt(this.lineStarts[line]) + 1 }
  }

  /** The offset of a byte offset: the inverse of byteAt. */
  unitAt(byte: number): number {
    const { byteOffsets } = this
    if (byteOffsets === null) return Math.min(byte, this.text.length)
    let low = 0
    let high = this.text.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (byteOffsets[middle] < byte) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The offset of a place as errors name it. */
  offsetOf(line: number, char: number): number {
    return this.unitAt(this.byteAt(this.lineStarts[line - 1] ?? this.text.length) + char - 1)
  }

  /** The text of a line (from 1), without its end. */
  lineText(line: number): string {
    const end = this.lineStarts[line]
    return this.text.slice(this.lineStarts[line - 1], end === undefined ? undefined : end - 1)
  }

  /** The offset itself, or the one before it inside a surrogate pair. */
  private wholeCharacter(offset: number): number {
    const code = this.text.charCodeAt(offset)
    return code >= 0xdc00 && code <= 0xdfff ? offset - 1 : offset
  }

  private lineAt(offset: number): number {
    let low = 0
    let high = this.lineStarts.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.lineStarts[middle] <= offset) low = middle
      else high = middle
    }
    return low
  }

  /** Up to ten bytes before and after `offset`, cut to its line. Cut characters show as U+FFFD. */
  snippet(offset: number): string {
    const start = this.wholeCharacter(Math.max(0, offset - 10))
    const bytes = Buffer.from(this.text.slice(start, this.wholeCharacter(offset + 10)))
    const at = this.byteAt(offset) - this.byteAt(start)
    const lineStart = at === 0 ? 0 : bytes.lastIndexOf(10, at - 1) + 1
    const lineEnd = bytes.indexOf(10, at)
    const from = Math.max(lineStart, at - 10)
    const to = Math.min(lineEnd < 0 ? bytes.length : lineEnd, at + 10)
    return decode(bytes.subarray(from, to))
  }
}

/** UTF-8 with U+FFFD for each single byte of a cut character. */
function decode(bytes: Buffer): string {
  let start = 0
  while (start < bytes.length && (bytes[start] & 0xc0) === 0x80) start++
  let end = bytes.length
  let back = end - 1
  while (back > start && (bytes[back] & 0xc0) === 0x80) back--
  const lead = bytes[back] ?? 0
  const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (back >= start && back + length > end) end = back
  return '\ufffd'.repeat(start) + bytes.toString('utf8', start, end) + '\ufffd'.repeat(bytes.length - end)
}

function byteOffsetsOf(text: string): Uint32Array {
  const offsets = new Uint32Array(text.length + 1)
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    offsets[i] = bytes
    const code = text.charCodeAt(i)
    if (code < 0x80) bytes += 1
    else if (code < 0x800) bytes += 2
    else if (code >= 0xd800 && code <= 0xdbff) {
      // A pair takes four bytes; lone halves were replaced before.
      bytes += 4
      offsets[++i] = bytes
    } else bytes += 3
  }
  offsets[text.length] = bytes
  return offsets
}
