import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShardlineError } from '../../src/errors.js'
import { evaluateConstant } from '../../src/lambda/constant.js'
import { operatorRegistry } from '../../src/operators/registry.js'
import type { Expression, Program } from '../../src/tickscript/ast.js'
import { evaluate } from '../../src/tickscript/evaluate.js'
import { format } from '../../src/tickscript/format.js'
import { parse } from '../../src/tickscript/parser.js'

/** Text between two tokens: blanks, newlines and now and then a comment, which is fine before operands. */
const gap = fc.constantFrom('', '', '', ' ', ' ', '\n', '  \n ', '\t')
const comment = fc.constantFrom('', '', '', ' // note\n', '\n// a\n// b\n\n// c\n', ' //\n')

const name = fc.constantFrom('x', 'y', 'largeName1', 'größe', 'a_b', 'stream')
const literal = fc.oneof(
  fc.constantFrom('1', '017', '0', '1.5', '.25', '3.', '10s', '5m', '2w', '7µ', 'TRUE', 'FALSE', "''", '"" '),
  fc.constantFrom("'it\\'s'", "'''raw 'q' '''", '"a b"', '"q\\"uote"', "'//no comment'", "'multi\nline'"),
)
const regex = fc.constantFrom('/a.b/', '/x\\/y/', '//', '/[a-z]+$/')
const comparison = fc.constantFrom('==', '!=', '<', '<=', '>', '>=')
const operator = fc.oneof(comparison, fc.constantFrom('+', '-', '*', '/', '%', ' AND ', ' OR '))

/** Scripts; `chainArguments`: calls may have chains among their arguments, which formatting spreads over lines. */
function scripts(chainArguments: boolean): fc.Arbitrary<string> {
  const { expression, lambda, list, chain } = fc.letrec<Record<string, string>>((tie) => ({
    operand: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      literal,
      name.map((n) => `${n} `),
      fc.tuple(gap, tie('binary'), gap).map(([a, e, b]) => `(${a}${e}${b})`),
      fc.tuple(fc.constantFrom('-', '!'), tie('operand')).map(([op, e]) => op + e),
      fc
        .tuple(name, fc.array(tie('binary'), { maxLength: 3 }), gap)
        .map(([n, args, g]) => `${n}(${args.join(`,${g}`)})`),
    ),
    binary: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      tie('operand'),
      fc.tuple(tie('operand'), gap, operator, gap, comment, tie('operand')).map((parts) => parts.join('')),
      fc.tuple(tie('operand'), gap, fc.constantFrom('=~', '!~'), gap, regex).map((parts) => parts.join('')),
    ),
    lambda: fc.tuple(gap, comment, tie('binary')).map(([g, c, e]) => `lambda:${g}${c}${e}`),
    list: fc.array(fc.constantFrom("'a'", 'x', '*'), { maxLength: 4 }).map((items) => `[${items.join(' , ')}]`),
    expression: fc.oneof(
      { maxDepth: 3 },
      tie('binary'),
      tie('lambda'),
      tie('list'),
      chainArguments ? tie('chain') : tie('list'),
    ),
    chain: fc
      .tuple(
        name,
        fc.array(
          fc.tuple(
            gap,
            comment,
            fc.constantFrom('|', '.', '@'),
            name,
            fc.array(fc.tuple(comment, tie('expression')), { maxLength: 3 }),
            gap,
          ),
          { minLength: 1, maxLength: 4 },
        ),
      )
      .map(
        ([root, links]) =>
          root +
          links
            .map(([g, c, op, n, args, g2]) => `${g}${c}${op}${n}(${args.map(([ac, a]) => ac + a).join(`,${g2}`)})`)
            .join(''),
      ),
  }))

  const statement = fc.oneof(
    fc.tuple(name, expression).map(([n, e]) => `var ${n} = ${e}`),
    fc.tuple(name, fc.constantFrom('int', 'lambda', 'foo')).map(([n, t]) => `var ${n} ${t}`),
    fc.constant('dbrp "a"."b"'),
    chain,
    lambda,
    list,
  )
  return fc
    .tuple(fc.array(fc.tuple(comment, statement), { maxLength: 5 }), comment)
    .map(([statements, end]) => `${statements.map(([c, s]) => c + s).join('\n')}\n${end}`)
}

/** A program without what formatting may change: positions, comments and the layout. */
function skeleton(program: Program): unknown {
  const dropped = new Set(['pos', 'comment', 'trailing', 'multiLine', 'parens'])
  return JSON.parse(
    JSON.stringify(program, (key, value: unknown) =>
      dropped.has(key) ? undefined : typeof value === 'bigint' ? `${value}n` : value,
    ),
  )
}

/** Formats until nothing changes any more: each round may break the line after one more operator of a run. */
function settled(text: string): string {
  let last = text
  for (let round = 0; round < 100; round++) {
    const next = format(last)
    if (next === last) return last
    last = next
  }
  throw new Error(`formatting does not settle: ${JSON.stringify(text)}`)
}

/** Runs the front end over arbitrary text: it may refuse it, in bounded time, with an error of ours. */
function survives(text: string): void {
  const started = performance.now()
  try {
    const program = parse(text)
    if (!text.includes('dbrp')) settled(text)
    evaluate(program, { registry: operatorRegistry, constant: evaluateConstant, typeOnlyDefaults: true })
  } catch (err) {
    if (!(err instanceof ShardlineError)) throw err
  }
  expect(performance.now() - started).toBeLessThan(2000)
}

