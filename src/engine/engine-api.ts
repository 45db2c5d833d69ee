/**
 * What the rest of the main thread (API, tasks, UDP service, metrics) sees of the data plane. Implemented by engine/engine.ts. Thread: main.
 */
import type { TaskOutline } from '../plan/task-outline.js'
import type { MirroredStates } from '../state/topic-mirror.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { TaskStatsView } from '../transport/stats-view.js'

export type Precision = 'n' | 'u' | 'ms' | 's' | 'm' | 'h'

export interface WriteRequest {
  readonly db: string
  readonly rp: string
  readonly precision: Precision
  /** The whole uncompressed body. Copied before the call returns, or held while the write waits for room. */
  readonly body: Uint8Array
  readonly source: 'http' | 'udp' | 'loopback'
}

/** 204: published in order. 400: nothing was published, `error` holds all lines' texts. 503: no room, nothing published. */
export interface WriteResult {
  readonly status: 204 | 400 | 503
  readonly points: number
  readonly error: string
}

export interface StartTask {
  /** Of Engine.newKey(). */
  readonly key: number
  /** Names the run on main: in logs, frames and failures. */
  readonly id: string
  /** The task's id as its script sees it; `id` by default. */
  readonly taskId?: string
  /** First part of the names of its nodes' own topics; `main` by default. */
  readonly taskMaster?: string
  readonly type: 'stream' | 'batch'
  readonly script: string
  readonly vars: Record<string, { type: string; value: unknown; description?: string }>
  readonly dbrps: readonly { db: string; rp: string }[]
  readonly plan: TaskOutline
  /** What groups are restored from, for a shard that builds the task again; the first time it was told before. */
  readonly alertStates: () => readonly MirroredStates[]
  /** By node index, for the operators; cloned. Changes reach shards that are started again after a crash. */
  readonly nodeData?: ReadonlyMap<number, unknown>
  /** As in TaskSpec. */
  readonly deadman?: DeadmanDefaults
}

export interface ShardStatsView {
  readonly shard: number
  readonly ringEntries: number
  readonly ringCapacity: number
  readonly stateBytes: number
  readonly budgetBytes: number
  readonly groups: number
  readonly evictedGroups: number
  readonly evictedRows: number
  readonly processedRows: number
  /** What it remembers of tasks, routes, schemas and alert states. */
  readonly known: {
    readonly tasks: number
    readonly routes: number
    readonly schemas: number
    readonly alertStates: number
  }
  /** Main's clock minus the stamp the shard has processed, ms. */
  readonly lagMs: number
  /** Times its thread has died and was started again. */
  readonly restarts: number
  /** Frames to main that were too long or came after the close. */
  readonly refusedFrames: number
}

export interface EngineStatsView {
  readonly shards: readonly ShardStatsView[]
  readonly acceptedPoints: number
  readonly unmatchedPoints: number
  readonly routedPoints: number
  readonly rejectedRequests: number
  readonly overloadedRequests: number
  /** Rows of sheddable sources dropped from the shards' rings. */
  readonly shedRows: number
  /** Writes waiting for room. */
  readonly waitingRequests: number
  readonly waitingBytes: number
  /** What main remembers; all of it bounded, or gone with the tasks it belongs to. */
  readonly known: {
    readonly runs: number
    readonly routes: number
    readonly schemas: number
    readonly tables: number
    readonly scopes: number
  }
  readonly slotsInUse: number
  readonly slots: number
  /** Per (db, rp, measurement), bounded; for `stats ingress`. */
  readonly ingress: readonly { db: string; rp: string; measurement: string; points: number }[]
}

export interface RunningTask {
  readonly key: number
  readonly id: string
  readonly stats: () => TaskStatsView
  /** Calls Operator.control on every shard; answers by shard. */
  readonly control: (nodeIndex: number, body: unknown) => Promise<unknown[]>
  /**
   * Sends something to the operator that sent the frame; nothing comes back. False: the thread it ran on has died, and what
   * it asked for means nothing to the operator that has taken its place.
   */
  readonly reply: (to: FrameOrigin, body: unknown) => boolean
}

/** The operator that sent a frame. */
export interface FrameOrigin {
  readonly shard: number
  /** Threads that the shard had before the one that sent the frame. */
  readonly life: number
  readonly nodeIndex: number
}

/** A frame of the output ring. `payload` is valid during the call only. */
export interface OutputFrame extends FrameOrigin {
  readonly type: number
  readonly taskKey: number
  readonly taskId: string
  readonly payload: Uint8Array
}

export interface Engine {
  readonly shards: number
  write(request: WriteRequest): WriteResult | Promise<WriteResult>
  /** A number for a run that is about to be started. */
  newKey(): number
  /** Resolves when every shard runs the task; rejects (ShardlineError) when one could not build it. */
  startTask(task: StartTask): Promise<RunningTask>
  /** drain: process all earlier rows and flush; discard: drop and count them. Bounded by a deadline. */
  stopTask(key: number, mode: 'drain' | 'discard'): Promise<void>
  /** A part of a running task that lives on main has failed: stops the task and tells the failure handlers. */
  failTask(key: number, error: string): void
  /** Tells the shards alert states, for groups to restore theirs from. */
  mirrorTopicStates(states: MirroredStates): void
  /** No run of the topic is left, or it has no states any more. */
  forgetTopicStates(topic: string): void
  /** How far the frames of each shard were handled. */
  outputRead(): readonly number[]
  /** All states that changed by frames up to `read` were told. */
  topicStatesSent(read: readonly number[]): void
  /** Gets every frame that the shards send but log lines, in the order in which each shard sent them. */
  onFrame(handler: (frame: OutputFrame) => void): void
  /** A task failed at run time on some shard; it has been stopped on all. */
  onTaskFailed(handler: (key: number, id: string, error: string) => void): void
  /** A shard's thread has died; called after all that it sent was handed on, before the next one builds its tasks. */
  onShardRestarted(handler: (shard: number) => void): void
  stats(): EngineStatsView
  /** Stops intake, drains the rings within the deadline, stops the shards. */
  close(deadlineMs: number): Promise<void>
}
