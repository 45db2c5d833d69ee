import { describe, expect, it } from 'vitest'
import type { Value } from '../../../src/columns/values.js'
import { type Cells, compileText, Duration, predicate, value } from './helpers.js'

const m = 60_000_000_000n
const s = 1_000_000_000n

const values: [string, Cells, Value][] = [
  ['"a" + "b"', { a: 7n, b: 2n }, 9n],
  ['"a" / "b"', { a: -7n, b: 2n }, -3n],
  ['"a" % "b"', { a: -7n, b: 3n }, -1n],
  ['"a" * "b"', { a: 3037000500n, b: 3037000500n }, -9223372036709301616n],
  ['"v" + 1', { v: 9223372036854775807n }, -9223372036854775808n],
  ['"v" * 2', { v: -9223372036854775808n }, 0n],
  ['-"v"', { v: -9223372036854775808n }, -9223372036854775808n],
  ['"v" + 1', { v: 9007199254740991n }, 9007199254740992n],
  ['"v" - 1', { v: -9007199254740991n }, -9007199254740992n],
  ['9007199254740993 == 9007199254740992.0', {}, true],
  ['"x" - "y"', { x: 7.5, y: 2.5 }, 5],
  ['"x" / 0.0', { x: 1 }, Infinity],
  ['-"x"', { x: 0 }, -0],
  ['"s" + \'!\'', { s: 'hello' }, 'hello!'],
  ['"s" < \'hello\'', { s: 'World' }, true],
  ['"s" < "t"', { s: '\u{1f600}', t: '\uff5e' }, false],
  ['"p" AND "q"', { p: true, q: false }, false],
  ['"p" == "q"', { p: false, q: false }, true],
  ['-"p"', { p: true }, false],
  ['!"p"', { p: false }, true],
  ['1m + 30s', {}, new Duration(90n * s)],
  ['2 * 90s', {}, new Duration(180n * s)],
  ['1.5 * 2m', {}, new Duration(3n * m)],
  ['1h / 4', {}, new Duration(15n * m)],
  ['1m / 1.5', {}, new Duration(40n * s)],
  ['1m / 7s', {}, 8n],
  ['90s > 1m', {}, true],
  ['1m / 0.0', {}, new Duration(-(2n ** 63n))],
  ['"i" > 1.5', { i: 2n }, true],
  ['"f" != "f"', { f: Number.NaN }, true],
  ['"f" >= "f"', { f: Number.NaN }, false],
  ['"s" =~ /^h.*o$/', { s: 'hello' }, true],
  ['"s" !~ /(?i)WORLD/', { s: 'World' }, false],
  ['isPresent("zz")', {}, false],
  ['!isPresent("zz")', {}, true],
  ['isPresent(-"zz")', {}, false],
  ['isPresent("v")', { v: 1 }, true],
  ['isPresent("zz") AND "zz" > 1', {}, false],
  ['if(isPresent("zz") AND "zz" > 1, 1, 2)', {}, 2n],
  ['FALSE AND "zz" > 1', {}, false],
  ['TRUE OR "zz" > 1', {}, true],
  ['"b" OR "zz" > 1', { b: true }, true],
  ["if(\"p\", 'a', 'b')", { p: false }, 'b'],
  ['if("p", 1s, 2s) + 0s', { p: true }, new Duration(s)],
  ['unixNano("time")', {}, 1_500_001_200_000_000_000n],
  ['hour("time") + weekday("time")', {}, 8n],
  ['unixNano(now()) > unixNano("time")', {}, true],
  ['"duration" * 2', { duration: new Duration(m) }, new Duration(2n * m)],
]

describe('values', () => {
  it.each(values)('%s of %o', (text, fields, expected) => {
    expect(value(text, fields)).toEqual(expected)
  })

  it('reads tags as strings', () => {
    expect(value('"host" + \'-\' + "dc"', {}, { host: 'a', dc: 'x' })).toBe('a-x')
    expect(value('"host" == \'a\'', {}, { host: 'b' })).toBe(false)
  })
})

const mismatch = (types: string) =>
  `mismatched type to binary operator. got ${types}. see bool(), int(), float(), string(), duration()`

