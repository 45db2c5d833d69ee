/** `where`: keeps the rows for which the expression is TRUE. Batches stay, also when they become empty. Thread: shard worker. */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { compileLambda } from '../../lambda/compile.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Lambda, type NodeDef, type NodeEffects, type PipelineNode } from '../../tickscript/node-def.js'
import { GroupCensus } from '../kit/group-census.js'
import { GroupHold } from '../kit/group-hold.js'
import { type LambdaFacts, lambdaFacts } from '../kit/lambda-facts.js'
import { RowGroups, RowSelector } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

/** What stateful functions of a node's lambdas mean for the plan. */
export function lambdaState(facts: LambdaFacts): Pick<NodeEffects, 'stateful' | 'pinned'> {
  return {
    stateful: facts.stateful,
    pinned: facts.shared ? 'shares the state of a nested expression between all groups' : undefined,
  }
}

export const whereDef: NodeDef = {
  method: 'where',
  kind: 'where',
  goType: 'WhereNode',
  doc: 'Keeps the points for which the expression is TRUE.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'lambda', type: 'lambda' }],
  properties: [],
  construct(node, args) {
    node.props.lambda = args[0]
  },
  effects(node) {
    const facts = lambdaFacts([node.props.lambda])
    return { reads: facts.references, ...lambdaState(facts) }
  },
}

function lambdaOf(node: PipelineNode): Lambda {
  const l = node.props.lambda
  if (!(l instanceof Lambda)) throw new TypeError(`${node.name} has no expression`)
  return l
}

export class WhereOperator extends Operator {
  private readonly lambda: CompiledLambda
  private outcomes = new Uint8Array(maxChunkRows)
  private readonly selector = new RowSelector()
  private readonly rowGroups = new RowGroups()
  private readonly hold: GroupHold
  private readonly census: GroupCensus

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    this.hold = new GroupHold(ctx.state)
    this.census = new GroupCensus(ctx)
    this.lambda = compileLambda(lambdaOf(planned.node), {
      errorPrefix: 'Failed to compile expression in where clause: ',
      state: ctx.state,
      nowNs: ctx.nowNs,
    })
  }

  receive(chunk: Chunk): void {
    if (this.outcomes.length < chunk.n) this.outcomes = new Uint8Array(chunk.n)
    this.census.see(chunk)
    const groups = this.lambda.stateful ? this.rowGroups.of(chunk) : null
    if (groups !== null) this.hold.holdAll(chunk.grouping, groups, chunk.n)
    this.lambda.test(chunk, null, chunk.n, groups, this.outcomes)
    const { errors } = this.lambda
    if (errors.count > 0) {
      this.ctx.error('error while evaluating expression', errors.first, errors.count)
      this.ctx.dropped('error', errors.count)
    }
    const kept = this.selector.keep(chunk, this.outcomes)
    if (kept !== null) this.emit(kept)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    this.census.seeOne(grouping, group)
    this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.evictGroup(grouping, group)
    this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.census.forget(grouping, group)
    if (this.hold.release(grouping, group)) this.lambda.dropState(group)
  }

  override dispose(): void {
    this.hold.dispose()
    this.census.dispose()
    this.lambda.dispose()
  }
}

export const whereEntry: OperatorEntry = { def: whereDef, create: (planned, ctx) => new WhereOperator(planned, ctx) }
