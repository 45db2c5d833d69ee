import { type Aggregate, compareTimes, fieldArg, lessCell, sameCell } from './aggregate.js'

export const max: Aggregate = {
  method: 'max',
  doc: 'The point with the greatest value; of equal ones the earliest.',
  shape: 'selector',
  kinds: 'numbers',
  result: 'cells',
  args: [fieldArg],
  create:
    () =>
    ({ chunk, column, kind, rows, n }, out) => {
      let best = rows[0]
      for (let i = 1; i < n; i++) {
        const r = rows[i]
        if (lessCell(column, kind, best, r)) best = r
        else if (sameCell(column, kind, r, best) && compareTimes(chunk, r, best) < 0) best = r
      }
      out.pick(best)
    },
}
