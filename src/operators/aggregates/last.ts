import { type Aggregate, compareTimes, fieldArg, lessCell } from './aggregate.js'

export const last: Aggregate = {
  method: 'last',
  doc: 'The point with the latest time, whatever the order of arrival. At equal times the greater value, of booleans TRUE.',
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
        if (order > 0) best = r
        else if (order === 0 && lessCell(column, kind, best, r)) best = r
      }
      out.pick(best)
    },
}
