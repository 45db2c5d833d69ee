/**
 * Memory of a shard's state. Thread: shard worker.
 *
 * ShardMemory   the shard's budget and its segments: SharedArrayBuffers of 2 MiB, cut into extents of 4 KiB units
 * StateAllocator  one per operator: hands out columns and accounts their bytes to the operator
 * Pages<T>      a column of `stride` elements per index, as a list of fixed-length typed-array pages. Growth never copies;
 *               pages in the middle may be absent until `ensure(i)` brings them (an untouched index costs nothing)
 *
 * Every page is charged to the budget before it exists. `ensure` answers false when the budget refuses: the caller drops
 * the row (reason `memory`). Eviction happens between chunks only (shard/eviction.ts), never inside `ensure`.
 *
 *   const p = sums.pages[g >> sums.shift], o = (g & sums.mask) * sums.stride      // the hot-path access
 */

const segmentBytes = 2 * 1024 * 1024
const unitBytes = 4096
const maxPageBytes = 65536

export class ShardMemory {
  /** Bytes of live extents, as charged. */
  used = 0
  private segments: { sab: SharedArrayBuffer; next: number; live: number }[] = []
  /** Free extents by size in units. */
  private free = new Map<number, { segment: number; offset: number }[]>()

  constructor(readonly budgetBytes: number) {}

  /** Takes `bytes` (rounded up to 4 KiB) or answers null when the budget refuses. The memory is zeroed. */
  take(bytes: number): Extent | null {
    const units = Math.ceil(bytes / unitBytes)
    const size = units * unitBytes
    if (this.used + size > this.budgetBytes) return null
    const list = this.free.get(units)
    if (list !== undefined && list.length > 0) {
      const { segment, offset } = list.pop()!
      const s = this.segments[segment]
      s.live += size
      this.used += size
      new Uint8Array(s.sab, offset, size).fill(0)
      return { segment, offset, size, sab: s.sab }
    }
    let index = this.segments.findIndex((s) => s !== undefined && s.next + size <= s.sab.byteLength)
    if (index < 0) {
      index = this.segments.length
      this.segments.push({ sab: new SharedArrayBuffer(Math.max(segmentBytes, size)), next: 0, live: 0 })
    }
    const s = this.segments[index]
    const offset = s.next
    s.next += size
    s.live += size
    this.used += size
    return { segment: index, offset, size, sab: s.sab }
  }

  give(e: Extent): void {
    const units = e.size / unitBytes
    let list = this.free.get(units)
    if (list === undefined) {
      list = []
      this.free.set(units, list)
    }
    list.push({ segment: e.segment, offset: e.offset })
    this.segments[e.segment].live -= e.size
    this.used -= e.size
  }
}

export interface Extent {
  segment: number
  offset: number
  size: number
  sab: SharedArrayBuffer
}

type Typed = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

interface TypedConstructor<T extends Typed> {
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
    const p = i >> this.shift
    if (this.pages[p] !== undefined) return true
    const length = this.stride << this.shift
    const extent = this.owner.take(length * this.type.BYTES_PER_ELEMENT)
    if (extent === null) return false
    while (this.pages.length < p) this.pages.push(undefined as unknown as T)
    this.pages[p] = new this.type(extent.sab, extent.offset, length)
    this.extents[p] = extent
    return true
  }

  has(i: number): boolean {
    return this.pages[i >> this.shift] !== undefined
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
}

export class StateAllocator {
  bytes = 0

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
    return e
  }

  give(e: Extent): void {
    this.bytes -= e.size
    this.memory.give(e)
  }
}
