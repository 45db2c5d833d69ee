/**
 * Body of line protocol → batches in slots, on one core: validation, projection, hash and shard lists included.
 * One iteration is one body of 5,000 lines.
 */
import type { Bench } from 'tinybench'
import { LineWriter } from '../../src/ingest/line-writer.js'
import { Tables } from '../../src/ingest/tables.js'
import type { Partition } from '../../src/transport/routes.js'
import { SlotPool } from '../../src/transport/slots.js'

export const linesPerBody = 5000
const startNs = 1_611_111_060_000_000_000n

/** The top-traffic line: four tags, one field, about 109 bytes. */
export function combinedBody(escaped = false): Uint8Array {
  const lines: string[] = []
  for (let i = 0; i < linesPerBody; i++) {
    const h = Math.imul(i + 7, 2246822519) >>> 0
    const ip = `${((h >>> 24) % 223) + 1}.${(h >>> 16) & 255}.${(h >>> 8) & 255}.${h & 255}`
    const uri = escaped ? `/path/to/some\\ product-${i % 500}` : `/path/to/some/product-${i % 500}`
    const id = 100_000_000 + (h % 900_000_000)
    lines.push(`combined,id=${id},ip=${ip},role=ingress,uri=${uri} count=1 ${startNs + BigInt(i * 70037)}`)
  }
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}

/** A Telegraf-like line: two tags, ten float fields, about 221 bytes. */
export function cpuBody(): Uint8Array {
  const lines: string[] = []
  for (let i = 0; i < linesPerBody; i++) {
    const f = (scale: number, digits: number): string => (((i * 7919) % 10007) / 10007 / scale).toFixed(digits)
    lines.push(
      `cpu,cpu=cpu${i % 64},host=host${i >> 6} usage_user=${f(0.01, 4)},usage_system=${f(0.05, 4)},usage_idle=${f(0.01, 4)},` +
        `usage_nice=0,usage_iowait=${f(1, 6)},usage_irq=0,usage_softirq=${f(1, 6)},usage_steal=0,usage_guest=0,` +
        `usage_guest_nice=0 ${startNs + BigInt(i * 24414)}`,
    )
  }
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}

/** Scans `body` once per call. */
export function scanning(body: Uint8Array, partition: Partition | null, reads: string[], shards: number): () => void {
  const pool = new SlotPool({ slots: 8, slotBytes: 1 << 20 })
  const tables = new Tables()
  if (partition !== null) tables.setRoutes([{ id: 1, db: 'db', rp: '', measurement: null, partition }], () => reads)
  const writer = new LineWriter({ pool, tables, shards })
  return () => {
    const prepared = writer.scan(body, 'db', '', 'n', startNs)
    if (prepared === 'no-slot' || prepared.kind === 'failure') throw new Error('the body was not accepted')
    writer.published(prepared)
    writer.discard(prepared)
  }
}

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = linesPerBody
export const boundBy = 'the byte loop: one load and a table look-up per byte'

export function add(bench: Bench): void {
  const combined = combinedBody()
  const cpu = cpuBody()
  const key: Partition = { kind: 'tags', tags: ['id', 'ip'] }
  const host: Partition = { kind: 'tags', tags: ['cpu', 'host'] }
  const series: Partition = { kind: 'series', exclude: [] }
  bench.add('scan 5k combined lines, 1 shard', scanning(combined, key, ['id', 'ip', 'count'], 1))
  bench.add('scan 5k combined lines, 4 shards', scanning(combined, key, ['id', 'ip', 'count'], 4))
  bench.add('scan 5k combined lines, escaped uri read', scanning(combinedBody(true), key, ['uri', 'count'], 1))
  bench.add('scan 5k cpu lines, 1 of 10 fields read', scanning(cpu, host, ['usage_idle'], 1))
  bench.add('scan 5k cpu lines, by series, 4 shards', scanning(cpu, series, ['usage_idle'], 4))
  bench.add('scan 5k cpu lines nobody reads', scanning(cpu, null, [], 1))
}
