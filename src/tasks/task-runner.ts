/**
 * Starts and stops runs of tasks on the engine and tells the parts that follow them: alerts, httpOut pages, httpPost requests.
 * Main thread. A live task is run under its own id, a replay under an id that no task can have.
 */
import { ShardlineError, TaskFailure } from '../errors.js'
import { edgeMismatches } from '../plan/edges.js'
import { planTask } from '../plan/plan.js'
import type { TaskPlan } from '../plan/task-plan.js'
import type { Engine, RunningTask, StartTask, TaskStatsView } from '../route/engine-api.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import { compileScript } from './compile-script.js'
import type { TaskRecord } from './task-record.js'

/** What a run is made of; a stored task is one. */
export interface RunRecord extends Pick<TaskRecord, 'id' | 'type' | 'script' | 'vars' | 'dbrps'> {
  /** The task's id as scripts see it, where the run has another one. */
  readonly taskId?: string
  /** First part of the anonymous topics' names; `main` by default. */
  readonly taskMaster?: string
}

/** Parts that follow the life of runs. */
export interface TaskObserver {
  /** The first thing that happens: fetches what nodes need, into `nodeData` by node index. May throw: the task does not start. */
  prepare?(task: RunRecord, plan: TaskPlan, nodeData: Map<number, unknown>): Promise<void>
  /** Before the shards build the task; what it returns of alert states goes with it. May throw: the task does not start. */
  starting?(task: RunRecord, plan: TaskPlan): StartTask['alertStates']
  /** May throw: a TaskFailure stops the task afterwards, anything else undoes the start. */
  started?(running: RunningTask, task: RunRecord, plan: TaskPlan): void
  /** After the shards have stopped it, or after a start that failed (then `running` may be missing). */
  stopped?(task: RunRecord, deleted: boolean, running: RunningTask | undefined): void | Promise<void>
  /** Counters of a node that main keeps, added to those of the shards. */
  countersOf?(taskKey: number, nodeIndex: number): Readonly<Record<string, number>>
}

export interface Run {
  readonly running: RunningTask
  readonly plan: TaskPlan
}

export class TaskRunner {
  readonly #observers: readonly TaskObserver[]

  constructor(
    private readonly engine: Engine,
    observers: readonly TaskObserver[],
    private readonly deadman?: DeadmanDefaults,
  ) {
    this.#observers = [...observers]
  }

  /** Throws what keeps the task from running; everything is cleaned up then. */
  async start(record: RunRecord): Promise<Run> {
    let announced = false
    let running: RunningTask | undefined
    try {
      const plan = this.plan(record)
      announced = true
      const nodeData = new Map<number, unknown>()
      for (const o of this.#observers) await o.prepare?.(record, plan, nodeData)
      const alertStates = this.#observers.flatMap((o) => [...(o.starting?.(record, plan) ?? [])])
      running = await this.engine.startTask({
        id: record.id,
        taskId: record.taskId ?? record.id,
        taskMaster: record.taskMaster ?? 'main',
        type: record.type,
        script: record.script,
        vars: record.vars as StartTask['vars'],
        dbrps: record.dbrps,
        plan,
        alertStates,
        nodeData,
        deadman: this.deadman,
      })
      this.announce(running, record, plan)
      return { running, plan }
    } catch (err) {
      if (running !== undefined) await this.engine.stopTask(running.key, 'discard')
      if (announced) await this.stopped(record, false, running)
      throw err
    }
  }

  /** A node that fails once it runs does not undo the start: as in the original, the task stops with an error afterwards. */
  private announce(running: RunningTask, record: RunRecord, plan: TaskPlan): void {
    for (const o of this.#observers) {
      try {
        o.started?.(running, record, plan)
      } catch (err) {
        if (!(err instanceof TaskFailure)) throw err
        setImmediate(() => this.engine.failTask(running.key, err.message))
      }
    }
  }

  get shards(): number {
    return this.engine.shards
  }

  /** The plan of a task; throws what its script or its nodes say against it. */
  plan(record: RunRecord): TaskPlan {
    const { pipeline } = compileScript(record.script, record.vars, this.deadman)
    for (const node of pipeline.nodes) {
      node.def.check?.(node, { dbrps: record.dbrps })
      const [mismatch] = edgeMismatches(node)
      if (mismatch !== undefined) throw new ShardlineError('edges', mismatch, 500)
    }
    return planTask(pipeline, { taskId: record.taskId ?? record.id, shards: this.engine.shards })
  }

  async stop(
    record: RunRecord,
    running: RunningTask | undefined,
    mode: 'drain' | 'discard',
    deleted: boolean,
  ): Promise<void> {
    if (running !== undefined) await this.engine.stopTask(running.key, mode)
    await this.stopped(record, deleted, running)
  }

  /** For a run that the engine has stopped by itself. */
  async stopped(record: RunRecord, deleted: boolean, running: RunningTask | undefined): Promise<void> {
    for (const o of this.#observers) await o.stopped?.(record, deleted, running)
  }

  /** Statistics of a run, main's own counters included. */
  statsOf(running: RunningTask): TaskStatsView {
    const stats = running.stats()
    const nodes = stats.nodes.map((node, index) => {
      const counters = { ...node.counters }
      for (const o of this.#observers) {
        for (const [name, n] of Object.entries(o.countersOf?.(running.key, index) ?? {})) {
          counters[name] = (counters[name] ?? 0) + n
        }
      }
      // Counters that the original does not have appear once they have counted something.
      for (const name of Object.keys(counters))
        if (name.startsWith('evicted_') && counters[name] === 0) delete counters[name]
      return { ...node, counters }
    })
    const order = new Map(stats.nodes.map((node, index) => [node.name, index]))
    const edges = [...stats.edges].sort(
      (a, b) => order.get(a.parent)! - order.get(b.parent)! || order.get(a.child)! - order.get(b.child)!,
    )
    return { ...stats, nodes, edges }
  }
}

/** As the API answers a start that failed. */
export function startError(err: unknown, text: string): ShardlineError {
  return new ShardlineError(err instanceof ShardlineError ? err.code : 'task-start', text, 500)
}
