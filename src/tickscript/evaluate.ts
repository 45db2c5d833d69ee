/**
 * Runs a script: statements top to bottom in one flat scope, then the checks of all nodes, parents first. Error texts and
 * their order are the original's; whoever answers the request adds `invalid TICKscript: `. Thread: any.
 */
import { Duration, type Value } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import type {
  ChainNode,
  DeclarationNode,
  Expression,
  FunctionNode,
  Position,
  Program,
  Statement,
  TypeDeclarationNode,
} from './ast.js'
import { Caller, Methods, positioned } from './calls.js'
import { type DeadmanDefaults, deadmanComposite, defaultDeadman } from './deadman.js'
import { expandedNodes, lambdaOf, resolveExpression } from './lambda-idents.js'
import {
  Lambda,
  type NodeDef,
  type Pipeline,
  type PipelineNode,
  type PlainValue,
  Reference,
  Regex,
  type ScriptValue,
  Star,
} from './node-def.js'
import { PipelineBuilder } from './pipeline-builder.js'
import {
  type EvalValue,
  goType,
  TimeDimension,
  UnboundFunction,
  type VarType,
  varTypeName,
  varTypeOf,
} from './script-values.js'
import { type Dbrp, dbrpsOf, taskType } from './task-facts.js'
import { type JsonVar, jsonValue, type ScriptVar, varValue, zeroValue } from './vars.js'

export type { Dbrp } from './task-facts.js'
export { dbrpsOf, taskType } from './task-facts.js'
export type { JsonVar, ScriptVar } from './vars.js'

export interface EvaluateOptions {
  /** All nodes by chain method, sources included. */
  readonly registry: Iterable<NodeDef>
  /** Evaluates an expression without references, as the lambda engine does. Throws an Error with the exact text. */
  readonly constant: (expression: Expression) => Value
  readonly vars?: Readonly<Record<string, JsonVar>>
  /** Template definition: type-only vars get zero values instead of being required. */
  readonly typeOnlyDefaults?: boolean
  readonly deadman?: DeadmanDefaults
}

export interface Evaluation {
  readonly type: 'stream' | 'batch'
  readonly pipeline: Pipeline
  /** Vars of the script in order, nodes left out. */
  readonly vars: Readonly<Record<string, ScriptVar>>
  readonly dbrps: readonly Dbrp[]
}

/** Longest string an expression may make, and all such strings of a script together. */
const maxStringLength = 1 << 22
const maxStringTotal = 1 << 24
/** Parts of all lambda vars together with everything spliced in. */
const maxLambdaTotal = 1_000_000
/** Values in a list, lists inside it included. */
const maxListItems = 10_000

const varTypes = new Set(['int', 'float', 'bool', 'string', 'regex', 'duration', 'lambda', 'list', 'star'])

/** Throws ShardlineError; code `invalid-task-type` (which gets no prefix) when the script is neither stream nor batch. */
export function evaluate(program: Program, options: EvaluateOptions): Evaluation {
  return new Evaluator(program, options).run()
}

/** One run of a script. The run that reports everything (diagnostics-evaluate.ts) overrides how its steps fail. */
export class Evaluator {
  protected readonly scope = new Map<string, EvalValue>()
  protected readonly vars: Record<string, ScriptVar> = Object.create(null) as Record<string, ScriptVar>
  protected readonly methods: Methods
  protected readonly builder: PipelineBuilder
  protected readonly caller: Caller
  private readonly sourceNode: PipelineNode
  private readonly addDeadman: ReturnType<typeof deadmanComposite>
  /** Vars given with the task. All are converted first, also those the script does not have. */
  protected readonly given = new Map<string, { type: string; value: EvalValue }>()
  /** The first thing that does not run yet. */
  private unsupported: ShardlineError | null = null
  private stringTotal = 0
  private lambdaTotal = 0
  private readonly listSizes = new WeakMap<EvalValue[], number>()

  constructor(
    protected readonly program: Program,
    protected readonly options: EvaluateOptions,
    protected readonly type = taskType(program),
  ) {
    this.methods = new Methods(options.registry)
    this.builder = new PipelineBuilder(this.methods.get('noop'))
    this.addDeadman = deadmanComposite(this.methods, this.builder, options.deadman ?? defaultDeadman)
    this.caller = new Caller(this.methods, this.builder, new Map([['deadman', this.addDeadman]]), (pos, text) =>
      this.noteUnsupported(pos, text),
    )
    const source = this.methods.get(this.type)
    if (source === undefined) throw new ShardlineError('tickscript', `${this.type} tasks are not supported yet`)
    this.sourceNode = this.builder.source(source, this.type)
    this.scope.set(this.type, this.sourceNode)
    this.scope.set('time', timeFunction)
  }

