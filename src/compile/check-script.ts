/**
 * Everything wrong with a script, without a server: what the parser, the evaluation and the checks of the nodes say, then what
 * would fail when the task is enabled, then what would fail for every point. Thread: any.
 */
import { ShardlineError } from '../errors.js'
import { checkLambda, type LambdaProblem, staticProblems } from '../lambda/check.js'
import { evaluateConstant } from '../lambda/constant.js'
import { functions } from '../lambda/functions/registry.js'
import { entryOf, operatorRegistry } from '../operators/registry.js'
import { edgeMismatches } from '../plan/edges.js'
import { planTask } from '../plan/plan.js'
import type { PlannedNode } from '../plan/task-plan.js'
import type { Expression } from '../tickscript/ast.js'
import { type Advice, type Diagnostic, type Fault, toDiagnostics } from '../tickscript/diagnostics/diagnostics.js'
import { evaluateTolerantly, type TolerantEvaluation } from '../tickscript/diagnostics/evaluate.js'
import { pieceOf } from '../tickscript/diagnostics/span.js'
import { syntaxFaults } from '../tickscript/diagnostics/syntax.js'
import { Lambda, type PipelineNode } from '../tickscript/node-def.js'
import type { Source } from '../tickscript/positions.js'
import { type StringLiteral, stringLiterals } from '../tickscript/string-literals.js'
import { type Dbrp, dbrpsOf } from '../tickscript/task-facts.js'
import { type Piece, parseTolerantly, type TolerantScript } from '../tickscript/tolerant-parser.js'
import type { JsonVar } from '../tickscript/vars.js'
import { flawedDetails } from './check-details.js'
import { listsInStrings, sharedId } from './check-groups.js'
import { absentFields, checkInRows } from './check-rows.js'
import { DryRun } from './dry-context.js'
import { type LambdaPlace, lambdasOf, purposeOf } from './lambda-places.js'
import { RowShapes } from './row-shapes.js'

export interface CheckOptions {
  /** Values of vars. Without them the script is checked as a template: vars with a type only have their zero values. */
  readonly vars?: Readonly<Record<string, JsonVar>>
}

export function checkScript(text: string, options: CheckOptions = {}): Diagnostic[] {
  const script = parseTolerantly(text)
  const faults = syntaxFaults(script)
  if (text.trim() === '') {
    const message = text === '' ? 'must provide TICKscript' : 'invalid task type: invalid'
    faults.push({ severity: 'error', message, from: 0, to: 0, hint: 'The script is empty: stream|from()…' })
    return toDiagnostics(faults, script.source)
  }
  const isTemplate = options.vars === undefined && script.statements.some((s) => s.type === 'typeDeclaration')
  const evaluation = evaluateTolerantly(script, {
    registry: operatorRegistry,
    constant: evaluateConstant,
    vars: options.vars,
    typeOnlyDefaults: options.vars === undefined,
    functionNames: functions.map((f) => f.name),
    locate: (expression) => {
      const [first] = checkLambda(expression, 'value')
      return first === undefined ? undefined : adviceOf(first)
    },
  })
  for (const fault of evaluation.faults) faults.push(fault)
  faults.push(...idleStatements(script))
  // The request may name the databases instead: then they are not known.
  const dbrps = dbrpsOf({ statements: script.statements })
  const named = dbrps.length === 0 ? null : dbrps
  new EnableChecks(evaluation, script.source, faults, script, { isTemplate, dbrps: named }).run()
  return toDiagnostics(faults, script.source)
}

function adviceOf({ node, hint, suggestion }: LambdaProblem): { node: Expression; hint?: string; suggestion?: string } {
  return { node, hint, suggestion }
}

const maxIdle = 100
const idle = new Set([
  'number',
  'string',
  'bool',
  'duration',
  'regex',
  'star',
  'reference',
  'identifier',
  'unary',
  'lambda',
  'list',
])

/** Values that stand alone: mostly the rest of something that was meant to be one value. */
function idleStatements({ statements, source, faults }: TolerantScript): Fault[] {
  const broken = new Set(faults.map((fault) => source.position(fault.from).line))

  const alone = statements.filter((s) => idle.has(s.type) && !broken.has(s.pos.line)).slice(0, maxIdle)
  return alone.map((statement) => {
    const piece = pieceOf(statement, source)
    const before = /\S*\s*$/.exec(source.text.slice(Math.max(0, piece.from - 80), piece.from))![0]
    const hint = splitValue(before, source.text.slice(piece.from, piece.to))
    return { severity: 'warning' as const, message: 'a value alone has no effect', ...piece, hint }
  })
}

