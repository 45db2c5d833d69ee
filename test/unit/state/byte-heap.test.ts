import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteHeap } from '../../../src/state/byte-heap.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'

const MiB = 1024 * 1024

function heap(budget = 64 * MiB): { heap: ByteHeap; memory: ShardMemory } {
  const memory = new ShardMemory(budget)
  return { heap: new ByteHeap(new StateAllocator(memory)), memory }
}

const read = (h: ByteHeap, ref: number, length: number): number[] => [
  ...h.pageOf(ref).subarray(h.offsetOf(ref), h.offsetOf(ref) + length),
]

describe('byte heap', () => {
  it('keeps blocks apart through any sequence of puts and frees', () => {
    const operation = fc.oneof(
      fc.record({ put: fc.oneof(fc.nat(300), fc.nat(5000), fc.integer({ min: 30_000, max: 150_000 })) }),
      fc.record({ free: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const { heap: h, memory } = heap()
        const live: { ref: number; length: number; fill: number }[] = []
        let next = 1
        for (const op of operations) {
          if ('put' in op) {
            const fill = next++ & 255
            const ref = h.put(new Uint8Array(op.put).fill(fill), 0, op.put)
            expect(ref).toBeGreaterThan(0)
            live.push({ ref, length: op.put, fill })
          } else if (live.length > 0) {
            const [b] = live.splice(op.free % live.length, 1)
            h.free(b.ref, b.length)
          }
        }
        for (const b of live) expect(read(h, b.ref, b.length).every((v) => v === b.fill)).toBe(true)
        for (const b of live) h.free(b.ref, b.length)
        expect(h.liveBytes).toBe(0)
        h.purge()
        expect(memory.idle).toBeLessThanOrEqual(memory.used)
        h.release()
        expect([memory.used, memory.idle]).toEqual([0, 0])
      }),
      { numRuns: 100 },
    )
  })

  it('reuses freed blocks of the same class', () => {
    const { heap: h, memory } = heap()
    const bytes = new Uint8Array(40)
    const refs = Array.from({ length: 1000 }, () => h.put(bytes, 0, 40))
    const used = memory.used
    for (let round = 0; round < 10; round++) {
      for (const r of refs) h.free(r, 40)
      for (let i = 0; i < refs.length; i++) refs[i] = h.put(bytes, 0, 40)
    }
    expect(memory.used).toBe(used)
  })

  it('gives pages back once many hold nothing', () => {
    const { heap: h, memory } = heap()
    const refs = Array.from({ length: 20_000 }, () => h.put(new Uint8Array(100), 0, 100))
    const full = memory.used
    for (const r of refs.slice(0, 19_000)) h.free(r, 100)
    expect(memory.used).toBeLessThan(full / 4)
    const again = Array.from({ length: 19_000 }, () => h.put(new Uint8Array(100), 0, 100))
    expect(new Set([...refs.slice(19_000), ...again]).size).toBe(20_000)
    expect(memory.used).toBeLessThan(full * 1.1)
  })

  it('answers 0 when the budget refuses', () => {
    const { heap: h } = heap(8192)
    let n = 0
    while (h.put(new Uint8Array(100), 0, 100) !== 0) n++
    expect(n).toBeGreaterThan(20)
    expect(h.put(new Uint8Array(100_000), 0, 100_000)).toBe(0)
  })
})