  run(): Evaluation {
    for (const [name, given] of Object.entries(this.options.vars ?? {})) {
      this.given.set(name, { type: given.type, value: varValue(name, given) })
    }
    for (const statement of this.program.statements) this.statement(statement)
    const { deadman } = this.options
    if (deadman?.global === true)
      this.addDeadman(this.sourceNode, [deadman.threshold, new Duration(deadman.intervalNs)])
    const pipeline = this.builder.build(this.type, this.plainVars())
    for (const node of pipeline.nodes) {
      node.def.validate?.(node)
      for (const call of node.handlers) {
        node.def.handlers?.find((handler) => handler.kind === call.kind)?.validate?.(call, node)
      }
    }
    if (this.unsupported !== null) throw this.unsupported
    if (pipeline.nodes.length <= 1) throw new ShardlineError('tickscript', 'task does nothing')
    return { type: this.type, pipeline, vars: this.vars, dbrps: dbrpsOf(this.program) }
  }

  /** Vars of the script whose values are numbers, texts, booleans or durations. */
  protected plainVars(): ReadonlyMap<string, PlainValue> {
    const plain = new Map<string, PlainValue>()
    for (const name of Object.keys(this.vars)) {
      const value = this.scope.get(name)
      if (value === undefined) continue
      if (typeof value !== 'object' || value instanceof Duration) plain.set(name, value)
    }
    return plain
  }

  protected noteUnsupported(pos: Position, text: string): void {
    this.unsupported ??= positioned(pos, text)
  }

  protected statement(statement: Statement): void {
    switch (statement.type) {
      case 'declaration':
        this.declare(statement)
        return
      case 'typeDeclaration':
        this.declareType(statement)
        return
      case 'dbrp':
        return
      default: {
        // A lone name is neither looked up nor called.
        if (statement.type === 'identifier') return
        if (isGlobalCall(statement)) this.callGlobal(statement)
        else this.expression(statement)
      }
    }
  }

  protected declare(statement: DeclarationNode): void {
    const name = statement.name.name
    const value = isGlobalCall(statement.value) ? this.unbound(statement.value) : this.expression(statement.value)
    if (this.scope.has(name)) {
      throw new ShardlineError('tickscript', `attempted to redefine ${name}, vars are immutable`)
    }
    const type = varTypeOf(value)
    if (value instanceof Lambda && (this.lambdaTotal += expandedNodes(value)) > maxLambdaTotal) {
      throw new ShardlineError('tickscript', `lambda vars have more than ${maxLambdaTotal} parts together`)
    }
    if (type !== null) this.list(name, type, jsonValue(value), statement)
    const given = this.given.get(name)
    if (given === undefined) {
      this.scope.set(name, value)
      return
    }
    this.checkType(name, given, type)
    this.scope.set(name, given.value)
  }

  protected declareType(statement: TypeDeclarationNode): void {
    const name = statement.name.name
    const typeName = statement.varType.name
    if (!varTypes.has(typeName)) throw new ShardlineError('tickscript', `invalid var type "${typeName}"`)
    const type = typeName as VarType
    this.list(name, type, null, statement)
    const given = this.given.get(name)
    if (given !== undefined) {
      this.checkType(name, given, type)
      this.scope.set(name, given.value)
    } else if (this.options.typeOnlyDefaults === true) {
      this.scope.set(name, zeroValue(type))
    } else {
      throw new ShardlineError('tickscript', `missing value for var "${name}".`)
    }
  }

  private list(name: string, type: VarType, value: unknown, statement: DeclarationNode | TypeDeclarationNode): void {
    const description = statement.comment?.groups.map((lines) => lines.join('\n')).join('\n\n\n') ?? ''
    this.vars[name] = { type, value, description }
  }

  private checkType(name: string, given: { readonly type: string }, type: VarType | null): void {
    if (given.type === type) return
    const got = varTypeName(given.type as VarType)
    throw new ShardlineError('tickscript', `invalid type supplied for ${name}, got ${got} exp ${varTypeName(type)}`)
  }

  protected readonly lookup = (name: string): EvalValue => this.find(name)

  protected find(name: string): EvalValue {
    const value = this.scope.get(name)
    if (value !== undefined) return value
    const names = [...this.scope.keys()].sort().join(',')
    throw new ShardlineError('tickscript', `name "${name}" is undefined. Names in scope: ${names}`)
  }

