import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { BatchSchema } from '../../src/columns/batch-layout.js'
import { LineWriter } from '../../src/ingest/line-writer.js'
import { Tables } from '../../src/ingest/tables.js'
import { BatchSource, SlotViews } from '../../src/shard/batch-source.js'
import { TableMerge } from '../../src/shard/table-merge.js'
import { emptyEntry, type RingEntry } from '../../src/transport/ring.js'
import type { Partition, Route } from '../../src/transport/routes.js'
import { SlotPool } from '../../src/transport/slots.js'

const shards = 2
const partition: Partition = { kind: 'tags', tags: ['h'] }
const route: Route = { id: 7, db: 'd', rp: '', measurement: null, partition }
const task = { fromSeq: 0 }

/** Rows of a body as each shard's merge gives them back: `measurement value`. */
function merged(lines: readonly string[]): string[][] {
  const schemas = new Map<number, BatchSchema>()
  const pool = new SlotPool({ slots: 8, slotBytes: 1 << 16 })
  const tables = new Tables({ onSchema: (s) => schemas.set(s.id, s) })
  tables.setRoutes([route], () => ['v'])
  const writer = new LineWriter({ pool, tables, shards })
  const prepared = writer.scan(Buffer.from(lines.join('\n')), 'd', '', 'n', 0n)
  if (prepared === 'no-slot' || prepared.kind === 'failure') throw new Error('not accepted')
  return Array.from({ length: shards }, (_, shard) => {
    const out: string[] = []
    for (const { slot, batches } of prepared.slots) {
      // A small longest chunk: runs longer than it are cut and must go on where they stopped.
      const merge = new TableMerge<typeof task>(() => new BatchSource(new SlotViews(pool.shared), shard, shards, 3))
      let seq = 1
      for (const batch of batches) {
        if (batch.shardRows[shard] === 0) continue
        const entry: RingEntry = { ...emptyEntry(), slot, offset: batch.offset, schema: batch.schema.id, seq: seq++ }
        merge.add(entry, batch.schema, (id) => (id === route.id ? { route, tasks: [task] } : undefined))
      }
      if (seq === 1) continue
      merge.each(task, (chunk) => {
        const v = chunk.field('v')
        for (let r = 0; r < chunk.n; r++) out.push(`${chunk.name} ${v?.f64[r]} ${String(chunk.fieldsOf(r).get('v'))}`)
      })
    }
    return out
  })
}

it('rows of several tables come back in the order of their lines, on every shard', () => {
  const row = fc.record({ table: fc.constantFrom('a', 'bb', 'c'), host: fc.integer({ min: 0, max: 5 }) })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
      const shards = merged(rows.map((r, i) => `${r.table},h=${r.host} v=${i} ${i}`))
      const all = shards.flat().map((text) => Number(text.split(' ')[1]))
      expect([...all].sort((x, y) => x - y)).toEqual(rows.map((_, i) => i))
      for (const shard of shards) {
        const values = shard.map((text) => Number(text.split(' ')[1]))
        expect(values).toEqual([...values].sort((x, y) => x - y))
        for (const text of shard) {
          const [name, value, raw] = text.split(' ')
          expect(name).toBe(rows[Number(value)].table)
          expect(raw).toBe(value)
        }
      }
    }),
  )
})
