/**
 * What a shard gives to a task's operators: statistics, timers, groupings, errors and drops. Thread: shard worker.
 *
 * TaskRuntime   one per task and shard: hands out a NodeContext per node and an edge counter per edge, and closes the
 *               accounts of each delivery: rows = processed + Σ dropped
 * NodeContext   the OperatorContext of one node
 */

import { LogLimit } from '../log-limit.js'
import type { NodeStats, Operator, OperatorContext, Outbox } from '../operators/operator.js'
import { taskLayout } from '../plan/task-layout.js'
import type { PlannedNode, TaskPlan } from '../plan/task-plan.js'
import { Grouping } from '../state/grouping.js'
import { type ShardMemory, StateAllocator } from '../state/pages.js'
import type { TimerSet, TimerWheel } from '../state/timer-wheel.js'
import type { TopicMirror, TopicStates } from '../state/topic-mirror.js'
import type { ServerInfo, TaskSpec } from '../transport/messages.js'
import type { DropReason } from '../transport/stat-block.js'
import { type NodeCells, ShardCell, type StatPart, TaskCell, type TaskLayout } from '../transport/stat-block.js'
import { instrument } from './exec-timer.js'
import { TaskClock } from './task-clock.js'
import type { Turn } from './turn.js'

/** The shard's side of the output ring. */
export interface ShardOutbox {
  send(type: number, taskKey: number, nodeIndex: number, payload: Uint8Array): void
}

export type LogLevel = 'debug' | 'info' | 'error'

/** What every task of a shard is built with. */
export interface ShardEnv {
  readonly shard: number
  readonly shards: number
  readonly memory: ShardMemory
  readonly wheel: TimerWheel
  readonly outbox: ShardOutbox
  readonly stats: StatPart
  /** Non-OK alert states, mirrored from main. */
  readonly topics: TopicMirror
  readonly server: ServerInfo
  /** Default of `.closeAfter()`, ms. */
  readonly closeAfterMs: number
  now(): number
  /** A line for main's log. `taskKey` 0: of the shard itself. */
  log(taskKey: number, nodeIndex: number, level: LogLevel, msg: string, keys: Record<string, string>): void
  /** Names the task that runs from here on, should the thread die of it; 0: none. */
  enter(taskKey: number): void
  /** A callback of the task threw: stops it everywhere. */
  fail(taskKey: number, err: unknown): void
  /** Begins anew with each `enter`. */
  readonly turn: Turn
}

export class TaskRuntime {
  readonly layout: TaskLayout
  readonly groupings: Grouping[] = []
  readonly contexts: NodeContext[] = []
  readonly clock: TaskClock
  /** Rows of the chunk being delivered that are not accounted for yet. */
  private open = 0

  constructor(
    readonly env: ShardEnv,
    readonly spec: TaskSpec,
    readonly plan: TaskPlan,
  ) {
    this.layout = taskLayout(plan)
    this.clock = new TaskClock(() => env.now(), env.shard, env.shards)
  }

  /** The context of a node. Make one per operator instance. */
  context(planned: PlannedNode): NodeContext {
    const c = new NodeContext(this, planned)
    this.contexts.push(c)
    return c
  }

  /** Counters of the edges from a node to its children, in their order. */
  edgeCounters(planned: PlannedNode): ((n: number) => void)[] {
    const { name } = planned.node
    const { turn } = this.env
    return this.layout.edges
      .filter((e) => e.parent === planned.index)
      .map((e) => {
        const count = this.env.stats.edge(this.spec.statsOffset, e)
        return (n) => {
          turn.check(name)
          count(n)
        }
      })
  }

  /** Measures the operator's own time per row; call once per operator, before the first chunk. */
  instrument(operator: Operator): void {
    instrument(operator)
  }

  /** Brackets the delivery of `rows` rows: what is not dropped meanwhile has been processed. */
  begin(rows: number): void {
    this.open = rows
  }

  end(): void {
    this.env.stats.addTask(this.spec.statsOffset, TaskCell.processed, this.open)
    this.open = 0
  }

  /** Counts rows of the current delivery as dropped. A row that several branches drop is counted once. */
  drop(reason: DropReason, n: number): void {
    const counted = Math.min(n, this.open)
    if (counted === 0) return
    this.open -= counted
    this.env.stats.drop(this.spec.statsOffset, reason, counted)
  }

  /** The rest of the current delivery was lost to an error. */
  abandon(): void {
    this.drop('error', this.open)
  }

  get stateBytes(): number {
    let bytes = 0
    for (const c of this.contexts) bytes += c.state.bytes
    return bytes
  }

  /** Requests for memory that the budget has refused to the task. */
  get refused(): number {
    let n = 0
    for (const c of this.contexts) n += c.state.refused
    return n
  }

