/** Paged columns against one flat array: random read-modify-write of 94 000 groups, growth, and the byte heap. */
import type { Bench } from 'tinybench'
import { ByteHeap } from '../../src/state/byte-heap.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { TimerWheel } from '../../src/state/timer-wheel.js'

const groupCount = 94_000
const rows = 8192

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = rows
export const boundBy = 'cache misses of random groups'

export function add(bench: Bench): void {
  const state = new StateAllocator(new ShardMemory(1e9))
  const sums = state.f64()
  const flat = new Float64Array(new SharedArrayBuffer(8 * groupCount))
  for (let g = 0; g < groupCount; g++) sums.ensure(g)
  const groups = new Int32Array(rows)
  let seed = 1
  for (let r = 0; r < rows; r++) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    groups[r] = seed % groupCount
  }
  bench.add(`pages: ${rows} sums, get and set`, () => {
    for (let r = 0; r < rows; r++) sums.set(groups[r], sums.get(groups[r]) + r)
  })
  bench.add(`pages: ${rows} sums, inlined access`, () => {
    const { pages, shift, mask } = sums
    for (let r = 0; r < rows; r++) pages[groups[r] >> shift][groups[r] & mask] += r
  })
  bench.add(`pages: ${rows} sums, flat array`, () => {
    for (let r = 0; r < rows; r++) flat[groups[r]] += r
  })
  bench.add('pages: a column of 94k groups grows and goes', () => {
    const column = state.f64()
    for (let g = 0; g < groupCount; g += 512) column.ensure(g)
    column.release()
  })
  const heap = new ByteHeap(state)
  const bytes = new Uint8Array(24)
  const refs = new Int32Array(rows)
  bench.add(`byte heap: ${rows} blocks put and freed`, () => {
    for (let r = 0; r < rows; r++) refs[r] = heap.put(bytes, 0, 24)
    for (let r = 0; r < rows; r++) heap.free(refs[r], 24)
  })
  const wheel = new TimerWheel()
  wheel.advance(1_700_000_000_000)
  const timers = wheel.add(state, () => {})
  let now = wheel.nowMs
  bench.add(`timers: ${rows} idle timers moved later, wheel advanced 50 ms`, () => {
    for (let r = 0; r < rows; r++) timers.set(groups[r], now + 10_000)
    now += 50
    wheel.advance(now)
  })
}
