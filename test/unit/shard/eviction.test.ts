import { describe, expect, it } from 'vitest'
import { Evictor } from '../../../src/shard/eviction.js'
import type { ShardTask } from '../../../src/shard/task.js'
import { ByteHeap } from '../../../src/state/byte-heap.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import { StatPart } from '../../../src/transport/stat-block.js'

const MiB = 1024 * 1024
const rowBytes = 1000

/** A task that keeps rows in a byte heap and evicts them from the front. */
class Keeper {
  readonly state: StateAllocator
  private readonly heap: ByteHeap
  private readonly rows: number[] = []
  evicted = 0

  constructor(memory: ShardMemory) {
    this.state = new StateAllocator(memory)
    this.heap = new ByteHeap(this.state)
  }

  /** Keeps n more rows; returns how many the budget refused. */
  keep(n: number): number {
    const bytes = new Uint8Array(rowBytes)
    let refused = 0
    for (let i = 0; i < n; i++) {
      const ref = this.heap.put(bytes, 0, rowBytes)
      if (ref === 0) refused++
      else this.rows.push(ref)
    }
    return refused
  }

  get kept(): number {
    return this.rows.length
  }

  task(key: number): ShardTask {
    const stats = new StatPart(new Float64Array(64), 0)
    const evictRows = (bytes: number): number => {
      let freed = 0
      for (; freed < bytes && this.rows.length > 0; freed += rowBytes) {
        this.heap.free(this.rows.shift()!, rowBytes)
        this.evicted++
      }
      return freed
    }
    const { state } = this
    const runtime = {
      get stateBytes() {
        return state.bytes
      },
      countEvictedGroups() {},
      spec: { statsOffset: 0, id: 't' },
      env: { stats, shard: 0, log() {} },
    }
    return { key, operators: [{ evictRows, evictGroup() {} }], groupings: [], runtime } as unknown as ShardTask
  }
}

describe('eviction at the budget', () => {
  it('makes room for what a chunk adds before the chunk comes, so that nothing is refused', () => {
    const memory = new ShardMemory(3 * MiB)
    const keeper = new Keeper(memory)
    const task = keeper.task(1)
    const evictor = new Evictor(memory, 'drop-oldest')
    let refused = 0
    for (let chunk = 0; chunk < 100; chunk++) {
      const r = keeper.keep(500)
      // The first time at the budget the reserve is not used to chunks of this size.
      if (chunk > 8) refused += r
      evictor.relieve([task])
    }
    expect(refused).toBe(0)
    expect(keeper.evicted).toBeGreaterThan(40_000)
    expect(keeper.kept * rowBytes).toBeGreaterThan(2 * MiB)
    expect(memory.used).toBeLessThanOrEqual(memory.budgetBytes)
  })

  it('takes from the largest task', () => {
    const memory = new ShardMemory(8 * MiB)
    const small = new Keeper(memory)
    const large = new Keeper(memory)
    small.keep(500)
    const evictor = new Evictor(memory, 'drop-oldest')
    const tasks = [small.task(1), large.task(2)]
    for (let chunk = 0; chunk < 100; chunk++) {
      large.keep(200)
      evictor.relieve(tasks)
    }
    expect([small.evicted, small.kept]).toEqual([0, 500])
    expect(large.evicted).toBeGreaterThan(10_000)
  })

  it('evicts nothing below the budget, and nothing under drop-newest', () => {
    const memory = new ShardMemory(4 * MiB)
    const keeper = new Keeper(memory)
    const below = new Evictor(memory, 'drop-oldest')
    keeper.keep(2000)
    below.relieve([keeper.task(1)])
    expect(keeper.evicted).toBe(0)
    const newest = new Evictor(memory, 'drop-newest')
    expect(keeper.keep(5000)).toBeGreaterThan(0)
    newest.relieve([keeper.task(1)])
    expect(keeper.evicted).toBe(0)
    expect(newest.mayTake(0)).toBe(true)
  })

  it('under block holds the ring while the state is full, one entry a second', () => {
    const memory = new ShardMemory(2 * MiB)
    const keeper = new Keeper(memory)
    const evictor = new Evictor(memory, 'block')
    expect(evictor.mayTake(0)).toBe(true)
    keeper.keep(5000)
    const taken = Array.from({ length: 41 }, (_, i) => evictor.mayTake(i * 50))
    expect(taken.filter((t) => t).length).toBe(2)
    keeper.task(1).operators[0]?.evictRows(4 * MiB)
    expect(evictor.mayTake(2100)).toBe(true)
  })
})
