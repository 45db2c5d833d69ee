import { describe, expect, it } from 'vitest'
import { Duration, kindOf, missing, type Value } from '../../../src/columns/values.js'
import { exampleTimeNs, exampleValues, functionExamples } from '../../../src/lambda/functions/examples.js'
import { functions } from '../../../src/lambda/functions/registry.js'
import { evaluateProgram } from '../../../src/lambda/interpreter.js'
import { buildProgram } from '../../../src/lambda/program.js'
import type { Type } from '../../../src/lambda/types.js'
import { formatExpression } from '../../../src/tickscript/format.js'
import { influxDuration } from '../../../src/tickscript/literals.js'
import { parseLambdaBody } from '../../../src/tickscript/parser.js'

const pos = { offset: 0, line: 1, char: 1 }

function literal(value: Value): string {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return formatExpression({ type: 'number', value, pos })
    case 'string':
      return formatExpression({ type: 'string', value, triple: false, pos })
    case 'boolean':
      return formatExpression({ type: 'bool', value, pos })
    default:
      return value instanceof Duration ? influxDuration(value.ns) : String(value)
  }
}

/** The results for each value of the field v. */
function results(expression: string): string[] {
  const program = buildProgram(parseLambdaBody(expression))
  const states = program.slots.map((n) => new Float64Array(n))
  return exampleValues.map((v) => {
    const values = program.references.map((name): Value => (name === 'v' ? v : missing))
    const result = evaluateProgram(program.root, {
      type: (i) => kindOf(values[i]) as Type,
      value: (i) => values[i],
      timeNs: () => exampleTimeNs,
      nowNs: () => exampleTimeNs + 1n,
      states,
      offsets: program.slots.map(() => 0),
      names: program.references,
    })
    return literal(result)
  })
}

it('every function has an example', () => {
  const missingExamples = functions.map((f) => f.name).filter((name) => (functionExamples[name] ?? []).length === 0)
  expect(missingExamples, `add to src/lambda/functions/examples.ts: ${missingExamples.join(', ')}`).toEqual([])
  const names = new Set(functions.map((f) => f.name))
  expect(Object.keys(functionExamples).filter((name) => !names.has(name))).toEqual([])
})

describe('examples', () => {
  it.each(Object.entries(functionExamples).flatMap(([name, list]) => list.map(([e, r]) => [name, e, r] as const)))(
    '%s: %s is %s',
    (name, expression, result) => {
      expect(expression).toContain(`${name}(`)
      const all = results(expression)
      const stateful = functions.find((f) => f.name === name)!.stateSlots !== undefined
      const text = stateful ? all.join(', ') : all[0]
      // The last digit of a special function may differ.
      const [value, wanted] = [Number(text), Number(result)]
      if (text !== result && Math.abs(value - wanted) < 1e-13 * Math.abs(wanted)) return
      expect(text).toBe(result)
    },
  )
})
