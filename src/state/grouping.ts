/**
 * The groups of one task under one grouping: dense ids with a key. Thread: shard worker.
 *
 * A key is encoded bytes in a ByteHeap: [u16 length, measurement] when grouped by name, then per tag name in sorted order
 * [u16 length, value], of an absent tag an empty one; grouped by `*`: [u16 length, key][u16 length, value] of the tags present,
 * sorted by key. Lookup is by a 32-bit hash of these bytes in chained buckets.
 *
 *   record (i32 × 8, half a cache line)   hash · key ref (0: free id) · key length · next in its bucket or free list (id + 1) ·
 *                                         ms of the last row, low and high word · holders · generation
 *   buckets i32                           id + 1 of the first in the chain
 *
 * Ids of freed groups are reused with a new generation. `retain`/`release` count the operators that hold state for a group;
 * a group is freed by `freeIfUnused` once its delete has passed through all operators, or by eviction.
 */
import type { GroupInfo } from '../columns/chunk.js'
import { type Column, decodeUtf8 } from '../columns/column.js'
import { ByteHeap } from './byte-heap.js'
import type { Pages, StateAllocator } from './pages.js'

const HASH = 0
const KEY = 1
const LENGTH = 2
const NEXT = 3
const SEEN_LO = 4
const SEEN_HI = 5
const HOLDERS = 6
const GENERATION = 7
const words = 8
const firstBuckets = 1024
/** Rows per pass of assignColumns: their scratch stays in the first-level cache. */
const blockRows = 512
/** A key's length prefix is 16 bits; longer values (the limit of lines is far below) are cut. */
const maxPart = 65535
const emptyView: DataView = new DataView(new ArrayBuffer(0))

export class Grouping implements GroupInfo {
  readonly byName: boolean
  /** Groups alive. */
  size = 0
  /** Ids handed out so far, alive or free: ids are below this. */
  capacity = 0
  /** Groups made, ever. */
  created = 0
  private readonly heap: ByteHeap
  private readonly records: Pages<Int32Array>
  private readonly buckets: Pages<Int32Array>
  private bucketMask = -1
  private freeHead = 0
  private key = new Uint8Array(256)
  /** The clock of the call, as records keep it. */
  private seenLo = 0
  private seenHi = 0
  private readonly parts = new Int32Array(blockRows)
  private viewed: Uint8Array | null = null
  private view: DataView = emptyView
  /** Keeps the reads of touchKeys alive. */
  protected touched = 0

  constructor(
    state: StateAllocator,
    /** Sorted tag names, or null for `*`. */
    readonly dims: readonly string[] | null,
    byName: boolean,
  ) {
    this.byName = byName
    this.heap = new ByteHeap(state)
    this.records = state.i32(words)
    this.buckets = state.i32()
  }

  /** Ids that new groups can take without new memory. */
  get freeIds(): number {
    return this.capacity - this.size
  }

  /** The group of an encoded key, created when new. -1: the budget refused. */
  lookup(key: Uint8Array, length: number, hash: number, nowMs: number): number {
    this.setNow(nowMs)
    return this.lookupAt(key, length, hash | 0)
  }

  /**
   * The groups of n rows whose keys are the values of `columns`, one per tag name (null: absent everywhere), with the hash of
   * the key per row. Not for groupings by name or by `*`. out[r] gets the group or -1 when the budget refused; returns how
   * many were refused.
   *
   * Passes over blocks of rows (buckets, records, keys) instead of one over rows: the misses of a pass do not depend on
   * each other, so the processor overlaps them. Keys are compared in place; only a new group's key is put together.
   */
  assignColumns(
    columns: readonly (Column | null)[],
    n: number,
    hashes: Uint32Array,
    nowMs: number,
    out: Int32Array,
  ): number {
    this.setNow(nowMs)
    let refused = 0
    for (let from = 0; from < n; from += blockRows) {
      const to = Math.min(n, from + blockRows)
      this.findHeads(hashes, from, to, out)
      this.findRecords(hashes, from, to, out)
      this.touchKeys(from, to, out)
      this.compareKeys(columns, from, to, out)
      for (let r = from; r < to; r++) {
        if (out[r] >= 0) continue
        const g = this.lookupAt(this.key, this.encode(columns, r), hashes[r] | 0)
        if (g < 0) refused++
        out[r] = g
      }
    }
    return refused
  }

  /** The group of an encoded key, or -1 when there is none. */
  find(key: Uint8Array, length: number, hash: number): number {
    return this.findAt(key, length, hash | 0)
  }

  isAlive(g: number): boolean {
    return g >= 0 && g < this.capacity && this.records.get(g, KEY) !== 0
  }

  generation(g: number): number {
    return this.records.get(g, GENERATION)
  }

