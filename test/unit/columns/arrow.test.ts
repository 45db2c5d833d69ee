import { RecordBatch, RecordBatchStreamWriter, tableFromIPC } from 'apache-arrow'
import { expect, it } from 'vitest'
import { BatchColumns, recordBatchOf } from '../../../src/columns/arrow.js'
import { LineWriter } from '../../../src/ingest/line-writer.js'
import { Tables } from '../../../src/ingest/tables.js'
import { SlotPool } from '../../../src/transport/slots.js'

const body = 'cpu,host=a v=1.5,n=7i 1500000000000000001\ncpu,host=bb n=-1i 1500000000000000002\ncpu v=t 3\n'

function wrapped() {
  const pool = new SlotPool({ slots: 2, slotBytes: 4096 })
  const tables = new Tables()
  const partition = { kind: 'tags', tags: ['host'] } as const
  tables.setRoutes([{ id: 1, db: 'd', rp: 'r', measurement: null, partition }], () => ['v', 'n'])
  pool.acquire()
  const prepared = new LineWriter({ pool, tables, shards: 1 }).scan(Buffer.from(body), 'd', 'r', 'n', 0n)
  if (prepared === 'no-slot' || prepared.kind === 'failure') throw new Error('not prepared')
  const { slot, offset, schema } = prepared.slots[0].batches[0]
  const batch = recordBatchOf(pool.shared.data, pool.offsetOf(slot), offset, schema)
  return { pool, slot, schema, batch }
}

it('a batch is an Arrow record batch over the same memory', () => {
  const { pool, slot, batch } = wrapped()
  expect(batch).toBeInstanceOf(RecordBatch)
  expect(batch.numRows).toBe(3)
  expect([...batch.schema.metadata]).toEqual([
    ['db', 'd'],
    ['rp', 'r'],
    ['measurement', 'cpu'],
  ])
  const times = batch.getChild('time')!.data[0].values as BigInt64Array
  expect([...times]).toEqual([1500000000000000001n, 1500000000000000002n, 3n])
  expect([...batch.getChild('kind:v')!.toArray()]).toEqual([2, 0, 4])
  expect([...batch.getChild('kind:n')!.toArray()]).toEqual([1, 1, 0])
  const [start, length] = batch.getChild('tag:host')!.get(1)!.toArray() as Int32Array
  const at = pool.offsetOf(slot) + start
  expect(Buffer.from(pool.bytes.slice(at, at + length)).toString()).toBe('bb')
  expect(times.buffer).toBe(pool.shared.data)
})

it('raw views see what Arrow sees', () => {
  const { schema, batch } = wrapped()
  const c = new BatchColumns(batch, schema)
  const v = schema.fields.indexOf('v')
  const n = schema.fields.indexOf('n')
  expect(c.rows).toBe(3)
  expect([c.f64[v][0], c.i32[v][4], c.i32[n][0], c.i32[n][2], c.i32[n][3]]).toEqual([1.5, 1, 7, -1, -1])
  expect([...c.tags[schema.tags.indexOf('host')]].slice(4)).toEqual([-1, -1])
  expect(c.i32[v].buffer).toBe((batch.getChild('field:v')!.data[0].values as BigInt64Array).buffer)
})

it('other Arrow readers understand it', () => {
  const { batch } = wrapped()
  const table = tableFromIPC(RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true))
  expect(table.numRows).toBe(3)
  expect([...table.getChild('field:n')!.toArray()].slice(0, 2)).toEqual([7n, -1n])
  expect(table.schema.fields.map((f) => String(f.type))).toContain('Timestamp<NANOSECOND>')
})
