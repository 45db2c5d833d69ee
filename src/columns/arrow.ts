/**
 * A batch in a slot as an Arrow RecordBatch, without copying. Thread: any that holds the slot.
 *
 *   column             Arrow type                of the layout in columns/batch-layout.ts
 *   time               Timestamp[ns]             times
 *   lineStart          Int32                     lineStarts, relative to the slot
 *   lineLength         Int32                     lineLengths
 *   tag:<name>         FixedSizeList<Int32>[2]   offset, length (-1: absent) in the slot
 *   field:<name>       Int64                     eight payload bytes, to be read by kind
 *   kind:<name>        Uint8                     columns/kinds.ts, 0: absent
 *
 * `BatchColumns` takes the raw views for inner loops out of such a batch; reading cells through Arrow's vectors costs 20
 * times as much. Both are valid as long as the slot is held.
 */
import {
  Data,
  Field,
  FixedSizeList,
  Int32,
  Int64,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Uint8,
} from 'apache-arrow'
import { type BatchSchema, batchOffsets } from './batch-layout.js'

const int32 = new Int32()
const int64 = new Int64()
const uint8 = new Uint8()
const timestamp = new TimestampNanosecond()
const pair = new FixedSizeList(2, new Field('item', int32, false))
const timeField = new Field('time', timestamp, false)
const startField = new Field('lineStart', int32, false)
const lengthField = new Field('lineLength', int32, false)
const noBuffer = undefined as unknown as Uint8Array

interface ArrowSchema {
  readonly schema: Schema
  readonly struct: Struct
}

/** One Arrow schema per batch schema, for as long as that is in use. */
const schemas = new WeakMap<BatchSchema, ArrowSchema>()

export function arrowSchemaOf(schema: BatchSchema): ArrowSchema {
  let known = schemas.get(schema)
  if (known === undefined) {
    const metadata = new Map([
      ['db', schema.db],
      ['rp', schema.rp],
      ['measurement', schema.name],
    ])
    const fields: Field[] = [timeField, startField, lengthField]
    for (const name of schema.tags) fields.push(new Field(`tag:${name}`, pair, false))
    for (const name of schema.fields) {
      fields.push(new Field(`field:${name}`, int64, false), new Field(`kind:${name}`, uint8, false))
    }
    known = { schema: new Schema(fields, metadata), struct: new Struct(fields) }
    schemas.set(schema, known)
  }
  return known
}

/** Wraps the batch at `batchOffset` of the slot at `slotOffset` of the slots' buffer. */
export function recordBatchOf(
  sab: SharedArrayBuffer,
  slotOffset: number,
  batchOffset: number,
  schema: BatchSchema,
): RecordBatch {
  const base = slotOffset + batchOffset
  const rows = new Int32Array(sab, base, 2)[1]
  const o = batchOffsets(schema, rows, batchOffset)
  const times = new BigInt64Array(sab, slotOffset + o.times, rows)
  const children: Data[] = [
    new Data(timestamp, 0, rows, 0, [noBuffer, times]),
    new Data(int32, 0, rows, 0, [noBuffer, new Int32Array(sab, slotOffset + o.lineStarts, rows)]),
    new Data(int32, 0, rows, 0, [noBuffer, new Int32Array(sab, slotOffset + o.lineLengths, rows)]),
  ]
  for (let i = 0; i < o.tags.length; i++) {
    const refs = new Data(int32, 0, 2 * rows, 0, [noBuffer, new Int32Array(sab, slotOffset + o.tags[i], 2 * rows)])
    children.push(new Data(pair, 0, rows, 0, undefined, [refs]))
  }
  for (let i = 0; i < o.payloads.length; i++) {
    const payload = new BigInt64Array(sab, slotOffset + o.payloads[i], rows)
    const kinds = new Uint8Array(sab, slotOffset + o.kinds[i], rows)
    children.push(new Data(int64, 0, rows, 0, [noBuffer, payload]), new Data(uint8, 0, rows, 0, [noBuffer, kinds]))
  }
  const arrow = arrowSchemaOf(schema)
  return new RecordBatch(arrow.schema, new Data(arrow.struct, 0, rows, 0, undefined, children))
}

/** Raw views of a wrapped batch. */
export class BatchColumns {
  readonly rows: number
  /** int64 ns as pairs of low and high word. */
  readonly times: Int32Array
  readonly lineStarts: Int32Array
  readonly lineLengths: Int32Array
  /** Per tag column of the schema: pairs of offset, length. */
  readonly tags: Int32Array[] = []
  /** Per field column of the schema: the same payload bytes as two views, and the kinds. */
  readonly f64: Float64Array[] = []
  readonly i32: Int32Array[] = []
  readonly kinds: Uint8Array[] = []

  constructor(batch: RecordBatch, schema: BatchSchema) {
    const children = batch.data.children
    const rows = batch.numRows
    this.rows = rows
    const times = children[0].values as BigInt64Array
    this.times = new Int32Array(times.buffer, times.byteOffset, 2 * rows)
    this.lineStarts = children[1].values as Int32Array
    this.lineLengths = children[2].values as Int32Array
    let c = 3
    for (let i = 0; i < schema.tags.length; i++) this.tags.push(children[c++].children[0].values as Int32Array)
    for (let i = 0; i < schema.fields.length; i++) {
      const payload = children[c++].values as BigInt64Array
      this.f64.push(new Float64Array(payload.buffer, payload.byteOffset, rows))
      this.i32.push(new Int32Array(payload.buffer, payload.byteOffset, 2 * rows))
      this.kinds.push(children[c++].values as Uint8Array)
    }
  }
}
