import { describe, expect, it } from 'vitest'
import { missing } from '../../../src/columns/values.js'
import { compileLambda } from '../../../src/lambda/compile.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import { Lambda } from '../../../src/tickscript/node-def.js'
import { parseLambdaBody } from '../../../src/tickscript/parser.js'
import { chunkOf, compiled, compileExpression, compileText, evaluateAll, interpreted, testAll } from './helpers.js'

const pos = { offset: 0, line: 1, char: 1 }
const ways = [
  ['interpreted', interpreted],
  ['compiled', compiled],
] as const

const column = (name: string, values: readonly number[]) => chunkOf(values.map((v) => ({ fields: { [name]: v } })))

describe.each(ways)('stateful functions, %s', (_, tuning) => {
  it('count() counts evaluations', () => {
    const l = compileText('count()', tuning)
    expect(evaluateAll(l, column('v', [5, 5, 5])).values).toEqual([1n, 2n, 3n])
    expect(evaluateAll(l, column('v', [5])).values).toEqual([4n])
    expect(l.stateful).toBe(true)
    expect(l.shared).toBe(false)
  })

  it('sigma() is the distance from the running mean', () => {
    expect(evaluateAll(compileText('sigma("v")', tuning), column('v', [1, 2, 3, 10])).values).toEqual([
      0, 0.7071067811865475, 1, 1.4696938456699067,
    ])
    expect(evaluateAll(compileText('sigma("v")', tuning), column('v', [5, 6, 4, 5, 20, 5, 5.5])).values).toEqual(
      [0, 0.7071067811865475, 1, 0, 1.7789983599866428, 0.4060882314411975, 0.3023155992199341].map((v) =>
        expect.closeTo(v, 13),
      ),
    )
  })

  it('spread() is the running range', () => {
    const l = compileText('spread("v")', tuning)
    expect(evaluateAll(l, column('v', [5, 6, 4, 5, 20, -1])).values).toEqual([0, 1, 2, 2, 16, 21])
    expect(evaluateAll(compileText('spread("v")', tuning), column('v', [Number.NaN, 3])).values).toEqual([-Infinity, 0])
  })

  it('two uses of one function share state, two functions do not', () => {
    const rows = [{ fields: { v: 1, w: 10 } }, { fields: { v: 3, w: 14 } }, { fields: { v: 2, w: 9 } }]
    expect(evaluateAll(compileText('spread("v") + spread("w")', tuning), chunkOf(rows)).values).toEqual([9, 22, 26])
    expect(evaluateAll(compileText('count() + count()', tuning), chunkOf(rows)).values).toEqual([3n, 7n, 11n])
    expect(evaluateAll(compileText('float(count()) + spread("v")', tuning), chunkOf(rows)).values).toEqual([1, 4, 5])
  })

  it('keeps state per group', () => {
    const l = compileText('count()', tuning)
    const groups = Int32Array.from([0, 7, 0, 70_000, 7])
    expect(evaluateAll(l, column('v', [1, 1, 1, 1, 1]), groups).values).toEqual([1n, 1n, 2n, 1n, 2n])
    l.dropState(7)
    l.dropState(12)
    expect(evaluateAll(l, column('v', [1, 1, 1, 1, 1]), groups).values).toEqual([3n, 1n, 4n, 2n, 2n])
  })

  it('keeps every state while groups keep coming', () => {
    const l = compileText('count() * 10 + 1', tuning)
    for (let round = 1n; round <= 3n; round++) {
      for (let from = 0; from < 30_000; from += 3000) {
        const ids = Int32Array.from({ length: 400 }, (_, k) => from + k * 7)
        const { values } = evaluateAll(l, column('v', new Array(400).fill(1)), ids)
        expect(new Set(values)).toEqual(new Set([round * 10n + 1n]))
      }
    }
  })

  it('a nested lambda has one state for all groups, apart from the outer one', () => {
    const nested = parseLambdaBody('count()')
    const l = compileExpression(
      {
        type: 'binary',
        op: '+',
        left: { type: 'lambda', expression: nested, pos },
        right: nested,
        parens: false,
        multiLine: false,
        pos,
      },
      tuning,
    )
    expect(l.shared).toBe(true)
    expect(evaluateAll(l, column('v', [1, 1, 1]), Int32Array.from([0, 1, 0])).values).toEqual([2n, 3n, 5n])
  })

  it('does not step behind a short circuit, and steps in both branches of if', () => {
    const l = compileText('"v" > 2.0 AND count() > 1', tuning)
    expect(testAll(l, column('v', [1, 3, 1, 4, 5])).outcomes).toEqual([0, 0, 0, 1, 1])
    const both = compileText('if("v" > 2.0, count(), count() * 10)', tuning)
    expect(evaluateAll(both, column('v', [3, 1])).values).toEqual([1n, 40n])
  })

  it('a row that fails after a step has stepped exactly once', () => {
    const l = compileText('float(count()) > 0.0 AND "v" > 1.0', tuning)
    const rows = chunkOf([{ fields: { v: 2 } }, { fields: { v: missing } }, { fields: { v: 2 } }])
    expect(testAll(l, rows)).toEqual({
      outcomes: [1, 2, 1],
      errors: { count: 1, first: 'left reference value "v" is missing value' },
    })
    // Three steps so far.
    const count = compileText('int("s") + count()', tuning)
    const texts = chunkOf(['1', 'x', '1', '1'].map((s) => ({ fields: { s } })))
    expect(evaluateAll(count, texts).values).toEqual([2n, 'error', 3n, 4n])
  })

  it('fails rows whose state finds no memory, and only those', () => {
    const memory = new ShardMemory(4096)
    const l = compileLambda(
      new Lambda({ type: 'lambda', expression: parseLambdaBody('count() > 0'), pos }),
      { errorPrefix: '', state: new StateAllocator(memory), nowNs: () => 0n },
      tuning,
    )
    const { outcomes, errors } = testAll(l, column('v', [1, 1, 1]), Int32Array.from([0, 100_000, 1]))
    expect(outcomes).toEqual([1, 2, 1])
    expect(errors).toEqual({ count: 1, first: 'no memory left for the state of a lambda function' })
    l.dispose()
    expect(memory.used).toBe(0)
  })

  it('testRow uses the state it is given', () => {
    const l = compileText('count() > 1', tuning)
    const rows = column('v', [1])
    expect([0, 0, 1, 1, 0].map((g) => l.testRow(rows, 0, g))).toEqual([0, 1, 0, 1, 1])
  })
})
