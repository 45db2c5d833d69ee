/** `list`: tasks, templates, recordings, replays, topics, handlers of topics, services that can be tested. */
import { compareBytewise } from '../../columns/json-encode.js'
import { humanBytes } from '../../lambda/functions/misc.js'
import { type Command, type CommandContext, UsageError } from '../command.js'
import { columnWidth, dbrpsText, localDate, padEnd, padStart } from '../layout.js'
import { type Listed, listHandlers, listPaged, listTopics } from '../resources.js'
import { type ListedTask, listTasks } from '../tasks.js'
import { listServiceTests } from './service-tests.js'

const kindsText = "'tasks', 'recordings', 'replays', 'topics', 'topic-handlers' or 'service-tests'"

type Lister = (patterns: readonly string[], context: CommandContext) => Promise<void>

const byId = (a: Listed, b: Listed): number => compareBytewise(a.id, b.id)

async function tasks(patterns: readonly string[], { client, out }: CommandContext): Promise<void> {
  const found: ListedTask[] = []
  for (const pattern of patterns.length === 0 ? [''] : patterns) {
    found.push(...(await listTasks(client, pattern, ['type', 'status', 'executing', 'dbrps'])))
  }
  found.sort(byId)
  const width = columnWidth(
    'ID',
    found.map((t) => t.id),
  )
  const line = (id: string, type: string, status: string, executing: string, dbrps: string): void =>
    out(`${padEnd(id, width)}${padEnd(type, 10)}${padEnd(status, 10)}${padEnd(executing, 10)}${dbrps}\n`)
  line('ID', 'Type', 'Status', 'Executing', 'Databases and Retention Policies')
  for (const t of found) line(t.id, t.type ?? '', t.status ?? '', String(t.executing), dbrpsText(t.dbrps ?? []))
}

interface ListedTemplate extends Listed {
  readonly type: string
  readonly vars: Readonly<Record<string, unknown>>
}

async function templates(patterns: readonly string[], { client, out }: CommandContext): Promise<void> {
  const found = (await listPaged<ListedTemplate>(client, 'templates', patterns, ['type', 'vars'])).sort(byId)
  const width = columnWidth(
    'ID',
    found.map((t) => t.id),
  )
  const line = (id: string, type: string, vars: string): void =>
    out(`${padEnd(id, width)}${padEnd(type, 10)}${padEnd(vars, 40)}\n`)
  line('ID', 'Type', 'Vars')
  for (const t of found) line(t.id, t.type, Object.keys(t.vars).sort(compareBytewise).join(','))
}

interface ListedRecording extends Listed {
  readonly type: string
  readonly status: string
  readonly size: number
  readonly date: string
}

async function recordings(patterns: readonly string[], { client, out }: CommandContext): Promise<void> {
  const fields = ['type', 'size', 'date', 'status']
  const found = await listPaged<ListedRecording>(client, 'recordings', patterns, fields)
  const width = columnWidth(
    'ID',
    found.map((r) => r.id),
  )
  const line = (id: string, type: string, status: string, size: string, date: string): void =>
    out(`${padEnd(id, width)}${padEnd(type, 8)}${padEnd(status, 10)}${padEnd(size, 10)}${padEnd(date, 23)}\n`)
  line('ID', 'Type', 'Status', 'Size', 'Date')
  for (const r of found) {
    line(r.id, r.type, r.status, humanBytes(BigInt.asUintN(64, BigInt(r.size))), localDate(r.date))
  }
}

interface ListedReplay extends Listed {
  readonly task: string
  readonly recording: string
  readonly status: string
  readonly clock: string
  readonly date: string
}

async function replays(patterns: readonly string[], { client, out }: CommandContext): Promise<void> {
  const fields = ['task', 'recording', 'status', 'clock', 'date']
  const found = await listPaged<ListedReplay>(client, 'replays', patterns, fields)
  const widths = (['ID', 'Task', 'Recording'] as const).map((header) =>
    columnWidth(
      header,
      found.map((r) => (header === 'ID' ? r.id : header === 'Task' ? r.task : r.recording)),
    ),
  )
  const line = (cells: readonly string[], status: string, clock: string, date: string): void => {
    const names = cells.map((c, i) => padEnd(c, widths[i])).join('')
    out(`${names}${padEnd(status, 9)}${padEnd(clock, 8)}${padEnd(date, 23)}\n`)
  }
  line(['ID', 'Task', 'Recording'], 'Status', 'Clock', 'Date')
  for (const r of found) line([r.id, r.task, r.recording], r.status, r.clock, localDate(r.date))
}

async function topics(patterns: readonly string[], { client, out }: CommandContext): Promise<void> {
  const found = []
  for (const pattern of patterns.length === 0 ? [''] : patterns) found.push(...(await listTopics(client, pattern)))
  found.sort(byId)
  const width = columnWidth(
    'ID',
    found.map((t) => t.id),
  )
  const levelWidth = columnWidth(
    'CRITICAL',
    found.map((t) => t.level),
  )
  const line = (id: string, level: string, collected: string): void =>
    out(`${padEnd(id, width)}${padEnd(level, levelWidth)}${padStart(collected, 10)}\n`)
  line('ID', 'Level', 'Collected')
  for (const t of found) line(t.id, t.level, String(t.collected))
}

/** TOPIC, then patterns of handlers. */
async function topicHandlers(
  [topic = '', ...patterns]: readonly string[],
  { client, out }: CommandContext,
): Promise<void> {
  const rows: [string, string, string][] = []
  for (const t of await listTopics(client, topic)) {
    for (const pattern of patterns.length === 0 ? [''] : patterns) {
      const handlers = await listHandlers(client, t['handlers-link'].href, pattern)
      rows.push(...handlers.map((h): [string, string, string] => [t.id, h.id, h.kind]))
    }
  }
  const header = ['Topic', 'ID', 'Kind']
  const widths = header.map((_, i) =>
    Math.max(
      11,
      columnWidth(
        header[i],
        rows.map((r) => r[i]),
      ),
    ),
  )
  for (const row of [header, ...rows]) out(`${row.map((cell, i) => padEnd(cell, widths[i])).join('')}\n`)
}

const kinds: Readonly<Record<string, Lister>> = {
  tasks,
  templates,
  recordings,
  replays,
  topics,
  'topic-handlers': topicHandlers,
  'service-tests': listServiceTests,
}

export const list: Command = {
  name: 'list',
  summary: 'List tasks, templates, recordings, replays, topics, topic-handlers or service-tests.',
  usage: `Usage: shardline list (tasks|templates|recordings|replays|topics|topic-handlers|service-tests) [ID or pattern]...

	List what there is. If no ID or pattern is given then everything is listed.
	For topic-handlers the first argument is a topic or a pattern of topics.

For example:

	$ shardline list tasks
	$ shardline list tasks 'cpu_*'
	$ shardline list topic-handlers my_topic
`,
  async run(args, context) {
    const [kind, ...patterns] = args
    if (kind === undefined) throw new UsageError(`must specify ${kindsText}`)
    const lister = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
    if (lister === undefined) throw new UsageError(`cannot list '${kind}' did you mean ${kindsText}?`)
    await lister(patterns, context)
  },
}
