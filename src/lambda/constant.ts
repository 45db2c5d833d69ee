/** Expressions outside lambdas (spec tickscript 6): evaluated like a lambda with no field in scope. Thread: any. */

import { missing, type Value } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import type { Expression } from '../tickscript/ast.js'
import { evaluateProgram } from './interpreter.js'
import { buildProgram } from './program.js'
import { Failure } from './types.js'

function undefinedName(name: string): never {
  throw new Failure(`name ${goQuote(name)} is undefined. Names in scope: `)
}

/**
 * The value of an expression whose identifiers have been replaced: int, float, string, boolean or duration. Throws
 * ShardlineError; its text carries no position.
 */
export function evaluateConstant(expression: Expression): Value {
  try {
    const program = buildProgram(expression)
    if (program.usesTime) undefinedName('time')
    return evaluateProgram(program.root, {
      type: (_index, name) => undefinedName(name),
      value: () => missing,
      timeNs: () => 0n,
      nowNs: () => BigInt(Date.now()) * 1_000_000n,
      states: program.slots.map((n) => new Float64Array(n)),
      offsets: program.slots.map(() => 0),
      names: [],
    })
  } catch (err) {
    if (err instanceof Failure) throw new ShardlineError('expression', err.text)
    throw err
  }
}
