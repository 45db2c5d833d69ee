/**
 * The exact semantics of lambdas, one row at a time over boxed values (spec tickscript 7 and 8). It serves rows that
 * compiled code hands over, rare signatures, and places without columns. Types are determined before values: `typeOf` asks
 * a node for its type under the row's values without evaluating anything, `evalAs` evaluates it as one wanted type.
 * Both throw Failure; nothing is remembered from one row to the next but the stateful functions' state. Thread: any.
 */

import { Duration, kindOf, missing, Timestamp, type Value } from '../columns/values.js'
import { goQuote } from '../go/go-format.js'
import type { Operand } from './functions/function-def.js'
import { matchSignature, signaturesText } from './functions/registry.js'
import {
  type BinaryNode,
  type CallNode,
  evaluatorName,
  type Node,
  type RefNode,
  textOf,
  type UnaryNode,
} from './program.js'
import { Pattern } from './regex.js'
import { compareText, concat } from './text.js'
import {
  divideByZero,
  Failure,
  floatToInt64,
  guardText,
  mismatchText,
  resultType,
  Type,
  tooLong,
  typeName,
} from './types.js'

/** What the interpreter asks of the row. */
export interface Scope {
  /** Type of reference `index`; may throw Failure. */
  type(index: number, name: string): Type
  value(index: number): Value
  /** Time of the row, ns. */
  timeNs(): bigint
  nowNs(): bigint
  /** State of a scope: array and offset of its first slot. */
  readonly states: readonly Float64Array[]
  readonly offsets: readonly number[]
  /** Names in scope, for the text of a call with missing arguments. */
  readonly names: readonly string[]
}

function operandType(v: Operand): Type {
  return v instanceof Pattern ? Type.Regex : kindOf(v)
}

export function typeOf(n: Node, s: Scope): Type {
  if (n.staticType !== Type.Invalid) return n.staticType
  switch (n.node) {
    case 'ref':
      return refType(n, s)
    case 'unary':
      return typeOf(n.operand, s)
    case 'binary': {
      const left = typeOf(n.left, s)
      const right = typeOf(n.right, s)
      const result = resultType(n.op, left, right)
      if (result === Type.Invalid) throw new Failure(mismatchText(n.op, left, right))
      return result
    }
    case 'call':
      return callType(n, s)
    case 'nested':
      return typeOf(n.expression, s)
    default:
      return n.staticType
  }
}

function refType(n: RefNode, s: Scope): Type {
  const t = n.index < 0 ? Type.Time : s.type(n.index, n.name)
  if (t === Type.Null) throw new Failure(`referenced value ${goQuote(n.name)} is nil.`)
  return t
}

function callType(n: CallNode, s: Scope): Type {
  if (n.def === null) throw new Failure(`undefined function: ${goQuote(n.name)}`)
  const types: Type[] = []
  for (let i = 0; i < n.args.length; i++) types.push(argumentOf(i, () => typeOf(n.args[i], s)))
  const signature = matchSignature(n.def, types)
  if (signature === null) throw noMatch(n, types, s)
  return signature.result
}

/** Runs one step of argument i; its failure gets the prefix, a panic passes. */
function argumentOf<R>(i: number, step: () => R): R {
  try {
    return step()
  } catch (err) {
    if (err instanceof Failure && !err.panic) throw new Failure(`Failed to handle ${i + 1} argument: ${err.text}`)
    throw err
  }
}

function noMatch(n: CallNode, types: readonly Type[], s: Scope): Failure {
  const absent = n.args.filter((_, i) => types[i] === Type.Missing).map(textOf)
  if (absent.length > 0) {
    const others = s.names.map((name) => `"${name}"`).filter((name) => !absent.includes(name))
    const subject = absent.length > 1 ? 'arguments' : 'argument'
    const verb = absent.length > 1 ? 'are' : 'is'
    return new Failure(
      `Cannot call function "${n.name}" ${subject} ${absent.join(', ')} ${verb} missing, ` +
        `values in scope are [${others.join(', ')}]`,
    )
  }
  const given = n.args.map((a, i) => `${textOf(a)}: ${typeName(types[i])}`).join(',')
  return new Failure(
    `Cannot call function "${n.name}" with args (${given}), available signatures are ${signaturesText(n.def!)}.`,
  )
}

