/** Staged rows → batch in a slot: copying columns, hashing the partition key, listing rows per shard. 5,000 rows an iteration. */
import type { Bench } from 'tinybench'
import { BatchColumns, recordBatchOf } from '../../src/columns/arrow.js'
import { BatchStage } from '../../src/ingest/batch-stage.js'
import { BatchWriter } from '../../src/ingest/batch-write.js'
import { Tables } from '../../src/ingest/tables.js'
import type { Partition } from '../../src/transport/routes.js'

const rows = 5000
const slotBytes = 1 << 20
/** Bytes of the lines in the slot, before the batch. */
const rawBytes = rows * 100

function writing(partition: Partition, shards: number): { run: () => void; wrap: () => void } {
  const slots = new SharedArrayBuffer(slotBytes)
  const bytes = new Uint8Array(slots)
  for (let i = 0; i < rawBytes; i++) bytes[i] = 48 + (Math.imul(i, 2654435761) >>> 28)
  const writer = new BatchWriter(slots, shards)
  const tables = new Tables()
  tables.setRoutes([{ id: 1, db: 'db', rp: '', measurement: null, partition }], () => ['count', 'id', 'ip'])
  const table = tables.byName(tables.scope('db', ''), 'combined')
  const stage = new BatchStage()
  stage.attach(table, shards)
  while (stage.capacity < rows) stage.grow()
  stage.rows = rows
  for (const [name, length] of [
    ['id', 9],
    ['ip', 13],
  ] as const) {
    const refs = stage.tags[table.tagColumns.get(name)!]
    for (let r = 0; r < rows; r++) {
      refs[2 * r] = r * 100 + (name === 'id' ? 12 : 25)
      refs[2 * r + 1] = length
    }
  }
  const offset = (rawBytes + 7) & ~7
  const schema = table.schema!
  return {
    run: () => {
      writer.write(stage, 0, 0, offset)
    },
    wrap: () => {
      if (new BatchColumns(recordBatchOf(slots, 0, offset, schema), schema).rows !== rows)
        throw new Error('wrong batch')
    },
  }
}

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = 5000
export const boundBy = 'the multiply chain of the hash, a byte at a time'

export function add(bench: Bench): void {
  const tags: Partition = { kind: 'tags', tags: ['id', 'ip'] }
  for (const shards of [1, 4, 16]) bench.add(`hash and list 5k rows by id, ip for ${shards}`, writing(tags, shards).run)
  bench.add('5k rows pinned to one shard', writing({ kind: 'pinned', shard: 0 }, 4).run)
  const { run, wrap } = writing(tags, 1)
  run()
  bench.add('wrap a batch as an Arrow record batch, take its views', wrap)
}
