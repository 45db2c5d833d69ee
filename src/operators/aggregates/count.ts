import { type Aggregate, fieldArg, PointTime } from './aggregate.js'

export const count: Aggregate = {
  method: 'count',
  doc: 'Number of points that have the field. A batch without any gives 0.',
  shape: 'aggregate',
  kinds: 'all',
  result: 'int',
  args: [fieldArg],
  empty: 'int',
  create: () => (set, out) => {
    out.setInt(set.n, 0)
    out.time = set.n === 0 ? PointTime.Zero : PointTime.Shared
  },
}
