/**
 * The engine for programs that embed it: scripts in, lines in, alerts out. No HTTP, no store, nothing in the file system; the
 * process may end by itself once the engine is closed. Thread: main.
 */
import { availableParallelism } from 'node:os'
import { type AlertEvent as FrameEvent, levelTexts } from './alert-handlers/event-frame.js'
import { decodeFields, type EventCell } from './alert-handlers/event-rows.js'
import { handlerSections } from './alert-handlers/registry.js'
import { Closing } from './closing.js'
import { Compiler, compileThreads } from './compile/compiler.js'
import { shardThread } from './compile/threads.js'
import { parseConfig } from './config/load.js'
import type { EngineStatsView, Precision } from './engine/engine-api.js'
import { defaultDrainMs } from './engine/engine-options.js'
import { errorText, ShardlineError } from './errors.js'
import { type Json, JsonNumber } from './go/lossless-json.js'
import { type Log, silentLog } from './log.js'
import { Runtime } from './runtime.js'
import type { RequestVar } from './tasks/task-request.js'
import type { RunRecord, TaskRun } from './tasks/task-run.js'
import { TaskRunner } from './tasks/task-runner.js'
import { storedVars } from './tasks/vars.js'
import type { TaskStatsView } from './transport/stats-view.js'

export type { EngineStatsView, Precision } from './engine/engine-api.js'
export { ShardlineError } from './errors.js'
export type { Log } from './log.js'
export type { TaskStatsView } from './transport/stats-view.js'

export interface EngineSettings {
  /** Shard threads; one less than there are processors by default. */
  readonly shards?: number
  /** Bytes that a shard may take, its V8 heap included; 256 MiB by default. */
  readonly shardMemoryBytes?: number
  /** What gives way when a shard's memory is used up; `drop-oldest` by default. */
  readonly statePolicy?: 'drop-oldest' | 'drop-newest' | 'block'
  /** Milliseconds that `close` and `stop` let accepted points take; 30,000 by default. */
  readonly drainMs?: number
  /** Where the engine and `|log` nodes write; nowhere by default. */
  readonly log?: Log
}

/** A var of a script, as the HTTP API takes it. */
export interface TaskVarInput {
  readonly type: 'bool' | 'int' | 'float' | 'duration' | 'string' | 'regex' | 'lambda' | 'list' | 'star'
  /** An int may be a bigint; a duration is a text such as `10s`. */
  readonly value: unknown
}

export interface TaskDefinition {
  /** TICKscript of a stream task. */
  readonly script: string
  /** What the task reads, as `database.retention policy`. */
  readonly dbrps: readonly string[]
  readonly vars?: Readonly<Record<string, TaskVarInput>>
}

/** An event of an alert node that no inhibitor held back. */
export interface AlertEvent {
  readonly task: string
  /** `alert3`. */
  readonly node: string
  readonly id: string
  readonly level: (typeof levelTexts)[number]
  readonly message: string
  readonly details: string
  /** The measurement. */
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** Of the point, in ns since the epoch. */
  readonly timeNs: bigint
  /** How long the alert has not been OK. */
  readonly durationNs: bigint
  /** Cells of the point with the types that they have in the task: int64 as bigint. */
  readonly fields: Readonly<Record<string, EventCell>>
}

/** May be an async function: nobody waits for it. */
export type AlertListener = (event: AlertEvent) => unknown

const defaultShardMemoryBytes = 256 * 1024 * 1024

/** A task that runs. */
export class Task {
  constructor(
    private readonly run: TaskRun,
    private readonly end: (run: TaskRun) => Promise<void>,
    private readonly page: (endpoint: string) => Promise<Uint8Array | null>,
  ) {}

  get id(): string {
    return this.run.record.id
  }

  /** What the task failed with at run time, `node: text`; '' while it runs or after a stop. */
  get error(): string {
    return this.run.error
  }

  /** undefined once it does not run any more. */
  stats(): TaskStatsView | undefined {
    return this.run.stats()
  }

  /** The page of an `|httpOut('endpoint')` node. Throws a ShardlineError where there is none. */
  async httpOut(endpoint: string): Promise<unknown> {
    const body = await this.page(endpoint)
    if (body === null) throw new ShardlineError('no-endpoint', `task ${this.id} has no httpOut endpoint ${endpoint}`)
    return JSON.parse(Buffer.from(body).toString())
  }

  /** Processes what was written before, lets out what nodes have to say, and ends. */
  stop(): Promise<void> {
    return this.end(this.run)
  }
}

export class Engine {
  private readonly runs = new Map<string, TaskRun>()
  /** Ids of tasks that are about to run. */
  private readonly starting = new Set<string>()
  private closed: Promise<void> | null = null

  private constructor(
    private readonly runtime: Runtime,
    private readonly runner: TaskRunner,
    private readonly closing: Closing,
    private readonly settings: { readonly drainMs: number; readonly log: Log },
  ) {}

