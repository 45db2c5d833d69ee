/**
 * The points that the sets of a stream join hold: cells of the fields that are wanted by name, side by side for all
 * parents, and packed rows where whole points are wanted. Thread: shard worker.
 *
 * Waiting messages (join.on) are kept the same way in a store of their own, with room for one parent.
 */
import type { Chunk } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { type Column, encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { type PackPlan, packRow } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import type { Grouping } from '../../state/grouping.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { CellReader } from '../kit/cells.js'
import type { JoinContent } from './join-content.js'
import type { Fill, JoinPlan } from './join-plan.js'
import type { JoinSets } from './join-sets.js'
import { CellStore } from './merge-cells.js'
import { addName, addValue, PackedReader } from './merge-packed.js'
import type { AnyPages } from './merge-slots.js'

const packPlan: PackPlan = { fields: true, tags: false, skipFields: [], skipTags: [] }

/** Of a packed row, for estimates. */
const packedBytes = 64

export class JoinPoints implements JoinContent {
  readonly always: readonly AnyPages[]
  readonly others: readonly AnyPages[]
  readonly slotBytes: number
  readonly rowBytes: number
  readonly messageAlways: readonly AnyPages[]
  readonly messageOthers: readonly AnyPages[]
  private readonly cells: CellStore
  private readonly messages: CellStore
  /** First column of each parent. */
  private readonly at: number[] = []
  private readonly refs: Pages<Int32Array> | null
  private readonly messageRefs: Pages<Int32Array> | null
  private readonly reader = new CellReader()
  private readonly sources: (Column | null)[][]
  private readonly out: ChunkBuilder
  private readonly packed = new RowScratch()
  private readonly joined = new RowScratch()
  private readonly packedReader = new PackedReader()
  private readonly prefixBytes: readonly Uint8Array[]
  private chunk: Chunk | null = null
  private sets: JoinSets | null = null

  constructor(
    private readonly plan: JoinPlan,
    private readonly grouping: Grouping,
    state: StateAllocator,
    emit: (chunk: Chunk) => void,
  ) {
    let columns = 0
    for (const names of plan.inputs) {
      this.at.push(columns)
      columns += names.length
    }
    this.cells = new CellStore(state, columns)
    this.messages = new CellStore(state, Math.max(0, ...plan.inputs.map((names) => names.length)))
    this.refs = plan.whole ? state.i32(2 * plan.parents) : null
    this.messageRefs = plan.whole ? state.i32(2) : null
    this.always = this.refs === null ? [] : [this.refs]
    this.others = this.cells.pages
    this.messageAlways = this.messageRefs === null ? [] : [this.messageRefs]
    this.messageOthers = this.messages.pages
    this.slotBytes = 9 * columns + (plan.whole ? 8 * plan.parents : 0)
    this.rowBytes = 24 + this.slotBytes / plan.parents + (plan.whole ? packedBytes : 0)
    this.sources = plan.inputs.map((names) => names.map(() => null))
    this.prefixBytes = plan.prefixes.map(encodeUtf8)
    const rest = plan.whole ? { fields: true, tags: false } : undefined
    this.out = new ChunkBuilder({ fields: plan.names, groupTags: true, rest }, emit)
  }

  attach(sets: JoinSets): void {
    this.sets = sets
  }

  bind(chunk: Chunk, parent: number): void {
    this.chunk = chunk
    this.reader.begin()
    const names = this.plan.inputs[parent]
    const sources = this.sources[parent]
    for (let k = 0; k < names.length; k++) sources[k] = this.reader.field(chunk, names[k])
  }

  rowsOf(_index: number): number {
    return 1
  }

  rowsOfMessage(_message: number): number {
    return 1
  }

  put(set: number, parent: number, index: number): boolean {
    const { cells, refs } = this
    if (!cells.put(set, this.at[parent], this.sources[parent], index)) return false
    if (refs === null || this.pack(cells, refs, set, parent, index)) return true
    cells.free(set, this.at[parent], this.sources[parent].length)
    return false
  }

  keep(message: number, parent: number, index: number): boolean {
    const { messages, messageRefs } = this
    if (!messages.put(message, 0, this.sources[parent], index)) return false
    if (messageRefs === null || this.pack(messages, messageRefs, message, 0, index)) return true
    messages.free(message, 0, this.sources[parent].length)
    return false
  }

  send(message: number, parent: number, set: number): boolean {
    const { cells, messages, refs, messageRefs } = this
    const n = this.plan.inputs[parent].length
    if (!cells.putFrom(set, this.at[parent], messages, message, n)) return false
    if (refs === null || messageRefs === null) return true
    const ref = messageRefs.get(message, 0)
    const length = messageRefs.get(message, 1)
    const copy = cells.heap.put(messages.heap.pageOf(ref), messages.heap.offsetOf(ref), length)
    if (copy === 0) {
      cells.free(set, this.at[parent], n)
      return false
    }
    refs.set(set, copy, 2 * parent)
    refs.set(set, length, 2 * parent + 1)
    return true
  }

  free(set: number, parent: number): number {
    this.cells.free(set, this.at[parent], this.plan.inputs[parent].length)
    if (this.refs !== null) {
      this.cells.heap.free(this.refs.get(set, 2 * parent), this.refs.get(set, 2 * parent + 1))
    }
    return 1
  }

  drop(message: number, parent: number): number {
    this.messages.free(message, 0, this.plan.inputs[parent].length)
    if (this.messageRefs !== null) {
      this.messages.heap.free(this.messageRefs.get(message, 0), this.messageRefs.get(message, 1))
    }
    return 1
  }

  emit(g: number, set: number): void {
    const { plan, out, cells } = this
    const sets = this.sets!
    const complete = sets.isComplete(set)
    if (!complete && plan.fill === null) return
    const lowest = complete ? 0 : sets.lowest(set)
    out.begin(plan.streamName === '' ? sets.nameOf(set, lowest) : plan.streamName, '', '', this.grouping)
    const row = out.row(sets.msOf(set), sets.subOf(set), g)
    for (let p = 0; p < plan.parents; p++) {
      const at = this.at[p]
      const outputs = plan.outputs[p]
      if (complete || sets.has(set, p)) {
        for (let k = 0; k < outputs.length; k++) cells.copyTo(set, at + outputs[k].from, out.fields[outputs[k].to], row)
      } else this.fillCells(set, p, lowest, plan.fill!, row)
    }
    if (this.refs !== null) this.emitPacked(set, lowest, row)
  }

  flush(): void {
    this.out.flush()
  }

  dispose(): void {
    this.cells.dispose()
    this.messages.dispose()
    this.chunk = null
  }

  private pack(store: CellStore, refs: Pages<Int32Array>, slot: number, parent: number, row: number): boolean {
    const length = packRow(this.chunk!, row, 0, packPlan, this.packed)
    const ref = store.heap.put(this.packed.bytes, 0, length)
    if (ref === 0) return false
    refs.set(slot, ref, 2 * parent)
    refs.set(slot, length, 2 * parent + 1)
    return true
  }

  /** A missing parent has the field names of the first parent present. */
  private fillCells(set: number, parent: number, lowest: number, fill: Fill, row: number): void {
    for (const o of this.plan.outputs[parent]) {
      const same = o.same[lowest]
      if (same < 0 || this.cells.kindAt(set, this.at[lowest] + same) === Kind.Missing) continue
      this.out.fields[o.to].setWords(row, fill.kind, fill.lo, fill.hi)
    }
  }

  private emitPacked(set: number, lowest: number, row: number): void {
    const { joined, packedReader, plan, prefixBytes } = this
    const sets = this.sets!
    joined.reset()
    joined.byte(0)
    for (let p = 0; p < plan.parents; p++) {
      const present = sets.has(set, p)
      this.openPacked(set, present ? p : lowest)
      while (packedReader.nextField()) {
        addName(joined, prefixBytes[p], prefixBytes[p].length, packedReader)
        if (present) addValue(joined, packedReader)
        else {
          const { kind, lo, hi } = plan.fill!
          joined.byte(kind)
          if (kind !== Kind.Null) joined.words(lo, hi)
        }
      }
    }
    this.out.rest!.set(row, joined.bytes, 0, joined.length)
  }

  private openPacked(set: number, parent: number): void {
    const refs = this.refs!
    const { heap } = this.cells
    const ref = refs.get(set, 2 * parent)
    this.packedReader.open(heap.pageOf(ref), heap.offsetOf(ref), refs.get(set, 2 * parent + 1))
  }
}
