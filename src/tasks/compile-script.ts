/** From a script and its vars to what a task needs: type, pipeline, dbrps. Any thread. */

import { evaluateScript } from '../compile/evaluate-script.js'
import { ShardlineError } from '../errors.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { dbrpsOf, type Evaluation } from '../tickscript/evaluate.js'
import { format } from '../tickscript/format.js'
import type { Pipeline } from '../tickscript/node-def.js'
import { parse } from '../tickscript/parser.js'
import type { TaskVars } from './task-record.js'

export interface Templates {
  /** Throws 400 `unknown template T: err: no template exists`. */
  scriptOf(id: string): string
}

export const unknownTemplate = (id: string): ShardlineError =>
  new ShardlineError('no-template', `unknown template ${id}: err: no template exists`)

/** Errors as the API answers them to a request that defines something. */
export function compileScript(script: string, vars: TaskVars, deadman?: DeadmanDefaults): Evaluation {
  try {
    return evaluateScript(script, vars, { deadman })
  } catch (err) {
    if (!(err instanceof ShardlineError) || err.code === 'invalid-task-type') throw err
    throw new ShardlineError(err.code, `invalid TICKscript: ${err.message}`)
  }
}

/** Whether the script has dbrp statements, however it evaluates. */
export function hasDbrps(script: string): boolean {
  try {
    return dbrpsOf(parse(script)).length > 0
  } catch (err) {
    if (err instanceof ShardlineError) return false
    throw err
  }
}

/** The formatted script; one that does not parse any more as it is. */
export function formatScript(script: string): string {
  try {
    return format(script)
  } catch (err) {
    if (err instanceof ShardlineError) return script
    throw err
  }
}

/** What a stored script is now: a changed template or another version of the server may have made it unfit. */
export type Compiled = { readonly pipeline: Pipeline } | { readonly fault: string }

export function compiled(script: string, vars: TaskVars, deadman?: DeadmanDefaults): Compiled {
  try {
    return { pipeline: evaluateScript(script, vars, { deadman }).pipeline }
  } catch (err) {
    if (err instanceof ShardlineError) return { fault: err.message }
    throw err
  }
}
