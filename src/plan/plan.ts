/**
 * Plans a task: effective groupings, partition key, what each edge must carry, and which windows keep panes instead of rows.
 * A compile thread and every shard plan for themselves; the result depends on the script, the task id and the number of shards only. Thread: any.
 */
import { ShardlineError } from '../errors.js'
import type { NodeEffects, Pipeline, PipelineNode } from '../tickscript/node-def.js'
import { type Demand, demandThrough, noDemand, unionDemand } from './needs.js'
import { describe, everyTag, intersect, noTags, partitionOf, pinnedTo, type TagSet, without } from './partition.js'
import type { Needs, PlannedNode, TaskPlan } from './task-plan.js'

export interface PlanOptions {
  readonly taskId: string
  readonly shards: number
}

/** Grouping of the rows on an edge, and the tags the task has written or removed so far. */
interface Flow {
  readonly grouping: TagSet
  readonly written: readonly string[]
}

const noEffects: NodeEffects = { reads: [] }

/** Names of tags and fields on all edges together. Main, shards and the planner's own time depend on it. */
const maxNames = 500_000

function nameBudget(): (names: number) => void {
  let left = maxNames
  return (names) => {
    left -= names
    if (left >= 0) return
    throw new ShardlineError(
      'tickscript',
      `the nodes hand on more than ${maxNames} names of tags and fields, all together`,
      400,
      'Make several tasks of it.',
    )
  }
}

export function planTask(pipeline: Pipeline, options: PlanOptions): TaskPlan {
  const effects = new Map<PipelineNode, NodeEffects>()
  for (const node of pipeline.nodes) effects.set(node, effectsOf(node))

  const demands = demandPerNode(pipeline, effects)
  const { inputs, key, reason, pinned } = partitionKey(pipeline, effects)
  const nodes = link(pipeline, demands.below, inputs)
  fuse(nodes)

  const empty = !key.all && key.tags.length === 0
  const partition = pinned || empty ? pinnedTo(options.taskId, options.shards) : partitionOf(key)
  return {
    pipeline,
    nodes,
    partition,
    partitionReason: reason,
    reads: [...demands.columns].sort(),
    measurements: measurementsOf(pipeline),
  }
}

/** A node that regroups rows of a stream reads the tags it groups them by, those that it does not change too. */
function effectsOf(node: PipelineNode): NodeEffects {
  const effects = node.def.effects?.(node) ?? noEffects
  const dims = effects.grouping?.dims ?? '*'
  return node.edge !== 'stream' || dims === '*' ? effects : { ...effects, reads: [...effects.reads, ...dims] }
}

/** Demand of each node's children together (`below`), and the columns that reach the source. */
function demandPerNode(
  pipeline: Pipeline,
  effects: Map<PipelineNode, NodeEffects>,
): { below: Map<PipelineNode, Demand>; columns: ReadonlySet<string> } {
  const below = new Map<PipelineNode, Demand>()
  const columns = new Set<string>()
  const charge = nameBudget()
  for (let i = pipeline.nodes.length - 1; i >= 0; i--) {
    const node = pipeline.nodes[i]
    const out = below.get(node) ?? noDemand
    below.set(node, out)
    const e = effects.get(node)!
    node.parents.forEach((parent, port) => {
      const demand = unionDemand(below.get(parent) ?? noDemand, demandThrough(e, out, port))
      below.set(parent, demand)
      charge(demand.columns.size + (demand.fields?.size ?? 0) + (demand.tags?.size ?? 0))
    })
    if (node.parents.length === 0) for (const c of demandThrough(e, out, 0).columns) columns.add(c)
  }
  return { below, columns }
}

