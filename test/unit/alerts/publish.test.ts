import { afterAll, describe, expect, it } from 'vitest'
import type { Delivery } from '../../../src/alert-handlers/delivery.js'
import type { AlertHandler } from '../../../src/alert-handlers/handler.js'
import { createSpecHandler, type HandlerParts } from '../../../src/alert-handlers/registry.js'
import type { HandlerSpec, HandlerSpecStore } from '../../../src/alerts/handler-spec.js'
import { HandlerSpecService } from '../../../src/alerts/handler-spec-service.js'
import { TopicService } from '../../../src/alerts/topics.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { event, TestLog } from './events.js'

const http = new HttpClient()
afterAll(() => http.close())

function handOn(kind: string, options: Record<string, unknown>, topics: TopicService): AlertHandler {
  const collect: HandlerParts['collect'] = (...event) => topics.collect(...event)
  return createSpecHandler(kind, options, { services: {}, http, log: new TestLog(), vars: new Map(), collect })
}

class Collecting implements AlertHandler {
  readonly kind = 'test'
  readonly maxBatch = 100
  readonly deadlineMs = 1000
  readonly got: Delivery[] = []
  private waiting: { n: number; resolve: () => void }[] = []

  async deliver(batch: readonly Delivery[]): Promise<void> {
    this.got.push(...batch)
    for (const w of this.waiting.filter((x) => this.got.length >= x.n)) w.resolve()
  }

  async until(n: number): Promise<void> {
    if (this.got.length >= n) return
    await new Promise<void>((resolve) => this.waiting.push({ n, resolve }))
  }
}

describe('publish', () => {
  it('a circle that got in all the same ends after a bounded number of hops', async () => {
    const log = new TestLog()
    const topics = new TopicService(null, log)
    const seen = new Collecting()
    topics.addHandler('a', 'p', handOn('publish', { topics: ['b'] }, topics), null, true)
    topics.addHandler('b', 'p', handOn('publish', { topics: ['a'] }, topics), null, true)
    topics.addHandler('b', 'h', seen, null, true)
    topics.collect('a', event())
    await seen.until(16)
    await topics.closeAll()
    expect(seen.got).toHaveLength(16)
    expect(log.lines.filter((l) => l.msg === 'event published in circles')).toHaveLength(1)
  })

  it('events that were accepted before the close still go on', async () => {
    const topics = new TopicService(null, new TestLog())
    const seen = new Collecting()
    topics.addHandler('a', 'p', handOn('publish', { topics: ['b'] }, topics), null, true)
    topics.addHandler('b', 'h', seen, null, true)
    for (let i = 0; i < 10; i++) topics.collect('a', event({ id: `e${i}` }))
    await topics.closeAll()
    expect(seen.got.map((d) => d.event.id)).toEqual(Array.from({ length: 10 }, (_, i) => `e${i}`))
  })

  it('handlers of a spec stay when a task closes the topic', async () => {
    const topics = new TopicService(null, new TestLog())
    const own = new Collecting()
    const kept = new Collecting()
    topics.addHandler('main:t:alert2', '0', own)
    topics.addHandler('main:t:alert2', 'spec:h', kept, null, true)
    await topics.close('main:t:alert2')
    topics.collect('main:t:alert2', event())
    await kept.until(1)
    expect(own.got).toEqual([])
    expect(topics.view('main:t:alert2')).toMatchObject({ collected: 1 })
    await topics.closeAll()
  })
})

describe('aggregate', () => {
  it('counts everything, shows what fits', async () => {
    const topics = new TopicService(null, new TestLog())
    const seen = new Collecting()
    topics.addHandler('out', 'h', seen)
    const props = { id: 'agg', topic: 'out', interval: 50_000_000n, message: '{{.Count}}/{{.Interval}}' }
    topics.addHandler('in', 'a', handOn('aggregate', props, topics))
    const message = 'x'.repeat(1 << 20)
    for (let i = 0; i < 10; i++)
      topics.collect('in', event({ id: `e${i}`, level: i % 4, message, timeS: 100 + (i % 5) }))
    await seen.until(1)
    const { event: got } = seen.got[0]
    expect(got).toMatchObject({ id: 'agg', message: '10/50ms', level: 3, timeNs: 104_000_000_000n, durationNs: 5n })
    expect(got.details.split('\n')).toHaveLength(3)
    const json = JSON.parse(seen.got[0].json) as { data: { series: unknown[] }; recoverable: boolean }
    expect(json.data.series).toHaveLength(3)
    expect(json.recoverable).toBe(false)
    await topics.closeAll()
  })

  it('events without series and messages that look like series', async () => {
    const topics = new TopicService(null, new TestLog())
    const seen = new Collecting()
    topics.addHandler('out', 'h', seen)
    const props = { id: 'agg', topic: 'out', interval: 20_000_000n }
    topics.addHandler('in', 'a', handOn('aggregate', props, topics))
    topics.collect('in', event({ message: ',"data":{"series":[' }))
    topics.collect('in', event({ unencodable: true }))
    await seen.until(1)
    const json = JSON.parse(seen.got[0].json) as { message: string; data: { series: { name: string }[] } }
    expect(json.message).toBe('Received 2 events in the last 20ms.')
    expect(json.data.series.map((s) => s.name)).toEqual(['m'])
    expect(seen.got[0].json).toContain('9007199254740993')
    await topics.closeAll()
  })
})

describe('handler specs', () => {
  it('a spec that cannot be stored is not attached', async () => {
    const topics = new TopicService(null, new TestLog())
    const failing: HandlerSpecStore = {
      load: () => [],
      put: () => Promise.reject(new Error('disk full')),
      delete: () => Promise.resolve(),
    }
    const specs = new HandlerSpecService({
      topics,
      handlers: { services: {}, http, vars: new Map(), collect: () => true },
      store: failing,
      log: new TestLog(),
    })
    const spec: HandlerSpec = { topic: 't', id: 'h', kind: 'log', match: '', options: { path: '/tmp/x' } }
    await expect(specs.create(spec)).rejects.toThrow('failed to create handler: disk full')
    expect(specs.list('t')).toEqual([])
    expect(topics.queues('t')).toEqual([])
  })
})
