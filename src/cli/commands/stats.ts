/** `stats general`, `stats ingress`. */
import { compareBytewise } from '../../columns/json-encode.js'
import { type Command, type CommandContext, UsageError } from '../command.js'
import { columnWidth, padEnd, padStart } from '../layout.js'

interface Vars {
  readonly [key: string]: unknown
  readonly kapacitor: Record<string, { name: string; tags: Record<string, string>; values: Record<string, unknown> }>
}

export const stats: Command = {
  name: 'stats',
  summary: 'Display various stats about the server.',
  usage: `Usage: shardline stats <general|ingress>

	Print stats about a certain aspect of the server.

	general - Display summary stats about the server.
	ingress - Display stats about the data being received by database, retention policy and measurement.
`,
  async run(args, context) {
    const category = args[0]
    if (category === undefined) throw new UsageError('must provide a stats category')
    if (category !== 'general' && category !== 'ingress') {
      throw new UsageError(`unknown stats category ${JSON.stringify(category)}`)
    }
    const vars = (await context.client.get('/kapacitor/v1/debug/vars')) as Vars
    if (category === 'general') general(vars, context)
    else ingress(vars, context)
  },
}

function general(vars: Vars, { out }: CommandContext): void {
  const lines: [string, unknown][] = [
    ['ClusterID:', vars.cluster_id],
    ['ServerID:', vars.server_id],
    ['Host:', vars.host],
    ['Tasks:', vars.num_tasks],
    ['Enabled Tasks:', vars.num_enabled_tasks],
    ['Subscriptions:', vars.num_subscriptions],
    ['Platform:', vars.platform],
    ['Version:', vars.version],
  ]
  for (const [name, value] of lines) out(`${padEnd(name, 30)}${padEnd(String(value), 30)}\n`)
}

function ingress(vars: Vars, { out }: CommandContext): void {
  const rows = Object.values(vars.kapacitor)
    .filter((s) => s.name === 'ingress' && s.tags.task_master === 'main')
    .map((s) => [
      s.tags.database ?? '',
      s.tags.retention_policy ?? '',
      s.tags.measurement ?? '',
      String(s.values.points_received),
    ])
    .sort((a, b) => compareBytewise(a[0]!, b[0]!) || compareBytewise(a[1]!, b[1]!) || compareBytewise(a[2]!, b[2]!))
  const headers = ['Database', 'Retention Policy', 'Measurement']
  const widths = headers.map((h, i) =>
    columnWidth(
      h,
      rows.map((r) => r[i]!),
    ),
  )
  const line = (cells: readonly string[]): void =>
    out(`${widths.map((w, i) => padEnd(cells[i]!, w)).join('')}${padStart(cells[3]!, 15)}\n`)
  line([...headers, 'Points Received'])
  for (const row of rows) line(row)
  for (const { name, tags, values } of Object.values(vars.kapacitor)) {
    if (name !== 'udp') continue
    const { receiver_restarts: restarts = 0, not_receiving: down = 0 } = values
    if (restarts === 0 && down === 0) continue
    const state = down === 0 ? 'receives again' : 'does not receive'
    out(`\nThe UDP listener at ${tags.bind} ${state}: its thread was restarted ${restarts} times, see the log.\n`)
  }
}
