/**
 * Memory of a shard's state. Thread: shard worker.
 *
 * ShardMemory   the shard's budget and its segments: SharedArrayBuffers of 2 MiB, cut into extents of 4 KiB units
 * StateAllocator  one per operator: hands out columns and accounts their bytes to the operator
 * Pages<T>      a column of `stride` elements per index, as a list of fixed-length typed-array pages. Growth never copies
 *               (but for page 0, which starts short so that small tasks stay small); pages in the middle may be absent until
 *               `ensure(i)` brings them (an untouched index costs nothing)
 *
 * Every page is charged to the budget before it exists. `ensure` answers false when the budget refuses: the caller drops
 * the row (reason `memory`). Eviction happens between chunks only (shard/eviction.ts), never inside `ensure`.
 *
 *   const p = sums.pages[g >> sums.shift], o = (g & sums.mask) * sums.stride      // the hot-path access
 *
 * `ensure` may replace page 0: read `pages[…]` after it, never before.
 */

const segmentBytes = 2 * 1024 * 1024
const unitBytes = 4096
const maxPageBytes = 65536

/** A SharedArrayBuffer and which of its units are taken. */
interface Segment {
  readonly sab: SharedArrayBuffer
  /** 1 per taken unit. */
  readonly taken: Uint8Array
  freeUnits: number
  /** No free run is longer than this. */
  maxRun: number
  /** Units from here on have never been handed out: still zero. */
  fresh: number
}

export interface Extent {
  readonly segment: Segment
  readonly offset: number
  readonly size: number
  readonly sab: SharedArrayBuffer
}

export class ShardMemory {
  /** Bytes of live extents, as charged. */
  used = 0
  /** Bytes of the segments behind them. */
  segmentBytes = 0
  /** Bytes of segments dropped since the last `collected()`: the process has them until a garbage collection. */
  droppedBytes = 0
  /** Bytes of live extents that their owners can fill again without asking (StateAllocator.idle). */
  idle = 0
  /** Requests that the budget has refused. */
  refused = 0
  private segments: Segment[] = []

  constructor(readonly budgetBytes: number) {}

  /** Takes `bytes` (rounded up to 4 KiB) or answers null when the budget refuses. The memory is zeroed. */
  take(bytes: number): Extent | null {
    const units = Math.max(1, Math.ceil(bytes / unitBytes))
    const size = units * unitBytes
    if (this.used + size > this.budgetBytes) {
      this.refused++
      return null
    }
    this.used += size
    for (const s of this.segments) {
      if (s.maxRun < units) continue
      const start = findRun(s, units)
      if (start >= 0) return this.cut(s, start, units)
      s.maxRun = units - 1
    }
    const total = Math.max(segmentBytes, size) / unitBytes
    const s: Segment = {
      sab: new SharedArrayBuffer(total * unitBytes),
      taken: new Uint8Array(total),
      freeUnits: total,
      maxRun: total,
      fresh: 0,
    }
    this.segments.push(s)
    this.segmentBytes += s.sab.byteLength
    return this.cut(s, 0, units)
  }

  /** Takes an extent back. A segment without live extents is dropped, but for one kept as a spare. */
  give(e: Extent): void {
    const s = e.segment
    const start = e.offset / unitBytes
    const units = e.size / unitBytes
    s.taken.fill(0, start, start + units)
    s.freeUnits += units
    s.maxRun = s.taken.length
    this.used -= e.size
    if (s.freeUnits < s.taken.length) return
    const spare = this.segments.some((o) => o !== s && o.freeUnits === o.taken.length)
    if (!spare && s.sab.byteLength === segmentBytes) return
    this.segments.splice(this.segments.indexOf(s), 1)
    this.segmentBytes -= s.sab.byteLength
    this.droppedBytes += s.sab.byteLength
  }

  /** A garbage collection has given back what was dropped. */
  collected(): void {
    this.droppedBytes = 0
  }

  private cut(s: Segment, start: number, units: number): Extent {
    s.taken.fill(1, start, start + units)
    s.freeUnits -= units
    const offset = start * unitBytes
    const size = units * unitBytes
    const used = Math.min(s.fresh, start + units) - start
    if (used > 0) new Uint8Array(s.sab, offset, used * unitBytes).fill(0)
    s.fresh = Math.max(s.fresh, start + units)
    return { segment: s, offset, size, sab: s.sab }
  }
}

/** First run of `units` free units, or -1. */
function findRun(s: Segment, units: number): number {
  const taken = s.taken
  let start = 0
  for (;;) {
    start = taken.indexOf(0, start)
    if (start < 0 || start + units > taken.length) return -1
    const end = taken.indexOf(1, start)
    if (end < 0 || end - start >= units) return start
    start = end
  }
}

