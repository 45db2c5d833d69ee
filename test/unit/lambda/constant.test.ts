import { describe, expect, it } from 'vitest'
import type { Value } from '../../../src/columns/values.js'
import { evaluateConstant } from '../../../src/lambda/constant.js'
import { parseLambdaBody } from '../../../src/tickscript/parser.js'
import { compileText, Duration, missing } from './helpers.js'

const evaluate = (text: string) => evaluateConstant(parseLambdaBody(text))

describe('expressions outside lambdas', () => {
  it.each([
    ['1.0 + abs(-2.0)', 3],
    ["'cpu_' + string(3)", 'cpu_3'],
    ["duration('5m', 1s) + 0s", new Duration(300_000_000_000n)],
    ['1m * 2', new Duration(120_000_000_000n)],
    ["'a' =~ /b/", false],
    ['if(TRUE, 1, 2) + 0', 1n],
    ['10.0 / 0.0', Infinity],
    ['count() + count()', 3n],
  ] as [string, Value][])('%s', (text, expected) => {
    expect(evaluate(text)).toEqual(expected)
  })

  it.each([
    [
      '1 + 1.0',
      'mismatched type to binary operator. got int + float. see bool(), int(), float(), string(), duration()',
    ],
    ['10 / 0', 'runtime error: integer divide by zero'],
    ['now() - 5m', 'invalid math operator - for type time'],
    ['"ref" + 1', 'name "ref" is undefined. Names in scope: '],
    ['"time" == 1', 'name "time" is undefined. Names in scope: '],
    ['now()', 'expression returned unexpected type time'],
    ['nosuch(1) + 1', 'undefined function: "nosuch"'],
  ])('%s fails', (text, expected) => {
    expect(() => evaluate(text)).toThrow(expect.objectContaining({ message: expected, status: 400 }))
  })

  it('a list operand is named', () => {
    const pos = { offset: 0, line: 1, char: 1 }
    const list = { type: 'list', items: [], pos } as const
    const left = { type: 'number', value: 1n, pos } as const
    const sum = { type: 'binary', op: '+', left: list, right: left, parens: false, multiLine: false, pos } as const
    expect(() => evaluateConstant(sum)).toThrow(
      'Failed to handle left node: Given node type is not valid evaluation node: *ast.ListNode',
    )
  })
})

describe('boxed evaluation', () => {
  it('looks names up and throws the exact text', () => {
    const l = compileText('"replicas" + 1')
    expect(l.references).toEqual(['replicas'])
    expect(l.evaluateBoxed(() => 4n, 0)).toBe(5n)
    expect(() => l.evaluateBoxed(() => missing, 0)).toThrow('invalid math operator + for type missing')
  })
})
