/**
 * Executes a parsed template. Nothing is generated or evaluated as code: the tree is walked. Limits on steps, depth and output
 * make every execution end. Thread: any; an Executor is used once.
 */

import { Duration, missing, Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import type { TemplateFunction } from './functions.js'
import { durationMethod, type Method, type ParamType, timeMethod } from './go-time.js'
import type {
  AnyNode,
  BranchNode,
  CommandNode,
  ListNode,
  Operand,
  PipeNode,
  TemplateNode,
  TemplateTree,
} from './nodes.js'
import { positionOf, sourceOf } from './nodes.js'
import { valueText } from './print.js'
import {
  basicKind,
  GoEnum,
  GoInt,
  GoList,
  GoMap,
  GoStruct,
  isTrue,
  TemplateError,
  type TemplateValue,
  typeName,
} from './values.js'

const maxDepth = 500
const maxSteps = 1_000_000
export const maxOutputLength = 4 * 1024 * 1024
/** Of all texts that the functions of one execution make. */
const maxMadeLength = 4 * maxOutputLength

/** Marks "no value came through the pipe". */
const none = Symbol('none')
type Final = TemplateValue | typeof none

/** What a field is called with: the operands, the name in front, and the value that the pipeline hands on. */
interface Given {
  readonly args: readonly Operand[]
  readonly final: Final
}
const nothing: Given = { args: [], final: none }

export class Executor {
  private node: AnyNode | null = null
  private tree: TemplateTree
  private vars: { name: string; value: TemplateValue }[] = []
  private depth = 0
  private steps = 0
  private madeLength = 0
  private out = ''

  constructor(
    private readonly parseName: string,
    private readonly source: string,
    private readonly trees: ReadonlyMap<string, TemplateTree>,
    private readonly functions: (name: string) => TemplateFunction | undefined,
  ) {
    this.tree = trees.get(parseName)!
  }

  /** The output. Throws a ShardlineError. */
  run(data: TemplateValue): string {
    this.vars = [{ name: '$', value: data }]
    try {
      this.list(data, this.tree.root)
      return this.out
    } catch (err) {
      if (err instanceof ShardlineError) {
        if (err.code === 'template-execution') throw err
        this.fail(err.message)
      }
      if (err instanceof TemplateError) this.fail(err.message)
      // Blocks within templates that call each other: the stack ends before the depth does.
      if (err instanceof RangeError) this.fail(`exceeded maximum template depth (${maxDepth})`)
      throw err
    }
  }

  private fail(message: string): never {
    let text = `template: ${this.tree.name}: ${message}`
    if (this.node !== null) {
      const { line, column } = positionOf(this.source, this.node.pos)
      text = `template: ${this.parseName}:${line}:${column}: executing ${goQuote(this.tree.name)} at <${sourceOf(this.node)}>: ${message}`
    }
    throw new ShardlineError('template-execution', text)
  }

  private step(): void {
    if (++this.steps > maxSteps) this.fail('exceeded maximum number of template steps')
    if (this.out.length > maxOutputLength) this.fail('exceeded maximum template output')
  }

  /** Texts that functions make cost time and memory, shown or not. */
  private charge(length: number): void {
    this.madeLength += length
    if (this.madeLength > maxMadeLength) this.fail('exceeded maximum template output')
  }

  private list(dot: TemplateValue, list: ListNode): void {
    for (const n of list.nodes) {
      this.step()
      this.node = n
      switch (n.type) {
        case 'text':
          this.out += n.text
          break
        case 'action': {
          const v = this.pipeline(dot, n.pipe)
          if (n.pipe.decls.length === 0) {
            this.node = n
            this.out += v === undefined ? '<no value>' : valueText(v)
          }
          break
        }
        case 'if':
        case 'with': {
          const depth = this.vars.length
          const v = this.pipeline(dot, n.pipe)
          if (isTrue(v)) this.list(n.type === 'with' ? v : dot, n.list)
          else if (n.elseList !== null) this.list(dot, n.elseList)
          this.vars.length = depth
          break
        }
        case 'range':
          this.range(dot, n)
          break
        case 'template':
          this.template(dot, n)
          break
      }
    }
  }

  private range(dot: TemplateValue, n: BranchNode): void {
    const depth = this.vars.length
    const v = this.pipeline(dot, n.pipe)
    const mark = this.vars.length
    const one = (key: TemplateValue, item: TemplateValue): void => {
      this.step()
      const decls = n.pipe.decls
      if (decls.length > 0) this.vars[mark - 1].value = item
      if (decls.length > 1) this.vars[mark - 2].value = key
      this.list(item, n.list)
      this.vars.length = mark
    }
    let empty = true
    if (v instanceof GoList) {
      empty = v.items.length === 0
      v.items.forEach((item, i) => {
        one(GoInt.of(i), item)
      })
    } else if (v instanceof GoMap) {
      empty = v.entries.size === 0
      for (const k of v.sortedKeys()) one(k, v.entries.get(k))
    } else if (v !== undefined) {
      this.fail(`range can't iterate over ${valueText(v)}`)
    }
    if (empty && n.elseList !== null) this.list(dot, n.elseList)
    this.vars.length = depth
  }

  private template(dot: TemplateValue, n: TemplateNode): void {
    const callee = this.trees.get(n.name)
    if (callee === undefined) this.fail(`template ${goQuote(n.name)} not defined`)
    if (this.depth === maxDepth) this.fail(`exceeded maximum template depth (${maxDepth})`)
    const data = n.pipe === null ? undefined : this.pipeline(dot, n.pipe)
    const { vars, tree } = this
    this.vars = [{ name: '$', value: data }]
    this.tree = callee
    this.depth++
    this.list(data, callee.root)
    this.depth--
    this.tree = tree
    this.vars = vars
  }

  private pipeline(dot: TemplateValue, pipe: PipeNode): TemplateValue {
    this.step()
    this.node = pipe
    let value: Final = none
    for (const command of pipe.commands) value = this.command(dot, command, value)
    const result = value === none ? undefined : value
    for (const d of pipe.decls) {
      if (pipe.isAssign) this.assign(d.names[0], result)
      else this.vars.push({ name: d.names[0], value: result })
    }
    return result
  }

  private assign(name: string, value: TemplateValue): void {
    for (let i = this.vars.length - 1; i >= 0; i--) {
      if (this.vars[i].name !== name) continue
      this.vars[i].value = value
      return
    }
    this.fail(`undefined variable: ${name}`)
  }

  private variable(name: string): TemplateValue {
    for (let i = this.vars.length - 1; i >= 0; i--) if (this.vars[i].name === name) return this.vars[i].value
    this.fail(`undefined variable: ${name}`)
  }

  private command(dot: TemplateValue, command: CommandNode, final: Final): TemplateValue {
    const first = command.args[0]
    switch (first.type) {
      case 'field':
      case 'chain':
      case 'variable':
        return this.reference(dot, first, command.args, final)
      case 'identifier':
        this.node = first
        return this.callFunction(dot, first.name, command, command.args, final)
      case 'pipe':
        // Whatever else stands in the command is ignored, as in the original.
        return this.pipeline(dot, first)
    }
    this.node = first
    if (command.args.length > 1 || final !== none) {
      this.fail(`can't give argument to non-function ${sourceOf(first)}`)
    }
    switch (first.type) {
      case 'dot':
        return dot
      case 'nil':
        return this.fail('nil is not a command')
      case 'bool':
      case 'number':
      case 'string':
        return first.value
    }
  }

  /** A field, variable or chain that may be called with arguments. */
  private reference(dot: TemplateValue, n: Operand, args: readonly Operand[], final: Final): TemplateValue {
    this.node = n
    switch (n.type) {
      case 'field':
        return this.fields(dot, dot, n, n.names, { args, final })
      case 'chain': {
        if (n.operand.type === 'nil') this.fail(`indirection through explicit nil in ${sourceOf(n)}`)
        const start = this.argument(dot, n.operand)
        this.node = n
        return this.fields(dot, start, n, n.names, { args, final })
      }
      case 'variable': {
        const value = this.variable(n.names[0])
        if (n.names.length > 1) return this.fields(dot, value, n, n.names.slice(1), { args, final })
        if (args.length > 1 || final !== none) this.fail(`can't give argument to non-function ${sourceOf(n)}`)
        return value
      }
      default:
        return this.fail(`can't evaluate command ${goQuote(sourceOf(n))}`)
    }
  }

  private fields(
    dot: TemplateValue,
    start: TemplateValue,
    n: Operand,
    names: readonly string[],
    given: Given,
  ): TemplateValue {
    let receiver = start
    // The static type: an element of a map of interfaces is of type interface {} until a pipeline hands it on.
    let type = typeName(start)
    for (let i = 0; i < names.length; i++) {
      const last = i === names.length - 1
      const from = receiver
      receiver = this.field(dot, names[i], n, last ? given : nothing, { value: from, type })
      type = from instanceof GoMap && from.elem === 'interface {}' ? 'interface {}' : typeName(receiver)
    }
    return receiver
  }

  private field(
    dot: TemplateValue,
    name: string,
    n: Operand,
    given: Given,
    { value: receiver, type }: { readonly value: TemplateValue; readonly type: string },
  ): TemplateValue {
    if (receiver === undefined) return undefined
    const hasArgs = given.args.length > 1 || given.final !== none
    const method = methodOf(receiver, name)
    if (method !== null) return this.callMethod(dot, name, n, method, given)
    this.node = n
    const fields = receiver instanceof GoStruct ? fieldsWith(receiver, name) : undefined
    if (fields !== undefined) {
      if (hasArgs) this.fail(`${name} has arguments but cannot be invoked as function`)
      return fields.get(name)
    }
    if (receiver instanceof GoMap) {
      if (hasArgs) this.fail(`${name} is not a method but has arguments`)
      return receiver.entries.get(name)
    }
    this.fail(`can't evaluate field ${name} in type ${type}`)
  }

  private callMethod(
    dot: TemplateValue,
    name: string,
    n: Operand,

    method: Method,
    { args, final }: Given,
  ): TemplateValue {
    const values: TemplateValue[] = []
    const count = Math.max(0, args.length - 1) + (final === none ? 0 : 1)
    this.node = n
    if (count !== method.params.length) {
      this.fail(`wrong number of args for ${name}: want ${method.params.length} got ${count}`)
    }
    for (let i = 1; i < args.length; i++) values.push(this.typedArgument(dot, args[i], method.params[i - 1]))
    if (final !== none) {
      this.checkType(final, method.params[values.length])
      values.push(final)
    }
    this.node = n
    return method.call(values)
  }

  private callFunction(
    dot: TemplateValue,
    name: string,
    command: CommandNode | Operand,
    args: readonly Operand[],
    final: Final,
  ): TemplateValue {
    const f = this.functions(name)
    if (f === undefined) this.fail(`${goQuote(name)} is not a defined function`)
    const given = args.length - 1 + (final === none ? 0 : 1)
    if (f.variadic ? given < f.params.length : given !== f.params.length) {
      const want = f.variadic ? `at least ${f.params.length}` : f.params.length
      this.fail(`wrong number of args for ${name}: want ${want} got ${given}`)
    }
    const values: TemplateValue[] = []
    for (let i = 1; i < args.length; i++) {
      const type = f.params[i - 1]
      values.push(type === 'string' ? this.typedArgument(dot, args[i], 'string') : this.argument(dot, args[i]))
    }
    if (final !== none) {
      if (f.params[values.length] === 'string') this.checkType(final, 'string')
      values.push(final)
    }
    try {
      const made = f.call(values)
      if (typeof made === 'string') this.charge(made.length)
      return made
    } catch (err) {
      if (!(err instanceof TemplateError) && !(err instanceof ShardlineError)) throw err
      if (err instanceof ShardlineError && err.code === 'template-execution') throw err
      this.node = command
      this.fail(`error calling ${name}: ${err.message}`)
    }
  }

  private typedArgument(dot: TemplateValue, n: Operand, type: ParamType): TemplateValue {
    this.node = n
    if (type === 'string' && (n.type === 'bool' || n.type === 'number'))
      this.fail(`expected string; found ${sourceOf(n)}`)
    if (type === 'int' || type === 'duration') {
      const isFloat = n.type === 'number' && typeof n.value === 'number'
      if (isFloat || n.type === 'bool' || n.type === 'string') this.fail(`expected integer; found ${sourceOf(n)}`)
    }
    if (n.type === 'nil') this.fail(`cannot assign nil to ${goTypes[type]}`)
    const v = this.argument(dot, n)
    // A number literal is an untyped constant: it becomes what the parameter wants.
    if (type === 'duration' && n.type === 'number' && v instanceof GoInt) return new Duration(v.value)
    this.checkType(v, type)
    return v
  }

  private checkType(v: TemplateValue, type: ParamType): void {
    if (v === undefined) this.fail(`invalid value; expected ${goTypes[type]}`)
    const ok =
      type === 'string'
        ? basicKind(v) === 'string'
        : type === 'int'
          ? basicKind(v) === 'int'
          : type === 'duration'
            ? v instanceof Duration
            : v instanceof Timestamp
    if (!ok) this.fail(`wrong type for value; expected ${goTypes[type]}; got ${typeName(v)}`)
  }

  /** An argument of a function that takes values of any type. */
  private argument(dot: TemplateValue, n: Operand): TemplateValue {
    this.step()
    this.node = n
    switch (n.type) {
      case 'bool':
      case 'number':
      case 'string':
        return n.value
      case 'dot':
        return dot
      case 'nil':
        return undefined
      case 'identifier':
        return this.callFunction(dot, n.name, n, [n], none)
      case 'pipe':
        return this.pipeline(dot, n)
      default:
        return this.reference(dot, n, [n], none)
    }
  }
}

const goTypes: Record<ParamType, string> = {
  string: 'string',
  duration: 'time.Duration',
  time: 'time.Time',
  int: 'int',
}

function methodOf(v: TemplateValue, name: string): Method | null {
  if (v instanceof Timestamp) return timeMethod(v, name)
  if (v instanceof Duration) return durationMethod(v, name)
  if (v instanceof GoEnum && name === 'String') return { params: [], call: () => v.text }
  return null
}

function fieldsWith({ fields, hidden }: GoStruct, name: string): ReadonlyMap<string, TemplateValue> | undefined {
  if (fields.has(name)) return fields
  return hidden?.has(name) ? hidden : undefined
}

/** A boxed cell as a template value: null and missing become Go's nil. */
export function templateValue(v: bigint | number | string | boolean | Duration | Timestamp | null | typeof missing) {
  return v === null || v === missing ? undefined : v
}
