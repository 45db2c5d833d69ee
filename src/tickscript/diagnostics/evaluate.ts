/**
 * A run of a script that goes on after errors. What fails is reported with its place and becomes poison: whatever depends on
 * it is left out silently, so that one mistake is reported once. A property that fails leaves its node in the chain, but the
 * node is not checked any further. Thread: any.
 */
import { ShardlineError } from '../../errors.js'
import type { ChainNode, Expression, FunctionNode, Position, Program, Statement } from '../ast.js'
import { nodeOf, positioned } from '../calls.js'
import { type EvaluateOptions, Evaluator } from '../evaluate.js'
import { type HandlerCall, Lambda, type Pipeline, PipelineNode } from '../node-def.js'
import type { Source } from '../positions.js'
import { type EvalValue, goType, HandlerObject, TimeDimension, UnboundFunction } from '../script-values.js'
import { taskType } from '../task-facts.js'
import type { Piece, TolerantScript } from '../tolerant-parser.js'
import { varValue } from '../vars.js'
import type { Advice, Fault } from './diagnostics.js'
import { callAdvice, undefinedAdvice, varTypeNames } from './hints.js'
import { pieceNamed, pieceOf, tokenEnd } from './span.js'
import { nearest } from './suggest.js'

export interface TolerantOptions extends EvaluateOptions {
  /** Functions that lambdas may call. */
  readonly functionNames?: readonly string[]
  /** The part of an expression without references that cannot be evaluated, and what to do about it. */
  locate?(expression: Expression): ({ node: Expression } & Advice) | undefined
}

export interface TolerantEvaluation {
  readonly pipeline: Pipeline
  readonly faults: readonly Fault[]
  /** Nodes that an error touched. */
  readonly tainted: ReadonlySet<PipelineNode>
  /** The names of the calls that made the nodes and handlers. */
  readonly places: ReadonlyMap<PipelineNode | HandlerCall, Piece>
  /** Lambdas that no node has got, and the names of the calls they were for. */
  readonly orphans: readonly { readonly lambda: Lambda; readonly call: string }[]
}

export function evaluateTolerantly(script: TolerantScript, options: TolerantOptions): TolerantEvaluation {
  const program: Program = { statements: script.statements }
  const lost = lostNames(script)
  const faults: Fault[] = []
  const type = typeOf(program, script, lost, faults)
  return new TolerantEvaluator(program, options, type, script, { lost, faults }).all()
}

/** Vars of statements that could not be parsed. */
function lostNames({ source, lost }: TolerantScript): Set<string> {
  const names = new Set<string>()
  for (const { from, to } of lost) {
    const m = /^\s*var\s+(\p{L}[\p{L}\p{Nd}_]*)/u.exec(source.text.slice(from, to))
    if (m !== null) names.add(m[1])
  }
  return names
}

/** The type of the task, from lost statements too. Reports when there is none. */
function typeOf(program: Program, script: TolerantScript, lost: Set<string>, faults: Fault[]): 'stream' | 'batch' {
  try {
    return taskType(program)
  } catch (err) {
    if (!(err instanceof ShardlineError)) throw err
    const { source } = script
    const guess = script.lost
      .map(({ from, to }) => /^\s*(?:var\s+\S+\s*=\s*)?(stream|batch)\b/.exec(source.text.slice(from, to))?.[1])
      .find((name) => name !== undefined)
    if (guess !== undefined) return guess as 'stream' | 'batch'
    if (script.faults.length > 0) return 'stream'
    const declared = new Set(
      program.statements.flatMap((s) => ('name' in s && typeof s.name === 'object' ? [s.name.name] : [])),
    )
    const roots = program.statements.flatMap((s) => rootOf(s) ?? []).filter((root) => !declared.has(root.name))
    const both = roots.find((root) => root.name === 'batch') ?? roots[0]
    const piece = both === undefined ? { from: 0, to: tokenEnd(source.text, 0) } : pieceOf(both, source)
    const near = both === undefined ? undefined : nearest(both.name, ['stream', 'batch'])
    const hint =
      roots.some((root) => root.name === 'stream') && both?.name === 'batch'
        ? 'A script is either a stream or a batch task.'
        : near === undefined
          ? 'Some chain or var begins with stream or batch: stream|from()…'
          : `Did you mean ${near}?`
    faults.push({
      severity: 'error',
      message: err.message,
      ...piece,
      hint,
      ...(near === undefined ? {} : { suggestion: near }),
    })
    for (const root of roots) lost.add(root.name)
    return 'stream'
  }
}

