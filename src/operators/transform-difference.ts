/**
 * `difference`: the value minus the previous one. A row at the time of the last one is ignored. Thread: shard worker.
 *
 * State, in pages: times f64 ×2, ms and sub + 1 of the last row (0: none); values i32 ×2, its payload.
 */
import { Kind } from '../columns/kinds.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { Int64Sum } from './aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

class Difference implements TransformState {
  private readonly times: Pages<Float64Array>
  private readonly values: Pages<Int32Array>
  private readonly int = new Int64Sum()

  constructor(state: StateAllocator) {
    this.times = state.f64(2)
    this.values = state.i32(2)
  }

  ensure(slot: number): boolean {
    return this.times.ensure(slot) && this.values.ensure(slot)
  }

  clear(slot: number): void {
    if (this.times.has(slot)) this.times.clear(slot)
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { times, values, int } = this
    const result = out.column
    for (let r = from; r < to; r++) {
      if (steps[r] !== Step.Feed) continue
      const page = times.pages[slots[r] >> times.shift]
      const o = (slots[r] & times.mask) * 2
      const known = page[o + 1] !== 0
      if (known && page[o] === chunk.ms[r] && page[o + 1] === chunk.sub[r] + 1) continue
      const valuePage = values.pages[slots[r] >> values.shift]
      const v = (slots[r] & values.mask) * 2
      const lo = column.i32[2 * r]
      const hi = column.i32[2 * r + 1]
      if (known) {
        kept[r] = 1
        ms[r] = chunk.ms[r]
        sub[r] = chunk.sub[r]
        result.kinds[r] = column.kinds[r]
        if (column.kinds[r] === Kind.Float) {
          floatWords[0] = valuePage[v]
          floatWords[1] = valuePage[v + 1]
          result.f64[r] = column.f64[r] - float[0]
        } else {
          int.lo = lo
          int.hi = hi
          int.subtract(valuePage[v], valuePage[v + 1])
          result.i32[2 * r] = int.lo
          result.i32[2 * r + 1] = int.hi
        }
      }
      page[o] = chunk.ms[r]
      page[o + 1] = chunk.sub[r] + 1
      valuePage[v] = lo
      valuePage[v + 1] = hi
    }
  }

  release(): void {
    this.times.release()
    this.values.release()
  }
}

export const difference: Transformation = {
  method: 'difference',
  doc: 'Difference to the previous value. Of several points at one time the first counts.',
  kinds: 'numbers',
  args: [],
  create: (_node, state) => new Difference(state),
}
