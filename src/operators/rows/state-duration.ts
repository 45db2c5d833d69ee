/**
 * `stateDuration`: how long an expression has been TRUE, in units. Thread: shard worker.
 *
 * State per group, in pages: starts f64 ×2, ms and sub + 1 of the run's first row (0: not in a run).
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration } from '../../columns/values.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import { Outcome } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { RunGroups, StateTrackerOperator, stateTracking } from './state-tracker.js'

/** Words of a record. */
const MS = 0
const SUB = 1
const words = 2

export const stateDurationDef: NodeDef = {
  ...stateTracking,
  method: 'stateDuration',
  kind: 'state_duration',
  goType: 'StateDurationNode',
  doc: 'Adds how long an expression has been TRUE, a float: 0 on the first such point; −1 where it is FALSE.',
  properties: [
    {
      name: 'as',
      doc: 'Name of the new field.',
      form: 'field',
      args: [{ name: 'as', type: 'string' }],
      default: 'state_duration',
    },
    {
      name: 'unit',
      doc: 'Unit of the result.',
      form: 'field',
      args: [{ name: 'unit', type: 'duration' }],
      default: new Duration(1_000_000_000n),
    },
  ],
}

class StartGroups extends RunGroups {
  readonly starts: Pages<Float64Array>

  constructor(state: StateAllocator, grouping: GroupInfo, lambda: CompiledLambda) {
    super(state, grouping, lambda)
    this.starts = state.f64(words)
  }

  override add(group: number, name: string): boolean {
    return this.starts.ensure(group) && super.add(group, name)
  }

  endRun(group: number): void {
    this.starts.set(group, 0, SUB)
  }

  override dispose(): void {
    super.dispose()
    this.starts.release()
  }
}

class StateDurationOperator extends StateTrackerOperator<StartGroups> {
  private readonly unitNs: number

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(planned, ctx)
    const { unit } = planned.node.props
    this.unitNs = unit instanceof Duration ? Number(unit.ns) : 1e9
  }

  protected makeSpace(grouping: GroupInfo): StartGroups {
    return new StartGroups(this.ctx.state, grouping, this.lambda)
  }

  protected trackStream(chunk: Chunk, outcomes: Uint8Array, { starts }: StartGroups, out: Column): void {
    const { groups, ms, sub, n } = chunk
    const { unitNs } = this
    for (let r = 0; r < n; r++) {
      if (outcomes[r] === Outcome.Error) continue
      const page = starts.pages[groups[r] >> starts.shift]
      const o = (groups[r] & starts.mask) * words
      out.kinds[r] = Kind.Float
      if (outcomes[r] === Outcome.False) {
        page[o + SUB] = 0
        out.f64[r] = -1
        continue
      }
      if (page[o + SUB] === 0) {
        page[o + MS] = ms[r]
        page[o + SUB] = sub[r] + 1
      }
      out.f64[r] = elapsedNs(ms[r] - page[o + MS], sub[r] + 1 - page[o + SUB]) / unitNs
    }
  }

  protected trackBatch(chunk: Chunk, outcomes: Uint8Array, from: number, to: number, out: Column): void {
    const { ms, sub } = chunk
    let first = -1
    for (let r = from; r < to; r++) {
      if (outcomes[r] === Outcome.Error) continue
      out.kinds[r] = Kind.Float
      if (outcomes[r] === Outcome.False) {
        first = -1
        out.f64[r] = -1
        continue
      }
      if (first < 0) first = r
      out.f64[r] = elapsedNs(ms[r] - ms[first], sub[r] - sub[first]) / this.unitNs
    }
  }
}

const maxInt64 = 2n ** 63n - 1n

/** A difference of two instants in ns, rounded once; beyond int64 it is the largest or smallest. */
function elapsedNs(ms: number, sub: number): number {
  if (Math.abs(ms) < 9e9) return ms * 1e6 + sub
  const ns = BigInt(ms) * 1_000_000n + BigInt(sub)
  return Number(ns > maxInt64 ? maxInt64 : ns < -maxInt64 - 1n ? -maxInt64 - 1n : ns)
}

export const stateDurationEntry: OperatorEntry = {
  def: stateDurationDef,
  create: (planned, ctx) => new StateDurationOperator(planned, ctx),
}