  lastSeenMs(g: number): number {
    return this.records.get(g, SEEN_HI) * 4294967296 + (this.records.get(g, SEEN_LO) >>> 0)
  }

  /** Notes that a row of the group came, unless the id is another group's by now: then false. No look-up of the key. */
  touchIf(g: number, generation: number, nowMs: number): boolean {
    const { records } = this
    const page = records.pages[g >> records.shift]
    const o = (g & records.mask) * words
    if (page[o + GENERATION] !== generation) return false
    page[o + SEEN_LO] = nowMs | 0
    page[o + SEEN_HI] = Math.floor(nowMs / 4294967296)
    return true
  }

  retain(g: number): void {
    this.records.set(g, this.records.get(g, HOLDERS) + 1, HOLDERS)
  }

  release(g: number): void {
    this.records.set(g, this.records.get(g, HOLDERS) - 1, HOLDERS)
  }

  /** Frees the id when no operator holds state for it. */
  freeIfUnused(g: number): boolean {
    if (!this.isAlive(g) || this.records.get(g, HOLDERS) !== 0) return false
    this.free(g)
    return true
  }

  free(g: number): void {
    const { records } = this
    this.unlink(g)
    this.heap.free(records.get(g, KEY), records.get(g, LENGTH))
    records.set(g, 0, KEY)
    records.set(g, 0, HOLDERS)
    records.set(g, records.get(g, GENERATION) + 1, GENERATION)
    records.set(g, this.freeHead, NEXT)
    this.freeHead = g + 1
    this.size--
  }

  /**
   * Appends about `n` of the least recently seen groups to `out`: exact to 1/256 of the range of times seen. Costs three passes
   * over the groups, so ask for many at once.
   */
  oldest(n: number, out: number[]): void {
    if (n <= 0 || this.size === 0) return
    const { pages, shift } = this.records
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    for (const page of pages) {
      for (let o = 0; o < page.length; o += words) {
        if (page[o + KEY] === 0) continue
        const seen = page[o + SEEN_HI] * 4294967296 + (page[o + SEEN_LO] >>> 0)
        if (seen < min) min = seen
        if (seen > max) max = seen
      }
    }
    const scale = 255 / Math.max(1, max - min)
    const counts = new Int32Array(256)
    for (const page of pages) {
      for (let o = 0; o < page.length; o += words)
        if (page[o + KEY] !== 0)
          counts[Math.floor((page[o + SEEN_HI] * 4294967296 + (page[o + SEEN_LO] >>> 0) - min) * scale)]++
    }
    let cut = 0
    let below = 0
    while (cut < 255 && below + counts[cut] < n) below += counts[cut++]
    // Of the bin at the cut only as many as are still wanted.
    let atCut = n - below
    for (let p = 0; p < pages.length; p++) {
      const page = pages[p]
      for (let o = 0; o < page.length; o += words) {
        if (page[o + KEY] === 0) continue
        const bin = Math.floor((page[o + SEEN_HI] * 4294967296 + (page[o + SEEN_LO] >>> 0) - min) * scale)
        if (bin < cut || (bin === cut && atCut-- > 0)) out.push((p << shift) + o / words)
      }
    }
  }

  groupName(g: number): string {
    if (!this.byName) return ''
    const [page, o] = this.keyBytes(g)
    return decodeUtf8(page, o + 2, page[o] | (page[o + 1] << 8))
  }

  tagNames(g: number): readonly string[] {
    return this.dims ?? this.starTags(g).map((t) => t[0])
  }

  tagValues(g: number): readonly string[] {
    if (this.dims === null) return this.starTags(g).map((t) => t[1])
    const [page, start] = this.keyBytes(g)
    let o = start
    if (this.byName) o += 2 + (page[o] | (page[o + 1] << 8))
    const out: string[] = []
    for (let i = 0; i < this.dims.length; i++) {
      const n = page[o] | (page[o + 1] << 8)
      out.push(decodeUtf8(page, o + 2, n))
      o += 2 + n
    }
    return out
  }

  idText(g: number): string {
    const names = this.tagNames(g)
    const values = this.tagValues(g)
    const name = this.groupName(g)
    if (names.length === 0) return name
    return (this.byName ? `${name}\n` : '') + names.map((k, i) => `${k}=${values[i]}`).join(',')
  }

  /** The encoded key: [page, offset, length]. */
  keyBytes(g: number): [Uint8Array, number, number] {
    const ref = this.records.get(g, KEY)
    return [this.heap.pageOf(ref), this.heap.offsetOf(ref), this.records.get(g, LENGTH)]
  }

  dispose(): void {
    this.records.release()
    this.buckets.release()
    this.heap.release()
    this.size = 0
    this.capacity = 0
    this.freeHead = 0
    this.bucketMask = -1
  }

