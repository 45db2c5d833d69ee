/** From a script and its vars to what a task needs: type, pipeline, dbrps. One place for the order of checks. Any thread. */
import { ShardlineError } from '../errors.js'
import { format } from '../tickscript/format.js'
import type { Pipeline } from '../tickscript/node-def.js'
import { parse } from '../tickscript/parser.js'
import type { Dbrp, TaskType, TaskVars } from './task-record.js'

export interface CompiledScript {
  readonly type: TaskType
  readonly pipeline: Pipeline
  /** Of `dbrp` statements. */
  readonly dbrps: readonly Dbrp[]
}

export interface Templates {
  /** Throws 400 `unknown template T: err: no template exists`. */
  scriptOf(id: string): string
}

export const noTemplates: Templates = {
  scriptOf(id) {
    throw new ShardlineError('no-template', `unknown template ${id}: err: no template exists`)
  },
}

export function compileScript(script: string, _vars: TaskVars): CompiledScript {
  const program = parse(script)
  const dbrps = program.statements.flatMap((s) => (s.type === 'dbrp' ? [{ db: s.db.name, rp: s.rp.name }] : []))
  throw new ShardlineError('not-ready', `no evaluation yet (${dbrps.length})`)
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

/** undefined when the script does not compile any more. */
export function pipelineOf(script: string, vars: TaskVars): Pipeline | undefined {
  try {
    return compileScript(script, vars).pipeline
  } catch (err) {
    if (err instanceof ShardlineError) return undefined
    throw err
  }
}
