import { afterEach, describe, expect, it } from 'vitest'
import type { Value } from '../../../src/columns/values.js'
import { functions } from '../../../src/lambda/functions/registry.js'
import { Duration, value } from './helpers.js'

const s = 1_000_000_000n

const conversions: [string, Value | string][] = [
  ["bool('true')", true],
  ["bool('F')", false],
  ['bool(0.0)', false],
  ['bool(1)', true],
  ['bool(2)', 'error: error calling "bool": cannot convert 2 to boolean'],
  ['bool(1.5)', 'error: error calling "bool": cannot convert 1.5 to boolean'],
  ["bool('yes')", 'error: error calling "bool": strconv.ParseBool: parsing "yes": invalid syntax'],
  ['int(-7.9)', -7n],
  ["int('+42')", 42n],
  ["int('-0')", 0n],
  ["int('9223372036854775807')", 9223372036854775807n],
  [
    "int('9223372036854775808')",
    'error: error calling "int": strconv.ParseInt: parsing "9223372036854775808": value out of range',
  ],
  ["int(' 1')", 'error: error calling "int": strconv.ParseInt: parsing " 1": invalid syntax'],
  ['int(TRUE)', 1n],
  ['int(1.0 / 0.0)', -9223372036854775808n],
  ["float('1e3')", 1000],
  ["float('1_000')", 1000],
  ["float('.5')", 0.5],
  ["float('+7')", 7],
  ["float('inf')", Infinity],
  ["float('-Infinity')", -Infinity],
  ["float('NaN')", Number.NaN],
  ["float('0x1p-2')", 0.25],
  ["float('0x1.8P1')", 3],
  ["float('0x10')", 'error: error calling "float": strconv.ParseFloat: parsing "0x10": invalid syntax'],
  ["float('nan-')", 'error: error calling "float": strconv.ParseFloat: parsing "nan-": invalid syntax'],
  ["float('1__0')", 'error: error calling "float": strconv.ParseFloat: parsing "1__0": invalid syntax'],
  ["float('1e400')", 'error: error calling "float": strconv.ParseFloat: parsing "1e400": value out of range'],
  ['float(3)', 3],
  ['string(1.0)', '1'],
  ['string(pow(10.0, 23.0))', '100000000000000000000000'],
  ['string(0.0000001)', '0.0000001'],
  ['string(-1.0 / 0.0)', '-Inf'],
  ['string(-7)', '-7'],
  ['string(TRUE)', 'true'],
  ['string(90m)', '90m'],
  ['string(7d)', '1w'],
  ['string(14d / 1.0)', '2w'],
  ['string(1h + 30m - 90m)', '0s'],
  ['string(-5m)', '-5m'],
  ['string(duration(8571428571.0, 1u) / 1000)', '8571428u'],
  ["string(duration('5m', 1s))", '5m'],
  ["duration('1h30m', 1s)", new Duration(5400n * s)],
  ["duration('-5m', 1s)", new Duration(-300n * s)],
  ["duration('1µ', 1s)", new Duration(1000n)],
  ['duration(14, 1d)', new Duration(14n * 86400n * s)],
  ['duration(2.5, 1m)', new Duration(150n * s)],
  ['duration(90s)', new Duration(90n * s)],
  ["duration('5', 1s)", 'error: error calling "duration": invalid duration string "5"'],
  [
    "duration('5m')",
    'error: Cannot call function "duration" with args (5m: string), available signatures are ' +
      '[(duration), (int,duration), (float,duration), (string,duration)].',
  ],
  [
    'int(1500ms)',
    'error: Cannot call function "int" with args (1.5s: duration), available signatures are ' +
      '[(boolean), (string), (int), (float)].',
  ],
]

describe('conversions', () => {
  it.each(conversions)('%s', (text, expected) => {
    expect(value(text)).toEqual(expected)
  })
})

