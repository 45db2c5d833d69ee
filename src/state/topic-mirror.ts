/**
 * A shard's copy of the alert states that are not OK, by topic and event id: what alert nodes restore a group's level from when
 * they first see it. Thread: shard worker.
 *
 * Main owns the states and sends those of the topics that some task has (alert/state-mirror.ts). What the shard's own nodes have sent
 * counts at once, in the order of their points, until main has handled it: then main's state holds, which may be another (the
 * event was inhibited, or another shard's came later). Main tells how far it has read the shard's output ring.
 */
export interface StoredAlertState {
  readonly level: number
  readonly timeNs: bigint
}

/** Alert states of one topic; level 0: the id has none any more. */
export interface MirroredStates {
  readonly topic: string
  readonly ids: readonly string[]
  readonly levels: Uint8Array
  readonly timesNs: BigInt64Array
}

/** What operators see of it. */
export interface TopicStates {
  /** Whether the topic has any state that is not OK. */
  has(topic: string): boolean
  get(topic: string, id: string): StoredAlertState | undefined
  /** The state of an event, or of a copied state, that was sent to main just now. */
  sent(topic: string, id: string, level: number, timeNs: bigint): void
}

interface SentState extends StoredAlertState {
  readonly topic: string
  /** Place in the output ring behind the frame. */
  readonly end: number
}

export class TopicMirror implements TopicStates {
  /** States held. */
  size = 0
  private readonly topics = new Map<string, Map<string, StoredAlertState>>()
  /** By topic and id the newest, in the order of their frames. */
  private readonly pending = new Map<string, SentState>()
  /** Pending states by topic. */
  private readonly pendingIn = new Map<string, number>()

  constructor(
    /** Bytes written to the output ring, modulo 2^32. */
    private readonly written: () => number,
  ) {}

  sent(topic: string, id: string, level: number, timeNs: bigint): void {
    const key = keyOf(topic, id)
    if (this.pending.delete(key)) this.count(topic, -1)
    this.pending.set(key, { topic, level, timeNs, end: this.written() })
    this.count(topic, 1)
  }

  /** Main has read the output ring up to `read`. */
  settle(read: number): void {
    for (const [key, { topic, end }] of this.pending) {
      if (((read - end) | 0) < 0) return
      this.pending.delete(key)
      this.count(topic, -1)
    }
  }

  setAll({ topic, ids, levels, timesNs }: MirroredStates): void {
    for (let i = 0; i < ids.length; i++) this.set(topic, ids[i], levels[i], timesNs[i])
  }

  forget(topic: string): void {
    this.size -= this.topics.get(topic)?.size ?? 0
    this.topics.delete(topic)
  }

  set(topic: string, id: string, level: number, timeNs: bigint): void {
    let states = this.topics.get(topic)
    if (level === 0) {
      if (states?.delete(id)) this.size--
      if (states?.size === 0) this.topics.delete(topic)
      return
    }
    if (states === undefined) {
      states = new Map()
      this.topics.set(topic, states)
    }
    if (!states.has(id)) this.size++
    states.set(id, { level, timeNs })
  }

  has(topic: string): boolean {
    return this.topics.has(topic) || this.pendingIn.has(topic)
  }

  get(topic: string, id: string): StoredAlertState | undefined {
    const sent = this.pending.get(keyOf(topic, id))
    if (sent !== undefined) return sent.level === 0 ? undefined : sent
    return this.topics.get(topic)?.get(id)
  }

  private count(topic: string, by: 1 | -1): void {
    const n = (this.pendingIn.get(topic) ?? 0) + by
    if (n > 0) this.pendingIn.set(topic, n)
    else this.pendingIn.delete(topic)
  }
}

const keyOf = (topic: string, id: string): string => `${topic}\0${id}`
