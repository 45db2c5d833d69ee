/**
 * `groupBy`: groups the rows of a stream anew. All tags of the rows stay. Thread: shard worker. Batches:
 * group-by-batch.ts.
 *
 * A grouping by measurement upstream cannot be undone: it is ORed in, as in the original.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { checkDimensions, dimensionsOf, incomingGrouping, listOf, stringsOf, tagsAsWritten } from '../kit/dimensions.js'
import { GroupAssign } from '../kit/group-assign.js'
import { RegroupingOperator } from '../kit/regroup.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { GroupByBatchOperator } from './group-by-batch.js'

export const groupByDef: NodeDef = {
  method: 'groupBy',
  kind: 'groupby',
  goType: 'GroupByNode',
  doc: 'Groups the data by tags, or by all tags (*).',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'tags', type: 'any', variadic: true }],
  properties: [
    {
      name: 'exclude',
      doc: 'With *: tags that are left out. Several calls add up.',
      form: 'method',
      args: [{ name: 'tags', type: 'string', variadic: true }],
      apply(node, args) {
        node.props.exclude = [...listOf(node.props.exclude), ...args]
      },
    },
    { name: 'byMeasurement', doc: 'The measurement is part of the group.', form: 'flag', args: [], default: false },
  ],
  construct(node, args) {
    node.props.tags = args
  },
  validate(node) {
    checkDimensions(listOf(node.props.tags), stringsOf(node.props.exclude))
  },
  effects(node) {
    const dims = dimensionsOf(listOf(node.props.tags))
    const byName = node.props.byMeasurement === true || incomingGrouping(node).byName
    return {
      reads: dims === '*' ? [] : dims,
      wholeTags: dims === '*',
      grouping: { dims, exclude: stringsOf(node.props.exclude), byName },
      pinned: node.edge === 'batch' ? 'regroups the batches of all groups by their end time' : undefined,
    }
  },
}

export class GroupByOperator extends RegroupingOperator {
  private readonly dims: readonly string[] | null
  private readonly exclude: readonly string[]
  private readonly byMeasurement: boolean
  private readonly asWritten: boolean

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx, planned.needs.tags)
    const { props } = planned.node
    const dims = dimensionsOf(listOf(props.tags))
    this.dims = dims === '*' ? null : dims
    this.exclude = stringsOf(props.exclude)
    this.byMeasurement = props.byMeasurement === true
    this.asWritten = tagsAsWritten(planned.node)
  }

  receive(chunk: Chunk): void {
    this.emitRegrouped(chunk.derive(), this.assignFor(chunk.grouping))
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    this.assignFor(grouping)
    super.barrier(grouping, group, ms, sub)
  }

  /** By name once and for all, or the reverse: the incoming grouping decides, and it does not change. */
  private assignFor(grouping: GroupInfo): GroupAssign {
    if (this.assign === null) {
      const byName = this.byMeasurement || grouping.byName
      this.assign = new GroupAssign(this.ctx.grouping({ dims: this.dims, byName }), this.exclude, this.asWritten)
    }
    return this.assign
  }
}

export const groupByEntry: OperatorEntry = {
  def: groupByDef,
  create: (planned, ctx) =>
    planned.node.edge === 'batch' ? new GroupByBatchOperator(planned, ctx) : new GroupByOperator(planned, ctx),
}
