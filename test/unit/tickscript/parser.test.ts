import { describe, expect, it } from 'vitest'
import { ShardlineError } from '../../../src/errors.js'
import type { Expression } from '../../../src/tickscript/ast.js'
import { parse, parseLambdaBody } from '../../../src/tickscript/parser.js'

const operands = '"number","string","duration","identifier","TRUE","FALSE","==","(","-","!"'

function errorOf(script: string): string {
  try {
    parse(script)
  } catch (err) {
    if (!(err instanceof ShardlineError)) throw err
    return err.message
  }
  return 'none'
}

/** Fully parenthesised text of an expression, literals by their value. */
function shape(node: Expression): string {
  switch (node.type) {
    case 'binary':
      return `(${shape(node.left)} ${node.op} ${shape(node.right)})`
    case 'unary':
      return `${node.op}${shape(node.operand)}`
    case 'function':
      return `${node.name}(${node.args.map(shape).join(', ')})`
    case 'lambda':
      return `lambda: ${shape(node.expression)}`
    case 'list':
      return `[${node.items.map(shape).join(', ')}]`
    case 'chain':
      return `${shape(node.left)}${node.op}${shape(node.right)}`
    case 'identifier':
      return node.name
    case 'reference':
      return `"${node.name}"`
    case 'star':
      return '*'
    case 'regex':
      return `/${node.source}/`
    case 'duration':
      return `${node.ns}ns`
    case 'number':
      return typeof node.value === 'bigint' ? `${node.value}i` : `${node.value}`
    default:
      return JSON.stringify(node.value)
  }
}

function shapes(script: string): string[] {
  return parse(script).statements.map((s) => {
    if (s.type === 'declaration') return `var ${s.name.name} = ${shape(s.value)}`
    if (s.type === 'typeDeclaration') return `var ${s.name.name} ${s.varType.name}`
    if (s.type === 'dbrp') return `dbrp ${s.db.name} ${s.rp.name}`
    return shape(s)
  })
}

