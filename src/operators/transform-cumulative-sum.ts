/**
 * `cumulativeSum`: the running total. int64 wraps. Thread: shard worker.
 *
 * State, in pages: times f64 ×2, ms and sub + 1 of the last row (0: none); sums i32 ×2, the total's payload.
 */
import { Kind } from '../columns/kinds.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { Int64Sum } from './aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

class CumulativeSum implements TransformState {
  private readonly times: Pages<Float64Array>
  private readonly sums: Pages<Int32Array>
  /** The kind of the totals: on a stream it is the group's, so it is taken from the last row fed. */
  private readonly kinds: Pages<Uint8Array>
  private readonly int = new Int64Sum()

  constructor(state: StateAllocator) {
    this.times = state.f64(2)
    this.sums = state.i32(2)
    this.kinds = state.u8()
  }

  ensure(slot: number): boolean {
    return this.times.ensure(slot) && this.sums.ensure(slot) && this.kinds.ensure(slot)
  }

  clear(slot: number): void {
    if (this.times.has(slot)) this.times.clear(slot)
    if (this.sums.has(slot)) this.sums.clear(slot)
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { times, sums, kinds, int } = this
    const result = out.column
    for (let r = from; r < to; r++) {
      const step = steps[r]
      if (step === Step.Skip) continue
      const slot = slots[r]
      const page = times.pages[slot >> times.shift]
      const o = (slot & times.mask) * 2
      const sumPage = sums.pages[slot >> sums.shift]
      const s = (slot & sums.mask) * 2
      if (step === Step.Feed) {
        page[o] = chunk.ms[r]
        page[o + 1] = chunk.sub[r] + 1
        const kind = column.kinds[r]
        kinds.pages[slot >> kinds.shift][slot & kinds.mask] = kind
        if (kind === Kind.Float) {
          floatWords[0] = sumPage[s]
          floatWords[1] = sumPage[s + 1]
          float[0] += column.f64[r]
          sumPage[s] = floatWords[0]
          sumPage[s + 1] = floatWords[1]
        } else {
          int.lo = sumPage[s]
          int.hi = sumPage[s + 1]
          int.add(column.i32[2 * r], column.i32[2 * r + 1])
          sumPage[s] = int.lo
          sumPage[s + 1] = int.hi
        }
      } else if (page[o + 1] === 0) continue
      kept[r] = 1
      ms[r] = page[o]
      sub[r] = page[o + 1] - 1
      result.kinds[r] = kinds.pages[slot >> kinds.shift][slot & kinds.mask]
      result.i32[2 * r] = sumPage[s]
      result.i32[2 * r + 1] = sumPage[s + 1]
    }
  }

  release(): void {
    this.times.release()
    this.sums.release()
    this.kinds.release()
  }
}

export const cumulativeSum: Transformation = {
  method: 'cumulativeSum',
  doc: 'Running total of the values, of their own type; int64 wraps.',
  kinds: 'numbers',
  args: [],
  create: (_node, state) => new CumulativeSum(state),
}
