/**
 * Sorts row numbers by the value of a column with the comparisons and exchanges of the original's sort (the quicksort of Go up to
 * version 1.18), so that of equal values the same rows come out in the same places; values that are not ordered (NaN) as well.
 *
 * Ranges of more than 12 rows are parted around a median of three (of nine above 40 rows), with the values equal to it in the
 * middle; after too many turns a heap sorts what is left. Ranges of up to 12 rows: a pass over pairs six apart, then insertion. Thread: shard worker.
 */
import { type Column, int64ToNumber } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { lessCell, type RowSet } from './aggregate.js'

const shortRows = 12
const nineRows = 40

export class RowSorter {
  /** The sorted row numbers after `sort`. */
  rows = new Int32Array(0)
  private keys = new Float64Array(0)
  private column: Column | null = null
  private kind: number = Kind.Missing
  /** Equal keys are equal values: not so for int64 beyond 2^53. */
  private exact = true
  /** What `part` leaves: rows before `lower` are less than its middle, those from `upper` on greater. */
  private lower = 0
  private upper = 0

  sort(set: RowSet): void {
    const { n } = set
    if (this.rows.length < n || this.rows.length > 65536 + 4 * n) {
      this.rows = new Int32Array(n + 64)
      this.keys = new Float64Array(n + 64)
    }
    this.rows.set(set.rows.subarray(0, n))
    this.column = set.column
    this.kind = set.kind
    this.fillKeys(set.column, n)
    this.sortRange(0, n, 2 * (32 - Math.clz32(n)))
    this.column = null
  }

  /** `turns`: how often the range may be parted before a heap takes over. */
  private sortRange(from: number, to: number, turns: number): void {
    while (to - from > shortRows) {
      if (turns-- === 0) {
        this.sortWithHeap(from, to)
        return
      }
      this.part(from, to)
      const { lower, upper } = this
      if (lower - from < to - upper) {
        this.sortRange(from, lower, turns)
        from = upper
      } else {
        this.sortRange(upper, to, turns)
        to = lower
      }
    }
    for (let i = from + 6; i < to; i++) if (this.less(i, i - 6)) this.swap(i, i - 6)
    for (let i = from + 1; i < to; i++) for (let j = i; j > from && this.less(j, j - 1); j--) this.swap(j, j - 1)
  }

  private part(from: number, to: number): void {
    const middle = (from + to) >>> 1
    if (to - from > nineRows) {
      const s = (to - from) >> 3
      this.medianFirst(from, from + s, from + 2 * s)
      this.medianFirst(middle, middle - s, middle + s)
      this.medianFirst(to - 1, to - 1 - s, to - 1 - 2 * s)
    }
    this.medianFirst(from, middle, to - 1)
    // The pivot is at `from`. Rows of [a, b) are not greater than it, those from c on are.
    let a = from + 1
    let c = to - 1
    while (a < c && this.less(a, from)) a++
    let b = a
    for (;;) {
      while (b < c && !this.less(from, b)) b++
      while (b < c && this.less(from, c - 1)) c--
      if (b >= c) break
      this.swap(b++, --c)
    }
    let manyEqual = to - c < 5
    if (!manyEqual && to - c < (to - from) >> 2) {
      let equal = 0
      if (!this.less(from, to - 1)) {
        this.swap(c++, to - 1)
        equal++
      }
      if (!this.less(b - 1, from)) {
        b--
        equal++
      }
      if (!this.less(middle, from)) {
        this.swap(middle, --b)
        equal++
      }
      manyEqual = equal > 1
    }
    if (manyEqual) {
      // Of [a, b) those equal to the pivot go to the end.
      for (;;) {
        while (a < b && !this.less(b - 1, from)) b--
        while (a < b && this.less(a, from)) a++
        if (a >= b) break
        this.swap(a++, --b)
      }
    }
    this.swap(from, b - 1)
    this.lower = b - 1
    this.upper = c
  }

  /** Of three rows the median comes to the first place named, the least to the second, the greatest to the third. */
  private medianFirst(median: number, least: number, greatest: number): void {
    if (this.less(median, least)) this.swap(median, least)
    if (!this.less(greatest, median)) return
    this.swap(greatest, median)
    if (this.less(median, least)) this.swap(median, least)
  }

  private sortWithHeap(from: number, to: number): void {
    const n = to - from
    for (let i = (n - 1) >> 1; i >= 0; i--) this.sink(i, n, from)
    for (let i = n - 1; i >= 0; i--) {
      this.swap(from, from + i)
      this.sink(0, i, from)
    }
  }

  private sink(root: number, end: number, from: number): void {
    for (let child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && this.less(from + child, from + child + 1)) child++
      if (!this.less(from + root, from + child)) return
      this.swap(from + root, from + child)
      root = child
    }
  }

  private less(i: number, j: number): boolean {
    const a = this.keys[i]
    const b = this.keys[j]
    return a < b || (a === b && !this.exact && lessCell(this.column!, this.kind, this.rows[i], this.rows[j]))
  }

  private swap(i: number, j: number): void {
    const { rows, keys } = this
    const row = rows[i]
    rows[i] = rows[j]
    rows[j] = row
    const key = keys[i]
    keys[i] = keys[j]
    keys[j] = key
  }

  private fillKeys(column: Column, n: number): void {
    const { keys, rows } = this
    this.exact = true
    if (this.kind === Kind.Float) {
      for (let i = 0; i < n; i++) keys[i] = column.f64[rows[i]]
      return
    }
    for (let i = 0; i < n; i++) {
      const key = int64ToNumber(column.i32, rows[i])
      keys[i] = key
      if (key > Number.MAX_SAFE_INTEGER || key < Number.MIN_SAFE_INTEGER) this.exact = false
    }
  }
}
