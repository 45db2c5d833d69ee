/**
 * Rewrites packed rows (columns/packed-rows.ts) byte by byte: names get a prefix, values stay. Thread: any. No strings
 * are made.
 */
import { Kind } from '../../columns/kinds.js'
import type { RowScratch } from '../../columns/row-scratch.js'

/** A reading position in one packed row. After `open` come the tags, after `nextTag()` has said no the fields. */
export class PackedReader {
  bytes: Uint8Array = new Uint8Array(0)
  nameAt = 0
  nameLength = 0
  /** Fields: the kind byte; the payload follows it up to `valueEnd`. Tags: the value's text. */
  valueAt = 0
  valueEnd = 0
  private at = 0
  private end = 0
  private tags = 0

  open(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes = bytes
    this.at = offset
    this.end = offset + length
    this.tags = length === 0 ? 0 : this.varint()
  }

  nextTag(): boolean {
    if (this.tags === 0) return false
    this.tags--
    this.readName()
    const n = this.varint()
    this.valueAt = this.at
    this.at += n
    this.valueEnd = this.at
    return true
  }

  /** Skips the tags that are left. */
  nextField(): boolean {
    while (this.tags > 0) this.nextTag()
    if (this.at >= this.end) return false
    this.readName()
    this.valueAt = this.at
    const kind = this.bytes[this.at++]
    switch (kind) {
      case Kind.Null:
        break
      case Kind.Bool:
        this.at++
        break
      case Kind.Int:
      case Kind.Float:
      case Kind.Duration:
      case Kind.Time:
        this.at += 8
        break
      default: {
        // A string, or the text of a number.
        const n = this.varint()
        this.at += n
      }
    }
    this.valueEnd = this.at
    return true
  }

  private readName(): void {
    const n = this.varint()
    this.nameAt = this.at
    this.nameLength = n
    this.at += n
  }

  private varint(): number {
    let v = 0
    for (let shift = 0; ; shift += 7) {
      const b = this.bytes[this.at++]
      v |= (b & 127) << shift
      if (b < 128) return v
    }
  }
}

/** Adds a name: `prefix`, then the bytes of the reader's current name. */
export function addName(out: RowScratch, prefix: Uint8Array, prefixLength: number, from: PackedReader): void {
  out.varint(prefixLength + from.nameLength)
  out.raw(prefix, 0, prefixLength)
  out.raw(from.bytes, from.nameAt, from.nameLength)
}

/** Adds the kind and payload of the reader's current field. */
export function addValue(out: RowScratch, from: PackedReader): void {
  out.raw(from.bytes, from.valueAt, from.valueEnd - from.valueAt)
}

/** Whether the reader's current name is `name`. */
export function nameIs(from: PackedReader, name: Uint8Array): boolean {
  if (name.length !== from.nameLength) return false
  for (let i = 0; i < name.length; i++) if (from.bytes[from.nameAt + i] !== name[i]) return false
  return true
}
