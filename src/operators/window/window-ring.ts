/**
 * Where the rows of a group would lie in the original's ring buffer. Thread: shard worker.
 *
 *   i32 × 3 per group    capacity · length in use · position of the first row
 *
 * The place matters for late data only. Expired rows are stripped from the front up to the first that is not; but when the
 * rows wrap around the end of the buffer and the one in its last place has expired, all rows up to there go, also those that
 * have not. Rows lie at `first … first + count`, modulo `length` once they wrap. A full buffer of n rows grows to 2(n + 1)
 * places and starts again at 0.
 */
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { RowStore } from '../kit/row-store.js'

const capacity = 0
const length = 1
const first = 2

export class WindowRing {
  private readonly places: Pages<Int32Array>

  constructor(state: StateAllocator) {
    this.places = state.i32(3)
  }

  /** Begins an empty ring. False: the budget refused. */
  add(group: number): boolean {
    if (!this.places.ensure(group)) return false
    this.places.clear(group)
    return true
  }

  /** A row was appended to the `count` rows there were. */
  insert(group: number, count: number): void {
    const p = this.places.pages[group >> this.places.shift]
    const o = (group & this.places.mask) * 3
    if (count === p[o + capacity]) {
      p[o + capacity] = 2 * (count + 1)
      p[o + length] = count + 1
      p[o + first] = 0
    } else if (p[o + first] + count === p[o + length] && p[o + length] < p[o + capacity]) p[o + length]++
  }

  /** Rows were taken from the front for other reasons than their age. */
  skip(group: number, rows: number): void {
    const at = this.places.get(group, first) + rows
    const end = this.places.get(group, length)
    this.places.set(group, at > end ? at - end : at, first)
  }

  /** Drops what has expired: rows before (ms, sub), or at it too with `inclusive`. */
  purge(group: number, rows: RowStore, ms: number, sub: number, inclusive: boolean): void {
    const count = rows.count(group)
    if (count === 0) return
    const p = this.places.pages[group >> this.places.shift]
    const o = (group & this.places.mask) * 3
    const toEnd = p[o + length] - p[o + first]
    if (count <= toEnd) {
      p[o + first] += rows.dropBefore(group, ms, sub, inclusive)
      return
    }
    // The row in the last place: of a full ring that starts behind it, the newest; else a row that was dropped as expired.
    const last = toEnd > 0 ? toEnd - 1 : count === p[o + length] ? count - 1 : -1
    if (last < 0 || rows.isBefore(group, last, ms, sub, inclusive)) {
      for (let i = 0; i < toEnd; i++) rows.dropFront(group)
      p[o + first] = rows.dropBefore(group, ms, sub, inclusive)
    } else if (toEnd > 0) p[o + first] += rows.dropBefore(group, ms, sub, inclusive)
  }

  dispose(): void {
    this.places.release()
  }
}
