import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kindOf, Timestamp, type Value } from '../../src/columns/values.js'
import { checkScript } from '../../src/compile/check-script.js'
import { evaluateScript } from '../../src/compile/evaluate-script.js'
import { errorText, ShardlineError } from '../../src/errors.js'
import { checkLambda, staticProblems } from '../../src/lambda/check.js'
import { evaluateProgram } from '../../src/lambda/interpreter.js'
import { buildProgram } from '../../src/lambda/program.js'
import { Failure } from '../../src/lambda/types.js'
import type { Diagnostic } from '../../src/tickscript/diagnostics/diagnostics.js'
import { printDiagnostic } from '../../src/tickscript/diagnostics/print.js'
import { parseLambdaBody, wellFormed } from '../../src/tickscript/parser.js'
import { Source } from '../../src/tickscript/positions.js'

const scripts = [
  `var window = 1m
// Requests per client.
var counts = stream
    |from().groupBy('ip', 'id').measurement('combined').where(lambda: "status" >= 200 AND "path" =~ /^\\/api/)
    |barrier().period(window).delete(TRUE)
    |window().period(window).every(5s).align()
    |sum('count').as('totalCount')
counts
    |alert().flapping(0.25, 0.5).history(21).warn(lambda: "totalCount" > 17500).message('''{{ .ID }}''').log('/tmp/a.log')
counts|httpOut('top')`,
  `dbrp "telegraf"."autogen"
var limit float
var busy = lambda: "usage_idle" < limit
stream
    |from().measurement('cpu')
    |eval(lambda: 100.0 - "usage_idle", lambda: if(busy, 'yes', 'no')).as('used', 'busy').keep('used')
    |groupBy('host')
    |window().periodCount(10).everyCount(5)
    |percentile('used', 95.0).as('p')
    |alert().id('{{ .Name }}').crit(lambda: sigma("p") > 3.0).slack().channel('#ops')`,
  `var a = stream|from().measurement('größe')
var b = stream|from().measurement('b')
a|join(b).as('a', 'b').tolerance(1s).fill(0.0)|eval(lambda: "a.v" / "b.v").as('ratio')|log().level('info')`,
]

const tokens = fc.constantFrom(
  ..."stream batch from var dbrp lambda: AND OR TRUE FALSE window period where eval as x y alert crit time ' \" ''' /".split(
    ' ',
  ),
  ...'( ) [ ] , | . @ * - ! + % == != = =~ < > 1 0.5 08 1e5 10s 1h30m 9223372036854775808 // # \n " " _ é \ufeff $ ;'.split(
    ' ',
  ),
  ' ',
  '\n',
  "'text'",
  '"field"',
  '/re/',
  '/[/',
  '// note\n',
)

/** A script with some pieces deleted, doubled, moved or replaced. */
const mutated = fc
  .tuple(
    fc.constantFrom(...scripts),
    fc.array(fc.tuple(fc.nat(), fc.nat(40), fc.nat(), fc.constantFrom('delete', 'insert', 'copy', 'replace'), tokens), {
      minLength: 1,
      maxLength: 6,
    }),
  )
  .map(([script, edits]) => {
    let text = script
    for (const [at, length, from, kind, token] of edits) {
      const i = at % (text.length + 1)
      const j = from % (text.length + 1)
      if (kind === 'delete') text = text.slice(0, i) + text.slice(i + length)
      else if (kind === 'insert') text = text.slice(0, i) + token + text.slice(i)
      else if (kind === 'replace') text = text.slice(0, i) + token + text.slice(i + 1)
      else text = text.slice(0, i) + text.slice(j, j + length) + text.slice(i)
    }
    return text
  })

const soup = fc.array(tokens, { maxLength: 60 }).map((parts) => parts.join(''))
const spaced = fc.array(tokens, { maxLength: 60 }).map((parts) => parts.join(' '))
const bytes = fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b).toString())
const unicode = fc.string({ unit: 'binary', maxLength: 100 })

/** What the server says first: null when it takes the script. */
function firstError(script: string): string | null {
  try {
    evaluateScript(script, {}, { typeOnlyDefaults: true })
    return null
  } catch (err) {
    if (err instanceof ShardlineError) return errorText(err)
    throw err
  }
}

function check(script: string): Diagnostic[] {
  const diagnostics = checkScript(script)
  const source = new Source(wellFormed(script))
  const length = Buffer.byteLength(source.text)
  let last = 0
  for (const d of diagnostics) {
    expect(d.start.offset).toBeGreaterThanOrEqual(last)
    expect(d.end.offset).toBeGreaterThanOrEqual(d.start.offset)
    expect(d.end.offset).toBeLessThanOrEqual(length)
    expect(d.start.line).toBeGreaterThan(0)
    last = d.start.offset
    const frame = printDiagnostic('a.tick', d, source, false)
    expect(frame.split('\n').length).toBeGreaterThan(5)
  }
  return diagnostics
}

