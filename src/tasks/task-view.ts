/** Tasks as the API shows them: the whole object, or chosen fields in a list. Main thread. */
import { Timestamp } from '../columns/values.js'
import { bareDot, type DotView, statsDot } from '../compile/dot.js'
import { ShardlineError } from '../errors.js'
import { linkSegment } from '../go/url-path.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { TaskStatsView } from '../transport/stats-view.js'
import { type Compiled, compiled, formatScript } from './compile-script.js'
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
  href: `/kapacitor/v1/tasks/${linkSegment(task.id)}`,
})

const varsView = (vars: TaskVars): unknown => new Map(Object.entries(vars))

/** One task that is shown, and what fields share. */
class Shown {
  private script: Compiled | undefined

  constructor(
    readonly entry: TaskEntry,
    readonly options: ViewOptions,
    readonly stats: TaskStatsView | undefined,
  ) {}

  /** The script as it is now, whatever runs. */
  compiled(): Compiled {
    const { script, vars } = this.entry.record
    this.script ??= compiled(script, vars, this.options.deadman)
    return this.script
  }
}

function dotOf(shown: Shown): string {
  const { record, run } = shown.entry
  if (run !== undefined && shown.stats !== undefined) {
    return statsDot(record.id, run.plan.pipeline, shown.stats, shown.options.dotView)
  }
  const now = shown.compiled()
  return 'pipeline' in now ? bareDot(record.id, now.pipeline) : ''
}

/** Why it does not run; of a disabled task what would keep it from running. */
function errorOf(shown: Shown): string {
  const { error, record } = shown.entry
  if (error !== '' || record.status === 'enabled') return error
  const now = shown.compiled()
  return 'fault' in now ? now.fault : ''
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

/** Every field of a task; `template-id` is not among those of lists. */
const fields: Readonly<Record<string, (shown: Shown) => unknown>> = {
  link: ({ entry }) => linkOf(entry.record),
  id: ({ entry }) => entry.record.id,
  'template-id': ({ entry }) => entry.record.templateId,
  type: ({ entry }) => entry.record.type,
  dbrps: ({ entry }) => entry.record.dbrps.map(({ db, rp }) => ({ db, rp })),
  script: ({ entry: { record }, options }) =>
    options.scriptFormat === 'raw' ? record.script : formatScript(record.script),
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
export function taskView(tasks: TaskManager, entry: TaskEntry, view: ViewOptions): unknown {
  const shown = new Shown(entry, { ...view, deadman: tasks.deadman }, tasks.statsOf(entry))
  return Object.fromEntries(Object.entries(fields).map(([name, show]) => [name, show(shown)]))
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
  const shown = new Shown(entry, { ...options, deadman: tasks.deadman }, stats)
  for (const name of names) {
    const view = listFields.includes(name) ? fields[name] : undefined
    if (view === undefined) throw new ShardlineError('bad-field', `unsupported field ${JSON.stringify(name)}`)
    out.set(name, name === 'stats' && stats === undefined ? null : view(shown))
  }
  return out
}
