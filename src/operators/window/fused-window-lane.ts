/**
 * What the panes of a fused window hold of one field. Thread: shard worker.
 *
 * While all rows in a group's open panes have one kind:
 *
 *   in the record (fused-window-records.ts)
 *     code i32     kind + 1; 0: no row; `inexact`: floats whose older sum is not kept; `spilled`: see fused-window-spill.ts
 *     newest pane  rows i32 · sum 8 bytes · min, max 8 bytes (only what some function needs)
 *     older panes  rows i32 · sum 8 bytes, of all of them
 *   on the shelf, per pane position
 *     rows i32 · sum 2 words · min, max 2 words each
 *
 * Int64 are two words, which wrap, so a sum minus the panes that leave it is exact. That of floats is kept only while the
 * order of additions cannot matter: whole numbers below 2^31, at most 2^22 of them; else the panes are added up at each
 * emission. A pane with 0 rows is empty, and its other cells are undefined.
 */
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { addWords, rangeWords, subtractWords } from '../aggregates/int64.js'
import type { WordPages } from '../kit/word-pages.js'
import type { Merged } from './fused-window-merged.js'
import type { PaneRecords } from './fused-window-records.js'
import { type SpillCell, SpilledPanes } from './fused-window-spill.js'

const spilled = 255
const inexact = 64
const maxExactRows = 2 ** 22
const ROWS = 1

/** Turns two words into a double. */
const bits = new Int32Array(2)
const double = new Float64Array(bits.buffer)

function floatAt(page: Int32Array, at: number): number {
  bits[0] = page[at]
  bits[1] = page[at + 1]
  return double[0]
}

export interface LaneShape {
  readonly field: string
  readonly panes: number
  readonly withSums: boolean
  readonly withRange: boolean
  /** Where the lane begins in the record and on the shelf. */
  readonly base: number
  readonly shelfBase: number
}

export class PaneLane {
  readonly field: string
  source: Column | null = null
  records!: PaneRecords
  /** Words behind the lane in the record and on the shelf. */
  readonly end: number
  readonly shelfEnd: number
  /** Words in the record; −1: nobody needs them. */
  private readonly sum: number
  private readonly olderRows: number
  private readonly olderSum: number
  private readonly min: number
  private readonly max: number
  /** Words of one pane on the shelf, and where its range begins. */
  readonly paneWords: number
  private readonly rangeWord: number
  private readonly spill: SpilledPanes

  private readonly panes: number
  /** Where the lane begins in the record and on the shelf. */
  private readonly base: number
  private readonly shelfBase: number

  constructor(state: StateAllocator, { field, panes, withSums, withRange, base, shelfBase }: LaneShape) {
    this.field = field
    this.panes = panes
    this.base = base
    this.shelfBase = shelfBase
    let at = base + 2
    const take = (wanted: boolean): number => {
      if (!wanted) return -1
      at += 2
      return at - 2
    }
    this.sum = take(withSums)
    this.olderRows = take(panes > 1)
    this.olderSum = take(panes > 1 && withSums)
    this.min = take(withRange)
    this.max = take(withRange)
    this.end = at
    this.rangeWord = withSums ? 3 : 1
    this.paneWords = panes === 1 ? 0 : this.rangeWord + (withRange ? 4 : 0)
    this.shelfEnd = shelfBase + panes * this.paneWords
    this.spill = new SpilledPanes(state, panes)
  }

  /** Adds a row of `source` to the newest pane, at position `pane`. False: the budget refused the group's second kind. */
  add(pane: number, group: number, row: number): boolean {
    const { source, records, base } = this
    const kind = source === null ? 0 : source.kinds[row]
    const page = records.words[group >> records.f64.shift]
    const o = (group & records.f64.mask) * records.stride
    const code = page[o + base]
    if (code !== kind + 1) {
      if (code === 0) page[o + base] = kind + 1
      else if (code !== inexact || kind !== Kind.Float) return this.addOther(pane, group, kind, row)
    }
    const n = page[o + base + ROWS]
    page[o + base + ROWS] = n + 1
    if (kind === Kind.Int) this.addInt(page, o, source!.i32[2 * row], source!.i32[2 * row + 1], n === 0)
    else if (kind === Kind.Float)
      this.addFloat(page, records.f64.pages[group >> records.f64.shift], o, source!.f64[row], n === 0)
    return true
  }