function splitValue(before: string, value: string): string | undefined {
  if (/\d(?:ms|[uµsmhdw])$/.test(before) && /^\d/.test(value))
    return 'A duration has one number and one unit: 90m, not 1h30m.'
  if (/\d\.\d*$/.test(before) && /^(?:ms|[uµsmhdw])$/.test(value))
    return 'Durations are whole numbers: 1500ms, not 1.5s.'
  if (/\d$/.test(before) && /^e\d*$/i.test(value)) return 'Numbers have no exponent: write all digits.'
  if (/\d\s+$/.test(before) && /^(?:ms|[uµsmhdw])$/.test(value)) return 'A duration is written without a blank.'
  if (/\d\S*$/.test(before) && /^\p{L}/u.test(value)) return 'Units of durations are u, ms, s, m, h, d and w.'
  return undefined
}

/** What enabling the task would refuse, and what every point would fail at. */
interface CheckedTask {
  readonly isTemplate: boolean
  /** Null where the script names none. */
  readonly dbrps: readonly Dbrp[] | null
}

class EnableChecks {
  private readonly dry = new DryRun()
  /** Parts already reported: a lambda var may be used in many places. */
  private readonly reported = new Set<Expression>()
  /** null: names of fields and tags are not known yet. */
  private readonly shapes: RowShapes | null
  /** The string literals of the script, in order. */
  private readonly strings: readonly StringLiteral[]

  constructor(
    private readonly evaluation: TolerantEvaluation,
    private readonly source: Source,
    private readonly faults: Fault[],
    script: TolerantScript,
    private readonly task: CheckedTask,
  ) {
    this.shapes = namesAreKnown(script, task.isTemplate) ? new RowShapes(evaluation.tainted) : null
    this.strings = stringLiterals(script.statements, script.source)
  }

  run(): void {
    const { pipeline, tainted, orphans } = this.evaluation
    const planned = this.plan()
    for (const node of pipeline.nodes) {
      const plan = planned?.find((p) => p.node === node)
      const lambdas = lambdasOf(node)
      const bad = lambdas.filter(({ lambda }) => staticProblems(lambda.expression).length > 0)
      this.refusedLambdas(plan, bad)
      if (tainted.has(node)) continue
      this.checkEdges(node)
      // The zero values of a template's vars say nothing about the tasks made from it.
      if (this.task.isTemplate) continue
      this.attempt(node, () => node.def.check?.(node, { dbrps: this.task.dbrps }))
      // A node that cannot be made for another reason than its lambdas.
      const text = plan === undefined ? null : this.refusal(plan, bad)
      if (text !== null) this.report('error', text, this.placeOf(node), {})
    }
    for (const { lambda } of orphans) {
      this.refusedLambdas(undefined, [{ lambda, index: 0, purpose: 'value', set: () => {} }])
    }
    for (const node of pipeline.nodes) this.warnings(node)
    for (const { lambda, call } of orphans) this.warn(checkLambda(lambda.expression, purposeOf(call)))
  }

  /** null when errors have left nodes that cannot be planned. */
  private plan(): readonly PlannedNode[] | null {
    const { pipeline, tainted } = this.evaluation
    if (tainted.size > 0) return null
    try {
      return planTask(pipeline, { taskId: 'task', shards: 1 }).nodes
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      this.report('error', err.message, { from: 0, to: 0 }, {})
      return null
    }
  }

  private checkEdges(node: PipelineNode): void {
    for (const text of edgeMismatches(node))
      this.report('error', text, this.placeOf(node), { hint: 'Its inputs are all streams or all batches.' })
  }

  /** The lambdas that enabling refuses: the first fault of each with the text of its node. */
  private refusedLambdas(planned: PlannedNode | undefined, bad: readonly LambdaPlace[]): void {
    for (const { lambda } of bad) {
      const others = bad.filter((place) => place.lambda !== lambda)
      const text = planned === undefined ? null : this.refusal(planned, others)
      staticProblems(lambda.expression).forEach((problem, i) => {
        if (this.seen(problem.node)) return
        const named = i === 0 && text?.endsWith(problem.text) === true
        this.reportProblem(named ? { ...problem, text } : problem)
      })
    }
  }

