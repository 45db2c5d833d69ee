import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Column } from '../../../src/columns/column.js'
import { Kind } from '../../../src/columns/kinds.js'
import { Grouping } from '../../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import { fnvOffset, fnvPrime, mixHash } from '../../../src/transport/routes.js'

const MiB = 1024 * 1024
const utf8 = new TextEncoder()

/** The key of a grouping by one tag. */
function keyOf(value: string): { key: Uint8Array; hash: number } {
  const v = utf8.encode(value)
  const key = new Uint8Array(v.length + 2)
  key[0] = v.length
  key[1] = v.length >> 8
  key.set(v, 2)
  let h = fnvOffset
  for (const b of v) h = Math.imul(h ^ b, fnvPrime)
  return { key, hash: mixHash(Math.imul(h, fnvPrime)) }
}

function grouping(budget = 64 * MiB): { g: Grouping; memory: ShardMemory } {
  const memory = new ShardMemory(budget)
  return { g: new Grouping(new StateAllocator(memory), ['host'], false), memory }
}

const lookup = (g: Grouping, value: string, nowMs = 1000): number => {
  const { key, hash } = keyOf(value)
  return g.lookup(key, key.length, hash, nowMs)
}

describe('groups of a grouping', () => {
  it('gives dense ids, the same for the same key', () => {
    const { g } = grouping()
    expect([lookup(g, 'a'), lookup(g, 'b'), lookup(g, 'a'), lookup(g, ''), lookup(g, 'b')]).toEqual([0, 1, 0, 2, 1])
    expect(g.tagValues(1)).toEqual(['b'])
    expect(g.idText(2)).toBe('host=')
    expect(g.size).toBe(3)
  })

  it('keeps 200 000 groups apart, also with colliding hashes', () => {
    const { g } = grouping()
    const n = 200_000
    const keys = Array.from({ length: n }, (_, i) => keyOf(`host-${i}`))
    for (let i = 0; i < n; i++) {
      const { key, hash } = keys[i]
      if (g.lookup(key, key.length, hash & 0xffff, i) !== i) throw new Error(`group ${i}`)
    }
    let wrong = 0
    for (let i = 0; i < n; i += 7) {
      const { key, hash } = keys[i]
      if (g.find(key, key.length, hash & 0xffff) !== i || g.lastSeenMs(i) !== i) wrong++
    }
    expect(wrong).toBe(0)
  })

  it('assigns the groups of whole columns like one by one', () => {
    const cell = fc.oneof(fc.constantFrom('', 'a', 'b', 'ab', 'ba'), fc.string({ maxLength: 5 }), fc.constant(null))
    const row = fc.tuple(cell, cell)
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 1500 }), fc.nat(3), (rows, hashBits) => {
        const state = new StateAllocator(new ShardMemory(64 * MiB))
        const dims = ['x', 'y']
        const at = new Grouping(state, dims, false)
        const n = rows.length
        const columns = [0, 1].map((c) => {
          const column = Column.alloc(n)
          const parts: Uint8Array[] = []
          let offset = 0
          rows.forEach((r, i) => {
            const v = r[c]
            if (v === null) return
            const bytes = utf8.encode(v)
            column.kinds[i] = Kind.String
            column.i32[2 * i] = offset
            column.i32[2 * i + 1] = bytes.length
            offset += bytes.length
            parts.push(bytes)
          })
          column.bytes = Uint8Array.from(parts.flatMap((p) => [...p]))
          return column
        })
        // Few distinct hashes: chains are long and must be told apart by the keys.
        const hashes = Uint32Array.from(rows, (r) => (`${r[0] ?? ''}`.length * 7 + `${r[1] ?? ''}`.length) >> hashBits)
        const out = new Int32Array(n)
        expect(at.assignColumns(columns, n, hashes, 9, out)).toBe(0)
        const ids = new Map<string, number>()
        rows.forEach((r, i) => {
          const text = JSON.stringify([r[0] ?? '', r[1] ?? ''])
          if (!ids.has(text)) ids.set(text, ids.size)
          if (out[i] !== ids.get(text)) throw new Error(`row ${i}: ${out[i]}`)
          expect(at.tagValues(out[i])).toEqual([r[0] ?? '', r[1] ?? ''])
        })
        expect(at.size).toBe(ids.size)
      }),
      { numRuns: 60 },
    )
  })

  it('takes an absent column for empty values, and counts what the budget refuses', () => {
    const state = new StateAllocator(new ShardMemory(24 * 1024))
    const g = new Grouping(state, ['x', 'y'], false)
    const n = 8000
    const x = Column.alloc(n)
    x.bytes = utf8.encode(Array.from({ length: n }, (_, i) => String(10_000 + i)).join(''))
    for (let i = 0; i < n; i++) {
      x.kinds[i] = Kind.String
      x.i32[2 * i] = 5 * i
      x.i32[2 * i + 1] = 5
    }
    const out = new Int32Array(n)
    const refused = g.assignColumns(
      [x, null],
      n,
      Uint32Array.from({ length: n }, (_, i) => i * 2654435761),
      1,
      out,
    )
    expect(refused).toBeGreaterThan(0)
    expect(out.filter((id) => id === -1).length).toBe(refused)
    expect(g.tagValues(3)).toEqual(['10003', ''])
    expect(g.lastSeenMs(3)).toBe(1)
  })

  it('remembers times beyond 32 bits of milliseconds', () => {
    const { g } = grouping()
    const a = lookup(g, 'a', 1_795_000_000_123)
    expect(g.lastSeenMs(a)).toBe(1_795_000_000_123)
    lookup(g, 'a', 4_294_967_296_001)
    expect(g.lastSeenMs(a)).toBe(4_294_967_296_001)
  })

  it('behaves like a map under creation, freeing and reuse; generations tell users of an id apart', () => {
    const step = fc.record({ value: fc.nat(40), free: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const { g, memory } = grouping()
        const model = new Map<string, number>()
        const generations = new Map<number, number>()
        for (const s of steps) {
          const value = `v${s.value}`
          const { key, hash } = keyOf(value)
          const known = model.get(value)
          expect(g.find(key, key.length, hash)).toBe(known ?? -1)
          if (!s.free) {
            const id = lookup(g, value)
            if (known !== undefined) expect(id).toBe(known)
            else expect([...model.values()]).not.toContain(id)
            model.set(value, id)
            generations.set(id, g.generation(id))
          } else if (known !== undefined) {
            g.free(known)
            model.delete(value)
            expect(g.isAlive(known)).toBe(false)
            expect(g.generation(known)).toBe(generations.get(known)! + 1)
          }
          expect(g.size).toBe(model.size)
        }
        g.dispose()
        expect(memory.used).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('frees a group only when no operator holds it', () => {
    const { g } = grouping()
    const a = lookup(g, 'a')
    g.retain(a)
    g.retain(a)
    g.release(a)
    expect(g.freeIfUnused(a)).toBe(false)
    g.release(a)
    expect(g.freeIfUnused(a)).toBe(true)
    expect(g.freeIfUnused(a)).toBe(false)
    expect(lookup(g, 'b')).toBe(a)
  })

  it('names the least recently seen groups', () => {
    const { g } = grouping()
    for (let i = 0; i < 5000; i++) lookup(g, `h${i}`, 1_000_000 + ((i * 2477) % 5000) * 1000)
    const out: number[] = []
    g.oldest(500, out)
    expect(out.length).toBe(500)
    expect(Math.max(...out.map((id) => g.lastSeenMs(id)))).toBeLessThan(
      1_000_000 + 5000 * 1000 * (500 / 5000 + 2 / 256),
    )
  })

  it('refuses new groups when the budget is used up and still finds the old ones', () => {
    const { g } = grouping(64 * 1024)
    let n = 0
    while (lookup(g, `host-${n}`) >= 0) n++
    expect(n).toBeGreaterThan(100)
    expect(lookup(g, 'host-5')).toBe(5)
    g.free(5)
    expect(lookup(g, 'another')).toBe(5)
  })

  it('takes little for few groups', () => {
    const { g, memory } = grouping()
    lookup(g, 'a')
    expect(memory.used).toBeLessThanOrEqual(3 * 4096)
  })

  it('reads the parts of keys grouped by measurement, and by every tag', () => {
    const memory = new ShardMemory(MiB)
    const state = new StateAllocator(memory)
    const part = (s: string): number[] => [s.length, 0, ...utf8.encode(s)]
    const byName = new Grouping(state, ['a', 'b'], true)
    const key = Uint8Array.from([...part('cpu'), ...part('x'), ...part('')])
    const id = byName.lookup(key, key.length, 1, 0)
    expect([byName.groupName(id), byName.tagValues(id), byName.idText(id)]).toEqual(['cpu', ['x', ''], 'cpu\na=x,b='])
    const star = new Grouping(state, null, false)
    const all = Uint8Array.from([...part('h'), ...part('1'), ...part('zone'), ...part('eu')])
    const s = star.lookup(all, all.length, 1, 0)
    expect([star.tagNames(s), star.tagValues(s), star.idText(s)]).toEqual([['h', 'zone'], ['1', 'eu'], 'h=1,zone=eu'])
  })
})
