import { describe, expect, it } from 'vitest'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'

const MiB = 1024 * 1024

describe('paged memory of a shard', () => {
  it('starts a column with 4 KiB and keeps its values while page 0 grows', () => {
    const memory = new ShardMemory(MiB)
    const column = new StateAllocator(memory).f64()
    for (let i = 0; i < 20_000; i++) {
      expect(column.ensure(i)).toBe(true)
      column.set(i, i * 3)
      if (i === 10) expect(memory.used).toBe(4096)
    }
    let wrong = 0
    for (let i = 0; i < 20_000; i++) if (column.get(i) !== i * 3) wrong++
    expect(wrong).toBe(0)
    expect(memory.used).toBe(3 * 65536)
  })

  it('leaves pages in the middle absent', () => {
    const column = new StateAllocator(new ShardMemory(MiB)).i32(4)
    expect(column.ensure(100_000)).toBe(true)
    expect(column.has(100_000)).toBe(true)
    expect(column.has(50_000)).toBe(false)
    expect(column.get(100_000, 3)).toBe(0)
  })

  it('refuses beyond the budget, charges the allocator, and takes again what was given back, zeroed', () => {
    const memory = new ShardMemory(128 * 1024)
    const a = new StateAllocator(memory)
    const b = new StateAllocator(memory)
    const first = a.u8()
    const second = b.u8()
    expect(first.ensure(65535)).toBe(true)
    first.set(65535, 9)
    expect(second.ensure(65535)).toBe(true)
    expect(second.ensure(65536)).toBe(false)
    expect([memory.refused, b.refused, a.bytes, b.bytes]).toEqual([1, 1, 65536, 65536])
    first.release()
    expect(a.bytes).toBe(0)
    expect(second.ensure(65536 + 65535)).toBe(true)
    expect(second.get(65536 + 65535)).toBe(0)
    expect(memory.used).toBe(memory.budgetBytes)
  })

  it('gives one extent’s units to extents of other sizes', () => {
    const memory = new ShardMemory(2 * MiB)
    const big = memory.take(2 * MiB)!
    memory.give(big)
    const small = Array.from({ length: 512 }, () => memory.take(4096))
    expect(small.every((e) => e !== null)).toBe(true)
    expect(memory.segmentBytes).toBe(2 * MiB)
    expect(new Set(small.map((e) => e!.offset)).size).toBe(512)
  })

  it('drops free segments but one', () => {
    const memory = new ShardMemory(16 * MiB)
    const all = Array.from({ length: 8 }, () => memory.take(2 * MiB)!)
    expect(memory.segmentBytes).toBe(16 * MiB)
    for (const e of all) memory.give(e)
    expect([memory.used, memory.segmentBytes, memory.droppedBytes]).toEqual([0, 2 * MiB, 14 * MiB])
  })

  it('never hands out the same bytes twice', () => {
    const memory = new ShardMemory(8 * MiB)
    const live = new Map<number, { sab: SharedArrayBuffer; offset: number; size: number; give: () => void }>()
    let seed = 7
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return seed % n
    }
    for (let i = 0; i < 3000; i++) {
      const e = memory.take(1 + random(60_000))
      if (e !== null) {
        const bytes = new Uint8Array(e.sab, e.offset, e.size)
        expect(bytes.every((b) => b === 0)).toBe(true)
        bytes.fill(1 + (i % 255))
        live.set(i, { ...e, give: () => memory.give(e) })
      }
      if (live.size > 100) {
        const key = [...live.keys()][random(live.size)]
        const x = live.get(key)!
        expect(new Uint8Array(x.sab, x.offset, x.size).every((b) => b === 1 + (key % 255))).toBe(true)
        x.give()
        live.delete(key)
      }
    }
    let used = 0
    for (const x of live.values()) used += x.size
    expect(memory.used).toBe(used)
  }, 60_000)
})
