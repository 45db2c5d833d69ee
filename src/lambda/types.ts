/**
 * Types of lambda expressions and the operator matrix (spec tickscript 7.1, 7.3). The numbers of the first eight are the
 * kinds of cells (columns/kinds.ts); Invalid means "dynamic" for a static type. Thread: any.
 */
import type { BinaryOp } from '../tickscript/ast.js'

export const Type = {
  Missing: 0,
  Int: 1,
  Float: 2,
  String: 3,
  Bool: 4,
  Duration: 5,
  Time: 6,
  Null: 7,
  Regex: 8,
  Invalid: 9,
} as const
export type Type = (typeof Type)[keyof typeof Type]

const names = [
  'missing',
  'int',
  'float',
  'string',
  'boolean',
  'duration',
  'time',
  'invalid type',
  'regex',
  'invalid type',
]

export function typeName(t: Type): string {
  return names[t]
}

const { Int, Float, String: Str, Bool, Duration, Regex } = Type
const comparisons = ['==', '!=', '<', '<=', '>', '>='] as const

/** Operators, left type, right type, result type. */
const rules: readonly (readonly [readonly BinaryOp[], Type, Type, Type])[] = [
  [['+', '-', '*', '/'], Float, Float, Float],
  [['+', '-', '*', '/', '%'], Int, Int, Int],
  [comparisons, Float, Float, Bool],
  [comparisons, Float, Int, Bool],
  [comparisons, Int, Float, Bool],
  [comparisons, Int, Int, Bool],
  [['+'], Str, Str, Str],
  [comparisons, Str, Str, Bool],
  [['=~', '!~'], Str, Regex, Bool],
  [['AND', 'OR', '==', '!='], Bool, Bool, Bool],
  [['*'], Float, Duration, Duration],
  [['*'], Int, Duration, Duration],
  [['*', '/'], Duration, Float, Duration],
  [['*', '/'], Duration, Int, Duration],
  [['+', '-'], Duration, Duration, Duration],
  [['/'], Duration, Duration, Int],
  [comparisons, Duration, Duration, Bool],
]

const typeCount = names.length
const opIndex: Readonly<Record<BinaryOp, number>> = {
  '*': 0,
  '/': 1,
  '%': 2,
  '+': 3,
  '-': 4,
  '<': 5,
  '<=': 6,
  '>': 7,
  '>=': 8,
  '==': 9,
  '!=': 10,
  '=~': 11,
  '!~': 12,
  AND: 13,
  OR: 14,
}
/** Result type by operator, left and right type. */
const results = new Uint8Array(15 * typeCount * typeCount).fill(Type.Invalid)
/** Per type the operators that occur with it on either side. */
const operatorsOf: Set<BinaryOp>[] = names.map(() => new Set())
for (const [ops, left, right, result] of rules) {
  for (const op of ops) {
    results[(opIndex[op] * typeCount + left) * typeCount + right] = result
    operatorsOf[left].add(op)
    operatorsOf[right].add(op)
  }
}

/** Result type, or Invalid where the matrix has none. */
export function resultType(op: BinaryOp, left: Type, right: Type): Type {
  return results[(opIndex[op] * typeCount + left) * typeCount + right] as Type
}

export function isBoolOp(op: BinaryOp): boolean {
  return !['+', '-', '*', '/', '%'].includes(op)
}

/** Text for a pair of types that the matrix lacks; only the left type is ever blamed. */
export function mismatchText(op: BinaryOp, left: Type, right: Type): string {
  if (left !== Type.Invalid && !operatorsOf[left].has(op)) {
    const kind = op === 'AND' || op === 'OR' ? 'logical' : isBoolOp(op) ? 'comparison' : 'math'
    return `invalid ${kind} operator ${op} for type ${typeName(left)}`
  }
  return (
    `mismatched type to binary operator. got ${typeName(left)} ${op} ${typeName(right)}. ` +
    'see bool(), int(), float(), string(), duration()'
  )
}

export function guardText(actual: Type, want: Type): string {
  return `TypeGuard: expression returned unexpected type ${typeName(actual)}, expected ${typeName(want)}`
}

/**
 * A row that cannot be evaluated. Not an Error: thrown per row, so it must not collect a stack. A panic (the original's
 * run-time error) is never wrapped in the texts of enclosing calls.
 */
export class Failure {
  constructor(
    readonly text: string,
    readonly panic = false,
  ) {}
}

export const tooLong = 'result of a string function is too long'

export const divideByZero = 'runtime error: integer divide by zero'

export const maxInt64 = 2n ** 63n - 1n
export const minInt64 = -(2n ** 63n)

/** Go's float64 → int64 on amd64: truncation; anything that does not fit becomes the minimum. */
export function floatToInt64(v: number): bigint {
  const t = Math.trunc(v)
  return t >= -(2 ** 63) && t < 2 ** 63 ? BigInt(t) : minInt64
}
