import { describe, expect, it } from 'vitest'
import type { GroupInfo } from '../../../src/columns/chunk.js'
import { missing, type Value } from '../../../src/columns/values.js'
import {
  chunkOf,
  columnOf,
  compiled,
  compileText,
  evaluateAll,
  interpreted,
  noGrouping,
  type RowInput,
  testAll,
} from './helpers.js'

const ways = [
  ['interpreted', interpreted],
  ['compiled', compiled],
] as const

/** Groups 0 and 1 with tags host and dc. */
const grouping: GroupInfo = {
  ...noGrouping,
  tagNames: () => ['dc', 'host'],
  tagValues: (g) =>
    [
      ['x', 'é1'],
      ['y', ''],
    ][g],
}

describe.each(ways)('references, %s', (_, tuning) => {
  it('a name may be a field in one row and a tag in the next; both is an error of that row', () => {
    const rows: RowInput[] = [
      { fields: { x: 'f', v: 1 } },
      { tags: { x: 'tag' }, fields: { v: 1 } },
      { fields: { x: 'f', v: 1 }, tags: { x: 'tag' } },
      { fields: { v: 1 } },
      { fields: { x: 2n, v: 1 } },
    ]
    const { values, errors } = evaluateAll(compileText('"x"', tuning), chunkOf(rows))
    expect(values).toEqual(['f', 'tag', 'error', 'error', 2n])
    expect(errors).toEqual({ count: 2, first: 'cannot have field and tags with same name "x"' })
  })

  it('an earlier result counts only where the row has neither field nor tag', () => {
    const chunk = chunkOf([{ fields: { a: 1 } }, { fields: { b: 2 } }, { tags: { a: 't' } }])
    const scope = [
      { name: 'a', column: columnOf(['old', 'old', 'old']) },
      { name: 'a', column: columnOf(['s0', 's1', missing]) },
      { name: 'c', column: columnOf([7n, 8n, 9n]) },
    ]
    expect(evaluateAll(compileText('"a"', tuning), chunk, null, scope).values).toEqual([1, 's1', 't'])
    expect(evaluateAll(compileText('"c" + 1', tuning), chunk, null, scope).values).toEqual([8n, 9n, 10n])
    expect(evaluateAll(compileText('"c" + 1', tuning), chunk).values).toEqual(['error', 'error', 'error'])
  })

  it('takes the tags of a group where rows carry nothing else', () => {
    const chunk = chunkOf([{ fields: { v: 1 } }, { fields: { v: 2 } }, { fields: { v: 3 } }], grouping)
    chunk.groupTags = true
    chunk.groups.set([0, 1, 0])
    const l = compileText('"dc" + \'/\' + "host"', tuning)
    expect(evaluateAll(l, chunk).values).toEqual(['x/é1', 'y/', 'x/é1'])
    expect(testAll(compileText('"host" == \'é1\'', tuning), chunk).outcomes).toEqual([1, 0, 1])
    const renamed = chunk.derive()
    renamed.setTag('dc', columnOf(['a', 'b', 'c']))
    expect(evaluateAll(l, renamed).values).toEqual(['a/é1', 'b/', 'c/é1'])
    const hidden = chunk.derive()
    hidden.hideTag('host')
    expect(evaluateAll(l, hidden).errors).toEqual({
      count: 3,
      first:
        'mismatched type to binary operator. got string + missing. see bool(), int(), float(), string(), duration()',
    })
  })

  it('finds the group of a row of a window', () => {
    const chunk = chunkOf(
      [1, 2, 3, 4].map((v) => ({ fields: { v } })),
      grouping,
    )
    chunk.groupTags = true
    chunk.groups.fill(99)
    chunk.windows = {
      n: 3,
      groups: Int32Array.from([1, 0, 0]),
      ms: new Float64Array(3),
      sub: new Int32Array(3),
      starts: Int32Array.from([0, 2, 2]),
      ends: Int32Array.from([2, 2, 4]),
    }
    expect(evaluateAll(compileText('"dc"', tuning), chunk).values).toEqual(['y', 'y', 'x', 'x'])
  })

  it('serves only the selected rows, in their order', () => {
    const values: Value[] = [1, 2, 'x', 4, missing]
    const chunk = chunkOf(values.map((v): RowInput => ({ fields: { v } })))
    const out = new Uint8Array(4).fill(9)
    const l = compileText('"v" > 1.0', tuning)
    l.test(chunk, Int32Array.from([3, 0, 2]), 3, null, out)
    expect([...out]).toEqual([1, 0, 2, 9])
    expect(l.errors.first).toBe(
      'mismatched type to binary operator. got string > float. see bool(), int(), float(), string(), duration()',
    )
  })

  it('copies string results: the input may go away', () => {
    const chunk = chunkOf([{ tags: { host: 'serverA' } }, { tags: { host: 'b' } }])
    const l = compileText('"host"', tuning)
    const out = columnOf(['', ''])
    const foreign = out.bytes
    l.evaluate(chunk, null, [], out, new Uint8Array(2))
    chunk.tag('host')!.bytes.fill(0)
    expect(out.get(0)).toBe('serverA')
    expect(out.get(1)).toBe('b')
    expect(out.bytes).not.toBe(foreign)
  })

  it('bounds the length of strings and of a chunk of them', () => {
    const long = chunkOf([{ fields: { s: 'x'.repeat(60_000) } }, { fields: { s: 'y' } }])
    for (const text of [
      '"s" + "s" + "s" + "s" + "s"',
      'strReplace("s", \'\', "s", -1)',
      "strReplace(\"s\", 'x', '12345', -1)",
      'regexReplace(/x/, "s", \'12345\')',
    ]) {
      const { values, errors } = evaluateAll(compileText(text, tuning), long)
      expect(values[0], text).toBe('error')
      expect(values[1], text).not.toBe('error')
      expect(errors.count).toBe(1)
      expect(errors.first).toContain('result of a string function is too long')
    }
    const many = chunkOf(new Array(1200).fill({ fields: { s: 'x'.repeat(60_000) } }))
    const { values, errors } = evaluateAll(compileText('"s" + "s" + "s"', tuning), many)
    expect(errors.first).toBe('the strings of one chunk of results are too long')
    expect(errors.count).toBeGreaterThan(0)
    expect(values[0]).toHaveLength(180_000)
    expect(values[1199]).toBe('error')
  })

  it('string functions stay near linear on long data', () => {
    const half = 'aé'.repeat(20_000)
    const chunk = chunkOf([{ fields: { s: half, t: half.replaceAll('a', 'b').replaceAll('é', 'ü') } }])
    const started = performance.now()
    for (const text of [
      "strReplace(\"s\", '', '-', -1)",
      'strTrim("s", "s")',
      'strIndexAny("s", "t")',
      'strLastIndexAny("s", "t")',
      'strToUpper("s")',
      'strTrimSpace("s")',
      'strCount("s", \'aé\')',
    ]) {
      expect(evaluateAll(compileText(text, tuning), chunk).errors.count, text).toBe(0)
    }
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('keeps bytes that are not UTF-8', () => {
    const chunk = chunkOf([{ fields: { s: 'abcd' } }])
    chunk.field('s')!.bytes.set([0xc3, 0x41, 0xff, 0xa9])
    const bytesOf = (text: string) => {
      const out = columnOf([''])
      compileText(text, tuning).evaluate(chunk, null, [], out, new Uint8Array(1))
      return [...out.bytes.slice(out.i32[0], out.i32[0] + out.i32[1])]
    }
    expect(bytesOf('"s"')).toEqual([0xc3, 0x41, 0xff, 0xa9])
    expect(bytesOf('"s" + \'!\'')).toEqual([0xc3, 0x41, 0xff, 0xa9, 0x21])
    expect(bytesOf('strSubstring("s", 0, 1) + strTrimLeft(strSubstring(\'xé\', 2, 2) + "s", \'\')')).toEqual([
      0xc3, 0xc3, 0x41, 0xff, 0xa9,
    ])
  })

  it('lists the names in scope that a call misses', () => {
    expect(
      evaluateAll(compileText('abs("zz") > "v" AND hour("time") > 0', tuning), chunkOf([{ fields: { v: 1 } }])).errors
        .first,
    ).toBe('Cannot call function "abs" argument "zz" is missing, values in scope are ["v", "time"]')
  })
})

describe('signatures', () => {
  it('beyond the bound of remembered signatures rows are still served', () => {
    const kinds: Value[] = [1, 2n, 'a', true, missing]
    const rows = kinds.flatMap((a) => kinds.flatMap((b) => kinds.map((c): RowInput => ({ fields: { a, b, c } }))))
    const chunk = chunkOf(rows)
    const text = 'isPresent("a") AND "b" > 0 OR isPresent("c")'
    const bounded = testAll(compileText(text, { compileAfterRows: 0, maxEntries: 7 }), chunk)
    expect(bounded).toEqual(testAll(compileText(text, interpreted), chunk))
    expect(bounded).toEqual(testAll(compileText(text, compiled), chunk))
    expect(new Set(bounded.outcomes)).toEqual(new Set([0, 1, 2]))
  })

  it('more than twelve references are told apart', () => {
    const names = 'abcdefghijklmnop'.split('')
    const text = names.map((n) => `"${n}"`).join(' + ')
    const all = Object.fromEntries(names.map((n) => [n, 1]))
    const chunk = chunkOf([{ fields: all }, { fields: { ...all, a: 1n } }, { fields: { ...all, p: 1n } }])
    expect(evaluateAll(compileText(text, compiled), chunk).values).toEqual([16, 'error', 'error'])
  })

  it('a signature is compiled once it has had enough rows, with the same results', () => {
    const l = compileText('"v" * 2.0', { compileAfterRows: 3 })
    const chunk = chunkOf([{ fields: { v: 1 } }, { fields: { v: 2 } }])
    for (let k = 0; k < 4; k++) expect(evaluateAll(l, chunk).values).toEqual([2, 4])
  })

  it('a chain of a thousand operands works both ways; deeper is refused', () => {
    const chain = (n: number) => Array.from({ length: n }, () => '"v"').join(' + ')
    const chunk = chunkOf([{ fields: { v: 1 } }])
    for (const [, tuning] of ways) expect(evaluateAll(compileText(chain(900), tuning), chunk).values).toEqual([900])
    expect(() => compileText(chain(1200))).toThrow(/nested/)
  })
})
