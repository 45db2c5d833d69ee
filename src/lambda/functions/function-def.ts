/**
 * How a built-in function describes itself: one `FunctionDef` per function, listed in registry.ts. The interpreter, the
 * compiler and the generated reference read this table. Thread: any.
 */
import type { Value } from '../../columns/values.js'
import type { Pattern } from '../regex.js'
import type { Type } from '../types.js'

/** A value of an expression: a cell or a regex. */
export type Operand = Value | Pattern

export interface Signature {
  readonly args: readonly Type[]
  readonly result: Type
}

/**
 * A function over unboxed operands for compiled code: int and duration are doubles with |v| ≤ 2^53, float double, string
 * JavaScript string, bool boolean, regex Pattern, time (only of the row) milliseconds.
 */
export interface Kernel {
  // biome-ignore lint/suspicious/noExplicitAny: the compiler checks the operand types against the signature
  readonly fn: (...args: any[]) => number | string | boolean | undefined
  /** Answers undefined for an input that only `call` can serve (an error, int64 beyond 2^53). */
  readonly partial?: boolean
  /** Expression over operand names instead of a call, e.g. a => `Math.sqrt(${a})`. */
  readonly inline?: (...names: string[]) => string
}

export interface FunctionDef {
  readonly name: string
  readonly family: 'conversion' | 'math' | 'string' | 'time' | 'misc' | 'stateful'
  readonly doc: string
  /** Names of the arguments, for the reference. */
  readonly params: readonly string[]
  /** In the order in which error texts list them. */
  readonly signatures: readonly Signature[]
  /** The exact function over boxed operands; throws Failure with the detail text. `nowNs` is the clock. */
  call(args: readonly Operand[], nowNs: () => bigint): Operand
  /** The same for compiled code; null where a signature has none. */
  kernel?(signature: Signature): Kernel | null
  /** Stateful functions: number of float64 slots per state, zeroed at first, and the step over them. */
  readonly stateSlots?: number
  step?(state: Float64Array, at: number, x: number): number
}

export function sig(args: readonly Type[], result: Type): Signature {
  return { args, result }
}
