/**
 * The child of a fused window: an aggregate that receives merged panes instead of rows, and emits, counts errors and
 * forwards deletes as the same node would over rows. Thread: shard worker.
 */

import type { GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { Kind } from '../../columns/kinds.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Aggregate } from '../aggregates/aggregate.js'
import { Int64Sum } from '../aggregates/int64.js'
import { RowErrors } from '../influxql/influxql-errors.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { Merged } from './fused-window-merged.js'

/** The functions that panes can answer, and what panes must keep for them. */
export const fusible: Readonly<Record<string, { readonly sums: boolean; readonly range: boolean }>> = {
  count: { sums: false, range: false },
  sum: { sums: true, range: false },
  mean: { sums: true, range: false },
  spread: { sums: false, range: true },
}

export class FusedOutput extends Operator {
  readonly field: string
  readonly method: string
  private readonly out: ChunkBuilder
  private readonly errors: RowErrors
  private readonly pointTimes: boolean
  private readonly scratch = new Int64Sum()
  private cardinality = 0
  /** Whether a batch of the group has come from the window; set by the window. */
  knows: (grouping: GroupInfo, group: number) => boolean = () => false

  constructor(
    planned: PlannedNode,
    ctx: OperatorContext,
    private readonly aggregate: Aggregate,
  ) {
    super(ctx)
    const { props } = planned.node
    this.field = String(props.field)
    this.method = aggregate.method
    this.pointTimes = props.usePointTimes === true
    this.errors = new RowErrors(ctx, aggregate.method, this.field)
    this.out = new ChunkBuilder({ fields: [String(props.as ?? aggregate.method)], groupTags: true }, (c) =>
      this.emit(c),
    )
  }

  receive(): void {
    throw new Error('a fused window hands over panes, not rows')
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    if (this.knows(grouping, group)) this.emitDelete(grouping, group)
  }

  /** One batch of the window. */
  reduce(merged: Merged, name: string, grouping: GroupInfo, group: number): void {
    const fixed = this.typeOf(merged)
    const usable = fixed === Kind.Missing ? 0 : merged.countOf(fixed)
    if (usable < merged.rows) this.countErrors(merged, fixed)
    if (usable === 0 && this.aggregate.empty === undefined) return
    const zeroTime = this.pointTimes && (this.method === 'sum' || (this.method === 'count' && usable === 0))
    this.out.begin(name, '', '', grouping)
    const row = this.out.row(zeroTime ? 0 : merged.ms, zeroTime ? 0 : merged.sub, group)
    this.setValue(row, merged, fixed, usable)
  }

  flush(groups: number): void {
    this.out.flush()
    this.errors.report()
    if (groups === this.cardinality) return
    this.cardinality = groups
    this.ctx.stats.set('working_cardinality', groups)
  }

  private typeOf(m: Merged): number {
    const first = this.aggregate.kinds === 'all' ? m.firstAny : m.firstNumber
    return first === Kind.Duration ? Kind.Int : first
  }

  private setValue(row: number, m: Merged, fixed: number, usable: number): void {
    const cell = this.out.fields[0]
    const sum = this.scratch
    switch (this.method) {
      case 'count':
        cell.setInt(row, usable, 0)
        break
      case 'sum':
        if (fixed === Kind.Int) cell.setInt(row, m.intSum.lo, m.intSum.hi)
        else cell.setFloat(row, m.floatSum)
        break
      case 'mean':
        cell.setFloat(row, (fixed === Kind.Int ? m.intSum.toNumber() : m.floatSum) / usable)
        break
      default:
        if (fixed === Kind.Float) cell.setFloat(row, m.floatMax - m.floatMin)
        else {
          sum.lo = m.intMaxLo
          sum.hi = m.intMaxHi
          sum.subtract(m.intMinLo, m.intMinHi)
          cell.setInt(row, sum.lo, sum.hi)
        }
    }
  }

  private countErrors(m: Merged, fixed: number): void {
    m.eachKind((kind, n) => {
      if (fixed === Kind.Missing) this.errors.beforeType(kind, n)
      else if (kind !== fixed) this.errors.wrongType(kind, fixed, n)
    })
  }
}