  protected expression(node: Expression): EvalValue {
    switch (node.type) {
      case 'number':
      case 'string':
      case 'bool':
        return node.value
      case 'duration':
        return new Duration(node.ns)
      case 'regex':
        return new Regex(node.source)
      case 'star':
        return new Star()
      case 'reference':
        return new Reference(node.name)
      case 'identifier':
        return this.lookup(node.name)
      case 'lambda':
        return lambdaOf(node, this.lookup)
      case 'list':
        return this.listValue(node.items)
      case 'unary':
        return this.unary(node.op, node.operand, node.pos)
      case 'binary':
        return this.binary(node)
      case 'function':
        return this.callGlobal(node)
      case 'chain':
        return this.chain(node)
    }
  }

  protected chain(node: Expression): EvalValue {
    const links: ChainNode[] = []
    let root = node
    while (root.type === 'chain') {
      links.push(root)
      root = root.left
    }
    let value = this.chainRoot(root)
    for (let i = links.length - 1; i >= 0; i--) value = this.link(value, links[i])
    return value
  }

  protected chainRoot(root: Expression): EvalValue {
    return this.expression(root)
  }

  protected link(value: EvalValue, { op, right, pos }: ChainNode): EvalValue {
    if (right.type === 'function') return this.caller.call(value, op, right.name, this.args(right), right.pos)
    if (op === '@') return this.caller.call(value, op, right.name, [], right.pos)
    return this.caller.read(value, right.name, pos)
  }

  protected args(call: FunctionNode): EvalValue[] {
    return call.args.map((arg) => this.expression(arg))
  }

  private callGlobal(node: FunctionNode): EvalValue {
    const args = this.args(node)
    if (this.scope.get(node.name) !== timeFunction) {
      throw positioned(node.pos, `no global function "${node.name}" defined`)
    }
    const [length, offset = new Duration(0n)] = args
    if (!(length instanceof Duration && offset instanceof Duration) || args.length > 2) {
      const bad = args.find((arg) => !(arg instanceof Duration))
      const detail =
        bad === undefined
          ? `time() function expects 1 or 2 args, got ${args.length}`
          : `reflect: Call using ${goType(bad)} as type time.Duration`
      throw positioned(node.pos, `error calling func "time" on obj <nil>: ${detail}`)
    }
    return new TimeDimension(length, offset)
  }

  /** The arguments are evaluated, the function is not called. */
  private unbound(node: FunctionNode): EvalValue {
    this.args(node)
    return new UnboundFunction()
  }

  protected listValue(items: readonly Expression[]): EvalValue[] {
    const values = items.map((item) => this.expression(item))
    let size = 0
    for (const value of values) size += 1 + (Array.isArray(value) ? (this.listSizes.get(value) ?? value.length) : 0)
    if (size > maxListItems) {
      throw new ShardlineError('tickscript', `list has more than ${maxListItems} items`)
    }
    this.listSizes.set(values, size)
    return values
  }

  private unary(op: '-' | '!', operand: Expression, pos: Position): EvalValue {
    const value = isGlobalCall(operand) ? this.unbound(operand) : this.expression(operand)
    if (op === '!' && typeof value === 'boolean') return !value
    if (op === '-') {
      if (typeof value === 'bigint') return BigInt.asIntN(64, -value)
      if (typeof value === 'number') return -value
      if (value instanceof Duration) return new Duration(BigInt.asIntN(64, -value.ns))
    }
    throw positioned(pos, `invalid arugument to '${op}' ${valueText(value)}`)
  }

  private binary(node: Expression): EvalValue {
    const value = this.constant(resolveExpression(node, this.lookup))
    if (typeof value === 'string') {
      this.stringTotal += value.length
      if (value.length > maxStringLength || this.stringTotal > maxStringTotal) {
        throw new ShardlineError('tickscript', `expressions make strings of more than ${maxStringLength} characters`)
      }
    }
    return value
  }

  private constant(expression: Expression): ScriptValue {
    let value: Value
    try {
      value = this.options.constant(expression)
    } catch (err) {
      if (err instanceof ShardlineError) throw err
      throw new ShardlineError('tickscript', err instanceof Error ? err.message : String(err))
    }
    switch (typeof value) {
      case 'bigint':
      case 'number':
      case 'string':
      case 'boolean':
        return value
      default:
        if (value instanceof Duration) return value
        throw new ShardlineError('tickscript', 'expression returned unexpected type time')
    }
  }
}

/** The preset name `time`. */
const timeFunction = new UnboundFunction()

function isGlobalCall(node: Expression): node is FunctionNode {
  return node.type === 'function'
}

function valueText(value: EvalValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object') return value instanceof Duration ? `${value.ns}ns` : goType(value)
  return String(value)
}
