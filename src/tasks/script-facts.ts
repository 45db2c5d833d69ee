/**
 * What is known of the scripts of stored records, each evaluated once by the compile thread. Thread: main. Records are never
 * changed, only replaced: what is known of one stays true.
 */
import type { Compiler } from '../compile/compiler.js'
import { type Evaluated, faultOf, type ScriptFacts } from '../compile/jobs.js'
import { ShardlineError } from '../errors.js'
import type { TaskVars } from './task-record.js'

export interface Templates {
  /** Throws 400 `unknown template T: err: no template exists`. */
  scriptOf(id: string): string
}

export const unknownTemplate = (id: string): ShardlineError =>
  new ShardlineError('no-template', `unknown template ${id}: err: no template exists`, 400)

/** What a script evaluates to. Throws as the API answers to a request that defines something. */
export function evaluated({ evaluated, fault }: ScriptFacts): Evaluated {
  if (evaluated !== null) return evaluated
  const { code, message } = fault!
  if (code === 'invalid-task-type') throw faultOf(fault!)
  throw new ShardlineError(code, `invalid TICKscript: ${message}`, 400)
}

interface Scripted {
  readonly script: string
  /** Absent: a template. */
  readonly vars?: TaskVars
}

export class FactsOfRecords {
  private readonly known = new WeakMap<Scripted, Promise<ScriptFacts>>()

  constructor(private readonly compiler: Compiler) {}

  /** A script that cannot be evaluated has a fault. */
  of(record: Scripted): Promise<ScriptFacts> {
    let facts = this.known.get(record)
    if (facts === undefined) {
      facts = this.ask(record)
      this.known.set(record, facts)
    }
    return facts
  }

  remember(record: Scripted, facts: ScriptFacts): void {
    this.known.set(record, Promise.resolve(facts))
  }

  private async ask(record: Scripted): Promise<ScriptFacts> {
    const { script, vars } = record
    try {
      return await (vars === undefined ? this.compiler.templateFacts(script) : this.compiler.facts(script, vars))
    } catch (err) {
      const isFinal = err instanceof ShardlineError && err.status === 400
      // Another time it may have its turn.
      if (!isFinal) this.known.delete(record)
      if (!(err instanceof ShardlineError)) throw err
      const { code, message, status, hint } = err
      return { formatted: script, namesDbrps: false, evaluated: null, fault: { code, message, status, hint } }
    }
  }
}
