/**
 * The checked form of an expression: what both the interpreter and the compiler walk. Building it performs the checks of
 * enable time (spec tickscript 7.4): texts with their nesting prefixes come as Failure.
 *
 * Each nested lambda has a state scope of its own; scope 0 is the expression itself. A scope keeps one state per stateful
 * function, at a fixed slot. Thread: any.
 */

import { Duration } from '../columns/values.js'
import { goDuration } from '../go/go-duration.js'
import { formatFloatG } from '../go/go-format.js'
import type { BinaryOp, Expression } from '../tickscript/ast.js'
import type { FunctionDef, Operand } from './functions/function-def.js'
import { functionByName } from './functions/registry.js'
import { patternOf } from './regex.js'
import { Failure, isBoolOp, mismatchText, resultType, Type } from './types.js'

interface Base {
  /** Type that no row can change, or Invalid: known only per row. */
  readonly staticType: Type
  /** Whether the type depends on the row. A comparison over references is not dynamic: it is always a boolean. */
  readonly dynamic: boolean
}
export interface LiteralNode extends Base {
  readonly node: 'literal'
  readonly value: Operand
}
export interface RefNode extends Base {
  readonly node: 'ref'
  readonly name: string
  /** Into Program.references; -1 is "time". */
  readonly index: number
}
export interface UnaryNode extends Base {
  readonly node: 'unary'
  readonly op: '-' | '!'
  readonly operand: Node
}
export interface BinaryNode extends Base {
  readonly node: 'binary'
  readonly op: BinaryOp
  readonly left: Node
  readonly right: Node
}
export interface CallNode extends Base {
  readonly node: 'call'
  readonly name: string
  /** null: undefined function, an error of run time. */
  readonly def: FunctionDef | null
  readonly args: readonly Node[]
  /** Stateful functions: scope and first slot. */
  readonly scope: number
  readonly slot: number
}
export interface NestedNode extends Base {
  readonly node: 'nested'
  readonly expression: Node
}
export type Node = LiteralNode | RefNode | UnaryNode | BinaryNode | CallNode | NestedNode

export interface Program {
  readonly root: Node
  /** Names in order of first use, without "time". */
  readonly references: readonly string[]
  readonly usesTime: boolean
  /** float64 slots per state scope. */
  readonly slots: readonly number[]
  /** Number of nodes. */
  readonly size: number
}

/** Deeper expressions are refused: every walk over them is recursive. */
const maxDepth = 1000

const goNodes: Partial<Record<Expression['type'], string>> = {
  star: 'StarNode',
  identifier: 'IdentifierNode',
  list: 'ListNode',
  chain: 'ChainNode',
}

class Builder {
  readonly references: string[] = []
  usesTime = false
  size = 0
  private readonly scopes: Map<string, number>[] = [new Map()]
  readonly slots: number[] = [0]

  constructor(private readonly functionOf: FindFunction) {}

  build(e: Expression, scope: number, depth: number): Node {
    if (depth > maxDepth) throw new Failure('expression is nested too deeply')
    this.size++
    switch (e.type) {
      case 'number':
        return literal(e.value, typeof e.value === 'bigint' ? Type.Int : Type.Float)
      case 'string':
        return literal(e.value, Type.String)
      case 'bool':
        return literal(e.value, Type.Bool)
      case 'duration':
        return literal(new Duration(e.ns), Type.Duration)
      case 'regex':
        return literal(regexOf(e.source), Type.Regex)
      case 'reference':
        return { node: 'ref', name: e.name, index: this.reference(e.name), staticType: Type.Invalid, dynamic: true }
      case 'unary':
        return this.unary(e.op, this.prefixed('Failed to handle node: ', e.operand, scope, depth))
      case 'lambda': {
        this.scopes.push(new Map())
        this.slots.push(0)
        const inner = this.prefixed('Failed to handle node: ', e.expression, this.scopes.length - 1, depth)
        return { node: 'nested', expression: inner, staticType: inner.staticType, dynamic: inner.dynamic }
      }
      case 'binary':
        return this.binary(
          e.op,
          this.prefixed('Failed to handle left node: ', e.left, scope, depth),
          this.prefixed('Failed to handle right node: ', e.right, scope, depth),
        )
      case 'function': {
        const args = e.args.map((a, i) => this.prefixed(`Failed to handle ${i + 1} argument: `, a, scope, depth))
        const def = this.functionOf(e.name)
        const slot = def?.stateSlots === undefined ? -1 : this.slotOf(scope, def)
        return { node: 'call', name: e.name, def, args, scope, slot, staticType: Type.Invalid, dynamic: true }
      }
      default:
        throw new Failure(`Given node type is not valid evaluation node: *ast.${goNodes[e.type] ?? e.type}`)
    }
  }

