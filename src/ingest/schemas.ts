/**
 * The schemas that batches are written with. Thread: main. A schema is forgotten when no table writes it any more and no batch
 * of it waits to be published; batches that the shards have in hand are the concern of who is told (`onForget`).
 */
import type { BatchSchema } from '../columns/batch-layout.js'

interface Known {
  readonly schema: BatchSchema
  /** Batches that are written and not published. */
  held: number
  /** A table writes it. */
  current: boolean
}

export class Schemas {
  private readonly known = new Map<number, Known>()
  private nextId = 1

  constructor(
    /** A schema is about to be used for the first time. */
    private readonly onAdd: (schema: BatchSchema) => void,
    /** No batch of it will be published any more. */
    private readonly onForget: (schema: BatchSchema) => void,
  ) {}

  get size(): number {
    return this.known.size
  }

  *values(): IterableIterator<BatchSchema> {
    for (const { schema } of this.known.values()) yield schema
  }

  add(parts: Omit<BatchSchema, 'id'>): BatchSchema {
    const schema: BatchSchema = { id: this.nextId++, ...parts }
    this.known.set(schema.id, { schema, held: 0, current: true })
    this.onAdd(schema)
    return schema
  }

  /** Its table has another one, or none, from here on. */
  retire(schema: BatchSchema): void {
    const known = this.known.get(schema.id)
    if (known === undefined) return
    known.current = false
    this.settle(known)
  }

  /** A batch was written. */
  hold(schema: BatchSchema): void {
    const known = this.known.get(schema.id)
    if (known !== undefined) known.held++
  }

  /** The batch was published or thrown away. */
  release(schema: BatchSchema): void {
    const known = this.known.get(schema.id)
    if (known === undefined) return
    known.held--
    this.settle(known)
  }

  private settle({ schema, held, current }: Known): void {
    if (current || held > 0) return
    this.known.delete(schema.id)
    this.onForget(schema)
  }
}