export function evalAs(n: Node, want: Type, s: Scope): Operand {
  switch (n.node) {
    case 'literal':
      if (n.staticType !== want) throw new Failure(guardText(n.staticType, want))
      return n.value
    case 'ref':
      return evalRef(n, want, s)
    case 'unary':
      return evalUnary(n, want, s)
    case 'binary':
      return evalBinary(n, want, s)
    case 'call': {
      const v = callFunction(n, s)
      const t = operandType(v)
      if (t !== want) throw new Failure(guardText(t, want))
      return v
    }
    case 'nested': {
      const t = typeOf(n, s)
      if (t !== want || t === Type.Time) throw new Failure(guardText(t, want))
      return evalAs(n.expression, want, s)
    }
  }
}

function evalRef(n: RefNode, want: Type, s: Scope): Value {
  const t = refType(n, s)
  if (t === Type.Missing) {
    throw new Failure(want === Type.Missing ? `missing value: "${n.name}"` : `reference "${n.name}" is missing value`)
  }
  if (t !== want) throw new Failure(guardText(t, want))
  return n.index < 0 ? new Timestamp(s.timeNs()) : s.value(n.index)
}

/** `!` on booleans; `-` on numbers and durations, and as NOT on booleans. */
function evalUnary(n: UnaryNode, want: Type, s: Scope): Operand {
  if (want === Type.Missing) {
    if (n.operand.node === 'ref') throw new Failure(`reference "${n.operand.name}" is missing value`)
    throw new Failure(`expected nodeEvaluator to be *EvalReferenceNode got ${evaluatorName(n.operand)}`)
  }
  if (want === Type.Regex || want === Type.Time || want === Type.String) {
    throw new Failure(guardText(want === Type.String ? Type.Invalid : n.staticType, want))
  }
  const t = typeOf(n, s)
  if (t !== want) throw new Failure(guardText(t, want))
  const v = evalAs(n.operand, want, s)
  if (want === Type.Bool) return v !== true
  if (want === Type.Float) return -(v as number)
  if (want === Type.Int) return BigInt.asIntN(64, -(v as bigint))
  return new Duration(BigInt.asIntN(64, -(v as Duration).ns))
}

function evalBinary(n: BinaryNode, want: Type, s: Scope): Operand {
  let left = n.left.staticType
  let right = n.right.staticType
  if (n.left.dynamic || n.right.dynamic) {
    left = typeOf(n.left, s)
    right = typeOf(n.right, s)
    if (resultType(n.op, left, right) === Type.Invalid) throw new Failure(binaryText(n, left, right))
  }
  const v = operate(n, left, right, s)
  const t = operandType(v)
  if (t === want) return v
  if (want === Type.Int || want === Type.Float) throw new Failure(guardText(t, want))
  const goName = t === Type.Bool ? 'bool' : t === Type.Int ? 'int64' : t === Type.Float ? 'float64' : '<nil>'
  throw new Failure(`expression returned unexpected type ${goName}`)
}

/** Why no operator fits the types of this row. */
function binaryText(n: BinaryNode, left: Type, right: Type): string {
  for (const [side, t, node] of [
    ['left', left, n.left],
    ['right', right, n.right],
  ] as const) {
    if (t !== Type.Missing) continue
    if (node.node === 'ref') return `${side} reference value "${node.name}" is missing value`
    return `expected ${side}Evaluator to be *EvalReferenceNode got ${evaluatorName(node)}`
  }
  return mismatchText(n.op, left, right)
}

