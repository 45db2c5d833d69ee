/**
 * Tasks: defining, changing, starting and stopping them, with the original's order of checks and texts (spec http-cli 6.1,
 * tickscript 9.1). Thread: main. Operations on one task run one after the other; different tasks do not wait for each other.
 *
 * A task that cannot start stays enabled, does not execute and keeps its error until the next enable, restart or change.
 */

import { randomUUID } from 'node:crypto'
import { allClosed } from '../closing.js'
import { compareBytewise } from '../columns/json-encode.js'
import type { Compiler } from '../compile/compiler.js'
import type { Evaluated, ScriptFacts } from '../compile/jobs.js'
import type { Engine } from '../engine/engine-api.js'
import type { RunFollower } from '../engine/run-part.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { anonymousTopic } from '../operators/alert/alert-def.js'
import type { TaskStatsView } from '../transport/stats-view.js'
import { KeyedLock } from './keyed-lock.js'
import { evaluated, FactsOfRecords, type Templates } from './script-facts.js'
import { checkId, type Dbrp, nowNs, type TaskRecord, type TaskStatus, type TaskVars } from './task-record.js'
import type { TaskRequest } from './task-request.js'
import type { TaskRun } from './task-run.js'
import { startError, TaskRunner } from './task-runner.js'
import type { Store } from './task-store.js'
import { storedVars } from './vars.js'

export interface TaskEntry {
  record: TaskRecord
  /** Until it has ended; one that has failed is no longer `executing`. A later change of the script does not touch it. */
  run: TaskRun | undefined
  /** Why the last start or run failed; what the script says against itself now is not kept (task-view.ts). */
  error: string
}

export interface TaskManagerParts {
  readonly store: Store
  readonly engine: Engine
  readonly compiler: Compiler
  readonly templates: Templates
  readonly followers: readonly RunFollower[]
  /** Drops the topics whose name begins so: those of a deleted task's nodes. */
  readonly forgetTopics: (prefix: string) => Promise<void>
  readonly log: Log
}

export class TaskManager {
  private readonly tasks = new Map<string, TaskEntry>()
  private readonly lock = new KeyedLock()
  readonly runner: TaskRunner
  private readonly facts: FactsOfRecords

  constructor(private readonly parts: TaskManagerParts) {
    const { engine, compiler, followers, log } = parts
    this.runner = new TaskRunner({ engine, compiler, followers, log })
    this.facts = new FactsOfRecords(compiler)
  }

  /** Loads the store and starts what is enabled. Failures are logged, never fatal. */
  async open(): Promise<void> {
    const { store, log } = this.parts
    const { tasks, damaged } = store.loadTasks()
    for (const [id, err] of damaged) log.error('stored task cannot be read', { task: id, err })
    for (const record of tasks) this.tasks.set(record.id, { record, run: undefined, error: '' })
    for (const entry of this.tasks.values()) {
      if (entry.record.status !== 'enabled') continue
      log.debug('starting enabled task on startup', { task: entry.record.id })
      try {
        await this.lock.run([entry.record.id], () => this.start(entry))
        log.debug('started task during startup', { task: entry.record.id })
      } catch (err) {
        log.error('failed to start enabled task', { task: entry.record.id, err: errorText(err) })
      }
    }
  }

  get compiler(): Compiler {
    return this.parts.compiler
  }

  /** What the script of a task says now, whatever runs. */
  factsOf(record: TaskRecord): Promise<ScriptFacts> {
    return this.facts.of(record)
  }

  get count(): number {
    return this.tasks.size
  }

  get enabledCount(): number {
    let n = 0
    for (const t of this.tasks.values()) if (t.record.status === 'enabled') n++
    return n
  }

  get(id: string): TaskEntry | undefined {
    return this.tasks.get(id)
  }

  /** Sorted by id. */
  list(): TaskEntry[] {
    return [...this.tasks.values()].sort((a, b) => compareBytewise(a.record.id, b.record.id))
  }

  async create(request: TaskRequest): Promise<TaskEntry> {
    const id = request.id === '' ? randomUUID() : request.id
    checkId('task', id)
    return this.lock.run(lockKeys([id], [request.templateId]), () => this.createLocked(id, request))
  }

