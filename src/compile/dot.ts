/** Graphviz text of a pipeline: bare while it does not run, with counters while it does. Thread: any. */

import { goDuration } from '../go/go-duration.js'
import type { Pipeline } from '../tickscript/node-def.js'
import type { NodeStatsView, TaskStatsView } from '../transport/stats-view.js'

export type DotView = 'attributes' | 'labels'

/** Edges only: nodes in walk order, each one's children in order of creation. */
export function bareDot(taskId: string, pipeline: Pipeline): string {
  return dotOfEdges(taskId, dotEdges(pipeline))
}

/** The lines between the brackets of the bare text. */
export function dotEdges(pipeline: Pipeline): string {
  const lines: string[] = []
  for (const node of pipeline.nodes) {
    // The source of a batch task is not shown.
    if (node.def.method === 'batch') continue
    for (const child of node.children) lines.push(`${node.name} -> ${child.name};\n`)
  }
  return lines.join('')
}

export function dotOfEdges(taskId: string, edges: string): string {
  return `digraph ${taskId} {\n${edges}}`
}

/** Nodes and edges both in walk order, as `view` has them. */
export function statsDot(taskId: string, pipeline: Pick<Pipeline, 'type'>, view: TaskStatsView, form: DotView): string {
  const rate = `${view.throughput.toFixed(2)} ${pipeline.type === 'batch' ? 'batches' : 'points'}/s`
  const graph =
    form === 'labels'
      ? `graph [label="Throughput: ${rate}" forcelabels=true pad="0.8,0.5"];`
      : `graph [throughput="${rate}"];`
  const edges = new Map<string, string[]>()
  for (const { parent, child, processed } of view.edges) {
    const attribute = form === 'labels' ? `label="processed=${processed}"` : `processed="${processed}"`
    const lines = edges.get(parent) ?? []
    lines.push(`${parent} -> ${child} [${attribute}];`)
    edges.set(parent, lines)
  }
  const lines = [`digraph ${taskId} {`, graph]
  for (const node of view.nodes) {
    lines.push('', nodeLine(node, form), ...(edges.get(node.name) ?? []))
  }
  return `${lines.join('\n')}\n}`
}

/** Counters of the node's edges, not of the node. */
const edgeCounters = new Set(['collected', 'emitted'])

function nodeLine(node: NodeStatsView, form: DotView): string {
  const counters: Record<string, number> = { avg_exec_time_ns: 0, errors: 0, working_cardinality: 0, ...node.counters }
  const pairs = Object.keys(counters)
    .filter((key) => !edgeCounters.has(key))
    .sort()
    .map((key) => [key, key === 'avg_exec_time_ns' ? goDuration(counters[key]) : String(counters[key])] as const)
  return form === 'labels'
    ? `${node.name} [xlabel="${pairs.map(([key, value]) => `${key}=${value}`).join('\\r')}"];`
    : `${node.name} [${pairs.map(([key, value]) => `${key}="${value}" `).join('')}];`
}
