/**
 * top and bottom: the n best rows by value, of which names may keep one per combination of their cells.
 *
 * Rows of one value and one time come as they leave the original's heap (Go's container/heap: the whole input is made a heap, the
 * best row changes places with the last and the heap is mended, n times); then the chosen ones are sorted by time, stably. Thread: shard worker.
 */
import { Kind } from '../../columns/kinds.js'
import type { ArgDef, PipelineNode } from '../../tickscript/node-def.js'
import { type Aggregate, compareTimes, fieldArg, lessCell, type Reduce, type RowSet, sameCell } from './aggregate.js'

const args: readonly ArgDef[] = [
  { name: 'num', type: 'int' },
  fieldArg,
  { name: 'fieldsAndTags', type: 'string', variadic: true },
]

function namesOf(node: PipelineNode): string[] {
  const v = node.props.fieldsAndTags
  return Array.isArray(v) ? v.filter((s): s is string => typeof s === 'string') : typeof v === 'string' ? [v] : []
}

/** `sign` 1: greater is better; −1: smaller is better. */
export function bestRows(method: string, sign: 1 | -1): Aggregate {
  return {
    method,
    doc:
      `The points with the n ${sign > 0 ? 'greatest' : 'smallest'} values, in order of time; of equal values the earliest ` +
      'come first. With names (fields or tags) only the best point of each combination of their values counts.',
    shape: 'multi',
    kinds: 'numbers',
    result: 'cells',
    args,
    rowTags: true,
    keys: namesOf,
    problem: (node) =>
      Number(node.props.num) < 0 ? `${method} requires a number of points that is not negative` : null,
    create: (node) => reducer(Number(node.props.num), sign),
  }
}

function reducer(limit: number, sign: 1 | -1): Reduce {
  return (set, out) => {
    const { chunk, column, kind } = set
    const order = (a: number, b: number): number => {
      if (lessCell(column, kind, a, b)) return sign
      if (lessCell(column, kind, b, a)) return -sign
      return sameCell(column, kind, a, b) ? compareTimes(chunk, a, b) : 0
    }
    const candidates = set.keys.length === 0 ? set.rows.slice(0, set.n) : bestPerKey(set, order)
    const best = takeBest(candidates, limit, (a, b) => order(a, b) < 0)
    best.sort((a, b) => compareTimes(chunk, a, b))
    for (const row of best) out.pick(row)
  }
}

/** The first `limit` rows that a heap over `rows` gives, in that order. Uses up `rows`. */
function takeBest(rows: Int32Array, limit: number, better: (a: number, b: number) => boolean): Int32Array {
  const best = new Int32Array(Math.min(limit, rows.length))
  for (let i = (rows.length >> 1) - 1; i >= 0; i--) sink(rows, i, rows.length, better)
  for (let taken = 0, end = rows.length - 1; taken < best.length; taken++, end--) {
    best[taken] = rows[0]
    rows[0] = rows[end]
    sink(rows, 0, end, better)
  }
  return best
}

function sink(rows: Int32Array, root: number, end: number, better: (a: number, b: number) => boolean): void {
  const row = rows[root]
  for (let child = 2 * root + 1; child < end; child = 2 * root + 1) {
    if (child + 1 < end && better(rows[child + 1], rows[child])) child++
    if (!better(rows[child], row)) break
    rows[root] = rows[child]
    root = child
  }
  rows[root] = row
}

function bestPerKey(set: RowSet, order: (a: number, b: number) => number): Int32Array {
  const best = new Map<string, number>()
  for (let i = 0; i < set.n; i++) {
    const row = set.rows[i]
    const key = keyOf(set, row)
    const other = best.get(key)
    if (other === undefined || order(row, other) < 0) best.set(key, row)
  }
  return Int32Array.from(best.values())
}

function keyOf(set: RowSet, row: number): string {
  let key = ''
  for (let k = 0; k < set.keys.length; k += 2) {
    const field = set.keys[k]
    const tag = set.keys[k + 1]
    const column = field !== null && field.kinds[row] !== Kind.Missing ? field : tag
    if (column === null || column.kinds[row] === Kind.Missing) key += '-'
    else if (column.kinds[row] === Kind.String) key += `s${column.i32[2 * row + 1]}:${column.stringAt(row)}`
    else key += `${column.kinds[row]}:${column.i32[2 * row]}:${column.i32[2 * row + 1]};`
  }
  return key
}
