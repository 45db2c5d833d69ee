/** Compiled loops against the interpreter: same values, same outcomes, same number of errors, same first text. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Column } from '../../src/columns/column.js'
import { Timestamp, type Value } from '../../src/columns/values.js'
import { generate } from '../../src/lambda/codegen.js'
import type { LambdaTuning } from '../../src/lambda/compile.js'
import { functions } from '../../src/lambda/functions/registry.js'
import { buildProgram } from '../../src/lambda/program.js'
import { Failure, Type } from '../../src/lambda/types.js'
import type { BinaryOp, Expression } from '../../src/tickscript/ast.js'
import {
  type Cells,
  chunkOf,
  compiled,
  compileExpression,
  Duration,
  evaluateAll,
  interpreted,
  missing,
  same,
  testAll,
} from '../unit/lambda/helpers.js'

const pos = { offset: 0, line: 1, char: 1 }
const names = ['a', 'b', 'c', 'time']
const deterministic = functions.filter((f) => f.name !== 'now')

const bigs = [
  0n,
  1n,
  -1n,
  2n,
  7n,
  -7n,
  2n ** 53n - 1n,
  2n ** 53n,
  -(2n ** 53n),
  2n ** 63n - 1n,
  -(2n ** 63n),
  3037000500n,
]
const ints = fc.oneof(fc.constantFrom(...bigs), fc.bigInt(-20n, 20n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n))
const floats = fc.oneof(fc.constantFrom(0, -0, 1, 2.5, -7.5, 1e300, Infinity, -Infinity, Number.NaN, 9e15), fc.double())
const texts = fc.oneof(
  fc.constantFrom('', 'a', 'host1', 'é😀', '12', '1.5', '5m', 'true'),
  fc.string({ unit: 'grapheme' }),
)
const spans = fc.constantFrom(0n, 1n, 1_000n, 60_000_000_000n, -5_000_000_000n, 2n ** 53n, 2n ** 62n)

const literals: fc.Arbitrary<Expression> = fc.oneof(
  ints.map((value): Expression => ({ type: 'number', value, pos })),
  floats.map((value): Expression => ({ type: 'number', value, pos })),
  texts.map((value): Expression => ({ type: 'string', value, triple: false, pos })),
  fc.boolean().map((value): Expression => ({ type: 'bool', value, pos })),
  spans.map((ns): Expression => ({ type: 'duration', ns, literal: `${ns}`, pos })),
  fc
    .constantFrom('a', '^h', '1$', '^a$', 'o.*1', '(?i)H', '[0-9]+', '^[a-z]+')
    .map((source): Expression => ({ type: 'regex', source, literal: source, pos })),
)

const references = fc.constantFrom(...names).map((name): Expression => ({ type: 'reference', name, pos }))
const operators: BinaryOp[] = ['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '==', '!=', '=~', '!~', 'AND', 'OR']

/** Any tree at all: mostly ill typed, which is the point. */
const anyExpression = fc.letrec<{ e: Expression }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'e' },
    { weight: 2, arbitrary: references },
    { weight: 2, arbitrary: literals },
    {
      weight: 5,
      arbitrary: fc
        .tuple(fc.constantFrom(...operators), tie('e'), tie('e'))
        .map(
          ([op, left, right]): Expression => ({ type: 'binary', op, left, right, parens: true, multiLine: false, pos }),
        ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('-' as const, '!' as const), tie('e'))
        .map(([op, operand]): Expression => ({ type: 'unary', op, operand, pos })),
    },
    { weight: 1, arbitrary: tie('e').map((expression): Expression => ({ type: 'lambda', expression, pos })) },
    {
      weight: 3,
      arbitrary: fc
        .constantFrom(...deterministic.map((f) => f.name), 'nosuch', 'isPresent', 'if', 'count')
        .chain((name) => {
          const def = functions.find((f) => f.name === name)
          const arity = def === undefined ? 1 : def.signatures[0].args.length
          return fc
            .array(tie('e'), { minLength: arity, maxLength: arity })
            .map((args): Expression => ({ type: 'function', name, args, multiLine: false, kind: 'global', pos }))
        }),
    },
  ),
})).e

