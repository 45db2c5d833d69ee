/**
 * Tells the shards which schemas the batches they get are written with. Thread: main. A shard hears of a schema before the
 * first batch of it and forgets it behind the last: many at a time, because a change of the routes may touch every table.
 */
import type { BatchSchema } from '../columns/batch-layout.js'
import type { ToShard } from '../transport/messages.js'
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

  /** What a shard's next thread is started with: it knows neither what is in use nor what its ring still holds. */
  startOf(shard: ShardHandle, current: Iterable<BatchSchema>): ToShard[] {
    const known = new Set(current)
    const old = new Set<BatchSchema>()
    shard.eachQueued(({ schema }) => {
      if (!known.has(schema)) old.add(schema)
    })
    return [
      { type: 'schemas', schemas: [...known, ...old] },
      { type: 'forget', schemas: [...old].map((s) => s.id), afterSeq: shard.publishedSeq },
    ]
  }

  close(): void {
    if (this.scheduled !== null) clearImmediate(this.scheduled)
  }
}
