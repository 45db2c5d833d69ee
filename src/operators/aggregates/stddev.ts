import { int64ToNumber } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg } from './aggregate.js'

export const stddev: Aggregate = {
  method: 'stddev',
  doc: 'Sample standard deviation (n − 1), a float. NaN is left out; a single point gives 0.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'float',
  args: [fieldArg],
  create:
    () =>
    ({ column, kind, rows, n }, out) => {
      if (n < 2) {
        out.setFloat(0)
        return
      }
      // Running mean first, then the squares around it: stable for large values close to each other.
      let mean = 0
      let count = 0
      for (let i = 0; i < n; i++) {
        const v = kind === Kind.Float ? column.f64[rows[i]] : int64ToNumber(column.i32, rows[i])
        if (Number.isNaN(v)) continue
        count++
        mean += (v - mean) / count
      }
      let squares = 0
      for (let i = 0; i < n; i++) {
        const v = kind === Kind.Float ? column.f64[rows[i]] : int64ToNumber(column.i32, rows[i])
        if (!Number.isNaN(v)) squares += (v - mean) ** 2
      }
      out.setFloat(Math.sqrt(squares / (count - 1)))
    },
}
