/**
 * /metrics in Prometheus text: read from the statistics block at scrape time, nothing is counted twice. Labels are bounded by
 * tasks, nodes, shards and reasons; never by measurements, groups or tag values. Thread: main.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { EngineStatsView } from '../engine/engine-api.js'
import type { UdpStats } from '../ingest/udp-service.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { DelaySummary, type Delays } from './delay-summary.js'

export interface MetricsParts {
  readonly delays: Delays
  readonly tasks: TaskManager
  readonly engine: () => EngineStatsView
  readonly http: { readonly statuses: ReadonlyMap<number, number> }
  readonly logs: { readonly droppedLines: number }
  /** Bodies of writes. */
  readonly gate: { readonly heldBytes: number; readonly waitingRequests: number }
  readonly udp: () => Promise<readonly UdpStats[]>
}

const udpCounters = (s: UdpStats): [string, string, number][] => [
  ['bytes', 'Bytes received.', s.bytesRx],
  ['datagrams', 'Datagrams received.', s.datagramsRx],
  ['points_received', 'Points parsed.', s.pointsRx],
  ['points_published', 'Points published to the shards.', s.pointsTx],
  ['datagrams_bad', 'Datagrams dropped for a bad line.', s.pointsParseFail],
  ['datagrams_shed', 'Datagrams dropped for lack of room.', s.shedDatagrams],
  ['datagrams_too_long', 'Datagrams dropped for their length.', s.tooLong],
  ['kernel_drops', 'Datagrams that the kernel dropped before we read them.', s.kernelDrops],
  ['read_errors', 'Errors of the socket.', s.readFail],
  ['datagrams_failed', 'Datagrams lost to a failure behind the parser.', s.txFail],
  ['receiver_restarts', 'Receiving threads that took the place of one that had died.', s.receiverRestarts],
]

type Set = (value: number, labels?: Record<string, string>) => void

export class Metrics {
  private readonly registry = new Registry()
  private readonly series = new Map<string, Gauge | Counter>()
  private turn: Promise<unknown> = Promise.resolve()

