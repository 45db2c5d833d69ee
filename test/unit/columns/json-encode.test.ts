import { describe, expect, it } from 'vitest'
import {
  appendJsonString,
  compareBytewise,
  encodeResult,
  encodeRow,
  goJson,
  goJsonIndent,
  jsonFloat,
  jsonString,
  jsonValue,
} from '../../../src/columns/json-encode.js'
import { Duration, missing, Timestamp, type Value } from '../../../src/columns/values.js'

describe('json strings', () => {
  it.each([
    ['plain é', '"plain é"'],
    ['<b>&', '"\\u003cb\\u003e\\u0026"'],
    ['a"b\\', '"a\\"b\\\\"'],
    ['\n\r\t\b\u0001\u007f', '"\\n\\r\\t\\u0008\\u0001\u007f"'],
    ['\u2028\u2029', '"\\u2028\\u2029"'],
    ['😀', '"😀"'],
    ['\ud800x', '"\\ufffdx"'],
    ['x\ud800', '"x\\ufffd"'],
  ])('%j', (text, encoded) => {
    expect(jsonString(text)).toBe(encoded)
    expect(appendJsonString('>', text)).toBe('>' + encoded)
  })
})

describe('json values', () => {
  it.each<[Value, string]>([
    [1e-7, '1e-7'],
    [0.000001, '0.000001'],
    [1e21, '1e+21'],
    [1e20, '100000000000000000000'],
    [1, '1'],
    [-0, '-0'],
    [9007199254740993n, '9007199254740993'],
    [true, 'true'],
    [null, 'null'],
    [missing, '{}'],
    [new Duration(-1500n), '-1500'],
    [new Timestamp(1_500_001_200_300_000_000n), '"2017-07-14T03:00:00.3Z"'],
    [new Timestamp(-1n), '"1969-12-31T23:59:59.999999999Z"'],
  ])('%s', (value, encoded) => {
    expect(jsonValue(value)).toBe(encoded)
  })

  it('refuses NaN and infinities with the text of the original', () => {
    expect(() => jsonFloat(Number.NaN)).toThrow('json: unsupported value: NaN')
    expect(() => jsonFloat(1 / 0)).toThrow('json: unsupported value: +Inf')
    expect(() => jsonFloat(-1 / 0)).toThrow('json: unsupported value: -Inf')
  })
})

describe('rows', () => {
  it('leaves out what is empty', () => {
    expect(encodeRow({ name: '', tags: new Map(), columns: [], values: [] })).toBe('{}')
    expect(encodeRow({ name: 'm', tags: new Map([['h', '']]), columns: [], values: [] })).toBe(
      '{"name":"m","tags":{"h":""}}',
    )
  })

  it('sorts tags and keeps column order', () => {
    const tags = new Map([
      ['b', '2'],
      ['a', '1'],
    ])
    const row = { name: 'm', tags, columns: ['time', 'v'], values: [[new Timestamp(10_000_000_000n), 1n]] }
    const text = '{"name":"m","tags":{"a":"1","b":"2"},"columns":["time","v"],"values":[["1970-01-01T00:00:10Z",1]]}'
    expect(encodeResult([row, null])).toBe(`{"series":[${text},null]}`)
  })

  it('tells no rows from no list', () => {
    expect(encodeResult([])).toBe('{"series":[]}')
    expect(encodeResult(null)).toBe('{"series":null}')
  })

  it('orders by UTF-8 bytes', () => {
    const names = ['\uffee', '😀', 'b', 'a', 'ab', '']
    expect(names.sort(compareBytewise)).toEqual(['', 'a', 'ab', 'b', '\uffee', '😀'])
  })
})

describe('plain values', () => {
  it('indents as MarshalIndent does', () => {
    const value = { a: 1n << 60n, b: [], c: {}, d: [1, { x: '<' }], e: undefined, f: null }
    expect(goJsonIndent(value, 4)).toBe(
      '{\n    "a": 1152921504606846976,\n    "b": [],\n    "c": {},\n    "d": [\n        1,\n        {\n            "x": "\\u003c"\n        }\n    ],\n    "f": null\n}',
    )
    expect(goJson(value)).toBe('{"a":1152921504606846976,"b":[],"c":{},"d":[1,{"x":"\\u003c"}],"f":null}')
  })

  it('sorts maps', () => {
    expect(
      goJson(
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ),
    ).toBe('{"a":2,"b":1}')
  })
})