function partitionKey(
  pipeline: Pipeline,
  effects: Map<PipelineNode, NodeEffects>,
): { inputs: Map<PipelineNode, Flow>; key: TagSet; reason: string; pinned: boolean } {
  const inputs = new Map<PipelineNode, Flow>()
  const outputs = new Map<PipelineNode, Flow>()
  let key = everyTag
  let stateful = false
  let reason = 'no node keeps state: hashed by the whole series'
  let pinned: string | null = null
  const charge = nameBudget()
  for (const node of pipeline.nodes) {
    const e = effects.get(node)!
    // A node that watches another one emits rows of that one's groups.
    const from = node.observed === null ? node.parents : [node.observed]
    const input = mergeFlows(from.map((p) => outputs.get(p)!))
    inputs.set(node, input)
    const written = e.writesTags ? [...new Set([...input.written, ...e.writesTags])] : input.written
    // A tag removed or rewritten downstream of the grouping does not regroup stream rows, but a later grouping sees it.
    let grouping = input.grouping
    if (e.grouping) {
      const dims = e.grouping.dims
      const asked: TagSet =
        dims === '*' ? { all: true, except: e.grouping.exclude ?? [] } : { all: false, tags: [...dims].sort() }
      grouping = without(asked, written)
    }
    outputs.set(node, { grouping, written })
    charge(written.length + (grouping.all ? grouping.except.length : grouping.tags.length))
    if (e.pinned !== undefined && pinned === null) pinned = `${node.name} ${e.pinned}`
    if (e.stateful) {
      const state =
        e.stateTags === undefined ? input.grouping : intersect(input.grouping, { all: false, tags: e.stateTags })
      const before = key
      key = intersect(key, state)
      if (!stateful || describe(before) !== describe(key)) {
        const why =
          e.stateTagsWhy === undefined || describe(state) === describe(input.grouping) ? '' : `, ${e.stateTagsWhy}`
        reason = `${node.name} keeps state per ${describe(state)}${why}`
      }
      stateful = true
    }
  }
  if (pinned !== null) return { inputs, key: noTags, reason: `${pinned}: one shard`, pinned: true }
  if (!key.all && key.tags.length === 0) reason = `${reason}: one shard`
  return { inputs, key, reason, pinned: false }
}

function mergeFlows(flows: readonly Flow[]): Flow {
  if (flows.length === 0) return { grouping: noTags, written: [] }
  let { grouping, written } = flows[0]
  for (const f of flows.slice(1)) {
    grouping = intersect(grouping, f.grouping)
    written = [...new Set([...written, ...f.written])]
  }
  return { grouping, written }
}

function link(pipeline: Pipeline, below: Map<PipelineNode, Demand>, inputs: Map<PipelineNode, Flow>): PlannedNode[] {
  const planned = new Map<PipelineNode, PlannedNode>()
  const nodes = pipeline.nodes.map((node, index): PlannedNode => {
    const grouping = inputs.get(node)!.grouping
    const p: PlannedNode = {
      node,
      index,
      parents: [],
      children: [],
      needs: needsOf(below.get(node)!),
      reads: [...below.get(node)!.columns].sort(),
      groupedBy: grouping.all ? '*' : grouping.tags,
      fusion: 'none',
    }
    planned.set(node, p)
    return p
  })
  for (const p of nodes) {
    for (const parent of p.node.parents) p.parents.push(planned.get(parent)!)
    for (const child of p.node.children) p.children.push(planned.get(child)!)
  }
  return nodes
}

function needsOf(d: Demand): Needs {
  return { fields: d.fields === null ? null : [...d.fields].sort(), tags: d.tags === null ? null : [...d.tags].sort() }
}

function fuse(nodes: readonly PlannedNode[]): void {
  for (const p of nodes) {
    if (p.children.length === 0 || !p.node.def.keepsPanes?.(p.node, p.node.children)) continue
    // The edge to its first child is watched, so batches must pass there.
    if (nodes.some((n) => n.node.observed === p.node)) continue
    p.fusion = 'window'
    for (const c of p.children) c.fusion = 'inside'
  }
}

/** Measurements of all from nodes, chained ones included; null as soon as one takes every measurement. */
function measurementsOf(pipeline: Pipeline): readonly string[] | null {
  const names = new Set<string>()
  for (const node of pipeline.nodes) {
    if (node.def.method !== 'from') continue
    const m = node.props.measurement
    if (typeof m !== 'string' || m === '') return null
    names.add(m)
  }
  return [...names].sort()
}
