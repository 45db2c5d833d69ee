/**
 * `httpOut`: keeps the last point or batch of every group for reading over HTTP. Thread: shard worker; the answers of all
 * shards are merged by sinks/http-out-views.ts.
 *
 * State per group, in pages: refs i32 (the slot's bytes in a byte heap), lengths i32, kinds u8 (SlotKind), marks i32,
 * orders f64 ×2 (clock when the slot appeared, number of the slot). Of a chunk only the last row of each group is kept.
 *
 *   a point   f64 ms · i32 sub · i32 name bytes · name · the cells as columns/packed-rows.ts packs them: JSON only when read
 *   a batch   its row as JSON
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { decodeUtf8, encodeUtf8 } from '../../columns/column.js'
import { compareBytewise, encodeRow, rowOfPoint, rowOfWindow } from '../../columns/json-encode.js'
import { PackedRows, type PackPlan, packRow } from '../../columns/packed-rows.js'
import type { Row } from '../../columns/point.js'
import { RowScratch } from '../../columns/row-scratch.js'
import { nsOf } from '../../columns/time.js'
import { Timestamp, type Value } from '../../columns/values.js'
import { errorText } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { ByteHeap } from '../../state/byte-heap.js'
import type { Pages } from '../../state/pages.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { GroupHold } from '../kit/group-hold.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const httpOutDef: NodeDef = {
  method: 'httpOut',
  kind: 'http_out',
  goType: 'HTTPOutNode',
  doc: 'Serves the last point or batch of every group at /kapacitor/v1/tasks/<task>/<endpoint>.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'endpoint', type: 'string' }],
  properties: [],
  construct(node, args) {
    node.props.endpoint = args[0]
  },
  effects: () => ({ reads: [], wholeFields: true, wholeTags: true, stateful: true }),
}

export const SlotKind = {
  /** Created by a barrier: no row yet. */
  Null: 0,
  /** A row as JSON. */
  Row: 1,
  /** The row could not be encoded: the text of the error. */
  Error: 2,
  /** A point with packed cells: inside a shard only. */
  Packed: 3,
} as const

const wholeRow: PackPlan = { fields: true, tags: true, skipFields: [], skipTags: [] }
const headBytes = 16

/** Asks an httpOut operator for its rows, through Operator.control. */
export interface HttpOutRequest {
  readonly what: 'rows'
}

/** The slots of one shard in order of creation. */
export interface HttpOutRows {
  /** Some group has ever been seen. */
  readonly seen: boolean
  /** Main's clock when the slot appeared, ms. */
  readonly createdMs: Float64Array
  readonly kinds: Uint8Array
  /** Bytes of each slot; they follow each other in `bytes`. */
  readonly lengths: Int32Array
  readonly bytes: Uint8Array
}

const encoder = new TextEncoder()

/** The JSON, or the text of why there is none. */
function jsonOf(encode: () => string): { text: string; kind: number } {
  try {
    return { text: encode(), kind: SlotKind.Row }
  } catch (err) {
    return { text: errorText(err), kind: SlotKind.Error }
  }
}

export class HttpOutOperator extends Operator {
  private readonly heap: ByteHeap
  private readonly refs: Pages<Int32Array>
  private readonly lengths: Pages<Int32Array>
  private readonly kinds: Pages<Uint8Array>
  private readonly marks: Pages<Int32Array>
  private readonly orders: Pages<Float64Array>
  private readonly hold: GroupHold
  private seen = false
  private nextOrder = 0
  private highest = -1
  private chunkNumber = 0
  private text = new Uint8Array(4096)
  private head = new DataView(this.text.buffer)
  private readonly packed = new RowScratch()
  private readonly unpacked = new PackedRows()
  private name = ''
  private nameBytes: Uint8Array = new Uint8Array(0)

  constructor(_planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    this.heap = new ByteHeap(ctx.state)
    this.refs = ctx.state.i32()
    this.lengths = ctx.state.i32()
    this.kinds = ctx.state.u8()
    this.marks = ctx.state.i32()
    this.orders = ctx.state.f64(2)
    this.hold = new GroupHold(ctx.state)
  }

  receive(chunk: Chunk): void {
    const { windows } = chunk
    const groups = windows === null ? chunk.groups : windows.groups
    const n = windows === null ? chunk.n : windows.n
    let refused = 0
    for (let i = 0; i < n; i++) if (!this.hold.has(groups[i]) && !this.create(chunk.grouping, groups[i])) refused++
    const mark = ++this.chunkNumber
    for (let i = n - 1; i >= 0; i--) {
      const g = groups[i]
      if (!this.hold.has(g) || this.marks.get(g) === mark) continue
      this.marks.set(g, mark)
      if (!this.keep(chunk, i, g)) refused++
    }
    if (refused > 0) this.ctx.error('failed to keep rows', 'the state budget of the shard is used up', refused)
    this.emit(chunk)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    if (!this.hold.has(group)) this.create(grouping, group)
    this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.evictGroup(grouping, group)
    this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    if (!this.hold.release(grouping, group)) return
    this.freeText(group)
    this.ctx.stats.set('working_cardinality', this.hold.size)
  }

  override control(message: unknown): unknown {
    const request = message as HttpOutRequest
    return request.what === 'rows' ? this.rows() : undefined
  }

