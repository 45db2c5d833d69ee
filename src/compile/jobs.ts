/**
 * What is asked of a script, as jobs that another thread can do: plain data in, plain data out. Thread: any; the server does
 * them in threads of their own (compiler.ts), for what they cost is up to who wrote the script.
 */
import { goJsonIndent } from '../columns/json-encode.js'
import type { ErrorCode } from '../error-codes.js'
import { errorText, ShardlineError } from '../errors.js'
import { edgeMismatches } from '../plan/edges.js'
import { planTask } from '../plan/plan.js'
import type { TaskPlan } from '../plan/task-plan.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { type Dbrp, dbrpsOf, type Evaluation, type JsonVar, type ScriptVar } from '../tickscript/evaluate.js'
import { formatProgram } from '../tickscript/format.js'
import { parse } from '../tickscript/parser.js'
import { dotEdges } from './dot.js'
import { evaluateProgram, evaluateScript } from './evaluate-script.js'
import { explain, explainText } from './explain.js'
import { type OutlineData, outlineData } from './outline-data.js'

export interface ScriptSource {
  readonly script: string
  readonly vars: Readonly<Record<string, JsonVar>>
  readonly deadman: DeadmanDefaults | undefined
}

/** A task that is to be planned. */
export interface PlanSource extends ScriptSource {
  readonly taskId: string
  readonly dbrps: readonly Dbrp[]
  readonly shards: number
}

export type Job =
  /** `template`: vars without values get zero values. */
  | { readonly kind: 'script'; readonly source: ScriptSource; readonly template: boolean }
  | { readonly kind: 'plan'; readonly source: PlanSource }
  | { readonly kind: 'explain'; readonly source: PlanSource; readonly form: 'json' | 'text' }

/** A ShardlineError on its way between threads. */
export interface FaultData {
  readonly code: ErrorCode
  readonly message: string
  readonly status: number
  readonly hint: string | undefined
}

/** What a script evaluates to, as far as it is shown and stored. */
export interface Evaluated {
  readonly type: 'stream' | 'batch'
  readonly dbrps: readonly Dbrp[]
  readonly vars: Readonly<Record<string, ScriptVar>>
  /** Edges of the pipeline in DOT, one a line. */
  readonly edges: string
}

export interface ScriptFacts {
  /** The script as it is when it does not parse. */
  readonly formatted: string
  /** Whether it has dbrp statements, however it evaluates. */
  readonly namesDbrps: boolean
  readonly evaluated: Evaluated | null
  /** Why it does not evaluate. */
  readonly fault: FaultData | null
}

export type JobAnswer<J extends Job = Job> = J extends { kind: 'script' }
  ? ScriptFacts
  : J extends { kind: 'plan' }
    ? OutlineData
    : string

export type JobResult = { readonly answer: JobAnswer } | { readonly fault: FaultData } | { readonly bug: string }

/** Does a job. A fault of the script is a result; so is anything else that is thrown, as a text with its stack. */
export function doJob(job: Job): JobResult {
  try {
    return { answer: answerTo(job) }
  } catch (err) {
    if (err instanceof ShardlineError) return { fault: faultData(err) }
    return { bug: (err instanceof Error ? err.stack : undefined) ?? errorText(err) }
  }
}

function answerTo(job: Job): JobAnswer {
  switch (job.kind) {
    case 'script':
      return scriptFacts(job.source, job.template)
    case 'plan':
      return outlineData(planOf(job.source))
    case 'explain': {
      const explanation = explain(planOf(job.source), job.source.shards)
      return job.form === 'text' ? explainText(explanation) : goJsonIndent(explanation, 4)
    }
  }
}

function scriptFacts({ script, vars, deadman }: ScriptSource, template: boolean): ScriptFacts {
  const [program, broken] = attempt(() => parse(script))
  if (program === null) return { formatted: script, namesDbrps: false, evaluated: null, fault: broken }
  const options = template ? { deadman, typeOnlyDefaults: true } : { deadman }
  const [evaluated, fault] = attempt(() => evaluatedOf(evaluateProgram(program, vars, options), template))
  return { formatted: formatProgram(program), namesDbrps: dbrpsOf(program).length > 0, evaluated, fault }
}

function evaluatedOf({ type, dbrps, vars, pipeline }: Evaluation, template: boolean): Evaluated {
  // Only templates show the vars of their scripts.
  return { type, dbrps, vars: template ? { ...vars } : {}, edges: dotEdges(pipeline) }
}

function attempt<T>(step: () => T): [T, null] | [null, FaultData] {
  try {
    return [step(), null]
  } catch (err) {
    if (err instanceof ShardlineError) return [null, faultData(err)]
    throw err
  }
}

function faultData({ code, message, status, hint }: ShardlineError): FaultData {
  return { code, message, status, hint }
}

export function faultOf({ code, message, status, hint }: FaultData): ShardlineError {
  return new ShardlineError(code, message, status, hint)
}

/** Throws what the script or its nodes say against it. */
function planOf({ script, vars, deadman, dbrps, taskId, shards }: PlanSource): TaskPlan {
  const { pipeline } = evaluateScript(script, vars, { deadman })
  for (const node of pipeline.nodes) {
    node.def.check?.(node, { dbrps })
    const [mismatch] = edgeMismatches(node)
    if (mismatch !== undefined) throw new ShardlineError('edges', mismatch)
  }
  return planTask(pipeline, { taskId, shards })
}