describe('errors with a position', () => {
  it.each([
    ['x = 5', `unexpected = line 1 char 3 in "x = 5". expected: ${operands}`],
    ['var _x = 5', `unexpected unknown state, last char: '_' line 1 char 5 in "var _x = 5". expected: "identifier"`],
    ['stream|from()|log', 'unexpected EOF line 1 char 18 in "from()|log". expected: "("'],
    [
      'stream|from()|where(lambda: "a" and TRUE)',
      'unexpected identifier line 1 char 33 in "mbda: "a" and TRUE)". expected: ")"',
    ],
    [
      'stream\n    |from() # comment',
      `unexpected unknown state, last char: '#' line 2 char 13 in "  |from() # comment". expected: ${operands}`,
    ],
    ['stream|from().where(lambda: "v" > )', `unexpected ) line 1 char 35 in "da: "v" > )". expected: ${operands}`],
    ['stream|from()|', 'unexpected EOF line 1 char 15 in "am|from()|". expected: "identifier"'],
    ['stream\n    |from())\n  |x()', `unexpected ) line 2 char 12 in "   |from())". expected: ${operands}`],
    ['var var = 1', 'unexpected var line 1 char 5 in "var var = 1". expected: "identifier"'],
    ['var TRUE = 1', 'unexpected TRUE line 1 char 5 in "var TRUE = 1". expected: "identifier"'],
    ['var l = [1, 2]', 'unexpected number line 1 char 10 in "var l = [1, 2]". expected: "identifier","string","*"'],
    ['stream|from(', `unexpected EOF line 1 char 13 in "ream|from(". expected: ${operands}`],
    [
      'stream|from().where(lambda "v" > 1)',
      'unexpected reference line 1 char 28 in "re(lambda "v" > 1)". expected: ")"',
    ],
    [
      "stream|from().where(lambda: \"v > 1)|httpOut('o')",
      `unexpected unterminated field reference line 1 char 29 in "e(lambda: "v > 1)|ht". expected: ${operands}`,
    ],
    [
      'stream|from().where(lambda: "v" =~ /abc)|httpOut(\'o\')',
      `unexpected unterminated regex line 1 char 36 in "a: "v" =~ /abc)|http". expected: ${operands}`,
    ],
    [
      "stream|from().measurement('''cpu)",
      `unexpected unterminated string line 1 char 27 in "asurement('''cpu)". expected: ${operands}`,
    ],
    ['var x = 1.2.3', `unexpected multiple decimals in number line 1 char 9 in "var x = 1.2.3". expected: ${operands}`],
    ['dbrp "a"', 'unexpected EOF line 1 char 9 in "dbrp "a"". expected: "."'],
    ['dbrp a', 'unexpected identifier line 1 char 6 in "dbrp a". expected: "reference"'],
    ['dbrp "a".b', 'unexpected identifier line 1 char 10 in "dbrp "a".b". expected: "reference"'],
    ['var x 5', 'unexpected number line 1 char 7 in "var x 5". expected: "identifier"'],
    ["var l = ['a' 'b']", 'unexpected string line 1 char 14 in " l = [\'a\' \'b\']". expected: "]"'],
    [
      "var l = ['a',, 'b']",
      'unexpected , line 1 char 14 in " l = [\'a\',, \'b\']". expected: "identifier","string","*"',
    ],
    ['x.5 .', `unexpected . line 1 char 5 in "x.5 .". expected: ${operands}`],
    ['lambda : x', `unexpected unknown state, last char: ':' line 1 char 8 in "lambda : x". expected: ${operands}`],
    ['stream|from() + 1', `unexpected + line 1 char 15 in "am|from() + 1". expected: ${operands}`],
    ['where((lambda: TRUE))', `unexpected lambda line 1 char 8 in "where((lambda: TR". expected: ${operands}`],
    ["['a'] + 'b'", `unexpected unknown state, last char: '+' line 1 char 7 in "['a'] + 'b'". expected: ${operands}`],
    ['lambda: f(lambda: x)', `unexpected lambda line 1 char 11 in "lambda: f(lambda: x)". expected: ${operands}`],
    [
      '"a" =~ /x/ == TRUE',
      `unexpected unknown state, last char: '=' line 1 char 12 in "a" =~ /x/ == TRUE". expected: ${operands}`,
    ],
    ['"a" // note\n > 1', `unexpected unknown state, last char: '>' line 2 char 2 in " > 1". expected: ${operands}`],
    ['lambda: "a" AND /x/', `unexpected / line 1 char 17 in ": "a" AND /x/". expected: ${operands}`],
    ['lambda: *', `unexpected * line 1 char 9 in "lambda: *". expected: ${operands}`],
    ['\ufeffx', `unexpected unknown state, last char: '\\ufeff' line 1 char 1 in "\ufeffx". expected: ${operands}`],
    ['x\u0001', `unexpected unknown state, last char: '\\x01' line 1 char 2 in "x\u0001". expected: ${operands}`],
    ["'x\\\\'", `unexpected unterminated string line 1 char 1 in "'x\\\\'". expected: ${operands}`],
  ])('%j', (script, text) => {
    expect(errorOf(script)).toBe(`parser: ${text}`)
  })

  it('columns count bytes of UTF-8', () => {
    expect(errorOf('éé $')).toContain(`'$' line 1 char 6 in "éé $"`)
    expect(errorOf("x\n'日本' $")).toContain('line 2 char 10 in "\'日本\' $"')
  })

  it('characters cut by the snippet show as U+FFFD per byte', () => {
    expect(errorOf("'日本語x' $")).toContain('in "\ufffd本語x\' $"')
    expect(errorOf("'😀😀x' $ 😀😀😀")).toContain('in "\ufffd\ufffd\ufffd😀x\' $ 😀😀"')
  })
})

describe('errors of literals', () => {
  it.each([
    ['var x = 08', 'illegal number syntax: "08"'],
    ['var x = 9223372036854775808', 'illegal number syntax: "9223372036854775808"'],
    ['var x = -9223372036854775808', 'illegal number syntax: "9223372036854775808"'],
    ['var x = 200000w', 'overflowed duration 200000w: choose a smaller duration or INF'],
    ['var x = 9223372036854775808s', 'invalid duration'],
    ['var x = /[/', 'error parsing regexp: missing closing ]: `[`'],
    ['var x = /a(b/', 'error parsing regexp: missing closing ): `a(b`'],
    ['var x = /[a\\//', 'error parsing regexp: missing closing ]: `[a/`'],
    // The literal comes before the token that does not fit.
    ['var x = 08 $', 'illegal number syntax: "08"'],
  ])('%j', (script, text) => {
    expect(errorOf(script)).toBe(`parser: ${text}`)
  })

  it('a token that does not fit is reported as such even when it is a bad literal', () => {
    expect(errorOf('var x = [08]')).toContain('unexpected number')
  })
})