/** Texts of the parser and the evaluation; others may be of enable time. */
const defining = /^(?:parser: |line \d|name "|attempted|invalid task type|missing value)/

describe('check', () => {
  it.each([
    ['scripts with mistakes', mutated, 600],
    ['token soup', soup, 600],
    ['tokens with blanks', spaced, 600],
    ['random bytes', bytes, 300],
    ['random characters', unicode, 300],
  ] as const)('never throws, and says what the server says: %s', (_, arbitrary, numRuns) => {
    fc.assert(
      fc.property(arbitrary, (script) => {
        const errors = check(script).filter((d) => d.severity === 'error')
        const first = firstError(script)
        const messages = errors.map((d) => d.message)
        if (first === null) expect(messages.filter((m) => defining.test(m))).toEqual([])
        // Names are listed as far as the evaluation came.
        else if (script !== '') expect(messages.map(withoutScope)).toContain(withoutScope(first))
      }),
      { numRuns },
    )
  })

  it('the scripts themselves have no errors', () => {
    for (const script of scripts) expect(check(script).filter((d) => d.severity === 'error')).toEqual([])
  })

  it.each([
    ['open brackets', `stream|from()|where(lambda: ${'('.repeat(5000)}`],
    ['operators', `stream|from()|where(lambda: ${'"a" + '.repeat(5000)}1)`],
    ['quotes', `${"var x = '\n".repeat(3000)}`],
    ['faults in each line', 'var x = = 1\n'.repeat(5000)],
    ['undefined names', 'stream|from()|where(lambda: x AND y)\n'.repeat(900)],
    ['bad literals', '08 '.repeat(20_000)],
    ['chains', `stream|from()${'|where(lambda: "x" > 1)'.repeat(1500)}`],
    [
      'vars that name each other',
      Array.from({ length: 40 }, (_, i) => `var l${i + 1} = lambda: l${i} AND l${i}`).join('\n'),
    ],
  ])('does not hang: %s', (_, script) => {
    const start = performance.now()
    check(script)
    expect(performance.now() - start).toBeLessThan(15_000)
  })
})

function withoutScope(message: string): string {
  return message.replace(/ Names in scope: .+$/s, '')
}

const leaf = fc.constantFrom('"a"', '"b"', '"time"', '1', '2.5', "'s'", 'TRUE', '10s', '/r/', 'count()')
const functionNames = fc.constantFrom(
  'abs',
  'float',
  'int',
  'string',
  'strLength',
  'hour',
  'isPresent',
  'nosuch',
  'bool',
)
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.tuple(fc.constantFrom('-', '!'), tie('expression')).map(([op, e]) => `${op}(${e})`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '/', '%', '==', '<', '=~', ' AND ', ' OR '),
        tie('expression'),
      )
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    fc.tuple(functionNames, tie('expression')).map(([f, e]) => `${f}(${e})`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `if(${a}, ${b}, ${c})`),
  ),
}))

const cell: fc.Arbitrary<Value> = fc.constantFrom<Value[]>(1n, 2.5, 'text', true, 0n, false)

describe('lambdas', () => {
  it('the first error is that of enable time', () => {
    fc.assert(
      fc.property(expression, (text) => {
        const e = parseLambdaBody(text)
        let wanted: string | undefined
        try {
          buildProgram(e)
        } catch (err) {
          if (!(err instanceof Failure)) throw err
          wanted = err.text
        }
        expect(staticProblems(e)[0]?.text).toBe(wanted)
      }),
      { numRuns: 2000 },
    )
  })

  it('what is warned of never evaluates', () => {
    let warned = 0
    fc.assert(
      fc.property(
        expression.filter((text) => !/AND|OR/.test(text)),
        cell,
        cell,
        (text, a, b) => {
          const e = parseLambdaBody(text)
          if (staticProblems(e).length > 0) return
          const warnings = checkLambda(e, 'value').filter((p) => !p.text.includes('compares two'))
          if (warnings.length === 0) return
          warned++
          const program = buildProgram(e)
          const values = program.references.map((name) => (name === 'a' ? a : b))
          const run = () =>
            evaluateProgram(program.root, {
              type: (i) => kindOf(values[i]) as 1,
              value: (i) => values[i],
              timeNs: () => new Timestamp(0n).ns,
              nowNs: () => 0n,
              states: program.slots.map((n) => new Float64Array(n)),
              offsets: program.slots.map(() => 0),
              names: program.references,
            })
          expect(run).toThrow()
        },
      ),
      { numRuns: 3000 },
    )
    expect(warned).toBeGreaterThan(100)
  })
})