function rootOf(statement: Statement): Extract<Expression, { type: 'identifier' }> | null {
  let at: Statement = statement.type === 'declaration' ? statement.value : statement
  if (at.type !== 'chain') return null
  while (at.type === 'chain') at = at.left
  return at.type === 'identifier' ? at : null
}

/** Stands for everything that could not be evaluated. */
const poison = new UnboundFunction()

/** Something depends on what has been reported already. */
class Poisoned extends Error {}

class TolerantEvaluator extends Evaluator {
  private readonly tainted = new Set<PipelineNode>()
  private readonly places = new Map<PipelineNode | HandlerCall, Piece>()
  /** Vars whose given values are none. */
  private readonly badVars = new Set<string>()
  private inLambda = false
  private readonly orphans: { lambda: Lambda; call: string }[] = []
  /** Alert nodes with an unknown method, which may have been a handler with properties of its own. */
  private readonly uncertain = new Set<PipelineNode>()
  /** Where an error arose: the innermost expression. */
  private readonly origins = new WeakMap<Error, Expression | Statement>()
  private readonly source: Source
  private readonly lost: ReadonlySet<string>
  private readonly faults: Fault[]
  /** Every statement could be parsed. */
  private readonly complete: boolean

  constructor(
    program: Program,
    private readonly tolerant: TolerantOptions,
    type: 'stream' | 'batch',
    script: TolerantScript,
    { lost, faults }: { readonly lost: ReadonlySet<string>; readonly faults: Fault[] },
  ) {
    super(program, tolerant, type)
    this.source = script.source
    this.complete = script.faults.length === 0
    this.lost = lost
    this.faults = faults
  }

  all(): TolerantEvaluation {
    this.convertVars()
    for (const statement of this.program.statements) this.statement(statement)
    const pipeline = this.builder.build(this.type, this.plainVars())
    for (const node of pipeline.nodes) this.validate(node)
    const { statements } = this.program
    const complete = this.faults.length === 0 && this.complete
    if (pipeline.nodes.length <= 1 && complete && statements.length > 0) {
      const piece = pieceOf(statements[statements.length - 1], this.source)
      this.report('task does nothing', piece, { hint: 'The source needs something behind it: stream|from()…' })
    }
    return { pipeline, faults: this.faults, tainted: this.tainted, places: this.places, orphans: this.orphans }
  }

  private convertVars(): void {
    for (const [name, given] of Object.entries(this.tolerant.vars ?? {})) {
      try {
        this.given.set(name, { type: given.type, value: varValue(name, given) })
      } catch (err) {
        if (!(err instanceof ShardlineError)) throw err
        const statement = this.program.statements.find(
          (s) => (s.type === 'declaration' || s.type === 'typeDeclaration') && s.name.name === name,
        )
        const piece = statement === undefined ? { from: 0, to: 0 } : pieceOf(statement, this.source)
        this.badVars.add(name)
        this.report(err.message, piece, { hint: 'The value was given with the task, not by the script.' })
      }
    }
  }

  private validate(node: PipelineNode): void {
    if (this.tainted.has(node)) return
    this.checked(node, node, () => node.def.validate?.(node))
    for (const call of node.handlers) {
      const def = node.def.handlers?.find((handler) => handler.kind === call.kind)
      this.checked(node, call, () => def?.validate?.(call, node))
    }
  }

  private checked(node: PipelineNode, what: PipelineNode | HandlerCall, check: () => void): void {
    try {
      check()
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      this.tainted.add(node)
      this.report(err.message, this.places.get(what) ?? this.places.get(node) ?? { from: 0, to: 0 }, {})
    }
  }

  protected override noteUnsupported(pos: Position, text: string): void {
    this.report(positioned(pos, text).message, this.pieceAt(pos), {})
  }

  protected override statement(statement: Statement): void {
    const declares = statement.type === 'declaration' || statement.type === 'typeDeclaration'
    if (statement.type === 'typeDeclaration' && this.badVars.has(statement.name.name)) {
      this.scope.set(statement.name.name, poison)
      return
    }
    try {
      super.statement(statement)
      if (!declares || !this.lost.has(statement.name.name)) return
    } catch (err) {
      this.caught(err, statement)
    }
    if (declares && (!this.scope.has(statement.name.name) || this.lost.has(statement.name.name))) {
      this.scope.set(statement.name.name, poison)
    }
  }

  protected override find(name: string): EvalValue {
    const value = this.scope.get(name)
    if (value === poison || (value === undefined && this.lost.has(name))) throw new Poisoned()
    return super.find(name)
  }