  constructor(private readonly parts: MetricsParts) {
    collectDefaultMetrics({ register: this.registry, prefix: 'shardline_' })
    const { loop, alerts } = parts.delays
    const loopHelp = 'How late the event loop of main was, in the last half minute to minute.'
    new DelaySummary(loop, { name: 'shardline_main_delay_seconds', help: loopHelp }, this.registry)
    const alertHelp = 'From the acceptance of a write to the finished alert event.'
    new DelaySummary(alerts, { name: 'shardline_alert_latency_seconds', help: alertHelp }, this.registry)
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** Scrapes that come together take turns: the numbers are set for one, then printed, then for the next. */
  text(): Promise<string> {
    const text = this.turn.then(() => this.scrape())
    this.turn = text.catch(() => undefined)
    return text
  }

  private async scrape(): Promise<string> {
    const udp = await this.parts.udp()
    for (const metric of this.series.values()) metric.reset()
    this.ofEngine(this.parts.engine())
    this.ofTasks()
    for (const [status, n] of this.parts.http.statuses) {
      this.counter('shardline_http_requests_total', 'Requests by status.', ['status'])(n, { status: String(status) })
    }
    const { logs, gate } = this.parts
    const dropped = 'Log lines that followers of the log did not read in time.'
    this.counter('shardline_log_lines_dropped_total', dropped)(logs.droppedLines)
    this.gauge('shardline_http_body_bytes', 'Bodies of writes that are being read or handled.')(gate.heldBytes)
    this.gauge('shardline_http_bodies_waiting', 'Writes whose body waits to be read.')(gate.waitingRequests)
    for (const stats of udp) this.ofListener(stats)
    return this.registry.metrics()
  }

  /** Sets the value of a monotonic number that is counted elsewhere. */
  private counter(name: string, help: string, labelNames: string[] = []): Set {
    let metric = this.series.get(name)
    if (metric === undefined) {
      metric = new Counter({ name, help, labelNames, registers: [this.registry] })
      this.series.set(name, metric)
    }
    return (value, labels) => (labels === undefined ? metric.inc(value) : metric.inc(labels, value))
  }

  private gauge(name: string, help: string, labelNames: string[] = []): Set {
    let metric = this.series.get(name) as Gauge | undefined
    if (metric === undefined) {
      metric = new Gauge({ name, help, labelNames, registers: [this.registry] })
      this.series.set(name, metric)
    }
    return (value, labels) => (labels === undefined ? metric.set(value) : metric.set(labels, value))
  }

  private ofEngine(engine: EngineStatsView): void {
    this.counter('shardline_points_accepted_total', 'Points of accepted writes.')(engine.acceptedPoints)
    this.counter('shardline_points_routed_total', 'Accepted points that some task takes.')(engine.routedPoints)
    this.counter('shardline_points_unmatched_total', 'Accepted points that no task takes.')(engine.unmatchedPoints)
    this.counter('shardline_writes_rejected_total', 'Writes with a bad line.')(engine.rejectedRequests)
    this.counter('shardline_writes_overloaded_total', 'Writes refused for lack of room.')(engine.overloadedRequests)
    this.gauge('shardline_slots_in_use', 'Batch buffers in use.')(engine.slotsInUse)
    this.gauge('shardline_slots', 'Batch buffers.')(engine.slots)
    for (const [what, n] of Object.entries(engine.known)) {
      this.gauge('shardline_known', 'Runs, routes, schemas, tables, databases that main remembers.', ['what'])(n, {
        what,
      })
    }
    for (const s of engine.shards) {
      const labels = { shard: String(s.shard) }
      const gauge = (name: string, help: string, value: number): void =>
        this.gauge(`shardline_shard_${name}`, help, ['shard'])(value, labels)
      const counter = (name: string, help: string, value: number): void =>
        this.counter(`shardline_shard_${name}_total`, help, ['shard'])(value, labels)
      gauge('ring_entries', 'Batches that wait for the shard.', s.ringEntries)
      gauge('ring_capacity', 'Batches that may wait.', s.ringCapacity)
      gauge('state_bytes', 'State held.', s.stateBytes)
      gauge('budget_bytes', 'State allowed.', s.budgetBytes)
      gauge('groups', 'Groups held.', s.groups)
      gauge('lag_seconds', 'Clock minus the stamp the shard has processed.', s.lagMs / 1000)
      for (const [what, n] of Object.entries(s.known)) {
        const help = 'Tasks, routes, schemas, alert states that the shard remembers.'
        this.gauge('shardline_shard_known', help, ['shard', 'what'])(n, { ...labels, what })
      }
      counter('processed_rows', 'Rows processed.', s.processedRows)
      counter('evicted_groups', 'Groups evicted from state.', s.evictedGroups)
      counter('evicted_rows', 'Rows evicted from state.', s.evictedRows)
      counter('restarts', 'Times the thread has died and was started again.', s.restarts)
      counter('refused_frames', 'Messages of the shard that were too long or came after the close.', s.refusedFrames)
    }
  }

  private ofListener(stats: UdpStats): void {
    const { bind } = stats
    for (const [name, help, value] of udpCounters(stats)) {
      this.counter(`shardline_udp_${name}_total`, help, ['bind'])(value, { bind })
    }
    this.gauge('shardline_udp_receiving', '1 while a thread receives, else 0.', ['bind'])(stats.receiving, { bind })
    this.gauge('shardline_udp_datagrams_waiting', 'Datagrams that wait to be parsed.', ['bind'])(stats.waiting, {
      bind,
    })
  }

  private ofTasks(): void {
    const { tasks } = this.parts
    this.gauge('shardline_tasks', 'Tasks by status.', ['status'])(tasks.enabledCount, { status: 'enabled' })
    this.gauge('shardline_tasks', 'Tasks by status.', ['status'])(tasks.count - tasks.enabledCount, {
      status: 'disabled',
    })
    for (const entry of tasks.list()) {
      const stats = tasks.statsOf(entry)
      const task = entry.record.id
      this.gauge('shardline_task_executing', 'Whether the task runs.', ['task'])(stats === undefined ? 0 : 1, {
        task,
      })
      if (stats === undefined) continue
      const counter = (name: string, help: string, value: number): void =>
        this.counter(`shardline_task_${name}_total`, help, ['task'])(value, { task })
      counter('points_delivered', 'Points delivered to the task.', stats.delivered)
      counter('points_processed', 'Points the task has processed.', stats.processed)
      this.gauge('shardline_task_points_waiting', 'Points delivered, not yet taken.', ['task'])(stats.inRing, { task })
      this.gauge('shardline_task_groups', 'Groups of the task.', ['task'])(stats.groups, { task })
      const stateBytes = stats.stateBytes.reduce((a, b) => a + b, 0)
      this.gauge('shardline_task_state_bytes', 'State of the task.', ['task'])(stateBytes, { task })
      for (const [reason, n] of Object.entries(stats.dropped)) {
        const help = 'Points the task did not process.'
        this.counter('shardline_task_points_dropped_total', help, ['task', 'reason'])(n, { task, reason })
      }
      for (const node of stats.nodes) {
        const labels = { task, node: node.name }
        for (const [name, value] of Object.entries(node.counters)) {
          const help = 'Counters of the nodes of running tasks.'
          this.gauge('shardline_node', help, ['task', 'node', 'counter'])(value, { ...labels, counter: name })
        }
      }
    }
  }
}
