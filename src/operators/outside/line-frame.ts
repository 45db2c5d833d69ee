/**
 * Frames of line protocol from a shard to main: what influxDBOut and kapacitorLoopback send. Thread: any.
 *
 *   i32 rows · i32 cells left out · i32 db bytes · i32 rp bytes · i32 units
 *   per unit: i32 bytes, i32 rows        a unit is a row, or a batch: what the original hands on at once
 *   db · rp · lines
 */
import { decodeUtf8, encodeUtf8 } from '../../columns/column.js'

const headWords = 5

export interface LineFrame {
  readonly rows: number
  readonly skipped: number
  readonly db: string
  readonly rp: string
  readonly units: number
  /** Bytes and rows of unit i. */
  unitBytes(i: number): number
  unitRows(i: number): number
  /** Valid as long as the frame is. */
  readonly lines: Uint8Array
}

/** Units of the frame being built. */
export class LineFrameWriter {
  units = 0
  rows = 0
  private table = new Int32Array(2 * 256)
  private frame = new Uint8Array(0)
  private dbText = ''
  private rpText = ''
  private db: Uint8Array = new Uint8Array(0)
  private rp: Uint8Array = new Uint8Array(0)

  scope(db: string, rp: string): void {
    if (db !== this.dbText) this.db = encodeUtf8(db)
    if (rp !== this.rpText) this.rp = encodeUtf8(rp)
    this.dbText = db
    this.rpText = rp
  }

  unit(bytes: number, rows: number): void {
    if (2 * this.units === this.table.length) {
      const table = new Int32Array(this.table.length * 2)
      table.set(this.table)
      this.table = table
    }
    this.table[2 * this.units] = bytes
    this.table[2 * this.units++ + 1] = rows
    this.rows += rows
  }

  /** The frame with these lines; valid until the next call. Forgets the units. */
  finish(lines: Uint8Array, length: number, skipped: number): Uint8Array {
    const { db, rp, units } = this
    const tableAt = 4 * headWords
    const textAt = tableAt + 8 * units
    const size = textAt + db.length + rp.length + length
    // Room to grow, but one very large frame must not keep its memory for ever.
    if (this.frame.length < size || this.frame.length > 8 * 1024 * 1024) this.frame = new Uint8Array(2 * size)
    const { frame } = this
    const head = new Int32Array(frame.buffer, 0, headWords + 2 * units)
    head[0] = this.rows
    head[1] = skipped
    head[2] = db.length
    head[3] = rp.length
    head[4] = units
    head.set(this.table.subarray(0, 2 * units), headWords)
    frame.set(db, textAt)
    frame.set(rp, textAt + db.length)
    frame.set(lines.subarray(0, length), textAt + db.length + rp.length)
    this.units = 0
    this.rows = 0
    return frame.subarray(0, size)
  }
}

export function readLineFrame(payload: Uint8Array): LineFrame {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const dbBytes = view.getInt32(8, true)
  const rpBytes = view.getInt32(12, true)
  const units = view.getInt32(16, true)
  const textAt = 4 * headWords + 8 * units
  return {
    rows: view.getInt32(0, true),
    skipped: view.getInt32(4, true),
    db: decodeUtf8(payload, textAt, dbBytes),
    rp: decodeUtf8(payload, textAt + dbBytes, rpBytes),
    units,
    unitBytes: (i) => view.getInt32(4 * headWords + 8 * i, true),
    unitRows: (i) => view.getInt32(4 * headWords + 8 * i + 4, true),
    lines: payload.subarray(textAt + dbBytes + rpBytes),
  }
}
