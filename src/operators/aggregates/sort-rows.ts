/**
 * Sorts row numbers by the value of a column. Up to 12 rows go through the same comparisons as in the original (one pass over
 * pairs six apart, then insertion), so that equal values come out in its order; longer lists are sorted stably.
 */
import { type Column, int64ToNumber } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { lessCell, type RowSet } from './aggregate.js'

const shortRows = 12

export class RowSorter {
  /** The sorted row numbers after `sort`. */
  rows = new Int32Array(0)
  private other = new Int32Array(0)
  private keys = new Float64Array(0)
  private otherKeys = new Float64Array(0)

  sort(set: RowSet): void {
    const { n } = set
    if (this.rows.length < n || this.rows.length > 65536 + 4 * n) {
      this.rows = new Int32Array(n + 64)
      this.other = new Int32Array(n + 64)
      this.keys = new Float64Array(n + 64)
      this.otherKeys = new Float64Array(n + 64)
    }
    this.rows.set(set.rows.subarray(0, n))
    if (n <= shortRows) this.sortShort(set)
    else this.sortLong(set)
  }

  private sortShort({ column, kind, n }: RowSet): void {
    const r = this.rows
    for (let i = 6; i < n; i++) {
      if (!lessCell(column, kind, r[i], r[i - 6])) continue
      const t = r[i]
      r[i] = r[i - 6]
      r[i - 6] = t
    }
    for (let i = 1; i < n; i++) {
      for (let j = i; j > 0 && lessCell(column, kind, r[j], r[j - 1]); j--) {
        const t = r[j]
        r[j] = r[j - 1]
        r[j - 1] = t
      }
    }
  }

  /** Bottom-up merge sort with the values beside the row numbers. */
  private sortLong({ column, kind, n }: RowSet): void {
    const { keys, rows } = this
    const exact = fillKeys(column, kind, rows, n, keys)
    for (let from = 0; from < n; from += 16) {
      const to = Math.min(n, from + 16)
      for (let i = from + 1; i < to; i++) {
        const k = keys[i]
        const row = rows[i]
        let j = i
        for (
          ;
          j > from && (k < keys[j - 1] || (!exact && k === keys[j - 1] && lessCell(column, kind, row, rows[j - 1])));
          j--
        ) {
          keys[j] = keys[j - 1]
          rows[j] = rows[j - 1]
        }
        keys[j] = k
        rows[j] = row
      }
    }
    for (let width = 16; width < n; width *= 2) this.mergePass(column, kind, n, width, exact)
  }

  private mergePass(column: Column, kind: number, n: number, width: number, exact: boolean): void {
    const { keys, rows, other, otherKeys } = this
    for (let from = 0; from < n; from += 2 * width) {
      const mid = Math.min(n, from + width)
      const to = Math.min(n, from + 2 * width)
      let a = from
      let b = mid
      for (let k = from; k < to; k++) {
        const right =
          b < to &&
          (a === mid ||
            keys[b] < keys[a] ||
            (!exact && keys[b] === keys[a] && lessCell(column, kind, rows[b], rows[a])))
        const i = right ? b++ : a++
        other[k] = rows[i]
        otherKeys[k] = keys[i]
      }
    }
    this.rows = other
    this.other = rows
    this.keys = otherKeys
    this.otherKeys = keys
  }
}

/** The values as doubles. False: some are beyond 2^53, so equal doubles may differ. */
function fillKeys(column: Column, kind: number, rows: Int32Array, n: number, keys: Float64Array): boolean {
  if (kind === Kind.Float) {
    for (let i = 0; i < n; i++) keys[i] = column.f64[rows[i]]
    return true
  }
  let exact = true
  for (let i = 0; i < n; i++) {
    keys[i] = int64ToNumber(column.i32, rows[i])
    if (keys[i] > Number.MAX_SAFE_INTEGER || keys[i] < Number.MIN_SAFE_INTEGER) exact = false
  }
  return exact
}
