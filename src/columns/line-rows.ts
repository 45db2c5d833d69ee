/**
 * The undecoded cells of rows that still are lines of line protocol. Thread: shard worker.
 *
 * Points at the bytes of a slot and is valid as long as the slot is held. Decodes a line only when asked.
 */
import type { RestRows } from './chunk.js'
import { Kind } from './kinds.js'
import { boolAt, EscapeSet, LineTokens, textAt } from './line-tokens.js'
import type { Value } from './values.js'

const tokens = new LineTokens()

export class LineRows implements RestRows {
  private bytes: Uint8Array = new Uint8Array(0)
  private base = 0
  private starts: Int32Array = new Int32Array(0)
  private lengths: Int32Array = new Int32Array(0)

  /** Rows are the lines at `base + starts[row]`. The views are kept until the next call. */
  reset(bytes: Uint8Array, base: number, starts: Int32Array, lengths: Int32Array): this {
    this.bytes = bytes
    this.base = base
    this.starts = starts
    this.lengths = lengths
    return this
  }

  /** What the lines are in: see lineStart, lineLength. */
  get lineBytes(): Uint8Array {
    return this.bytes
  }

  /** First byte of a row's line in `lineBytes`. */
  lineStart(row: number): number {
    return this.base + this.starts[row]
  }

  lineLength(row: number): number {
    return this.lengths[row]
  }

  readTags(row: number, into: Map<string, string>): void {
    const start = this.base + this.starts[row]
    readLineTags(this.bytes, start, start + this.lengths[row], into)
  }

  readFields(row: number, into: Map<string, Value>): void {
    const start = this.base + this.starts[row]
    readLineFields(this.bytes, start, start + this.lengths[row], into)
  }
}

/** The tags of the valid line at [start, end), except those already in `into`. */
export function readLineTags(b: Uint8Array, start: number, end: number, into: Map<string, string>): void {
  tokens.readKey(b, start, end)
  for (let i = 0; i < tokens.tagCount; i++) {
    const o = 4 * i
    const key = textAt(b, tokens.tags[o], tokens.tags[o + 1], EscapeSet.Tag)
    if (!into.has(key)) into.set(key, textAt(b, tokens.tags[o + 2], tokens.tags[o + 3], EscapeSet.Tag))
  }
}

/** The fields of the valid line at [start, end), except those already in `into`. Of equal keys the last one counts. */
export function readLineFields(b: Uint8Array, start: number, end: number, into: Map<string, Value>): void {
  tokens.readKey(b, start, end)
  tokens.readFields(b, tokens.keyEnd, end)
  const own = into.size === 0 ? into : new Map<string, Value>()
  for (let i = 0; i < tokens.fieldCount; i++) {
    const o = 5 * i
    own.set(textAt(b, tokens.fields[o], tokens.fields[o + 1], EscapeSet.Name), fieldValue(b, tokens.fields, o))
  }
  if (own !== into) for (const [k, v] of own) if (!into.has(k)) into.set(k, v)
}

function fieldValue(b: Uint8Array, fields: Int32Array, o: number): Value {
  const start = fields[o + 2]
  const end = fields[o + 3]
  switch (fields[o + 4]) {
    case Kind.String:
      return textAt(b, start, end, EscapeSet.String)
    case Kind.Bool:
      return boolAt(b, start)
    case Kind.Int:
      return BigInt(textAt(b, start, end, EscapeSet.String))
    default:
      return Number(textAt(b, start, end, EscapeSet.String))
  }
}