  /** out[r]: the first group of the row's bucket + 1, 0 for none. */
  private findHeads(hashes: Uint32Array, from: number, to: number, out: Int32Array): void {
    const { buckets, bucketMask } = this
    if (bucketMask < 0) {
      out.fill(0, from, to)
      return
    }
    const { pages, shift, mask } = buckets
    if (pages.length === 1) {
      const page = pages[0]
      for (let r = from; r < to; r++) out[r] = page[hashes[r] & bucketMask]
      return
    }
    for (let r = from; r < to; r++) {
      const b = hashes[r] & bucketMask
      out[r] = pages[b >> shift][b & mask]
    }
  }

  /** out[r]: from a head to the first group with the row's hash, -1 for none. */
  private findRecords(hashes: Uint32Array, from: number, to: number, out: Int32Array): void {
    const { pages, shift, mask } = this.records
    for (let r = from; r < to; r++) {
      const hash = hashes[r] | 0
      let g = out[r] - 1
      while (g >= 0) {
        const page = pages[g >> shift]
        const o = (g & mask) * words
        if (page[o + HASH] === hash) break
        g = page[o + NEXT] - 1
      }
      out[r] = g
    }
  }

  /** Brings the keys near: the misses overlap here, they would not while keys are compared. */
  private touchKeys(from: number, to: number, out: Int32Array): void {
    const { pages, shift, mask } = this.records
    const heap = this.heap.pages
    let sum = 0
    for (let r = from; r < to; r++) {
      const g = out[r]
      if (g < 0) continue
      const ref = pages[g >> shift][(g & mask) * words + KEY]
      sum ^= heap[ref >>> 13][(ref & 8191) * 8]
    }
    this.touched = sum
  }

  /** Marks the rows whose record is of another key (−1); the others' records note the time. */
  private compareKeys(columns: readonly (Column | null)[], from: number, to: number, out: Int32Array): void {
    const { seenLo, seenHi } = this
    const { pages, shift, mask } = this.records
    this.parts.fill(0)
    for (const column of columns) this.comparePart(column, from, to, out)
    for (let r = from; r < to; r++) {
      const g = out[r]
      if (g < 0) continue
      const record = pages[g >> shift]
      const o = (g & mask) * words
      if (record[o + LENGTH] !== this.parts[r - from]) {
        out[r] = -1
        continue
      }
      record[o + SEEN_LO] = seenLo
      record[o + SEEN_HI] = seenHi
    }
  }

  /** Compares the next part of the keys with one column; `parts` are the lengths of the parts before it. */
  private comparePart(column: Column | null, from: number, to: number, out: Int32Array): void {
    const { parts } = this
    const { pages, shift, mask } = this.records
    const heap = this.heap.views
    const view = column === null ? emptyView : this.viewOf(column.bytes)
    for (let r = from; r < to; r++) {
      const g = out[r]
      if (g < 0) continue
      const length = column === null || column.kinds[r] === 0 ? 0 : Math.min(column.i32[2 * r + 1], maxPart)
      const o = (g & mask) * words
      const record = pages[g >> shift]
      const part = parts[r - from]
      const end = part + 2 + length
      const ref = record[o + KEY]
      const page = heap[ref >>> 13]
      const k = (ref & 8191) * 8 + part
      if (end > record[o + LENGTH] || page.getUint16(k, true) !== length) {
        out[r] = -1
        continue
      }
      parts[r - from] = end
      if (length > 0 && !sameBytes(page, k + 2, view, column!.i32[2 * r], length)) out[r] = -1
    }
  }

