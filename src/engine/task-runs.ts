/**
 * The running tasks: starting and stopping them on all shards, their routes, requests to their operators, their accounts.
 * Thread: main.
 *
 * A run is one enabling of a task; its key is never used again. Start: the routes change first, so whatever is published
 * after the command is delivered; the shards skip entries published before (`fromSeq`). Stop: the routes go first, then every
 * shard finishes what was published before (drain) or drops it (discard). Both answer when every shard has.
 *
 * A shard without a thread (ShardHandle.isDown) answers nothing: whatever waits for it is answered here when the thread dies,
 * and what is asked of it later at once; a task that is started meanwhile waits for the next thread.
 */
import { within } from '../deadline.js'
import { ShardlineError } from '../errors.js'
import type { PreparedBatch } from '../ingest/line-writer.js'
import type { Tables } from '../ingest/tables.js'
import type { Log } from '../log.js'
import { taskLayout } from '../plan/task-layout.js'
import type { FromShard, TaskSpec, ToShard } from '../transport/messages.js'
import type { Route, Subscription } from '../transport/routes.js'
import { dropReasons, type StatBlock, TaskCell, type TaskLayout } from '../transport/stat-block.js'
import type { TaskStatsView } from '../transport/stats-view.js'
import type { FrameOrigin, RunningTask, StartTask } from './engine-api.js'
import { Routing } from './routing.js'
import type { ShardHandle } from './shard-handle.js'

const shardDown = 'the shard has crashed and is started again'

/** Collects one answer per shard. */
class Answers<T> {
  readonly done: Promise<T[]>
  private readonly values: T[]
  private readonly missing: Set<number>
  private resolve!: (v: T[]) => void

  constructor(shards: number) {
    this.values = new Array<T>(shards)
    this.missing = new Set(Array.from({ length: shards }, (_, s) => s))
    this.done = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  set(shard: number, value: T): void {
    if (!this.missing.delete(shard)) return
    this.values[shard] = value
    if (this.missing.size === 0) this.resolve(this.values)
  }

  setAll(value: T): void {
    for (const s of [...this.missing]) this.set(s, value)
  }
}

export interface Run {
  readonly key: number
  readonly id: string
  /** As given: what changes in it reaches shards that build the task again. */
  readonly task: StartTask
  /** Of its cells in the statistics block. */
  readonly offset: number
  readonly routes: readonly Route[]
  readonly layout: TaskLayout
  /** Per shard the last entry published before the start. */
  readonly fromSeq: readonly number[]
  /** Rows delivered to, and shed from, each shard's ring. */
  readonly delivered: Float64Array
  readonly shed: Float64Array
  started: Answers<string | null>
  stopped: Answers<null> | null
  failed: boolean
  /** The start was answered: from here on a failure is told to the owner. */
  running: boolean
  /** For the throughput: rows collected at the last sample. */
  sampled: number
  throughput: number
}

interface Request {
  readonly key: number
  readonly answers: Answers<{ body: unknown; error: string | null }>
}

export interface TaskRunsOptions {
  readonly drainMs: number
  readonly answerMs: number
}

export class TaskRuns {
  private readonly runs = new Map<number, Run>()
  private readonly routing = new Routing<Run>()
  private readonly requests = new Map<number, Request>()
  private readonly failedHandlers: ((key: number, id: string, error: string) => void)[] = []
  private nextKey = 1
  private nextRequest = 1
  private sampledMs = performance.now()

  constructor(
    private readonly shards: readonly ShardHandle[],
    private readonly stats: StatBlock,
    private readonly tables: Tables,
    private readonly options: TaskRunsOptions,
    private readonly log: Log,
  ) {}

  onFailed(handler: (key: number, id: string, error: string) => void): void {
    this.failedHandlers.push(handler)
  }

  idOf(key: number): string {
    return this.runs.get(key)?.id ?? ''
  }

  newKey(): number {
    return this.nextKey++
  }

  get size(): number {
    return this.runs.size
  }

  /** Distinct routes of all runs. */
  get routes(): number {
    return this.routing.size
  }

  keys(): number[] {
    return [...this.runs.keys()]
  }

  async start(task: StartTask): Promise<RunningTask> {
    const layout = taskLayout(task.plan)
    const offset = this.stats.allocate(layout.cells)
    if (offset < 0) throw new ShardlineError('too-many-tasks', 'no room for the statistics of another task')
    const n = this.shards.length
    const { key } = task
    const routes: Route[] = []
    const run: Run = {
      key,
      id: task.id,
      task,
      offset,
      routes,
      layout,
      fromSeq: this.shards.map((s) => s.publishedSeq),
      delivered: new Float64Array(n),
      shed: new Float64Array(n),
      started: new Answers(n),
      stopped: null,
      failed: false,
      running: false,
      sampled: 0,
      throughput: 0,
    }
    if (task.type === 'stream') routes.push(...this.routing.add(run, subscriptionsOf(task)))
    this.updateTables()
    this.runs.set(key, run)
    for (const s of this.shards) s.post(startOf(run, s.shard))
    const errors = await within(run.started.done, this.options.answerMs)
    // A task may fail between its start on the last shard and this turn of main.
    const error = errors === null ? 'a shard did not answer in time' : errors.find((e) => e !== null)
    if (error != null) {
      await this.stop(key, 'discard')
      throw new ShardlineError('task-start', error)
    }
    run.running = true
    return {
      key,
      id: task.id,
      stats: () => this.view(run),
      control: (node, body) => this.control(key, node, body),
      reply: (to, body) => this.reply(key, to, body),
    }
  }

