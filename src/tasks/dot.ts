/** The graph of a task in DOT: bare when it does not run, with statistics when it does (spec tickscript 12). */
import { goDuration } from '../columns/go-duration.js'
import { ShardlineError } from '../errors.js'
import type { TaskStatsView } from '../route/engine-api.js'
import type { Pipeline } from '../tickscript/node-def.js'
import type { TaskType } from './task-record.js'

export type DotView = 'attributes' | 'labels'

export function dotViewOf(text: string): DotView {
  if (text === '' || text === 'attributes') return 'attributes'
  if (text === 'labels') return 'labels'
  throw new ShardlineError('bad-parameter', `invalid dot-view parameter ${JSON.stringify(text)}`)
}

/** Edges only; children in order of creation. The source of a batch task prints nothing. */
export function bareDot(id: string, pipeline: Pipeline): string {
  let out = `digraph ${id} {\n`
  for (const node of pipeline.nodes) {
    if (node.def.kind === 'batch') continue
    for (const child of node.children) out += `${node.name} -> ${child.name};\n`
  }
  return `${out}}`
}

export function throughputText(stats: TaskStatsView, type: TaskType): string {
  return `${stats.throughput.toFixed(2)} ${type === 'batch' ? 'batches' : 'points'}/s`
}

/** Counters of a node that DOT shows, sorted. */
function shownCounters(counters: Readonly<Record<string, number>>): [string, string][] {
  return Object.keys(counters)
    .filter((key) => key !== 'collected' && key !== 'emitted')
    .sort()
    .map((key) => [key, key === 'avg_exec_time_ns' ? goDuration(counters[key]!) : String(counters[key])])
}

export function runningDot(id: string, type: TaskType, stats: TaskStatsView, view: DotView): string {
  const labels = view === 'labels'
  const throughput = throughputText(stats, type)
  let out = `digraph ${id} {\n`
  out += labels
    ? `graph [label="Throughput: ${throughput}" forcelabels=true pad="0.8,0.5"];\n`
    : `graph [throughput="${throughput}"];\n`
  for (const node of stats.nodes) {
    const shown = shownCounters(node.counters)
    out += labels
      ? `\n${node.name} [xlabel="${shown.map(([k, v]) => `${k}=${v}`).join('\\r')}"];\n`
      : `\n${node.name} [${shown.map(([k, v]) => `${k}="${v}" `).join('')}];\n`
    for (const edge of stats.edges) {
      if (edge.parent !== node.name) continue
      const processed = labels ? `label="processed=${edge.processed}"` : `processed="${edge.processed}"`
      out += `${edge.parent} -> ${edge.child} [${processed}];\n`
    }
  }
  return `${out}}`
}
