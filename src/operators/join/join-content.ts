/** What the sets of a join hold: points on a stream edge (join-points.ts), batches on a batch edge (join-batches.ts). Thread: any. */
import type { Chunk } from '../../columns/chunk.js'
import type { JoinSets } from './join-sets.js'
import type { AnyPages } from './merge-slots.js'

export interface JoinContent {
  /** Columns that every set has, and those whose pages come on demand. */
  readonly always: readonly AnyPages[]
  readonly others: readonly AnyPages[]
  /** Bytes of a set in these. */
  readonly slotBytes: number
  /** Bytes of a row, strings included, about. */
  readonly rowBytes: number
  /** Columns of a waiting message (join.on), in the same way. */
  readonly messageAlways: readonly AnyPages[]
  readonly messageOthers: readonly AnyPages[]
  /** The sets that hold the entries. */
  attach(sets: JoinSets): void
  /** The chunk that the next `put`s and `keep`s take rows (windows) from. */
  bind(chunk: Chunk, parent: number): void
  /** Rows of entry `index` of the bound chunk. */
  rowsOf(index: number): number
  /** Rows of a waiting message. */
  rowsOfMessage(message: number): number
  /** Copies an entry into a parent's place of a set. False: the budget refused. */
  put(set: number, parent: number, index: number): boolean
  /** Copies an entry into a waiting message (join.on). */
  keep(message: number, parent: number, index: number): boolean
  /** Copies a waiting message into a set. */
  send(message: number, parent: number, set: number): boolean
  /** Frees a parent's place; returns the rows that were there. */
  free(set: number, parent: number): number
  drop(message: number, parent: number): number
  /** Emits a set under a name, if it is complete or filled. */
  emit(g: number, set: number): void
  /** Hands on what has been emitted. */
  flush(): void
  dispose(): void
}