const strings: [string, Value | string][] = [
  ["strContains('hello', 'ell')", true],
  ["strContains('hello', '')", true],
  ["strContainsAny('hello', 'xyz')", false],
  ["strContainsAny('hello', '')", false],
  ["strCount('cheese', 'e')", 3n],
  ["strCount('é😀x', '')", 4n],
  ["strCount('aaaa', 'aa')", 2n],
  ["strHasPrefix('hello', 'he')", true],
  ["strHasSuffix('hello', '')", true],
  ["strIndex('é1', '1')", 2n],
  ["strIndex('abc', 'z')", -1n],
  ["strIndexAny('héllo', 'lé')", 1n],
  ["strLastIndex('go gopher', 'go')", 3n],
  ["strLastIndexAny('hélloé', 'é')", 6n],
  ["strLastIndexAny('hello', 'xyz')", -1n],
  ["strLength('héllo')", 6n],
  ["strReplace('oink oink oink', 'k', 'ky', 2)", 'oinky oinky oink'],
  ["strReplace('oink oink', 'oink', 'moo', -1)", 'moo moo'],
  ["strReplace('abc', 'b', 'x', 0)", 'abc'],
  ["strReplace('aé', '', '-', -1)", '-a-é-'],
  ["strReplace('aé', '', '-', 2)", '-a-é'],
  ["strSubstring('abcdef', 1, 4)", 'bcd'],
  ["strSubstring('abc', 1, 1)", ''],
  [
    "strSubstring('abcdef', 0, 6)",
    'error: error calling "strSubstring": stop index too large for string in strSubstring: 6',
  ],
  ["strSubstring('abc', -1, 2)", 'error: error calling "strSubstring": found negative index for strSubstring: -1'],
  ["strSubstring('abc', 0, -2)", 'error: error calling "strSubstring": found negative index for strSubstring: -2'],
  ["strSubstring('héllo', 0, 2) + strSubstring('héllo', 2, 4)", 'hél'],
  ["strLength(strSubstring('héllo', 0, 2))", 2n],
  ["strToLower('ÀİΣ')", 'àiσ'],
  ["strToUpper('ßé')", 'ßÉ'],
  ["strToUpper('ŉᾳ')", 'ŉᾼ'],
  ["strTrim('xxhixx', 'x')", 'hi'],
  ["strTrim('😀hi😀', '😀')", 'hi'],
  ["strTrimLeft('xyhix', 'yx')", 'hix'],
  ["strTrimRight('xhixy', 'yx')", 'xhi'],
  ["strTrimPrefix('prepre', 'pre')", 'pre'],
  ["strTrimSuffix('sufsuf', 'suf')", 'suf'],
  ["strTrimSuffix('abc', '')", 'abc'],
  ["strTrimSpace('\u00a0 hi\t\u2003')", 'hi'],
  ["strTrimSpace('\ufeffx')", '\ufeffx'],
  ["regexReplace(/a(b)/, 'xaby', '$1Z')", 'xy'],
  ["regexReplace(/a(b)/, 'xaby', '$" + "{1}Z')", 'xbZy'],
  ["regexReplace(/(?P<n>b)/, 'abc', '<$n>$$')", 'a<b>$c'],
  ["regexReplace(/a*/, 'baaac', 'x')", 'xbxcx'],
  ["regexReplace(/a/, 'banana', '$0$0')", 'baanaanaa'],
  ["regexReplace(/a/, 'banana', '$')", 'b$n$n$'],
  ["regexReplace(/z/, 'abc', 'y')", 'abc'],
]

describe('strings', () => {
  it.each(strings)('%s', (text, expected) => {
    expect(value(text)).toEqual(expected)
  })

  it('works on the bytes of a field as on a literal', () => {
    for (const text of ['strContains("s", \'él\')', 'strHasPrefix("s", \'hé\')', 'strHasSuffix("s", \'lo\')']) {
      expect(value(text, { s: 'héllo' })).toBe(true)
      expect(value(text, { s: 'o' })).toBe(false)
    }
    expect(value('strLength("s")', { s: 'héllo' })).toBe(6n)
    expect(value('strLength("s")', {}, { s: '😀' })).toBe(4n)
  })
})

const misc: [string, Value][] = [
  ['humanBytes(0)', '0 B'],
  ['humanBytes(9)', '9 B'],
  ['humanBytes(999)', '999 B'],
  ['humanBytes(999.9)', '999 B'],
  ['humanBytes(1500)', '1.5 kB'],
  ['humanBytes(9999)', '10 kB'],
  ['humanBytes(10500)', '10 kB'],
  ['humanBytes(999999)', '1000 kB'],
  ['humanBytes(82854982)', '83 MB'],
  ['humanBytes(1000000000)', '1.0 GB'],
  ['humanBytes(123456789012)', '124 GB'],
  ['humanBytes(1000000000000000.0)', '1.0 PB'],
  ['humanBytes(-1)', '18 EB'],
  ['humanBytes(-1.0)', '18 EB'],
  ['humanBytes(9223372036854775807)', '9.2 EB'],
  ['humanBytes(18000000000000000000.0)', '18 EB'],
  ['humanBytes(18446744073709551615.0)', '9.2 EB'],
  ['humanBytes(1000000000000000000000.0)', '9.2 EB'],
  ['humanBytes(-1000000000000000000000.0)', '9.2 EB'],
  ['humanBytes(1.0 / 0.0)', '9.2 EB'],
  ['humanBytes(-1.0 / 0.0)', '9.2 EB'],
  ['humanBytes(0.0 / 0.0)', '9.2 EB'],
  ['if(TRUE, 1, 2)', 1n],
  ['minute("time")', 0n],
  ['day("time")', 14n],
  ['month("time")', 7n],
  ['year("time")', 2017n],
]

describe('misc', () => {
  it.each(misc)('%s', (text, expected) => {
    expect(value(text)).toEqual(expected)
  })
})

describe('time zone', () => {
  const before = process.env.TZ
  afterEach(() => {
    process.env.TZ = before
  })

  it('the parts of a time are those of the local zone', () => {
    process.env.TZ = 'Asia/Kolkata'
    expect(value('hour("time")')).toBe(8n)
    expect(value('minute("time")')).toBe(30n)
    process.env.TZ = 'America/Los_Angeles'
    expect(value('hour("time")')).toBe(20n)
    expect(value('day("time")')).toBe(13n)
    expect(value('unixNano("time")')).toBe(1_500_001_200_000_000_000n)
  })
})

describe('registry', () => {
  it('documents every function and its arguments', () => {
    expect(functions.length).toBe(82)
    for (const f of functions) {
      expect(f.doc, f.name).toMatch(/\.$/)
      for (const sig of f.signatures) expect(sig.args.length, f.name).toBeLessThanOrEqual(f.params.length)
    }
    expect(new Set(functions.map((f) => f.name)).size).toBe(functions.length)
  })
})