/** Trees whose types fit when a is float, b int, c string, so that compiled code does the work. */
const typed = fc.letrec<Record<'f' | 'i' | 's' | 'b', Expression>>((tie) => {
  const bin = (op: BinaryOp, l: 'f' | 'i' | 's' | 'b', r: 'f' | 'i' | 's' | 'b') =>
    fc
      .tuple(tie(l), tie(r))
      .map(([left, right]): Expression => ({ type: 'binary', op, left, right, parens: true, multiLine: false, pos }))
  const call = (name: string, ...kinds: ('f' | 'i' | 's' | 'b')[]) =>
    fc.tuple(...kinds.map((k) => tie(k))).map(
      (args): Expression => ({
        type: 'function',
        name,
        args: args as Expression[],
        multiLine: false,
        kind: 'global',
        pos,
      }),
    )
  const ref = (name: string) => fc.constant<Expression>({ type: 'reference', name, pos })
  const num = (values: fc.Arbitrary<number | bigint>) =>
    values.map((value): Expression => ({ type: 'number', value, pos }))
  const depth = { maxDepth: 5, depthIdentifier: 't' }
  const anyOf = (leaf: fc.Arbitrary<Expression>[], inner: fc.Arbitrary<Expression>[]) =>
    fc.oneof(depth, ...leaf, ...inner)
  return {
    f: anyOf(
      [ref('a'), num(floats)],
      [
        bin('+', 'f', 'f'),
        bin('/', 'f', 'f'),
        call('abs', 'f'),
        call('float', 'i'),
        call('sigma', 'f'),
        call('if', 'b', 'f', 'f'),
      ],
    ),
    i: anyOf(
      [ref('b'), num(ints)],
      [
        bin('+', 'i', 'i'),
        bin('*', 'i', 'i'),
        bin('/', 'i', 'i'),
        bin('%', 'i', 'i'),
        call('int', 'f'),
        call('count'),
        call('strLength', 's'),
      ],
    ),
    s: anyOf(
      [ref('c'), texts.map((value): Expression => ({ type: 'string', value, triple: false, pos }))],
      [
        bin('+', 's', 's'),
        call('strToUpper', 's'),
        call('string', 'i'),
        call('strSubstring', 's', 'i', 'i'),
        call('if', 'b', 's', 's'),
      ],
    ),
    b: anyOf(
      [bin('<', 'f', 'f'), bin('==', 's', 's'), bin('>=', 'i', 'f')],
      [
        bin('AND', 'b', 'b'),
        bin('OR', 'b', 'b'),
        bin('<=', 's', 's'),
        bin('!=', 'i', 'i'),
        call('strHasPrefix', 's', 's'),
      ],
    ),
  }
})

const cells: fc.Arbitrary<Value> = fc.oneof(
  ints,
  floats,
  texts,
  fc.boolean(),
  spans.map((ns) => new Duration(ns)),
  fc.constant(new Timestamp(1_500_001_200_000_000_000n)),
  fc.constant(null),
  fc.constant(missing),
  fc.constant(missing),
)
const usual = fc.record({ a: floats, b: ints, c: texts }) as fc.Arbitrary<Cells>
const odd = fc.record({ a: cells, b: cells, c: cells }) as fc.Arbitrary<Cells>
const rowsOf = (r: fc.Arbitrary<Cells>) => fc.array(r, { minLength: 1, maxLength: 12 })
const groupIds = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 12, maxLength: 12 })

/** null where the expression does not pass the checks of enable time. */
function build(e: Expression, tuning: LambdaTuning) {
  try {
    buildProgram(e)
  } catch (err) {
    if (err instanceof Failure) return null
    throw err
  }
  return compileExpression(e, tuning)
}

function compareWays(e: Expression, rows: Cells[], ids: number[]): void {
  const chunk = chunkOf(rows.map((fields, r) => ({ fields, timeNs: (BigInt(r) * 1_500_000_000_123_456_789n) / 7n })))
  const groups = Int32Array.from(ids)
  for (const mode of ['value', 'test'] as const) {
    const exact = build(e, interpreted)
    const fast = build(e, compiled)
    if (exact === null || fast === null) return
    // Twice: state goes on from chunk to chunk.
    for (let round = 0; round < 2; round++) {
      if (mode === 'test') expect(testAll(fast, chunk, groups)).toEqual(testAll(exact, chunk, groups))
      else {
        const x = evaluateAll(exact, chunk, groups)
        const y = evaluateAll(fast, chunk, groups)
        expect(y.errors).toEqual(x.errors)
        x.values.forEach((v, r) => {
          if (!same(v, y.values[r])) expect({ row: r, value: y.values[r] }).toEqual({ row: r, value: v })
        })
      }
    }
  }
}

