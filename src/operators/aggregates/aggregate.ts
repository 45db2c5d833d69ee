/**
 * What every InfluxQL function file exports: an `Aggregate`. A function sees the usable rows of one batch (one kind, in arrival
 * order) and leaves its outcome in a `Result`. It keeps nothing between batches. Thread: shard worker.
 */
import type { Chunk } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { ArgDef, PipelineNode } from '../../tickscript/node-def.js'

/** Rows rows[0 … n) of `chunk`, all of `kind` in `column`. */
export interface RowSet {
  readonly chunk: Chunk
  readonly column: Column
  readonly kind: number
  readonly rows: Int32Array
  readonly n: number
  /** Per name of `Aggregate.keys` its column as a field and as a tag; null: no row has it. */
  readonly keys: readonly (Column | null)[]
}

/** Which time the outcome has when the script asks for `usePointTimes`. */
export const PointTime = { Shared: -1, Zero: -2 } as const

/** series: rows of the outcome, with times of their own. */
export class Series {
  n = 0
  ms = new Float64Array(16)
  sub = new Int32Array(16)
  values = new Float64Array(16)
  /** Why there are none; counted as an error. */
  problem = ''

  add(ms: number, sub: number, value: number): void {
    if (this.n === this.ms.length) this.grow()
    this.ms[this.n] = ms
    this.sub[this.n] = sub
    this.values[this.n++] = value
  }

  private grow(): void {
    const { ms, sub, values, n } = this
    this.ms = new Float64Array(n * 2)
    this.sub = new Int32Array(n * 2)
    this.values = new Float64Array(n * 2)
    this.ms.set(ms)
    this.sub.set(sub)
    this.values.set(values)
  }
}

export class Result {
  /** aggregate: kind of the value; Missing = nothing to emit. */
  kind: number = Kind.Missing
  readonly f64 = new Float64Array(1)
  readonly i32 = new Int32Array(this.f64.buffer)
  /** aggregate: a row number whose time counts, or a PointTime. */
  time: number = PointTime.Shared
  /** selector (one) and multi: chosen rows, in output order. */
  picks = new Int32Array(64)
  n = 0
  /** selector: the chosen row's own time is ignored even with usePointTimes. */
  sharedTime = false
  readonly series = new Series()

  reset(): void {
    this.kind = Kind.Missing
    this.time = PointTime.Shared
    this.n = 0
    this.sharedTime = false
    this.series.n = 0
    this.series.problem = ''
  }

  setFloat(v: number): void {
    this.kind = Kind.Float
    this.f64[0] = v
  }

  setInt(lo: number, hi: number): void {
    this.kind = Kind.Int
    this.i32[0] = lo
    this.i32[1] = hi
  }

  pick(row: number): void {
    if (this.n === this.picks.length) {
      const picks = new Int32Array(this.n * 2)
      picks.set(this.picks)
      this.picks = picks
    }
    this.picks[this.n++] = row
  }
}

export type Reduce = (set: RowSet, out: Result) => void

export interface Aggregate {
  readonly method: string
  /** Prefix of node names and name of the result, where it is not the method. */
  readonly kind?: string
  readonly doc: string
  /**
   * aggregate: one value with the group's tags; selector: one whole row; multi: a batch of rows; series: a batch of new
   * values, which may be empty.
   */
  readonly shape: 'aggregate' | 'selector' | 'multi' | 'series'
  readonly kinds: 'numbers' | 'all'
  /** Type of the value: a fixed one, or that of the cells. */
  readonly result: 'int' | 'float' | 'cells'
  /** Arguments beside (before or after) the field. `field` itself is among them. */
  readonly args: readonly ArgDef[]
  /** What is emitted when a batch has no usable row. */
  readonly empty?: 'int' | 'float'
  /** multi: rows keep their tags. */
  readonly rowTags?: boolean
  /** Names of other cells the function looks at, field before tag. */
  keys?(node: PipelineNode): readonly string[]
  /** Define-time check of the arguments: a text, or null. */
  problem?(node: PipelineNode): string | null
  create(node: PipelineNode): Reduce
}

export const fieldArg: ArgDef = { name: 'field', type: 'string' }

/** Whether a function takes cells of a kind. */
export function takes(a: Aggregate, kind: number): boolean {
  return kind === Kind.Int || kind === Kind.Float || (a.kinds === 'all' && (kind === Kind.String || kind === Kind.Bool))
}

/** < 0, 0, > 0 as the first instant is before, at or after the second. */
export function compareTimes(chunk: Chunk, a: number, b: number): number {
  return chunk.ms[a] - chunk.ms[b] || chunk.sub[a] - chunk.sub[b]
}

/** Whether cell a is less than cell b; both of `kind`. FALSE is less than TRUE. */
export function lessCell(column: Column, kind: number, a: number, b: number): boolean {
  if (kind === Kind.Float) return column.f64[a] < column.f64[b]
  const w = column.i32
  if (kind === Kind.Int) {
    return w[2 * a + 1] < w[2 * b + 1] || (w[2 * a + 1] === w[2 * b + 1] && w[2 * a] >>> 0 < w[2 * b] >>> 0)
  }
  if (kind === Kind.Bool) return w[2 * a] < w[2 * b]
  const bytes = column.bytes
  const oa = w[2 * a]
  const ob = w[2 * b]
  const na = w[2 * a + 1]
  const nb = w[2 * b + 1]
  for (let i = 0; i < na && i < nb; i++) if (bytes[oa + i] !== bytes[ob + i]) return bytes[oa + i] < bytes[ob + i]
  return na < nb
}

export function sameCell(column: Column, kind: number, a: number, b: number): boolean {
  if (kind === Kind.Float) return column.f64[a] === column.f64[b]
  return !lessCell(column, kind, a, b) && !lessCell(column, kind, b, a)
}
