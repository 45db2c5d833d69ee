/**
 * Plans tasks and starts their runs, and tells each run what the engine says of it. Thread: main. A live task is run under its
 * own id, a replay under an id that no task can have.
 */
import type { Compiler, PlannedTask } from '../compile/compiler.js'
import type { Engine } from '../engine/engine-api.js'
import type { RunFollower } from '../engine/run-part.js'
import { ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import type { TaskOutline } from '../plan/task-outline.js'
import { type RunRecord, TaskRun } from './task-run.js'

export interface TaskRunnerParts {
  readonly engine: Engine
  readonly compiler: Compiler
  readonly followers: readonly RunFollower[]
  readonly log: Log
}

export class TaskRunner {
  /** Those that have begun to start and not ended. */
  private readonly runs = new Map<number, TaskRun>()
  /** Frames of runs that had ended. */
  lateFrames = 0

  constructor(private readonly parts: TaskRunnerParts) {
    const { engine } = parts
    engine.onTaskFailed((key, _id, error) => this.runs.get(key)?.failed(error))
    engine.onFrame((frame) => {
      if (this.runs.get(frame.taskKey)?.onFrame(frame) !== true) this.lateFrames++
    })
    engine.onShardRestarted((shard) => {
      for (const run of this.runs.values()) run.shardRestarted(shard)
    })
  }

  get shards(): number {
    return this.parts.engine.shards
  }

  /**
   * Throws what keeps the task from running; everything is cleaned up then. `onFailed`: the run has failed later, its owner
   * has to stop it.
   */
  async start(record: RunRecord, onFailed: (run: TaskRun) => void): Promise<TaskRun> {
    const { engine, compiler, followers, log } = this.parts
    const outline = await this.plan(record)
    const run = new TaskRun(record, outline, { engine, followers, log, deadman: compiler.deadman }, onFailed)
    this.runs.set(run.key, run)
    try {
      await run.start()
    } catch (err) {
      this.runs.delete(run.key)
      throw err
    }
    return run
  }

  async stop(run: TaskRun, mode: 'drain' | 'discard'): Promise<void> {
    await run.stop(mode)
    this.runs.delete(run.key)
  }

  /** The plan of a task; rejects with what its script or its nodes say against it. */
  plan(record: RunRecord): Promise<TaskOutline> {
    return this.parts.compiler.plan(this.planned(record))
  }

  explain(record: RunRecord, form: 'json' | 'text'): Promise<string> {
    return this.parts.compiler.explain(this.planned(record), form)
  }

  private planned({ script, vars, dbrps, id, taskId = id }: RunRecord): PlannedTask {
    return { script, vars, dbrps, taskId, shards: this.shards }
  }
}

/** As the API answers a start that failed. */
export function startError(err: unknown, text: string): ShardlineError {
  return new ShardlineError(err instanceof ShardlineError ? err.code : 'task-start', text, 500)
}
