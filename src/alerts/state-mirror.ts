/**
 * Keeps the shards' copies of alert states (state/topic-mirror.ts) what the topics say. Thread: main. Only topics of runs have
 * copies: the first run of a topic brings its states to the shards before it starts, the last one takes them away.
 *
 * What has changed is sent in lists, a bounded number of states per turn of the event loop, as it is by then. A shard trusts
 * what it has sent itself until main tells that it has handled that: `read` is taken before the changes are collected and told
 * behind the last of them.
 */
import type { Engine } from '../engine/engine-api.js'
import type { MirroredStates } from '../state/topic-mirror.js'
import { Turns } from '../turns.js'
import type { TopicService } from './topics.js'

/** States in one message. */
const listLength = 1000
/** Longest time that what changes no level waits: a new time, or that an event was handled and stored nothing. */
const settleDelayMs = 100

type MirrorEngine = Pick<Engine, 'mirrorTopicStates' | 'forgetTopicStates' | 'outputRead' | 'topicStatesSent'>

export class StateMirror {
  private engine: MirrorEngine | null = null
  /** Runs per topic. */
  private readonly users = new Map<string, number>()
  /** Ids whose state has changed since it was sent. */
  private changes = new Map<string, Set<string>>()
  private soon: NodeJS.Immediate | null = null
  private later: NodeJS.Timeout | null = null
  private sending: Promise<void> | null = null

  constructor(private readonly topics: TopicService) {
    topics.onState((topic, id, level, previous) => this.changed(topic, id, level, previous))
    topics.onGone((topic) => this.gone(topic))
  }

  attach(engine: MirrorEngine): void {
    this.engine = engine
  }

  /** For a run that begins: resolves when the shards have the states of its topics. */
  async open(topics: Iterable<string>): Promise<void> {
    const turns = new Turns()
    const fresh: string[] = []
    for (const topic of topics) {
      const users = this.users.get(topic) ?? 0
      this.users.set(topic, users + 1)
      if (users === 0) fresh.push(topic)
    }
    for (const topic of fresh) {
      for (const id of this.topics.alerting(topic)) {
        this.change(topic, id)
        if (turns.over) await turns.next()
      }
    }
    // Also for a topic that has users: their first one may still be on its way.
    await this.flush()
  }

  /** For a run that has ended. */
  close(topics: Iterable<string>): void {
    for (const topic of topics) {
      const users = (this.users.get(topic) ?? 0) - 1
      if (users > 0) {
        this.users.set(topic, users)
        continue
      }
      this.users.delete(topic)
      this.changes.delete(topic)
      this.engine?.forgetTopicStates(topic)
    }
  }

  /** For a shard's next thread, which knows none. */
  statesOf(topics: Iterable<string>): MirroredStates[] {
    const lists: MirroredStates[] = []
    for (const topic of topics) {
      const ids = [...this.topics.alerting(topic)]
      for (let i = 0; i < ids.length; i += listLength) lists.push(this.list(topic, ids.slice(i, i + listLength)))
    }
    return lists
  }

  /** An event was handled, whatever has become of it: the shard that sent it waits to hear so. */
  handled(): void {
    this.later ??= setTimeout(() => this.start(), settleDelayMs).unref()
  }

  stop(): void {
    if (this.soon !== null) clearImmediate(this.soon)
    if (this.later !== null) clearTimeout(this.later)
    this.engine = null
  }

  private changed(topic: string, id: string, level: number, previous: number): void {
    if ((level === 0 && previous === 0) || !this.users.has(topic)) return
    this.change(topic, id)
    if (level !== previous) this.soon ??= setImmediate(() => this.start())
    else this.handled()
  }

  private change(topic: string, id: string): void {
    const ids = this.changes.get(topic)
    if (ids === undefined) this.changes.set(topic, new Set([id]))
    else ids.add(id)
  }

  private gone(topic: string): void {
    this.changes.delete(topic)
    if (this.users.has(topic)) this.engine?.forgetTopicStates(topic)
  }

  private start(): void {
    void this.flush()
  }

  private async flush(): Promise<void> {
    // Who comes while a flush is under way needs all that has changed by then: the next one.
    while (this.sending !== null) await this.sending
    this.sending = this.sendChanges().finally(() => {
      this.sending = null
    })
    await this.sending
  }

  private async sendChanges(): Promise<void> {
    if (this.soon !== null) clearImmediate(this.soon)
    if (this.later !== null) clearTimeout(this.later)
    this.soon = null
    this.later = null
    const { changes } = this
    const read = this.engine?.outputRead() ?? []
    this.changes = new Map()
    const turns = new Turns()
    for (const [topic, ids] of changes) {
      let list: string[] = []
      for (const id of ids) {
        list.push(id)
        if (list.length < listLength) continue
        this.send(topic, list)
        list = []
        await turns.next()
      }
      if (list.length > 0) this.send(topic, list)
      if (turns.over) await turns.next()
    }
    this.engine?.topicStatesSent(read)
  }

  private send(topic: string, ids: readonly string[]): void {
    // The last run may have ended meanwhile, and the shards have forgotten the topic.
    if (this.users.has(topic)) this.engine?.mirrorTopicStates(this.list(topic, ids))
  }

  private list(topic: string, ids: readonly string[]): MirroredStates {
    const levels = new Uint8Array(ids.length)
    const timesNs = new BigInt64Array(ids.length)
    ids.forEach((id, i) => {
      const state = this.topics.stateOf(topic, id)
      if (state === undefined) return
      levels[i] = state.level
      timesNs[i] = state.timeNs
    })
    return { topic, ids, levels, timesNs }
  }
}
