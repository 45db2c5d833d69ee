/**
 * What a union holds back: a queue per parent of points, batches and barriers. Thread: shard worker.
 *
 *   entry   ms f64 · sub i32 (on demand) · next + 1 (the pool's link) · i32 ×4: group, its generation, origin, rows
 *           rows: `aPoint`, `aBarrier`, or the number of rows of a batch, which follow the entry as slots of their own
 *   cells   a slot's fields and tags, and its packed row (ref, length)
 *   group   i32: entries waiting; a group with some is held
 *
 * An entry whose group has been evicted since is dropped when its turn comes, and counted.
 */
import type { Chunk } from '../../columns/chunk.js'
import type { ChunkBuilder } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { type PackPlan, packRow } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import type { Grouping } from '../../state/grouping.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { CellReader } from '../kit/cells.js'
import { CellStore } from './merge-cells.js'
import { SlotPool } from './merge-slots.js'

const aPoint = -1
const aBarrier = -2

const GROUP = 0
const GENERATION = 1
const ORIGIN = 2
const ROWS = 3

/** Of a packed row, for estimates. */
const packedBytes = 64

/** Which cells are kept. */
export interface UnionLayout {
  readonly fields: readonly string[]
  readonly tags: readonly string[]
  readonly rest: PackPlan | null
}

/** Name, database and retention policy of messages, as small ids with a count of the entries that have them. */
class Origins {
  private readonly names: string[] = []
  private readonly dbs: string[] = []
  private readonly rps: string[] = []
  private readonly counts: number[] = []
  private readonly ids = new Map<string, number>()
  private readonly unused: number[] = []
  private last = -1

  /** An id with one more entry. */
  take(name: string, db: string, rp: string): number {
    let id = this.last
    if (id < 0 || this.names[id] !== name || this.dbs[id] !== db || this.rps[id] !== rp) id = this.find(name, db, rp)
    this.counts[id]++
    return id
  }

  give(id: number): void {
    if (--this.counts[id] > 0) return
    this.ids.delete(keyOf(this.names[id], this.dbs[id], this.rps[id]))
    this.unused.push(id)
    if (this.last === id) this.last = -1
  }

  begin(id: number, rename: string, grouping: Grouping, out: ChunkBuilder): void {
    out.begin(rename === '' ? this.names[id] : rename, this.dbs[id], this.rps[id], grouping)
  }

  private find(name: string, db: string, rp: string): number {
    const key = keyOf(name, db, rp)
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.unused.pop() ?? this.names.length
      this.names[id] = name
      this.dbs[id] = db
      this.rps[id] = rp
      this.counts[id] = 0
      this.ids.set(key, id)
    }
    this.last = id
    return id
  }
}

function keyOf(name: string, db: string, rp: string): string {
  return JSON.stringify([name, db, rp])
}

/** What is known of everything that leaves a union. */
export interface UnionOutput {
  readonly layout: UnionLayout
  readonly grouping: Grouping
  /** Measurement name of everything; empty: as it came. */
  readonly rename: string
  readonly out: ChunkBuilder
}

/** Where an entry came from. */
interface Origin {
  readonly name: string
  readonly db: string
  readonly rp: string
}

const noOrigin: Origin = { name: '', db: '', rp: '' }

/** Slots of an entry and of its last row, and how many rows it has (or `aPoint`, `aBarrier`). */
interface QueueEntry {
  first: number
  last: number
  rows: number
}

export class UnionQueues {
  /** Rows of the entries dropped because their group is gone, since last asked. */
  lost = 0
  private readonly heads: number[]
  private readonly tails: number[]
  private readonly pool: SlotPool
  private readonly ms: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly meta: Pages<Int32Array>
  private readonly waiting: Pages<Int32Array>
  private readonly refs: Pages<Int32Array> | null
  private readonly cells: CellStore
  private readonly reader = new CellReader()
  private readonly sources: (Column | null)[] = []
  private readonly scratch = new RowScratch()
  private readonly origins = new Origins()
  private readonly rowBytes: number
  private readonly entered: QueueEntry = { first: 0, last: 0, rows: 0 }
  private readonly layout: UnionLayout
  private readonly grouping: Grouping
  private readonly rename: string
  private readonly out: ChunkBuilder
  private chunk: Chunk | null = null

  constructor(state: StateAllocator, parents: number, output: UnionOutput) {
    const { layout } = output
    this.layout = layout
    this.grouping = output.grouping
    this.rename = output.rename
    this.out = output.out
    this.heads = new Array<number>(parents).fill(-1)
    this.tails = new Array<number>(parents).fill(-1)
    const columns = layout.fields.length + layout.tags.length
    this.ms = state.f64()
    this.subs = state.i32()
    this.meta = state.i32(4)
    this.waiting = state.i32()
    this.refs = layout.rest === null ? null : state.i32(2)
    this.cells = new CellStore(state, columns)
    const always = this.refs === null ? [this.ms, this.meta] : [this.ms, this.meta, this.refs]
    const slotBytes = 28 + 9 * columns + (this.refs === null ? 0 : 8)
    this.pool = new SlotPool(state, always, [this.subs, ...this.cells.pages], slotBytes)
    this.rowBytes = slotBytes + (this.refs === null ? 0 : packedBytes)
  }

