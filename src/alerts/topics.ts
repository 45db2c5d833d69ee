/**
 * Topics: the last state of every event id, a counter, and the handlers that get the events (spec alerts 11.1). Thread: main.
 *
 * Invariants: previousLevel is the level stored for the id before this event; an event is offered to every handler's own
 * queue without waiting; a refusing queue does not keep the state from being stored (unlike the original, whose stored level
 * then lags behind). A topic's level is the true maximum over its ids. The number of ids per topic is bounded: the oldest
 * OK state goes first.
 */

import { Delivery } from '../alert-handlers/delivery.js'
import type { AlertEvent } from '../alert-handlers/event-frame.js'
import type { AlertHandler } from '../alert-handlers/handler.js'
import { allClosed } from '../closing.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { Turns } from '../turns.js'
import { HandlerQueue } from './handler-queue.js'

export interface EventState {
  readonly level: number
  readonly message: string
  readonly details: string
  readonly timeNs: bigint
  readonly durationNs: bigint
}

/** Where topic states survive a restart. Writes may be batched; nothing must throw for a full disk. */
export interface TopicStore {
  /** Ids of the topics that have stored states and begin with the prefix. */
  topics(prefix?: string): Iterable<string>
  /** As stored when the first is asked for. */
  load(topic: string): Iterable<readonly [string, EventState]>
  put(topic: string, id: string, state: EventState): void
  delete(topic: string, id: string): void
  /** Deletes all states of the topic: at once for who reads, for ever once it has resolved. */
  clear(topic: string): Promise<void>
}

export interface TopicView {
  readonly id: string
  readonly level: number
  readonly collected: number
}

export interface TopicLimits {
  readonly idsPerTopic: number
  /** Longest wait for the queues of a topic that is closed, ms. */
  readonly drainMs: number
  readonly queueCapacity: number
}

const defaultLimits: TopicLimits = { idsPerTopic: 200_000, drainMs: 5000, queueCapacity: 5000 }

interface Attached {
  readonly id: string
  readonly queue: HandlerQueue
  /** Belongs to the topic, not to a task: it survives `close`. */
  readonly kept: boolean
}

/** Publishing goes through at most so many topics one after the other; more can only be a circle. */
const maxHops = 32

class Topic {
  /** Listed and served; a closed one only keeps its states for the next start. */
  open = true
  collected = 0
  states = new Map<string, EventState>()
  readonly counts = [0, 0, 0, 0]
  handlers: Attached[] = []

  constructor(readonly id: string) {}

  get level(): number {
    for (let l = 3; l > 0; l--) if (this.counts[l] > 0) return l
    return 0
  }

  set(id: string, state: EventState): EventState | undefined {
    const old = this.states.get(id)
    if (old !== undefined) this.counts[old.level]--
    this.counts[state.level]++
    this.states.set(id, state)
    return old
  }

  remove(id: string): void {
    const old = this.states.get(id)
    if (old === undefined) return
    this.counts[old.level]--
    this.states.delete(id)
  }

  /** The oldest OK id, else the oldest id. */
  oldest(): string {
    let first: string | undefined
    let looked = 0
    for (const [id, s] of this.states) {
      first ??= id
      if (s.level === 0) return id
      if (++looked === 1000) break
    }
    return first!
  }
}

/** Told of each state that is stored or dropped (level 0), and of the level before. */
export type StateListener = (topic: string, id: string, level: number, previousLevel: number) => void

export class TopicService {
  /** States that went because a topic had too many ids. */
  evictedIds = 0
  private readonly topics = new Map<string, Topic>()
  private readonly limits: TopicLimits
  private listener: StateListener = () => {}
  private goneListener: (topic: string) => void = () => {}
  /** Topics whose stored states are being read. */
  private readonly loading = new Set<Topic>()

  constructor(
    /** null: states do not survive the stop of a task or of the server. */
    private readonly store: TopicStore | null,
    private readonly log: Log,
    limits: Partial<TopicLimits> = {},
  ) {
    this.limits = { ...defaultLimits, ...limits }
  }