  override dispose(): void {
    for (const p of [this.refs, this.lengths, this.kinds, this.marks, this.orders]) p.release()
    this.heap.release()
    this.hold.dispose()
  }

  private rows(): HttpOutRows {
    const slots: number[] = []
    for (let g = 0; g <= this.highest; g++) if (this.hold.has(g)) slots.push(g)
    slots.sort((a, b) => this.orders.get(a, 1) - this.orders.get(b, 1))
    const n = slots.length
    const createdMs = new Float64Array(n)
    const kinds = new Uint8Array(n)
    const lengths = new Int32Array(n)
    const out = new RowScratch()
    slots.forEach((g, i) => {
      createdMs[i] = this.orders.get(g, 0)
      const before = out.length
      kinds[i] = this.writeSlot(g, out)
      lengths[i] = out.length - before
    })
    return { seen: this.seen, createdMs, kinds, lengths, bytes: out.bytes.slice(0, out.length) }
  }

  /** Appends the slot's text; returns what it is. */
  private writeSlot(g: number, out: RowScratch): number {
    const kind = this.kinds.get(g)
    const length = this.lengths.get(g)
    if (length === 0) return kind
    const ref = this.refs.get(g)
    const page = this.heap.pageOf(ref)
    const at = this.heap.offsetOf(ref)
    if (kind !== SlotKind.Packed) {
      out.raw(page, at, length)
      return kind
    }
    const { text, kind: shown } = jsonOf(() => encodeRow(this.unpack(page, at, length)))
    const bytes = encodeUtf8(text)
    out.raw(bytes, 0, bytes.length)
    return shown
  }

  private unpack(page: Uint8Array, at: number, length: number): Row {
    const head = new DataView(page.buffer, page.byteOffset + at, headBytes)
    const nameLength = head.getInt32(12, true)
    const cellsAt = headBytes + nameLength
    this.unpacked.reset()
    this.unpacked.set(0, page, at + cellsAt, length - cellsAt)
    const tags = new Map<string, string>()
    const fields = new Map<string, Value>()
    this.unpacked.readTags(0, tags)
    this.unpacked.readFields(0, fields)
    const columns = [...fields.keys()].sort(compareBytewise)
    const time = new Timestamp(nsOf(head.getFloat64(0, true), head.getInt32(8, true)))
    return {
      name: decodeUtf8(page, at + headBytes, nameLength),
      tags,
      columns: ['time', ...columns],
      values: [[time, ...columns.map((c) => fields.get(c)!)]],
    }
  }

  private create(grouping: GroupInfo, g: number): boolean {
    for (const p of [this.refs, this.lengths, this.kinds, this.marks, this.orders]) if (!p.ensure(g)) return false
    if (!this.hold.hold(grouping, g)) return false
    this.seen = true
    this.refs.set(g, 0)
    this.lengths.set(g, 0)
    this.kinds.set(g, SlotKind.Null)
    this.orders.set(g, this.ctx.now(), 0)
    this.orders.set(g, this.nextOrder++, 1)
    if (g > this.highest) this.highest = g
    this.ctx.stats.set('working_cardinality', this.hold.size)
    return true
  }

  /** False: the budget refused, and the slot keeps what it had. */
  private keep(chunk: Chunk, index: number, g: number): boolean {
    // A packed row cannot hold the missing marker.
    if (chunk.windows === null && !chunk.fields.some((f) => f.column.markers)) {
      return this.store(g, SlotKind.Packed, this.pack(chunk, index, g))
    }
    const { text, kind } = jsonOf(() =>
      encodeRow(chunk.windows === null ? rowOfPoint(chunk, index, g) : rowOfWindow(chunk, index)),
    )
    this.reserve(text.length * 3)
    return this.store(g, kind, encoder.encodeInto(text, this.text).written)
  }

  /** Packs a point into `text`; returns the length. */
  private pack(chunk: Chunk, row: number, g: number): number {
    if (chunk.name !== this.name) {
      this.name = chunk.name
      this.nameBytes = encodeUtf8(chunk.name)
    }
    const cells = packRow(chunk, row, g, wholeRow, this.packed)
    const cellsAt = headBytes + this.nameBytes.length
    this.reserve(cellsAt + cells)
    this.head.setFloat64(0, chunk.ms[row], true)
    this.head.setInt32(8, chunk.sub[row], true)
    this.head.setInt32(12, this.nameBytes.length, true)
    this.text.set(this.nameBytes, headBytes)
    this.text.set(this.packed.bytes.subarray(0, cells), cellsAt)
    return cellsAt + cells
  }

  private reserve(bytes: number): void {
    if (bytes <= this.text.length) return
    this.text = new Uint8Array(bytes * 2)
    this.head = new DataView(this.text.buffer)
  }

  private store(g: number, kind: number, length: number): boolean {
    const ref = this.heap.put(this.text, 0, length)
    if (ref === 0) return false
    this.freeText(g)
    this.refs.set(g, ref)
    this.lengths.set(g, length)
    this.kinds.set(g, kind)
    return true
  }

  private freeText(g: number): void {
    this.heap.free(this.refs.get(g), this.lengths.get(g))
    this.refs.set(g, 0)
    this.lengths.set(g, 0)
  }
}

export const httpOutEntry: OperatorEntry = {
  def: httpOutDef,
  create: (planned, ctx) => new HttpOutOperator(planned, ctx),
}
