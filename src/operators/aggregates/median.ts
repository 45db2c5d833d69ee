import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg } from './aggregate.js'
import { Int64Sum } from './int64.js'
import { RowSorter } from './sort-rows.js'

export const median: Aggregate = {
  method: 'median',
  doc: 'Middle of the sorted values, a float; of an even number the lower middle plus half the distance to the upper.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'float',
  args: [fieldArg],
  create() {
    const sorter = new RowSorter()
    const distance = new Int64Sum()
    const one = new Int64Sum()
    return (set, out) => {
      sorter.sort(set)
      const { column, kind, n } = set
      const upper = sorter.rows[n >> 1]
      const lower = sorter.rows[(n >> 1) - 1]
      const w = column.i32
      if (kind === Kind.Float) {
        const lo = column.f64[lower]
        out.setFloat(n % 2 === 1 ? column.f64[upper] : lo + (column.f64[upper] - lo) / 2)
        // A single float is handed through as a point, time included.
        if (n === 1) out.time = upper
        return
      }
      one.lo = w[2 * upper]
      one.hi = w[2 * upper + 1]
      if (n % 2 === 1) {
        out.setFloat(one.toNumber())
        return
      }
      distance.lo = one.lo
      distance.hi = one.hi
      distance.subtract(w[2 * lower], w[2 * lower + 1])
      one.lo = w[2 * lower]
      one.hi = w[2 * lower + 1]
      out.setFloat(one.toNumber() + distance.toNumber() / 2)
    }
  },
}
