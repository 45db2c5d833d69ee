/**
 * `stateCount`: for how many rows in a row an expression has been TRUE. Thread: shard worker.
 *
 * State per group, in pages: counts f64, the rows of the run so far.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { type Column, setSafeInt } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import { Outcome } from '../../lambda/lambda.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import type { OperatorEntry } from '../registry-types.js'
import { RunGroups, StateTrackerOperator, stateTracking } from './state-tracker.js'

export const stateCountDef: NodeDef = {
  ...stateTracking,
  method: 'stateCount',
  kind: 'state_count',
  goType: 'StateCountNode',
  doc: 'Adds for how many points in a row an expression has been TRUE: 1, 2, 3 …; −1 where it is FALSE.',
  properties: [
    {
      name: 'as',
      doc: 'Name of the new field.',
      form: 'field',
      args: [{ name: 'as', type: 'string' }],
      default: 'state_count',
    },
  ],
}

class CountGroups extends RunGroups {
  readonly counts: Pages<Float64Array>

  constructor(state: StateAllocator, grouping: GroupInfo, lambda: CompiledLambda) {
    super(state, grouping, lambda)
    this.counts = state.f64()
  }

  override add(group: number, name: string): boolean {
    return this.counts.ensure(group) && super.add(group, name)
  }

  endRun(group: number): void {
    this.counts.set(group, 0)
  }

  override dispose(): void {
    super.dispose()
    this.counts.release()
  }
}

class StateCountOperator extends StateTrackerOperator<CountGroups> {
  protected makeSpace(grouping: GroupInfo): CountGroups {
    return new CountGroups(this.ctx.state, grouping, this.lambda)
  }

  protected trackStream(chunk: Chunk, outcomes: Uint8Array, { counts }: CountGroups, out: Column): void {
    const { groups, n } = chunk
    for (let r = 0; r < n; r++) {
      if (outcomes[r] === Outcome.Error) continue
      const page = counts.pages[groups[r] >> counts.shift]
      const o = groups[r] & counts.mask
      const count = outcomes[r] === Outcome.True ? page[o] + 1 : 0
      page[o] = count
      write(out, r, count)
    }
  }

  protected trackBatch(_chunk: Chunk, outcomes: Uint8Array, from: number, to: number, out: Column): void {
    let count = 0
    for (let r = from; r < to; r++) {
      if (outcomes[r] === Outcome.Error) continue
      count = outcomes[r] === Outcome.True ? count + 1 : 0
      write(out, r, count)
    }
  }
}

function write(out: Column, r: number, count: number): void {
  out.kinds[r] = Kind.Int
  setSafeInt(out.i32, r, count === 0 ? -1 : count)
}

export const stateCountEntry: OperatorEntry = {
  def: stateCountDef,
  create: (planned, ctx) => new StateCountOperator(planned, ctx),
}
