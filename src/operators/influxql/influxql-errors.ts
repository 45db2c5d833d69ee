/**
 * Errors of the rows that an InfluxQL function cannot use (spec nodes 5.1). They are counted while rows are looked at and
 * reported once, with the first one's text. Thread: shard worker.
 */
import { Kind } from '../../columns/kinds.js'
import { type Aggregate, takes } from '../aggregates/aggregate.js'
import type { OperatorContext } from '../operator.js'

const goTypes = ['<nil>', 'int64', 'float64', 'string', 'bool', 'time.Duration', 'time.Time', '<nil>']
const goKinds = ['invalid', 'int64', 'float64', 'string', 'bool', 'int64', 'struct', 'invalid']

/** A duration passes for an int until its value is looked at. */
export function typeFixedBy(a: Aggregate, kind: number): number {
  if (kind === Kind.Duration) return Kind.Int
  return takes(a, kind) ? kind : Kind.Missing
}

export class RowErrors {
  private count = 0
  private msg = ''
  private err = ''

  constructor(
    private readonly ctx: OperatorContext,
    private readonly method: string,
    private readonly field: string,
  ) {}

  /** Rows before the first that fixes the type. */
  beforeType(kind: number, n = 1): void {
    if (this.count === 0) {
      this.msg = 'failed to realize reduce context from fields'
      if (kind === Kind.Missing) this.err = `field "${this.field}" missing from point`
      else {
        const why =
          kind === Kind.String || kind === Kind.Bool
            ? `cannot apply ${this.method} to ${goKinds[kind]} field`
            : `invalid field kind: ${goKinds[kind]}`
        this.err = `invalid influxql func ${this.method} with field ${this.field}: ${why}`
      }
    }
    this.count += n
  }

  /** Rows of another kind than the fixed one. */
  wrongType(kind: number, expected: number, n = 1): void {
    if (this.count === 0) {
      this.msg = 'failed to aggregate point in batch'
      this.err =
        kind === Kind.Missing
          ? `field ${this.field} missing from point cannot aggregate`
          : `field ${this.field} has wrong type: got ${goTypes[kind]} exp ${goTypes[expected]}`
    }
    this.count += n
  }

  report(): void {
    if (this.count === 0) return
    const n = this.count
    this.count = 0
    this.ctx.error(this.msg, this.err, n)
  }
}