  onState(listener: StateListener): void {
    this.listener = listener
  }

  /** Told of each topic whose states are all dropped. */
  onGone(listener: (topic: string) => void): void {
    this.goneListener = listener
  }

  /** Reads the stored states of topics, a few at a time: a topic that was not read so is read at its first use as a whole. */
  async load(ids: Iterable<string>): Promise<void> {
    const turns = new Turns()
    for (const id of ids) {
      if (this.store === null || this.topics.has(id)) continue
      const t = new Topic(id)
      t.open = false
      this.loading.add(t)
      try {
        for (const [event, state] of this.store.load(id)) {
          t.set(event, state)
          if (turns.over) await turns.next()
        }
      } catch (err) {
        this.loadFailed(id, err)
      }
      // Not if it was dropped, or somebody needed it sooner.
      if (this.loading.delete(t) && !this.topics.has(id) && t.states.size > 0) this.topics.set(id, t)
    }
  }

  private loadFailed(topic: string, err: unknown): void {
    this.log.error('failed to load topic states', { topic, err: errorText(err) })
  }

  /** Makes the topic appear, with its stored states. */
  open(id: string): void {
    this.topic(id).open = true
  }

  /** Makes the topics of the store appear whose ids the filter accepts. */
  restore(wanted: (id: string) => boolean): void {
    if (this.store !== null) for (const id of this.store.topics()) if (wanted(id)) this.open(id)
  }

  private topic(id: string): Topic {
    let t = this.topics.get(id)
    if (t !== undefined) return t
    t = new Topic(id)
    this.topics.set(id, t)
    if (this.store !== null) {
      try {
        for (const [event, state] of this.store.load(id)) t.set(event, state)
      } catch (err) {
        this.loadFailed(id, err)
      }
    }
    return t
  }

  /**
   * Stores the state and offers the event to every handler. False: some handler refused it. `hops`: topics that have handed
   * the event on before.
   */
  collect(topicId: string, event: AlertEvent, hops = 0): boolean {
    if (hops > maxHops) {
      this.log.error('event published in circles', { topic: topicId, event: event.id })
      return false
    }
    const t = this.topic(topicId)
    t.open = true
    const { level, message, details, timeNs, durationNs } = event
    const previous = t.states.get(event.id)?.level ?? 0
    this.put(t, event.id, { level, message, details, timeNs, durationNs })
    t.collected++
    if (t.handlers.length === 0) return true
    const d = new Delivery(topicId, event, previous, hops)
    let accepted = true
    for (const h of t.handlers) accepted = h.queue.offer(d) && accepted
    return accepted
  }

  /** Copies a state between topics, as restoring a group does; with `onlyOver` only where `to` has one. */
  copyState(from: string, to: string, id: string, onlyOver: boolean): void {
    const state = this.topics.get(from)?.states.get(id)
    if (state === undefined || (onlyOver && !this.topics.get(to)?.states.has(id))) return
    this.put(this.topic(to), id, state)
  }

  private put(t: Topic, id: string, state: EventState): void {
    const old = t.set(id, state)
    if (old === undefined && t.states.size > this.limits.idsPerTopic) {
      const gone = t.oldest()
      const level = t.states.get(gone)?.level ?? 0
      t.remove(gone)
      this.listener(t.id, gone, 0, level)
      this.evictedIds++
      this.store?.delete(t.id, gone)
      if (gone === id) return
    }
    this.store?.put(t.id, id, state)
    this.listener(t.id, id, state.level, old?.level ?? 0)
  }

  addHandler(
    topicId: string,
    handlerId: string,
    handler: AlertHandler,
    match: ((d: Delivery) => boolean) | null = null,
    kept = false,
  ): HandlerQueue {
    const t = this.topic(topicId)
    t.open = true
    if (t.handlers.some((h) => h.id === handlerId)) {
      throw new ShardlineError('handler-exists', `handler ${JSON.stringify(handlerId)} exists on ${topicId}`)
    }
    const queue = new HandlerQueue(handler, this.log, match, this.limits.queueCapacity)
    t.handlers.push({ id: handlerId, queue, kept })
    return queue
  }

