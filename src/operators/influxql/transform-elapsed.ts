/**
 * `elapsed`: whole units between the times of consecutive rows. State, in pages: times f64 ×4, ms and sub + 1 of the last row
 * and of the one before (0: there is none). Thread: shard worker.
 */
import { setInt64, setSafeInt } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration } from '../../columns/values.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'

/** Words of a record. */
const MS = 0
const SUB = 1
const LAST_MS = 2
const LAST_SUB = 3
const words = 4

/** Below this the difference in ns is exact in a double. */
const exactMs = 9e9

class Elapsed implements TransformState {
  private readonly times: Pages<Float64Array>
  private readonly unit: number

  constructor(
    state: StateAllocator,
    private readonly unitNs: bigint,
  ) {
    this.times = state.f64(words)
    this.unit = Number(unitNs)
  }

  ensure(slot: number): boolean {
    return this.times.ensure(slot)
  }

  clear(slot: number): void {
    if (this.times.has(slot)) this.times.clear(slot)
  }

  run({ chunk, steps, slots, kept, ms, sub, out }: TransformRows, from: number, to: number): void {
    const { times } = this
    const column = out.column
    for (let r = from; r < to; r++) {
      const step = steps[r]
      if (step === Step.Skip) continue
      const page = times.pages[slots[r] >> times.shift]
      const o = (slots[r] & times.mask) * words
      if (step === Step.Feed) {
        page[o + LAST_MS] = page[o + MS]
        page[o + LAST_SUB] = page[o + SUB]
        page[o + MS] = chunk.ms[r]
        page[o + SUB] = chunk.sub[r] + 1
      }
      if (page[o + LAST_SUB] === 0) continue
      kept[r] = 1
      ms[r] = page[o + MS]
      sub[r] = page[o + SUB] - 1
      const apartMs = page[o + MS] - page[o + LAST_MS]
      const apartSub = page[o + SUB] - page[o + LAST_SUB]
      column.kinds[r] = Kind.Int
      if (Math.abs(apartMs) < exactMs) setSafeInt(column.i32, r, Math.trunc((apartMs * 1e6 + apartSub) / this.unit))
      else setInt64(column.i32, r, BigInt.asIntN(64, BigInt(apartMs) * 1_000_000n + BigInt(apartSub)) / this.unitNs)
    }
  }

  release(): void {
    this.times.release()
  }
}

export const elapsed: Transformation = {
  method: 'elapsed',
  doc: 'Time since the previous point in whole units, cut off towards zero.',
  kinds: 'all',
  result: 'int',
  args: [{ name: 'unit', type: 'duration' }],
  problem: ({ props }) =>
    props.unit instanceof Duration && props.unit.ns === 0n ? 'elapsed requires a unit other than 0s' : null,
  create: ({ props }, state) => new Elapsed(state, props.unit instanceof Duration ? props.unit.ns : 1n),
}
