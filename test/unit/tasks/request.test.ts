import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { globMatcher, parseGlob } from '../../../src/go/glob.js'
import { type JsonNumber, JsonSyntaxError, parseLosslessJson, plainJson } from '../../../src/go/lossless-json.js'
import { KeyedLock } from '../../../src/tasks/keyed-lock.js'
import { listParams, pageOf } from '../../../src/tasks/list-params.js'
import { decodeTaskRequest } from '../../../src/tasks/task-request.js'
import { storedVars } from '../../../src/tasks/vars.js'

describe('lossless JSON', () => {
  it('agrees with JSON.parse wherever doubles are exact', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain = JSON.stringify(plainJson(parseLosslessJson(text)), (_key, v: unknown) =>
          typeof v === 'bigint' ? Number(v) : v,
        )
        expect(plain).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  it('refuses what JSON.parse refuses', () => {
    const mutated = fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 })).map(([text, at, more]) => {
      const i = at % (text.length + 1)
      return text.slice(0, i) + more + text.slice(i + 1)
    })
    fc.assert(
      fc.property(mutated, (text) => {
        let valid = true
        try {
          JSON.parse(text)
        } catch {
          valid = false
        }
        if (valid) expect(() => parseLosslessJson(text)).not.toThrow()
        else expect(() => parseLosslessJson(text)).toThrow(JsonSyntaxError)
      }),
    )
  })

  it('keeps int64 and tells 5 from 5.0', () => {
    const [a, b, c] = parseLosslessJson('[9007199254740993, 5.0, -9223372036854775808]') as JsonNumber[]
    expect(a!.toInteger()).toBe(9007199254740993n)
    expect([a!.isInteger, b!.isInteger]).toEqual([true, false])
    expect(c!.toInteger()).toBe(-9223372036854775808n)
  })

  it('is bounded in depth and has no prototype', () => {
    expect(() => parseLosslessJson('['.repeat(100_000))).toThrow(JsonSyntaxError)
    expect(plainJson(parseLosslessJson('{"__proto__":{"a":1}}'))).not.toHaveProperty('a')
  })
})