  /** No event is offered to it any more when this returns; waits for its queue within the drain time. */
  async removeHandler(topicId: string, handlerId: string): Promise<void> {
    const t = this.topics.get(topicId)
    const gone = t?.handlers.filter((h) => h.id === handlerId) ?? []
    if (t !== undefined) t.handlers = t.handlers.filter((h) => h.id !== handlerId)
    await this.closeQueues(gone)
  }

  /** Detaches the handlers of its task, draining them side by side. The states stay if there is a store. */
  async close(topicId: string, drainMs = this.limits.drainMs): Promise<void> {
    const t = this.topics.get(topicId)
    if (t === undefined) return
    const gone = t.handlers.filter((h) => !h.kept)
    t.handlers = t.handlers.filter((h) => h.kept)
    t.open = t.handlers.length > 0
    t.collected = 0
    if (this.store === null || t.states.size === 0) this.forget(t)
    await this.closeQueues(gone, drainMs)
  }

  private async closeQueues(handlers: readonly Attached[], drainMs = this.limits.drainMs): Promise<void> {
    await allClosed(handlers.map((h) => h.queue.close(drainMs)))
  }

  /** Drops the states at once; they will not come back once it has resolved. Live handlers stay attached. */
  async remove(topicId: string): Promise<void> {
    const t = this.topics.get(topicId)
    for (const l of this.loading) if (l.id === topicId) this.loading.delete(l)
    if (t !== undefined) {
      this.forget(t)
      if (t.handlers.length > 0) t.collected = 0
    }
    await this.store?.clear(topicId)
  }

  /** Drops all topics whose id begins with the prefix, stored ones included. */
  async removeMatching(prefix: string): Promise<void> {
    const ids = new Set(this.store?.topics(prefix) ?? [])
    for (const id of this.topics.keys()) if (id.startsWith(prefix)) ids.add(id)
    await Promise.all([...ids].map((id) => this.remove(id)))
  }

  private forget(t: Topic): void {
    const hadStates = t.states.size > 0
    t.states = new Map()
    t.counts.fill(0)
    if (t.handlers.length === 0) this.topics.delete(t.id)
    if (hadStates) this.goneListener(t.id)
  }

  /** Detaches everything. Handlers that hand events on to other topics end first. */
  async closeAll(): Promise<void> {
    const all = [...this.topics.values()].flatMap((t) => t.handlers)
    const inner = (h: Attached): boolean => h.queue.handler.isInternal === true
    try {
      await this.closeQueues(all.filter(inner))
    } finally {
      await this.closeQueues(all.filter((h) => !inner(h)))
    }
    for (const t of this.topics.values()) t.handlers = []
    await allClosed([...this.topics.keys()].map((id) => this.close(id)))
  }

  /** Sorted by id. */
  list(): TopicView[] {
    const open = [...this.topics.values()].filter((t) => t.open)
    return open.map(viewOf).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  }

  view(topicId: string): TopicView | undefined {
    const t = this.topics.get(topicId)
    return t?.open ? viewOf(t) : undefined
  }

  /** States by event id; undefined for an unknown topic. */
  events(topicId: string): ReadonlyMap<string, EventState> | undefined {
    const t = this.topics.get(topicId)
    return t?.open ? t.states : undefined
  }

  queues(topicId: string): readonly { readonly id: string; readonly queue: HandlerQueue }[] {
    return this.topics.get(topicId)?.handlers ?? []
  }

  stateOf(topicId: string, id: string): EventState | undefined {
    return this.topics.get(topicId)?.states.get(id)
  }

  /** Ids whose state is not OK. May be read in turns: an id that comes or changes meanwhile is told to the listener. */
  *alerting(topicId: string): Generator<string> {
    for (const [id, s] of this.topics.get(topicId)?.states ?? []) if (s.level !== 0) yield id
  }
}

function viewOf(t: Topic): TopicView {
  return { id: t.id, level: t.level, collected: t.collected }
}
