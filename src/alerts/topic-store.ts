/**
 * States of alert topics in LMDB. Thread: main. `put` is cheap: the latest state per id waits in memory and goes to the store a
 * little later; what waits at a crash is lost, a state is never half written. Reading sees what was put and deleted, whether it
 * is stored yet or not: a change leaves memory only after it was committed.
 *
 *   waiting      changes by topic, not handed to the store
 *   writing      changes under way
 *   dead         topics that were cleared while the store had states of them
 *
 * A topic is cleared by one small record, its mark, whose commit `clear` waits for; the states are removed afterwards, a few
 * at a time. A crash in between leaves the mark: the next start goes on with it, and nobody sees the states again. States put
 * meanwhile wait until the old ones are gone.
 *
 *   states       keys: topic, 0, id    each part by its hash where it would be too long; ordered, so a topic is one range
 *   marks        keys: topic
 */
import { createHash } from 'node:crypto'
import type { Database } from 'lmdb'
import { errorText } from '../errors.js'
import { isObject, JsonNumber, parseLosslessJson } from '../go/lossless-json.js'
import type { Log } from '../log.js'
import { Turns } from '../turns.js'
import type { EventState, TopicStore } from './topics.js'

const flushMs = 50
/** The store's limit is 1978 bytes for the whole key. */
const maxPartBytes = 800

/** Ends the topic in a key. */
const separator = '\0'
const behindSeparator = '\u0001'
/** Begins the hash of a part. */
const hashed = '#'
const behindHashed = '$'
/** Behind every byte of UTF-8. */
const behindText = Buffer.from([0xff])

const hashOf = (text: string): string => hashed + createHash('sha256').update(text).digest('hex')

/** Of bounded length and without the separator. */
function keyPart(text: string): string {
  return Buffer.byteLength(text) <= maxPartBytes && !text.includes(separator) ? text : hashOf(text)
}

/** No two topics have the same. */
const topicPart = (topic: string): string => (topic.startsWith(hashed) ? hashOf(topic) : keyPart(topic))

const keyOf = (topic: string, id: string): Buffer => Buffer.from(topicPart(topic) + separator + keyPart(id))

/** By id; null: deleted. */
type TopicChanges = Map<string, EventState | null>
type Changes = Map<string, TopicChanges>

export interface TopicDatabases {
  readonly states: Database<string, Buffer>
  readonly marks: Database<string, Buffer>
}

export class LmdbTopicStore implements TopicStore {
  private readonly states: Database<string, Buffer>
  private readonly marks: Database<string, Buffer>
  private waiting: Changes = new Map()
  private writing: Changes = new Map()
  /** With the commit of the mark. */
  private readonly dead = new Map<string, Promise<void>>()
  private timer: NodeJS.Timeout | undefined
  private pass: Promise<void> | null = null

  constructor(
    databases: TopicDatabases,
    private readonly log: Log,
  ) {
    this.states = databases.states
    this.marks = databases.marks
    // What a crash has left.
    for (const { value } of this.marks.getRange()) this.dead.set(value, Promise.resolve())
    if (this.dead.size > 0) this.schedule()
  }

  /** Those that begin with the prefix. Costs a look at each topic, not at its states. */
  topics(prefix = ''): Iterable<string> {
    const found = new Set<string>()
    const add = (topic: string): void => {
      if (topic.startsWith(prefix) && !this.dead.has(topic)) found.add(topic)
    }
    const start = Buffer.from(prefix)
    this.eachTopic(start, Buffer.concat([start, behindText]), add)
    if (prefix !== '') this.eachTopic(Buffer.from(hashed), Buffer.from(behindHashed), add)
    for (const changes of [this.writing, this.waiting]) {
      for (const [topic, states] of changes) {
        if (topic.startsWith(prefix) && [...states.values()].some((s) => s !== null)) found.add(topic)
      }
    }
    return found
  }

  *load(topic: string): Generator<readonly [string, EventState]> {
    const changes = new Map([...(this.writing.get(topic) ?? []), ...(this.waiting.get(topic) ?? [])])
    if (!this.dead.has(topic)) {
      for (const { value } of this.states.getRange(rangeOf(topic))) {
        const stored = decode(value)
        if (stored.topic === topic && !changes.has(stored.id)) yield [stored.id, stored.state]
      }
    }
    for (const [id, state] of changes) if (state !== null) yield [id, state]
  }

  put(topic: string, id: string, state: EventState): void {
    this.change(topic, id, state)
  }

  delete(topic: string, id: string): void {
    this.change(topic, id, null)
  }

  /** Deletes all states of the topic. They will not come back once this has resolved. */
  async clear(topic: string): Promise<void> {
    this.waiting.delete(topic)
    const underWay = this.writing.delete(topic)
    let marked = this.dead.get(topic)
    if (marked === undefined) {
      if (!underWay && [...this.states.getKeys({ ...rangeOf(topic), limit: 1 })].length === 0) return
      marked = this.mark(topic)
      this.dead.set(topic, marked)
      this.schedule()
    }
    await marked
  }