  /** The text with which the operator cannot be made while `without` are harmless; null when it can. */
  private refusal(planned: PlannedNode, without: readonly LambdaPlace[]): string | null {
    const entry = entryOf(planned.node.def)
    if (entry.create === undefined || planned.fusion !== 'none') return null
    for (const place of without) place.set(harmless)
    try {
      entry.create(planned, this.dry.context(planned)).dispose()
      return null
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      return err.message
    } finally {
      for (const place of without) place.set(place.lambda)
    }
  }

  private warnings(node: PipelineNode): void {
    const { shapes } = this
    for (const place of lambdasOf(node)) {
      if (shapes === null) this.warn(checkLambda(place.lambda.expression, place.purpose))
      else this.warn(checkInRows(place, node, shapes))
    }
    for (const { literal, text, ...advice } of listsInStrings(node)) this.warnAt(node, literal, text, advice)
    const flawed = flawedDetails(node)
    if (flawed !== null) this.warnAt(node, flawed.literal, flawed.text, { hint: flawed.hint })
    if (shapes === null || this.evaluation.tainted.has(node)) return
    for (const { field, text, ...advice } of absentFields(node, shapes)) this.warnAt(node, field, text, advice)
    const shared = sharedId(node, shapes)
    if (shared !== null) this.warnAt(node, shared.literal, shared.text, { hint: shared.hint })
  }

  private warn(problems: readonly LambdaProblem[]): void {
    for (const problem of problems) {
      if (problem.severity === 'warning' && !this.seen(problem.node)) this.reportProblem(problem)
    }
  }

  /** At the string among the arguments of the node and of its properties, or where it is the only one; else at the node. */
  private warnAt(node: PipelineNode, literal: string, text: string, advice: Advice): void {
    const place = this.placeOf(node)
    const found = this.strings.filter(({ value }) => value === literal)
    const next = found.find(({ piece }) => piece.from >= place.to)
    const isOwn = next !== undefined && !/[|@]|^\s*var\b/m.test(this.source.text.slice(place.to, next.piece.from))
    const at = isOwn ? next : found.length === 1 ? found[0] : undefined
    if (at !== undefined) this.report('warning', text, at.piece, advice)
    else this.report('warning', text, place, { hint: advice.hint })
  }

  private seen(node: Expression): boolean {
    if (this.reported.has(node)) return true
    this.reported.add(node)
    return false
  }

  private attempt(node: PipelineNode, check: () => void): void {
    try {
      check()
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      this.report('error', err.message, this.placeOf(node), { hint: err.hint })
    }
  }

  private placeOf(node: PipelineNode): Piece {
    return this.evaluation.places.get(node) ?? { from: 0, to: 0 }
  }

  private reportProblem({ severity, text, node, hint, suggestion }: LambdaProblem): void {
    const piece = node.pos.offset === 0 && node.type !== 'lambda' ? { from: 0, to: 0 } : pieceOf(node, this.source)
    // A var stands in the place of its value: replacing the name would not help.
    const isName = /\p{L}/u.test(this.source.text.charAt(piece.from)) && node.type !== 'identifier'
    this.report(severity, text, piece, isName ? { hint } : { hint, suggestion })
  }

  private report(
    severity: Fault['severity'],
    message: string,
    { from, to }: Piece,
    { hint, suggestion }: { hint?: string; suggestion?: string },
  ): void {
    this.faults.push({ severity, message, from, to, hint, suggestion })
  }
}

/** In a template the vars of these types may name fields and tags. */
function namesAreKnown({ statements }: TolerantScript, isTemplate: boolean): boolean {
  const naming = new Set(['string', 'list', 'star', 'lambda'])
  return !isTemplate || !statements.some((s) => s.type === 'typeDeclaration' && naming.has(s.varType.name))
}

const start = { offset: 0, line: 1, char: 1 }
const harmless = new Lambda({ type: 'lambda', expression: { type: 'bool', value: true, pos: start }, pos: start })
