import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../../src/alert-handlers/delivery.js'
import type { AlertHandler } from '../../../src/alert-handlers/handler.js'
import { type EventState, type TopicLimits, TopicService, type TopicStore } from '../../../src/alerts/topics.js'
import { event, TestLog } from './events.js'

/** Keeps what was stored, as the database would. */
class MapStore implements TopicStore {
  readonly states = new Map<string, Map<string, EventState>>()
  topics(prefix = ''): Iterable<string> {
    return [...this.states.keys()].filter((t) => t.startsWith(prefix))
  }
  load(topic: string): Iterable<readonly [string, EventState]> {
    return this.states.get(topic) ?? []
  }
  put(topic: string, id: string, state: EventState): void {
    if (!this.states.has(topic)) this.states.set(topic, new Map())
    this.states.get(topic)!.set(id, state)
  }
  delete(topic: string, id: string): void {
    this.states.get(topic)?.delete(id)
  }
  async clear(topic: string): Promise<void> {
    this.states.delete(topic)
  }
}

/** Collects; while `gate` is set, deliveries wait for it. */
class Sink implements AlertHandler {
  readonly kind = 'sink'
  deadlineMs = 10_000
  readonly got: Delivery[] = []
  gate: Promise<void> | null = null
  closed = false
  waiters: { n: number; resolve: () => void }[] = []

  constructor(readonly maxBatch = 1) {}

  async deliver(batch: readonly Delivery[]): Promise<void> {
    if (this.gate !== null) await this.gate
    this.got.push(...batch)
    this.waiters = this.waiters.filter((w) => {
      if (this.got.length < w.n) return true
      w.resolve()
      return false
    })
  }

  close(): void {
    this.closed = true
  }

