/**
 * What the panes of a fused window hold of one field, for all groups. Thread: shard worker.
 *
 * Common form, while all rows in a group's open panes have one kind:
 *
 *   codes   u8 per group             kind + 1; 0: no row; 255: spilled
 *   per pane position, indexed by group (pane-major):
 *     counts u32 · sums 8 bytes · mins, maxs 8 bytes (only what some function needs; int64 as two words, else float64)
 *   A pane with count 0 is empty; its other cells are then undefined.
 *
 * Spilled form, for groups that have seen a second kind: dense slots, per (slot, position) the full layout by kind:
 *
 *   counts u32 × 8 by kind · firsts u8 × 2 (first kind that fixes the type: for numbers only, for all) ·
 *   intSums, floatSums, intMins, intMaxs, floatMins, floatMaxs 8 bytes each
 */
import type { Column } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { Int64Sum, lessInt64 } from './aggregates/int64.js'

const spilled = 255
const kindCount = 8

/** A column of 8-byte cells seen as float64 and as pairs of int32. */
class WordPages {
  readonly words: Int32Array[] = []

  constructor(readonly f64: Pages<Float64Array>) {}

  ensure(i: number): boolean {
    if (!this.f64.ensure(i)) return false
    const p = i >> this.f64.shift
    const page = this.f64.pages[p]
    // The first page is replaced by a longer one as it grows.
    if (this.words[p] === undefined || this.words[p].length !== page.length * 2) {
      while (this.words.length < p) this.words.push(undefined as unknown as Int32Array)
      this.words[p] = new Int32Array(page.buffer, page.byteOffset, page.length * 2)
    }
    return true
  }

  release(): void {
    this.f64.release()
    this.words.length = 0
  }
}

/** The open panes of one group put together, oldest first. Reused. */
export class Merged {
  readonly counts = new Float64Array(kindCount)
  rows = 0
  firstNumber: number = Kind.Missing
  firstAny: number = Kind.Missing
  readonly intSum = new Int64Sum()
  floatSum = 0
  intMinLo = 0
  intMinHi = 0
  intMaxLo = 0
  intMaxHi = 0
  floatMin = 0
  floatMax = 0

  reset(): void {
    this.counts.fill(0)
    this.rows = 0
    this.firstNumber = Kind.Missing
    this.firstAny = Kind.Missing
    this.intSum.reset()
    this.floatSum = 0
    this.floatMin = Number.POSITIVE_INFINITY
    this.floatMax = Number.NEGATIVE_INFINITY
    this.intMinLo = -1
    this.intMinHi = 0x7fffffff
    this.intMaxLo = 0
    this.intMaxHi = -0x80000000
  }

  see(kind: number, n: number): void {
    this.counts[kind] += n
    this.rows += n
  }

  fix(number: number, any: number): void {
    if (this.firstNumber === Kind.Missing) this.firstNumber = number
    if (this.firstAny === Kind.Missing) this.firstAny = any
  }

  intRange(minLo: number, minHi: number, maxLo: number, maxHi: number): void {
    if (lessInt64(minLo, minHi, this.intMinLo, this.intMinHi)) {
      this.intMinLo = minLo
      this.intMinHi = minHi
    }
    if (lessInt64(this.intMaxLo, this.intMaxHi, maxLo, maxHi)) {
      this.intMaxLo = maxLo
      this.intMaxHi = maxHi
    }
  }

  floatRange(min: number, max: number): void {
    this.floatMin = Math.min(this.floatMin, min)
    this.floatMax = Math.max(this.floatMax, max)
  }
}

function fixesNumber(kind: number): number {
  return kind === Kind.Int || kind === Kind.Float || kind === Kind.Duration ? kind : Kind.Missing
}

function fixesAny(kind: number): number {
  return kind >= Kind.Int && kind <= Kind.Duration ? kind : Kind.Missing
}

export class PaneLane {
  source: Column | null = null
  private readonly codes: Pages<Uint8Array>
  private readonly counts: Pages<Uint32Array>[] = []
  private readonly sums: WordPages[] | null
  private readonly mins: WordPages[] | null
  private readonly maxs: WordPages[] | null
  private readonly spill: SpilledPanes

