import { type Aggregate, compareTimes, fieldArg, sameCell } from './aggregate.js'
import { RowSorter } from './sort-rows.js'

export const mode: Aggregate = {
  method: 'mode',
  doc:
    'Most frequent value. Runs of equal values are compared in ascending order; a later run as long as the best wins when ' +
    'its first point is not later than the last point of the best. If no value repeats, the smallest.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'cells',
  args: [fieldArg],
  create() {
    const sorter = new RowSorter()
    return (set, out) => {
      sorter.sort(set)
      const { chunk, column, kind, n } = set
      const rows = sorter.rows
      let best = rows[0]
      let bestLength = 0
      for (let from = 0; from < n; ) {
        let to = from + 1
        while (to < n && sameCell(column, kind, rows[to], rows[from])) to++
        const length = to - from
        const tied = length === bestLength && length > 1 && compareTimes(chunk, rows[from], best) <= 0
        if (length > bestLength || tied) {
          best = rows[to - 1]
          bestLength = length
        }
        from = to
      }
      out.kind = kind
      out.i32[0] = column.i32[2 * best]
      out.i32[1] = column.i32[2 * best + 1]
      if (n === 1) out.time = best
    }
  },
}
