/**
 * The batches that the sets of a batch join hold, and how the points of a set are merged (spec nodes 4.15).
 * Thread: shard worker.
 *
 * Rows are kept per (set, parent) in a row store. A set that is settled is laid out as one chunk with a window per
 * parent; then points of equal rounded time are taken from all of them, in order of time.
 */
import type { Chunk } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { PackedRows } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import type { Grouping } from '../../state/grouping.js'
import type { StateAllocator } from '../../state/pages.js'
import { builderOptions, type RowLayout, RowStore } from '../kit/row-store.js'
import type { JoinContent } from './join-content.js'
import type { JoinPlan } from './join-plan.js'
import type { JoinSets } from './join-sets.js'
import { addName, addValue, PackedReader } from './merge-packed.js'
import type { AnyPages } from './merge-slots.js'
import type { Rounder } from './merge-time.js'

/** A batch is laid out as a whole, however long. */
const noLimit = 2 ** 30
const keptRows = 65536

export class JoinBatches implements JoinContent {
  readonly always: readonly AnyPages[] = []
  readonly others: readonly AnyPages[] = []
  readonly slotBytes = 0
  readonly rowBytes: number
  readonly messageAlways: readonly AnyPages[] = []
  readonly messageOthers: readonly AnyPages[] = []
  private readonly layout: RowLayout
  private readonly rows: RowStore
  private readonly messages: RowStore
  private readonly out: ChunkBuilder
  private laidOut: ChunkBuilder
  private readonly copies: ChunkBuilder
  private readonly prefixBytes: readonly Uint8Array[]
  private readonly packedReader = new PackedReader()
  private readonly joined = new RowScratch()
  /** Per parent and kept field the column of the layout. */
  private readonly columns: readonly (readonly number[])[]
  private chunk: Chunk | null = null
  private sets: JoinSets | null = null
  private ms = new Float64Array(0)
  private sub = new Int32Array(0)
  private readonly at: Int32Array
  private readonly taken: Int32Array
  private readonly windowOf: Int32Array
  private copyTo = 0
  private copied = true
  private emitting = { g: 0, set: 0 }

  constructor(
    private readonly plan: JoinPlan,
    private readonly grouping: Grouping,
    private readonly rounder: Rounder,
    state: StateAllocator,
    emit: (chunk: Chunk) => void,
  ) {
    const fields = [...new Set(plan.inputs.flat())].sort()
    const rest = plan.whole ? { fields: true, tags: false, skipFields: [], skipTags: [] } : null
    this.layout = { fields, tags: [], dims: [], rest }
    this.rows = new RowStore(state, this.layout)
    this.messages = new RowStore(state, this.layout)
    this.rowBytes = this.rows.rowBytes
    this.columns = plan.inputs.map((names) => names.map((n) => fields.indexOf(n)))
    this.prefixBytes = plan.prefixes.map(encodeUtf8)
    this.laidOut = this.newLayout()
    this.copies = new ChunkBuilder({ ...builderOptions(this.layout), batch: true }, (c) => this.copyRows(c))
    this.out = new ChunkBuilder(
      { fields: plan.names, groupTags: true, batch: true, rest: rest === null ? undefined : rest },
      emit,
    )
    this.at = new Int32Array(plan.parents)
    this.taken = new Int32Array(plan.parents)
    this.windowOf = new Int32Array(plan.parents)
  }

  attach(sets: JoinSets): void {
    this.sets = sets
  }

  bind(chunk: Chunk): void {
    this.chunk = chunk
    this.rows.bind(chunk)
    if (this.plan.on.length > 0) this.messages.bind(chunk)
  }

  rowsOf(index: number): number {
    const w = this.chunk!.windows!
    return w.ends[index] - w.starts[index]
  }

  rowsOfMessage(message: number): number {
    return this.messages.count(message)
  }

  put(set: number, parent: number, index: number): boolean {
    return this.append(this.rows, this.keyOf(set, parent), index)
  }

  keep(message: number, _parent: number, index: number): boolean {
    return this.append(this.messages, message, index)
  }

  send(message: number, parent: number, set: number): boolean {
    this.copyTo = this.keyOf(set, parent)
    this.copied = true
    this.copies.begin('', '', '', this.grouping)
    this.copies.beginWindow(0, 0, 0)
    this.messages.copyTo(message, this.grouping, this.copies)
    this.copies.endWindow()
    this.copies.flush()
    if (!this.copied) this.rows.clear(this.copyTo)
    if (this.chunk !== null) this.rows.bind(this.chunk)
    return this.copied
  }

  free(set: number, parent: number): number {
    const key = this.keyOf(set, parent)
    const n = this.rows.count(key)
    this.rows.clear(key)
    return n
  }

  drop(message: number): number {
    const n = this.messages.count(message)
    this.messages.clear(message)
    return n
  }

  emit(g: number, set: number): void {
    const sets = this.sets!
    this.emitting.g = g
    this.emitting.set = set
    const out = this.laidOut
    let windows = 0
    out.begin('', '', '', this.grouping)
    for (let p = 0; p < this.plan.parents; p++) {
      this.windowOf[p] = -1
      if (!sets.has(set, p)) continue
      this.windowOf[p] = windows++
      out.beginWindow(0, 0, 0)
      this.rows.copyTo(this.keyOf(set, p), this.grouping, out)
      out.endWindow()
    }
    const { n } = out
    out.flush()
    // One very long batch must not keep its memory for ever.
    if (n > keptRows) this.laidOut = this.newLayout()
  }

