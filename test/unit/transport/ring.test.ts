import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { emptyEntry, RingConsumer, RingProducer, ringBuffer, Source } from '../../../src/transport/ring.js'

function pair(capacity: number): { producer: RingProducer; consumer: RingConsumer } {
  const sab = ringBuffer(capacity)
  return { producer: new RingProducer(sab, capacity), consumer: new RingConsumer(sab, capacity) }
}

const push = (p: RingProducer, slot: number, source: number = Source.http): number =>
  p.push({ ...emptyEntry(), slot, offset: slot * 8, schema: 7, source, rows: 1, stamp: 1000 + slot })

describe('ring of batch references', () => {
  it('hands entries over in order, whole, around the end', () => {
    const { producer, consumer } = pair(4)
    const entry = emptyEntry()
    for (let i = 0; i < 11; i++) {
      const seq = producer.nextSeq
      expect(push(producer, i)).toBe(seq)
      if (i % 3 === 0) push(producer, 100 + i)
      while (consumer.take(entry)) {
        expect(entry.offset).toBe(entry.slot * 8)
        expect(entry.stamp).toBe(1000 + entry.slot)
        expect(entry.schema).toBe(7)
      }
    }
    expect(producer.length).toBe(0)
    expect(consumer.passed()).toBe(producer.nextSeq - 1)
  })

  it('tells how many places are free', () => {
    const { producer, consumer } = pair(4)
    const entry = emptyEntry()
    for (let i = 0; i < 4; i++) push(producer, i)
    expect(producer.free).toBe(0)
    consumer.take(entry)
    expect(producer.free).toBe(1)
  })

  it('drops the oldest entry of a source only, and frees its place when it stands at the head', () => {
    const { producer, consumer } = pair(4)
    const entry = emptyEntry()
    push(producer, 1, Source.udp)
    push(producer, 2, Source.http)
    push(producer, 3, Source.udp)
    push(producer, 4, Source.http)
    expect(producer.dropOldest(Source.udp, entry)).toBe(true)
    expect([entry.slot, entry.seq, producer.free]).toEqual([1, 1, 1])
    expect(producer.dropOldest(Source.udp, entry)).toBe(true)
    // Entry 3 lies behind entry 2: its place comes free when the consumer passes.
    expect([entry.slot, entry.seq, producer.free]).toEqual([3, 3, 1])
    expect(producer.dropOldest(Source.udp, entry)).toBe(false)
    const taken: number[] = []
    while (consumer.take(entry)) taken.push(entry.slot)
    expect(taken).toEqual([2, 4])
    expect(consumer.passed()).toBe(4)
  })

  it('finds new sheddable entries after it had found none', () => {
    const { producer, consumer } = pair(4)
    const entry = emptyEntry()
    for (let round = 0; round < 20; round++) {
      push(producer, 1, Source.http)
      expect(producer.dropOldest(Source.udp, entry)).toBe(false)
      push(producer, 2, Source.udp)
      if (round % 2 === 0) expect(producer.dropOldest(Source.udp, entry)).toBe(true)
      while (consumer.take(entry)) expect(entry.slot).toBe(round % 2 === 0 ? 1 : entry.slot)
    }
  })

  it('keeps the sequence over a change of consumers, and skips what the dead one had in hand', () => {
    const { producer, consumer } = pair(8)
    const entry = emptyEntry()
    for (let i = 0; i < 5; i++) push(producer, i)
    consumer.take(entry)
    consumer.take(entry)
    producer.resetConsumer()
    const next = new RingConsumer(producer.sab, 8, producer.nextSeq - 1 - producer.length)
    const ready: number[] = []
    producer.eachReady((seq) => ready.push(seq))
    expect(ready).toEqual([3, 4, 5])
    next.take(entry)
    expect([entry.seq, next.passed()]).toEqual([3, 3])
  })

  it('does not sleep through a wake', () => {
    const { producer, consumer } = pair(4)
    const seen = consumer.signal()
    push(producer, 1)
    producer.wake()
    const start = performance.now()
    consumer.sleep(seen, 5000)
    expect(performance.now() - start).toBeLessThan(2500)
  })

  it('takes or drops every entry exactly once when consumer and shedding producer race', async () => {
    const capacity = 16
    const sab = ringBuffer(capacity)
    const producer = new RingProducer(sab, capacity)
    const total = 200_000
    const taken = new Int32Array(new SharedArrayBuffer(4 * (total + 1)))
    const state = new Int32Array(new SharedArrayBuffer(8))
    const url = new URL('../../../dist/src/transport/ring.js', import.meta.url).href
    const worker = new Worker(
      `const { workerData: d } = require('node:worker_threads')
       import(${JSON.stringify(url)}).then(({ RingConsumer, emptyEntry }) => {
         const ring = new RingConsumer(d.sab, d.capacity), e = emptyEntry()
         let last = 0
         for (;;) {
           const signal = ring.signal()
           if (ring.take(e)) {
             if (e.seq <= last || e.slot !== e.seq % 1000 || e.offset !== e.seq) Atomics.store(d.state, 1, 1)
             last = e.seq
             Atomics.add(d.taken, e.seq, 1)
             for (let i = e.seq % 64; i > 0; i--) Math.sqrt(i)
           } else if (Atomics.load(d.state, 0) === 1) break
           else ring.sleep(signal, 5)
         }
       })`,
      { eval: true, workerData: { sab, capacity, taken, state } },
    )
    const exit = new Promise((resolve, reject) => {
      worker.once('exit', resolve)
      worker.once('error', reject)
    })
    const dropped = new Uint8Array(total + 1)
    const entry = emptyEntry()
    let drops = 0
    for (let seq = 1; seq <= total; seq++) {
      while (producer.free === 0) {
        if (producer.dropOldest(Source.udp, entry)) {
          dropped[entry.seq]++
          drops++
        }
      }
      producer.push({ ...emptyEntry(), slot: seq % 1000, offset: seq, source: Source.udp, rows: 1 })
      producer.wake()
      if (seq % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    Atomics.store(state, 0, 1)
    await exit
    expect(state[1]).toBe(0)
    let wrong = 0
    for (let seq = 1; seq <= total; seq++) if (taken[seq] + dropped[seq] !== 1) wrong++
    expect(wrong).toBe(0)
    expect(drops).toBeGreaterThan(0)
    expect(drops).toBeLessThan(total)
  })
})

it('a group is seen as a whole, and taken no further than asked', () => {
  const { producer, consumer } = pair(8)
  const entry = emptyEntry()
  const push = (slot: number, more: number): number =>
    producer.push({ ...emptyEntry(), slot, schema: 1, source: Source.udp, rows: 1, more })
  push(1, 2)
  push(1, 1)
  expect(consumer.take(entry)).toBe(false)
  expect(producer.free).toBe(6)
  push(1, 0)
  push(2, 0)
  expect(consumer.take(entry)).toBe(true)
  expect(entry).toMatchObject({ slot: 1, more: 2, seq: 1 })
  // The second of the group is shed: the consumer goes on with the third, and stops before the next slot.
  expect(producer.dropOldest(Source.udp, emptyEntry())).toBe(true)
  expect(consumer.take(entry, 3)).toBe(true)
  expect(entry).toMatchObject({ slot: 1, more: 0, seq: 3 })
  expect(consumer.take(entry, 3)).toBe(false)
  expect(consumer.take(entry)).toBe(true)
  expect(entry.slot).toBe(2)
})