  /** A view of the bytes of the column at hand; nearly always those of the column before. */
  private viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.viewed) {
      this.viewed = bytes
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.view
  }

  /** Puts the key of a row into `key`; returns its length. */
  private encode(columns: readonly (Column | null)[], row: number): number {
    let o = 0
    for (const column of columns) {
      const length = column === null || column.kinds[row] === 0 ? 0 : Math.min(column.i32[2 * row + 1], maxPart)
      if (o + length + 2 > this.key.length) {
        const grown = new Uint8Array(Math.max(this.key.length * 2, o + length + 2))
        grown.set(this.key)
        this.key = grown
      }
      this.key[o] = length
      this.key[o + 1] = length >> 8
      if (length > 0) {
        const start = column!.i32[2 * row]
        for (let i = 0; i < length; i++) this.key[o + 2 + i] = column!.bytes[start + i]
      }
      o += 2 + length
    }
    return o
  }

  private starTags(g: number): [string, string][] {
    const [page, start, length] = this.keyBytes(g)
    let o = start
    if (this.byName) o += 2 + (page[o] | (page[o + 1] << 8))
    const out: [string, string][] = []
    while (o < start + length) {
      const kn = page[o] | (page[o + 1] << 8)
      const k = decodeUtf8(page, o + 2, kn)
      o += 2 + kn
      const vn = page[o] | (page[o + 1] << 8)
      out.push([k, decodeUtf8(page, o + 2, vn)])
      o += 2 + vn
    }
    return out
  }

  private setNow(nowMs: number): void {
    this.seenLo = nowMs | 0
    this.seenHi = Math.floor(nowMs / 4294967296)
  }

  /** The group of an encoded key, created when new; notes that it was seen now. */
  private lookupAt(key: Uint8Array, length: number, hash: number): number {
    if (this.bucketMask >= 0) {
      const { records, buckets } = this
      const b = hash & this.bucketMask
      let next = buckets.pages[b >> buckets.shift][b & buckets.mask]
      while (next !== 0) {
        const g = next - 1
        const page = records.pages[g >> records.shift]
        const o = (g & records.mask) * words
        if (page[o + HASH] === hash && page[o + LENGTH] === length && this.sameKey(page[o + KEY], key, length)) {
          page[o + SEEN_LO] = this.seenLo
          page[o + SEEN_HI] = this.seenHi
          return g
        }
        next = page[o + NEXT]
      }
    }
    return this.add(key, length, hash)
  }

  private findAt(key: Uint8Array, length: number, hash: number): number {
    if (this.bucketMask < 0) return -1
    const { records, buckets } = this
    let next = buckets.get(hash & this.bucketMask)
    while (next !== 0) {
      const g = next - 1
      if (
        records.get(g, HASH) === hash &&
        records.get(g, LENGTH) === length &&
        this.sameKey(records.get(g, KEY), key, length)
      )
        return g
      next = records.get(g, NEXT)
    }
    return -1
  }

  private sameKey(ref: number, key: Uint8Array, length: number): boolean {
    const page = this.heap.pages[ref >>> 13]
    const o = (ref & 8191) * 8
    for (let i = 0; i < length; i++) if (page[o + i] !== key[i]) return false
    return true
  }

  private add(key: Uint8Array, length: number, hash: number): number {
    const { records } = this
    const reuse = this.freeHead !== 0
    const g = reuse ? this.freeHead - 1 : this.capacity
    if (!records.ensure(g)) return -1
    if (this.bucketMask < 0 && !this.growBuckets(firstBuckets)) return -1
    // An empty key (ungrouped) still needs a block: ref 0 means "free id".
    const ref = this.heap.put(key, 0, length)
    if (ref === 0) return -1
    if (reuse) this.freeHead = records.get(g, NEXT)
    else this.capacity++
    this.size++
    this.created++
    if (this.size > this.bucketMask) this.growBuckets((this.bucketMask + 1) * 2)
    records.set(g, hash, HASH)
    records.set(g, ref, KEY)
    records.set(g, length, LENGTH)
    records.set(g, this.seenLo, SEEN_LO)
    records.set(g, this.seenHi, SEEN_HI)
    records.set(g, 0, HOLDERS)
    this.link(g)
    return g
  }

  private link(g: number): void {
    const b = this.records.get(g, HASH) & this.bucketMask
    this.records.set(g, this.buckets.get(b), NEXT)
    this.buckets.set(b, g + 1)
  }

  private unlink(g: number): void {
    const { records, buckets } = this
    const b = records.get(g, HASH) & this.bucketMask
    if (buckets.get(b) === g + 1) {
      buckets.set(b, records.get(g, NEXT))
      return
    }
    let p = buckets.get(b) - 1
    while (records.get(p, NEXT) !== g + 1) p = records.get(p, NEXT) - 1
    records.set(p, records.get(g, NEXT), NEXT)
  }

  /** False: the budget refused, and the chains just get longer. */
  private growBuckets(count: number): boolean {
    const { buckets } = this
    for (let b = count - 1; b >= 0; b -= buckets.mask + 1) if (!buckets.ensure(b)) return false
    for (const page of buckets.pages) page.fill(0)
    this.bucketMask = count - 1
    for (let g = 0; g < this.capacity; g++) if (this.records.has(g) && this.records.get(g, KEY) !== 0) this.link(g)
    return true
  }
}

/** Words first; the last one overlaps the one before. */
function sameBytes(a: DataView, at: number, b: DataView, bt: number, length: number): boolean {
  if (length < 4) {
    for (let i = 0; i < length; i++) if (a.getUint8(at + i) !== b.getUint8(bt + i)) return false
    return true
  }
  const last = length - 4
  for (let i = 0; i < last; i += 4) if (a.getInt32(at + i, true) !== b.getInt32(bt + i, true)) return false
  return a.getInt32(at + last, true) === b.getInt32(bt + last, true)
}
