/**
 * Main's side of alert nodes: receives their events from the shards, decides inhibition, feeds the topics and keeps the
 * nodes' counters. It follows each run that has alert nodes (engine/run-part.ts). Thread: main.
 */

import { type AlertEvent, decodeAlertFrame, decodeInhibitFrame, levelTexts } from '../alert-handlers/event-frame.js'
import { InhibitionTable } from '../alert-handlers/inhibition.js'
import { createScriptHandler, globalHandlers, type HandlerParts, pendingServices } from '../alert-handlers/registry.js'
import type { Services } from '../config/config.js'
import type { Clock } from '../engine/clock.js'
import type { Engine, OutputFrame } from '../engine/engine-api.js'
import type { RunFollower, RunInfo, RunPart, RunStart } from '../engine/run-part.js'
import type { Log } from '../log.js'
import type { HttpClient } from '../net/http-client.js'
import type { AlertNodeData } from '../operators/alert/alert.js'
import { anonymousTopic, textProp } from '../operators/alert/alert-def.js'
import type { OutlineNode } from '../plan/task-outline.js'
import { Out } from '../transport/output.js'
import { EventLatency } from './latency.js'
import { StateMirror } from './state-mirror.js'
import type { TopicService } from './topics.js'

export interface AlertServiceParts {
  readonly topics: TopicService
  /** What the configuration says about the services of handlers. */
  readonly services: Services
  readonly http: HttpClient
  readonly log: Log
  /** The clock that the engine stamps writes with. */
  readonly clock: Clock
}

/** One alert node of a run. */
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
    /** What the configuration adds. */
    readonly data: AlertNodeData,
  ) {}
}

const isAlert = ({ node }: OutlineNode): boolean => node.def.kind === 'alert'

const levelCounters = ['oks_triggered', 'infos_triggered', 'warns_triggered', 'crits_triggered'] as const

/** The topics that the alert nodes of a run may have. */
function topicsOf(run: RunInfo): Set<string> {
  const topics = new Set<string>()
  for (const { node } of run.plan.nodes.filter(isAlert))
    topics.add(anonymousTopic(run.taskId, node.name, run.taskMaster)).add(textProp(node, 'topic', ''))
  topics.delete('')
  return topics
}

/** The alerts of one run. */
class AlertRun implements RunPart {
  readonly takes = [Out.Alert, Out.Inhibit]
  readonly nodes = new Map<number, AlertNode>()
  /** Topics that the shards have for it. */
  mirrored: ReadonlySet<string> = new Set()

  constructor(
    readonly info: RunInfo,
    private readonly service: AlertService,
  ) {}

  /** Creates the handlers of the nodes. Events come from here on. */
  async prepare(start: RunStart): Promise<void> {
    start.alertStates.push(() => this.service.mirror.statesOf(this.mirrored))
    await this.service.open(this)
    for (const node of this.nodes.values()) start.nodeData.set(node.index, node.data)
  }

  onFrame(frame: OutputFrame): void {
    if (frame.type === Out.Alert) this.service.alertFrame(this, frame)
    else this.service.inhibitFrame(frame)
  }

  started(): void {}

  /** The shard's groups are gone; they switch their inhibitors on again when they are restored. */
  shardRestarted(shard: number): void {
    this.service.inhibitors.removeShard(this.info.key, shard)
  }

  draining(deadlineMs: number): Promise<void> {
    return this.service.drain(this, deadlineMs)
  }

  stopped(): void {
    this.service.forget(this)
  }

  countersOf(nodeIndex: number): Readonly<Record<string, number>> {
    return this.nodes.get(nodeIndex)?.counters ?? {}
  }

  /** The nodes' own topics and those they publish to. */
  topics(): Set<string> {
    const topics = new Set<string>()
    for (const { anonymous, topic } of this.nodes.values()) topics.add(anonymous).add(topic)
    topics.delete('')
    return topics
  }
}

/** `node` is the name of the node in its task. */
export type EventListener = (node: string, event: AlertEvent) => void

export class AlertService implements RunFollower {
  readonly inhibitors = new InhibitionTable()
  readonly mirror: StateMirror
  readonly latency = new EventLatency()
  private readonly listeners = new Set<EventListener>()