  private async createLocked(id: string, request: TaskRequest): Promise<TaskEntry> {
    if (this.tasks.has(id)) throw new ShardlineError('task-exists', `task ${id} already exists`)
    const script = this.scriptOf(request.templateId, request.script)
    if (script === '') throw new ShardlineError('no-script', 'must provide TICKscript')
    const vars = storedVars(request.vars)
    const facts = await this.parts.compiler.facts(script, vars)
    const compiled = evaluated(facts)
    const now = nowNs()
    const record: TaskRecord = {
      id,
      templateId: request.templateId,
      type: compiled.type,
      script,
      dbrps: createDbrps(compiled, request.dbrps),
      vars,
      status: request.status === 'enabled' ? 'enabled' : 'disabled',
      createdNs: now,
      modifiedNs: now,
      lastEnabledNs: request.status === 'enabled' ? now : null,
    }
    this.facts.remember(record, facts)
    await this.parts.store.putTask(record)
    const entry: TaskEntry = { record, run: undefined, error: '' }
    this.tasks.set(id, entry)
    if (record.status === 'enabled') await this.start(entry)
    return entry
  }

  private scriptOf(templateId: string, script: string): string {
    return templateId === '' ? script : this.parts.templates.scriptOf(templateId)
  }

  async update(id: string, request: TaskRequest): Promise<TaskEntry> {
    const newId = request.id === '' ? id : request.id
    const templates = [request.templateId, this.tasks.get(id)?.record.templateId ?? '']
    return this.lock.run(lockKeys([id, newId], templates), () => this.updateLocked(id, newId, request))
  }

  private async updateLocked(id: string, newId: string, request: TaskRequest): Promise<TaskEntry> {
    const entry = this.tasks.get(id)
    if (entry === undefined) throw new ShardlineError('no-task', 'task does not exist, cannot update')
    checkId('task', newId)
    const old = entry.record
    const templateId = request.templateId === '' ? old.templateId : request.templateId
    // The script of a templated task is always that of its template.
    const script =
      templateId === ''
        ? request.script || old.script
        : templateId === old.templateId
          ? old.script
          : this.parts.templates.scriptOf(templateId)
    const vars: TaskVars = Object.keys(request.vars).length > 0 ? storedVars(request.vars) : old.vars
    const facts = await this.parts.compiler.facts(script, vars)
    const compiled = evaluated(facts)
    const status: TaskStatus = request.status === '' ? old.status : request.status
    const now = nowNs()
    const record: TaskRecord = {
      id: newId,
      templateId,
      type: compiled.type,
      script,
      dbrps: await this.updateDbrps(old, compiled, request.dbrps),
      vars,
      status,
      createdNs: old.createdNs,
      modifiedNs: now,
      lastEnabledNs: status === 'enabled' && old.status !== 'enabled' ? now : old.lastEnabledNs,
    }
    this.facts.remember(record, facts)
    if (newId !== id) await this.rename(entry, record)
    else {
      await this.parts.store.putTask(record)
      entry.record = record
    }
    if (status !== old.status) {
      if (status === 'enabled') await this.start(entry)
      else {
        await this.stop(entry, 'drain', false)
        entry.error = ''
      }
    } else if (status === 'enabled' && entry.run?.executing !== true && isRedefined(old, record)) {
      await this.retry(entry)
    }
    return entry
  }

  private async updateDbrps(old: TaskRecord, compiled: Evaluated, given: readonly Dbrp[]): Promise<readonly Dbrp[]> {
    if (compiled.dbrps.length > 0) {
      if (given.length > 0) {
        throw new ShardlineError('dbrp-twice', 'cannot specify dbrp in implicitly and explicitly')
      }
      return compiled.dbrps
    }
    if (given.length > 0) return given
    if ((await this.factsOf(old)).namesDbrps) throw new ShardlineError('no-dbrp', 'must specify dbrp')
    return old.dbrps
  }

  /** What kept the task from running was said of its old definition: the new one runs, or says why not. */
  private async retry(entry: TaskEntry): Promise<void> {
    try {
      await this.start(entry)
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      this.parts.log.error('failed to start enabled task', { task: entry.record.id, err: err.message })
    }
  }

  private async rename(entry: TaskEntry, record: TaskRecord): Promise<void> {
    if (this.tasks.has(record.id)) {
      throw new ShardlineError('task-exists', 'failed to create new task during ID change: object already exists', 500)
    }
    const old = entry.record
    const wasRunning = old.status === 'enabled'
    // Before the new name is stored: else a crash in between would leave alert states to the next task of the old name.
    await this.stop(entry, 'drain', true)
    try {
      await this.parts.store.renameTask(old.id, record)
    } catch (err) {
      if (wasRunning) await this.start(entry)
      throw err
    }
    this.tasks.delete(old.id)
    this.tasks.set(record.id, entry)
    entry.record = record
    if (wasRunning && record.status === 'enabled') await this.start(entry)
  }

