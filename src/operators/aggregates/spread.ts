import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg } from './aggregate.js'
import { Int64Sum, lessInt64 } from './int64.js'

export const spread: Aggregate = {
  method: 'spread',
  doc: 'Difference between the greatest and the smallest value, of their own type.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'cells',
  args: [fieldArg],
  create() {
    const difference = new Int64Sum()
    return ({ column, kind, rows, n }, out) => {
      if (kind === Kind.Float) {
        let min = Number.POSITIVE_INFINITY
        let max = Number.NEGATIVE_INFINITY
        for (let i = 0; i < n; i++) {
          const v = column.f64[rows[i]]
          min = Math.min(min, v)
          max = Math.max(max, v)
        }
        out.setFloat(max - min)
        return
      }
      const w = column.i32
      let min = rows[0]
      let max = rows[0]
      for (let i = 1; i < n; i++) {
        const r = rows[i]
        if (lessInt64(w[2 * r], w[2 * r + 1], w[2 * min], w[2 * min + 1])) min = r
        else if (lessInt64(w[2 * max], w[2 * max + 1], w[2 * r], w[2 * r + 1])) max = r
      }
      difference.lo = w[2 * max]
      difference.hi = w[2 * max + 1]
      difference.subtract(w[2 * min], w[2 * min + 1])
      out.setInt(difference.lo, difference.hi)
    }
  },
}
