/**
 * States of alert topics in LMDB. Main thread. `put` is cheap: the latest state per id waits in memory and goes to the store
 * in one transaction a little later; what waits at a crash is lost, never half written. A key that would be too long for the
 * store is kept by its hash.
 */
import { createHash } from 'node:crypto'
import type { Database } from 'lmdb'
import { goJson } from '../columns/json-encode.js'
import { errorText } from '../errors.js'
import { isObject, JsonNumber, parseLosslessJson } from '../go/lossless-json.js'
import type { Log } from '../log.js'
import type { EventState, TopicStore } from './topics.js'

const flushMs = 50
/** States that may wait; beyond it the next ones are written at once. */
const maxWaiting = 10_000
/** The store's limit is 1978 bytes for the whole key. */
const maxPartBytes = 800

interface Change {
  readonly topic: string
  readonly id: string
  /** null: delete. */
  readonly state: EventState | null
}

/** Ends the topic in a key: keys are ordered, so a topic's states are one range. */
const separator = '\0'
const behindSeparator = '\u0001'

/** Of bounded length and without the separator. */
function keyPart(text: string): string {
  if (Buffer.byteLength(text) <= maxPartBytes && !text.includes(separator)) return text
  return `#${createHash('sha256').update(text).digest('hex')}`
}

const keyOf = (topic: string, id: string): string => keyPart(topic) + separator + keyPart(id)

export class LmdbTopicStore implements TopicStore {
  readonly #waiting = new Map<string, Change>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly db: Database<string, Buffer>,
    private readonly log: Log,
  ) {}

  topics(): Iterable<string> {
    const found = new Set<string>()
    for (const { value } of this.db.getRange()) found.add(decode(value).topic)
    for (const c of this.#waiting.values()) if (c.state !== null) found.add(c.topic)
    return found
  }

  *load(topic: string): Generator<readonly [string, EventState]> {
    const waiting = new Map([...this.#waiting.values()].filter((c) => c.topic === topic).map((c) => [c.id, c.state]))
    for (const { value } of this.#range(topic)) {
      const stored = decode(value)
      if (stored.topic === topic && !waiting.has(stored.id)) yield [stored.id, stored.state]
    }
    for (const [id, state] of waiting) if (state !== null) yield [id, state]
  }

  #range(topic: string): Iterable<{ value: string }> {
    const part = keyPart(topic)
    return this.db.getRange({ start: Buffer.from(part + separator), end: Buffer.from(part + behindSeparator) })
  }

  put(topic: string, id: string, state: EventState): void {
    this.#change({ topic, id, state })
  }

  delete(topic: string, id?: string): void {
    if (id !== undefined) {
      this.#change({ topic, id, state: null })
      return
    }
    for (const [known] of [...this.load(topic)]) this.#change({ topic, id: known, state: null })
  }

  #change(change: Change): void {
    this.#waiting.set(keyOf(change.topic, change.id), change)
    if (this.#waiting.size >= maxWaiting) this.#write()
    else this.#timer ??= setTimeout(() => this.#write(), flushMs)
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const changes = [...this.#waiting]
    this.#waiting.clear()
    this.#writing = this.db
      .transaction(() => {
        for (const [key, { topic, id, state }] of changes) {
          if (state === null) void this.db.remove(Buffer.from(key))
          else void this.db.put(Buffer.from(key), encode(topic, id, state))
        }
      })
      .catch((err: unknown) =>
        this.log.error('failed to store topic states', { states: changes.length, err: errorText(err) }),
      )
  }

  /** Everything that was put before is committed. */
  async flush(): Promise<void> {
    if (this.#waiting.size > 0) this.#write()
    await this.#writing
  }
}

function encode(topic: string, id: string, s: EventState): string {
  return goJson({
    topic,
    id,
    level: s.level,
    message: s.message,
    details: s.details,
    time: s.timeNs,
    duration: s.durationNs,
  })
}

function decode(text: string): { topic: string; id: string; state: EventState } {
  const v = parseLosslessJson(text)
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
