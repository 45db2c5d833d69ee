/**
 * `movingAverage`: the mean of the last n values, a float; nothing before there are n. As in the original the sum is kept
 * running: the value that leaves is subtracted, so an infinity never leaves it again. Thread: shard worker.
 *
 * State, in pages, f64 ×(5 + n) per slot: sum · rows fed · kind of the rows · ms and sub of the last · the last n values.
 * Sum and values are payloads: of ints they are words.
 */
import { Kind } from '../../columns/kinds.js'
import type { StateAllocator } from '../../state/pages.js'
import { addWords, subtractWords } from '../aggregates/int64.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'
import { Records } from './transform-records.js'

/** Places in a record. */
const SUM = 0
const FED = 1
const KIND = 2
const MS = 3
const SUB = 4
const RING = 5

class MovingAverage implements TransformState {
  private readonly records: Records

  constructor(
    state: StateAllocator,
    private readonly size: number,
  ) {
    this.records = new Records(state, RING + size)
  }

  ensure(slot: number): boolean {
    return this.records.ensure(slot)
  }

  clear(slot: number): void {
    const { doubles } = this.records
    if (!doubles.has(slot)) return
    // What the ring holds is overwritten before it is read.
    doubles.set(slot, 0, SUM)
    doubles.set(slot, 0, FED)
  }

  run({ chunk, column, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { records, size } = this
    records.refresh()
    const { words, stride } = records
    const { pages, shift, mask } = records.doubles
    const result = out.column
    for (let r = from; r < to; r++) {
      const step = steps[r]
      if (step === Step.Skip) continue
      const page = pages[slots[r] >> shift]
      const o = (slots[r] & mask) * stride
      if (step === Step.Feed) {
        const kind = column.kinds[r]
        // From the second turn on it counts between size and 2 · size: only the place in the ring matters.
        const fed = page[o + FED]
        const full = fed >= size
        const v = o + RING + (full ? fed - size : fed)
        page[o + FED] = fed + 1 === 2 * size ? size : fed + 1
        page[o + KIND] = kind
        page[o + MS] = chunk.ms[r]
        page[o + SUB] = chunk.sub[r]
        if (kind === Kind.Float) {
          const value = column.f64[r]
          page[o + SUM] = (full ? page[o + SUM] - page[v] : page[o + SUM]) + value
          page[v] = value
        } else {
          const ints = words[slots[r] >> shift]
          const sum = 2 * (o + SUM)
          if (full) subtractWords(ints, sum, ints[2 * v], ints[2 * v + 1])
          feedInt(ints, sum, 2 * v, column.i32[2 * r], column.i32[2 * r + 1])
        }
      }
      if (page[o + FED] < size) continue
      kept[r] = 1
      ms[r] = page[o + MS]
      sub[r] = page[o + SUB]
      result.kinds[r] = Kind.Float
      const sum = page[o + KIND] === Kind.Float ? page[o + SUM] : intAt(words[slots[r] >> shift], 2 * (o + SUM))
      result.f64[r] = sum / size
    }
  }

  release(): void {
    this.records.release()
  }
}

/** Adds an int to the sum and puts it into the ring. */
function feedInt(page: Int32Array, sum: number, v: number, lo: number, hi: number): void {
  addWords(page, sum, lo, hi)
  page[v] = lo
  page[v + 1] = hi
}

/** An int64 as a double, rounded once. */
function intAt(words: Int32Array, at: number): number {
  return words[at + 1] * 4294967296 + (words[at] >>> 0)
}

export const movingAverage: Transformation = {
  method: 'movingAverage',
  doc: 'Mean of the last n values, a float; nothing before there are n.',
  kinds: 'numbers',
  result: 'float',
  args: [{ name: 'window', type: 'int' }],
  problem({ props }) {
    const n = Number(props.window)
    if (n <= 0) return 'movingAverage requires a number of points greater than zero'
    return n > maxWindow ? `movingAverage keeps at most ${maxWindow} points` : null
  },
  create: ({ props }, state) => new MovingAverage(state, Number(props.window)),
}

/** A ring is one piece of memory per group: 16 MiB. */
const maxWindow = 2 ** 21 - RING
