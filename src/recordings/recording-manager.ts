/**
 * Recordings: points of a stream task's databases and measurements, kept in files to be replayed (spec http-cli 6.3, 8).
 * Thread: main. Files that were put into the directory become recordings at the start.
 *
 * A recording ends with the first point later than its stop. Unlike the original it also ends by the clock: past its stop, when
 * no point has come for `idleMs`, or `longestMs` after it; it is then finished with what it has.
 */

import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { stat, unlink } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { allClosed } from '../closing.js'
import { errorText, ShardlineError } from '../errors.js'
import type { WriteTap } from '../ingest/write-tap.js'
import type { Log } from '../log.js'
import { type RecordDb, shutdownError } from '../storage/record-db.js'
import { KeyedLock } from '../tasks/keyed-lock.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { checkId, nowNs, type TaskRecord, type TaskType } from '../tasks/task-record.js'
import { RecordingFile } from './recording-file.js'
import { extensions, type RecordingRecord } from './recording-record.js'

export interface RecordingLimits {
  /** Longest wait for another point when the stop has passed, ms. */
  readonly idleMs: number
  /** Longest time behind the stop, ms. */
  readonly longestMs: number
  /** Recordings that may run at the same time. */
  readonly running: number
}

const defaultLimits: RecordingLimits = { idleMs: 60_000, longestMs: 3_600_000, running: 64 }

export interface RecordingParts {
  readonly dir: string
  readonly db: RecordDb<RecordingRecord>
  readonly tasks: TaskManager
  readonly tap: WriteTap
  readonly log: Log
  readonly limits?: Partial<RecordingLimits>
}

export interface StreamRequest {
  readonly id: string
  readonly task: string
  readonly stopNs: bigint
}

interface Running {
  readonly file: RecordingFile
  readonly timer: NodeJS.Timeout
}

export class RecordingManager {
  private readonly recordings = new Map<string, RecordingRecord>()
  private readonly running = new Map<string, Running>()
  /** Ends under way. */
  private readonly ending = new Set<Promise<void>>()
  private readonly lock = new KeyedLock()
  private readonly limits: RecordingLimits

  constructor(private readonly parts: RecordingParts) {
    this.limits = { ...defaultLimits, ...parts.limits }
  }

  async open(): Promise<void> {
    const { db, dir, log } = this.parts
    for (const r of db.load(log)) this.recordings.set(r.id, r)
    for (const r of [...this.recordings.values()]) {
      if (r.status === 'running') await this.set({ ...r, status: 'failed', error: shutdownError, progress: 0 })
    }
    // The directory is made with the first recording.
    if (existsSync(dir)) for (const name of readdirSync(dir)) await this.import(name)
  }

  private async import(name: string): Promise<void> {
    const { dir, log } = this.parts
    const extension = extname(name)
    const type = (Object.keys(extensions) as TaskType[]).find((t) => extensions[t] === extension)
    const id = name.slice(0, name.length - extension.length)
    if (this.recordings.has(id)) return
    const file = statSync(join(dir, name), { throwIfNoEntry: false })
    if (file?.isFile() !== true) return
    if (type === undefined) {
      log.error(extension === '' ? 'file without extension in replay dir' : 'unknown file type in replay dir', { name })
      return
    }
    try {
      checkId('recording', id)
    } catch (err) {
      log.error('file in replay dir cannot be a recording', { name, err: errorText(err) })
      return
    }
    const dateNs = BigInt(Math.round(file.mtimeMs * 1000)) * 1000n
    await this.set({ id, type, dateNs, error: '', status: 'finished', progress: 1 })
  }

  /** Newest first. */
  list(): RecordingRecord[] {
    return [...this.recordings.values()].sort((a, b) => (a.dateNs < b.dateNs ? 1 : a.dateNs > b.dateNs ? -1 : 0))
  }

  get(id: string): RecordingRecord | undefined {
    return this.recordings.get(id)
  }

  pathOf(recording: Pick<RecordingRecord, 'id' | 'type'>): string {
    return join(this.parts.dir, recording.id + extensions[recording.type])
  }