  /** Unknown ids are fine. */
  async delete(id: string): Promise<void> {
    await this.lock.run([id], async () => {
      const entry = this.tasks.get(id)
      if (entry === undefined) return
      await this.stop(entry, 'discard', true)
      await this.parts.store.deleteTask(id)
      this.tasks.delete(id)
    })
  }

  /**
   * For changes of templates: runs `operation` with the tasks of the templates while nothing else changes these or makes new
   * ones.
   */
  async withTemplates<T>(templates: readonly string[], operation: (entries: TaskEntry[]) => Promise<T>): Promise<T> {
    for (;;) {
      const before = this.tasksOf(templates)
      const ids = new Set(before.map((e) => e.record.id))
      const outcome = await this.lock.run(lockKeys([...ids], templates), async () => {
        const entries = this.tasksOf(templates)
        // A task that came in while this waited is not locked: once more, with it.
        return entries.every((e) => ids.has(e.record.id)) ? { value: await operation(entries) } : undefined
      })
      if (outcome !== undefined) return outcome.value
    }
  }

  private tasksOf(templates: readonly string[]): TaskEntry[] {
    return this.list().filter((e) => e.record.templateId !== '' && templates.includes(e.record.templateId))
  }

  /** Inside withTemplates: gives a task another record of the same id and status; an enabled one starts again with it. */
  async replace(entry: TaskEntry, record: TaskRecord, error: string): Promise<void> {
    if (record.status === 'enabled') await this.stop(entry, 'drain', false)
    entry.record = record
    entry.error = error
    if (record.status === 'enabled') await this.start(entry)
  }

  /** Stops everything before the engine closes; statuses stay. */
  async close(): Promise<void> {
    await allClosed([...this.tasks.keys()].map((id) => this.lock.run([id], () => this.shutDown(id))))
  }

  private async shutDown(id: string): Promise<void> {
    const entry = this.tasks.get(id)
    if (entry !== undefined) await this.stop(entry, 'drain', false)
  }

  /** Throws with status 500; the reason stays in `entry.error`. */
  private async start(entry: TaskEntry): Promise<void> {
    // What is left of a run that has failed: its topics and pages have the names of those that are made now.
    await this.stop(entry, 'drain', false)
    const { record } = entry
    entry.error = ''
    try {
      entry.run = await this.runner.start(record, (run) => this.runFailed(entry, run))
    } catch (err) {
      entry.error = errorText(err)
      throw startError(err, entry.error)
    }
  }

  private async stop(entry: TaskEntry, mode: 'drain' | 'discard', deleted: boolean): Promise<void> {
    const { run } = entry
    const { id } = run?.record ?? entry.record
    if (run !== undefined) await this.runner.stop(run, mode)
    entry.run = undefined
    if (deleted) await this.parts.forgetTopics(anonymousTopic(id, ''))
  }

  /** It ends under the task's lock, so that nothing that comes next finds a half of it. */
  private runFailed(entry: TaskEntry, run: TaskRun): void {
    const { log } = this.parts
    log.error('task finished with error', { task: run.record.id, err: run.error })
    entry.error = run.error
    this.lock
      .run([entry.record.id], async () => {
        if (entry.run === run) await this.stop(entry, 'drain', false)
      })
      .catch((err: unknown) => log.error('failed to stop a task', { task: run.record.id, err: errorText(err) }))
  }

  /** Statistics of a running task, main's own counters included; undefined when it does not run. */
  statsOf(entry: TaskEntry): TaskStatsView | undefined {
    return entry.run?.stats()
  }
}

/** Tasks by id; templates in a form that no task has. */
const lockKeys = (ids: readonly string[], templates: readonly string[]): string[] => [
  ...ids,
  ...templates.filter((t) => t !== '').map((t) => `template:${t}`),
]

const isRedefined = (old: TaskRecord, now: TaskRecord): boolean =>
  now.script !== old.script || now.vars !== old.vars || now.dbrps !== old.dbrps

function createDbrps(compiled: Evaluated, given: readonly Dbrp[]): readonly Dbrp[] {
  if (compiled.dbrps.length > 0 && given.length > 0) {
    throw new ShardlineError('dbrp-twice', 'cannot specify dbrp in both implicitly and explicitly')
  }
  const dbrps = compiled.dbrps.length > 0 ? compiled.dbrps : given
  if (dbrps.length === 0) throw new ShardlineError('no-dbrp', 'must specify dbrp')
  return dbrps
}
