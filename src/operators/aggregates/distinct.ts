import { decodeUtf8, int64At } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { type Aggregate, compareTimes, fieldArg, lessCell, type RowSet } from './aggregate.js'

export const distinct: Aggregate = {
  method: 'distinct',
  doc: 'The first occurrence of each value, ordered by time, then by value.',
  shape: 'multi',
  kinds: 'all',
  result: 'cells',
  args: [fieldArg],
  create() {
    const seen = new Set<number | string | bigint>()
    return (set, out) => {
      const { chunk, column, kind, rows, n } = set
      seen.clear()
      for (let i = 0; i < n; i++) {
        const v = boxedValue(set, rows[i])
        // NaN differs from everything, itself included.
        if (!Number.isNaN(v) && seen.has(v)) continue
        seen.add(v)
        out.pick(rows[i])
      }
      seen.clear()
      out.picks.subarray(0, out.n).sort((a, b) => {
        const order = compareTimes(chunk, a, b)
        if (order !== 0) return order
        return lessCell(column, kind, a, b) ? -1 : lessCell(column, kind, b, a) ? 1 : 0
      })
    }
  },
}

function boxedValue({ column, kind }: RowSet, row: number): number | string | bigint {
  const lo = column.i32[2 * row]
  const hi = column.i32[2 * row + 1]
  if (kind === Kind.Float) return column.f64[row]
  if (kind === Kind.String) return decodeUtf8(column.bytes, lo, hi)
  if (kind === Kind.Bool) return lo
  const v = hi * 4294967296 + (lo >>> 0)
  return Number.isSafeInteger(v) ? v : int64At(column.i32, row)
}
