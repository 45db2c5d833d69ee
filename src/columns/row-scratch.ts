/** The buffer that rows are packed into (packed-rows.ts has the format). Thread: any, one owner. */
import { encodeUtf8 } from './column.js'
import { NameBytes } from './name-bytes.js'

const encoder = new TextEncoder()
const names = new NameBytes()

/** A growable byte buffer that rows are packed into. */
export class RowScratch {
  bytes = new Uint8Array(1024)
  length = 0

  reset(): void {
    this.length = 0
  }

  byte(v: number): void {
    if (this.length === this.bytes.length) this.grow(1)
    this.bytes[this.length++] = v
  }

  varint(v: number): void {
    while (v > 127) {
      this.byte((v & 127) | 128)
      v >>>= 7
    }
    this.byte(v)
  }

  raw(src: Uint8Array, offset: number, length: number): void {
    if (this.length + length > this.bytes.length) this.grow(length)
    const bytes = this.bytes
    const at = this.length
    if (length < 48) for (let i = 0; i < length; i++) bytes[at + i] = src[offset + i]
    else bytes.set(src.subarray(offset, offset + length), at)
    this.length = at + length
  }

  text(src: Uint8Array, offset: number, length: number): void {
    this.varint(length)
    this.raw(src, offset, length)
  }

  name(name: string): void {
    const b = names.of(name)
    this.text(b, 0, b.length)
  }

  string(s: string): void {
    const max = s.length * 3
    if (max < 128) {
      if (this.length + max + 1 > this.bytes.length) this.grow(max + 1)
      const { written } = encoder.encodeInto(s, this.bytes.subarray(this.length + 1))
      this.bytes[this.length] = written
      this.length += written + 1
    } else {
      const b = encodeUtf8(s)
      this.text(b, 0, b.length)
    }
  }

  words(lo: number, hi: number): void {
    if (this.length + 8 > this.bytes.length) this.grow(8)
    const b = this.bytes
    let at = this.length
    for (let i = 0; i < 4; i++) b[at++] = lo >>> (8 * i)
    for (let i = 0; i < 4; i++) b[at++] = hi >>> (8 * i)
    this.length = at
  }

  private grow(by: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + by))
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }
}