  private async mark(topic: string): Promise<void> {
    try {
      await this.marks.put(Buffer.from(topicPart(topic)), topic)
    } catch (err) {
      this.log.error('failed to delete topic states', { topic, err: errorText(err) })
    }
  }

  /** Everything that was put before is committed, what was cleared is gone. */
  async flush(): Promise<void> {
    while (this.pass !== null || this.waiting.size > 0 || this.dead.size > 0) {
      clearTimeout(this.timer)
      this.timer = undefined
      this.pass ??= this.write()
      await this.pass
    }
  }

  private change(topic: string, id: string, state: EventState | null): void {
    let states = this.waiting.get(topic)
    if (states === undefined) {
      states = new Map()
      this.waiting.set(topic, states)
    }
    states.set(id, state)
    this.schedule()
  }

  private schedule(): void {
    if (this.timer !== undefined || this.pass !== null) return
    this.timer = setTimeout(() => {
      this.timer = undefined
      this.pass = this.write()
    }, flushMs)
  }

  /** One pass over what waits. Never rejects. */
  private async write(): Promise<void> {
    const dead = [...this.dead.keys()]
    this.writing = this.waiting
    this.waiting = new Map()
    for (const topic of dead) await this.bury(topic)
    await this.store(this.writing)
    this.writing = new Map()
    this.pass = null
    if (this.waiting.size > 0 || this.dead.size > 0) this.schedule()
  }

  /** Removes the states of a cleared topic, then its mark. */
  private async bury(topic: string): Promise<void> {
    const turns = new Turns()
    try {
      let removed: Promise<unknown> = Promise.resolve()
      for (const key of this.states.getKeys(rangeOf(topic))) {
        removed = this.states.remove(key)
        if (turns.over) await turns.next()
      }
      await removed
      await this.marks.remove(Buffer.from(topicPart(topic)))
    } catch (err) {
      this.log.error('failed to delete topic states', { topic, err: errorText(err) })
    }
    // Also after an error: a store that refuses must not be asked for ever. The mark stays for the next start.
    this.dead.delete(topic)
  }

  private async store(changes: Changes): Promise<void> {
    const turns = new Turns()
    let n = 0
    try {
      let stored: Promise<unknown> = Promise.resolve()
      for (const [topic, states] of changes) {
        for (const [id, state] of states) {
          // Cleared meanwhile.
          if (changes.get(topic) !== states) break
          stored = this.set(keyOf(topic, id), state === null ? null : encode(topic, id, state))
          n++
          if (turns.over) await turns.next()
        }
      }
      await stored
    } catch (err) {
      this.log.error('failed to store topic states', { states: n, err: errorText(err) })
    }
  }

  private set(key: Buffer, value: string | null): Promise<unknown> {
    return value === null ? this.states.remove(key) : this.states.put(key, value)
  }

  private eachTopic(start: Buffer, end: Buffer, visit: (topic: string) => void): void {
    for (let from = start; ; ) {
      const [first] = this.states.getRange({ start: from, end, limit: 1 })
      if (first === undefined) return
      const part = first.key.subarray(0, first.key.indexOf(0))
      const topic = part.toString()
      if (!topic.startsWith(hashed)) visit(topic)
      else this.visitHashed(first.value, visit)
      from = Buffer.concat([part, Buffer.from(behindSeparator)])
    }
  }

  /** The name stands in the states only. */
  private visitHashed(value: string, visit: (topic: string) => void): void {
    try {
      visit(decode(value).topic)
    } catch (err) {
      this.log.error('stored topic state cannot be read', { err: errorText(err) })
    }
  }
}

function rangeOf(topic: string): { start: Buffer; end: Buffer } {
  const part = topicPart(topic)
  return { start: Buffer.from(part + separator), end: Buffer.from(part + behindSeparator) }
}

const text = (s: string): string => JSON.stringify(s)

function encode(topic: string, id: string, s: EventState): string {
  return (
    `{"topic":${text(topic)},"id":${text(id)},"level":${s.level},"message":${text(s.message)},` +
    `"details":${text(s.details)},"time":${s.timeNs},"duration":${s.durationNs}}`
  )
}

function decode(value: string): { topic: string; id: string; state: EventState } {
  const v = parseLosslessJson(value)
  if (!isObject(v)) throw new Error('stored topic state is not an object')
  const ns = (x: unknown): bigint => (x instanceof JsonNumber ? BigInt(x.text) : 0n)
  const state: EventState = {
    level: Number(ns(v.level)),
    message: String(v.message),
    details: String(v.details),
    timeNs: ns(v.time),
    durationNs: ns(v.duration),
  }
  return { topic: String(v.topic), id: String(v.id), state }
}