describe('glob as path.Match', () => {
  it.each([
    ['', 'anything', true],
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*', 'a/b', false],
    ['a*/b', 'a/c/b', false],
    ['*c', 'abc', true],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', '-', true],
    ['[x\\-]', 'z', false],
    ['cf_list_*', 'cf_list_b', true],
    ['@(a|b)', 'a', false],
    ['{a,b}', 'a', false],
  ])('%s on %s: %s', (pattern, name, wanted) => {
    expect(globMatcher(pattern)(name)).toBe(wanted)
  })

  it.each(['[]a]', '[-]', '[x-]', '[-x]', '[', '[^', '[^bc', 'a[', '[a-b-c]', '\\'])(
    '%s is malformed and matches nothing',
    (pattern) => {
      expect(parseGlob(pattern)).toBeNull()
      expect(globMatcher(pattern)('a')).toBe(false)
    },
  )

  it('many stars take no long time', () => {
    const start = performance.now()
    expect(globMatcher(`${'a*'.repeat(500)}b`)('a'.repeat(5000))).toBe(false)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

it('list parameters', () => {
  const params = (query: string) => listParams(new URLSearchParams(query))
  expect(params('')).toMatchObject({ fields: [], offset: 0, limit: 100 })
  expect(params('fields=a&fields=b&offset=2&limit=-1')).toMatchObject({ fields: ['a', 'b'], offset: 2, limit: -1 })
  expect(() => params('offset=1.5')).toThrow(
    'invalid offset parameter "1.5" must be an integer: strconv.ParseInt: parsing "1.5": invalid syntax',
  )
  expect(() => params('limit=9223372036854775808')).toThrow('parsing "9223372036854775808": value out of range')
  expect(params('limit=%2B9223372036854775807').limit).toBe(2 ** 63)
})

it.each([
  ['', 'abcd'],
  ['limit=2', 'ab'],
  ['limit=0', ''],
  ['limit=-1', 'abcd'],
  ['limit=-5&offset=1', 'bcd'],
  ['offset=-3', 'abcd'],
  ['offset=3&limit=5', 'd'],
  ['offset=9', ''],
  ['limit=-1&pattern=[a-c]&offset=1', 'bc'],
])('the page %j of a list', (query, page) => {
  const items = [...'abcd'].map((id) => ({ id }))
  const found = pageOf(items, (item) => item.id, listParams(new URLSearchParams(query)))
  expect(found.map((item) => item.id).join('')).toBe(page)
})

describe('vars', () => {
  const stored = (vars: string) => storedVars(decodeTaskRequest(Buffer.from(`{"vars":${vars}}`)).vars)
  it('every type, as it is returned', () => {
    const vars = stored(`{
      "b":{"type":"bool","value":true},"i":{"type":"int","value":-5,"description":"d"},"f":{"type":"float","value":5},
      "s":{"type":"string","value":"x"},"r":{"type":"regex","value":"a/b"},"d":{"type":"duration","value":10},
      "e":{"type":"duration","value":"1h30m"},"n":{"type":"duration","value":"-5m"},"l":{"type":"lambda","value":"\\"a\\" > 1"},
      "li":{"type":"list","value":[{"type":"string","value":"a"},{"type":"star","value":null}]},"st":{"type":"star"}}`)
    expect(Object.fromEntries(Object.entries(vars).map(([k, v]) => [k, v.value]))).toEqual({
      b: true,
      i: -5,
      f: 5,
      s: 'x',
      r: 'a/b',
      d: 10,
      e: 5_400_000_000_000,
      n: -300_000_000_000,
      l: '"a" > 1',
      li: [
        { type: 'string', value: 'a', description: '' },
        { type: 'star', value: null, description: '' },
      ],
      st: null,
    })
    expect(vars.i!.description).toBe('d')
  })

  it.each([
    ['{"x":{"type":"int","value":9223372036854775808}}', 'invalid JSON'],
    ['{"x":{"type":"int","value":true}}', 'invalid JSON'],
    ['{"x":{"type":"float","value":"5"}}', 'invalid JSON'],
    ['{"x":{"type":"duration","value":"5 minutes"}}', 'invalid JSON'],
    ['{"x":{"type":"duration","value":""}}', 'invalid JSON'],
    ['{"x":{"type":"list","value":[{"type":"string"}]}}', 'invalid JSON'],
    ['{"x":5}', 'invalid JSON'],
    ['{"x":{"type":"string","value":5}}', 'invalid var x: unsupported Var type json.Number.'],
    ['{"x":{"type":"string","value":null}}', 'invalid var x: unsupported Var type <nil>.'],
    ['{"x":{"type":"lambda","value":true}}', 'invalid var x: mismatched type and value: lambda bool'],
    ['{"x":{"type":"bool","value":"true"}}', 'invalid var x: unexpected var type bool, value is a string'],
    ['{"x":{"type":"list","value":[{"type":"int","value":5}]}}', 'invalid var x: unsupported Var type json.Number.'],
  ])('%s', (vars, text) => {
    expect(() => stored(vars)).toThrow(text)
  })
})

it('operations with a common key follow each other, others do not wait', async () => {
  const lock = new KeyedLock()
  const log: string[] = []
  let open = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const slow = lock.run(['a'], async () => {
    await gate
    log.push('slow')
  })
  const both = lock.run(['a', 'b'], async () => log.push('both'))
  const crossed = lock.run(['b', 'a'], async () => log.push('crossed'))
  const failed = lock.run(['a'], async () => {
    throw new Error('no')
  })
  const after = lock.run(['a'], async () => log.push('after'))
  await lock.run(['c'], async () => log.push('other'))
  expect(log).toEqual(['other'])
  open()
  await Promise.all([slow, both, crossed, after])
  await expect(failed).rejects.toThrow('no')
  expect(log).toEqual(['other', 'slow', 'both', 'crossed', 'after'])
})