  protected override expression(node: Expression): EvalValue {
    if (node.type === 'lambda' || node.type === 'binary') this.checkNames(node)
    try {
      return super.expression(node)
    } catch (err) {
      if (err instanceof Error && !this.origins.has(err)) this.origins.set(err, node)
      throw err
    }
  }

  protected override args(call: FunctionNode): EvalValue[] {
    return this.each(call.args)
  }

  protected override listValue(items: readonly Expression[]): EvalValue[] {
    this.each(items)
    return super.listValue(items)
  }

  /** Evaluates all, reports what fails, and fails then. */
  private each(nodes: readonly Expression[]): EvalValue[] {
    const values: EvalValue[] = []
    for (const node of nodes) {
      try {
        values.push(this.expression(node))
      } catch (err) {
        this.caught(err, node)
      }
    }
    if (values.length < nodes.length) throw new Poisoned()
    return values
  }

  /** The names inside an expression: each that is unknown or cannot be used there is reported. */
  private checkNames(expression: Expression): void {
    let failed = false
    this.inLambda = expression.type === 'lambda'
    const visit = (node: Expression): void => {
      switch (node.type) {
        case 'identifier':
          try {
            this.checkLiteral(node, this.find(node.name))
          } catch (err) {
            failed = true
            this.caught(err, node)
          }
          return
        case 'unary':
          visit(node.operand)
          return
        case 'binary':
          visit(node.left)
          visit(node.right)
          return
        case 'function':
          node.args.forEach(visit)
          return
        case 'lambda':
          visit(node.expression)
      }
    }
    visit(expression)
    this.inLambda = false
    if (failed) throw new Poisoned()
  }

  private checkLiteral(node: Expression, value: EvalValue): void {
    const unusable =
      value instanceof PipelineNode ||
      value instanceof HandlerObject ||
      value instanceof UnboundFunction ||
      value instanceof TimeDimension
    if (!unusable) return
    const hint =
      value instanceof PipelineNode
        ? 'It is a node; fields and tags are written in double quotes.'
        : 'It is a call that was never made: built-in functions are called inside lambdas and expressions.'
    this.report(`unsupported literal type ${goType(value)}`, pieceOf(node, this.source), { hint })
    throw new Poisoned()
  }

  protected override chain(node: Expression): EvalValue {
    const value = super.chain(node)
    if (value === poison) throw new Poisoned()
    return value
  }

  protected override chainRoot(root: Expression): EvalValue {
    try {
      return super.chainRoot(root)
    } catch (err) {
      this.caught(err, root)
      return poison
    }
  }

  protected override link(value: EvalValue, link: ChainNode): EvalValue {
    const { right } = link
    const node = value instanceof PipelineNode || value instanceof HandlerObject ? nodeOf(value) : null
    try {
      if (value === poison) {
        this.keepLambdas(right)
        return poison
      }
      const children = node?.children.length ?? 0
      try {
        return this.placed(super.link(value, link), right.pos, right.name)
      } catch (err) {
        for (const child of node?.children.slice(children) ?? []) this.tainted.add(child)
        throw err
      }
    } catch (err) {
      return this.brokenLink(err, value, node, link)
    }
  }

  private placed(value: EvalValue, pos: Position, name: string): EvalValue {
    const from = this.source.unitAt(pos.offset)
    const piece = { from, to: from + name.length }
    if (value instanceof PipelineNode && !this.places.has(value)) this.places.set(value, piece)
    if (value instanceof HandlerObject && !this.places.has(value.call)) this.places.set(value.call, piece)
    return value
  }

  /** What stands in the chain after a link that failed. */
  private brokenLink(err: unknown, value: EvalValue, node: PipelineNode | null, link: ChainNode): EvalValue {
    const { op, right } = link
    const use = err instanceof ShardlineError ? /Use '(.)' operator instead/.exec(err.message) : null
    const isProperty = node !== null && op === '.' && right.type === 'function'
    if (isProperty && use === null) this.tainted.add(node)
    if (!(err instanceof ShardlineError) || this.origins.has(err)) {
      this.caught(err, right)
      return isProperty ? value : poison
    }
    if (use === null) this.keepLambdas(right)
    const unknown = err.message.includes(': no method or property "')
    const ofHandler = unknown && node !== null && this.isOfHandler(node, right.name)
    if (unknown && node !== null && node.def.handlers !== undefined) this.uncertain.add(node)
    if (!ofHandler) {
      const args = right.type === 'function' ? right.args : []
      const { argument, ...advice } = callAdvice(
        err.message,
        { object: value, op, name: right.name, args },
        this.methods,
      )
      const piece = argument === undefined ? this.pieceFor(err, right) : pieceOf(argument, this.source)
      this.report(err.message, piece, advice)
    }
    // With the operator that it should have: what is wrong with it beside that is reported too.
    if (use !== null && right.type === 'function') return this.link(value, { ...link, op: use[1] as ChainNode['op'] })
    return isProperty ? value : poison
  }

