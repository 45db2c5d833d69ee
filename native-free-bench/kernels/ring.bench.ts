/** Hand-offs through the rings: what main and a shard spend per entry, and per frame of the output ring. */
import type { Bench } from 'tinybench'
import { OutputReader, OutputWriter, outputBuffer } from '../../src/transport/output-ring.js'
import { emptyEntry, RingConsumer, RingProducer, ringBuffer, Source } from '../../src/transport/ring.js'

const entries = 1024

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = entries
export const boundBy = 'atomic operations on the entry words'

export function add(bench: Bench): void {
  const sab = ringBuffer(entries)
  const producer = new RingProducer(sab, entries)
  const consumer = new RingConsumer(sab, entries)
  const entry = emptyEntry()
  const pushed = { ...emptyEntry(), schema: 1, rows: 100, stamp: 1_700_000_000_000 }
  bench.add(`ring: ${entries} entries pushed, woken and taken`, () => {
    for (let i = 0; i < entries; i++) {
      pushed.slot = i
      pushed.source = Source.http
      producer.push(pushed)
      producer.wake()
    }
    while (consumer.take(entry)) consumer.done(consumer.passed(), entry.stamp)
  })
  bench.add(`ring: ${entries} entries pushed and shed`, () => {
    for (let i = 0; i < entries; i++) {
      pushed.slot = i
      pushed.source = Source.udp
      producer.push(pushed)
    }
    while (producer.dropOldest(Source.udp, entry));
  })
  const output = outputBuffer(1 << 20)
  const writer = new OutputWriter(output)
  const reader = new OutputReader(output)
  const payload = new Uint8Array(400)
  let bytes = 0
  bench.add('output ring: 1024 frames of 400 bytes written and read', () => {
    for (let i = 0; i < 1024; i++) writer.send(2, 1, 3, payload)
    while (reader.drain((_type, _key, _node, p) => (bytes += p.length), 256, Number.POSITIVE_INFINITY));
  })
}
