/**
 * Main's side of alert nodes: receives their events from the shards, decides inhibition, feeds the topics and keeps the
 * nodes' counters. It follows the life of tasks (tasks/task-manager.ts, TaskObserver). Main thread.
 */
import type { Log } from '../log.js'
import type { AlertControl } from '../operators/alert.js'
import { anonymousTopic, textProp } from '../operators/alert-def.js'
import { alertHandlers } from '../operators/alert-handlers.js'
import type { PlannedNode, TaskPlan } from '../plan/task-plan.js'
import type { Engine, OutputFrame, RunningTask } from '../route/engine-api.js'
import { Out } from '../shard/output.js'
import { type AlertEvent, decodeAlertFrame, decodeInhibitFrame, levelTexts } from './event-frame.js'
import type { HandlerConfigs } from './handler-configs.js'
import type { AlertHandler } from './handler-queue.js'
import { createHandler, isDelivered } from './handlers/registry.js'
import { InhibitionTable } from './inhibition.js'
import type { TopicService } from './topics.js'

export interface AlertServiceParts {
  readonly topics: TopicService
  readonly configs: HandlerConfigs
  readonly log: Log
}

/** One alert node of a task that runs or is being started. */
class AlertNode {
  readonly counters: Record<string, number> = {
    alerts_triggered: 0,
    alerts_inhibited: 0,
    oks_triggered: 0,
    infos_triggered: 0,
    warns_triggered: 0,
    crits_triggered: 0,
    /** Events that some handler's queue refused. */
    errors: 0,
  }

  constructor(
    readonly index: number,
    readonly name: string,
    /** '' when the node has no handlers of its own. */
    readonly anonymous: string,
    readonly topic: string,
    /** What the configuration adds; null when nothing. */
    readonly control: AlertControl | null,
  ) {}
}

const levelCounters = ['oks_triggered', 'infos_triggered', 'warns_triggered', 'crits_triggered'] as const

/** Longest time that a new time of an unchanged level waits. */
const timeOnlyDelayMs = 100

/** A run of a task. `taskId` and `taskMaster` differ from `id` and `main` for a replay. */
export interface AlertingTask {
  readonly id: string
  readonly taskId?: string
  readonly taskMaster?: string
}

const topicOf = (task: AlertingTask, node: string): string =>
  anonymousTopic(task.taskId ?? task.id, node, task.taskMaster)

interface TaskAlerts {
  /** As events name it. */
  readonly taskId: string
  /** Of the run; -1 until it has started. */
  key: number
  readonly nodes: Map<number, AlertNode>
}

export class AlertService {
  readonly inhibitors = new InhibitionTable()
  /** Events of tasks that had already been stopped. */
  lateEvents = 0
  private readonly tasks = new Map<string, TaskAlerts>()
  private engine: Engine | null = null
  /** States that the shards do not have yet, the last one per id. */
  private readonly changes = new Map<string, { topic: string; id: string; level: number; timeNs: bigint }>()
  private flushing: NodeJS.Immediate | null = null
  private flushTimer: NodeJS.Timeout | null = null

  constructor(private readonly parts: AlertServiceParts) {
    for (const { kind } of alertHandlers) {
      if (isDelivered(kind) || !parts.configs.enabledServices.has(kind)) continue
      parts.log.error('alert service is enabled in the configuration but not supported yet', { handler: kind })
    }
    parts.topics.onState((topic, id, level, timeNs, previous) => this.mirror(topic, id, level, timeNs, previous))
  }

  attach(engine: Engine): void {
    this.engine = engine
    engine.onOutput(Out.Alert, (frame) => this.alertFrame(frame))
    engine.onOutput(Out.Inhibit, (frame) => {
      this.inhibitors.apply(frame.taskKey, frame.nodeIndex, frame.shard, decodeInhibitFrame(frame.payload))
    })
    engine.onShardRestarted?.((shard) => this.shardRestarted(engine, shard))
  }

  /** Creates the handlers of the task's nodes. Throws what stops the start; `stopped` then cleans up. */
  starting(task: AlertingTask, plan: TaskPlan): [string, string, number, string][] {
    const { topics } = this.parts
    const entry: TaskAlerts = { taskId: task.taskId ?? task.id, key: -1, nodes: new Map() }
    this.tasks.set(task.id, entry)
    const used = new Set<string>()
    for (const planned of plan.nodes) {
      if (planned.node.def.kind !== 'alert') continue
      const node = this.startNode(task, planned)
      entry.nodes.set(planned.index, node)
      for (const topic of [node.anonymous, node.topic]) {
        if (topic === '') continue
        topics.open(topic)
        used.add(topic)
      }
    }
    this.flushMirror()
    return [...used].flatMap((topic) => topics.alertStates(topic))
  }

  started(running: RunningTask, task: { readonly id: string }, _plan: TaskPlan): void {
    const entry = this.tasks.get(task.id)
    if (entry === undefined) return
    entry.key = running.key
    for (const node of entry.nodes.values()) {
      if (node.control === null) continue
      running.control(node.index, node.control).catch((err: unknown) => {
        this.parts.log.error('failed to set up alert node', { task: task.id, node: node.name, err: String(err) })
      })
    }
  }

