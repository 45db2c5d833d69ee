/**
 * The public face of the lambda engine: what operators call. Implementation in the sibling files.
 *
 * compileLambda() type-checks what is static (errors of enable time) and returns a `CompiledLambda`. Evaluation is over the
 * rows of a chunk: per signature of the referenced columns' kinds a specialised function runs over a whole run of rows; a
 * row the fast path cannot take exactly (int64 beyond 2^53, rare kinds, errors with texts) goes through the interpreter.
 * A failing row never disturbs its neighbours. Thread: any.
 */
import type { Chunk } from '../columns/chunk.js'
import type { Column } from '../columns/column.js'
import type { Value } from '../columns/values.js'
import type { StateAllocator } from '../state/pages.js'
import type { Lambda } from '../tickscript/node-def.js'

/** Result of a predicate per row. */
export const Outcome = { False: 0, True: 1, Error: 2 } as const

export interface LambdaErrors {
  /** Number of rows that failed. */
  count: number
  /** Text of the first failure. */
  first: string
}

export interface CompiledLambda {
  /** Names referenced, nested lambdas included, without "time". */
  readonly references: readonly string[]
  /** Uses count(), sigma() or spread() outside nested lambdas: state per group (or per node, see `shared`). */
  readonly stateful: boolean
  /** Uses stateful functions inside nested lambdas: state shared by all groups of the node. */
  readonly shared: boolean

  /** Of the last call of `test`, `testRow` or `evaluate`. */
  readonly errors: LambdaErrors

  /**
   * Evaluates rows `rows[0 … n)` (all rows 0 … n when rows is null), in order, as a predicate.
   * out[i] gets an Outcome for rows[i].
   * `groups` gives the state index per row number; null = state index 0 for all (from().where(), alert levels).
   */
  test(chunk: Chunk, rows: Int32Array | null, n: number, groups: Int32Array | null, out: Uint8Array): void

  /** One row as a predicate; returns an Outcome. */
  testRow(chunk: Chunk, row: number, state: number): number

  /**
   * Evaluates all rows as values into `out` at the same row numbers (out.bytes grows as needed). ok[row] = 1 or 0 (failed).
   * `scope` holds earlier results of the same eval node by name: a name resolves to it only when the row has neither field
   * nor tag of that name (spec tickscript 7.2).
   */
  evaluate(
    chunk: Chunk,
    groups: Int32Array | null,
    scope: readonly { name: string; column: Column }[],
    out: Column,
    ok: Uint8Array,
  ): void

  /** One boxed evaluation, for places without a chunk. Throws an Error with the exact text. */
  evaluateBoxed(lookup: (name: string) => Value, state: number): Value

  /** Drops the stateful functions' state of a group. */
  dropState(state: number): void
  dispose(): void
}

export interface LambdaOptions {
  /** Prefix of enable-time errors, e.g. `Failed to compile expression in where clause: `. */
  readonly errorPrefix: string
  /** Paged memory of the operator; stateful functions keep their state here. */
  readonly state: StateAllocator
  /** Clock for now(), ns. */
  readonly nowNs: () => bigint
  /** Names in scope as one error text lists them: for eval, the references of all its expressions. Default: its own. */
  readonly scopeNames?: readonly string[]
}

export type CompileLambda = (lambda: Lambda, options: LambdaOptions) => CompiledLambda
