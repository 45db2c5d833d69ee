import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg } from './aggregate.js'
import { Int64Sum } from './int64.js'

export const mean: Aggregate = {
  method: 'mean',
  doc: 'Arithmetic mean, a float. Ints are summed as int64 first.',
  shape: 'aggregate',
  kinds: 'numbers',
  result: 'float',
  args: [fieldArg],
  create() {
    const total = new Int64Sum()
    return ({ column, kind, rows, n }, out) => {
      if (kind === Kind.Int) {
        total.reset()
        for (let i = 0; i < n; i++) total.add(column.i32[2 * rows[i]], column.i32[2 * rows[i] + 1])
        out.setFloat(total.toNumber() / n)
      } else {
        let v = 0
        for (let i = 0; i < n; i++) v += column.f64[rows[i]]
        out.setFloat(v / n)
      }
    }
  },
}
