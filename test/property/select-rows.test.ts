import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Chunk } from '../../src/columns/chunk.js'
import { RowSelector } from '../../src/operators/kit/select-rows.js'
import { Harness, pointText, type TestRow } from '../unit/operators/harness.js'

const cell = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.boolean(),
  fc.string({ maxLength: 5 }),
)
const row = fc.record({
  tags: fc.dictionary(fc.constantFrom('h', 'k'), fc.constantFrom('a', 'b')),
  fields: fc.dictionary(fc.constantFrom('v', 'w', 'x'), cell),
  ns: fc.bigInt({ min: 0n, max: 10n ** 18n }),
})

interface Input {
  tags: Record<string, string>
  fields: Record<string, bigint | number | boolean | string>
  ns: bigint
}

function rowsOf(list: readonly Input[]): TestRow[] {
  return list.map((r) => ({
    name: 'm',
    tags: new Map(Object.entries(r.tags)),
    fields: new Map(Object.entries(r.fields)),
    ns: r.ns,
  }))
}

function texts(chunk: Chunk | null): string[] {
  if (chunk === null) return []
  return Array.from({ length: chunk.n }, (_, r) => `${chunk.groups[r]} ${pointText(chunk, r, chunk.groups[r])}`)
}

const rows = fc.array(row, { minLength: 1, maxLength: 40 })
const seed = fc.infiniteStream(fc.boolean())

describe('row selection', () => {
  it('is the filter of the rows, also when a selector filters its own output', () => {
    fc.assert(
      fc.property(rows, seed, fc.integer({ min: 1, max: 4 }), (list, flags, rounds) => {
        const feed = new Harness().feed({ dims: ['h'], reads: ['v', 'h'] })
        const selector = new RowSelector()
        let chunk: Chunk | null = feed.chunk(rowsOf(list))
        let expected = texts(chunk)
        for (let i = 0; i < rounds && chunk !== null; i++) {
          const keep = Uint8Array.from({ length: chunk.n }, () => (flags.next().value ? 1 : 0))
          expected = expected.filter((_, r) => keep[r] === 1)
          chunk = selector.keep(chunk, keep)
          expect(texts(chunk)).toEqual(expected)
        }
      }),
    )
  })

  it('keeps windows, also empty ones, over their own rows', () => {
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 6 }), { minLength: 1, maxLength: 5 }), seed, (batches, flags) => {
        const feed = new Harness().feed({ dims: [] })
        const all = rowsOf(batches.flat())
        const chunk = feed.chunk(
          all,
          all.map(() => 0),
        )
        let at = 0
        const ends = batches.map((b) => (at += b.length))
        chunk.windows = {
          n: batches.length,
          groups: new Int32Array(batches.length),
          ms: new Float64Array(batches.length),
          sub: new Int32Array(batches.length),
          starts: Int32Array.from(ends, (e, i) => e - batches[i].length),
          ends: Int32Array.from(ends),
        }
        const before = texts(chunk)
        const keep = Uint8Array.from({ length: chunk.n }, () => (flags.next().value ? 1 : 0))
        const out = new RowSelector().keep(chunk, keep)!
        const after = texts(out)
        expect(out.windows!.n).toBe(batches.length)
        batches.forEach((b, w) => {
          const start = ends[w] - b.length
          const wanted = before.slice(start, ends[w]).filter((_, i) => keep[start + i] === 1)
          expect(after.slice(out.windows!.starts[w], out.windows!.ends[w])).toEqual(wanted)
        })
      }),
    )
  })
})