  constructor(private readonly parts: AlertServiceParts) {
    for (const kind of pendingServices(parts.services)) {
      parts.log.error('alert service is enabled in the configuration but not supported yet', { handler: kind })
    }
    this.mirror = new StateMirror(parts.topics)
  }

  attach(engine: Engine): void {
    this.mirror.attach(engine)
  }

  /** Every event that no inhibitor holds back. Listeners must not throw. Returns how to stop listening. */
  onEvent(listener: EventListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  partOf(run: RunInfo): RunPart | null {
    return run.plan.nodes.some(isAlert) ? new AlertRun(run, this) : null
  }

  /** Creates the handlers of a run's nodes. Throws what stops the start; `drain` and `forget` then clean up. */
  async open(run: AlertRun): Promise<void> {
    const { topics } = this.parts
    await topics.load(topicsOf(run.info))
    for (const planned of run.info.plan.nodes) {
      if (isAlert(planned)) this.openNode(run, planned)
    }
    run.mirrored = run.topics()
    for (const topic of run.mirrored) topics.open(topic)
    await this.mirror.open(run.mirrored)
  }

  /** Handlers drain side by side; only this run's stop waits for them. */
  async drain(run: AlertRun, deadlineMs: number): Promise<void> {
    this.inhibitors.removeTask(run.info.key)
    const own = [...run.nodes.values()].map((n) => n.anonymous).filter((t) => t !== '')
    await Promise.all(own.map((t) => this.parts.topics.close(t, deadlineMs)))
  }

  forget(run: AlertRun): void {
    this.mirror.close(run.mirrored)
  }

  async close(): Promise<void> {
    this.mirror.stop()
    await this.parts.topics.closeAll()
  }

  private openNode({ info: run, nodes }: AlertRun, planned: OutlineNode): void {
    const { node, index } = planned
    const { topics, services, http, log } = this.parts
    const nodeLog = log.with({ task: run.id, node: node.name })
    const collect: HandlerParts['collect'] = (...event) => topics.collect(...event)
    const parts: HandlerParts = { services, http, log: nodeLog, vars: node.vars, collect }
    const { implicit, stateChangesOnly } = globalHandlers(services)
    const missing = implicit.filter((kind) => node.handlers.every((h) => h.kind !== kind))
    const calls = [...node.handlers, ...missing.map((kind) => ({ kind, props: {} }))]
    const created = calls.map((h) => createScriptHandler(h.kind, h.props, parts))
    const anonymous = created.length > 0 ? anonymousTopic(run.taskId, node.name, run.taskMaster) : ''
    const data: AlertNodeData = { stateChangesOnly, anonymous: created.length > 0 }
    nodes.set(index, new AlertNode(index, node.name, anonymous, textProp(node, 'topic', ''), data))
    created.forEach((h, i) => {
      topics.addHandler(anonymous, String(i), h)
    })
  }

  inhibitFrame({ taskKey, nodeIndex, shard, payload }: OutputFrame): void {
    this.inhibitors.apply(taskKey, nodeIndex, shard, decodeInhibitFrame(payload))
  }

  alertFrame(run: AlertRun, frame: OutputFrame): void {
    const decoded = decodeAlertFrame(frame.payload, run.info.taskId)
    const node = run.nodes.get(frame.nodeIndex)
    if (decoded.kind === 'restore') {
      const { from, to, id } = decoded
      this.parts.topics.copyState(from, to, id, from === node?.anonymous)
      return
    }
    if (node === undefined) return
    this.event(node, decoded.event)
    this.latency.record(this.parts.clock.now() - decoded.acceptedMs)
  }

  private event(node: AlertNode, event: AlertEvent): void {
    const { topics, log } = this.parts
    const { counters } = node
    this.mirror.handled()
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
    for (const heard of this.listeners) heard(node.name, event)
    if (node.anonymous !== '' && !topics.collect(node.anonymous, event)) counters.errors++
    if (node.topic !== '' && !topics.collect(node.topic, event)) counters.errors++
  }
}
