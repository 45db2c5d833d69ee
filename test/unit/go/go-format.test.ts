import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatFixed,
  formatFloatF,
  formatFloatG,
  goQuote,
  parseFloat64,
  parseInt64,
  strconvError,
} from '../../../src/go/go-format.js'

describe('floats', () => {
  it.each([
    [9, '9', '9'],
    [0.0001, '0.0001', '0.0001'],
    [1e-5, '0.00001', '1e-05'],
    [999999, '999999', '999999'],
    [100000.5, '100000.5', '100000.5'],
    [1e6, '1000000', '1e+06'],
    [1234567, '1234567', '1.234567e+06'],
    [2.1e7, '21000000', '2.1e+07'],
    [123456789.125, '123456789.125', '1.23456789125e+08'],
    [1e20, '100000000000000000000', '1e+20'],
    [1e23, '100000000000000000000000', '1e+23'],
    [-1.5e-7, '-0.00000015', '-1.5e-07'],
    [1e-100, `0.${'0'.repeat(99)}1`, '1e-100'],
    [-0, '-0', '-0'],
    [Number.NaN, 'NaN', 'NaN'],
    [Infinity, '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf'],
  ])('%d', (v, f, g) => {
    expect(formatFloatF(v)).toBe(f)
    expect(formatFloatG(v)).toBe(g)
  })

  it('both forms read back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (v) => {
        expect(parseFloat64(formatFloatF(v))).toBe(v)
        expect(parseFloat64(formatFloatG(v))).toBe(v)
        expect(formatFloatF(v)).not.toContain('e')
      }),
    )
  })

  it.each([
    [10.5, 0, '10'],
    [11.5, 0, '12'],
    [0.5, 0, '0'],
    [2.5, 0, '2'],
    [0.125, 2, '0.12'],
    [0.375, 2, '0.38'],
    [1.005, 2, '1.00'],
    [82.9, 0, '83'],
    [-0.5, 0, '-0'],
    [0, 1, '0.0'],
    [1e15, 1, '1000000000000000.0'],
    [Infinity, 1, '+Inf'],
  ])('%d with %d decimals', (v, decimals, text) => {
    expect(formatFixed(v, decimals)).toBe(text)
  })
})

describe('reading numbers', () => {
  it.each([
    ['1_0.5e-3_', 'invalid syntax'],
    ['0x_1F.8p0', 31.5],
    ['0x1p1024', 'value out of range'],
    ['0x1p-1074', 5e-324],
    ['0x1p-1075', 0],
    ['0x1.8p-1075', 5e-324],
    ['0x1.00000000000008p0', 1],
    ['0x1.00000000000018p0', 1 + 2 ** -51],
    ['0x1.fffffffffffffp1023', Number.MAX_VALUE],
    ['-0x.8p1', -1],
    ['0xp1', 'invalid syntax'],
    ['1e', 'invalid syntax'],
    ['.', 'invalid syntax'],
    ['', 'invalid syntax'],
    ['+nan', 'invalid syntax'],
    ['+Inf', Infinity],
    ['1e-400', 0],
    ['1.', 1],
    ['\u0661', 'invalid syntax'],
  ])('float %s', (s, expected) => {
    expect(parseFloat64(s)).toBe(expected)
  })

  it('reads hexadecimal floats exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 2n ** 53n - 1n), fc.integer({ min: -1100, max: 960 }), (m, e) => {
        const expected = e < -500 ? Number(m) * 2 ** -500 * 2 ** (e + 500) : Number(m) * 2 ** e
        expect(parseFloat64(`0x${m.toString(16)}p${e}`)).toBe(expected)
      }),
    )
  })

  it.each([
    ['+12', 12n],
    ['-0', 0n],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['-9223372036854775809', 'value out of range'],
    ['1_0', 'invalid syntax'],
    ['0x10', 'invalid syntax'],
    ['', 'invalid syntax'],
    ['-', 'invalid syntax'],
  ])('int %s', (s, expected) => {
    expect(parseInt64(s)).toBe(expected)
  })

  it('names the function and quotes the input', () => {
    expect(strconvError('ParseInt', 'a"b', 'invalid syntax')).toBe('strconv.ParseInt: parsing "a\\"b": invalid syntax')
  })
})

describe('goQuote', () => {
  it.each([
    ['plain', '"plain"'],
    ['a"b\\', '"a\\"b\\\\"'],
    ['\n\t\x07\x1b\x7f', '"\\n\\t\\a\\x1b\\x7f"'],
    ['é😀', '"é😀"'],
    ['\u00a0\u2028\ufeff', '"\\u00a0\\u2028\\ufeff"'],
    ['\udcff', '"\\xff"'],
    ['\u{e0001}', '"\\U000e0001"'],
  ])('%j', (s, quoted) => {
    expect(goQuote(s)).toBe(quoted)
  })
})