  private prefixed(prefix: string, e: Expression, scope: number, depth: number): Node {
    try {
      return this.build(e, scope, depth + 1)
    } catch (err) {
      if (err instanceof Failure) throw new Failure(prefix + err.text)
      throw err
    }
  }

  private unary(op: '-' | '!', operand: Node): Node {
    const staticType = op === '!' ? Type.Bool : operand.staticType
    return { node: 'unary', op, operand, staticType, dynamic: staticType === Type.Invalid && operand.dynamic }
  }

  private binary(op: BinaryOp, left: Node, right: Node): Node {
    const dynamicSide = left.dynamic || right.dynamic
    const result = resultType(op, left.staticType, right.staticType)
    if (!dynamicSide && result === Type.Invalid) throw new Failure(mismatchText(op, left.staticType, right.staticType))
    const staticType = isBoolOp(op) ? Type.Bool : result
    return { node: 'binary', op, left, right, staticType, dynamic: staticType === Type.Invalid && dynamicSide }
  }

  private reference(name: string): number {
    if (name === 'time') {
      this.usesTime = true
      return -1
    }
    const at = this.references.indexOf(name)
    return at >= 0 ? at : this.references.push(name) - 1
  }

  private slotOf(scope: number, def: FunctionDef): number {
    const known = this.scopes[scope].get(def.name)
    if (known !== undefined) return known
    const slot = this.slots[scope]
    this.slots[scope] += def.stateSlots!
    this.scopes[scope].set(def.name, slot)
    return slot
  }
}

function literal(value: Operand, staticType: Type): LiteralNode {
  return { node: 'literal', value, staticType, dynamic: false }
}

function regexOf(source: string) {
  try {
    return patternOf(source)
  } catch (err) {
    throw new Failure(err instanceof Error ? err.message : String(err))
  }
}

export type FindFunction = (name: string) => FunctionDef | null

/** Throws Failure with the text of enable time. `functionOf` may know more functions than the built-in ones. */
export function buildProgram(expression: Expression, functionOf: FindFunction = functionByName): Program {
  const b = new Builder(functionOf)
  const root = b.build(expression, 0, 0)
  return { root, references: b.references, usesTime: b.usesTime, slots: b.slots, size: b.size }
}

/** How error texts print an argument. */
export function textOf(n: Node): string {
  switch (n.node) {
    case 'literal': {
      const v = n.value
      if (typeof v === 'number') return formatFloatG(v)
      if (v instanceof Duration) return goDuration(v.ns)
      return typeof v === 'object' && v !== null && 'source' in v ? v.source : String(v)
    }
    case 'ref':
      return `"${n.name}"`
    case 'unary':
      return n.op + textOf(n.operand)
    case 'binary':
      return `${textOf(n.left)} ${n.op} ${textOf(n.right)}`
    case 'call':
      return `${n.name}(${n.args.map(textOf).join(', ')})`
    case 'nested':
      return textOf(n.expression)
  }
}

/** Name of the original's evaluator type of a node, as two of its texts print it. */
export function evaluatorName(n: Node): string {
  switch (n.node) {
    case 'unary':
      return '*stateful.EvalUnaryNode'
    case 'nested':
      return '*stateful.EvalLambdaNode'
    case 'binary':
      return '*stateful.EvalBinaryNode'
    case 'call':
      return '*stateful.EvalFunctionNode'
    case 'ref':
      return '*stateful.EvalReferenceNode'
    default:
      return '*stateful.EvalNode'
  }
}