  /** Starts the shard threads. Throws a ShardlineError when they cannot start. */
  static async start(settings: EngineSettings = {}): Promise<Engine> {
    const log = settings.log ?? silentLog
    const drainMs = settings.drainMs ?? defaultDrainMs
    const { config } = parseConfig('', {}, handlerSections)
    const closing = new Closing(log)
    try {
      const engine = {
        shardThread,
        shards: settings.shards ?? Math.max(1, availableParallelism() - 1),
        shardMemoryBytes: settings.shardMemoryBytes ?? defaultShardMemoryBytes,
        statePolicy: settings.statePolicy ?? 'drop-oldest',
        drainMs,
        log,
      }
      const runtime = await Runtime.open({ engine, config, states: null, log }, closing)
      const threads = compileThreads({ timeoutMs: config.task['script-timeout'], log })
      const compiler = new Compiler({ ...threads, deadman: undefined })
      closing.add('compiler', () => compiler.close())
      const runner = new TaskRunner({ engine: runtime.engine, compiler, followers: runtime.followers, log })
      return new Engine(runtime, runner, closing, { drainMs, log })
    } catch (err) {
      await closing.close(drainMs)
      throw err
    }
  }

  /**
   * Starts a task; it gets all points that are written afterwards. Throws a ShardlineError with line and column for what is
   * wrong with the script or its vars, and when a task of that id runs already.
   */
  async define(id: string, { script, dbrps, vars = {} }: TaskDefinition): Promise<Task> {
    if (this.runs.has(id) || this.starting.has(id)) throw new ShardlineError('task-exists', `task ${id} already exists`)
    const record: RunRecord = {
      id,
      type: 'stream',
      script,
      dbrps: dbrps.map(databaseOf),
      vars: storedVars(Object.fromEntries(Object.entries(vars).map(([name, v]) => [name, requestVar(v)]))),
    }
    const run = await this.startRun(record)
    return new Task(
      run,
      (ended) => this.end(ended, 'drain'),
      (endpoint) => this.runtime.views.read(id, endpoint),
    )
  }

  /**
   * Writes lines of line protocol, all or none. Resolves with the number of points once they are published, in order, to the
   * shards. Throws a ShardlineError: 400 for lines that are none, 503 when there is no room for too long.
   */
  async write(
    lines: string | Uint8Array,
    to: { readonly db: string; readonly rp?: string; readonly precision?: Precision },
  ): Promise<number> {
    const body = typeof lines === 'string' ? Buffer.from(lines) : lines
    const { db, rp = '', precision = 'n' } = to
    const result = await this.runtime.engine.write({ db, rp, precision, body, source: 'http' })
    if (result.status === 204) return result.points
    throw new ShardlineError(result.status === 400 ? 'write-invalid' : 'write-overloaded', result.error)
  }

  /** Hears of every alert event of every task. What a listener throws is logged. Returns how to stop listening. */
  onAlert(listener: AlertListener): () => void {
    return this.runtime.alerts.onEvent((node, event) => {
      const failed = (err: unknown) =>
        this.settings.log.error('a listener of alerts failed', { task: event.taskId, err: errorText(err) })
      try {
        Promise.resolve(listener(publicEvent(node, event))).catch(failed)
      } catch (err) {
        failed(err)
      }
    })
  }

  stats(): EngineStatsView {
    return this.runtime.engine.stats()
  }

  /** Stops intake, lets accepted points through, ends the tasks and the threads. */
  close(): Promise<void> {
    this.closed ??= this.closeAll()
    return this.closed
  }

  private async startRun(record: RunRecord): Promise<TaskRun> {
    const { log } = this.settings
    const { id } = record
    this.starting.add(id)
    try {
      const run = await this.runner.start(record, (failed) => {
        log.error('task failed', { task: id, err: failed.error })
        this.end(failed, 'discard').catch((err: unknown) =>
          log.error('task not ended', { task: id, err: errorText(err) }),
        )
      })
      this.runs.set(id, run)
      return run
    } finally {
      this.starting.delete(id)
    }
  }

  private async closeAll(): Promise<void> {
    try {
      await Promise.all([...this.runs.values()].map((run) => this.end(run, 'drain')))
    } finally {
      await this.closing.close(this.settings.drainMs)
    }
  }

  private async end(run: TaskRun, mode: 'drain' | 'discard'): Promise<void> {
    await this.runner.stop(run, mode)
    if (this.runs.get(run.record.id) === run) this.runs.delete(run.record.id)
  }
}

function databaseOf(text: string): { db: string; rp: string } {
  const at = text.indexOf('.')
  return at < 0 ? { db: text, rp: '' } : { db: text.slice(0, at), rp: text.slice(at + 1) }
}

function requestVar({ type, value }: TaskVarInput): RequestVar {
  return { type, value: jsonOf(value), description: '' }
}

/** As the API's reader of JSON would have it: numbers keep their digits. */
function jsonOf(value: unknown): Json {
  if (typeof value === 'number' || typeof value === 'bigint') return new JsonNumber(String(value))
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, jsonOf(v)])) as Json
  return value as Json
}

function publicEvent(node: string, event: FrameEvent): AlertEvent {
  return {
    task: event.taskId,
    node,
    id: event.id,
    level: levelTexts[event.level],
    message: event.message,
    details: event.details,
    name: event.name,
    tags: Object.fromEntries(event.tags),
    timeNs: event.timeNs,
    durationNs: event.durationNs,
    fields: Object.fromEntries(decodeFields(event.fields)),
  }
}
