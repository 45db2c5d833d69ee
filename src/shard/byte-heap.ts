/**
 * Byte strings of a shard's state (group keys, string fields, packed rows), in pages under the budget. Thread: shard worker.
 *
 * A ref is a positive int32: the address in 8-byte units. A block's size class is a multiple of 16 up to 256 bytes, then a
 * power of two in four steps; freed blocks go to a list per class. 0 means "no block".
 *
 *   page (64 KiB)   | block | block | …        blocks do not cross pages; longer ones get an extent of their own
 */
import type { Extent, StateAllocator } from './pages.js'

const pageBytes = 65536
const unit = 8
const unitsPerPage = pageBytes / unit

export class ByteHeap {
  /** Page of a ref: pages[ref >>> 13]; offset in it: (ref & 8191) * 8. A large block starts its own page entry. */
  readonly pages: Uint8Array[] = []
  private extents: (Extent | undefined)[] = []
  private next = pageBytes
  private current = -1
  private freeLists = new Map<number, number[]>()
  private freePageIds: number[] = []

  constructor(private readonly owner: StateAllocator) {}

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
    const size = classOf(length)
    if (size > pageBytes / 2) return this.allocLarge(size)
    const list = this.freeLists.get(size)
    if (list !== undefined && list.length > 0) return list.pop()!
    if (this.next + size > pageBytes) {
      const id = this.addPage(pageBytes)
      if (id < 0) return 0
      this.current = id
      // Ref 0 means "none": the first unit of page 0 is never handed out.
      this.next = id === 0 ? 16 : 0
    }
    const ref = this.current * unitsPerPage + this.next / unit
    this.next += size
    return ref
  }

  /** Frees a block; `length` is the length it was taken with. */
  free(ref: number, length: number): void {
    if (ref === 0) return
    const size = classOf(length)
    if (size > pageBytes / 2) {
      const id = ref >>> 13
      this.owner.give(this.extents[id]!)
      this.extents[id] = undefined
      this.pages[id] = new Uint8Array(0)
      this.freePageIds.push(id)
      return
    }
    let list = this.freeLists.get(size)
    if (list === undefined) {
      list = []
      this.freeLists.set(size, list)
    }
    list.push(ref)
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
    this.extents.length = 0
    this.freeLists.clear()
    this.freePageIds.length = 0
    this.next = pageBytes
    this.current = -1
  }

  private allocLarge(size: number): number {
    const id = this.addPage(size)
    if (id < 0) return 0
    return id * unitsPerPage + (id === 0 ? 2 : 0)
  }

  private addPage(size: number): number {
    const first = this.pages.length === 0 && this.freePageIds.length === 0
    const e = this.owner.take(first ? size + 16 : size)
    if (e === null) return -1
    const id = this.freePageIds.pop() ?? this.pages.length
    this.pages[id] = new Uint8Array(e.sab, e.offset, e.size)
    this.extents[id] = e
    return id
  }
}

/** Size class in bytes of a block of `length` bytes. */
function classOf(length: number): number {
  if (length <= 256) return length <= 16 ? 16 : (length + 15) & ~15
  const step = 1 << (29 - Math.clz32(length - 1))
  return Math.ceil(length / step) * step
}