  /** Puts the newest pane, at position `pane`, with the older ones: another one is about to open. */
  shelve(pane: number, group: number): void {
    const { records, base, shelf } = this
    const page = records.words[group >> records.f64.shift]
    const o = (group & records.f64.mask) * records.stride
    const n = page[o + base + ROWS]
    if (n === 0) return
    page[o + base + ROWS] = 0
    const older = page[o + this.olderRows]
    page[o + this.olderRows] = older + n
    const to = shelf.pages[group >> shelf.shift]
    const at = this.shelfAt(pane, group)
    to[at] = n
    if (this.sum >= 0) {
      const lo = page[o + this.sum]
      const hi = page[o + this.sum + 1]
      to[at + 1] = lo
      to[at + 2] = hi
      const code = page[o + base]
      if (code === Kind.Int + 1) {
        if (older !== 0) addWords(page, o + this.olderSum, lo, hi)
        else {
          page[o + this.olderSum] = lo
          page[o + this.olderSum + 1] = hi
        }
      } else if (code === Kind.Float + 1) {
        const f64 = records.f64.pages[group >> records.f64.shift]
        const v = f64[(o + this.sum) >> 1]
        if (older + n > maxExactRows) page[o + base] = inexact
        else f64[(o + this.olderSum) >> 1] = older === 0 ? v : f64[(o + this.olderSum) >> 1] + v
      }
    }
    if (this.min >= 0) {
      const range = at + this.rangeWord
      for (let i = 0; i < 4; i++) to[range + i] = page[o + this.min + i]
    }
  }

  /** Drops `count` older panes from position `first` on. */
  drop(first: number, count: number, group: number): void {
    const { records, base, shelf, panes } = this
    const page = records.words[group >> records.f64.shift]
    const o = (group & records.f64.mask) * records.stride
    const code = page[o + base]
    if (code === spilled) {
      for (let i = 0; i < count; i++) this.spill.clearPane(group, (first + i) % panes)
      return
    }
    let left = page[o + this.olderRows]
    if (left === 0) return
    const from = shelf.pages[group >> shelf.shift]
    for (let i = 0, pane = first; i < count && left !== 0; i++) {
      const at = this.shelfAt(pane, group)
      const n = from[at]
      if (n !== 0) {
        from[at] = 0
        left -= n
        if (this.sum >= 0) {
          if (code === Kind.Int + 1) subtractWords(page, o + this.olderSum, from[at + 1], from[at + 2])
          else if (code === Kind.Float + 1)
            records.f64.pages[group >> records.f64.shift][(o + this.olderSum) >> 1] -= floatAt(from, at + 1)
        }
      }
      if (++pane === panes) pane = 0
    }
    page[o + this.olderRows] = left
  }

  /** Empties all panes of a group and forgets its kind. */
  clear(group: number): void {
    const { base } = this
    const page = this.records.page(group)
    const o = this.records.at(group)
    if (page[o + base] === spilled) this.spill.free(group)
    page[o + base] = 0
    page[o + base + ROWS] = 0
    if (this.olderRows >= 0) this.clearShelf(page, o, group)
  }

  /** Puts the panes of a group together, beginning with position `first`. */
  merge(group: number, first: number, into: Merged): void {
    const { records, base } = this
    const page = records.words[group >> records.f64.shift]
    const o = (group & records.f64.mask) * records.stride
    const code = page[o + base]
    if (code === 0) {
      into.resetTo(Kind.Missing, 0)
      return
    }
    if (code === spilled) {
      into.reset()
      this.spill.merge(group, first, into)
      return
    }
    const kind = code === inexact ? Kind.Float : code - 1
    const rows = page[o + base + ROWS]
    const older = this.olderRows < 0 ? 0 : page[o + this.olderRows]
    into.resetTo(kind, rows + older)
    if (kind === Kind.Int) {
      const { sum, olderSum } = this
      if (sum >= 0 && rows > 0) into.intSum.add(page[o + sum], page[o + sum + 1])
      if (sum >= 0 && older > 0) into.intSum.add(page[o + olderSum], page[o + olderSum + 1])
      if (this.min >= 0) {
        const { min, max } = this
        if (rows > 0) into.intRange(page[o + min], page[o + min + 1], page[o + max], page[o + max + 1])
        if (older > 0) this.rangeOlderInts(group, into)
      }
    } else if (kind === Kind.Float) {
      const f64 = records.f64.pages[group >> records.f64.shift]
      if (this.sum >= 0) {
        // From 0 on, so that -0 alone gives 0.
        if (older > 0) into.floatSum += code === inexact ? this.addShelf(group, first) : f64[(o + this.olderSum) >> 1]
        if (rows > 0) into.floatSum += f64[(o + this.sum) >> 1]
      }
      if (this.min >= 0) {
        if (rows > 0) into.floatRange(f64[(o + this.min) >> 1], f64[(o + this.max) >> 1])
        if (older > 0) this.rangeOlderFloats(group, into)
      }
    }
  }

  dispose(): void {
    this.spill.dispose()
  }

  private get shelf(): Pages<Int32Array> {
    return this.records.shelf
  }

