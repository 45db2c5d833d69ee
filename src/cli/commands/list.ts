/** `list tasks`. */
import { compareBytewise } from '../../columns/json-encode.js'
import { type Command, UsageError } from '../command.js'
import { columnWidth, dbrpsText, padEnd } from '../layout.js'
import { type ListedTask, listTasks } from '../tasks.js'

const kinds = "'tasks'"

export const list: Command = {
  name: 'list',
  summary: 'List tasks.',
  usage: `Usage: shardline list tasks [task ID or pattern]...

	List tasks. If no ID or pattern is given then all of them are listed.

For example:

	$ shardline list tasks
	$ shardline list tasks 'cpu_*'
`,
  async run(args, { client, out }) {
    const [kind, ...patterns] = args
    if (kind === undefined) throw new UsageError(`must specify ${kinds}`)
    if (kind !== 'tasks') throw new UsageError(`cannot list '${kind}' did you mean ${kinds}?`)
    const tasks: ListedTask[] = []
    for (const pattern of patterns.length === 0 ? [''] : patterns) {
      tasks.push(...(await listTasks(client, pattern, ['type', 'status', 'executing', 'dbrps'])))
    }
    tasks.sort((a, b) => compareBytewise(a.id, b.id))
    const width = columnWidth(
      'ID',
      tasks.map((t) => t.id),
    )
    const line = (id: string, type: string, status: string, executing: string, dbrps: string): void =>
      out(`${padEnd(id, width)}${padEnd(type, 10)}${padEnd(status, 10)}${padEnd(executing, 10)}${dbrps}\n`)
    line('ID', 'Type', 'Status', 'Executing', 'Databases and Retention Policies')
    for (const t of tasks) line(t.id, t.type ?? '', t.status ?? '', String(t.executing), dbrpsText(t.dbrps ?? []))
  },
}
