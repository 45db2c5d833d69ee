/**
 * `movingAverage`: the mean of the last n values, a float; nothing before there are n. As in the original the sum is kept
 * running: the value that leaves is subtracted, so an infinity never leaves it again. Thread: shard worker.
 *
 * State, in pages: heads f64 ×3, rows fed, ms and sub of the last; rings i32 ×2(n + 1), the sum's payload, then the values'.
 */
import { Kind } from '../columns/kinds.js'
import type { Pages, StateAllocator } from '../shard/pages.js'
import { Int64Sum } from './aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

class MovingAverage implements TransformState {
  private readonly heads: Pages<Float64Array>
  private readonly rings: Pages<Int32Array>
  private readonly kinds: Pages<Uint8Array>
  private readonly int = new Int64Sum()

  constructor(
    state: StateAllocator,
    private readonly size: number,
  ) {
    this.heads = state.f64(3)
    this.rings = state.i32(2 * (size + 1))
    this.kinds = state.u8()
  }

  ensure(slot: number): boolean {
    return this.heads.ensure(slot) && this.rings.ensure(slot) && this.kinds.ensure(slot)
  }

  clear(slot: number): void {
    if (this.heads.has(slot)) this.heads.clear(slot)
    // What the ring holds is overwritten before it is read; the sum is not.
    if (this.rings.has(slot)) {
      this.rings.set(slot, 0, 0)
      this.rings.set(slot, 0, 1)
    }
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { heads, kinds, size } = this
    const result = out.column
    for (let r = from; r < to; r++) {
      const step = steps[r]
      if (step === Step.Skip) continue
      const slot = slots[r]
      const page = heads.pages[slot >> heads.shift]
      const o = (slot & heads.mask) * 3
      if (step === Step.Feed) {
        kinds.pages[slot >> kinds.shift][slot & kinds.mask] = column.kinds[r]
        this.feed(slot, page[o], column.kinds[r], column.i32[2 * r], column.i32[2 * r + 1])
        // Beyond one turn only the place in the ring counts.
        page[o] = page[o] + 1 === 2 * size ? size : page[o] + 1
        page[o + 1] = chunk.ms[r]
        page[o + 2] = chunk.sub[r]
      }
      if (page[o] < size) continue
      kept[r] = 1
      ms[r] = page[o + 1]
      sub[r] = page[o + 2]
      result.kinds[r] = Kind.Float
      result.f64[r] = this.sumOf(slot, kinds.pages[slot >> kinds.shift][slot & kinds.mask]) / size
    }
  }

  release(): void {
    this.heads.release()
    this.rings.release()
    this.kinds.release()
  }

  /** `fed`: rows before this one; from the second turn on it counts between size and 2 · size. */
  private feed(slot: number, fed: number, kind: number, lo: number, hi: number): void {
    const { rings, size, int } = this
    const page = rings.pages[slot >> rings.shift]
    const s = (slot & rings.mask) * rings.stride
    const v = s + 2 + 2 * (fed < size ? fed : fed - size)
    const full = fed >= size
    if (kind === Kind.Float) {
      floatWords[0] = page[s]
      floatWords[1] = page[s + 1]
      let sum = float[0]
      if (full) {
        floatWords[0] = page[v]
        floatWords[1] = page[v + 1]
        sum -= float[0]
      }
      floatWords[0] = lo
      floatWords[1] = hi
      float[0] += sum
      page[s] = floatWords[0]
      page[s + 1] = floatWords[1]
    } else {
      int.lo = page[s]
      int.hi = page[s + 1]
      if (full) int.subtract(page[v], page[v + 1])
      int.add(lo, hi)
      page[s] = int.lo
      page[s + 1] = int.hi
    }
    page[v] = lo
    page[v + 1] = hi
  }

  private sumOf(slot: number, kind: number): number {
    const { rings, int } = this
    const page = rings.pages[slot >> rings.shift]
    const s = (slot & rings.mask) * rings.stride
    if (kind === Kind.Float) {
      floatWords[0] = page[s]
      floatWords[1] = page[s + 1]
      return float[0]
    }
    int.lo = page[s]
    int.hi = page[s + 1]
    return int.toNumber()
  }
}

export const movingAverage: Transformation = {
  method: 'movingAverage',
  doc: 'Mean of the last n values, a float; nothing before there are n.',
  kinds: 'numbers',
  args: [{ name: 'window', type: 'int' }],
  problem({ props }) {
    const n = Number(props.window)
    if (n <= 0) return 'movingAverage requires a number of points greater than zero'
    return n > maxWindow ? `movingAverage keeps at most ${maxWindow} points` : null
  },
  create: ({ props }, state) => new MovingAverage(state, Number(props.window)),
}

/** A ring is one piece of memory per group: 16 MiB. */
const maxWindow = 2 ** 21 - 1