  constructor(
    state: StateAllocator,
    readonly field: string,
    private readonly panes: number,
    withSums: boolean,
    withRange: boolean,
  ) {
    const columns = (): WordPages[] => Array.from({ length: panes }, () => new WordPages(state.f64()))
    this.codes = state.u8()
    for (let p = 0; p < panes; p++) this.counts.push(state.u32())
    this.sums = withSums ? columns() : null
    this.mins = withRange ? columns() : null
    this.maxs = withRange ? columns() : null
    this.spill = new SpilledPanes(state, panes)
  }

  /** Makes a pane of a group usable. False: the budget refused. */
  open(pane: number, group: number): boolean {
    return (
      this.codes.ensure(group) &&
      this.counts[pane].ensure(group) &&
      (this.sums === null || this.sums[pane].ensure(group)) &&
      (this.mins === null || this.mins[pane].ensure(group)) &&
      (this.maxs === null || this.maxs[pane].ensure(group))
    )
  }

  /** Adds a row of `source` to an open pane. False: the budget refused the group's second kind. */
  add(pane: number, group: number, row: number): boolean {
    const source = this.source
    const kind = source === null ? 0 : source.kinds[row]
    const codes = this.codes.pages[group >> this.codes.shift]
    const code = codes[group & this.codes.mask]
    if (code !== kind + 1) {
      if (code !== 0) return this.addOther(pane, group, kind, row)
      codes[group & this.codes.mask] = kind + 1
    }
    const column = this.counts[pane]
    const counts = column.pages[group >> column.shift]
    const at = group & column.mask
    const n = counts[at]
    counts[at] = n + 1
    if (kind === Kind.Float) this.addFloat(pane, group, source!.f64[row], n)
    else if (kind === Kind.Int) this.addInt(pane, group, source!.i32[2 * row], source!.i32[2 * row + 1], n)
    return true
  }

  private addFloat(pane: number, group: number, v: number, n: number): void {
    if (this.sums !== null) {
      const { f64 } = this.sums[pane]
      const page = f64.pages[group >> f64.shift]
      const at = group & f64.mask
      page[at] = n === 0 ? v : page[at] + v
    }
    if (this.mins === null) return
    const mins = this.mins[pane].f64
    const low = mins.pages[group >> mins.shift]
    const high = this.maxs![pane].f64.pages[group >> mins.shift]
    const at = group & mins.mask
    low[at] = n === 0 ? v : Math.min(low[at], v)
    high[at] = n === 0 ? v : Math.max(high[at], v)
  }

  private addInt(pane: number, group: number, lo: number, hi: number, n: number): void {
    if (this.sums !== null) {
      const { f64, words } = this.sums[pane]
      const page = words[group >> f64.shift]
      const at = (group & f64.mask) * 2
      if (n === 0) {
        page[at] = lo
        page[at + 1] = hi
      } else addWords(page, at, lo, hi)
    }
    if (this.mins === null) return
    const { f64, words } = this.mins[pane]
    const at = (group & f64.mask) * 2
    rangeWords(words[group >> f64.shift], this.maxs![pane].words[group >> f64.shift], at, lo, hi, n === 0)
  }

  /** Empties one pane of a group. */
  clearPane(pane: number, group: number): void {
    if (this.counts[pane].has(group)) this.counts[pane].set(group, 0)
    if (this.codeOf(group) === spilled) this.spill.clearPane(group, pane)
  }

  /** Empties all panes of a group and forgets its kind. */
  clear(group: number): void {
    for (let p = 0; p < this.panes; p++) {
      const column = this.counts[p]
      const counts = column.pages[group >> column.shift]
      // Beyond the end of a short first page this writes nothing.
      if (counts !== undefined) counts[group & column.mask] = 0
    }
    const code = this.codeOf(group)
    if (code === 0) return
    if (code === spilled) this.spill.free(group)
    this.codes.set(group, 0)
  }

  /** Puts the panes of a group together, beginning with position `first`. */
  merge(group: number, first: number, into: Merged): void {
    into.reset()
    const code = this.codeOf(group)
    if (code === 0) return
    if (code === spilled) {
      this.spill.merge(group, first, into)
      return
    }
    const kind = code - 1
    for (let i = 0; i < this.panes; i++) {
      const p = first + i < this.panes ? first + i : first + i - this.panes
      const column = this.counts[p]
      const counts = column.pages[group >> column.shift]
      // Not > 0 also beyond the end of a short first page.
      const n = counts === undefined ? 0 : counts[group & column.mask]
      if (!(n > 0)) continue
      into.see(kind, n)
      if (kind === Kind.Float) this.mergeFloat(p, group, into)
      else if (kind === Kind.Int) this.mergeInt(p, group, into)
    }
    if (into.rows > 0) into.fix(fixesNumber(kind), fixesAny(kind))
  }

