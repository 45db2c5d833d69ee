/** Tasks as the API shows them: the whole object, or chosen fields in a list. Main thread. */
import { Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { bareDot, type DotView, statsDot } from '../plan/dot.js'
import type { TaskStatsView } from '../route/engine-api.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { formatScript, pipelineOf } from './compile-script.js'
import type { TaskEntry, TaskManager } from './task-manager.js'
import type { TaskRecord, TaskVars } from './task-record.js'

export interface ViewOptions {
  readonly dotView: DotView
  readonly scriptFormat: 'formatted' | 'raw'
  readonly deadman?: DeadmanDefaults
}

export function dotViewOf(text: string): DotView {
  if (text === '' || text === 'attributes') return 'attributes'
  if (text === 'labels') return 'labels'
  throw new ShardlineError('bad-parameter', `invalid dot-view parameter ${JSON.stringify(text)}`)
}

export function scriptFormatOf(text: string): 'formatted' | 'raw' {
  if (text === '' || text === 'formatted') return 'formatted'
  if (text === 'raw') return 'raw'
  throw new ShardlineError('bad-parameter', `invalid script-format parameter ${JSON.stringify(text)}`)
}

const zeroTime = '0001-01-01T00:00:00Z'
const time = (ns: bigint | null): unknown => (ns === null ? zeroTime : new Timestamp(ns))

const linkOf = (task: TaskRecord): unknown => ({
  rel: 'self',
  href: `/kapacitor/v1/tasks/${encodeURIComponent(task.id)}`,
})

const varsView = (vars: TaskVars): unknown => new Map(Object.entries(vars))

function dotOf(entry: TaskEntry, options: ViewOptions, stats: TaskStatsView | undefined): string {
  const { record, run } = entry
  if (run !== undefined && stats !== undefined) {
    return statsDot(record.id, run.plan.pipeline, stats, options.dotView)
  }
  const pipeline = pipelineOf(record.script, record.vars, options.deadman)
  return pipeline === undefined ? '' : bareDot(record.id, pipeline)
}

export function statsView(stats: TaskStatsView): unknown {
  const nodes = new Map(stats.nodes.map((n) => [n.name, new Map(Object.entries(n.counters))]))
  const dropped = new Map(Object.entries(stats.dropped))
  return {
    'task-stats': {
      throughput: stats.throughput,
      delivered: stats.delivered,
      processed: stats.processed,
      'in-ring': stats.inRing,
      dropped,
      groups: stats.groups,
      'state-bytes': stats.stateBytes.reduce((a, b) => a + b, 0),
    },
    'node-stats': nodes,
  }
}

type FieldView = (entry: TaskEntry, options: ViewOptions, stats: TaskStatsView | undefined) => unknown

/** Every field of a task; `template-id` is not among those of lists. */
const fields: Readonly<Record<string, FieldView>> = {
  link: (e) => linkOf(e.record),
  id: (e) => e.record.id,
  'template-id': (e) => e.record.templateId,
  type: (e) => e.record.type,
  dbrps: (e) => e.record.dbrps.map(({ db, rp }) => ({ db, rp })),
  script: (e, o) => (o.scriptFormat === 'raw' ? e.record.script : formatScript(e.record.script)),
  vars: (e) => varsView(e.record.vars),
  dot: dotOf,
  status: (e) => e.record.status,
  executing: (e) => e.run?.executing ?? false,
  error: (e) => e.error,
  stats: (_e, _o, stats) => (stats === undefined ? {} : statsView(stats)),
  created: (e) => time(e.record.createdNs),
  modified: (e) => time(e.record.modifiedNs),
  'last-enabled': (e) => time(e.record.lastEnabledNs),
}

const listFields = Object.keys(fields).filter((f) => f !== 'template-id')

/** The reply to get, create and update. */
export function taskView(tasks: TaskManager, entry: TaskEntry, view: ViewOptions): unknown {
  const stats = tasks.statsOf(entry)
  const options = { ...view, deadman: tasks.deadman }
  return Object.fromEntries(Object.entries(fields).map(([name, show]) => [name, show(entry, options, stats)]))
}

/** One element of a list: a map, keys sorted. `id` and `link` are always there. */
export function taskListItem(
  tasks: TaskManager,
  entry: TaskEntry,
  wanted: readonly string[],
  options: ViewOptions,
): Map<string, unknown> {
  const names = wanted.length === 0 ? listFields : [...new Set([...wanted, 'id', 'link'])]
  const needsStats = names.includes('stats') || names.includes('dot')
  const stats = needsStats ? tasks.statsOf(entry) : undefined
  const out = new Map<string, unknown>()
  const all = { ...options, deadman: tasks.deadman }
  for (const name of names) {
    const view = listFields.includes(name) ? fields[name] : undefined
    if (view === undefined) throw new ShardlineError('bad-field', `unsupported field ${JSON.stringify(name)}`)
    out.set(name, name === 'stats' && stats === undefined ? null : view(entry, all, stats))
  }
  return out
}