describe('compiled and interpreted', () => {
  it('agree on well typed expressions over rows of mixed kinds', () => {
    fc.assert(
      fc.property(
        fc.oneof(typed.b, typed.f, typed.i, typed.s),
        fc.oneof(rowsOf(usual), rowsOf(fc.oneof(usual, odd))),
        groupIds,
        compareWays,
      ),
      { numRuns: 1500 },
    )
  })

  it('agree on any expression', () => {
    fc.assert(fc.property(anyExpression, rowsOf(fc.oneof(usual, odd)), groupIds, compareWays), { numRuns: 3000 })
  })

  it('agree on one row as on a chunk', () => {
    fc.assert(
      fc.property(fc.oneof(typed.b, anyExpression), rowsOf(fc.oneof(usual, odd)), (e, rows) => {
        const chunk = chunkOf(rows.map((fields) => ({ fields })))
        const whole = build(e, compiled)
        const single = build(e, compiled)
        if (whole === null || single === null) return
        const all = testAll(whole, chunk)
        const errors = { count: 0, first: '' }
        const outcomes = rows.map((_, r) => {
          const outcome = single.testRow(chunk, r, 0)
          if (errors.count === 0) errors.first = single.errors.first
          errors.count += single.errors.count
          return outcome
        })
        expect(outcomes).toEqual(all.outcomes)
        expect(errors).toEqual(all.errors)
      }),
      { numRuns: 500 },
    )
  })
})

describe('generated code', () => {
  it('contains no text of the script', () => {
    const marks = ['MARK', '`$' + '{MARK}`', '*/MARK/*', "');MARK//", '\\u004dARK', '\u2028MARK']
    const kinds = fc.array(fc.constantFrom(Type.Int, Type.Float, Type.String, Type.Bool, Type.Duration), {
      minLength: 8,
      maxLength: 8,
    })
    const hostile = fc.constantFrom(...marks)
    const poison = (e: Expression): Expression => {
      switch (e.type) {
        case 'string':
          return { ...e, value: `MARK${e.value}` }
        case 'reference':
          return e.name === 'time' ? e : { ...e, name: `${e.name}");MARK(` }
        case 'binary':
          return { ...e, left: poison(e.left), right: poison(e.right) }
        case 'unary':
          return { ...e, operand: poison(e.operand) }
        case 'lambda':
          return { ...e, expression: poison(e.expression) }
        case 'function':
          return { ...e, args: e.args.map(poison) }
        default:
          return e
      }
    }
    let loops = 0
    fc.assert(
      fc.property(fc.oneof(typed.b, typed.s, anyExpression), kinds, hostile, (e, types, mark) => {
        const tail: Expression = { type: 'string', value: mark, triple: false, pos }
        const left = poison(e)
        for (const expression of [
          left,
          { type: 'binary', op: '==', left, right: tail, parens: true, multiLine: false, pos },
        ]) {
          let program: ReturnType<typeof buildProgram>
          try {
            program = buildProgram(expression as Expression)
          } catch (err) {
            if (err instanceof Failure) continue
            throw err
          }
          const usualKinds = program.references.map((name, j) =>
            name.startsWith('a')
              ? Type.Float
              : name.startsWith('b')
                ? Type.Int
                : name.startsWith('c')
                  ? Type.String
                  : types[j],
          )
          for (const signature of [usualKinds, types.slice(0, program.references.length)]) {
            for (const mode of ['test', 'value'] as const) {
              const made = generate(program, Uint8Array.from(signature), mode)
              if (made.kind === 'loop') loops++
              expect(made.source).not.toContain('MARK')
              // Nothing but identifiers of ours, small integers, operators and one directive.
              expect(made.source).toMatch(/^[A-Za-z0-9_$.,;:=<>!?&|+\-*/%(){}[\] \n"]*$/)
              expect(made.source.match(/"[^"]*"/g) ?? []).toEqual(made.kind === 'loop' ? ['"use strict"'] : [])
            }
          }
        }
      }),
      { numRuns: 1500 },
    )
    expect(loops).toBeGreaterThan(500)
  })
})

describe('fuzz', () => {
  it('an output column keeps its capacity and its neighbours', () => {
    fc.assert(
      fc.property(fc.oneof(typed.s, anyExpression), rowsOf(fc.oneof(usual, odd)), (e, rows) => {
        const l = build(e, compiled)
        if (l === null) return
        const chunk = chunkOf(rows.map((fields) => ({ fields })))
        const out = Column.alloc(chunk.n + 1)
        out.f64[chunk.n] = 42
        out.kinds[chunk.n] = 2
        l.evaluate(chunk, null, [], out, new Uint8Array(chunk.n))
        expect(out.get(chunk.n)).toBe(42)
      }),
      { numRuns: 500 },
    )
  })
})
