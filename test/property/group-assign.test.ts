import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../src/columns/column.js'
import { LineRows } from '../../src/columns/line-rows.js'
import { GroupAssign } from '../../src/operators/kit/group-assign.js'
import { Grouping } from '../../src/state/grouping.js'
import { StateAllocator } from '../../src/state/pages.js'
import { Harness, type TestRow } from '../unit/operators/harness.js'

const value = fc.oneof(fc.constantFrom('', 'a', 'b', 'é', 'ab'), fc.string({ maxLength: 300, unit: 'grapheme' }))
const row = fc.record({
  name: fc.constantFrom('m', 'n', ''),
  tags: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'z'), value),
})
const rows = fc.array(row, { maxLength: 60 })

function testRow(r: { name: string; tags: Record<string, string> }): TestRow {
  return { name: r.name, tags: new Map(Object.entries(r.tags)), fields: new Map(), ns: 0n }
}

describe('group assignment', () => {
  it('is a one-to-one map of the key of a naive grouping', () => {
    const dimsOf = fc.option(fc.subarray(['a', 'b', 'c']), { nil: null })
    fc.assert(
      fc.property(rows, dimsOf, fc.boolean(), fc.boolean(), (list, dims, byName, asColumns) => {
        const harness = new Harness()
        const feed = harness.feed({ reads: asColumns ? ['a', 'b', 'c'] : [] })
        const grouping = new Grouping(new StateAllocator(harness.memory), dims, byName)
        const assign = new GroupAssign(grouping)
        const seen = new Map<string, number>()
        for (const r of list) {
          // One chunk per row so that names may differ.
          const out = new Int32Array(1)
          expect(assign.assign(feed.chunk([testRow(r)]), out, 1)).toBe(0)
          const named = dims === null ? Object.entries(r.tags).sort() : dims.map((d) => [d, r.tags[d] ?? ''])
          const key = JSON.stringify([byName ? r.name : '', named])
          expect(out[0]).toBe(seen.get(key) ?? seen.size)
          seen.set(key, out[0])
          expect(grouping.tagValues(out[0])).toEqual(named.map((t) => t[1]))
          expect(grouping.groupName(out[0])).toBe(byName ? r.name : '')
        }
        expect(grouping.size).toBe(seen.size)
      }),
    )
  })

  it('takes the tags of a written line as it decodes them, whatever their order', () => {
    const name = fc.constantFrom('a', 'b', 'ab', 'c', 'é')
    const text = fc.string({
      minLength: 1,
      maxLength: 6,
      unit: fc.constantFrom('a', 'B', '\\ ', '\\,', '\\=', 'ü', '.'),
    })
    const line = fc.uniqueArray(fc.tuple(name, text), { selector: (t) => t[0], maxLength: 5 })
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.subarray(['a', 'b']), fc.boolean(), (list, exclude, byName) => {
        const harness = new Harness()
        const bytes = encodeUtf8(list.map((l) => `m${l.map(([k, v]) => `,${k}=${v}`).join('')} v=1`).join('\n'))
        const starts: number[] = [0]
        for (let i = 0; i < bytes.length; i++) if (bytes[i] === 10) starts.push(i + 1)
        const lengths = starts.map((s, i) => (i + 1 < starts.length ? starts[i + 1] - 1 : bytes.length) - s)
        const rest = new LineRows().reset(bytes, 0, Int32Array.from(starts), Int32Array.from(lengths))
        const groups = (asWritten: boolean): number[] => {
          const chunk = harness.feed({ reads: [] }).chunk(list.map(() => testRow({ name: 'm', tags: {} })))
          chunk.rest = rest
          const grouping = new Grouping(new StateAllocator(harness.memory), null, byName)
          const out = new Int32Array(list.length)
          new GroupAssign(grouping, exclude, asWritten).assign(chunk, out, 1)
          return [...out]
        }
        expect(groups(true)).toEqual(groups(false))
      }),
    )
  })

  it('gives a chunk the same groups as its rows one by one', () => {
    fc.assert(
      fc.property(rows, fc.subarray(['a', 'b']), (list, dims) => {
        const harness = new Harness()
        const feed = harness.feed({})
        const same = list.map((r) => testRow({ ...r, name: 'm' }))
        const one = new GroupAssign(new Grouping(new StateAllocator(harness.memory), dims, false))
        const all = new GroupAssign(new Grouping(new StateAllocator(harness.memory), dims, false))
        const expected = same.map((r) => {
          const out = new Int32Array(1)
          one.assign(feed.chunk([r]), out, 1)
          return out[0]
        })
        const out = new Int32Array(same.length)
        all.assign(feed.chunk(same), out, 1)
        expect([...out]).toEqual(expected)
      }),
    )
  })
})
