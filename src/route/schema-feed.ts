/**
 * Tells the shards which schemas the batches they get are written with. Thread: main. A shard hears of a schema before the
 * first batch of it and forgets it behind the last: many at a time, because a change of the routes may touch every table.
 */
import type { BatchSchema } from '../ingest/batch-layout.js'
import type { ShardHandle } from './shard-handle.js'

export class SchemaFeed {
  private added: BatchSchema[] = []
  private gone: number[] = []
  private scheduled: NodeJS.Immediate | null = null

  constructor(private readonly shards: readonly ShardHandle[]) {}

  /** To be told with the next `flush`. */
  add(schema: BatchSchema): void {
    this.added.push(schema)
  }

  /** No batch of it will be published from here on. */
  forget(schema: BatchSchema): void {
    this.gone.push(schema.id)
    this.scheduled ??= setImmediate(() => this.flush())
  }

  /** Before batches are published. */
  flush(): void {
    const { added, gone } = this
    if (added.length > 0) {
      this.added = []
      for (const s of this.shards) s.post({ type: 'schemas', schemas: added })
    }
    if (gone.length === 0) return
    this.gone = []
    if (this.scheduled !== null) clearImmediate(this.scheduled)
    this.scheduled = null
    for (const s of this.shards) s.post({ type: 'forget', schemas: gone, afterSeq: s.publishedSeq })
  }

  /** Schemas of entries in a shard's ring, for `restart`; to be asked for while no thread runs. */
  inRing(shard: ShardHandle): ReadonlySet<BatchSchema> {
    const found = new Set<BatchSchema>()
    shard.eachQueued((batch) => found.add(batch.schema))
    return found
  }

  /** A shard's next thread knows nothing: neither of what is in use nor of what its ring still holds. */
  restart(shard: ShardHandle, current: Iterable<BatchSchema>, inRing: ReadonlySet<BatchSchema>): void {
    const known = new Set(current)
    const old = [...inRing].filter((s) => !known.has(s))
    shard.post({ type: 'schemas', schemas: [...known, ...old] })
    if (old.length > 0) shard.post({ type: 'forget', schemas: old.map((s) => s.id), afterSeq: shard.publishedSeq })
  }

  close(): void {
    if (this.scheduled !== null) clearImmediate(this.scheduled)
  }
}
