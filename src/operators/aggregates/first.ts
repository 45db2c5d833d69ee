import { Kind } from '../../columns/kinds.js'
import { type Aggregate, compareTimes, fieldArg, lessCell } from './aggregate.js'

export const first: Aggregate = {
  method: 'first',
  doc: 'The point with the earliest time, whatever the order of arrival. At equal times the greater value, of booleans FALSE.',
  shape: 'selector',
  kinds: 'all',
  result: 'cells',
  args: [fieldArg],
  create:
    () =>
    ({ chunk, column, kind, rows, n }, out) => {
      let best = rows[0]
      for (let i = 1; i < n; i++) {
        const r = rows[i]
        const order = compareTimes(chunk, r, best)
        if (order < 0) best = r
        else if (
          order === 0 &&
          (kind === Kind.Bool ? lessCell(column, kind, r, best) : lessCell(column, kind, best, r))
        )
          best = r
      }
      out.pick(best)
    },
}
