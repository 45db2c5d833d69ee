/**
 * One run of a task: its start, the parts of main that follow it (engine/run-part.ts), its failure and its end. Thread: main.
 *
 * A run ends once, however many ask for it, and everything of it has ended when `stop` resolves: only then may the task's
 * next run start, for topics and pages are named after tasks.
 */

import type { Engine, OutputFrame, RunningTask, StartTask } from '../engine/engine-api.js'
import type { RunFollower, RunInfo, RunPart, RunStart } from '../engine/run-part.js'
import { errorText, ShardlineError, TaskFailure } from '../errors.js'
import type { Log } from '../log.js'
import { closedByTime } from '../operators/kit/close-after.js'
import type { TaskOutline } from '../plan/task-outline.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { TaskStatsView } from '../transport/stats-view.js'
import type { TaskRecord } from './task-record.js'

/** What a run is made of; a stored task is one. */
export interface RunRecord extends Pick<TaskRecord, 'id' | 'type' | 'script' | 'vars' | 'dbrps'> {
  /** The task's id as scripts see it, where the run has another one. */
  readonly taskId?: string
  /** First part of the anonymous topics' names; `main` by default. */
  readonly taskMaster?: string
}

export interface RunTools {
  readonly engine: Engine
  readonly followers: readonly RunFollower[]
  readonly log: Log
  readonly deadman: DeadmanDefaults | undefined
}

/** How long what a run has sent out may take to leave, and where the run's last rows are not wanted either. */
const drainMs = 5000
const discardedDrainMs = 1000

export class TaskRun {
  readonly key: number
  /** What the run failed with; '' while it has not. */
  error = ''
  private readonly parts: RunPart[] = []
  /** By type of frame. */
  private readonly takers = new Map<number, RunPart>()
  private running: RunningTask | null = null
  private ending: Promise<void> | null = null

  constructor(
    readonly record: RunRecord,
    readonly plan: TaskOutline,
    private readonly tools: RunTools,
    /** The run has failed after its start; it is still to be stopped. */
    private readonly onFailed: (run: TaskRun) => void,
  ) {
    this.key = tools.engine.newKey()
  }

  /** Whether the run is live: started, neither failed nor being stopped. */
  get executing(): boolean {
    return this.running !== null && this.error === '' && this.ending === null
  }

  /** Throws what keeps the task from running; then everything has ended. */
  async start(): Promise<void> {
    try {
      await this.open()
    } catch (err) {
      await this.stop('discard')
      throw err
    }
  }

  private async open(): Promise<void> {
    const { record, plan, key } = this
    const { engine, followers, deadman } = this.tools
    const taskId = record.taskId ?? record.id
    const taskMaster = record.taskMaster ?? 'main'
    const info: RunInfo = { key, id: record.id, taskId, taskMaster, dbrps: record.dbrps, plan }
    for (const follower of followers) {
      const part = follower.partOf(info)
      if (part === null) continue
      this.parts.push(part)
      for (const type of part.takes) this.takers.set(type, part)
    }
    const start: RunStart = { nodeData: new Map(), alertStates: [] }
    for (const part of this.parts) await part.prepare(start)
    const running = await engine.startTask({
      key,
      id: record.id,
      taskId,
      taskMaster,
      type: record.type,
      script: record.script,
      vars: record.vars as StartTask['vars'],
      dbrps: record.dbrps,
      plan,
      alertStates: () => start.alertStates.flatMap((states) => states()),
      nodeData: start.nodeData,
      deadman,
    })
    if (this.error !== '') throw new ShardlineError('task-start', this.error)
    this.running = running
    for (const part of this.parts) this.announce(part, running)
  }

  /** A node that fails once it runs does not undo the start: as in the original, the task stops with an error afterwards. */
  private announce(part: RunPart, running: RunningTask): void {
    try {
      part.started(running)
    } catch (err) {
      if (!(err instanceof TaskFailure)) throw err
      setImmediate(() => this.tools.engine.failTask(this.key, err.message))
    }
  }

  /** The engine has stopped the run. */
  failed(error: string): void {
    if (this.error !== '' || this.ending !== null) return
    this.error = error
    if (this.running !== null) this.onFailed(this)
  }

  /** False: no part of the run takes such a frame. */
  onFrame(frame: OutputFrame): boolean {
    const part = this.takers.get(frame.type)
    part?.onFrame(frame)
    return part !== undefined
  }

  shardRestarted(shard: number): void {
    if (this.ending !== null) return
    for (const part of this.parts) part.shardRestarted(shard)
  }

  /** drain: what was written before is processed; discard: it is not. Never rejects. */
  stop(mode: 'drain' | 'discard'): Promise<void> {
    this.ending ??= this.end(mode)
    return this.ending
  }

  private async end(mode: 'drain' | 'discard'): Promise<void> {
    const { engine } = this.tools
    const deadlineMs = mode === 'drain' ? drainMs : discardedDrainMs
    if (this.running !== null) await this.guarded(() => engine.stopTask(this.key, mode))
    await Promise.all(this.parts.map((part) => this.guarded(() => part.draining(deadlineMs))))
    for (const part of this.parts) await this.guarded(() => part.stopped())
  }

  /** One part that fails to end keeps no other from it. */
  private async guarded(end: () => void | Promise<void>): Promise<void> {
    try {
      await end()
    } catch (err) {
      this.tools.log.error('failed to clean up after a task', { task: this.record.id, err: errorText(err) })
    }
  }

  /** A request to a node's operators, answered by every shard. */
  async control(nodeIndex: number, body: unknown): Promise<void> {
    await this.running?.control(nodeIndex, body)
  }

  /** Points that were delivered and not taken yet. */
  get pointsWaiting(): number {
    return this.running?.stats().inRing ?? 0
  }

  /** Statistics, main's own counters included; undefined when it does not run. */
  stats(): TaskStatsView | undefined {
    return this.running === null || !this.executing ? undefined : this.withCounters(this.running.stats())
  }

  private withCounters(stats: TaskStatsView): TaskStatsView {
    const nodes = stats.nodes.map((node, index) => {
      const counters = { ...node.counters }
      for (const part of this.parts) {
        for (const [name, n] of Object.entries(part.countersOf(index))) counters[name] = (counters[name] ?? 0) + n
      }
      // Counters that the original does not have appear once they have counted something.
      for (const name of Object.keys(counters)) if (isOwn(name) && counters[name] === 0) delete counters[name]
      return { ...node, counters }
    })
    const order = new Map(stats.nodes.map((node, index) => [node.name, index]))
    const edges = [...stats.edges].sort(
      (a, b) => order.get(a.parent)! - order.get(b.parent)! || order.get(a.child)! - order.get(b.child)!,
    )
    return { ...stats, nodes, edges }
  }
}

/** Whether the original has no such counter. */
function isOwn(name: string): boolean {
  return name.startsWith('evicted_') || name === closedByTime
}
