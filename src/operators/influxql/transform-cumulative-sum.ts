/**
 * `cumulativeSum`: the running total. int64 wraps. Thread: shard worker.
 *
 * State, in pages, f64 ×4 per slot: total (a payload: of ints it is words) · kind of the rows (0: there was none) · ms and sub
 * of the last.
 */
import { Kind } from '../../columns/kinds.js'
import type { StateAllocator } from '../../state/pages.js'
import { Int64Sum } from '../aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'
import { Records } from './transform-records.js'

/** Places in a record. */
const TOTAL = 0
const KIND = 1
const MS = 2
const SUB = 3

class CumulativeSum implements TransformState {
  private readonly records: Records
  private readonly int = new Int64Sum()

  constructor(state: StateAllocator) {
    this.records = new Records(state, 4)
  }

  ensure(slot: number): boolean {
    return this.records.ensure(slot)
  }

  clear(slot: number): void {
    this.records.clear(slot)
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { records, int } = this
    records.refresh()
    const { words } = records
    const { pages, shift, mask } = records.doubles
    const result = out.column
    for (let r = from; r < to; r++) {
      const step = steps[r]
      if (step === Step.Skip) continue
      const page = pages[slots[r] >> shift]
      const o = (slots[r] & mask) * 4
      if (step === Step.Feed) {
        const kind = column.kinds[r]
        page[o + KIND] = kind
        page[o + MS] = chunk.ms[r]
        page[o + SUB] = chunk.sub[r]
        if (kind === Kind.Float) page[o + TOTAL] += column.f64[r]
        else {
          const w = words[slots[r] >> shift]
          int.lo = w[2 * o]
          int.hi = w[2 * o + 1]
          int.add(column.i32[2 * r], column.i32[2 * r + 1])
          w[2 * o] = int.lo
          w[2 * o + 1] = int.hi
        }
      } else if (page[o + KIND] === Kind.Missing) continue
      const kind = page[o + KIND]
      kept[r] = 1
      ms[r] = page[o + MS]
      sub[r] = page[o + SUB]
      result.kinds[r] = kind
      if (kind === Kind.Float) result.f64[r] = page[o + TOTAL]
      else {
        const w = words[slots[r] >> shift]
        result.i32[2 * r] = w[2 * o]
        result.i32[2 * r + 1] = w[2 * o + 1]
      }
    }
  }

  release(): void {
    this.records.release()
  }
}

export const cumulativeSum: Transformation = {
  method: 'cumulativeSum',
  doc: 'Running total of the values, of their own type; int64 wraps.',
  kinds: 'numbers',
  result: 'cells',
  args: [],
  create: (_node, state) => new CumulativeSum(state),
}
