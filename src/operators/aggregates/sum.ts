import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg, PointTime } from './aggregate.js'
import { Int64Sum } from './int64.js'

export const sum: Aggregate = {
  method: 'sum',
  doc: 'Sum of the values, of their own type; int64 wraps. A batch without usable points gives 0.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'cells',
  args: [fieldArg],
  empty: 'float',
  create() {
    const total = new Int64Sum()
    return ({ column, kind, rows, n }, out) => {
      out.time = PointTime.Zero
      if (kind === Kind.Int) {
        total.reset()
        for (let i = 0; i < n; i++) total.add(column.i32[2 * rows[i]], column.i32[2 * rows[i] + 1])
        out.setInt(total.lo, total.hi)
      } else {
        let v = 0
        for (let i = 0; i < n; i++) v += column.f64[rows[i]]
        out.setFloat(v)
      }
    }
  },
}