  /** Bytes of the file, -1 when there is none. */
  async sizeOf(recording: RecordingRecord): Promise<number> {
    try {
      return (await stat(this.pathOf(recording))).size
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'ENOENT') return -1
      throw err
    }
  }

  async recordStream(request: StreamRequest): Promise<RecordingRecord> {
    return this.create(request.id, request.task, 'stream', async (task) => {
      const { measurements } = await this.parts.tasks.runner.plan(task)
      return (recording) => this.start(recording, task, measurements, request.stopNs)
    })
  }

  /** Batches cannot be recorded yet; a stream task fails as in the original. */
  async recordBatch(request: { readonly id: string; readonly task: string }): Promise<RecordingRecord> {
    return this.create(request.id, request.task, 'batch', async () => () => {})
  }

  private async create(
    requestedId: string,
    taskId: string,
    type: TaskType,
    prepare: (task: TaskRecord) => Promise<(recording: RecordingRecord) => void>,
  ): Promise<RecordingRecord> {
    const id = requestedId === '' ? randomUUID() : requestedId
    checkId('recording', id)
    return this.lock.run([id], async () => {
      const task = this.parts.tasks.get(taskId)?.record
      if (task === undefined) throw new ShardlineError('no-task', 'no task exists')
      if (type === 'batch' && task.type === 'batch') {
        throw new ShardlineError('not-supported', 'recordings of batch tasks are not supported yet')
      }
      // The answer says `running` even when it is known by now that it fails.
      let fault = task.type === type ? '' : 'wrong task type'
      let start: (recording: RecordingRecord) => void = () => {}
      try {
        if (fault === '') start = await prepare(task)
      } catch (err) {
        fault = errorText(err)
      }
      if (this.recordings.has(id)) throw new ShardlineError('recording-exists', 'recording already exists')
      if (this.running.size >= this.limits.running) {
        throw new ShardlineError('too-many-recordings', `${this.limits.running} recordings are running`)
      }
      const recording: RecordingRecord = { id, type, dateNs: nowNs(), error: '', status: 'running', progress: 0 }
      // Whoever sees the recording, in the answer or in a listing, may rely on the points that follow.
      const stored = this.set(recording)
      try {
        if (fault === '') start(recording)
      } catch (err) {
        fault = errorText(err)
      }
      try {
        await stored
        if (fault !== '') void this.finish(recording, fault)
      } catch (err) {
        await this.end(recording, errorText(err))
        throw err
      }
      return recording
    })
  }

  private start(
    recording: RecordingRecord,
    task: TaskRecord,
    measurements: readonly string[] | null,
    stopNs: bigint,
  ): void {
    const { tap, dir } = this.parts
    mkdirSync(dir, { recursive: true })
    const file = new RecordingFile({
      path: this.pathOf(recording),
      dbrps: task.dbrps,
      measurements,
      stopNs,
      ended: (error) => void this.end(recording, error),
    })
    const timer = setInterval(() => this.look(recording, file, stopNs), Math.min(1000, this.limits.idleMs / 4))
    timer.unref()
    this.running.set(recording.id, { file, timer })
    tap.add(file)
  }

  /** Ends a recording whose stop has passed and that no point ends. */
  private look(recording: RecordingRecord, file: RecordingFile, stopNs: bigint): void {
    const pastMs = Number(nowNs() - (stopNs > recording.dateNs ? stopNs : recording.dateNs)) / 1e6
    const idleMs = Math.min(pastMs, performance.now() - file.lastPointMs)
    if (idleMs > this.limits.idleMs || pastMs > this.limits.longestMs) void this.end(recording, '')
  }

  private async end(recording: RecordingRecord, error: string): Promise<void> {
    const running = this.running.get(recording.id)
    if (running === undefined) return
    this.running.delete(recording.id)
    clearInterval(running.timer)
    this.parts.tap.remove(running.file)
    const ended = running.file.close().then((failed) => this.finish(recording, error || failed))
    this.ending.add(ended)
    await ended
    this.ending.delete(ended)
  }

  private async finish(recording: RecordingRecord, error: string): Promise<void> {
    // It may have been deleted meanwhile.
    if (this.recordings.get(recording.id) !== recording) return
    const status = error === '' ? 'finished' : 'failed'
    try {
      await this.set({ ...recording, dateNs: nowNs(), error, status, progress: 1 })
    } catch (err) {
      this.parts.log.error('failed to store a recording', { recording: recording.id, err: errorText(err) })
    }
  }

  /** Unknown ids are fine. What runs is ended. */
  async delete(id: string): Promise<void> {
    await this.lock.run([id], async () => {
      const recording = this.recordings.get(id)
      if (recording === undefined) return
      this.recordings.delete(id)
      try {
        await this.end(recording, '')
        // First, for a file without a record becomes a recording at the next start.
        await unlink(this.pathOf(recording)).catch((err: NodeJS.ErrnoException) => {
          if (err.code !== 'ENOENT') throw err
        })
        await this.parts.db.delete(id)
      } catch (err) {
        this.recordings.set(id, recording)
        throw err
      }
    })
  }

  private async set(recording: RecordingRecord): Promise<void> {
    const before = this.recordings.get(recording.id)
    this.recordings.set(recording.id, recording)
    try {
      await this.parts.db.put(recording)
    } catch (err) {
      if (before === undefined) this.recordings.delete(recording.id)
      throw err
    }
  }

  /** What still runs has failed, as after a crash; its file stays. */
  async close(): Promise<void> {
    const running = [...this.running.keys()].flatMap((id) => this.recordings.get(id) ?? [])
    await allClosed([...running.map((r) => this.end(r, shutdownError)), ...this.ending])
  }
}
