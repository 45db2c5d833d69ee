/**
 * A payload column: one kind byte and eight payload bytes per row. `f64` and `i32` are views of the same payload bytes.
 *
 *   kind      payload
 *   Int       int64, little endian: i32[2r] low word, i32[2r+1] high word
 *   Float     f64[r]
 *   String    i32[2r] offset, i32[2r+1] byte length into `bytes` (UTF-8, unescaped)
 *   Bool      i32[2r] 0 or 1
 *   Duration  int64 ns as Int
 *   Time      int64 ns since the epoch as Int
 *   Missing, Null   payload undefined
 *
 * A tag column holds String or Missing only. The views are fixed-length; a column is reused for many chunks. Thread: any.
 */
import { Kind } from './kinds.js'
import { Duration, missing, Timestamp, type Value } from './values.js'

const empty = new Uint8Array(0)
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

export class Column {
  /**
   * Missing cells whose first payload word is 1 hold the missing marker as a value: eval's keep() of a name that the row
   * lacks. Everything but output takes them as absent.
   */
  markers = false
  /** What String payloads point into. */
  bytes: Uint8Array = empty

  constructor(
    readonly kinds: Uint8Array,
    readonly f64: Float64Array,
    readonly i32: Int32Array,
  ) {}

  /** A column of its own (not shared) memory for `rows` rows. */
  static alloc(rows: number): Column {
    const payload = new ArrayBuffer(rows * 8)
    return new Column(new Uint8Array(rows), new Float64Array(payload), new Int32Array(payload))
  }

  get capacity(): number {
    return this.kinds.length
  }

  /** Boxes one cell. For edges only. */
  get(row: number): Value {
    switch (this.kinds[row]) {
      case Kind.Int:
        return int64At(this.i32, row)
      case Kind.Float:
        return this.f64[row]
      case Kind.String:
        return this.stringAt(row)
      case Kind.Bool:
        return this.i32[2 * row] !== 0
      case Kind.Duration:
        return new Duration(int64At(this.i32, row))
      case Kind.Time:
        return new Timestamp(int64At(this.i32, row))
      case Kind.Null:
        return null
      default:
        return missing
    }
  }

  stringAt(row: number): string {
    return decodeUtf8(this.bytes, this.i32[2 * row], this.i32[2 * row + 1])
  }

  /** Copies one cell. String payloads stay offsets: both columns must share `bytes`. */
  copyCell(row: number, from: Column, fromRow: number): void {
    this.kinds[row] = from.kinds[fromRow]
    this.i32[2 * row] = from.i32[2 * fromRow]
    this.i32[2 * row + 1] = from.i32[2 * fromRow + 1]
  }
}

export function int64At(i32: Int32Array, row: number): bigint {
  return (BigInt(i32[2 * row + 1]) << 32n) | BigInt(i32[2 * row] >>> 0)
}

export function setInt64(i32: Int32Array, row: number, v: bigint): void {
  i32[2 * row] = Number(BigInt.asIntN(32, v))
  i32[2 * row + 1] = Number(BigInt.asIntN(32, v >> 32n))
}

/** Stores an integral double with |v| ≤ 2^53 as int64, without a BigInt. */
export function setSafeInt(i32: Int32Array, row: number, v: number): void {
  const hi = Math.floor(v / 4294967296)
  i32[2 * row] = v - hi * 4294967296
  i32[2 * row + 1] = hi
}

/** The int64 as a double: exact for |v| ≤ 2^53, rounded beyond. */
export function int64ToNumber(i32: Int32Array, row: number): number {
  return i32[2 * row + 1] * 4294967296 + (i32[2 * row] >>> 0)
}

/** Decodes a UTF-8 range; copies when the bytes are shared, which TextDecoder refuses. */
export function decodeUtf8(bytes: Uint8Array, offset: number, length: number): string {
  if (length < 24) {
    let s = ''
    for (let i = offset; i < offset + length; i++) {
      const b = bytes[i]
      if (b > 127) return decoder.decode(bytes.slice(offset, offset + length))
      s += String.fromCharCode(b)
    }
    return s
  }
  return decoder.decode(bytes.slice(offset, offset + length))
}

export function encodeUtf8(s: string): Uint8Array {
  return encoder.encode(s)
}
