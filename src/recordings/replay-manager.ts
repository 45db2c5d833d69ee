/**
 * Replays: a copy of a task runs over a recording (spec http-cli 6.4, 8). Thread: main.
 *
 * The copy is a run of its own: nothing that is written reaches it, for it reads databases that only the replay writes to; its
 * httpOut pages and the topics of its nodes are its own. Named topics are the live ones, so its events reach their handlers.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine, WriteResult } from '../engine/engine-api.js'
import { errorText, ShardlineError } from '../errors.js'
import { privateDb } from '../ingest/private-db.js'
import type { Log } from '../log.js'
import type { RecordDb } from '../storage/record-db.js'
import { shutdownError } from '../storage/record-db.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { checkId, nowNs, type TaskRecord } from '../tasks/task-record.js'
import type { RunRecord, TaskRun } from '../tasks/task-run.js'
import { statsView } from '../tasks/task-view.js'
import type { RecordingManager } from './recording-manager.js'
import { feedRecording } from './replay-feed.js'
import type { ReplayClock, ReplayRecord } from './replay-record.js'

export interface ReplayParts {
  readonly db: RecordDb<ReplayRecord>
  readonly recordings: RecordingManager
  readonly tasks: TaskManager
  readonly engine: Engine
  /** Drops topics whose name begins so. */
  readonly forgetTopics: (prefix: string) => Promise<void>
  readonly log: Log
  /** Replays that may run at the same time. */
  readonly maxRunning?: number
}

export interface ReplayRequest {
  readonly id: string
  readonly task: string
  readonly recording: string
  readonly recordingTime: boolean
  readonly clock: ReplayClock
}

interface Running {
  readonly task: TaskRecord
  readonly abort: AbortController
  run: TaskRun | undefined
  /** Part of the file that was read. */
  progress: number
  done: Promise<void>
}

/** Rows that may wait in the shards' rings before the next are written: live writes share the rings. */
const maxAheadRows = 50_000
/** Longest wait for the last rows before the statistics are taken. */
const settleMs = 2000

export class ReplayManager {
  private readonly replays = new Map<string, ReplayRecord>()
  private readonly running = new Map<string, Running>()
  private closing = false

  constructor(private readonly parts: ReplayParts) {}

  async open(): Promise<void> {
    for (const r of this.parts.db.load(this.parts.log)) {
      this.replays.set(r.id, r)
      if (r.status !== 'running') continue
      await this.parts.forgetTopics(topicPrefix(r))
      await this.set({ ...r, status: 'failed', error: shutdownError, progress: 0 })
    }
  }

  /** Newest first, with the progress of those that run. */
  list(): ReplayRecord[] {
    const all = [...this.replays.keys()].map((id) => this.get(id)!)
    return all.sort((a, b) => (a.dateNs < b.dateNs ? 1 : a.dateNs > b.dateNs ? -1 : 0))
  }

  get(id: string): ReplayRecord | undefined {
    const record = this.replays.get(id)
    const running = this.running.get(id)
    return record === undefined || running === undefined ? record : { ...record, progress: running.progress }
  }

  /** The run of a replay that has started and not ended. */
  runOf(id: string): { readonly task: TaskRecord; readonly run: TaskRun } | undefined {
    const running = this.running.get(id)
    return running?.run === undefined ? undefined : { task: running.task, run: running.run }
  }

  /** The answer is there before the replay has done anything. A replay that has ended may be made again under its id. */
  async create(request: ReplayRequest): Promise<ReplayRecord> {
    const { parts } = this
    const id = request.id === '' ? randomUUID() : request.id
    checkId('replay', id)
    const task = parts.tasks.get(request.task)?.record
    if (task === undefined) throw new ShardlineError('no-task', 'task load: no task exists')
    const recording = parts.recordings.get(request.recording)
    if (recording === undefined) {
      throw new ShardlineError('no-recording', 'recording not found: no recording exists', 404)
    }
    if (task.type === 'batch') {
      throw new ShardlineError('not-supported', 'replays of batch tasks are not supported yet')
    }
    if (this.running.has(id)) throw new ShardlineError('replay-exists', 'replay already exists')
    const maxRunning = parts.maxRunning ?? 16
    if (this.closing || this.running.size >= maxRunning) {
      throw new ShardlineError('too-many-replays', `${maxRunning} replays are running`)
    }
    const record: ReplayRecord = {
      id,
      task: task.id,
      recording: recording.id,
      recordingTime: request.recordingTime,
      clock: request.clock,
      dateNs: nowNs(),
      error: '',
      status: 'running',
      progress: 0,
      stats: {},
    }
    const running: Running = {
      task,
      abort: new AbortController(),
      run: undefined,
      progress: 0,
      done: Promise.resolve(),
    }
    this.running.set(id, running)
    try {
      await this.set(record)
    } catch (err) {
      this.running.delete(id)
      throw err
    }
    running.done = this.run(record, running, parts.recordings.pathOf({ id: recording.id, type: 'stream' }))
    return record
  }

