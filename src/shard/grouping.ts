/**
 * The groups of one task under one grouping: dense ids with a key. Thread: shard worker.
 *
 * A key is encoded bytes in a ByteHeap: [u16 length, measurement] when grouped by name, then per tag name in sorted order
 * [u16 length, value]; grouped by `*`: [u16 length, key][u16 length, value] of the tags present, sorted by key. An absent
 * tag and an empty one are the same. Lookup is by a 32-bit hash of these bytes in chained buckets.
 *
 *   hashes u32   keyRefs i32   keyLengths i32   nexts i32   seen f64 (ms of the last row)   refs u16   generations u16
 *
 * Ids of freed groups are reused with a new generation. `retain`/`release` count the operators that hold state for a group;
 * a group is freed by `freeIfUnused` once its delete has passed through all operators, or by eviction.
 */
import type { GroupInfo } from '../columns/chunk.js'
import { decodeUtf8 } from '../columns/column.js'
import { ByteHeap } from './byte-heap.js'
import type { Pages, StateAllocator } from './pages.js'

export class Grouping implements GroupInfo {
  readonly byName: boolean
  /** Groups alive. */
  size = 0
  /** Ids handed out so far, alive or free: ids are below this. */
  capacity = 0
  private readonly heap: ByteHeap
  private readonly hashes: Pages<Uint32Array>
  private readonly keyRefs: Pages<Int32Array>
  private readonly keyLengths: Pages<Int32Array>
  private readonly nexts: Pages<Int32Array>
  private readonly seen: Pages<Float64Array>
  private readonly refs: Pages<Uint16Array>
  private readonly generations: Pages<Uint16Array>
  private buckets: Int32Array
  private freeIds: number[] = []

  constructor(
    state: StateAllocator,
    /** Sorted tag names, or null for `*`. */
    readonly dims: readonly string[] | null,
    byName: boolean,
  ) {
    this.byName = byName
    this.heap = new ByteHeap(state)
    this.hashes = state.u32()
    this.keyRefs = state.i32()
    this.keyLengths = state.i32()
    this.nexts = state.i32()
    this.seen = state.f64()
    this.refs = state.u16()
    this.generations = state.u16()
    this.buckets = new Int32Array(1024)
  }

  /** The group of an encoded key, created when new. -1: the budget refused. */
  lookup(key: Uint8Array, length: number, hash: number, nowMs: number): number {
    let g = this.buckets[hash & (this.buckets.length - 1)]
    while (g !== 0) {
      const id = g - 1
      if (this.hashes.get(id) === hash >>> 0 && this.sameKey(id, key, length)) {
        this.seen.set(id, nowMs)
        return id
      }
      g = this.nexts.get(id)
    }
    return this.add(key, length, hash >>> 0, nowMs)
  }

  /** The group of an encoded key, or -1 when there is none. */
  find(key: Uint8Array, length: number, hash: number): number {
    let g = this.buckets[hash & (this.buckets.length - 1)]
    while (g !== 0) {
      const id = g - 1
      if (this.hashes.get(id) === hash >>> 0 && this.sameKey(id, key, length)) return id
      g = this.nexts.get(id)
    }
    return -1
  }

  isAlive(g: number): boolean {
    return g < this.capacity && this.keyRefs.has(g) && this.keyRefs.get(g) !== 0
  }

  generation(g: number): number {
    return this.generations.get(g)
  }

  lastSeenMs(g: number): number {
    return this.seen.get(g)
  }

  retain(g: number): void {
    this.refs.set(g, this.refs.get(g) + 1)
  }

  release(g: number): void {
    this.refs.set(g, this.refs.get(g) - 1)
  }

  /** Frees the id when no operator holds state for it. */
  freeIfUnused(g: number): boolean {
    if (this.refs.get(g) !== 0 || !this.isAlive(g)) return false
    this.free(g)
    return true
  }

  free(g: number): void {
    const b = this.hashes.get(g) & (this.buckets.length - 1)
    if (this.buckets[b] === g + 1) this.buckets[b] = this.nexts.get(g)
    else {
      let p = this.buckets[b] - 1
      while (this.nexts.get(p) !== g + 1) p = this.nexts.get(p) - 1
      this.nexts.set(p, this.nexts.get(g))
    }
    this.heap.free(this.keyRefs.get(g), this.keyLengths.get(g))
    this.keyRefs.set(g, 0)
    this.refs.set(g, 0)
    this.generations.set(g, this.generations.get(g) + 1)
    this.freeIds.push(g)
    this.size--
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
    const ref = this.keyRefs.get(g)
    return [this.heap.pageOf(ref), this.heap.offsetOf(ref), this.keyLengths.get(g)]
  }

  dispose(): void {
    for (const c of [this.hashes, this.keyRefs, this.keyLengths, this.nexts, this.seen, this.refs, this.generations])
      c.release()
    this.heap.release()
    this.size = 0
    this.capacity = 0
    this.freeIds.length = 0
    this.buckets.fill(0)
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

  private sameKey(g: number, key: Uint8Array, length: number): boolean {
    if (this.keyLengths.get(g) !== length) return false
    const ref = this.keyRefs.get(g)
    const page = this.heap.pageOf(ref)
    const o = this.heap.offsetOf(ref)
    for (let i = 0; i < length; i++) if (page[o + i] !== key[i]) return false
    return true
  }

  private add(key: Uint8Array, length: number, hash: number, nowMs: number): number {
    const g = this.freeIds.length > 0 ? this.freeIds[this.freeIds.length - 1] : this.capacity
    const columns = [this.hashes, this.keyRefs, this.keyLengths, this.nexts, this.seen, this.refs, this.generations]
    for (const c of columns) if (!c.ensure(g)) return -1
    // An empty key (ungrouped) still needs a block: ref 0 means "free id".
    const ref = this.heap.put(key, 0, length)
    if (ref === 0) return -1
    if (this.freeIds.length > 0) this.freeIds.pop()
    else this.capacity++
    this.size++
    if (this.size > this.buckets.length) this.growBuckets()
    const b = hash & (this.buckets.length - 1)
    this.hashes.set(g, hash)
    this.keyRefs.set(g, ref)
    this.keyLengths.set(g, length)
    this.nexts.set(g, this.buckets[b])
    this.seen.set(g, nowMs)
    this.refs.set(g, 0)
    this.buckets[b] = g + 1
    return g
  }

  private growBuckets(): void {
    this.buckets = new Int32Array(this.buckets.length * 2)
    for (let g = 0; g < this.capacity; g++) {
      if (!this.isAlive(g)) continue
      const b = this.hashes.get(g) & (this.buckets.length - 1)
      this.nexts.set(g, this.buckets[b])
      this.buckets[b] = g + 1
    }
  }
}