  flush(): void {
    this.chunk = null
    this.out.flush()
  }

  dispose(): void {
    this.rows.dispose()
    this.messages.dispose()
    this.chunk = null
  }

  private keyOf(set: number, parent: number): number {
    return set * this.plan.parents + parent
  }

  private newLayout(): ChunkBuilder {
    return new ChunkBuilder({ ...builderOptions(this.layout), batch: true }, (c) => this.merge(c), noLimit)
  }

  private append(to: RowStore, key: number, index: number): boolean {
    const w = this.chunk!.windows!
    for (let r = w.starts[index]; r < w.ends[index]; r++) {
      if (to.append(key, r)) continue
      to.clear(key)
      return false
    }
    return true
  }

  private copyRows(chunk: Chunk): void {
    this.rows.bind(chunk)
    for (let r = 0; r < chunk.n && this.copied; r++) this.copied = this.rows.append(this.copyTo, r)
  }

  /** Merges the rows of the set that `emit` has laid out. */
  private merge(chunk: Chunk): void {
    const { plan, out, at, windowOf, taken } = this
    const sets = this.sets!
    const windows = chunk.windows!
    const { g, set } = this.emitting
    this.roundTimes(chunk)
    const lowest = sets.lowest(set)
    out.begin(plan.streamName === '' ? sets.nameOf(set, lowest) : plan.streamName, '', '', this.grouping)
    out.beginWindow(g, sets.msOf(set), sets.subOf(set))
    let names = -1
    for (let p = 0; p < plan.parents; p++) {
      const w = windowOf[p]
      at[p] = w < 0 ? 0 : windows.starts[w]
      if (names < 0 && w >= 0 && windows.starts[w] < windows.ends[w]) names = windows.starts[w]
    }
    for (;;) {
      const first = this.earliest(chunk)
      if (first < 0) break
      const row = at[first]
      let count = 0
      for (let p = 0; p < plan.parents; p++) {
        const w = windowOf[p]
        const r = at[p]
        taken[p] = -1
        if (w < 0 || r >= windows.ends[w] || this.ms[r] !== this.ms[row] || this.sub[r] !== this.sub[row]) continue
        taken[p] = r
        count++
      }
      for (let p = 0; p < plan.parents; p++) if (taken[p] >= 0) at[p]++
      if (count === plan.parents || plan.fill !== null) this.emitRow(chunk, g, this.ms[row], this.sub[row], names)
    }
    out.endWindow()
  }

  private emitRow(chunk: Chunk, g: number, ms: number, sub: number, names: number): void {
    const { plan, out, taken, joined, packedReader, prefixBytes } = this
    const row = out.row(ms, sub, g)
    for (let p = 0; p < plan.parents; p++) {
      for (const o of plan.outputs[p]) {
        const from = chunk.fields[this.columns[p][o.from]].column
        if (taken[p] < 0) {
          // The column of a name is the same for all parents.
          if (from.kinds[names] !== Kind.Missing) this.fill(o.to, row)
        } else if (from.kinds[taken[p]] !== Kind.Missing) out.fields[o.to].copy(row, from, taken[p])
      }
    }
    if (!(chunk.rest instanceof PackedRows) || out.rest === null) return
    joined.reset()
    joined.byte(0)
    for (let p = 0; p < plan.parents; p++) {
      const r = taken[p] < 0 ? names : taken[p]
      packedReader.open(chunk.rest.bytes, chunk.rest.starts[r], chunk.rest.lengths[r])
      while (packedReader.nextField()) {
        addName(joined, prefixBytes[p], prefixBytes[p].length, packedReader)
        if (taken[p] >= 0) addValue(joined, packedReader)
        else {
          const { kind, lo, hi } = plan.fill!
          joined.byte(kind)
          if (kind !== Kind.Null) joined.words(lo, hi)
        }
      }
    }
    out.rest.set(row, joined.bytes, 0, joined.length)
  }

  private fill(to: number, row: number): void {
    const { kind, lo, hi } = this.plan.fill!
    this.out.fields[to].setWords(row, kind, lo, hi)
  }

  /** The parent whose next row is the earliest; -1: no rows are left. */
  private earliest(chunk: Chunk): number {
    const windows = chunk.windows!
    const { ms, sub, at, windowOf } = this
    let best = -1
    for (let p = 0; p < this.plan.parents; p++) {
      const w = windowOf[p]
      if (w < 0 || at[p] >= windows.ends[w]) continue
      const r = at[p]
      const b = best < 0 ? r : at[best]
      if (best < 0 || ms[r] < ms[b] || (ms[r] === ms[b] && sub[r] < sub[b])) best = p
    }
    return best
  }

  private roundTimes(chunk: Chunk): void {
    const { rounder } = this
    if (this.ms.length < chunk.n || this.ms.length > 4 * keptRows) {
      this.ms = new Float64Array(chunk.n)
      this.sub = new Int32Array(chunk.n)
    }
    for (let r = 0; r < chunk.n; r++) {
      rounder.round(chunk.ms[r], chunk.sub[r])
      this.ms[r] = rounder.ms
      this.sub[r] = rounder.sub
    }
  }
}
