/**
 * Plans tasks and starts their runs, and tells each run what the engine says of it. Thread: main. A live task is run under its
 * own id, a replay under an id that no task can have.
 */

import { evaluateScript } from '../compile/evaluate-script.js'
import type { Engine } from '../engine/engine-api.js'
import type { RunFollower } from '../engine/run-part.js'
import { ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { edgeMismatches } from '../plan/edges.js'
import { planTask } from '../plan/plan.js'
import type { TaskPlan } from '../plan/task-plan.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { type RunRecord, TaskRun } from './task-run.js'

export class TaskRunner {
  /** Those that have begun to start and not ended. */
  private readonly runs = new Map<number, TaskRun>()
  /** Frames of runs that had ended. */
  lateFrames = 0

  constructor(
    private readonly engine: Engine,
    private readonly followers: readonly RunFollower[],
    private readonly log: Log,
    private readonly deadman?: DeadmanDefaults,
  ) {
    engine.onTaskFailed((key, _id, error) => this.runs.get(key)?.failed(error))
    engine.onFrame((frame) => {
      if (this.runs.get(frame.taskKey)?.onFrame(frame) !== true) this.lateFrames++
    })
    engine.onShardRestarted((shard) => {
      for (const run of this.runs.values()) run.shardRestarted(shard)
    })
  }

  get shards(): number {
    return this.engine.shards
  }

  /**
   * Throws what keeps the task from running; everything is cleaned up then. `onFailed`: the run has failed later, its owner
   * has to stop it.
   */
  async start(record: RunRecord, onFailed: (run: TaskRun) => void): Promise<TaskRun> {
    const { engine, followers, log, deadman } = this
    const run = new TaskRun(record, this.plan(record), { engine, followers, log, deadman }, onFailed)
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

  /** The plan of a task; throws what its script or its nodes say against it. */
  plan(record: RunRecord): TaskPlan {
    const { pipeline } = evaluateScript(record.script, record.vars, { deadman: this.deadman })
    for (const node of pipeline.nodes) {
      node.def.check?.(node, { dbrps: record.dbrps })
      const [mismatch] = edgeMismatches(node)
      if (mismatch !== undefined) throw new ShardlineError('edges', mismatch, 500)
    }
    return planTask(pipeline, { taskId: record.taskId ?? record.id, shards: this.engine.shards })
  }
}

/** As the API answers a start that failed. */
export function startError(err: unknown, text: string): ShardlineError {
  return new ShardlineError(err instanceof ShardlineError ? err.code : 'task-start', text, 500)
}
