/** The plan of a task for people: where its groups go and why, what each node keeps and what its edge carries. Thread: any. */
import { whyRows } from '../operators/window/fusing.js'
import { planTask } from '../plan/plan.js'
import type { PlannedNode, TaskPlan } from '../plan/task-plan.js'
import type { PipelineNode } from '../tickscript/node-def.js'
import type { Partition } from '../transport/routes.js'
import { assumedFields, assumedTextBytes, estimateState, type StateEstimate } from './trial.js'

export interface Explanation {
  readonly type: 'stream' | 'batch'
  readonly shards: number
  readonly partition: {
    /** tags: by the values of some; series: by the values of all but some; pinned: all on one shard. */
    readonly kind: Partition['kind']
    readonly tags?: readonly string[]
    readonly exclude?: readonly string[]
    readonly shard?: number
    readonly reason: string
  }
  /** Measurements that are read; null: all. */
  readonly measurements: readonly string[] | null
  /** Fields and tags that are decoded into columns on arrival. */
  readonly columns: readonly string[]
  readonly nodes: readonly NodeExplanation[]
  /** State of all nodes together; null when some node's is not known. */
  readonly bytesPerGroup: number | null
}

export interface NodeExplanation {
  readonly name: string
  readonly method: string
  readonly parents: readonly string[]
  readonly edge: PipelineNode['edge']
  /** Grouping of the rows that come in, without tags that the task writes itself; '*' is every tag. */
  readonly groupedBy: readonly string[] | '*'
  /** Windows: panes or rows, and why. Functions: whether they run inside their window. */
  readonly keeps: 'panes' | 'rows' | 'inside' | 'groups' | 'nothing'
  readonly why?: string
  /** What those behind it look at; null: everything. */
  readonly carries: { readonly fields: readonly string[] | null; readonly tags: readonly string[] | null }
  /** State per group that has rows, and per row waiting in it; null: not known. */
  readonly memory: StateEstimate | null
}

export interface ExplainOptions {
  readonly taskId: string
  readonly shards: number
}

export function explain(plan: TaskPlan, shards: number): Explanation {
  const estimates = estimateState(plan)
  const nodes = plan.nodes.map((planned, i) => explainNode(planned, estimates[i]))
  const unknown = estimates.some((e) => e === null)
  const { pipeline, partition, partitionReason, measurements, reads } = plan
  return {
    type: pipeline.type,
    shards,
    partition: { ...partition, reason: partitionReason },
    measurements,
    columns: reads,
    nodes,
    bytesPerGroup: unknown ? null : estimates.reduce((sum, e) => sum + e!.bytesPerGroup, 0),
  }
}

export function explainPipeline(pipeline: TaskPlan['pipeline'], options: ExplainOptions): Explanation {
  return explain(planTask(pipeline, options), options.shards)
}

function explainNode(planned: PlannedNode, memory: StateEstimate | null): NodeExplanation {
  const { node, needs, groupedBy } = planned
  return {
    name: node.name,
    method: node.def.method,
    parents: planned.parents.map((p) => p.node.name),
    edge: node.edge,
    groupedBy,
    ...keepsOf(planned, memory),
    carries: node.edge === 'none' || planned.children.length === 0 ? { fields: [], tags: [] } : needs,
    memory,
  }
}

function keepsOf(
  { node, fusion, parents, children }: PlannedNode,
  memory: StateEstimate | null,
): Pick<NodeExplanation, 'keeps' | 'why'> {
  if (fusion === 'window') return { keeps: 'panes', why: `only ${children.map((c) => c.node.name).join(', ')} read it` }
  if (fusion === 'inside') return { keeps: 'inside', why: `merges the panes of ${parents[0].node.name}` }
  if (node.def.method === 'window') {
    const why = whyRows(
      node,
      children.map((c) => c.node),
    )
    return why === null ? { keeps: 'rows' } : { keeps: 'rows', why }
  }
  if (memory !== null && memory.bytesPerRow > 0) return { keeps: 'rows' }
  const state = node.def.effects?.(node).stateful === true || (memory !== null && memory.bytesPerGroup > 0)
  return { keeps: state ? 'groups' : 'nothing' }
}

