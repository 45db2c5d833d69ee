/** Of equal values the rows come where the original's sort puts them; the orders here are those of that sort. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Chunk } from '../../../src/columns/chunk.js'
import type { Value } from '../../../src/columns/values.js'
import { kindOf } from '../../../src/columns/values.js'
import { RowSorter } from '../../../src/operators/aggregates/sort-rows.js'
import { columnOf, Harness } from './harness.js'

const sorter = new RowSorter()
const { grouping } = new Harness().feed()

function sorted(values: readonly Value[]): number[] {
  const n = values.length
  const chunk = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
  const rows = Int32Array.from({ length: n }, (_, i) => i)
  sorter.sort({ chunk, column: columnOf(values), kind: kindOf(values[0]), rows, n, keys: [] })
  return [...sorter.rows.subarray(0, n)]
}

const numbers = (text: string): number[] => text.split(' ').map(Number)

it('few rows: a pass over pairs six apart, then insertion', () => {
  expect(sorted([5, 1, 1, 1, 1, 1, 1])).toEqual([6, 1, 2, 3, 4, 5, 0])
  expect(sorted([2, 2, 1, 1])).toEqual([2, 3, 0, 1])
})

it('many rows: parted around medians', () => {
  const order = numbers(
    '10 35 20 25 15 5 0 45 40 30 18 33 23 13 8 48 3 38 43 28 16 46 21 41 1 31 26 11 36 6 39 19 4 44 34 24 9 14 29 49 17 ' +
      '37 12 42 27 7 32 47 2 22',
  )
  const values = order.map((_, i) => (i * 7) % 5)
  expect(sorted(values)).toEqual(order)
  // Beyond 2^53 doubles are equal where the int64 are not.
  expect(sorted(values.map((v) => 9_007_199_254_740_992n + BigInt(v)))).toEqual(order)
})

it('too many turns: a heap', () => {
  const values = numbers(
    '0 72 90 48 6 78 97 93 10 76 55 57 1 20 15 24 6 83 25 11 76 37 50 30 16 75 41 64 55 20 39 60 88 26 34 74 97 31 2 40 8 ' +
      '96 36 12 45 73 41 17 62 22 3 46 9 27 13 51 32 18 61 23 71 86 27 66 33 47 100 38 52 43 95 94 48 92 53 90 89 58 87 62 ' +
      '85 83 65 82 81 80 79 4 13 19 29 34 44 54 59 69 69 68 67 5',
  )
  const order = numbers(
    '0 12 38 50 87 99 16 4 40 52 8 19 43 54 88 14 24 47 57 89 29 13 49 59 15 18 33 53 62 90 23 37 56 64 34 91 42 21 67 30 ' +
      '39 46 26 69 92 44 51 65 72 3 22 55 68 74 93 28 10 11 77 94 31 58 48 79 27 82 63 98 97 96 95 60 1 45 35 25 9 20 5 86 ' +
      '85 84 83 17 81 80 61 78 32 76 75 2 73 7 71 70 41 6 36 66',
  )
  expect(sorted(values)).toEqual(order)
})

it('sorts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 400 }), (values) => {
      const rows = sorted(values)
      expect(rows.map((r) => values[r])).toEqual([...values].sort((a, b) => a - b))
      expect([...rows].sort((a, b) => a - b)).toEqual(values.map((_, i) => i))
    }),
  )
})
