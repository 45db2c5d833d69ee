import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fnvOffset, fnvPrime, mixHash } from '../../../src/route/routes.js'
import { Grouping } from '../../../src/shard/grouping.js'
import { ShardMemory, StateAllocator } from '../../../src/shard/pages.js'

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

  it('looks up many keys at once like one by one', () => {
    const { g } = grouping()
    const values = Array.from({ length: 1000 }, (_, i) => `v${(i * 7) % 300}`)
    const parts = values.map(keyOf)
    const keys = new Uint8Array(parts.reduce((n, p) => n + p.key.length, 0))
    const starts = new Int32Array(values.length)
    const lengths = new Int32Array(values.length)
    const hashes = new Uint32Array(values.length)
    let at = 0
    parts.forEach((p, i) => {
      keys.set(p.key, at)
      starts[i] = at
      lengths[i] = p.key.length
      hashes[i] = p.hash
      at += p.key.length
    })
    const out = new Int32Array(values.length)
    expect(g.lookupMany(keys, starts, lengths, hashes, values.length, 5, out)).toBe(0)
    expect([...out]).toEqual(values.map((v) => lookup(g, v)))
    expect(g.size).toBe(300)
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