const keepTexts: Record<NodeExplanation['keeps'], string> = {
  panes: 'panes, no rows',
  rows: 'rows',
  inside: 'nothing of its own',
  groups: 'a state per group',
  nothing: 'nothing',
}

export function explainText(explanation: Explanation): string {
  const { type, shards, measurements, columns, nodes, bytesPerGroup } = explanation
  const lines = [
    `A ${type} task on ${shards} ${shards === 1 ? 'shard' : 'shards'}.`,
    '',
    `partition     ${partitionText(explanation)}`,
    `              because ${explanation.partition.reason}`,
    `measurements  ${measurements === null ? 'all' : measurements.join(', ')}`,
    `columns       ${columns.length === 0 ? 'none: all cells stay bytes of the written lines' : columns.join(', ')}`,
    `memory        ${memoryText(bytesPerGroup)}`,
  ]
  for (const node of nodes) lines.push('', ...nodeLines(node))
  lines.push(
    '',
    `Memory is estimated for tags of ${assumedTextBytes} bytes; points kept whole have ${assumedFields} more fields and a tag.`,
  )
  return `${lines.join('\n')}\n`
}

function memoryText(bytesPerGroup: number | null): string {
  if (bytesPerGroup === null) return 'not known for every node'
  return bytesPerGroup === 0 ? 'none per group' : `${bytesPerGroup} bytes per group, all nodes together`
}

function partitionText({ partition, shards }: Explanation): string {
  switch (partition.kind) {
    case 'tags':
      return `by the tags ${partition.tags!.join(', ')}`
    case 'series':
      return partition.exclude!.length === 0
        ? 'by all tags of a point'
        : `by all tags of a point except ${partition.exclude!.join(', ')}`
    case 'pinned':
      return `none: the whole task is on shard ${partition.shard} of ${shards}`
  }
}

function nodeLines(node: NodeExplanation): string[] {
  const { name, parents, edge, groupedBy, keeps, why, carries, memory } = node
  const head = parents.length === 0 ? name : `${name} <- ${parents.join(', ')}`
  const lines = [head]
  const grouped = groupedBy === '*' ? 'every tag' : groupedBy.length === 0 ? 'nothing' : groupedBy.join(', ')
  if (parents.length > 0) lines.push(`  grouped by  ${grouped}`)
  lines.push(`  keeps       ${keepTexts[keeps]}${why === undefined ? '' : `: ${why}`}`)
  if (edge !== 'none') lines.push(`  emits       ${edge === 'batch' ? 'batches' : 'points'}${carriesText(carries)}`)
  if (memory === null) lines.push('  memory      not known')
  else if (memory.bytesPerGroup > 0 || memory.bytesPerRow > 0) {
    const perRow = memory.bytesPerRow > 0 ? `, ${memory.bytesPerRow} per row` : ''
    lines.push(`  memory      ${memory.bytesPerGroup} bytes per group${perRow}`)
  }
  return lines
}

function carriesText({ fields, tags }: NodeExplanation['carries']): string {
  if (fields === null && tags === null) return ', whole'
  if (fields !== null && tags !== null) {
    const names = [...new Set([...fields, ...tags])].sort()
    return names.length === 0 ? ', nothing of which is read' : `: ${names.join(', ')}`
  }
  const parts = [
    fields === null ? 'all fields' : fields.length > 0 ? `fields ${fields.join(', ')}` : '',
    tags === null ? 'all tags' : tags.length > 0 ? `tags ${tags.join(', ')}` : '',
  ].filter((part) => part !== '')
  return `: ${parts.join(', ')}`
}
