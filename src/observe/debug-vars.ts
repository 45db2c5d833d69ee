/** Statistics in the layout of Go's expvar, as the CLI and existing dashboards read them (spec http-cli 6.10, 12). Thread: main. */
import { randomUUID } from 'node:crypto'
import type { EngineStatsView } from '../engine/engine-api.js'
import { goDuration } from '../go/go-duration.js'
import type { UdpStats } from '../ingest/udp-service.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { Turns } from '../turns.js'
import { kapacitorVersion } from '../version.js'
import type { Delays } from './delay-summary.js'

export interface Identity {
  readonly clusterId: string
  readonly serverId: string
  readonly hostname: string
}

interface Statistic {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, unknown>>
}

/** Ids of statistics stay the same while what they count is there, as a reader may follow them. */
let ids = new Map<string, string>()

const keyOf = (s: Statistic): string => `${s.name}\0${Object.values(s.tags).join('\0')}`

export interface VarsParts {
  readonly tasks: TaskManager
  readonly engine: EngineStatsView
  readonly udp: readonly UdpStats[]
  readonly topics: readonly { readonly id: string; readonly collected: number }[]
  readonly delays: Delays
}

/** Made in turns with other work: there is a statistic for each measurement that was ever written. */
export async function debugVars(identity: Identity, parts: VarsParts): Promise<Record<string, unknown>> {
  const { tasks, engine, delays } = parts
  const turns = new Turns()
  const own = { host: identity.hostname, cluster_id: identity.clusterId, server_id: identity.serverId }
  const statistics = new Map<string, Statistic>()
  const kept = new Map<string, string>()
  for (const s of all(parts)) {
    const full = { ...s, tags: { ...own, ...s.tags } }
    const key = keyOf(full)
    const id = ids.get(key) ?? randomUUID()
    kept.set(key, id)
    statistics.set(id, full)
    if (turns.over) await turns.next()
  }
  ids = kept
  const memory = process.memoryUsage()
  return {
    cluster_id: identity.clusterId,
    server_id: identity.serverId,
    host: identity.hostname,
    cmdline: process.argv,
    kapacitor: statistics,
    memstats: {
      Alloc: memory.heapUsed,
      Sys: memory.rss,
      HeapAlloc: memory.heapUsed,
      HeapSys: memory.heapTotal,
      HeapInuse: memory.heapUsed,
      External: memory.external,
      ArrayBuffers: memory.arrayBuffers,
    },
    num_enabled_tasks: tasks.enabledCount,
    num_subscriptions: 0,
    num_tasks: tasks.count,
    platform: 'OSS',
    shardline: {
      known: engine.known,
      shards: engine.shards.map(({ shard, known }) => ({ shard, known })),
      main_delay_seconds: delays.loop(),
      alert_latency_seconds: delays.alerts(),
    },
    product: 'shardline',
    uptime: process.uptime(),
    version: kapacitorVersion,
  }
}

function* all({ tasks, engine, udp, topics }: VarsParts): Generator<Statistic> {
  yield* ingress(engine)
  yield* ofTasks(tasks)
  yield* ofListeners(udp)
  yield* ofTopics(topics)
}

function* ingress(engine: EngineStatsView): Generator<Statistic> {
  for (const { db, rp, measurement, points } of engine.ingress) {
    const tags = { task_master: 'main', database: db, retention_policy: rp, measurement }
    yield { name: 'ingress', tags, values: { points_received: points } }
  }
}

function* ofTopics(topics: readonly { readonly id: string; readonly collected: number }[]): Generator<Statistic> {
  for (const { id, collected } of topics) yield { name: 'topics', tags: { id }, values: { collected } }
}

/** Keys appear only once they have counted something. */
function* ofListeners(udp: readonly UdpStats[]): Generator<Statistic> {
  for (const u of udp) {
    const all = {
      bytes_rx: u.bytesRx,
      points_rx: u.pointsRx,
      points_tx: u.pointsTx,
      points_parse_fail: u.pointsParseFail,
      tx_fail: u.txFail,
      read_fail: u.readFail,
      receiver_restarts: u.receiverRestarts,
      not_receiving: 1 - u.receiving,
    }
    const values = Object.fromEntries(Object.entries(all).filter(([, n]) => n > 0))
    if (Object.keys(values).length > 0) yield { name: 'udp', tags: { bind: u.bind }, values }
  }
}

function* ofTasks(tasks: TaskManager): Generator<Statistic> {
  for (const entry of tasks.list()) {
    const { record } = entry
    const stats = tasks.statsOf(entry)
    if (stats === undefined) continue
    for (const node of stats.nodes) {
      const { collected: _in, emitted: _out, avg_exec_time_ns: averageNs, ...counters } = node.counters
      const tags = { task: record.id, node: node.name, type: record.type, kind: node.name.replace(/\d+$/, '') }
      yield { name: 'nodes', tags, values: { ...counters, avg_exec_time_ns: goDuration(averageNs ?? 0) } }
    }
    for (const edge of stats.edges) {
      const tags = { task: record.id, parent: edge.parent, child: edge.child, type: record.type }
      yield { name: 'edges', tags, values: { collected: edge.processed, emitted: edge.processed } }
    }
  }
}