const valueErrors: [string, Cells, string][] = [
  ['"a" + "x"', { a: 7n, x: 1 }, mismatch('int + float')],
  ['"a" * 2.0', { a: 7n }, mismatch('int * float')],
  ['"x" % "y"', { x: 1, y: 2 }, 'invalid math operator % for type float'],
  ['"p" + "p"', { p: true }, 'invalid math operator + for type boolean'],
  ['"p" < "p"', { p: true }, 'invalid comparison operator < for type boolean'],
  ['"i" AND "p"', { i: 1n, p: true }, 'invalid logical operator AND for type int'],
  ['"zz" + 1', {}, 'invalid math operator + for type missing'],
  ['1 + "zz"', {}, mismatch('int + missing')],
  ['"zz" > 1', {}, 'left reference value "zz" is missing value'],
  ['1 > "zz"', {}, 'right reference value "zz" is missing value'],
  ['"zz" == "zz"', {}, 'left reference value "zz" is missing value'],
  ['-"zz" > 1', {}, 'expected leftEvaluator to be *EvalReferenceNode got *stateful.EvalUnaryNode'],
  ['"zz"', {}, 'missing value: "zz"'],
  ['-"zz"', {}, 'reference "zz" is missing value'],
  ['"b" OR "zz"', { b: true }, 'right reference value "zz" is missing value'],
  ['FALSE AND "zz"', {}, 'right reference value "zz" is missing value'],
  ['isPresent("zz" + 1)', {}, 'Failed to handle 1 argument: invalid math operator + for type missing'],
  ['"time"', {}, 'expression returned unexpected type time'],
  ['/a/', {}, 'expression returned unexpected type regex'],
  ['-"s"', { s: 'a' }, 'TypeGuard: expression returned unexpected type invalid type, expected string'],
  ['-"s" == \'a\'', { s: 'a' }, 'TypeGuard: expression returned unexpected type invalid type, expected string'],
  ["-'lit' == 'lit'", {}, 'TypeGuard: expression returned unexpected type invalid type, expected string'],
  ['!"i"', { i: 1n }, 'TypeGuard: expression returned unexpected type int, expected boolean'],
  ['"a" / 0', { a: 1n }, 'runtime error: integer divide by zero'],
  ['"a" % "b"', { a: 1n, b: 0n }, 'runtime error: integer divide by zero'],
  ['1m / 0s', {}, 'runtime error: integer divide by zero'],
  ['1m / "b"', { b: 0n }, 'runtime error: integer divide by zero'],
  ['now() - 5m', {}, 'invalid math operator - for type time'],
  ['nosuch("x")', { x: 1 }, 'undefined function: "nosuch"'],
  ['abs("i")', { i: 5n }, 'Cannot call function "abs" with args ("i": int), available signatures are [(float)].'],
  [
    'strContains("i", \'x y\')',
    { i: 5n },
    'Cannot call function "strContains" with args ("i": int,x y: string), available signatures are [(string,string)].',
  ],
  ['abs(5 + 1)', {}, 'Cannot call function "abs" with args (5 + 1: int), available signatures are [(float)].'],
  [
    'abs(int("f"))',
    { f: 1 },
    'Cannot call function "abs" with args (int("f"): int), available signatures are [(float)].',
  ],
  ['abs(5m)', {}, 'Cannot call function "abs" with args (5m0s: duration), available signatures are [(float)].'],
  ['abs("zz")', {}, 'Cannot call function "abs" argument "zz" is missing, values in scope are []'],
  [
    'max("zz", "yy") > "a"',
    { a: 1 },
    'Cannot call function "max" arguments "zz", "yy" are missing, values in scope are ["a"]',
  ],
  [
    'if("p", 1, 2.0)',
    { p: true },
    'Cannot call function "if" with args ("p": boolean,1: int,2: float), available signatures are ' +
      '[(boolean,float,float), (boolean,int,int), (boolean,string,string), (boolean,boolean,boolean), ' +
      '(boolean,regex,regex), (boolean,time,time), (boolean,duration,duration)].',
  ],
  [
    'isPresent("time")',
    {},
    'Cannot call function "isPresent" with args ("time": time), available signatures are ' +
      '[(missing), (boolean), (string), (int), (float)].',
  ],
  [
    'abs(1.0, 2.0, 3.0, 4.0, 5.0)',
    {},
    'Cannot call function "abs" with args (1: float,2: float,3: float,4: float,5: float), ' +
      'available signatures are [(float)].',
  ],
  ['int("s")', { s: '1.5' }, 'error calling "int": strconv.ParseInt: parsing "1.5": invalid syntax'],
  [
    'abs(float("s"))',
    { s: 'abc' },
    'Failed to handle 1 argument: error calling "float": strconv.ParseFloat: parsing "abc": invalid syntax',
  ],
  ['strSubstring("s", 3, 1)', { s: 'abcdef' }, 'runtime error: slice bounds out of range [3:1]'],
  ['strLength(strSubstring("s", 3, 1))', { s: 'abcdef' }, 'runtime error: slice bounds out of range [3:1]'],
  ['"n" == 1', { n: null }, 'referenced value "n" is nil.'],
]