export type Typed = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

export interface TypedConstructor<T extends Typed> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: SharedArrayBuffer, offset: number, length: number): T
}

export class Pages<T extends Typed> {
  /** Absent pages are undefined; see `ensure`. */
  readonly pages: T[] = []
  readonly shift: number
  readonly mask: number
  private extents: (Extent | undefined)[] = []

  constructor(
    private readonly owner: StateAllocator,
    private readonly type: TypedConstructor<T>,
    readonly stride: number,
  ) {
    const entryBytes = stride * type.BYTES_PER_ELEMENT
    this.shift = Math.max(0, Math.floor(Math.log2(maxPageBytes / entryBytes)))
    this.mask = (1 << this.shift) - 1
  }

  /** Makes index i usable (zeroed when new). False: the budget refused. */
  ensure(i: number): boolean {
    const page = this.pages[i >> this.shift]
    if (page !== undefined && (i & this.mask) * this.stride < page.length) return true
    return this.add(i)
  }

  has(i: number): boolean {
    const page = this.pages[i >> this.shift]
    return page !== undefined && (i & this.mask) * this.stride < page.length
  }

  get(i: number, k = 0): number {
    return this.pages[i >> this.shift][(i & this.mask) * this.stride + k]
  }

  set(i: number, v: number, k = 0): void {
    this.pages[i >> this.shift][(i & this.mask) * this.stride + k] = v
  }

  /** Zeroes all elements of index i. */
  clear(i: number): void {
    const o = (i & this.mask) * this.stride
    this.pages[i >> this.shift].fill(0, o, o + this.stride)
  }

  /** Gives back the page holding indices [page << shift, …). */
  releasePage(page: number): void {
    const e = this.extents[page]
    if (e === undefined) return
    this.owner.give(e)
    this.extents[page] = undefined
    this.pages[page] = undefined as unknown as T
  }

  release(): void {
    for (let p = 0; p < this.extents.length; p++) this.releasePage(p)
    this.pages.length = 0
    this.extents.length = 0
  }

  private add(i: number): boolean {
    const p = i >> this.shift
    const full = this.stride << this.shift
    const elementBytes = this.type.BYTES_PER_ELEMENT
    const length = p === 0 ? this.firstPageLength(i, full) : full
    const extent = this.owner.take(length * elementBytes)
    if (extent === null) return false
    // Filled, so that the list keeps packed elements: a hole would slow every access.
    while (this.pages.length < p) this.pages.push(undefined as unknown as T)
    const page = new this.type(extent.sab, extent.offset, length)
    const old = this.pages[p]
    const oldExtent = this.extents[p]
    if (old !== undefined) page.set(old)
    if (oldExtent !== undefined) this.owner.give(oldExtent)
    this.pages[p] = page
    this.extents[p] = extent
    return true
  }

  /** Page 0 grows 4 KiB → 16 KiB → 64 KiB, always whole entries. */
  private firstPageLength(i: number, full: number): number {
    let bytes = unitBytes
    const needed = (i + 1) * this.stride
    while (Math.floor(bytes / this.type.BYTES_PER_ELEMENT / this.stride) * this.stride < needed) bytes *= 4
    return Math.min(full, Math.floor(bytes / this.type.BYTES_PER_ELEMENT / this.stride) * this.stride)
  }
}

export class StateAllocator {
  bytes = 0
  /** Requests that the budget has refused. */
  refused = 0

  constructor(readonly memory: ShardMemory) {}

  f64(stride = 1): Pages<Float64Array> {
    return new Pages(this, Float64Array, stride)
  }

  i32(stride = 1): Pages<Int32Array> {
    return new Pages(this, Int32Array, stride)
  }

  u32(stride = 1): Pages<Uint32Array> {
    return new Pages(this, Uint32Array, stride)
  }

  u16(stride = 1): Pages<Uint16Array> {
    return new Pages(this, Uint16Array, stride)
  }

  u8(stride = 1): Pages<Uint8Array> {
    return new Pages(this, Uint8Array, stride)
  }

  take(bytes: number): Extent | null {
    const e = this.memory.take(bytes)
    if (e !== null) this.bytes += e.size
    else this.refused++
    return e
  }

  give(e: Extent): void {
    this.bytes -= e.size
    this.memory.give(e)
  }

  /** A heap has been made over this allocator. Its pages come through `take`; whoever counts entries counts its blocks. */
  heap(_heap: { readonly liveBytes: number }): void {}

  /**
   * Tells the eviction that `bytes` inside live pages have become free for the owner's reuse (negative: are used again, or
   * went with their page). What is not told counts as used, and more is evicted than need be.
   */
  idle(bytes: number): void {
    this.memory.idle += bytes
  }
}
