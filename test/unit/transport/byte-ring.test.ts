import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeRing, RingConsumer, RingCounter, RingProducer } from '../../../src/transport/byte-ring.js'

const text = (ring: RingConsumer): string =>
  Buffer.from(ring.bytes.slice(ring.start, ring.start + ring.length)).toString('latin1')

describe('byte ring', () => {
  it('hands datagrams over in order and ends each with LF', () => {
    const shared = makeRing(8, 256)
    const producer = new RingProducer(shared)
    const consumer = new RingConsumer(shared)
    for (const d of ['a', 'b\n', '']) expect(producer.push(Buffer.from(d))).toBe(true)
    const seen: string[] = []
    for (let e = consumer.claim(); e >= 0; e = consumer.claim()) {
      seen.push(text(consumer))
      consumer.done(e)
    }
    expect(seen).toEqual(['a\n', 'b\n', '\n'])
    expect(consumer.backlog).toBe(0)
  })

  it('sheds the oldest when it is full', () => {
    const shared = makeRing(4, 1024)
    const producer = new RingProducer(shared)
    const consumer = new RingConsumer(shared)
    for (let i = 0; i < 10; i++) producer.push(Buffer.from(String(i)))
    const seen: string[] = []
    while (consumer.claim() >= 0) seen.push(text(consumer).trim())
    expect(seen).toEqual(['6', '7', '8', '9'])
    expect(consumer.counter(RingCounter.ShedOldest)).toBe(6)
  })

  it('does not overwrite what is being read: then the newest is dropped', () => {
    const shared = makeRing(2, 64)
    const producer = new RingProducer(shared)
    const consumer = new RingConsumer(shared)
    producer.push(Buffer.from('first'))
    const entry = consumer.claim()
    producer.push(Buffer.from('second'))
    expect(producer.push(Buffer.from('third'))).toBe(false)
    expect(text(consumer)).toBe('first\n')
    consumer.done(entry)
    expect(producer.push(Buffer.from('fourth'))).toBe(true)
    expect(consumer.claim()).toBeGreaterThan(entry)
    expect(text(consumer)).toBe('second\n')
    expect(consumer.counter(RingCounter.ShedNewest)).toBe(1)
  })

  it('ready resolves on a push and on stop', async () => {
    const shared = makeRing(4, 64)
    const consumer = new RingConsumer(shared)
    const waiting = consumer.ready()
    new RingProducer(shared).push(Buffer.from('x'))
    await waiting
    expect(consumer.claim()).toBe(0)
    const stopped = consumer.ready()
    consumer.stop()
    await stopped
    expect(consumer.claim()).toBe(-1)
  })

  it('two threads at full speed: order kept, nothing torn, every datagram accounted for', async () => {
    const shared = makeRing(64, 4096)
    const consumer = new RingConsumer(shared)
    const pushes = 200_000
    const module = new URL('../../../dist/src/transport/byte-ring.js', import.meta.url).href
    const code = `const { workerData } = require('node:worker_threads')
      import(workerData.module).then(({ RingProducer }) => {
        const ring = new RingProducer(workerData.shared)
        for (let i = 0; i < ${pushes}; i++) ring.push(Buffer.from(i + ':' + String(i).repeat(i % 9)))
        while (!ring.push(Buffer.from('end')));
      })`
    const worker = new Worker(code, { eval: true, workerData: { shared, module } })
    let last = -1
    let finished = 0
    for (let ended = false; !ended; ) {
      await consumer.ready()
      for (let e = consumer.claim(); e >= 0; e = consumer.claim()) {
        const [id, body] = text(consumer).trim().split(':')
        if (id === 'end') ended = true
        else if (Number(id) <= last || body !== id.repeat(Number(id) % 9))
          throw new Error(`${id} after ${last}: ${body}`)
        else {
          last = Number(id)
          finished++
        }
        consumer.done(e)
      }
    }
    const shed = consumer.counter(RingCounter.ShedOldest) + consumer.counter(RingCounter.ShedNewest)
    expect(finished + shed).toBe(consumer.counter(RingCounter.Received) - 1)
    expect(consumer.counter(RingCounter.Received)).toBeGreaterThan(pushes)
    await worker.terminate()
  })

  it('any interleaving: order kept, nothing torn, every datagram accounted for', () => {
    const op = fc.oneof(
      { weight: 6, arbitrary: fc.record({ op: fc.constant('push' as const), n: fc.integer({ min: 1, max: 40 }) }) },
      { weight: 5, arbitrary: fc.record({ op: fc.constant('claim' as const), n: fc.constant(0) }) },
      { weight: 3, arbitrary: fc.record({ op: fc.constant('done' as const), n: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('unclaim' as const), n: fc.nat(3) }) },
    )
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), fc.integer({ min: 2, max: 6 }), (ops, entries) => {
        const shared = makeRing(entries, 100)
        const producer = new RingProducer(shared)
        const consumer = new RingConsumer(shared)
        const held: { entry: number; text: string; start: number; length: number }[] = []
        let pushes = 0
        let last = -1
        let finished = 0
        for (const { op, n } of ops) {
          if (op === 'push') {
            const id = String(pushes++).padStart(4, '0')
            producer.push(Buffer.from(id + 'x'.repeat(n)))
          } else if (op === 'claim') {
            const entry = consumer.claim()
            if (entry < 0) continue
            const body = text(consumer)
            expect(body).toMatch(/^[0-9]{4}x+\n$/)
            expect(Number(body.slice(0, 4))).toBeGreaterThan(last)
            last = Number(body.slice(0, 4))
            held.push({ entry, text: body, start: consumer.start, length: consumer.length })
          } else if (op === 'done') {
            const h = held.shift()
            if (h === undefined) continue
            expect(Buffer.from(consumer.bytes.slice(h.start, h.start + h.length)).toString('latin1')).toBe(h.text)
            consumer.done(h.entry)
            finished++
          } else if (held.length > 0) {
            const from = Math.min(n, held.length - 1)
            consumer.unclaim(held[from].entry)
            last = Number(held[from].text.slice(0, 4)) - 1
            held.splice(from)
          }
        }
        while (held.length > 0) {
          consumer.done(held.shift()!.entry)
          finished++
        }
        for (let e = consumer.claim(); e >= 0; e = consumer.claim()) {
          consumer.done(e)
          finished++
        }
        const shed = consumer.counter(RingCounter.ShedOldest) + consumer.counter(RingCounter.ShedNewest)
        expect(finished + shed + consumer.counter(RingCounter.TooLong)).toBe(pushes)
      }),
      { numRuns: 2000 },
    )
  })
})
