/**
 * Byte strings of a shard's state (group keys, string fields, packed rows), in pages under the budget. Thread: shard worker.
 *
 * A ref is a positive int32: the address in 8-byte units. A block's size class is a multiple of 16 up to 256 bytes, then a
 * power of two in four steps; a freed block goes to the list of its class, linked through its own first four bytes. 0 means
 * "no block".
 *
 *   page (up to 64 KiB)   | block | block | …        blocks do not cross pages; longer ones get a page of their own
 *
 * Pages without live blocks are given back together once they are a quarter of the heap: their blocks leave the lists.
 */
import type { Extent, StateAllocator } from './pages.js'

const pageBytes = 65536
const unit = 8
const unitsPerPage = pageBytes / unit
const largeBytes = pageBytes / 2
/** Classes 1 … 16: multiples of 16; then four per doubling up to `largeBytes`. */
const classes = 17 + 4 * 7
const noPage = new Uint8Array(0)
const noWords = new Int32Array(0)
const noView = new DataView(noPage.buffer)

export class ByteHeap {
  /** Page of a ref: pages[ref >>> 13]; offset in it: (ref & 8191) * 8. A large block starts its own page entry. */
  readonly pages: Uint8Array[] = []
  /** The same pages, for words at any offset. */
  readonly views: DataView[] = []
  /** Bytes of live blocks, rounded to their classes. */
  liveBytes = 0
  /** Bytes of all pages. */
  pageBytes = 0
  private words: Int32Array[] = []
  private extents: (Extent | undefined)[] = []
  /** Bytes of live blocks per page. */
  private live: number[] = []
  private deadBytes = 0
  /** Bytes in the free lists. */
  private freeBytes = 0
  private next = 0
  private end = 0
  private current = -1
  private heads = new Int32Array(classes)
  private freePageIds: number[] = []

  constructor(private readonly owner: StateAllocator) {
    owner.heap(this)
  }

  /** Copies `length` bytes in. Returns the ref, or 0 when the budget refuses. */
  put(src: Uint8Array, offset: number, length: number): number {
    const ref = this.alloc(length)
    if (ref === 0) return 0
    const page = this.pages[ref >>> 13]
    const o = (ref & (unitsPerPage - 1)) * unit
    if (length < 48) for (let i = 0; i < length; i++) page[o + i] = src[offset + i]
    else page.set(src.subarray(offset, offset + length), o)
    return ref
  }

  /** Room for `length` bytes, uninitialised. 0 when the budget refuses. */
  alloc(length: number): number {
    const size = classBytes(length)
    if (size > largeBytes) return this.allocLarge(size)
    const c = classOf(size)
    let ref = this.heads[c]
    if (ref !== 0) {
      this.heads[c] = this.words[ref >>> 13][(ref & (unitsPerPage - 1)) * 2]
      this.addFree(-size)
    } else {
      if (this.next + size > this.end && !this.nextPage(size)) return 0
      ref = this.current * unitsPerPage + this.next / unit
      this.next += size
    }
    const id = ref >>> 13
    if (this.live[id] === 0 && id !== this.current) this.deadBytes -= this.pages[id].length
    this.live[id] += size
    this.liveBytes += size
    return ref
  }

  /** Frees a block; `length` is the length it was taken with. */
  free(ref: number, length: number): void {
    if (ref === 0) return
    const size = classBytes(length)
    const id = ref >>> 13
    this.liveBytes -= size
    if (size > largeBytes) {
      this.drop(id)
      return
    }
    const c = classOf(size)
    this.words[id][(ref & (unitsPerPage - 1)) * 2] = this.heads[c]
    this.heads[c] = ref
    this.addFree(size)
    this.live[id] -= size
    if (this.live[id] === 0 && id !== this.current) {
      this.deadBytes += this.pages[id].length
      if (this.deadBytes * 4 >= this.pageBytes && this.deadBytes >= pageBytes) this.purge()
    }
  }

  pageOf(ref: number): Uint8Array {
    return this.pages[ref >>> 13]
  }

  offsetOf(ref: number): number {
    return (ref & (unitsPerPage - 1)) * unit
  }