function operate(n: BinaryNode, left: Type, right: Type, s: Scope): Operand {
  const a = evalAs(n.left, left, s)
  if (n.op === 'AND') return a === true && evalAs(n.right, right, s) === true
  if (n.op === 'OR') return a === true || evalAs(n.right, right, s) === true
  const b = evalAs(n.right, right, s)
  switch (n.op) {
    case '==':
      return compare(a, b) === 0
    case '!=':
      return compare(a, b) !== 0
    case '<':
      return compare(a, b) < 0
    case '<=':
      return compare(a, b) <= 0
    case '>':
      return compare(a, b) > 0
    case '>=':
      return compare(a, b) >= 0
    case '=~':
      return (b as Pattern).test(a as string)
    case '!~':
      return !(b as Pattern).test(a as string)
    default:
      return calculate(n.op, a, b)
  }
}

/** Order of two operands of types that the matrix lets compare; NaN when one is NaN. Int and float meet as floats. */
function compare(a: Operand, b: Operand): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'string') return compareText(a, b as string)
  if (a instanceof Duration) return compare(a.ns, (b as Duration).ns)
  const x = Number(a as number | bigint | boolean)
  const y = Number(b as number | bigint | boolean)
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : Number.NaN
}

function calculate(op: BinaryNode['op'], a: Operand, b: Operand): Operand {
  if (typeof a === 'number' && typeof b === 'number') {
    return op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : a / b
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') return int64(op, a, b)
  if (typeof a === 'string') {
    const joined = concat(a, b as string)
    if (joined === undefined) throw new Failure(tooLong)
    return joined
  }
  if (a instanceof Duration) {
    if (b instanceof Duration) {
      const v = int64(op, a.ns, b.ns)
      return op === '/' ? v : new Duration(v)
    }
    if (typeof b === 'bigint') return new Duration(int64(op, a.ns, b))
    const x = Number(a.ns)
    return new Duration(floatToInt64(op === '*' ? x * (b as number) : x / (b as number)))
  }
  const d = (b as Duration).ns
  return new Duration(typeof a === 'bigint' ? int64('*', a, d) : floatToInt64((a as number) * Number(d)))
}

function int64(op: BinaryNode['op'], a: bigint, b: bigint): bigint {
  if (b === 0n && (op === '/' || op === '%')) throw new Failure(divideByZero, true)
  const v = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : op === '/' ? a / b : a % b
  return BigInt.asIntN(64, v)
}

function callFunction(n: CallNode, s: Scope): Operand {
  if (n.def === null) throw new Failure(`undefined function: ${goQuote(n.name)}`)
  const types: Type[] = []
  for (let i = 0; i < n.args.length; i++) types.push(argumentOf(i, () => typeOf(n.args[i], s)))
  const signature = matchSignature(n.def, types)
  if (signature === null) throw noMatch(n, types, s)
  const args: Operand[] = []
  for (let i = 0; i < n.args.length; i++) args.push(argumentOf(i, () => argument(n.args[i], types[i], s)))
  if (n.def.step !== undefined) {
    const v = n.def.step(s.states[n.scope], s.offsets[n.scope] + n.slot, args[0] as number)
    return signature.result === Type.Int ? BigInt(v) : v
  }
  try {
    return n.def.call(args, () => s.nowNs())
  } catch (err) {
    if (err instanceof Failure && !err.panic) throw new Failure(`error calling ${goQuote(n.name)}: ${err.text}`)
    throw err
  }
}

/** A missing argument is a value (isPresent takes it) when its text says that a value is missing. */
function argument(n: Node, t: Type, s: Scope): Operand {
  if (t !== Type.Missing) return evalAs(n, t, s)
  try {
    return evalAs(n, t, s)
  } catch (err) {
    if (err instanceof Failure && err.text.includes('missing value')) return missing
    throw err
  }
}

/** The result of an expression: int, float, string, boolean or duration. */
export function evaluateProgram(root: Node, s: Scope): Value {
  const t = typeOf(root, s)
  if (t === Type.Regex || t === Type.Time || t === Type.Invalid) {
    throw new Failure(`expression returned unexpected type ${typeName(t)}`)
  }
  return evalAs(root, t, s) as Value
}

/** The result of an expression that must be a boolean. */
export function evaluatePredicate(root: Node, s: Scope): boolean {
  typeOf(root, s)
  return evalAs(root, Type.Bool, s) === true
}