  arrived(n: number): Promise<void> {
    if (this.got.length >= n) return Promise.resolve()
    return new Promise((resolve) => this.waiters.push({ n, resolve }))
  }
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

const service = (limits: Partial<TopicLimits> = {}, store: TopicStore | null = new MapStore()) => {
  const log = new TestLog()
  return { log, topics: new TopicService(store, log, limits) }
}

describe('topics', () => {
  it('gives each event the level stored before, per topic and id', async () => {
    const { topics } = service()
    const sink = new Sink()
    topics.addHandler('t', 'h', sink)
    for (const [id, level] of [
      ['a', 3],
      ['b', 1],
      ['a', 2],
      ['a', 0],
      ['b', 1],
    ] as const)
      topics.collect('t', event({ id, level }))
    topics.collect('other', event({ id: 'a', level: 1 }))
    await sink.arrived(5)
    expect(sink.got.map((d) => [d.event.id, d.event.level, d.previousLevel])).toEqual([
      ['a', 3, 0],
      ['b', 1, 0],
      ['a', 2, 3],
      ['a', 0, 2],
      ['b', 1, 1],
    ])
    expect(topics.list()).toEqual([
      { id: 'other', level: 1, collected: 1 },
      { id: 't', level: 1, collected: 5 },
    ])
  })

  it('has the true maximum of its ids as level', () => {
    const { topics } = service()
    topics.collect('t', event({ id: 'host=b', level: 3 }))
    topics.collect('t', event({ id: 'host=a', level: 2 }))
    expect(topics.view('t')?.level).toBe(3)
    topics.collect('t', event({ id: 'host=b', level: 0 }))
    expect(topics.view('t')?.level).toBe(2)
    expect([...topics.events('t')!.keys()]).toEqual(['host=b', 'host=a'])
    expect(topics.events('nope')).toBeUndefined()
  })

  it('refuses new events of a full queue and counts them; other handlers get all', async () => {
    const { topics, log } = service({ queueCapacity: 3 })
    const slow = new Sink()
    const fast = new Sink(10)
    const g = gate()
    slow.gate = g.promise
    const queue = topics.addHandler('t', 'slow', slow)
    topics.addHandler('t', 'fast', fast)
    const accepted = Array.from({ length: 3 }, (_, i) => topics.collect('t', event({ id: `e${i}` })))
    await fast.arrived(3)
    // One is being delivered by now: there is room for one more.
    accepted.push(topics.collect('t', event({ id: 'e3' })), topics.collect('t', event({ id: 'e4' })))
    expect(accepted).toEqual([true, true, true, true, false])
    await fast.arrived(5)
    g.open()
    await slow.arrived(4)
    expect(slow.got.map((d) => d.event.id)).toEqual(['e0', 'e1', 'e2', 'e3'])
    expect(queue.counters).toMatchObject({ offered: 5, refused: 1 })
    expect(log.errors()).toEqual(['encountered error collecting event: failed to deliver event "e4" to handler'])
    expect(topics.events('t')!.size).toBe(5)
  })

  it('goes on when a delivery fails or misses its deadline', async () => {
    const { topics, log } = service()
    const sink = new Sink()
    sink.deadlineMs = 20
    sink.gate = new Promise(() => {})
    const queue = topics.addHandler('t', 'h', sink)
    topics.collect('t', event({ id: 'late' }))
    const failed = new Promise<void>((resolve) => {
      const error = log.error.bind(log)
      log.error = (msg, keys) => {
        error(msg, keys)
        resolve()
      }
    })
    await failed
    sink.gate = null
    topics.collect('t', event({ id: 'next' }))
    await sink.arrived(1)
    expect(sink.got[0].event.id).toBe('next')
    expect(log.errors()).toEqual(['failed to send event: no answer within 20 ms'])
    expect(queue.counters.failed).toBe(1)
  })

  it('logs a flood of failures at a limited rate and counts them all', async () => {
    const { topics, log } = service()
    const failing: AlertHandler = {
      kind: 'failing',
      maxBatch: 1,
      deadlineMs: 1000,
      deliver: () => Promise.reject(new Error('no')),
    }
    const queue = topics.addHandler('t', 'h', failing)
    for (let i = 0; i < 500; i++) topics.collect('t', event())
    await topics.close('t')
    expect(queue.counters).toMatchObject({ offered: 500, failed: 500, delivered: 0 })
    expect(log.errors().length).toBeLessThan(20)
  })

  it('closes within the drain time, without holding others up', async () => {
    const { topics } = service({ drainMs: 30 })
    const stuck = new Sink()
    stuck.gate = new Promise(() => {})
    const queue = topics.addHandler('stuck', 'h', stuck)
    for (let i = 0; i < 8; i++) topics.collect('stuck', event({ id: `e${i}` }))
    const closing = topics.close('stuck')
    const other = new Sink()
    topics.addHandler('other', 'h', other)
    topics.collect('other', event())
    await other.arrived(1)
    await closing
    expect(stuck.closed).toBe(true)
    expect(queue.counters).toMatchObject({ discarded: 7, waiting: 0 })
    expect(topics.view('stuck')).toBeUndefined()
  })

  it('drains what a quick handler can take', async () => {
    const { topics } = service()
    const sink = new Sink()
    topics.addHandler('t', 'h', sink)
    for (let i = 0; i < 50; i++) topics.collect('t', event({ id: `e${i}` }))
    await topics.close('t')
    expect(sink.got.length).toBe(50)
  })

  it('keeps states over close and over a restart with a store, forgets them without', async () => {
    const store = new MapStore()
    const first = service({}, store)
    first.topics.collect('t', event({ id: 'a', level: 3, timeS: 7 }))
    await first.topics.close('t')
    expect(first.topics.list()).toEqual([])
    first.topics.open('t')
    expect([...first.topics.alerting('t')]).toEqual(['a'])
    expect(first.topics.stateOf('t', 'a')).toMatchObject({ level: 3, timeNs: 7_000_000_000n })
    const second = service({}, store)
    second.topics.restore(() => true)
    expect(second.topics.list()).toEqual([{ id: 't', level: 3, collected: 0 }])
    await second.topics.remove('t')
    expect(store.states.size).toBe(0)
    const none = service({}, null)
    none.topics.collect('t', event({ level: 3 }))
    await none.topics.close('t')
    none.topics.open('t')
    expect([...none.topics.alerting('t')]).toEqual([])
  })

  it('reads stored states of many ids in turns, unless they are dropped or needed meanwhile', async () => {
    const store = new MapStore()
    const n = 200_000
    for (const topic of ['read', 'dropped', 'needed']) {
      for (let i = 0; i < n; i++)
        store.put(topic, `e${i}`, { level: 1, message: '', details: '', timeNs: 1n, durationNs: 0n })
    }
    const { topics } = service({}, store)
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await topics.load(['read', 'unknown'])
    clearInterval(timer)
    expect(turns).toBeGreaterThan(2)
    expect(topics.list()).toEqual([])
    topics.open('read')
    expect(topics.events('read')?.size).toBe(n)
    const loading = Promise.all([topics.load(['dropped']), topics.load(['needed'])])
    topics.collect('needed', event({ id: 'e0', level: 3 }))
    const removed = topics.remove('dropped')
    await Promise.all([loading, removed])
    topics.open('dropped')
    expect([topics.events('dropped')?.size, topics.events('needed')?.size]).toEqual([0, n])
    expect(topics.stateOf('needed', 'e0')?.level).toBe(3)
  })

  it('tells who follows of states and of topics that are gone', async () => {
    const { topics } = service()
    const told: unknown[] = []
    topics.onState((...s) => told.push(s))
    topics.onGone((topic) => told.push(topic))
    topics.collect('t', event({ id: 'a', level: 3 }))
    topics.collect('t', event({ id: 'a', level: 1 }))
    topics.collect('u', event({ id: 'b', level: 2 }))
    await topics.removeMatching('t')
    await topics.remove('unknown')
    expect(told).toEqual([['t', 'a', 3, 0], ['t', 'a', 1, 3], ['u', 'b', 2, 0], 't'])
  })

  it('bounds the ids of a topic: the oldest OK goes first', () => {
    const { topics } = service({ idsPerTopic: 3 })
    for (const [id, level] of [
      ['a', 3],
      ['b', 0],
      ['c', 1],
      ['d', 2],
    ] as const)
      topics.collect('t', event({ id, level }))
    expect([...topics.events('t')!.keys()]).toEqual(['a', 'c', 'd'])
    topics.collect('t', event({ id: 'e', level: 1 }))
    expect([...topics.events('t')!.keys()]).toEqual(['c', 'd', 'e'])
    expect(topics.evictedIds).toBe(2)
  })

  it('filters by match; a failing match drops the event', async () => {
    const { topics, log } = service()
    const sink = new Sink()
    topics.addHandler('t', 'h', sink, (d) => {
      if (d.event.id === 'bad') throw new Error('no tag exists for nope')
      return d.event.level === 3
    })
    for (const [id, level] of [
      ['a', 3],
      ['bad', 3],
      ['b', 1],
      ['c', 3],
    ] as const)
      topics.collect('t', event({ id, level }))
    await sink.arrived(2)
    expect(sink.got.map((d) => d.event.id)).toEqual(['a', 'c'])
    expect(log.errors()).toEqual(['failed to evaluate match expression: no tag exists for nope'])
  })
})
