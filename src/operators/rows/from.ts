/**
 * `from`: filters, re-times and groups the raw stream. Thread: shard worker.
 *
 * Database, retention policy and measurement are the same for a whole chunk, so they are compared once per chunk. A chained
 * from starts again from no grouping.
 */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import { round, type Span, spanOf, truncate, truncateTo } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import { compileLambda } from '../../lambda/compile.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Lambda, type NodeDef, type PipelineNode } from '../../tickscript/node-def.js'
import { checkDimensions, dimensionsOf, listOf, tagsAsWritten } from '../kit/dimensions.js'
import { GroupAssign } from '../kit/group-assign.js'
import { andLambda, lambdaFacts } from '../kit/lambda-facts.js'
import { RegroupingOperator } from '../kit/regroup.js'
import { RowSelector } from '../kit/select-rows.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const fromDef: NodeDef = {
  method: 'from',
  kind: 'from',
  goType: 'FromNode',
  doc: 'Filters the stream by database, retention policy, measurement and an expression, and groups it.',
  accepts: 'stream',
  emits: 'stream',
  edgeError: 'cannot From batch edge',
  args: [],
  properties: [
    {
      name: 'database',
      doc: 'Only points of this database.',
      form: 'field',
      args: [{ name: 'database', type: 'string' }],
      default: '',
    },
    {
      name: 'retentionPolicy',
      doc: 'Only points of this retention policy.',
      form: 'field',
      args: [{ name: 'retentionPolicy', type: 'string' }],
      default: '',
    },
    {
      name: 'measurement',
      doc: 'Only points of this measurement.',
      form: 'field',
      args: [{ name: 'measurement', type: 'string' }],
      default: '',
    },
    {
      name: 'where',
      doc: 'Only points for which the expression is TRUE. Several calls must all be TRUE.',
      form: 'method',
      args: [{ name: 'lambda', type: 'lambda' }],
      apply(node, args) {
        const before = node.props.where
        const next = args[0]
        node.props.where = before instanceof Lambda && next instanceof Lambda ? andLambda(before, next) : next
      },
    },
    {
      name: 'groupBy',
      doc: 'Tags to group by, or * for all tags of each point.',
      form: 'method',
      args: [{ name: 'tag', type: 'any', variadic: true }],
      apply(node, args) {
        node.props.groupBy = args
      },
    },
    {
      name: 'groupByMeasurement',
      doc: 'The measurement is part of the group.',
      form: 'flag',
      args: [],
      default: false,
    },
    {
      name: 'truncate',
      doc: 'Truncates the times of points to multiples of this duration.',
      form: 'field',
      args: [{ name: 'truncate', type: 'duration' }],
      default: new Duration(0n),
    },
    {
      name: 'round',
      doc: 'Rounds the times of points to multiples of this duration.',
      form: 'field',
      args: [{ name: 'round', type: 'duration' }],
      default: new Duration(0n),
    },
    {
      name: 'align',
      doc: 'Truncates the times of points to multiples of the interval that are shifted by the offset, after all else.',
      form: 'method',
      args: [
        { name: 'interval', type: 'duration' },
        { name: 'offset', type: 'duration', optional: true },
      ],
      apply(node, args) {
        if (args.length > 2) fail('reflect: Call with too many input arguments')
        node.props.align = args[0]
        node.props.alignOffset = args[1] ?? new Duration(0n)
      },
      default: null,
    },
  ],
  validate(node) {
    checkDimensions(listOf(node.props.groupBy), [])
    const { align } = node.props
    if (align instanceof Duration && align.ns <= 0n) fail('align must have an interval greater than zero')
  },
  effects(node) {
    const dims = dimensionsOf(listOf(node.props.groupBy))
    const facts = lambdaFacts([node.props.where])
    return {
      reads: [...facts.references, ...(dims === '*' ? [] : dims)],
      wholeTags: dims === '*',
      grouping: { dims, byName: node.props.groupByMeasurement === true },
      pinned: facts.stateful || facts.shared ? 'shares the state of its expression between all groups' : undefined,
    }
  },
}

