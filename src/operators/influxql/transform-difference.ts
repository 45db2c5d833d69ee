/**
 * `difference`: the value minus the previous one. A row at the time of the last one is ignored. Thread: shard worker.
 *
 * State, in pages, f64 ×3 per slot: value (a payload: of ints it is words) · ms and sub + 1 of the last row (0: there is none).
 */
import { Kind } from '../../columns/kinds.js'
import type { StateAllocator } from '../../state/pages.js'
import { Int64Sum } from '../aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'
import { Records } from './transform-records.js'

/** Places in a record; the value is the first. */
const MS = 1
const SUB = 2

class Difference implements TransformState {
  private readonly records: Records
  private readonly int = new Int64Sum()

  constructor(state: StateAllocator) {
    this.records = new Records(state, 3)
  }

  ensure(slot: number): boolean {
    return this.records.ensure(slot)
  }

  clear(slot: number): void {
    this.records.clear(slot)
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { records } = this
    records.refresh()
    const { words } = records
    const { pages, shift, mask } = records.doubles
    const result = out.column
    for (let r = from; r < to; r++) {
      if (steps[r] !== Step.Feed) continue
      const page = pages[slots[r] >> shift]
      const o = (slots[r] & mask) * 3
      const known = page[o + SUB] !== 0
      if (known && page[o + MS] === chunk.ms[r] && page[o + SUB] === chunk.sub[r] + 1) continue
      const kind = column.kinds[r]
      if (known) {
        kept[r] = 1
        ms[r] = chunk.ms[r]
        sub[r] = chunk.sub[r]
        result.kinds[r] = kind
      }
      page[o + MS] = chunk.ms[r]
      page[o + SUB] = chunk.sub[r] + 1
      if (kind === Kind.Float) {
        result.f64[r] = column.f64[r] - page[o]
        page[o] = column.f64[r]
      } else this.stepInt(words[slots[r] >> shift], 2 * o, column.i32, result.i32, 2 * r)
    }
  }

  release(): void {
    this.records.release()
  }

  private stepInt(page: Int32Array, o: number, from: Int32Array, to: Int32Array, at: number): void {
    const { int } = this
    int.lo = from[at]
    int.hi = from[at + 1]
    int.subtract(page[o], page[o + 1])
    to[at] = int.lo
    to[at + 1] = int.hi
    page[o] = from[at]
    page[o + 1] = from[at + 1]
  }
}

export const difference: Transformation = {
  method: 'difference',
  doc: 'Difference to the previous value. Of several points at one time the first counts.',
  kinds: 'numbers',
  result: 'cells',
  args: [],
  create: (_node, state) => new Difference(state),
}
