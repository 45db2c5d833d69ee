/**
 * Layout of a record batch inside a slot. Main writes it, shards read it; nothing else knows these offsets.
 *
 * A slot is one fixed-length SharedArrayBuffer range: first the raw bytes of the written lines (strings and escaped tags that
 * needed unescaping get a copy behind them), then, 8-aligned, one or more batches, one per table that has rows in the slot.
 *
 *   batch   header      int32: schemaId, rows, routeCount, routesOffset (bytes from the slot's start), 4 spare
 *           times       int64 × rows      ns since the epoch
 *           lineStarts  int32 × rows      first byte of the line, relative to the slot
 *           lineLengths int32 × rows
 *           tags        per column: int32 pairs × rows   offset, length (-1 = absent) of the unescaped value
 *           fields      per column: 8 payload bytes × rows as in columns/column.ts, then kind bytes × rows
 *           routes      per route: int32 routeId, hashed (1: hashes follow); uint32 hash × rows;
 *                       per shard: int32 count, then int32 row × count (count = -1: all rows, no list)
 * Every section starts 8-aligned. Thread: any.
 */
export interface BatchSchema {
  readonly id: number
  readonly table: number
  readonly db: string
  readonly rp: string
  readonly name: string
  /** Names of the encoded tag and field columns: what some task reads. */
  readonly tags: readonly string[]
  readonly fields: readonly string[]
}

export const headerBytes = 32

const align8 = (n: number): number => (n + 7) & ~7

export interface BatchOffsets {
  times: number
  lineStarts: number
  lineLengths: number
  tags: number[]
  payloads: number[]
  kinds: number[]
  routes: number
}

/** Byte offsets of a batch's sections for a batch that starts at `base` (8-aligned) of its slot. */
export function batchOffsets(schema: BatchSchema, rows: number, base: number): BatchOffsets {
  let o = base + headerBytes
  const times = o
  o += rows * 8
  const lineStarts = o
  o = align8(o + rows * 4)
  const lineLengths = o
  o = align8(o + rows * 4)
  const tags: number[] = []
  for (let i = 0; i < schema.tags.length; i++) {
    tags.push(o)
    o += rows * 8
  }
  const payloads: number[] = []
  const kinds: number[] = []
  for (let i = 0; i < schema.fields.length; i++) {
    payloads.push(o)
    o += rows * 8
    kinds.push(o)
    o = align8(o + rows)
  }
  return { times, lineStarts, lineLengths, tags, payloads, kinds, routes: o }
}

/**
 * Walks the routes section of a batch. `i32` spans the slots' buffer; offsets are bytes from the slot's start.
 *
 *   record (8-aligned)   int32 routeId, hashed; hashed = 1: uint32 hash × rows;
 *                        per shard, back to back: int32 count, then int32 row × count (count = -1: all rows, none listed)
 */
export class RouteReader {
  routeId = 0
  /** Byte offset in the buffer of the row hashes, or -1. */
  hashes = -1
  /** Rows of this shard: all (-1), or this many, listed from word `list`. */
  count = 0
  list = 0
  private at = 0
  private left = 0

  constructor(
    private readonly i32: Int32Array,
    private readonly shards: number,
    private readonly shard: number,
  ) {}

  /** Starts over at the batch at `batchOffset` of the slot at `slotOffset`. */
  open(slotOffset: number, batchOffset: number): void {
    const header = (slotOffset + batchOffset) >> 2
    this.left = this.i32[header + 2]
    this.at = (slotOffset + this.i32[header + 3]) >> 2
  }

  /** Moves to the next route; false when there is none. `rows` as in the batch's header. */
  next(rows: number): boolean {
    if (this.left-- <= 0) return false
    let w = this.at
    this.routeId = this.i32[w]
    this.hashes = -1
    if (this.i32[w + 1] === 1) {
      this.hashes = (w + 2) * 4
      w += rows
    }
    w += 2
    for (let s = 0; s < this.shards; s++) {
      const count = this.i32[w++]
      if (s === this.shard) {
        this.count = count
        this.list = w
      }
      if (count > 0) w += count
    }
    this.at = (w + 1) & ~1
    return true
  }
}
