/**
 * Panes of groups that have seen a second kind: dense slots, per (slot, pane) the full layout by kind. Thread: shard worker.
 *
 *   counts u32 × 8 by kind · firsts u8 × 2 (first kind that fixes the type: for numbers only, for all) ·
 *   sums, mins, maxs 8 bytes each, for ints and for floats
 */
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { addWords, lessInt64 } from '../aggregates/int64.js'
import { WordPages } from '../kit/word-pages.js'
import { fixesAny, fixesNumber, type Merged } from './fused-window-merged.js'

const kindCount = 8

/** Where the cells of one kind of a pane are. */
export interface SpillCell {
  index: number
  sums: WordPages
  mins: WordPages
  maxs: WordPages
}

export class SpilledPanes {
  /** slot + 1 of a group. */
  private readonly slots: Pages<Int32Array>
  private readonly counts: Pages<Uint32Array>
  private readonly firsts: Pages<Uint8Array>
  /** By kind: 0 int, 1 float. */
  private readonly sums: readonly WordPages[]
  private readonly mins: readonly WordPages[]
  private readonly maxs: readonly WordPages[]
  private readonly freeSlots: number[] = []
  private slotCount = 0
  /** Groups that have a slot. */
  size = 0
  private readonly cell: SpillCell

  constructor(
    state: StateAllocator,
    private readonly panes: number,
  ) {
    const pair = (): WordPages[] => [new WordPages(state.f64()), new WordPages(state.f64())]
    this.slots = state.i32()
    this.counts = state.u32(kindCount)
    this.firsts = state.u8(2)
    this.sums = pair()
    this.mins = pair()
    this.maxs = pair()
    this.cell = { index: 0, sums: this.sums[0], mins: this.mins[0], maxs: this.maxs[0] }
  }

  take(group: number): boolean {
    if (!this.slots.ensure(group)) return false
    const slot = this.freeSlots.length > 0 ? this.freeSlots[this.freeSlots.length - 1] : this.slotCount
    for (let p = 0; p < this.panes; p++) {
      const i = slot * this.panes + p
      if (!this.counts.ensure(i) || !this.firsts.ensure(i)) return false
      for (const list of [this.sums, this.mins, this.maxs]) for (const c of list) if (!c.ensure(i)) return false
    }
    if (this.freeSlots.length > 0) this.freeSlots.pop()
    else this.slotCount++
    this.slots.set(group, slot + 1)
    this.size++
    for (let p = 0; p < this.panes; p++) this.clearPane(group, p)
    return true
  }

  free(group: number): void {
    this.size--
    this.freeSlots.push(this.slots.get(group) - 1)
    this.slots.set(group, 0)
  }

  clearPane(group: number, pane: number): void {
    const i = this.indexOf(group, pane)
    this.counts.clear(i)
    this.firsts.clear(i)
  }

  /** The first rows of a pane, all of one kind; returns where their cells go. */
  begin(group: number, pane: number, kind: number, n: number): SpillCell {
    const i = this.indexOf(group, pane)
    this.counts.set(i, n, kind)
    this.fix(i, kind)
    const k = kind === Kind.Float ? 1 : 0
    this.cell.index = i
    this.cell.sums = this.sums[k]
    this.cell.mins = this.mins[k]
    this.cell.maxs = this.maxs[k]
    return this.cell
  }

  add(group: number, pane: number, kind: number, source: Column | null, row: number): void {
    const i = this.indexOf(group, pane)
    const n = this.counts.get(i, kind)
    this.counts.set(i, n + 1, kind)
    if (n === 0) this.fix(i, kind)
    if (source === null) return
    if (kind === Kind.Float) {
      const v = source.f64[row]
      const { f64 } = this.sums[1]
      const page = i >> f64.shift
      const at = i & f64.mask
      const sums = f64.pages[page]
      const mins = this.mins[1].f64.pages[page]
      const maxs = this.maxs[1].f64.pages[page]
      sums[at] = n === 0 ? v : sums[at] + v
      mins[at] = n === 0 ? v : Math.min(mins[at], v)
      maxs[at] = n === 0 ? v : Math.max(maxs[at], v)
    } else if (kind === Kind.Int) {
      const lo = source.i32[2 * row]
      const hi = source.i32[2 * row + 1]
      const { f64, words } = this.sums[0]
      const page = i >> f64.shift
      const at = (i & f64.mask) * 2
      if (n === 0) {
        words[page][at] = 0
        words[page][at + 1] = 0
      }
      addWords(words[page], at, lo, hi)
      const low = this.mins[0].words[page]
      const high = this.maxs[0].words[page]
      if (n === 0 || lessInt64(lo, hi, low[at], low[at + 1])) {
        low[at] = lo
        low[at + 1] = hi
      }
      if (n === 0 || lessInt64(high[at], high[at + 1], lo, hi)) {
        high[at] = lo
        high[at + 1] = hi
      }
    }
  }

  merge(group: number, first: number, into: Merged): void {
    for (let k = 0; k < this.panes; k++) {
      const p = first + k < this.panes ? first + k : first + k - this.panes
      const i = this.indexOf(group, p)
      for (let kind = 0; kind < kindCount; kind++) into.see(kind, this.counts.get(i, kind))
      into.fix(this.firsts.get(i, 0), this.firsts.get(i, 1))
      const { f64 } = this.sums[0]
      const page = i >> f64.shift
      const at = i & f64.mask
      if (this.counts.get(i, Kind.Int) > 0) {
        const s = this.sums[0].words[page]
        const low = this.mins[0].words[page]
        const high = this.maxs[0].words[page]
        into.intSum.add(s[2 * at], s[2 * at + 1])
        into.intRange(low[2 * at], low[2 * at + 1], high[2 * at], high[2 * at + 1])
      }
      if (this.counts.get(i, Kind.Float) > 0) {
        into.floatSum += this.sums[1].f64.pages[page][at]
        into.floatRange(this.mins[1].f64.pages[page][at], this.maxs[1].f64.pages[page][at])
      }
    }
  }

  dispose(): void {
    this.slots.release()
    this.counts.release()
    this.firsts.release()
    for (const list of [this.sums, this.mins, this.maxs]) for (const c of list) c.release()
    this.freeSlots.length = 0
    this.slotCount = 0
    this.size = 0
  }

  private indexOf(group: number, pane: number): number {
    return (this.slots.get(group) - 1) * this.panes + pane
  }

  private fix(i: number, kind: number): void {
    if (this.firsts.get(i, 0) === Kind.Missing) this.firsts.set(i, fixesNumber(kind), 0)
    if (this.firsts.get(i, 1) === Kind.Missing) this.firsts.set(i, fixesAny(kind), 1)
  }
}