  /** Lambdas of calls that were not made are checked all the same. */
  private keepLambdas(call: ChainNode['right']): void {
    if (call.type !== 'function') return
    for (const value of this.args(call))
      if (value instanceof Lambda) this.orphans.push({ lambda: value, call: call.name })
  }

  private isOfHandler(node: PipelineNode, name: string): boolean {
    if (!this.uncertain.has(node)) return false
    const upper = name.charAt(0).toUpperCase() + name.slice(1)
    return (node.def.handlers ?? []).some((handler) =>
      handler.properties.some((p) => p.name.charAt(0).toUpperCase() + p.name.slice(1) === upper),
    )
  }

  /** Reports what an expression threw. */
  private caught(err: unknown, otherwise: Expression | Statement): void {
    if (err instanceof Poisoned) return
    if (!(err instanceof ShardlineError)) throw err
    const origin = this.origins.get(err) ?? otherwise
    let piece = this.pieceFor(err, origin)
    let advice = this.adviceFor(err.message, origin)
    if (origin.type === 'binary') {
      const located = this.locate(origin)
      if (located !== undefined) {
        piece = located.piece
        advice = located
      }
    }
    if (origin.type === 'typeDeclaration' && err.message.startsWith('invalid var type')) {
      piece = pieceOf(origin.varType, this.source)
    }
    this.report(err.message, piece, advice)
  }

  /** The part of a constant expression that is wrong: a reference, or what the lambda engine says. */
  private locate(expression: Expression): ({ piece: Piece } & Advice) | undefined {
    const reference = firstReference(expression)
    if (reference !== null) {
      const hint =
        'References to fields stand in lambdas only: begin the expression with lambda:, or write strings in single quotes.'
      return { piece: pieceOf(reference, this.source), hint }
    }
    const located = this.tolerant.locate?.(expression)
    if (located === undefined) return undefined
    const { node, ...advice } = located
    return { piece: pieceOf(node, this.source), ...advice }
  }

  private adviceFor(message: string, origin: Expression | Statement): Advice {
    const undefinedName = /^name "(.*)" is undefined\. Names in scope: ./s.exec(message)
    if (undefinedName !== null) return undefinedAdvice(undefinedName[1], this.scope.keys(), !this.inLambda)
    if (origin.type === 'typeDeclaration' && message.startsWith('invalid var type')) {
      const near = nearest(origin.varType.name, varTypeNames)
      const hint = near === undefined ? `Types are ${varTypeNames.join(', ')}.` : `Did you mean ${near}?`
      return near === undefined ? { hint } : { hint, suggestion: near }
    }
    if (message.startsWith('missing value for var')) return { hint: 'Give it a value in the file of -vars.' }
    if (message.startsWith('attempted to redefine')) return { hint: 'Each var is declared once; choose another name.' }
    if (message.startsWith('invalid type supplied for'))
      return { hint: 'The type of the value given differs from the type here.' }
    const global = /: no global function "(.*)" defined$/.exec(message)
    if (global !== null) return this.globalAdvice(global[1])
    return {}
  }

  private globalAdvice(name: string): Advice {
    const { functionNames = [] } = this.tolerant
    if (functionNames.includes(name)) {
      return { hint: `Outside lambdas, ${name}() is called as part of an expression only, such as ${name}(…) + 0.` }
    }
    const near = nearest(name, ['time', ...functionNames])
    return near === undefined ? {} : { hint: `Did you mean ${near}?`, suggestion: near }
  }

  private pieceFor(err: ShardlineError, node: Expression | Statement): Piece {
    return pieceNamed(err.message, this.source) ?? pieceOf(node, this.source)
  }

  private pieceAt(pos: Position): Piece {
    const from = this.source.unitAt(pos.offset)
    return { from, to: tokenEnd(this.source.text, from) }
  }

  private report(message: string, { from, to }: Piece, advice: Advice): void {
    this.faults.push({ severity: 'error', message, from, to, ...advice })
  }
}

function firstReference(node: Expression): Expression | null {
  switch (node.type) {
    case 'reference':
      return node
    case 'unary':
      return firstReference(node.operand)
    case 'binary':
      return firstReference(node.left) ?? firstReference(node.right)
    case 'function': {
      for (const arg of node.args) {
        const found = firstReference(arg)
        if (found !== null) return found
      }
      return null
    }
    default:
      return null
  }
}
