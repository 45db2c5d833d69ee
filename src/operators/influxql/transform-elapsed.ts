/**
 * `elapsed`: whole units between the times of consecutive rows. State, in pages: times f64 ×4, ms and sub + 1 of the last row
 * and of the one before (0: there is none). Thread: shard worker.
 */
import { setInt64, setSafeInt } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration } from '../../columns/values.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { Step, type Transformation, type TransformRows, type TransformState } from './transform.js'

/** Below this the difference in ns is exact in a double. */
const exactMs = 9e9

class Elapsed implements TransformState {
  private readonly times: Pages<Float64Array>
  private readonly unit: number

  constructor(
    state: StateAllocator,
    private readonly unitNs: bigint,
  ) {
    this.times = state.f64(4)
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
      const o = (slots[r] & times.mask) * 4
      if (step === Step.Feed) {
        page[o + 2] = page[o]
        page[o + 3] = page[o + 1]
        page[o] = chunk.ms[r]
        page[o + 1] = chunk.sub[r] + 1
      }
      if (page[o + 3] === 0) continue
      kept[r] = 1
      ms[r] = page[o]
      sub[r] = page[o + 1] - 1
      const apartMs = page[o] - page[o + 2]
      const apartSub = page[o + 1] - page[o + 3]
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
