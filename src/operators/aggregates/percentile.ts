import { Kind } from '../../columns/kinds.js'
import { type Aggregate, fieldArg } from './aggregate.js'
import { RowSorter } from './sort-rows.js'

export const percentile: Aggregate = {
  method: 'percentile',
  doc: 'The point at rank ⌊n·p/100 + 0.5⌋ of the sorted values; nothing when there is no such rank.',
  shape: 'selector',
  kinds: 'numbers',
  result: 'cells',
  args: [fieldArg, { name: 'percentile', type: 'float' }],
  create(node) {
    const p = Number(node.props.percentile)
    const sorter = new RowSorter()
    return (set, out) => {
      const at = Math.floor((set.n * p) / 100 + 0.5) - 1
      if (!(at >= 0 && at < set.n)) return
      sorter.sort(set)
      out.pick(sorter.rows[at])
      out.sharedTime = set.kind === Kind.Int
    }
  },
}