  private shelfAt(pane: number, group: number): number {
    const { shelf } = this
    return (group & shelf.mask) * shelf.stride + this.shelfBase + pane * this.paneWords
  }

  private clearShelf(page: Int32Array, o: number, group: number): void {
    if (page[o + this.olderRows] === 0) return
    page[o + this.olderRows] = 0
    const shelf = this.shelf.pages[group >> this.shelf.shift]
    for (let p = 0; p < this.panes; p++) shelf[this.shelfAt(p, group)] = 0
  }

  private addInt(page: Int32Array, o: number, lo: number, hi: number, first: boolean): void {
    const { sum, min } = this
    if (sum >= 0) {
      if (first) {
        page[o + sum] = lo
        page[o + sum + 1] = hi
      } else addWords(page, o + sum, lo, hi)
    }
    if (min >= 0) rangeWords(page, o + min, lo, hi, first)
  }

  private addFloat(page: Int32Array, f64: Float64Array, o: number, v: number, first: boolean): void {
    const { sum, min, max } = this
    if (sum >= 0) {
      const at = (o + sum) >> 1
      f64[at] = first ? v : f64[at] + v
      if ((v | 0) !== v) page[o + this.base] = inexact
    }
    if (min < 0) return
    const low = (o + min) >> 1
    const high = (o + max) >> 1
    f64[low] = first ? v : Math.min(f64[low], v)
    f64[high] = first ? v : Math.max(f64[high], v)
  }

  /** The sum of the older panes, in their order. */
  private addShelf(group: number, first: number): number {
    const { panes } = this
    const shelf = this.shelf.pages[group >> this.shelf.shift]
    let sum = 0
    for (let i = 0; i < panes; i++) {
      const at = this.shelfAt(first + i < panes ? first + i : first + i - panes, group)
      if (shelf[at] !== 0) sum += floatAt(shelf, at + 1)
    }
    return sum
  }

  private rangeOlderInts(group: number, into: Merged): void {
    const shelf = this.shelf.pages[group >> this.shelf.shift]
    for (let p = 0; p < this.panes; p++) {
      const at = this.shelfAt(p, group)
      if (shelf[at] === 0) continue
      const r = at + this.rangeWord
      into.intRange(shelf[r], shelf[r + 1], shelf[r + 2], shelf[r + 3])
    }
  }

  private rangeOlderFloats(group: number, into: Merged): void {
    const shelf = this.shelf.pages[group >> this.shelf.shift]
    for (let p = 0; p < this.panes; p++) {
      const at = this.shelfAt(p, group)
      const range = at + this.rangeWord
      if (shelf[at] !== 0) into.floatRange(floatAt(shelf, range), floatAt(shelf, range + 2))
    }
  }

  /** A row of another kind than the group's: the group moves to the full layout first. */
  private addOther(pane: number, group: number, kind: number, row: number): boolean {
    const page = this.records.page(group)
    const lane = this.records.at(group) + this.base
    const code = page[lane]
    if (code !== spilled) {
      if (!this.spill.take(group)) return false
      page[lane] = spilled
      this.moveToSpill(group, pane, code === inexact ? Kind.Float : code - 1)
    }
    this.spill.add(group, pane, kind, this.source, row)
    return true
  }

  private moveToSpill(group: number, pane: number, kind: number): void {
    const page = this.records.page(group)
    const o = this.records.at(group)
    const rows = page[o + this.base + ROWS]
    const { spill } = this
    if (rows > 0) this.spillCells(spill.begin(group, pane, kind, rows), kind, page, o + this.sum, o + this.min)
    page[o + this.base + ROWS] = 0
    if (this.olderRows < 0) return
    const shelf = this.shelf.pages[group >> this.shelf.shift]
    for (let p = 0; p < this.panes; p++) {
      const at = this.shelfAt(p, group)
      if (shelf[at] === 0) continue
      this.spillCells(spill.begin(group, p, kind, shelf[at]), kind, shelf, at + 1, at + this.rangeWord)
    }
    this.clearShelf(page, o, group)
  }

  /** Copies the sum at word `sum` and the range at word `range` of `from` into a pane of the full layout. */
  private spillCells(to: SpillCell, kind: number, from: Int32Array, sum: number, range: number): void {
    if (kind !== Kind.Int && kind !== Kind.Float) return
    if (this.sum >= 0) copyCell(from, sum, to.sums, to.index)
    if (this.min < 0) return
    copyCell(from, range, to.mins, to.index)
    copyCell(from, range + 2, to.maxs, to.index)
  }
}

function copyCell(from: Int32Array, at: number, to: WordPages, index: number): void {
  const page = to.words[index >> to.f64.shift]
  const o = (index & to.f64.mask) * 2
  page[o] = from[at]
  page[o + 1] = from[at + 1]
}
