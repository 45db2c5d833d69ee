/** What a script says about its task without being run: stream or batch, and its dbrp statements. Thread: any. */
import { ShardlineError } from '../errors.js'
import type { Expression, Program } from './ast.js'

export interface Dbrp {
  readonly db: string
  readonly rp: string
}

/** From the leftmost names of declarations and chains. Throws ShardlineError `invalid task type: invalid`. */
export function taskType(program: Program): 'stream' | 'batch' {
  const found = new Set<'stream' | 'batch'>()
  for (const statement of program.statements) {
    const value = statement.type === 'declaration' ? statement.value : statement
    if (statement.type !== 'declaration' && statement.type !== 'chain') continue
    const name = leftmost(value as Expression)
    if (name === 'stream' || name === 'batch') found.add(name)
  }
  const [type] = found
  if (type === undefined || found.size > 1) throw new ShardlineError('invalid-task-type', 'invalid task type: invalid')
  return type
}

function leftmost(expression: Expression): string | null {
  let at = expression
  while (at.type === 'chain') at = at.left
  return at.type === 'identifier' ? at.name : null
}

export function dbrpsOf(program: Program): Dbrp[] {
  return program.statements.flatMap((statement) =>
    statement.type === 'dbrp' ? [{ db: statement.db.name, rp: statement.rp.name }] : [],
  )
}
