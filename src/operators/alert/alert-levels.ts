/**
 * The level rule (spec alerts 3) over the rows of a chunk. Thread: shard worker.
 *
 * A stateless predicate is evaluated once over the whole chunk, when the rule first asks for it; its errors count only for
 * rows where the rule looks at it. One with stateful functions is evaluated row by row, exactly when the rule asks: its state
 * is that of the node, shared by all groups.
 */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import { Outcome } from '../../lambda/lambda.js'

/** Rows that are tested one by one before a whole chunk is evaluated: resets are asked for few rows. */
const rowsBeforeVector = 16

export class LevelPredicate {
  readonly stateless: boolean
  private outcomes = new Uint8Array(maxChunkRows)
  private evaluated = false
  private asked = 0

  constructor(
    private readonly lambda: CompiledLambda,
    private readonly onError: (text: string, n: number) => void,
  ) {
    this.stateless = !lambda.stateful && !lambda.shared
  }

  begin(): void {
    this.evaluated = false
    this.asked = 0
  }

  /** Outcomes of all rows; stateless predicates only. */
  all(chunk: Chunk): Uint8Array {
    if (this.evaluated) return this.outcomes
    if (this.outcomes.length < chunk.n) this.outcomes = new Uint8Array(chunk.n)
    this.lambda.test(chunk, null, chunk.n, null, this.outcomes)
    this.evaluated = true
    return this.outcomes
  }

  /** An Outcome; failures are reported. */
  test(chunk: Chunk, row: number): number {
    if (this.stateless && (this.evaluated || ++this.asked > rowsBeforeVector)) {
      const outcome = this.all(chunk)[row]
      if (outcome === Outcome.Error) this.fail(chunk, row)
      return outcome
    }
    const outcome = this.lambda.testRow(chunk, row, 0)
    if (outcome === Outcome.Error) this.onError(this.lambda.errors.first, 1)
    return outcome
  }

  private fail(chunk: Chunk, row: number): void {
    this.lambda.testRow(chunk, row, 0)
    this.onError(this.lambda.errors.first, 1)
  }

  dispose(): void {
    this.lambda.dispose()
  }
}

/** By level; index 0 (OK) is always null. */
export type Predicates = readonly (LevelPredicate | null)[]

export class LevelRule {
  /** All set level predicates are stateless: rows can be tested for "nothing matches" at once. */
  readonly vectorised: boolean

  constructor(
    private readonly levels: Predicates,
    private readonly resets: Predicates,
  ) {
    this.vectorised = levels.every((p) => p === null || p.stateless)
  }

  begin(): void {
    for (const p of this.levels) p?.begin()
    for (const p of this.resets) p?.begin()
  }

  /** Outcomes of one level over the chunk, or null when it has no predicate. */
  outcomes(chunk: Chunk, level: number): Uint8Array | null {
    return this.levels[level]?.all(chunk) ?? null
  }

  level(chunk: Chunk, row: number, current: number): number {
    const stop = Math.max(current - 1, 0)
    for (let l = 3; l > stop; l--) {
      const p = this.levels[l]
      if (p !== null && p.test(chunk, row) === Outcome.True) return l
    }
    // A reset belongs to a level that has a predicate.
    const reset = this.levels[current] === null ? null : this.resets[current]
    if (reset !== null && reset.test(chunk, row) === Outcome.False) return current
    for (let l = current; l > 0; l--) {
      const p = this.levels[l]
      if (p !== null && p.test(chunk, row) === Outcome.True) return l
    }
    return 0
  }

  dispose(): void {
    for (const p of this.levels) p?.dispose()
    for (const p of this.resets) p?.dispose()
  }
}
