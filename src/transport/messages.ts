/**
 * Everything that crosses between main and a shard by MessagePort: control, never points. Points, events and statistics go
 * through shared memory (ring.ts, output.ts, transport/stat-block.ts).
 *
 * Order: each ring entry carries the number of control messages that were posted before it was published; the shard handles
 * those first. `afterSeq` makes a command wait until the shard has processed every entry published before it. Thread: any.
 */
import type { MessagePort } from 'node:worker_threads'
import type { BatchSchema } from '../columns/batch-layout.js'
import type { MirroredStates } from '../state/topic-mirror.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { Route } from './routes.js'
import type { SharedSlots } from './slots.js'

/** The server as templates show it; the ids are UUIDs. */
export interface ServerInfo {
  readonly hostname: string
  readonly clusterId: string
  readonly serverId: string
}

/** What a worker is started with: the argument of its one Piscina task. */
export interface ShardInit {
  readonly shard: number
  readonly shards: number
  readonly port: MessagePort
  /** int32: 0, 1 once a thread has taken up the start, 2 once main has given it up. */
  readonly claim: SharedArrayBuffer
  readonly slots: SharedSlots
  readonly ring: SharedArrayBuffer
  readonly ringEntries: number
  readonly output: SharedArrayBuffer
  readonly stats: SharedArrayBuffer
  readonly statCells: number
  /** int32: a number that grows, and whether main waits for it: ring places or slots have become free. */
  readonly room: SharedArrayBuffer
  /** Bytes of the state's pages; the V8 heap and the scratch have been taken off. */
  readonly stateBytes: number
  readonly statePolicy: StatePolicy
  readonly taskPolicy: TaskPolicy
  /** Groups not seen for this long are evicted; 0 = never. */
  readonly idleGroupMs: number
  /** Default of `.closeAfter()` of windows and joins; 0 = only points close them. */
  readonly closeAfterMs: number
  readonly server: ServerInfo
  /** Where its thread can be debugged, 0: nowhere. */
  readonly inspectPort: number
  /** Control messages and entries before this worker's time: of the shard's earlier threads. */
  readonly controls: number
  readonly seq: number
  /** Main's clock at the start. */
  readonly startMs: number
  /** What the shard is to know before it takes an entry: schemas and tasks of its earlier threads. */
  readonly first: readonly ToShard[]
}

/** What happens when a shard's state reaches its budget; see shard/eviction.ts. */
export type StatePolicy = 'drop-oldest' | 'drop-newest' | 'block'

/**
 * What happens to a task that takes more than its share of a shard's time while writers wait for room: `block` holds the
 * writers (as the original does), `shed` drops the task's rows (counted) until it is within its share again.
 */
export type TaskPolicy = 'block' | 'shed'

/** What a shard needs to build a task by itself; it parses and plans the script again, deterministically. */
export interface TaskSpec {
  /** Number of this run of the task, unique in the process. */
  readonly key: number
  /** As the script sees it. */
  readonly id: string
  /** First part of the names of its nodes' own topics. */
  readonly taskMaster: string
  readonly type: 'stream' | 'batch'
  readonly script: string
  /** Task vars as given to the API (JSON). */
  readonly vars: Record<string, { type: string; value: unknown; description?: string }>
  readonly dbrps: readonly { db: string; rp: string }[]
  /** Start of the task's cells in the statistics block. */
  readonly statsOffset: number
  /** Routes that deliver to this task. */
  readonly routes: readonly Route[]
  /** By node index: OperatorContext.nodeData. */
  readonly nodeData?: ReadonlyMap<number, unknown>
  /** The configuration that deadmen are made with; absent: the defaults. */
  readonly deadman?: DeadmanDefaults
}

export type ToShard =
  | { readonly type: 'schemas'; readonly schemas: readonly BatchSchema[] }
  /** The schemas are not used by entries after `afterSeq`. */
  | { readonly type: 'forget'; readonly schemas: readonly number[]; readonly afterSeq: number }
  /** The task sees entries after `fromSeq` only. */
  | { readonly type: 'start'; readonly task: TaskSpec; readonly fromSeq: number }
  | { readonly type: 'stop'; readonly key: number; readonly afterSeq: number; readonly mode: 'drain' | 'discard' }
  /** Calls Operator.control of one node; answered by `reply` when `request` ≥ 0. */
  | {
      readonly type: 'control'
      readonly key: number
      readonly node: number
      readonly request: number
      readonly body: unknown
    }
  /** Alert states of a topic that some task on the shard reads. */
  | { readonly type: 'topicStates'; readonly states: MirroredStates }
  /** None of its states are left, or no task that reads them. */
  | { readonly type: 'topicGone'; readonly topic: string }
  /** Main has told all that has changed by the frames in the shard's output ring up to `read`. */
  | { readonly type: 'topicStatesSent'; readonly read: number }
  | { readonly type: 'shutdown' }

export type FromShard =
  | { readonly type: 'ready'; readonly shard: number }
  | { readonly type: 'started'; readonly shard: number; readonly key: number; readonly error: string | null }
  | { readonly type: 'stopped'; readonly shard: number; readonly key: number }
  | { readonly type: 'failed'; readonly shard: number; readonly key: number; readonly error: string }
  | {
      readonly type: 'reply'
      readonly shard: number
      readonly request: number
      readonly body: unknown
      readonly error: string | null
    }
