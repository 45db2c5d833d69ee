/** A script's text and vars to its pipeline, with the nodes and the lambda engine of this program. Thread: any. */
import { evaluateConstant } from '../lambda/constant.js'
import { operatorRegistry } from '../operators/registry.js'
import type { Program } from '../tickscript/ast.js'
import { type EvaluateOptions, type Evaluation, evaluate } from '../tickscript/evaluate.js'
import { parse } from '../tickscript/parser.js'

type ScriptVars = NonNullable<EvaluateOptions['vars']>

/** Throws ShardlineError with the original's text, without the prefix `invalid TICKscript: `. */
export function evaluateScript(script: string, vars: ScriptVars, options: Partial<EvaluateOptions> = {}): Evaluation {
  return evaluateProgram(parse(script), vars, options)
}

export function evaluateProgram(
  program: Program,
  vars: ScriptVars,
  options: Partial<EvaluateOptions> = {},
): Evaluation {
  return evaluate(program, { registry: operatorRegistry, constant: evaluateConstant, vars, ...options })
}