describe('errors of values', () => {
  it.each(valueErrors)('%s of %o', (text, fields, expected) => {
    expect(value(text, fields)).toBe(`error: ${expected}`)
  })

  it('refuses a name that is field and tag, also where it would not be evaluated', () => {
    const text = 'error: cannot have field and tags with same name "x"'
    expect(value('"x" == 1', { x: 1n }, { x: 'a' })).toBe(text)
    expect(predicate('TRUE OR "x" == 1', { x: 1n }, { x: 'a' })).toBe(text)
    expect(predicate('"y" == 1', { x: 1n, y: 1n }, { x: 'a' })).toBe(true)
  })
})

const predicateErrors: [string, Cells, string][] = [
  ['"a" + "b"', { a: 1n, b: 2n }, 'expression returned unexpected type int64'],
  ['"a" + "b"', { a: 1, b: 2 }, 'expression returned unexpected type float64'],
  ['"a" + "b"', { a: 'x', b: 'y' }, 'expression returned unexpected type <nil>'],
  ['"f"', { f: 1 }, 'TypeGuard: expression returned unexpected type float, expected boolean'],
  ['5', {}, 'TypeGuard: expression returned unexpected type int, expected boolean'],
  ['abs("f")', { f: 1 }, 'TypeGuard: expression returned unexpected type float, expected boolean'],
  ['"zz"', {}, 'reference "zz" is missing value'],
  ['!"zz"', {}, 'reference "zz" is missing value'],
  ['"zz" + 1', {}, 'invalid math operator + for type missing'],
  ['1 / 0 == 1', {}, 'runtime error: integer divide by zero'],
  ['!"b" AND "v" > 0.0', { b: 'x', v: 1 }, 'TypeGuard: expression returned unexpected type string, expected boolean'],
]

describe('predicates', () => {
  it.each(predicateErrors)('%s of %o fails', (text, fields, expected) => {
    expect(predicate(text, fields)).toBe(`error: ${expected}`)
  })

  it.each([
    ['"host" == "server1"', {}, { host: 'x', server1: 'x' }, true],
    ['!"b" AND "v" > 0.0', { b: false, v: 1 }, {}, true],
    ['"p" AND ("a" / "q0" > 0)', { p: false, a: 1n }, {}, false],
    ['"i" > 1 OR "i" < -1', { i: 0n }, {}, false],
  ] as [string, Cells, Record<string, string>, boolean][])('%s', (text, fields, tags, expected) => {
    expect(predicate(text, fields, tags)).toBe(expected)
  })
})

describe('enable-time errors', () => {
  it.each([
    ['TRUE + TRUE', 'invalid math operator + for type boolean'],
    ['1.0 % 2.0', 'invalid math operator % for type float'],
    ['1 + 1.0', mismatch('int + float')],
    ['(1 + 1.0) > "x"', `Failed to handle left node: ${mismatch('int + float')}`],
    ['"x" > (1 + 1.0)', `Failed to handle right node: ${mismatch('int + float')}`],
    ['abs(1.0, 1 + 1.0)', `Failed to handle 2 argument: ${mismatch('int + float')}`],
    ['!(1 + 1.0)', `Failed to handle node: ${mismatch('int + float')}`],
    [
      '"a" > abs(!(1 + 1.0))',
      `Failed to handle right node: Failed to handle 1 argument: Failed to handle node: ${mismatch('int + float')}`,
    ],
    ['"x" == *', 'Failed to handle right node: Given node type is not valid evaluation node: *ast.StarNode'],
    ['x > 1', 'Failed to handle left node: Given node type is not valid evaluation node: *ast.IdentifierNode'],
    ["TRUE AND 'a'", mismatch('boolean AND string')],
    ["'a' AND TRUE", 'invalid logical operator AND for type string'],
    ["-'a' + 1", mismatch('string + int')],
  ])('%s', (text, expected) => {
    expect(() => compileText(text)).toThrow(expect.objectContaining({ message: expected, status: 500 }))
  })
})
