/**
 * Evaluates, plans and explains scripts away from the main thread, for what they cost is up to who wrote them: one thread for
 * what starts and shows tasks, one for explanations, which try the nodes out. Thread: main.
 */
import type { Log } from '../log.js'
import type { TaskOutline } from '../plan/task-outline.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { JobThread } from './job-thread.js'
import { faultOf, type Job, type JobAnswer, type JobResult, type PlanSource, type ScriptFacts } from './jobs.js'
import { outlineOf } from './outline-data.js'
import { scriptThread } from './threads.js'

export type PlannedTask = Omit<PlanSource, 'deadman'>

/** Does jobs, wherever. Rejects when one could not be done. */
export interface JobRunner {
  run(job: Job): Promise<JobResult>
  close(): Promise<void>
}

export interface CompilerParts {
  readonly scripts: JobRunner
  readonly explanations: JobRunner
  /** `[deadman]` of the configuration. */
  readonly deadman?: DeadmanDefaults
}

export class Compiler {
  constructor(private readonly parts: CompilerParts) {}

  get deadman(): DeadmanDefaults | undefined {
    return this.parts.deadman
  }

  /** What a script says against itself is in the facts. */
  facts(script: string, vars: PlanSource['vars']): Promise<ScriptFacts> {
    return this.ask(this.parts.scripts, { kind: 'script', source: this.source({ script, vars }), template: false })
  }

  templateFacts(script: string): Promise<ScriptFacts> {
    return this.ask(this.parts.scripts, { kind: 'script', source: this.source({ script, vars: {} }), template: true })
  }

  /** Rejects with what the script or its nodes say against it. */
  async plan(task: PlannedTask): Promise<TaskOutline> {
    return outlineOf(await this.ask(this.parts.scripts, { kind: 'plan', source: this.source(task) }))
  }

  /** The body of the answer; rejects as `plan` does. */
  explain(task: PlannedTask, form: 'json' | 'text'): Promise<string> {
    return this.ask(this.parts.explanations, { kind: 'explain', source: this.source(task), form })
  }

  async close(): Promise<void> {
    await Promise.all([this.parts.scripts.close(), this.parts.explanations.close()])
  }

  private source<S>(source: S): S & { readonly deadman: DeadmanDefaults | undefined } {
    return { ...source, deadman: this.parts.deadman }
  }

  private async ask<J extends Job>(runner: JobRunner, job: J): Promise<JobAnswer<J>> {
    const result = await runner.run(job)
    if ('fault' in result) throw faultOf(result.fault)
    if ('bug' in result) throw new Error(result.bug)
    return result.answer as JobAnswer<J>
  }
}

/** A thread that nobody asks for so long gives its memory back; the next request waits for its start. */
const idleMs = 60_000

export function compileThreads(options: {
  readonly timeoutMs: number
  readonly log: Log
}): Pick<CompilerParts, 'scripts' | 'explanations'> {
  const thread = { filename: scriptThread, deadlineMs: options.timeoutMs, log: options.log, idleMs }
  return { scripts: new JobThread(thread), explanations: new JobThread(thread) }
}