  release(): void {
    for (const e of this.extents) if (e !== undefined) this.owner.give(e)
    this.pages.length = 0
    this.views.length = 0
    this.words.length = 0
    this.extents.length = 0
    this.live.length = 0
    this.heads.fill(0)
    this.addFree(-this.freeBytes)
    this.freePageIds.length = 0
    this.liveBytes = 0
    this.pageBytes = 0
    this.deadBytes = 0
    this.next = 0
    this.end = 0
    this.current = -1
  }

  /** Gives back every page without live blocks. */
  purge(): void {
    if (this.deadBytes === 0) return
    let freed = 0
    for (let c = 0; c < classes; c++) {
      const size = sizeOf(c)
      let kept = 0
      let ref = this.heads[c]
      while (ref !== 0) {
        const id = ref >>> 13
        const w = (ref & (unitsPerPage - 1)) * 2
        const next = this.words[id][w]
        if (this.live[id] !== 0 || id === this.current) {
          this.words[id][w] = kept
          kept = ref
          freed += size
        }
        ref = next
      }
      this.heads[c] = kept
    }
    this.addFree(freed - this.freeBytes)
    for (let id = 0; id < this.pages.length; id++) {
      if (id !== this.current && this.extents[id] !== undefined && this.live[id] === 0) this.drop(id)
    }
    this.deadBytes = 0
  }

  private addFree(bytes: number): void {
    this.freeBytes += bytes
    this.owner.idle(bytes)
  }

  private drop(id: number): void {
    const e = this.extents[id]
    if (e === undefined) throw new RangeError(`byte heap: page ${id} is free already`)
    this.owner.give(e)
    this.pageBytes -= this.pages[id].length
    this.extents[id] = undefined
    this.pages[id] = noPage
    this.views[id] = noView
    this.words[id] = noWords
    this.live[id] = 0
    this.freePageIds.push(id)
  }

  private allocLarge(size: number): number {
    // 16 more: the first unit of page 0 is never handed out.
    const id = this.addPage(size + 16)
    if (id < 0) return 0
    this.live[id] = size
    this.liveBytes += size
    return id * unitsPerPage + (id === 0 ? 2 : 0)
  }

  private nextPage(size: number): boolean {
    // The first pages are short, so that small heaps stay small. The rest of the page before is left unused.
    const bytes = Math.max(
      Math.min(pageBytes, 4096 << (2 * Math.min(2, this.pages.length))),
      size > 2048 ? pageBytes : 0,
    )
    const id = this.addPage(bytes)
    if (id < 0) return false
    const before = this.current
    this.current = id
    if (before >= 0 && this.live[before] === 0) this.deadBytes += this.pages[before].length
    // Ref 0 means "none": the first unit of page 0 is never handed out.
    this.next = id === 0 ? 16 : 0
    this.end = this.pages[id].length
    return true
  }

  private addPage(size: number): number {
    const id = this.freePageIds.length > 0 ? this.freePageIds[this.freePageIds.length - 1] : this.pages.length
    const e = this.owner.take(size)
    if (e === null) return -1
    if (this.freePageIds.length > 0) this.freePageIds.pop()
    this.pages[id] = new Uint8Array(e.sab, e.offset, e.size)
    this.views[id] = new DataView(e.sab, e.offset, e.size)
    this.words[id] = new Int32Array(e.sab, e.offset, e.size >> 2)
    this.extents[id] = e
    this.live[id] = 0
    this.pageBytes += e.size
    return id
  }
}

/** Bytes of the block that `length` bytes get. */
export function classBytes(length: number): number {
  if (length <= 256) return length <= 16 ? 16 : (length + 15) & ~15
  const step = 1 << (29 - Math.clz32(length - 1))
  return Math.ceil(length / step) * step
}

function classOf(size: number): number {
  if (size <= 256) return size >> 4
  const log = 31 - Math.clz32(size - 1)
  // Sizes in (2^log, 2^(log + 1)] in four steps.
  return 17 + (log - 8) * 4 + ((size - (1 << log)) >> (log - 2)) - 1
}

/** Bytes of the blocks of a class. */
function sizeOf(c: number): number {
  if (c <= 16) return c << 4
  const log = 8 + ((c - 17) >> 2)
  return (1 << log) + (((c - 17) & 3) + 1) * (1 << (log - 2))
}
