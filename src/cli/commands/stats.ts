/** `stats general`, `stats ingress`, `stats engine`. */
import { compareBytewise } from '../../columns/json-encode.js'
import { type Command, type CommandContext, UsageError } from '../command.js'
import { columnWidth, padEnd, padStart } from '../layout.js'

interface Delay {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

interface Vars {
  readonly shardline: {
    readonly known: Record<string, number>
    readonly shards: readonly { readonly shard: number; readonly known: Record<string, number> }[]
    readonly main_delay_seconds: Delay
    readonly alert_latency_seconds: Delay
  }
  readonly [key: string]: unknown
  readonly kapacitor: Record<string, { name: string; tags: Record<string, string>; values: Record<string, unknown> }>
}

export const stats: Command = {
  name: 'stats',
  summary: 'Display various stats about the server.',
  usage: `Usage: shardline stats <general|ingress|engine>

	Print stats about a certain aspect of the server.

	general - Display summary stats about the server.
	ingress - Display stats about the data being received by database, retention policy and measurement.
	engine - Display how late the server is with its work and with alerts, and what it remembers.
`,
  async run(args, context) {
    const category = args[0]
    if (category === undefined) throw new UsageError('must provide a stats category')
    if (category !== 'general' && category !== 'ingress' && category !== 'engine') {
      throw new UsageError(`unknown stats category ${JSON.stringify(category)}`)
    }
    const vars = (await context.client.get('/kapacitor/v1/debug/vars')) as Vars
    if (category === 'general') general(vars, context)
    else if (category === 'ingress') ingress(vars, context)
    else engine(vars, context)
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

function engine({ shardline }: Vars, { out }: CommandContext): void {
  const line = (cells: readonly unknown[]): void =>
    out(`${cells.map((c, i) => (i === 0 ? padEnd(String(c), 16) : padStart(String(c), 12))).join('')}\n`)
  const ms = (seconds: number): string => (seconds * 1000).toFixed(1)
  line(['Delay (ms)', 'p50', 'p99', 'p99.9', 'max'])
  for (const [name, d] of [
    ['main', shardline.main_delay_seconds],
    ['alerts', shardline.alert_latency_seconds],
  ] as const)
    line([name, ms(d.p50), ms(d.p99), ms(d.p999), ms(d.max)])
  out('\n')
  const kinds = Object.keys(shardline.known)
  line(['Known', ...kinds])
  line(['main', ...kinds.map((k) => shardline.known[k])])
  const ofShards = Object.keys(shardline.shards[0]?.known ?? {})
  out('\n')
  line(['Known', ...ofShards])
  for (const { shard, known } of shardline.shards) line([`shard ${shard}`, ...ofShards.map((k) => known[k])])
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
    .sort((a, b) => compareBytewise(a[0], b[0]) || compareBytewise(a[1], b[1]) || compareBytewise(a[2], b[2]))
  const headers = ['Database', 'Retention Policy', 'Measurement']
  const widths = headers.map((h, i) =>
    columnWidth(
      h,
      rows.map((r) => r[i]),
    ),
  )
  const line = (cells: readonly string[]): void =>
    out(`${widths.map((w, i) => padEnd(cells[i], w)).join('')}${padStart(cells[3], 15)}\n`)
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
