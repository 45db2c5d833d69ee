/** Tasks as the API shows them: the whole object, or chosen fields in a list. Thread: main. */
import { Timestamp } from '../columns/values.js'
import { type DotView, dotOfEdges, statsDot } from '../compile/dot.js'
import type { ScriptFacts } from '../compile/jobs.js'
import { ShardlineError } from '../errors.js'
import { linkSegment } from '../go/url-path.js'
import type { TaskStatsView } from '../transport/stats-view.js'
import type { TaskEntry, TaskManager } from './task-manager.js'
import type { TaskRecord, TaskVars } from './task-record.js'

export interface ViewOptions {
  readonly dotView: DotView
  readonly scriptFormat: 'formatted' | 'raw'
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
  href: `/kapacitor/v1/tasks/${linkSegment(task.id)}`,
})

const varsView = (vars: TaskVars): unknown => new Map(Object.entries(vars))

/** One task that is shown, and what fields share. */
interface Shown {
  readonly entry: TaskEntry
  readonly options: ViewOptions
  readonly stats: TaskStatsView | undefined
  /** null: no field that is shown asks for them. */
  readonly facts: ScriptFacts | null
}

function dotOf({ entry: { record, run }, options, stats, facts }: Shown): string {
  if (run !== undefined && stats !== undefined) return statsDot(record.id, run.plan.pipeline, stats, options.dotView)
  const now = facts?.evaluated ?? null
  return now === null ? '' : dotOfEdges(record.id, now.edges)
}

/** Why it does not run; of a disabled task what would keep it from running. */
function errorOf({ entry: { error, record }, facts }: Shown): string {
  if (error !== '' || record.status === 'enabled') return error
  return facts?.fault?.message ?? ''
}

/** Fields that may need what the script says. */
const ofScript: ReadonlySet<string> = new Set(['script', 'dot', 'error'])

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

/** Every field of a task; `template-id` is not among those of lists. */
const fields: Readonly<Record<string, (shown: Shown) => unknown>> = {
  link: ({ entry }) => linkOf(entry.record),
  id: ({ entry }) => entry.record.id,
  'template-id': ({ entry }) => entry.record.templateId,
  type: ({ entry }) => entry.record.type,
  dbrps: ({ entry }) => entry.record.dbrps.map(({ db, rp }) => ({ db, rp })),
  script: ({ entry: { record }, options, facts }) =>
    options.scriptFormat === 'raw' ? record.script : (facts?.formatted ?? record.script),
  vars: ({ entry }) => varsView(entry.record.vars),
  dot: dotOf,
  status: ({ entry }) => entry.record.status,
  executing: ({ entry }) => entry.run?.executing ?? false,
  error: errorOf,
  stats: ({ stats }) => (stats === undefined ? {} : statsView(stats)),
  created: ({ entry }) => time(entry.record.createdNs),
  modified: ({ entry }) => time(entry.record.modifiedNs),
  'last-enabled': ({ entry }) => time(entry.record.lastEnabledNs),
}

const listFields = Object.keys(fields).filter((f) => f !== 'template-id')

/** The reply to get, create and update. */
export async function taskView(tasks: TaskManager, entry: TaskEntry, options: ViewOptions): Promise<unknown> {
  const facts = await tasks.factsOf(entry.record)
  const shown: Shown = { entry, options, stats: tasks.statsOf(entry), facts }
  return Object.fromEntries(Object.entries(fields).map(([name, show]) => [name, show(shown)]))
}

/** One element of a list: a map, keys sorted. `id` and `link` are always there. */
export async function taskListItem(
  tasks: TaskManager,
  entry: TaskEntry,
  wanted: readonly string[],
  options: ViewOptions,
): Promise<Map<string, unknown>> {
  const names = wanted.length === 0 ? listFields : [...new Set([...wanted, 'id', 'link'])]
  const views = names.map((name) => {
    const view = listFields.includes(name) ? fields[name] : undefined
    if (view === undefined) throw new ShardlineError('bad-field', `unsupported field ${JSON.stringify(name)}`)
    return [name, view] as const
  })
  const facts = names.some((name) => ofScript.has(name)) ? await tasks.factsOf(entry.record) : null
  const needsStats = names.includes('stats') || names.includes('dot')
  const shown: Shown = { entry, options, stats: needsStats ? tasks.statsOf(entry) : undefined, facts }
  return new Map(
    views.map(([name, view]) => [name, name === 'stats' && shown.stats === undefined ? null : view(shown)]),
  )
}
