/**
 * What follows one run of a task on main beside the engine: its alerts, its pages, its requests to the outside. Thread: main.
 *
 * A part is made for one run and never used again, and what it keeps belongs to that run alone. Its calls, in order:
 *
 *   prepare → started → draining → stopped        shardRestarted: any number of times between prepare and draining
 *
 * `draining` and `stopped` follow exactly once for every part that was made, whatever was called before and whatever of it
 * threw: a start that fails goes from where it stands to `draining`. No call is optional: who has nothing to do says so.
 */
import type { TaskOutline } from '../plan/task-outline.js'
import type { MirroredStates } from '../state/topic-mirror.js'
import type { FrameType } from '../transport/output.js'
import type { OutputFrame, RunningTask } from './engine-api.js'

/** A run before it runs. */
export interface RunInfo {
  /** Number of the run: frames of the shards carry it. Never used again. */
  readonly key: number
  /** Names the run on main: the task's id, or a name that no task can have. */
  readonly id: string
  /** The task's id as its script sees it. */
  readonly taskId: string
  /** First part of the names of its nodes' own topics. */
  readonly taskMaster: string
  readonly dbrps: readonly { readonly db: string; readonly rp: string }[]
  readonly plan: TaskOutline
}

/** What parts give to the shards with the task. Also given to a shard that is started again, as it is by then. */
export interface RunStart {
  /** By node index: OperatorContext.nodeData. */
  readonly nodeData: Map<number, unknown>
  /** Asked when a shard builds the task again. */
  readonly alertStates: (() => readonly MirroredStates[])[]
}

export interface RunPart {
  /** The kinds of frames of the run's shards that are this part's. No other part of the run takes them. */
  readonly takes: readonly FrameType[]
  /** A frame of one of these kinds: from the end of `prepare` on, until `draining`. */
  onFrame(frame: OutputFrame): void
  /** Fetches and makes what the run needs. May throw: the task does not start. Frames may come from here on. */
  prepare(start: RunStart): Promise<void>
  /** All shards run the task. May throw: a TaskFailure stops the task afterwards, anything else undoes the start. */
  started(running: RunningTask): void
  /**
   * A shard's thread has died with what it knew of the run. Everything it has sent was handed on before; the next thread
   * builds the task afterwards.
   */
  shardRestarted(shard: number): void
  /** The shards have stopped the run: no frames come any more. Lets go out what waits, within the deadline. */
  draining(deadlineMs: number): Promise<void>
  /** The last call. */
  stopped(): void
  /** Counters of a node that main keeps, added to those of the shards. */
  countersOf(nodeIndex: number): Readonly<Record<string, number>>
}

/** Makes the parts of runs. */
export interface RunFollower {
  /** null: the run has no node that this follows. */
  partOf(run: RunInfo): RunPart | null
}

/** For parts without frames. */
export const noFrames = { takes: [], onFrame: () => {} }
/** No counters of its own. */
export const noCounters: Readonly<Record<string, number>> = {}