  /** Unlike the original's, a running replay ends with it. Unknown ids are fine. */
  async delete(id: string): Promise<void> {
    const running = this.running.get(id)
    running?.abort.abort(new ShardlineError('replay', 'replay deleted'))
    await running?.done
    if (this.replays.delete(id)) await this.parts.db.delete(id)
  }

  /** What still runs has failed, as after a crash. */
  async close(): Promise<void> {
    this.closing = true
    const running = [...this.running.values()]
    for (const r of running) r.abort.abort(new ShardlineError('replay', shutdownError))
    await Promise.all(running.map((r) => r.done))
  }

  /** Never rejects. */
  private async run(record: ReplayRecord, running: Running, path: string): Promise<void> {
    let error = ''
    let stats: unknown = {}
    try {
      stats = await this.execute(record, running, path)
    } catch (err) {
      // Whatever was under way when the signal came says so in words of its own.
      const { signal } = running.abort
      error = errorText(signal.aborted ? signal.reason : err)
    }
    this.running.delete(record.id)
    try {
      const status = error === '' ? 'finished' : 'failed'
      await this.set({ ...record, dateNs: nowNs(), error, status, progress: 1, stats })
    } catch (err) {
      this.parts.log.error('failed to store a replay', { replay: record.id, err: errorText(err) })
    }
  }

  private async execute(record: ReplayRecord, running: Running, path: string): Promise<unknown> {
    const { runner } = this.parts.tasks
    const { abort } = running
    const space = randomUUID()
    const failed = ({ error }: TaskRun): void => abort.abort(new ShardlineError('replay', `task run: ${error}`))
    let run: TaskRun
    try {
      run = await runner.start(runRecord(record, running.task, space), failed)
    } catch (err) {
      throw new ShardlineError('replay', `task start: ${errorText(err)}`)
    }
    running.run = run
    try {
      await this.feed(record, running, run, path, space)
      await this.settle(run, abort.signal)
      const stats = run.stats()
      return stats === undefined ? {} : statsView(stats)
    } finally {
      running.run = undefined
      await runner.stop(run, abort.signal.aborted ? 'discard' : 'drain')
      await this.parts.forgetTopics(topicPrefix(record))
    }
  }

  private async feed(record: ReplayRecord, running: Running, run: TaskRun, path: string, space: string): Promise<void> {
    const { signal } = running.abort
    const { dbrps } = running.task
    try {
      await feedRecording({
        path,
        clock: record.clock,
        recordingTime: record.recordingTime,
        startNs: record.dateNs,
        nowNs,
        signal,
        wants: (db, rp) => dbrps.some((d) => d.db === db && d.rp === rp),
        write: (db, rp, body) => this.write(run, privateDb(space, db), rp, body, signal),
        progress: (part) => {
          running.progress = Math.floor(part * 100) / 100
        },
      })
    } catch (err) {
      signal.throwIfAborted()
      throw new ShardlineError('replay', `running replay: ${errorText(err)}`)
    }
  }

  private async write(run: TaskRun, db: string, rp: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const result: WriteResult = await this.parts.engine.write({ db, rp, precision: 'n', body, source: 'http' })
      if (result.status === 204) break
      if (result.status === 400) throw new ShardlineError('bad-recording', result.error)
      await sleep(20, undefined, { signal })
    }
    while (run.pointsWaiting > maxAheadRows) await sleep(2, undefined, { signal })
  }

  /** Waits until what was written is processed, so that the statistics are whole. */
  private async settle(run: TaskRun, signal: AbortSignal): Promise<void> {
    const until = performance.now() + settleMs
    while (run.pointsWaiting > 0 && performance.now() < until) await sleep(2, undefined, { signal })
    // A round trip to every shard: a failure over the last rows has been told before the answer comes.
    try {
      await run.control(0, null)
    } catch (err) {
      this.parts.log.debug('replay did not answer', { task: run.record.id, err: errorText(err) })
    }
    signal.throwIfAborted()
  }

  private async set(record: ReplayRecord): Promise<void> {
    await this.parts.db.put(record)
    this.replays.set(record.id, record)
  }
}

/** Of the topics of the nodes themselves. */
const topicPrefix = (replay: ReplayRecord): string => `${replay.id}:${replay.task}:`

/** No task has such an id. */
function runRecord(replay: ReplayRecord, task: TaskRecord, space: string): RunRecord {
  return {
    id: `replay:${replay.id}:${task.id}`,
    taskId: task.id,
    taskMaster: replay.id,
    type: task.type,
    script: task.script,
    vars: task.vars,
    dbrps: task.dbrps.map(({ db, rp }) => ({ db: privateDb(space, db), rp })),
  }
}