  async stop(key: number, mode: 'drain' | 'discard'): Promise<void> {
    const run = this.runs.get(key)
    if (run === undefined) return
    if (run.stopped === null) {
      run.stopped = new Answers(this.shards.length)
      this.routing.remove(run)
      this.updateTables()
      this.postStop(key, mode)
    } else if (mode === 'discard') this.postStop(key, mode)
    const { done } = run.stopped
    const { drainMs, answerMs } = this.options
    if ((await within(done, mode === 'drain' ? drainMs : answerMs)) === null) {
      this.log.error('task did not stop within its deadline: what it has not processed is dropped', { task: run.id })
      this.postStop(key, 'discard')
      if ((await within(done, answerMs)) === null) {
        // The shard is stuck in the task. Its cells stay taken, for the thread may still write them.
        this.log.error('task does not stop', { task: run.id })
        run.stopped.setAll(null)
        this.runs.delete(key)
        return
      }
    }
    if (!this.runs.delete(key)) return
    const lost = this.view(run).inRing
    if (lost > 0) this.log.info('task stopped with unprocessed points', { task: run.id, points: lost, mode })
    for (const r of this.requests.values())
      if (r.key === key) r.answers.setAll({ body: undefined, error: 'the task has stopped' })
    this.stats.release(run.offset, run.layout.cells)
  }

  async control(key: number, node: number, body: unknown): Promise<unknown[]> {
    const request = this.nextRequest++
    const answers = new Answers<{ body: unknown; error: string | null }>(this.shards.length)
    this.requests.set(request, { key, answers })
    for (const s of this.shards) {
      if (s.isDown) answers.set(s.shard, { body: undefined, error: shardDown })
      else s.post({ type: 'control', key, node, request, body })
    }
    const values = await within(answers.done, this.options.answerMs)
    this.requests.delete(request)
    if (values === null) throw new ShardlineError('no-answer', 'a shard did not answer in time')
    const error = values.find((v) => v.error !== null && v.error !== shardDown)
    if (error !== undefined) throw new ShardlineError('control-failed', error.error ?? '')
    if (values.some((v) => v.error === shardDown)) throw new ShardlineError('shard-down', shardDown)
    return values.map((v) => v.body)
  }

  private reply(key: number, to: FrameOrigin, body: unknown): boolean {
    const shard = this.shards[to.shard]
    if (shard.isDown || shard.restarts !== to.life) return false
    shard.post({ type: 'control', key, node: to.nodeIndex, request: -1, body })
    return true
  }

  /** Counts a batch that is being published to all its shards. */
  countDelivered(batch: PreparedBatch): void {
    const n = this.shards.length
    for (let r = 0; r < batch.routes.length; r++)
      for (const run of this.routing.subscribers(batch.routes[r].id)) {
        let rows = 0
        for (let s = 0; s < n; s++) {
          const k = batch.routeRows[r * n + s]
          run.delivered[s] += k
          rows += k
        }
        this.stats.main.addTask(run.offset, TaskCell.delivered, rows)
      }
  }

  /** Counts a batch that was dropped from one shard's ring. */
  countShed(batch: PreparedBatch, shard: number, seq: number): number {
    const n = this.shards.length
    let most = 0
    for (let r = 0; r < batch.routes.length; r++) {
      const rows = batch.routeRows[r * n + shard]
      most = Math.max(most, rows)
      if (rows === 0) continue
      for (const run of this.routing.subscribers(batch.routes[r].id)) {
        if (seq <= run.fromSeq[shard]) continue
        run.shed[shard] += rows
        this.stats.main.drop(run.offset, 'shed', rows)
      }
    }
    return most
  }

  /** Answers of the shards. */
  handle(m: FromShard): void {
    switch (m.type) {
      case 'started':
        this.runs.get(m.key)?.started.set(m.shard, m.error)
        // The first thread of the shard could build the task, a later one cannot.
        if (m.error !== null && this.runs.get(m.key)?.running === true) this.fail(m.key, m.error)
        break
      case 'stopped':
        this.runs.get(m.key)?.stopped?.set(m.shard, null)
        break
      case 'failed':
        this.fail(m.key, m.error)
        break
      case 'reply':
        this.requests.get(m.request)?.answers.set(m.shard, { body: m.body, error: m.error })
        break
      case 'ready':
        break
    }
  }

  /** Stops a run everywhere and tells its owner why. */
  fail(key: number, error: string): void {
    const run = this.runs.get(key)
    if (run === undefined || run.failed) return
    run.failed = true
    this.log.error('task failed', { task: run.id, err: error })
    run.started.setAll(error)
    if (run.stopped !== null) return
    void this.stop(key, 'discard')
    if (run.running) for (const h of this.failedHandlers) h(key, run.id, error)
  }