  dispose(): void {
    this.codes.release()
    for (const c of this.counts) c.release()
    for (const list of [this.sums, this.mins, this.maxs]) for (const c of list ?? []) c.release()
    this.spill.dispose()
  }

  private codeOf(group: number): number {
    return this.codes.has(group) ? this.codes.get(group) : 0
  }

  private mergeFloat(pane: number, group: number, into: Merged): void {
    if (this.sums !== null) {
      const { f64 } = this.sums[pane]
      into.floatSum += f64.pages[group >> f64.shift][group & f64.mask]
    }
    if (this.mins === null) return
    const { f64 } = this.mins[pane]
    const at = group & f64.mask
    const page = group >> f64.shift
    into.floatRange(f64.pages[page][at], this.maxs![pane].f64.pages[page][at])
  }

  private mergeInt(pane: number, group: number, into: Merged): void {
    if (this.sums !== null) {
      const { f64, words } = this.sums[pane]
      const page = words[group >> f64.shift]
      const at = (group & f64.mask) * 2
      into.intSum.add(page[at], page[at + 1])
    }
    if (this.mins === null) return
    const { f64, words } = this.mins[pane]
    const at = (group & f64.mask) * 2
    const low = words[group >> f64.shift]
    const high = this.maxs![pane].words[group >> f64.shift]
    into.intRange(low[at], low[at + 1], high[at], high[at + 1])
  }

  /** A row of another kind than the group's: the group moves to the full layout first. */
  private addOther(pane: number, group: number, kind: number, row: number): boolean {
    const codes = this.codes.pages[group >> this.codes.shift]
    const code = codes[group & this.codes.mask]
    if (code !== spilled) {
      if (!this.spill.take(group)) return false
      codes[group & this.codes.mask] = spilled
      this.moveToSpill(group, code - 1)
    }
    this.spill.add(group, pane, kind, this.source, row)
    return true
  }

  private moveToSpill(group: number, kind: number): void {
    for (let p = 0; p < this.panes; p++) {
      const counts = this.counts[p]
      const n = counts.has(group) ? counts.get(group) : 0
      if (n === 0) continue
      const to = this.spill.begin(group, p, kind, n)
      counts.set(group, 0)
      if (kind !== Kind.Int && kind !== Kind.Float) continue
      for (const [from, column] of [
        [this.sums, to.sums],
        [this.mins, to.mins],
        [this.maxs, to.maxs],
      ] as const) {
        if (from === null) continue
        const { f64, words } = from[p]
        const source = words[group >> f64.shift]
        const s = (group & f64.mask) * 2
        const target = column.words[to.index >> column.f64.shift]
        const t = (to.index & column.f64.mask) * 2
        target[t] = source[s]
        target[t + 1] = source[s + 1]
      }
    }
  }
}

function addWords(page: Int32Array, at: number, lo: number, hi: number): void {
  const sum = (page[at] >>> 0) + (lo >>> 0)
  page[at] = sum
  page[at + 1] = page[at + 1] + hi + (sum > 0xffffffff ? 1 : 0)
}

function rangeWords(low: Int32Array, high: Int32Array, at: number, lo: number, hi: number, first: boolean): void {
  if (first || lessInt64(lo, hi, low[at], low[at + 1])) {
    low[at] = lo
    low[at + 1] = hi
  }
  if (first || lessInt64(high[at], high[at + 1], lo, hi)) {
    high[at] = lo
    high[at + 1] = hi
  }
}

interface SpillCell {
  index: number
  sums: WordPages
  mins: WordPages
  maxs: WordPages
}

/** The full layout, by slots that are handed out to groups as they need them. */
class SpilledPanes {
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
    for (let p = 0; p < this.panes; p++) this.clearPane(group, p)
    return true
  }

  free(group: number): void {
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
      rangeWords(this.mins[0].words[page], this.maxs[0].words[page], at, lo, hi, n === 0)
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
  }

  private indexOf(group: number, pane: number): number {
    return (this.slots.get(group) - 1) * this.panes + pane
  }

  private fix(i: number, kind: number): void {
    if (this.firsts.get(i, 0) === Kind.Missing) this.firsts.set(i, fixesNumber(kind), 0)
    if (this.firsts.get(i, 1) === Kind.Missing) this.firsts.set(i, fixesAny(kind), 1)
  }
}