  /** The chunk that rows are taken from. */
  bind(chunk: Chunk): void {
    this.chunk = chunk
    this.reader.begin()
    const { fields, tags } = this.layout
    for (let k = 0; k < fields.length; k++) this.sources[k] = this.reader.field(chunk, fields[k])
    for (let k = 0; k < tags.length; k++) this.sources[fields.length + k] = this.reader.tag(chunk, tags[k])
  }

  isEmpty(parent: number): boolean {
    return this.heads[parent] < 0
  }

  /** Time of the first entry. Only when there is one. */
  headMs(parent: number): number {
    return this.ms.get(this.heads[parent])
  }

  headSub(parent: number): number {
    const slot = this.heads[parent]
    return this.subs.has(slot) ? this.subs.get(slot) : 0
  }

  /** Row `row` of the bound chunk. `theirGroup` is its group there. False: the budget refused. */
  addPoint(parent: number, group: number, row: number, theirGroup: number): boolean {
    const { ms, sub } = this.chunk!
    const slot = this.take(ms[row], sub[row])
    if (slot < 0) return false
    if (!this.keep(slot, row, theirGroup)) {
      this.pool.give(slot)
      return false
    }
    return this.enter(parent, group, this.entry(slot, slot, aPoint), this.chunk!)
  }

  /** Window `w` of the bound chunk. */
  addBatch(parent: number, group: number, w: number): boolean {
    const { windows, ms, sub } = this.chunk!
    const { starts, ends, groups } = windows!
    const entry = this.take(windows!.ms[w], windows!.sub[w])
    if (entry < 0) return false
    const { next } = this.pool
    let last = entry
    for (let r = starts[w]; r < ends[w]; r++) {
      const slot = this.take(ms[r], sub[r])
      const kept = slot >= 0 && this.keep(slot, r, groups[w])
      if (!kept) {
        if (slot >= 0) this.pool.give(slot)
        this.freeRows(entry, r - starts[w])
        this.pool.give(entry)
        return false
      }
      next.set(last, slot + 1)
      last = slot
    }
    return this.enter(parent, group, this.entry(entry, last, ends[w] - starts[w]), this.chunk!)
  }

  addBarrier(parent: number, group: number, ms: number, sub: number): boolean {
    const slot = this.take(ms, sub)
    return slot >= 0 && this.enter(parent, group, this.entry(slot, slot, aBarrier), noOrigin)
  }

  /** Puts a row of the bound chunk straight into the output. */
  pass(group: number, row: number, theirGroup: number): void {
    const chunk = this.chunk!
    const { out, layout, sources } = this
    const to = out.row(chunk.ms[row], chunk.sub[row], group)
    const n = layout.fields.length
    for (let k = 0; k < sources.length; k++) {
      const source = sources[k]
      if (source === null || source.kinds[row] === 0) continue
      const column = k < n ? out.fields[k] : out.tags[k - n]
      column.copy(to, source, row)
    }
    if (layout.rest === null) return
    const length = packRow(chunk, row, theirGroup, layout.rest, this.scratch)
    out.rest!.set(to, this.scratch.bytes, 0, length)
  }

  begin(name: string, db: string, rp: string): void {
    this.out.begin(this.rename === '' ? name : this.rename, db, rp, this.grouping)
  }

  /** Takes the first entry off. A point or batch goes to the output; for a barrier, the group, else -1. */
  emitFirst(parent: number): number {
    const slot = this.heads[parent]
    const { meta, out } = this
    const page = meta.pages[slot >> meta.shift]
    const o = (slot & meta.mask) * 4
    const group = page[o + GROUP]
    const rows = page[o + ROWS]
    if (this.grouping.generation(group) !== page[o + GENERATION]) {
      this.lost += this.removeFirst(parent)
      return -1
    }
    if (rows === aBarrier) {
      this.removeFirst(parent)
      return group
    }
    this.origins.begin(page[o + ORIGIN], this.rename, this.grouping, out)
    if (rows === aPoint) this.emitRow(slot, group)
    else {
      out.beginWindow(group, this.ms.get(slot), this.subOf(slot))
      for (let k = 0, row = slot; k < rows; k++) {
        row = this.pool.next.get(row) - 1
        this.emitRow(row, group)
      }
      out.endWindow()
    }
    this.removeFirst(parent)
    return -1
  }

  /** Takes the first entry off and drops it; returns its rows. */
  removeFirst(parent: number): number {
    const { meta, pool } = this
    const slot = this.heads[parent]
    const page = meta.pages[slot >> meta.shift]
    const o = (slot & meta.mask) * 4
    const rows = page[o + ROWS]
    this.leave(page[o + GROUP], page[o + GENERATION])
    this.origins.give(page[o + ORIGIN])
    let next: number
    if (rows > 0) next = this.freeRows(slot, rows)
    else {
      if (rows === aPoint) this.free(slot)
      next = pool.next.get(slot)
    }
    pool.give(slot)
    this.heads[parent] = next - 1
    if (next === 0) this.tails[parent] = -1
    return rows === aPoint ? 1 : Math.max(0, rows)
  }