  /** Handlers drain for a bounded time; only this task's stop waits for it. */
  async stopped(task: AlertingTask, deleted: boolean): Promise<void> {
    const entry = this.tasks.get(task.id)
    const { topics } = this.parts
    this.tasks.delete(task.id)
    if (entry !== undefined) {
      this.inhibitors.removeTask(entry.key)
      const own = [...entry.nodes.values()].map((n) => n.anonymous).filter((t) => t !== '')
      await Promise.all(own.map((t) => topics.close(t)))
      if (deleted) for (const t of own) topics.remove(t)
    }
    if (deleted) topics.removeMatching(topicOf(task, ''))
  }

  /** Counters of one node of a running task, for the statistics view. */
  countersOf(taskKey: number, nodeIndex: number): Readonly<Record<string, number>> {
    for (const t of this.tasks.values()) if (t.key === taskKey) return t.nodes.get(nodeIndex)?.counters ?? {}
    return {}
  }

  async close(): Promise<void> {
    if (this.flushTimer !== null) clearTimeout(this.flushTimer)
    await this.parts.topics.closeAll()
  }

  private startNode(task: AlertingTask, planned: PlannedNode): AlertNode {
    const { node } = planned
    const { topics, configs, log } = this.parts
    const nodeLog = log.with({ task: task.id, node: node.name })
    const created: AlertHandler[] = node.handlers.map((h) => createHandler(h.kind, h.props, { configs, log: nodeLog }))
    let stateChangesOnly = false
    const globalSlack = configs.slack.some((s) => s.global && (s.isDefault || configs.slack.length === 1))
    if (globalSlack && !node.handlers.some((h) => h.kind === 'slack')) {
      created.push(createHandler('slack', {}, { configs, log: nodeLog }))
    }
    // In 1.5.7 a global slack section alone makes every node send state changes only.
    if (globalSlack) stateChangesOnly = true
    const anonymous = created.length > 0 ? topicOf(task, node.name) : ''
    created.forEach((h, i) => {
      topics.addHandler(anonymous, String(i), h)
    })
    const implicit = created.length > 0 && node.handlers.length === 0
    const control: AlertControl | null =
      implicit || stateChangesOnly ? { type: 'alert', stateChangesOnly, anonymous: implicit } : null
    return new AlertNode(planned.index, node.name, anonymous, textProp(node, 'topic', ''), control)
  }

  /** The states that its tasks were started with are old by now. */
  private shardRestarted(engine: Engine, shard: number): void {
    this.inhibitors.removeShard(shard)
    this.flushMirror()
    const used = new Set<string>()
    for (const t of this.tasks.values()) for (const n of t.nodes.values()) used.add(n.anonymous).add(n.topic)
    for (const topic of used)
      for (const state of this.parts.topics.alertStates(topic)) engine.mirrorTopicState(...state)
  }

  private alertFrame(frame: OutputFrame): void {
    const task = this.tasks.get(frame.taskId)
    const decoded = decodeAlertFrame(frame.payload, task?.taskId ?? frame.taskId)
    const node = task?.nodes.get(frame.nodeIndex)
    if (decoded.kind === 'restore') {
      const { from, to, id } = decoded
      this.parts.topics.copyState(from, to, id, from === node?.anonymous)
      return
    }
    if (node === undefined) {
      this.lateEvents++
      return
    }
    this.event(node, decoded.event)
  }

  private event(node: AlertNode, event: AlertEvent): void {
    const { topics, log } = this.parts
    const { counters } = node
    if (this.inhibitors.isInhibited(event)) {
      counters.alerts_inhibited++
      return
    }
    counters.alerts_triggered++
    counters[levelCounters[event.level]]++
    log.debug('alert triggered', {
      task: event.taskId,
      node: node.name,
      level: levelTexts[event.level],
      id: event.id,
      event_message: event.message,
    })
    if (node.anonymous !== '' && !topics.collect(node.anonymous, event)) counters.errors++
    if (node.topic !== '' && !topics.collect(node.topic, event)) counters.errors++
  }

  /**
   * New levels reach the shards at the end of the tick; a new time alone, which only matters for the duration after a
   * restore, a little later, so that steady alerts cost few messages.
   */
  private mirror(topic: string, id: string, level: number, timeNs: bigint, previous: number): void {
    if (level === 0 && previous === 0) return
    this.changes.set(`${topic}\0${id}`, { topic, id, level, timeNs })
    if (level !== previous) this.flushing ??= setImmediate(() => this.flushMirror())
    else this.flushTimer ??= setTimeout(() => this.flushMirror(), timeOnlyDelayMs).unref()
  }

  private flushMirror(): void {
    if (this.flushing !== null) clearImmediate(this.flushing)
    if (this.flushTimer !== null) clearTimeout(this.flushTimer)
    this.flushing = null
    this.flushTimer = null
    const { engine } = this
    if (engine !== null) {
      for (const c of this.changes.values()) engine.mirrorTopicState(c.topic, c.id, c.level, c.timeNs.toString())
    }
    this.changes.clear()
  }
}
