/**
 * What `stateDuration` and `stateCount` share: a lambda that says whether a row is in the state, and a field that is added to
 * every row. A row whose lambda fails is dropped and leaves the run as it is; every batch starts anew. Thread: shard worker.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { compileLambda } from '../../lambda/compile.js'
import { type CompiledLambda, Outcome } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { StateAllocator } from '../../state/pages.js'
import { Lambda, type NodeDef } from '../../tickscript/node-def.js'
import { clearedColumn } from '../kit/cells.js'
import { GroupKeepingOperator } from '../kit/group-keeping.js'
import { lambdaFacts } from '../kit/lambda-facts.js'
import { RowGroups, RowSelector } from '../kit/select-rows.js'
import { GroupNames } from '../kit/window-groups.js'
import type { OperatorContext } from '../operator.js'
import { lambdaState } from './where.js'

/** The parts of the two definitions that are alike. */
export const stateTracking: Pick<NodeDef, 'accepts' | 'emits' | 'args' | 'construct' | 'effects'> = {
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'lambda', type: 'lambda' }],
  construct(node, args) {
    node.props.lambda = args[0]
  },
  effects(node) {
    const facts = lambdaFacts([node.props.lambda])
    const state = lambdaState(facts)
    return {
      reads: facts.references,
      makesFields: [[String(node.props.as), node.def.method === 'stateCount' ? 'int' : 'float']],
      ...state,
      stateful: state.stateful || node.edge !== 'batch',
    }
  },
}

/** Groups with the runs they are in. */
export abstract class RunGroups extends GroupNames {
  constructor(
    state: StateAllocator,
    grouping: GroupInfo,
    private readonly lambda: CompiledLambda,
  ) {
    super(state, grouping)
  }

  abstract endRun(group: number): void

  override remove(group: number): void {
    super.remove(group)
    this.endRun(group)
    this.lambda.dropState(group)
  }
}

export abstract class StateTrackerOperator<Space extends RunGroups> extends GroupKeepingOperator<Space> {
  protected readonly lambda: CompiledLambda
  private readonly as: string
  private outcomes = new Uint8Array(maxChunkRows)
  private kept = new Uint8Array(maxChunkRows)
  private readonly out = new OutColumn('', 256)
  private readonly selector = new RowSelector()
  private readonly rowGroups = new RowGroups()

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { lambda, as } = planned.node.props
    if (!(lambda instanceof Lambda)) throw new TypeError(`${planned.node.name} has no expression`)
    this.as = String(as)
    this.lambda = compileLambda(lambda, {
      errorPrefix: '',
      state: ctx.state,
      nowNs: ctx.nowNs,
    })
  }

  /** Writes the field of rows [from, to) whose outcome is not an error, taking up and keeping the runs of their groups. */
  protected abstract trackStream(chunk: Chunk, outcomes: Uint8Array, space: Space, out: Column): void
  /** The same for the rows of one batch. */
  protected abstract trackBatch(chunk: Chunk, outcomes: Uint8Array, from: number, to: number, out: Column): void

  receive(chunk: Chunk): void {
    const n = chunk.n
    if (this.outcomes.length < n) {
      this.outcomes = new Uint8Array(n)
      this.kept = new Uint8Array(n)
    }
    const { outcomes } = this
    const space = this.spaceOf(chunk.grouping)
    const groups = this.lambda.stateful ? this.rowGroups.of(chunk) : null
    this.lambda.test(chunk, null, n, groups, outcomes)
    const { errors } = this.lambda
    if (errors.count > 0) {
      this.ctx.error('error while evaluating expression', errors.first, errors.count)
      this.ctx.dropped('error', errors.count)
    }
    const out = clearedColumn(this.out, n).column
    const w = chunk.windows
    const refused = w === null ? this.know(chunk.groups, n, chunk.name, space) : 0
    if (w === null) this.trackStream(chunk, outcomes, space, out)
    else {
      this.knowBatches(w.groups, w.n, chunk.name, space)
      for (let i = 0; i < w.n; i++) this.trackBatch(chunk, outcomes, w.starts[i], w.ends[i], out)
    }
    this.showCardinality()
    const result = chunk.derive()
    result.setField(this.as, out)
    if (errors.count + refused === 0) {
      this.emit(result)
      return
    }
    const { kept } = this
    for (let r = 0; r < n; r++) kept[r] = outcomes[r] === Outcome.Error ? 0 : 1
    const rows = this.selector.keep(result, kept)
    if (rows !== null) this.emit(rows)
  }

  override dispose(): void {
    super.dispose()
    this.lambda.dispose()
  }

  /** Makes the groups of all rows known. Rows whose group the budget refuses are treated like failed ones. */
  private know(groups: Int32Array, n: number, name: string, space: Space): number {
    let refused = 0
    for (let r = 0; r < n; r++) {
      const g = groups[r]
      if (space.has(g) || space.add(g, name)) continue
      if (this.outcomes[r] !== Outcome.Error) refused++
      this.outcomes[r] = Outcome.Error
    }
    if (refused > 0) this.ctx.dropped('memory', refused)
    return refused
  }

  /** A batch needs no state between its rows: a refusal only costs the delete its way through here. */
  private knowBatches(groups: Int32Array, n: number, name: string, space: Space): void {
    for (let i = 0; i < n; i++) if (!space.has(groups[i])) space.add(groups[i], name)
  }
}