function fail(text: string): never {
  throw new ShardlineError('invalid-tickscript', text)
}

export class FromOperator extends RegroupingOperator {
  private readonly database: string
  private readonly retentionPolicy: string
  private readonly measurement: string
  private readonly where: CompiledLambda | null
  private readonly truncateBy: Span
  private readonly roundTo: Span
  private readonly alignTo: Span
  private readonly alignOffset: Span
  private readonly ms = new Float64Array(maxChunkRows)
  private readonly sub = new Int32Array(maxChunkRows)
  private readonly outcomes = new Uint8Array(maxChunkRows)
  private readonly matching = new RowSelector()
  private readonly instant = { ms: 0, sub: 0 }
  private readonly assigner: GroupAssign

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { props } = planned.node
    this.database = textOf(planned.node, 'database')
    this.retentionPolicy = textOf(planned.node, 'retentionPolicy')
    this.measurement = textOf(planned.node, 'measurement')
    this.truncateBy = spanOf(props.truncate instanceof Duration ? props.truncate.ns : 0n)
    this.roundTo = spanOf(props.round instanceof Duration ? props.round.ns : 0n)
    this.alignTo = spanOf(props.align instanceof Duration ? props.align.ns : 0n)
    this.alignOffset = spanOf(props.alignOffset instanceof Duration ? props.alignOffset.ns : 0n)
    this.where =
      props.where instanceof Lambda
        ? compileLambda(props.where, {
            errorPrefix: 'Failed to compile from expression: ',
            state: ctx.state,
            nowNs: ctx.nowNs,
          })
        : null
    const dims = dimensionsOf(listOf(props.groupBy))
    const grouping = ctx.grouping({ dims: dims === '*' ? null : dims, byName: props.groupByMeasurement === true })
    this.assigner = new GroupAssign(grouping, [], tagsAsWritten(planned.node))
    this.assign = this.assigner
  }

  receive(chunk: Chunk): void {
    if (this.measurement !== '' && chunk.name !== this.measurement) return
    if (this.database !== '' && chunk.db !== this.database) return
    if (this.retentionPolicy !== '' && chunk.rp !== this.retentionPolicy) return
    const rows = this.where === null ? chunk : this.filter(chunk, this.where)
    if (rows === null) return
    const out = rows.derive()
    if (this.truncateBy.ns > 0n || this.roundTo.ns > 0n || this.alignTo.ns > 0n) this.retime(out)
    this.emitRegrouped(out, this.assigner)
  }

  override dispose(): void {
    this.where?.dispose()
    super.dispose()
  }

  private filter(chunk: Chunk, where: CompiledLambda): Chunk | null {
    where.test(chunk, null, chunk.n, null, this.outcomes)
    const { errors } = where
    if (errors.count > 0) {
      this.ctx.error('failed to evaluate WHERE expression', errors.first, errors.count)
      this.ctx.dropped('error', errors.count)
    }
    return this.matching.keep(chunk, this.outcomes)
  }

  private retime(out: Chunk): void {
    const t = this.instant
    for (let r = 0; r < out.n; r++) {
      truncate(out.ms[r], out.sub[r], this.truncateBy, t)
      round(t.ms, t.sub, this.roundTo, t)
      if (this.alignTo.ns > 0n) truncateTo(t.ms, t.sub, this.alignTo, this.alignOffset, t)
      this.ms[r] = t.ms
      this.sub[r] = t.sub
    }
    out.ms = this.ms
    out.sub = this.sub
  }
}

function textOf(node: PipelineNode, name: string): string {
  const v = node.props[name]
  return typeof v === 'string' ? v : ''
}

export const fromEntry: OperatorEntry = { def: fromDef, create: (planned, ctx) => new FromOperator(planned, ctx) }
