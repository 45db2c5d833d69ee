/**
 * Rows that an operator keeps, per group in arrival order, dropped from the front. Thread: shard worker.
 *
 *   group     i32 × 4    head block + 1, tail block + 1, rows dropped in the head block, rows
 *   block     8 rows; `nexts` i32 links a group's blocks; blocks come from zones of 1024 with a free list each
 *   row       ms f64 · sub i32 (pages only where not 0) · per projected name: kind u8, payload 8 bytes · rest: ref, length
 *
 * A String payload is a ref into the byte heap and a length. A column page that no row needs does not exist, so a projected
 * name that never occurs costs nothing: one float field is 21.5 bytes a row. An empty zone gives its pages back.
 * Tags of the group are not kept per row: they are written again when rows are handed out.
 */

import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { ChunkBuilder, OutColumn } from '../../columns/chunk-builder.js'
import { type Column, encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { type PackPlan, packRow } from '../../columns/packed-rows.js'
import { RowScratch } from '../../columns/row-scratch.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { ByteHeap } from '../../state/byte-heap.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { CellReader } from './cells.js'

/** Words of a group's record. */
const HEAD = 0
const TAIL = 1
const DROPPED = 2
const ROWS = 3
const groupWords = 4

const blockShift = 3
const blockRows = 1 << blockShift
const zoneShift = 10
const zoneBlocks = 1 << zoneShift
/** Pages of 8-byte columns hold exactly one zone. */
const zoneRowShift = blockShift + zoneShift

/** Which cells of a row are kept, and where. */
export interface RowLayout {
  readonly fields: readonly string[]
  readonly tags: readonly string[]
  /** Group tags that rows handed out carry. */
  readonly dims: readonly string[]
  /** The other cells; null: they are not wanted. */
  readonly rest: PackPlan | null
}

/**
 * The cells that something below a node looks at, of the rows that the node receives and hands on. `groupedBy`: grouping of the
 * rows handed out, where it is not that of the rows that come in.
 */
export function layoutOf(planned: PlannedNode, groupedBy = planned.groupedBy): RowLayout {
  const { needs, reads } = planned
  const allDims = groupedBy === '*' ? [] : [...new Set(groupedBy)]
  const fields = needs.fields ?? reads
  const dims = needs.tags === null ? allDims : allDims.filter((d) => needs.tags!.includes(d))
  const tags = (needs.tags ?? reads).filter((t) => !allDims.includes(t))
  const rest =
    needs.fields === null || needs.tags === null
      ? {
          fields: needs.fields === null,
          tags: needs.tags === null,
          skipFields: fields,
          skipTags: [...tags, ...dims],
        }
      : null
  return { fields: [...fields], tags, dims, rest }
}

export function builderOptions(layout: RowLayout) {
  return {
    fields: layout.fields,
    tags: [...layout.tags, ...layout.dims],
    rest: layout.rest === null ? undefined : { fields: layout.rest.fields, tags: layout.rest.tags },
  }
}

class CellColumn {
  readonly kinds: Pages<Uint8Array>
  readonly words: Pages<Int32Array>
  source: Column | null = null
  /** Heap ref of the string cell being appended. */
  pendingRef = 0

  constructor(state: StateAllocator) {
    this.kinds = state.u8()
    this.words = state.i32(2)
  }
}

interface Zone {
  /** First free block + 1, linked through `nexts`; 0 = none. */
  free: number
  /** Blocks never used yet start here (relative). */
  fresh: number
  live: number
  /** In the list of zones with room. */
  listed: boolean
}

export class RowStore {
  /** Rows held. */
  rows = 0
  private readonly groups: Pages<Int32Array>
  private readonly ms: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly nexts: Pages<Int32Array>
  private readonly cells: CellColumn[] = []
  private readonly fieldCount: number
  private readonly restRefs: Pages<Int32Array> | null
  private readonly heap: ByteHeap
  private readonly zones: Zone[] = []
  private readonly roomy: number[] = []
  private readonly scratch = new RowScratch()
  private readonly reader = new CellReader()
  private anyStrings = false
  private chunk: Chunk | null = null
  private restRef = 0
  /** Bytes of one row in columns, for estimates. */
  readonly rowBytes: number
  /** Groups that may have rows are below this. */
  private groupLimit = 0

  constructor(
    state: StateAllocator,
    readonly layout: RowLayout,
  ) {
    this.groups = state.i32(groupWords)
    this.ms = state.f64()
    this.subs = state.i32()
    this.nexts = state.i32()
    this.heap = new ByteHeap(state)
    this.fieldCount = layout.fields.length
    for (let i = 0; i < layout.fields.length + layout.tags.length; i++) this.cells.push(new CellColumn(state))
    this.restRefs = layout.rest === null ? null : state.i32(2)
    this.rowBytes = 8 + 9 * this.cells.length + (this.restRefs === null ? 0 : 64)
  }

  /** The chunk that the next `append`s take rows from. */
  bind(chunk: Chunk): void {
    this.chunk = chunk
    this.reader.begin()
    for (let k = 0; k < this.cells.length; k++) {
      this.cells[k].source =
        k < this.fieldCount
          ? this.reader.field(chunk, this.layout.fields[k])
          : this.reader.tag(chunk, this.layout.tags[k - this.fieldCount])
    }
  }

  count(group: number): number {
    return this.groups.has(group) ? this.groups.get(group, ROWS) : 0
  }

  /** Keeps row `row` of the bound chunk. False: the budget refused; nothing has changed. */
  append(group: number, row: number): boolean {
    if (!this.groups.ensure(group)) return false
    const gp = this.groups.pages[group >> this.groups.shift]
    const o = (group & this.groups.mask) * groupWords
    const at = (gp[o + DROPPED] + gp[o + ROWS]) & (blockRows - 1)
    const fresh = gp[o + ROWS] === 0 || at === 0
    const block = fresh ? this.takeBlock() : gp[o + TAIL] - 1
    if (block < 0) return false
    const slot = (block << blockShift) + (fresh ? 0 : at)
    const chunk = this.chunk!
    const sub = chunk.sub[row]
    if (!this.prepare(slot, group, row, sub)) {
      if (fresh) this.giveBlock(block)
      return false
    }
    if (fresh) {
      if (gp[o + ROWS] === 0) {
        gp[o + HEAD] = block + 1
        gp[o + DROPPED] = 0
      } else this.nexts.set(gp[o + TAIL] - 1, block + 1)
      gp[o + TAIL] = block + 1
      this.nexts.set(block, 0)
      if (group >= this.groupLimit) this.groupLimit = group + 1
    }
    gp[o + ROWS]++
    this.rows++
    this.ms.pages[slot >> this.ms.shift][slot & this.ms.mask] = chunk.ms[row]
    if (this.subs.has(slot)) this.subs.set(slot, sub)
    for (const c of this.cells) {
      if (!c.kinds.has(slot)) continue
      const kp = c.kinds.pages[slot >> c.kinds.shift]
      const source = c.source
      const kind = source === null ? 0 : source.kinds[row]
      kp[slot & c.kinds.mask] = kind
      if (kind === Kind.Missing) continue
      const wp = c.words.pages[slot >> c.words.shift]
      const w = (slot & c.words.mask) * 2
      wp[w] = kind === Kind.String ? c.pendingRef : source!.i32[2 * row]
      wp[w + 1] = source!.i32[2 * row + 1]
    }
    if (this.restRefs !== null) {
      const rp = this.restRefs.pages[slot >> this.restRefs.shift]
      const w = (slot & this.restRefs.mask) * 2
      rp[w] = this.restRef
      rp[w + 1] = this.scratch.length
    }
    return true
  }

  /** Whether row `index` from the front is before t (or at t, with `inclusive`). */
  isBefore(group: number, index: number, ms: number, sub: number, inclusive: boolean): boolean {
    let block = this.groups.get(group, HEAD) - 1
    let at = this.groups.get(group, DROPPED) + index
    for (; at >= blockRows; at -= blockRows) block = this.nexts.get(block) - 1
    return this.slotBefore((block << blockShift) + at, ms, sub, inclusive)
  }

  /** Drops rows from the front while their time is before t (or at t, with `inclusive`). Returns their number. */
  dropBefore(group: number, ms: number, sub: number, inclusive: boolean): number {
    const count = this.count(group)
    let n = 0
    for (; n < count && this.slotBefore(this.frontSlot(group), ms, sub, inclusive); n++) this.dropFront(group)
    return n
  }

  dropFront(group: number): void {
    const gp = this.groups.pages[group >> this.groups.shift]
    const o = (group & this.groups.mask) * groupWords
    const block = gp[o + HEAD] - 1
    if (this.anyStrings || this.restRefs !== null) this.freeBytes((block << blockShift) + gp[o + DROPPED])
    this.rows--
    gp[o + ROWS]--
    gp[o + DROPPED]++
    if (gp[o + ROWS] !== 0 && gp[o + DROPPED] !== blockRows) return
    gp[o + HEAD] = this.nexts.get(block)
    gp[o + DROPPED] = 0
    this.giveBlock(block)
  }

  clear(group: number): void {
    for (let n = this.count(group); n > 0; n--) this.dropFront(group)
  }

  /** Adds the group's rows to `out`, whose columns are those of `builderOptions(layout)`. */
  copyTo(group: number, grouping: GroupInfo, out: ChunkBuilder): void {
    let left = this.count(group)
    if (left === 0) return
    const first = out.n
    let block = this.groups.get(group, HEAD) - 1
    let at = this.groups.get(group, DROPPED)
    while (left > 0) {
      const n = Math.min(left, blockRows - at)
      const slot = (block << blockShift) + at
      this.copyRun(slot, n, group, out)
      left -= n
      at = 0
      block = this.nexts.get(block) - 1
    }
    this.writeDims(group, grouping, out, first)
  }

  /** Drops the oldest blocks until about `bytes` are free. Returns the bytes; `onDrop` hears of each group and its rows. */
  evict(bytes: number, onDrop: (group: number, rows: number) => void): number {
    let freed = 0
    while (freed < bytes && this.rows > 0) {
      // One block off each of the groups whose front rows are the oldest, a quarter of the groups a turn.
      const fronts: number[] = []
      for (let g = 0; g < this.groupLimit; g++) if (this.count(g) > 0) fronts.push(this.frontMs(g))
      fronts.sort((a, b) => a - b)
      const limit = fronts[Math.min(fronts.length - 1, fronts.length >> 2)]
      for (let g = 0; g < this.groupLimit && freed < bytes; g++) {
        if (this.count(g) === 0 || this.frontMs(g) > limit) continue
        const n = Math.min(this.count(g), blockRows - this.groups.get(g, DROPPED))
        for (let i = 0; i < n; i++) this.dropFront(g)
        freed += n * this.rowBytes
        onDrop(g, n)
      }
    }
    return freed
  }

  dispose(): void {
    for (const p of [this.groups, this.ms, this.subs, this.nexts]) p.release()
    for (const c of this.cells) {
      c.kinds.release()
      c.words.release()
    }
    this.restRefs?.release()
    this.heap.release()
    this.zones.length = 0
    this.roomy.length = 0
    this.rows = 0
    this.chunk = null
  }

  private slotBefore(slot: number, ms: number, sub: number, inclusive: boolean): boolean {
    const m = this.ms.get(slot)
    if (m !== ms) return m < ms
    const s = this.subs.has(slot) ? this.subs.get(slot) : 0
    return s < sub || (inclusive && s === sub)
  }

  private frontMs(group: number): number {
    return this.ms.get(this.frontSlot(group))
  }

  private frontSlot(group: number): number {
    const gp = this.groups.pages[group >> this.groups.shift]
    const o = (group & this.groups.mask) * groupWords
    return ((gp[o + HEAD] - 1) << blockShift) + gp[o + DROPPED]
  }

  /** Brings the pages and heap blocks that the row needs; on refusal gives back what it took. */
  private prepare(slot: number, group: number, row: number, sub: number): boolean {
    if (sub !== 0 && !this.subs.ensure(slot)) return false
    const cells = this.cells
    let k = 0
    let ok = true
    for (; k < cells.length; k++) {
      const c = cells[k]
      c.pendingRef = 0
      const source = c.source
      if (source === null) continue
      const kind = source.kinds[row]
      if (kind === Kind.Missing) continue
      if (!c.kinds.ensure(slot) || !c.words.ensure(slot)) ok = false
      else if (kind === Kind.String) {
        this.anyStrings = true
        c.pendingRef = this.heap.put(source.bytes, source.i32[2 * row], source.i32[2 * row + 1])
        ok = c.pendingRef !== 0
      }
      if (!ok) break
    }
    if (ok && this.restRefs !== null) {
      const length = packRow(this.chunk!, row, group, this.layout.rest!, this.scratch)
      this.restRef = this.heap.put(this.scratch.bytes, 0, length)
      ok = this.restRef !== 0
    }
    if (ok) return true
    for (let i = 0; i < k; i++) {
      const c = cells[i]
      if (c.pendingRef !== 0) this.heap.free(c.pendingRef, c.source!.i32[2 * row + 1])
    }
    return false
  }

  private copyRun(slot: number, n: number, group: number, out: ChunkBuilder): void {
    const mp = this.ms.pages[slot >> this.ms.shift]
    const m = slot & this.ms.mask
    const withSubs = this.subs.has(slot)
    let first = 0
    for (let i = 0; i < n; i++) {
      const r = out.row(mp[m + i], withSubs ? this.subs.get(slot + i) : 0, group)
      if (i === 0) first = r
    }
    for (let k = 0; k < this.cells.length; k++) {
      const c = this.cells[k]
      if (!c.kinds.has(slot)) continue
      this.copyCells(c, slot, n, k < this.fieldCount ? out.fields[k] : out.tags[k - this.fieldCount], first)
    }
    if (this.restRefs === null || out.rest === null) return
    const rp = this.restRefs.pages[slot >> this.restRefs.shift]
    const w = (slot & this.restRefs.mask) * 2
    for (let i = 0; i < n; i++) {
      const ref = rp[w + 2 * i]
      out.rest.set(first + i, this.heap.pageOf(ref), this.heap.offsetOf(ref), rp[w + 2 * i + 1])
    }
  }

  private copyCells(c: CellColumn, slot: number, n: number, to: OutColumn, first: number): void {
    const kp = c.kinds.pages[slot >> c.kinds.shift]
    const ko = slot & c.kinds.mask
    const wp = c.words.pages[slot >> c.words.shift]
    const wo = (slot & c.words.mask) * 2
    for (let i = 0; i < n; i++) {
      const kind = kp[ko + i]
      if (kind === Kind.Missing) continue
      const lo = wp[wo + 2 * i]
      const hi = wp[wo + 2 * i + 1]
      if (kind === Kind.String) to.setString(first + i, this.heap.pageOf(lo), this.heap.offsetOf(lo), hi)
      else to.setWords(first + i, kind, lo, hi)
    }
  }

  private writeDims(group: number, grouping: GroupInfo, out: ChunkBuilder, first: number): void {
    const dims = this.layout.dims
    if (dims.length === 0) return
    const names = grouping.tagNames(group)
    const values = grouping.tagValues(group)
    for (let d = 0; d < dims.length; d++) {
      const at = names.indexOf(dims[d])
      // An absent tag is an empty value in the key.
      if (at < 0 || values[at] === '') continue
      const column = out.tags[this.layout.tags.length + d]
      const bytes = encodeUtf8(values[at])
      column.setString(first, bytes, 0, bytes.length)
      for (let r = first + 1; r < out.n; r++) column.repeatString(r, first)
    }
  }

  private freeBytes(slot: number): void {
    for (const c of this.cells) {
      if (!c.kinds.has(slot) || c.kinds.get(slot) !== Kind.String) continue
      this.heap.free(c.words.get(slot, 0), c.words.get(slot, 1))
    }
    if (this.restRefs !== null) this.heap.free(this.restRefs.get(slot, 0), this.restRefs.get(slot, 1))
  }

  /** A block whose time, link and rest pages exist; -1: the budget refused. */
  private takeBlock(): number {
    const z = this.roomy.length > 0 ? this.roomy[this.roomy.length - 1] : this.addZone()
    const zone = this.zones[z]
    let block: number
    if (zone.free !== 0) {
      block = zone.free - 1
      zone.free = this.nexts.get(block)
    } else {
      block = (z << zoneShift) + zone.fresh
      const slot = block << blockShift
      if (!this.ms.ensure(slot) || !this.nexts.ensure(block)) return -1
      if (this.restRefs !== null && !this.restRefs.ensure(slot)) return -1
      zone.fresh++
    }
    zone.live++
    if (zone.free === 0 && zone.fresh === zoneBlocks) {
      zone.listed = false
      this.roomy.pop()
    }
    return block
  }

  private addZone(): number {
    // An empty zone that gave its pages back is listed in `roomy`; so here all zones are full.
    this.zones.push({ free: 0, fresh: 0, live: 0, listed: true })
    this.roomy.push(this.zones.length - 1)
    return this.zones.length - 1
  }

  private giveBlock(block: number): void {
    const z = block >> zoneShift
    const zone = this.zones[z]
    this.nexts.set(block, zone.free)
    zone.free = block + 1
    if (!zone.listed) {
      zone.listed = true
      this.roomy.push(z)
    }
    if (--zone.live === 0) this.releaseZone(z)
  }

  /** An empty zone starts again without pages. `nexts` (2 KiB a zone) stays. */
  private releaseZone(z: number): void {
    // The last zone with rows keeps its pages: a store that is emptied with each window should not take them anew.
    if (this.rows === 0) return
    this.zones[z].free = 0
    this.zones[z].fresh = 0
    this.releaseRows(this.ms, z)
    this.releaseRows(this.subs, z)
    if (this.restRefs !== null) this.releaseRows(this.restRefs, z)
    for (const c of this.cells) {
      this.releaseRows(c.kinds, z)
      this.releaseRows(c.words, z)
    }
  }

  private releaseRows(p: Pages<Float64Array> | Pages<Int32Array> | Pages<Uint8Array>, z: number): void {
    const zones = 1 << (p.shift - zoneRowShift)
    const page = Math.floor(z / zones)
    for (let i = page * zones; i < Math.min((page + 1) * zones, this.zones.length); i++)
      if (this.zones[i].live > 0) return
    p.releasePage(page)
  }
}
