/**
 * Everything that crosses between main and a shard by MessagePort: control, never points. Points, events and statistics go
 * through shared memory (ring.ts, output.ts, observe/stat-block.ts).
 *
 * Order: each ring entry carries the number of control messages that were posted before it was published; the shard handles
 * those first. `afterSeq` makes a command wait until the shard has processed every entry published before it.
 */
import type { BatchSchema } from '../ingest/batch-layout.js'

/** What a shard needs to build a task by itself; it parses and plans the script again, deterministically. */
export interface TaskSpec {
  /** Number of this run of the task, unique in the process. */
  readonly key: number
  readonly id: string
  readonly type: 'stream' | 'batch'
  readonly script: string
  /** Task vars as given to the API (JSON). */
  readonly vars: Record<string, { type: string; value: unknown; description?: string }>
  readonly dbrps: readonly { db: string; rp: string }[]
  /** Start of the task's cells in the statistics block. */
  readonly statsOffset: number
  /** Route ids that deliver to this task. */
  readonly routes: readonly number[]
  /** Non-OK alert states of the task's topics, for restore: [topic, id, level, time ns as text]. */
  readonly alertStates: readonly (readonly [string, string, number, string])[]
}

export type ToShard =
  | { readonly type: 'schema'; readonly schema: BatchSchema }
  | { readonly type: 'start'; readonly task: TaskSpec }
  | { readonly type: 'stop'; readonly key: number; readonly afterSeq: number; readonly mode: 'drain' | 'discard' }
  /** Calls Operator.control of one node; answered by `reply` when `request` ≥ 0. */
  | {
      readonly type: 'control'
      readonly key: number
      readonly node: number
      readonly request: number
      readonly body: unknown
    }
  | {
      readonly type: 'topicState'
      readonly topic: string
      readonly id: string
      readonly level: number
      readonly timeNs: string
    }
  | { readonly type: 'shutdown' }

export type FromShard =
  | { readonly type: 'ready'; readonly shard: number }
  | { readonly type: 'started'; readonly shard: number; readonly key: number; readonly error: string | null }
  | { readonly type: 'stopped'; readonly shard: number; readonly key: number; readonly discarded: number }
  | { readonly type: 'failed'; readonly shard: number; readonly key: number; readonly error: string }
  | { readonly type: 'reply'; readonly shard: number; readonly request: number; readonly body: unknown }
