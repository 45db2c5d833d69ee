/**
 * Cells of rows by slot: per column a kind byte and eight payload bytes, with strings in a byte heap, and optionally
 * packed rows. Thread: shard worker. A column's pages exist only where some row has a cell; a slot's cells are left
 * over from before until `put` writes them.
 */
import type { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { ByteHeap } from '../../state/byte-heap.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { AnyPages } from './merge-slots.js'

export class CellStore {
  readonly heap: ByteHeap
  private readonly kinds: Pages<Uint8Array>[] = []
  private readonly words: Pages<Int32Array>[] = []
  private anyStrings = false

  constructor(
    state: StateAllocator,
    readonly columns: number,
  ) {
    this.heap = new ByteHeap(state)
    for (let i = 0; i < columns; i++) {
      this.kinds.push(state.u8())
      this.words.push(state.i32(2))
    }
  }

  /** All pages, for the pool that gives them back. */
  get pages(): AnyPages[] {
    return [...this.kinds, ...this.words]
  }

  /** Writes columns `at` … of a slot from row `row` of `sources`. False: the budget refused, and nothing is kept. */
  put(slot: number, at: number, sources: readonly (Column | null)[], row: number): boolean {
    for (let k = 0; k < sources.length; k++) {
      const kinds = this.kinds[at + k]
      const source = sources[k]
      const kind = source === null ? Kind.Missing : source.kinds[row]
      if (kind === Kind.Missing) {
        if (kinds.has(slot)) kinds.set(slot, Kind.Missing)
        continue
      }
      const words = this.words[at + k]
      const { i32, bytes } = source!
      let lo = i32[2 * row]
      const hi = i32[2 * row + 1]
      let ok = kinds.ensure(slot) && words.ensure(slot)
      if (ok && kind === Kind.String) {
        this.anyStrings = true
        lo = this.heap.put(bytes, lo, hi)
        ok = lo !== 0
      }
      if (!ok) {
        this.free(slot, at, k)
        return false
      }
      kinds.pages[slot >> kinds.shift][slot & kinds.mask] = kind
      const page = words.pages[slot >> words.shift]
      const o = (slot & words.mask) * 2
      page[o] = lo
      page[o + 1] = hi
    }
    return true
  }

  /** Copies the first `n` columns of another store's slot. False: the budget refused, and nothing is kept. */
  putFrom(slot: number, at: number, other: CellStore, otherSlot: number, n: number): boolean {
    for (let k = 0; k < n; k++) {
      const kind = other.kindAt(otherSlot, k)
      const kinds = this.kinds[at + k]
      if (kind === Kind.Missing) {
        if (kinds.has(slot)) kinds.set(slot, Kind.Missing)
        continue
      }
      const from = other.words[k]
      const words = this.words[at + k]
      let lo = from.get(otherSlot, 0)
      const hi = from.get(otherSlot, 1)
      let ok = kinds.ensure(slot) && words.ensure(slot)
      if (ok && kind === Kind.String) {
        this.anyStrings = true
        lo = this.heap.put(other.heap.pageOf(lo), other.heap.offsetOf(lo), hi)
        ok = lo !== 0
      }
      if (!ok) {
        this.free(slot, at, k)
        return false
      }
      kinds.set(slot, kind)
      words.set(slot, lo, 0)
      words.set(slot, hi, 1)
    }
    return true
  }

  kindAt(slot: number, column: number): number {
    const p = this.kinds[column]
    const page = p.pages[slot >> p.shift]
    // Beyond the end of a short first page this is undefined.
    return page === undefined ? Kind.Missing : (page[slot & p.mask] ?? Kind.Missing)
  }

  /** Copies one cell to row `row`; nothing where it is Missing. */
  copyTo(slot: number, column: number, out: OutColumn, row: number): void {
    const p = this.kinds[column]
    const page = p.pages[slot >> p.shift]
    if (page === undefined) return
    const kind = page[slot & p.mask]
    if (kind === undefined || kind === Kind.Missing) return
    const words = this.words[column]
    const wp = words.pages[slot >> words.shift]
    const o = (slot & words.mask) * 2
    if (kind !== Kind.String) out.setWords(row, kind, wp[o], wp[o + 1])
    else out.setString(row, this.heap.pageOf(wp[o]), this.heap.offsetOf(wp[o]), wp[o + 1])
  }

  /** Frees the strings of `n` columns from `at`. */
  free(slot: number, at: number, n: number): void {
    if (!this.anyStrings) return
    for (let c = at; c < at + n; c++) {
      if (this.kindAt(slot, c) !== Kind.String) continue
      this.heap.free(this.words[c].get(slot, 0), this.words[c].get(slot, 1))
      this.kinds[c].set(slot, Kind.Missing)
    }
  }

  dispose(): void {
    this.heap.release()
  }
}
