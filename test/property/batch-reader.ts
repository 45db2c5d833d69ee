/** Reads prepared batches back, the way a shard does, into plain objects. */
import { BatchColumns, recordBatchOf } from '../../src/columns/arrow.js'
import { RouteReader } from '../../src/columns/batch-layout.js'
import { decodeUtf8, int64At } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { LineRows } from '../../src/columns/line-rows.js'
import type { Value } from '../../src/columns/values.js'
import type { Prepared } from '../../src/ingest/line-writer.js'
import type { SlotPool } from '../../src/transport/slots.js'

export interface ReadRow {
  table: string
  ns: bigint
  line: string
  /** Encoded columns. */
  tags: Record<string, string | null>
  fields: Record<string, string | null>
  /** Everything, decoded from the line. */
  allTags: Map<string, string>
  allFields: Map<string, Value>
  /** Route id → shards that list the row. */
  shards: Map<number, number[]>
  /** Route id → hash, where the batch has one. */
  hashes: Map<number, number>
}

/** Kind letter and text, as scanner-reference.ts writes field values. */
export function valueText(v: Value): string {
  if (typeof v === 'bigint') return `i${v}`
  if (typeof v === 'number') return `f${Object.is(v, -0) ? '-0' : v}`
  if (typeof v === 'string') return `s${v}`
  return `b${String(v)}`
}

export function readPrepared(pool: SlotPool, prepared: Prepared, shards: number): ReadRow[] {
  const out: ReadRow[] = []
  const i32 = new Int32Array(pool.shared.data)
  const u32 = new Uint32Array(pool.shared.data)
  for (const slot of prepared.slots) {
    const base = pool.offsetOf(slot.slot)
    const bytes = new Uint8Array(pool.shared.data, base, pool.slotBytes)
    for (const { offset, schema, routeRows, routes } of slot.batches) {
      const c = new BatchColumns(recordBatchOf(pool.shared.data, base, offset, schema), schema)
      const lines = new LineRows().reset(bytes, 0, c.lineStarts, c.lineLengths)
      const rows: ReadRow[] = []
      for (let r = 0; r < c.rows; r++) {
        const tags: ReadRow['tags'] = {}
        for (const [i, name] of schema.tags.entries()) {
          const length = c.tags[i][2 * r + 1]
          tags[name] = length < 0 ? null : decodeUtf8(bytes, c.tags[i][2 * r], length)
        }
        const fields: ReadRow['fields'] = {}
        for (const [i, name] of schema.fields.entries()) {
          const cell = c.i32[i]
          const kind = c.kinds[i][r]
          fields[name] = null
          if (kind === Kind.Int) fields[name] = valueText(int64At(cell, r))
          else if (kind === Kind.Float) fields[name] = valueText(c.f64[i][r])
          else if (kind === Kind.String) fields[name] = valueText(decodeUtf8(bytes, cell[2 * r], cell[2 * r + 1]))
          else if (kind === Kind.Bool) fields[name] = valueText(cell[2 * r] !== 0)
        }
        const allTags = new Map<string, string>()
        const allFields = new Map<string, Value>()
        lines.readTags(r, allTags)
        lines.readFields(r, allFields)
        rows.push({
          table: schema.name,
          ns: int64At(c.times, r),
          line: Buffer.from(bytes.subarray(c.lineStarts[r], c.lineStarts[r] + c.lineLengths[r])).toString('latin1'),
          tags,
          fields,
          allTags,
          allFields,
          shards: new Map(),
          hashes: new Map(),
        })
      }
      for (let shard = 0; shard < shards; shard++) {
        const reader = new RouteReader(i32, shards, shard)
        reader.open(base, offset)
        for (let k = 0; reader.next(c.rows); k++) {
          if (reader.count > c.rows) throw new Error(`route ${reader.routeId}: ${reader.count} of ${c.rows} rows`)
          const listed =
            reader.count < 0
              ? rows.map((_, r) => r)
              : Array.from({ length: reader.count }, (_, i) => i32[reader.list + i])
          if (routes[k].id !== reader.routeId || routeRows[k * shards + shard] !== listed.length)
            throw new Error(
              `route ${reader.routeId}: ${listed.length} rows listed, ${routeRows[k * shards + shard]} told`,
            )
          for (const r of listed) {
            const at = rows[r].shards.get(reader.routeId) ?? []
            rows[r].shards.set(reader.routeId, [...at, shard])
          }
          if (reader.hashes >= 0)
            for (const [r, row] of rows.entries()) row.hashes.set(reader.routeId, u32[reader.hashes / 4 + r])
        }
      }
      out.push(...rows)
    }
  }
  return out
}