  countEvictedRows(n: number): void {
    this.env.stats.addTask(this.spec.statsOffset, TaskCell.evictedRows, n)
    this.env.stats.add(ShardCell.evictedRows, n)
  }

  countEvictedGroups(n: number): void {
    this.env.stats.addTask(this.spec.statsOffset, TaskCell.evictedGroups, n)
    this.env.stats.add(ShardCell.evictedGroups, n)
  }

  get groups(): number {
    let n = 0
    for (const g of this.groupings) n += g.size
    return n
  }

  /** Writes the task's gauges. */
  publish(): void {
    const { stats } = this.env
    const { statsOffset } = this.spec
    stats.set(statsOffset + TaskCell.groups, this.groups)
    stats.set(statsOffset + TaskCell.stateBytes, this.stateBytes)
    for (const c of this.contexts) c.publish()
  }

  /** Releases what the contexts have handed out, for operators that do not. */
  dispose(): void {
    for (const c of this.contexts) c.dispose()
    for (const g of this.groupings) g.dispose()
    this.groupings.length = 0
  }
}

export class NodeContext implements OperatorContext {
  readonly taskId: string
  readonly taskMaster: string
  readonly nodeName: string
  readonly nodeIndex: number
  readonly shard: number
  readonly shards: number
  readonly stats: NodeStats
  readonly state: StateAllocator
  readonly outbox: Outbox
  readonly topicStates: TopicStates
  readonly server: ServerInfo
  readonly nodeData: unknown
  readonly nowNs: () => bigint
  readonly closeAfterMs: number
  private readonly cells: NodeCells
  private readonly quiet: boolean
  private readonly timerSets: TimerSet[] = []
  private readonly errorLines = new LogLimit()

  constructor(
    private readonly task: TaskRuntime,
    planned: PlannedNode,
  ) {
    const { env, spec } = task
    this.taskId = spec.id
    this.taskMaster = spec.taskMaster
    this.nodeName = planned.node.name
    this.nodeIndex = planned.index
    this.quiet = planned.node.quiet
    this.shard = env.shard
    this.shards = env.shards
    this.cells = env.stats.node(spec.statsOffset, task.layout.nodes[planned.index])
    this.stats = {
      add: (name, n) => {
        this.cells.add(name, n)
        if (name === 'evicted_rows') task.countEvictedRows(n)
      },
      set: (name, v) => this.cells.set(name, v),
    }
    this.state = new StateAllocator(env.memory)
    this.topicStates = env.topics
    this.server = env.server
    this.nowNs = task.clock.nowNs
    this.closeAfterMs = env.closeAfterMs
    this.nodeData = spec.nodeData?.get(planned.index)
    const key = spec.key
    this.outbox = { send: (type, nodeIndex, payload) => env.outbox.send(type, key, nodeIndex, payload) }
  }

  now(): number {
    return this.task.env.now()
  }

  timers(onTimer: (group: number, nowMs: number) => void): TimerSet {
    const { env, spec } = this.task
    const set = env.wheel.add(this.state, (group, nowMs) => {
      env.enter(spec.key)
      try {
        onTimer(group, nowMs)
      } catch (err) {
        env.fail(spec.key, err)
      }
      env.enter(0)
    })
    this.timerSets.push(set)
    return set
  }

  grouping(opts: { dims: readonly string[] | null; byName: boolean }): Grouping {
    const g = new Grouping(this.state, opts.dims, opts.byName)
    this.task.groupings.push(g)
    return g
  }

  error(msg: string, err: string, n = 1, extra?: Record<string, string>): void {
    this.cells.add('errors', n)
    if (this.quiet || !this.errorLines.may()) return
    const keys: Record<string, string> = { task: this.taskId, node: this.nodeName, ...extra, err }
    const { suppressed } = this.errorLines.suppressed()
    if (suppressed !== undefined) keys.suppressed = String(suppressed)
    this.task.env.log(this.task.spec.key, this.nodeIndex, 'error', msg, keys)
  }

  log(level: LogLevel, msg: string, keys: Record<string, string>): void {
    this.task.env.log(this.task.spec.key, this.nodeIndex, level, msg, {
      task: this.taskId,
      node: this.nodeName,
      ...keys,
    })
  }

  dropped(reason: DropReason, n: number): void {
    this.task.drop(reason, n)
  }

  /** Reports the bytes of state. */
  publish(): void {
    const { env, spec, layout } = this.task
    env.stats.set(spec.statsOffset + layout.nodes[this.nodeIndex].state, this.state.bytes)
  }

  dispose(): void {
    for (const t of this.timerSets) t.dispose()
    this.timerSets.length = 0
  }
}