describe('trees', () => {
  it.each([
    ['1 + 2 * 3', '(1i + (2i * 3i))'],
    ['1 * 2 + 3', '((1i * 2i) + 3i)'],
    ['1 - 2 - 3', '((1i - 2i) - 3i)'],
    ['"a" OR "b" AND "c" == 1 + 2 * 3', '("a" OR ("b" AND ("c" == (1i + (2i * 3i)))))'],
    ['"a" * 2 > 1 AND "b" < 2 OR TRUE', '((((("a" * 2i) > 1i) AND ("b" < 2i)) OR true)'.slice(1)],
    ['"a" == 1 < 2', '("a" == (1i < 2i))'],
    ['-"a" * 2', '(-"a" * 2i)'],
    ['!"a" == TRUE', '(!"a" == true)'],
    ['- -5', '--5i'],
    ['!!x', '!!x'],
    ['(1 + 2) * 3', '((1i + 2i) * 3i)'],
    ['"a" =~ /x/ AND TRUE', '(("a" =~ /x/) AND true)'],
    ['"a" =~ // x', '("a" =~ //) x'],
    ['a / b / c', '((a / b) / c)'],
    ['"a" > 1 // note\n AND TRUE', '(("a" > 1i) AND true)'],
    ['"a" // note\n - 5', '("a" - 5i)'],
    ['f(1) + 1', '(f(1i) + 1i)'],
    ['f(lambda: 1, [a, *], x|y(),) + g(h(1), 2,)', '(f(lambda: 1i, [a, *], x|y()) + g(h(1i), 2i))'],
    ["stream|from().a.b('x')@u()@v", 'stream|from().a.b("x")@u()@v'],
    ['x\ny|log()', 'x y|log()'],
    ['var x = // note\n5', 'var x = // note 5i'],
    ['var x int var y = 1', 'var x int var y = 1i'],
    ['dbrp "a"."b" x|y()', 'dbrp a b x|y()'],
    ['5 -5', '(5i - 5i)'],
    ['stream|from() -5', 'stream|from() -5i'],
    ['017 00 007.5 1. .5', '15i 0i 7.5 1 0.5'],
    [
      '1u 1µ 2ms 3s 4m 5h 1d 1w 0010m',
      '1000ns 1000ns 2000000ns 3000000000ns 240000000000ns 18000000000000ns 86400000000000ns 604800000000000ns 600000000000ns',
    ],
    ['1h30m', '3600000000000ns 1800000000000ns'],
    ['true and lambda', 'true and lambda'],
    ['größe\u00a0日本1_', 'größe 日本1_'],
    ["'a\\'b' 'a\\n' '' '''it's \\''' \"a\\\"b\" \"\"", '"a\'b" "a\\\\n" "" "it\'s \\\\" "a"b" ""'],
    ['x =~ /a\\/b\\d/', '(x =~ /a/b\\d/)'],
    ['9223372036854775807', '9223372036854775807i'],
    ['[]', '[]'],
  ])('%j', (script, expected) => {
    expect(shapes(script).join(' ')).toBe(expected)
  })

  it('positions are those of tokens, links and operators', () => {
    const [first] = parse('\n  é|from(1).b(2)').statements
    expect(first).toMatchObject({
      type: 'chain',
      op: '.',
      pos: { line: 2, char: 13, offset: 13 },
      right: { pos: { line: 2, char: 14 } },
      left: {
        pos: { line: 2, char: 5 },
        left: { pos: { line: 2, char: 3 } },
        right: { args: [{ pos: { char: 11 } }] },
      },
    })
  })

  it('lambda bodies are one expression', () => {
    expect(shape(parseLambdaBody('"a" > 1 AND x'))).toBe('(("a" > 1i) AND x)')
    expect(() => parseLambdaBody('"a" "b"')).toThrow('unexpected reference line 1 char 5 in ""a" "b"". expected: "EOF"')
    expect(() => parseLambdaBody('')).toThrow(`unexpected EOF line 1 char 1 in "". expected: ${operands}`)
    expect(() => parseLambdaBody('lambda: 1')).toThrow('unexpected lambda')
  })
})

describe('limits', () => {
  it('length', () => {
    expect(errorOf(' '.repeat(1 << 20))).toBe('none')
    expect(errorOf(' '.repeat((1 << 20) + 1))).toBe('parser: script is longer than 1048576 characters')
  })

  it.each([
    ['parentheses', '('.repeat(100_000)],
    ['unary operators', '-'.repeat(100_000)],
    ['calls', 'a|b('.repeat(50_000)],
    ['mixed', '-(!f('.repeat(50_000)],
    ['operators', `1${' + 1'.repeat(50_000)}`],
  ])('nested %s', (_, script) => {
    expect(errorOf(script)).toMatch(/^parser: expression is nested deeper than \d+ line 1 char \d+$/)
  })

  it.each([
    ['parentheses', `${'('.repeat(150)}1${')'.repeat(150)}`],
    ['parentheses behind operators', `${'1 + ('.repeat(150)}1${')'.repeat(150)}`],
    ['calls', `${'a|b(c, '.repeat(150)}1${')'.repeat(150)}`],
    ['lambda calls', `lambda: ${'f(1, -'.repeat(80)}1${')'.repeat(80)}`],
    ['operators', `1${' + 1'.repeat(900)}`],
    ['links', `a${'|b().c(1)'.repeat(5000)}`],
  ])('%s within the limits', (_, script) => {
    expect(errorOf(script)).toBe('none')
  })
})