  /** The group is being evicted: what waits of it will be dropped. */
  evictGroup(group: number): void {
    if (this.waiting.has(group)) this.waiting.set(group, 0)
  }

  /** Drops the oldest entries until about `bytes` are free; `onDrop` hears of the parents that lost some. */
  evict(bytes: number, onDrop: (parent: number, rows: number) => void): number {
    let freed = 0
    while (freed < bytes) {
      let oldest = -1
      for (let p = 0; p < this.heads.length; p++) {
        if (this.heads[p] >= 0 && (oldest < 0 || this.headMs(p) < this.headMs(oldest))) oldest = p
      }
      if (oldest < 0) break
      let rows = 0
      // Many at once: of the others none is older by much.
      for (let k = 0; k < 64 && this.heads[oldest] >= 0; k++) {
        const n = this.removeFirst(oldest)
        rows += n
        freed += (n + 1) * this.rowBytes
      }
      onDrop(oldest, rows)
    }
    return freed
  }

  dispose(): void {
    this.pool.dispose()
    this.waiting.release()
    this.cells.dispose()
    this.heads.fill(-1)
    this.tails.fill(-1)
    this.chunk = null
  }

  private take(ms: number, sub: number): number {
    const slot = this.pool.take()
    if (slot < 0) return -1
    if (sub !== 0 && !this.subs.ensure(slot)) {
      this.pool.give(slot)
      return -1
    }
    this.ms.pages[slot >> this.ms.shift][slot & this.ms.mask] = ms
    if (this.subs.has(slot)) this.subs.set(slot, sub)
    return slot
  }

  private keep(slot: number, row: number, theirGroup: number): boolean {
    const { cells, refs, layout, scratch } = this
    if (!cells.put(slot, 0, this.sources, row)) return false
    if (refs === null) return true
    const length = packRow(this.chunk!, row, theirGroup, layout.rest!, scratch)
    const ref = cells.heap.put(scratch.bytes, 0, length)
    if (ref === 0) {
      cells.free(slot, 0, cells.columns)
      return false
    }
    refs.set(slot, ref, 0)
    refs.set(slot, length, 1)
    return true
  }

  private entry(first: number, last: number, rows: number): QueueEntry {
    const { entered } = this
    entered.first = first
    entered.last = last
    entered.rows = rows
    return entered
  }

  /** Links an entry at the end of a queue. False: the budget refused, and it is freed. */
  private enter(parent: number, group: number, { first, last, rows }: QueueEntry, from: Origin): boolean {
    const { meta, pool, waiting, grouping } = this
    if (!waiting.ensure(group)) {
      if (rows > 0) this.freeRows(first, rows)
      else if (rows === aPoint) this.free(first)
      pool.give(first)
      return false
    }
    const count = waiting.get(group)
    waiting.set(group, count + 1)
    if (count === 0) grouping.retain(group)
    const page = meta.pages[first >> meta.shift]
    const o = (first & meta.mask) * 4
    page[o + GROUP] = group
    page[o + GENERATION] = grouping.generation(group)
    page[o + ORIGIN] = this.origins.take(from.name, from.db, from.rp)
    page[o + ROWS] = rows
    pool.next.set(last, 0)
    const tail = this.tails[parent]
    if (tail < 0) this.heads[parent] = first
    else pool.next.set(tail, first + 1)
    this.tails[parent] = last
    return true
  }

  private leave(group: number, generation: number): void {
    const { grouping, waiting } = this
    if (grouping.generation(group) !== generation) return
    const count = waiting.get(group) - 1
    waiting.set(group, count)
    if (count === 0) grouping.release(group)
  }

  private emitRow(slot: number, group: number): void {
    const { out, cells, refs } = this
    const row = out.row(this.ms.get(slot), this.subOf(slot), group)
    const n = this.layout.fields.length
    for (let k = 0; k < n; k++) cells.copyTo(slot, k, out.fields[k], row)
    for (let k = n; k < cells.columns; k++) cells.copyTo(slot, k, out.tags[k - n], row)
    if (refs === null) return
    const ref = refs.get(slot, 0)
    out.rest!.set(row, cells.heap.pageOf(ref), cells.heap.offsetOf(ref), refs.get(slot, 1))
  }

  private free(slot: number): void {
    this.cells.free(slot, 0, this.cells.columns)
    if (this.refs !== null) this.cells.heap.free(this.refs.get(slot, 0), this.refs.get(slot, 1))
  }

  /** Frees the `n` rows behind an entry; returns the link of the last one. */
  private freeRows(entry: number, n: number): number {
    const { next } = this.pool
    let link = next.get(entry)
    for (let k = 0; k < n; k++) {
      const slot = link - 1
      link = next.get(slot)
      this.free(slot)
      this.pool.give(slot)
    }
    return link
  }

  private subOf(slot: number): number {
    return this.subs.has(slot) ? this.subs.get(slot) : 0
  }
}