  /**
   * A shard's thread has died and lost its state. What it had of the runs' rows and had not counted is counted as `crash`;
   * pending answers are given; `culprit` fails.
   */
  afterCrash(shard: number, culprit: number, error: string): void {
    const queued = new Map<Run, number>()
    const n = this.shards.length
    this.shards[shard].eachQueued((batch, seq) => {
      for (let r = 0; r < batch.routes.length; r++)
        for (const run of this.routing.subscribers(batch.routes[r].id))
          if (seq > run.fromSeq[shard]) queued.set(run, (queued.get(run) ?? 0) + batch.routeRows[r * n + shard])
    })
    for (const run of this.runs.values()) {
      const lost = run.delivered[shard] - this.accounted(run, shard) - (queued.get(run) ?? 0)
      if (lost > 0) {
        run.shed[shard] += lost
        this.stats.main.drop(run.offset, 'crash', lost)
      }
    }
    this.stats.resetShard(shard, [...this.runs.values()])
    this.answerFor(shard)
    this.fail(culprit, error)
    for (const run of this.live())
      this.log.error('shard crashed: state of its groups is lost', { task: run.id, shard, err: error })
  }

  /** Answers what waits for a shard that does not answer any more. Its next thread knows nothing of stops and requests. */
  answerFor(shard: number): void {
    for (const r of this.requests.values()) r.answers.set(shard, { body: undefined, error: shardDown })
    for (const run of this.runs.values()) run.stopped?.set(shard, null)
  }

  /** Nothing is answered any more. */
  close(): void {
    for (const run of this.runs.values()) run.started.setAll('the engine is closing')
    for (const s of this.shards) this.answerFor(s.shard)
  }

  /** The starts of the runs that a shard's next thread takes over. */
  startsOn(shard: number): ToShard[] {
    return this.live().flatMap((run) => [
      ...run.task.alertStates().map((states): ToShard => ({ type: 'topicStates', states })),
      startOf(run, shard),
    ])
  }

  /** A shard cannot live with its tasks: those that have rows on it end, or all. */
  giveUp(shard: number, all: boolean, error: string): void {
    for (const run of this.live()) {
      const { partition } = run.task.plan
      if (all || partition.kind !== 'pinned' || partition.shard === shard) this.fail(run.key, error)
    }
  }

  private live(): Run[] {
    return [...this.runs.values()].filter((r) => r.stopped === null && !r.failed)
  }

  /** Samples the throughput; called a few times a second. */
  sample(): void {
    const now = performance.now()
    const elapsed = now - this.sampledMs
    if (elapsed < 1000) return
    this.sampledMs = now
    for (const run of this.runs.values()) {
      const collected = this.stats.sourceRows(run.offset, run.layout)
      run.throughput = ((collected - run.sampled) * 1000) / elapsed
      run.sampled = collected
    }
  }

  private view(run: Run): TaskStatsView {
    return this.stats.taskView(run.offset, run.layout, run.throughput)
  }

  /** Rows of a run that a shard has processed or dropped, and main has dropped from its ring. */
  private accounted(run: Run, shard: number): number {
    let rows = run.shed[shard] + this.stats.shard(shard, run.offset + TaskCell.processed)
    for (let i = 0; i < dropReasons.length; i++) rows += this.stats.shard(shard, run.offset + TaskCell.drops + i)
    return rows
  }

  private postStop(key: number, mode: 'drain' | 'discard'): void {
    for (const s of this.shards) {
      // What the dead thread has sent comes before the answer, as with a living one.
      if (s.isDown) void s.drained().then(() => this.runs.get(key)?.stopped?.set(s.shard, null))
      else s.post({ type: 'stop', key, afterSeq: s.publishedSeq, mode })
    }
  }

  private updateTables(): void {
    this.tables.setRoutes(this.routing.routes(), (db, rp, m) => this.routing.reads(db, rp, m))
  }
}

/** Tells a shard to build the task, from what is known now. */
export function startOf({ key, task, offset, routes, fromSeq }: Run, shard: number): ToShard {
  const spec: TaskSpec = {
    key,
    id: task.taskId ?? task.id,
    taskMaster: task.taskMaster ?? 'main',
    type: task.type,
    script: task.script,
    vars: task.vars,
    dbrps: task.dbrps,
    statsOffset: offset,
    routes,
    nodeData: task.nodeData,
    deadman: task.deadman,
  }
  return { type: 'start', task: spec, fromSeq: fromSeq[shard] }
}

function subscriptionsOf(task: StartTask): Subscription[] {
  const { plan } = task
  const seen = new Set<string>()
  const subscriptions: Subscription[] = []
  for (const { db, rp } of task.dbrps) {
    if (seen.has(`${db}\0${rp}`)) continue
    seen.add(`${db}\0${rp}`)
    subscriptions.push({ db, rp, measurements: plan.measurements, partition: plan.partition, reads: plan.reads })
  }
  return subscriptions
}