describe('formatting', () => {
  it('generated scripts parse, keep their meaning and settle when they are formatted again', () => {
    fc.assert(
      fc.property(scripts(false), (text) => {
        const once = format(text)
        expect(skeleton(parse(once))).toEqual(skeleton(parse(text)))
        expect(format(settled(once))).toBe(settled(once))
      }),
      { numRuns: 1500 },
    )
  })

  it('scripts with chains among the arguments settle too', () => {
    fc.assert(
      fc.property(scripts(true), (text) => {
        const last = settled(text)
        expect(skeleton(parse(last))).toEqual(skeleton(parse(text)))
      }),
      { numRuns: 1500 },
    )
  })

  it('precedence survives parentheses', () => {
    const evaluateInt = (e: Expression): bigint => evaluateConstant(e) as bigint
    const arithmetic = fc.letrec<Record<string, string>>((tie) => ({
      e: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom('1', '2', '7', '13'),
        fc.tuple(tie('e'), fc.constantFrom('+', '-', '*'), tie('e')).map((p) => p.join(' ')),
        tie('e').map((e) => `(${e})`),
      ),
    })).e!
    fc.assert(
      fc.property(arithmetic, (text) => {
        const [statement] = parse(format(`lambda: ${text}`)).statements
        if (statement?.type !== 'lambda') throw new Error('not a lambda')
        expect(evaluateInt(statement.expression)).toBe(new Function(`return ${text.replace(/\d+/g, '$&n')}`)())
      }),
      { numRuns: 300 },
    )
  })
})

describe('hostile input', () => {
  it('random text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), survives), { numRuns: 1500 })
  })

  it('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => survives(Buffer.from(bytes).toString())),
      { numRuns: 1000 },
    )
  })

  it('token soup', () => {
    const token = fc.oneof(
      literal,
      regex,
      name,
      operator,
      fc.constantFrom(
        '|',
        '.',
        '@',
        '(',
        ')',
        '[',
        ']',
        ',',
        '=',
        '=~',
        '!',
        '-',
        '*',
        '/',
        '//',
        "'",
        '"',
        "'''",
        '\n',
      ),
      fc.constantFrom(
        'var',
        'dbrp',
        'lambda:',
        'lambda',
        'AND',
        'stream',
        '|from()',
        '|window()',
        '1.2.3',
        '08',
        '_',
        '$',
      ),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(token, gap), { maxLength: 60 }), (tokens) => survives(tokens.flat().join(''))),
      { numRuns: 3000 },
    )
  })

  it('valid scripts with random damage', () => {
    const valid = [
      'dbrp "telegraf"."autogen"\nvar period = 10s\nvar names = [\'a\', *]\n// threshold\nvar crit = lambda: "usage" > 90.0 AND "host" =~ /web\\d+/',
      "stream\n  |from().measurement('cpu').groupBy('host')\n  |window().period(10s).every(5s).align()\n  |mean('v').as('m') // note\n  |alert().crit(lambda: \"m\" > 1 OR -\"m\" < 2).slack().channel('#x').log('/tmp/x')",
      "var a = stream|from()\nvar b = a|where(lambda: isPresent(\"x\"))\na|join(b).as('x', 'y')|eval(lambda: \"x.v\" + \"y.v\").as('s')|httpOut('o')",
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...valid),
        fc.array(
          fc.tuple(fc.nat(400), fc.nat(5), fc.string({ unit: 'binary', maxLength: 3 }), fc.constantFrom('cut', 'copy')),
          { minLength: 1, maxLength: 6 },
        ),
        (text, damage) => {
          for (const [at, length, extra, how] of damage) {
            const start = at % (text.length + 1)
            const piece = text.slice(start, start + length)
            text = text.slice(0, start) + extra + (how === 'copy' ? piece : '') + text.slice(start + length)
          }
          survives(text)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['one huge string', `var x = '${'a'.repeat(1_000_000)}'`],
    ['an unterminated string', `var x = '${'a'.repeat(1_000_000)}`],
    ['a huge name', `${'a'.repeat(1_000_000)}|b()`],
    ['a huge number', `var x = ${'9'.repeat(1_000_000)}`],
    ['a huge float', `var x = ${'9'.repeat(1 << 18)}.0`],
    ['a huge duration', `var x = ${'9'.repeat(1_000_000)}w`],
    ['a huge comment', `${'// x\n'.repeat(1 << 16)}x`],
    ['many comments', `${'// x\n\n'.repeat(1 << 16)}x`],
    ['many statements', 'var x int\n'.repeat(1 << 14)],
    ['many arguments', `f(${'1,'.repeat(1 << 15)}1)`],
    ['many items', `var l = [${"'a',".repeat(1 << 15)}'b']`],
    ['blanks', ' \n'.repeat(1 << 19)],
    ['a regex that repeats', 'var r = /((a{100}){100}){100}/'],
    ['a long alternation', `var r = /${'(a|b)*'.repeat(2000)}/`],
    ['nested groups', `var r = /${'('.repeat(5000)}${')'.repeat(5000)}/`],
    ['slashes', '/'.repeat(1 << 16)],
    ['quotes', "'".repeat(100_001)],
    ['minus', '- '.repeat(1 << 16)],
  ])('%s', (_, text) => {
    survives(text)
  })
})
