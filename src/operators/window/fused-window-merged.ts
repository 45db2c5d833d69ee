/** The open panes of one group put together. Thread: shard worker. */
import { Kind } from '../../columns/kinds.js'
import { Int64Sum, lessInt64 } from '../aggregates/int64.js'

const kindCount = 8

/** Rows of one kind (`only`), or of several (then by kind in `counts`). Reused. */
export class Merged {
  /** When they are emitted. */
  ms = 0
  sub = 0
  rows = 0
  firstNumber: number = Kind.Missing
  firstAny: number = Kind.Missing
  readonly intSum = new Int64Sum()
  floatSum = 0
  intMinLo = 0
  intMinHi = 0
  intMaxLo = 0
  intMaxHi = 0
  floatMin = 0
  floatMax = 0
  /** The kind of all rows; −1: see `counts`. */
  private only = -1
  private readonly counts = new Float64Array(kindCount)

  countOf(kind: number): number {
    if (this.only < 0) return this.counts[kind]
    return kind === this.only ? this.rows : 0
  }

  /** Calls `visit` for each kind with its rows. */
  eachKind(visit: (kind: number, rows: number) => void): void {
    for (let kind = 0; kind < kindCount; kind++) {
      const n = this.countOf(kind)
      if (n > 0) visit(kind, n)
    }
  }

  reset(): void {
    this.only = -1
    this.counts.fill(0)
    this.rows = 0
    this.firstNumber = Kind.Missing
    this.firstAny = Kind.Missing
    this.clearValues()
  }

  /** All rows are of one kind; their values follow. */
  resetTo(kind: number, rows: number): void {
    this.only = kind
    this.rows = rows
    this.firstNumber = rows > 0 ? fixesNumber(kind) : Kind.Missing
    this.firstAny = rows > 0 ? fixesAny(kind) : Kind.Missing
    this.clearValues()
  }

  see(kind: number, n: number): void {
    this.counts[kind] += n
    this.rows += n
  }

  fix(number: number, any: number): void {
    if (this.firstNumber === Kind.Missing) this.firstNumber = number
    if (this.firstAny === Kind.Missing) this.firstAny = any
  }

  intRange(minLo: number, minHi: number, maxLo: number, maxHi: number): void {
    if (lessInt64(minLo, minHi, this.intMinLo, this.intMinHi)) {
      this.intMinLo = minLo
      this.intMinHi = minHi
    }
    if (lessInt64(this.intMaxLo, this.intMaxHi, maxLo, maxHi)) {
      this.intMaxLo = maxLo
      this.intMaxHi = maxHi
    }
  }

  floatRange(min: number, max: number): void {
    this.floatMin = Math.min(this.floatMin, min)
    this.floatMax = Math.max(this.floatMax, max)
  }

  private clearValues(): void {
    this.intSum.reset()
    this.floatSum = 0
    this.floatMin = Number.POSITIVE_INFINITY
    this.floatMax = Number.NEGATIVE_INFINITY
    this.intMinLo = -1
    this.intMinHi = 0x7fffffff
    this.intMaxLo = 0
    this.intMaxHi = -0x80000000
  }
}

/** What a row of a kind fixes as the type of a window, for functions of numbers only and for all others. */
export function fixesNumber(kind: number): number {
  return kind === Kind.Int || kind === Kind.Float || kind === Kind.Duration ? kind : Kind.Missing
}

export function fixesAny(kind: number): number {
  return kind >= Kind.Int && kind <= Kind.Duration ? kind : Kind.Missing
}
