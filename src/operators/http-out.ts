/**
 * `httpOut`: keeps the last point or batch of every group for reading over HTTP. Thread: shard worker; the answers of all
 * shards are merged by tasks/http-out-views.ts.
 *
 * State per group, in pages: refs i32 (the row as JSON in a byte heap), lengths i32, kinds u8 (SlotKind), marks i32,
 * orders f64 ×2 (clock when the slot appeared, number of the slot). Of a chunk only the last row of each group is encoded.
 */
import type { Chunk, GroupInfo } from '../columns/chunk.js'
import { encodeRow, rowOfPoint, rowOfWindow } from '../columns/json-encode.js'
import { errorText } from '../errors.js'
import type { PlannedNode } from '../plan/task-plan.js'
import { ByteHeap } from '../shard/byte-heap.js'
import type { Pages } from '../shard/pages.js'
import type { NodeDef } from '../tickscript/node-def.js'
import { GroupHold } from './group-hold.js'
import { Operator, type OperatorContext } from './operator.js'
import type { OperatorEntry } from './registry-types.js'

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
} as const

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
    if (this.hold.release(grouping, group)) this.freeText(group)
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
    let total = 0
    for (let g = 0; g <= this.highest; g++) {
      if (!this.hold.has(g)) continue
      slots.push(g)
      total += this.lengths.get(g)
    }
    slots.sort((a, b) => this.orders.get(a, 1) - this.orders.get(b, 1))
    const n = slots.length
    const rows = {
      seen: this.seen,
      createdMs: new Float64Array(n),
      kinds: new Uint8Array(n),
      lengths: new Int32Array(n),
      bytes: new Uint8Array(total),
    }
    let at = 0
    slots.forEach((g, i) => {
      const length = this.lengths.get(g)
      rows.createdMs[i] = this.orders.get(g, 0)
      rows.kinds[i] = this.kinds.get(g)
      rows.lengths[i] = length
      if (length > 0) {
        const ref = this.refs.get(g)
        const o = this.heap.offsetOf(ref)
        rows.bytes.set(this.heap.pageOf(ref).subarray(o, o + length), at)
        at += length
      }
    })
    return rows
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
    return true
  }

  /** False: the budget refused, and the slot keeps what it had. */
  private keep(chunk: Chunk, index: number, g: number): boolean {
    let kind: number = SlotKind.Row
    let json: string
    try {
      json = encodeRow(chunk.windows === null ? rowOfPoint(chunk, index, g) : rowOfWindow(chunk, index))
    } catch (err) {
      json = errorText(err)
      kind = SlotKind.Error
    }
    if (json.length * 3 > this.text.length) this.text = new Uint8Array(json.length * 4)
    const { written } = encoder.encodeInto(json, this.text)
    const ref = this.heap.put(this.text, 0, written)
    if (ref === 0) return false
    this.freeText(g)
    this.refs.set(g, ref)
    this.lengths.set(g, written)
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
