/**
 * Names of tags and fields as bytes, unescaped, one behind the other: those of the columns of a chunk, then those of the row at
 * hand. Grows, never shrinks. Thread: shard worker.
 */
import type { EscapeSet } from '../../columns/line-tokens.js'
import { NameBytes } from '../../columns/name-bytes.js'

export class KeyScratch {
  /** Replaced when it grows. */
  bytes = new Uint8Array(1024)
  used = 0
  private readonly names = new NameBytes()

  /** The name encoded. */
  nameBytes(name: string): Uint8Array {
    return this.names.of(name)
  }

  /** Copies [start, end); returns where it stands now. */
  put(src: Uint8Array, start: number, end: number): number {
    this.reserve(end - start)
    const { bytes } = this
    const at = this.used
    let o = at
    for (let i = start; i < end; i++) bytes[o++] = src[i]
    this.used = o
    return at
  }

  /** As `put`, of an escaped name. */
  putEscaped(src: Uint8Array, start: number, end: number, set: EscapeSet): number {
    this.reserve(end - start)
    const at = this.used
    this.used += set.unescapeInto(src, start, end, this.bytes, at)
    return at
  }

  /** Copies the names of columns; start and end of each go into `ranges`, or into a longer array that is returned. */
  putNames(columns: readonly { readonly name: string }[], ranges: Int32Array): Int32Array {
    const to = ranges.length < 2 * columns.length ? new Int32Array(4 * columns.length) : ranges
    for (let i = 0; i < columns.length; i++) {
      const b = this.nameBytes(columns[i].name)
      to[2 * i] = this.put(b, 0, b.length)
      to[2 * i + 1] = this.used
    }
    return to
  }

  /** Whether what stands from `start` to the end is one of the names. */
  isOneOf(start: number, names: readonly Uint8Array[]): boolean {
    for (let i = 0; i < names.length; i++) if (this.same(start, this.used, names[i])) return true
    return false
  }

  same(start: number, end: number, name: Uint8Array): boolean {
    if (name.length !== end - start) return false
    const { bytes } = this
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false
    return true
  }

  private reserve(n: number): void {
    if (this.used + n <= this.bytes.length) return
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.used + n))
    bytes.set(this.bytes.subarray(0, this.used))
    this.bytes = bytes
  }
}
