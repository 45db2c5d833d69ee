/**
 * Templates: scripts that tasks are made from (spec tickscript 10, http-cli 6.2). Thread: main.
 *
 * Which tasks belong to a template stands in the tasks' records alone, so nothing is left behind by a create that failed. A
 * change of a template reaches all its tasks or none: enabled ones are started again with the new script, and the first that
 * does not start puts everything back. Deleting a template makes ordinary tasks of its tasks.
 */
import { randomUUID } from 'node:crypto'
import { compareBytewise } from '../columns/json-encode.js'
import type { Compiler } from '../compile/compiler.js'
import type { ScriptFacts } from '../compile/jobs.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { evaluated, FactsOfRecords, type Templates, unknownTemplate } from './script-facts.js'
import type { TaskEntry, TaskManager } from './task-manager.js'
import { checkId, nowNs, type TaskRecord } from './task-record.js'
import type { Store } from './task-store.js'
import type { TemplateRecord } from './template-record.js'

export interface TemplateRequest {
  readonly id: string
  readonly script: string
}

/** A task's record before a change of its template, to go back to. */
interface Before {
  readonly entry: TaskEntry
  readonly record: TaskRecord
  readonly error: string
}

export class TemplateManager implements Templates {
  private readonly templates = new Map<string, TemplateRecord>()
  private tasks: TaskManager | undefined
  private readonly facts: FactsOfRecords

  constructor(
    private readonly store: Store,
    private readonly compiler: Compiler,
    private readonly log: Log,
  ) {
    this.facts = new FactsOfRecords(compiler)
    const { records, damaged } = store.loadTemplates()
    for (const [id, err] of damaged) log.error('stored template cannot be read', { template: id, err })
    for (const t of records) this.templates.set(t.id, t)
  }

  /** The tasks that are made from the templates; they ask this object for scripts. */
  attach(tasks: TaskManager): void {
    this.tasks = tasks
  }

  /** What the script of a template says, with zero values for vars without default. */
  factsOf(template: TemplateRecord): Promise<ScriptFacts> {
    return this.facts.of(template)
  }

  get(id: string): TemplateRecord | undefined {
    return this.templates.get(id)
  }

  /** Sorted by id. */
  list(): TemplateRecord[] {
    return [...this.templates.values()].sort((a, b) => compareBytewise(a.id, b.id))
  }

  scriptOf(id: string): string {
    const template = this.templates.get(id)
    if (template === undefined) throw unknownTemplate(id)
    return template.script
  }

  async create(request: TemplateRequest): Promise<TemplateRecord> {
    const id = request.id === '' ? randomUUID() : request.id
    checkId('template', id)
    return this.exclusive([id], async () => {
      if (this.templates.has(id)) throw new ShardlineError('template-exists', `template ${id} already exists`, 400)
      if (request.script === '') throw new ShardlineError('no-script', 'must provide TICKscript')
      const facts = await this.compiler.templateFacts(request.script)
      const { type } = evaluated(facts)
      const now = nowNs()
      const template: TemplateRecord = { id, type, script: request.script, createdNs: now, modifiedNs: now }
      this.facts.remember(template, facts)
      await this.store.commitTemplate({ put: template, tasks: [] })
      this.templates.set(id, template)
      return template
    })
  }

  async update(id: string, request: TemplateRequest): Promise<TemplateRecord> {
    const newId = request.id === '' ? id : request.id
    return this.exclusive([id, newId], async (entries) => {
      const old = this.templates.get(id)
      if (old === undefined) {
        throw new ShardlineError('no-template', 'template does not exist, cannot update')
      }
      checkId('template', newId)
      if (newId !== id && this.templates.has(newId)) {
        throw new ShardlineError(
          'template-exists',
          'failed to create new template during ID change: object already exists',
        )
      }
      const script = request.script === '' ? old.script : request.script
      const facts = await this.compiler.templateFacts(script)
      const { type } = evaluated(facts)
      const template: TemplateRecord = { id: newId, type, script, createdNs: old.createdNs, modifiedNs: nowNs() }
      this.facts.remember(template, facts)
      await this.repoint(
        entries.filter((e) => e.record.templateId === id),
        old,
        template,
      )
      this.templates.delete(id)
      this.templates.set(newId, template)
      return template
    })
  }

  /** Unknown ids are fine. */
  async delete(id: string): Promise<void> {
    await this.exclusive([id], async (entries) => {
      if (!this.templates.has(id)) return
      const tasks = entries.map((e): TaskRecord => ({ ...e.record, templateId: '' }))
      await this.store.commitTemplate({ remove: id, tasks })
      entries.forEach((e, i) => {
        e.record = tasks[i]
      })
      this.templates.delete(id)
    })
  }

  private exclusive<T>(ids: readonly string[], operation: (entries: TaskEntry[]) => Promise<T>): Promise<T> {
    if (this.tasks === undefined) throw new Error('templates without tasks')
    return this.tasks.withTemplates(ids, operation)
  }

  /** Gives the tasks the new template and commits it with them. Throws 500 with everything as it was. */
  private async repoint(entries: readonly TaskEntry[], old: TemplateRecord, template: TemplateRecord): Promise<void> {
    const tasks = this.tasks!
    const changes: { readonly entry: TaskEntry; readonly record: TaskRecord }[] = []
    for (const entry of entries) changes.push({ entry, record: await this.repointed(entry, template) })
    const done: Before[] = []
    try {
      for (const { entry, record } of changes) {
        done.push({ entry, record: entry.record, error: entry.error })
        await tasks.replace(entry, record, '')
      }
      const put = changes.map((c) => c.record)
      const remove = old.id === template.id ? {} : { remove: old.id }
      await this.store.commitTemplate({ put: template, tasks: put, ...remove })
    } catch (err) {
      for (const { entry, record, error } of done.reverse()) {
        await tasks.replace(entry, record, error).catch((failed: unknown) => {
          this.log.error('failed to restore a task', { task: record.id, template: old.id, err: errorText(failed) })
        })
      }
      const code = err instanceof ShardlineError ? err.code : 'template-update'
      throw new ShardlineError(code, errorText(err), 500)
    }
  }

  /**
   * The task under the new template. What an enabled task says against it stops the change; a disabled one shows it as its
   * error.
   */
  private async repointed({ record }: TaskEntry, template: TemplateRecord): Promise<TaskRecord> {
    const next = {
      ...record,
      templateId: template.id,
      script: template.script,
      type: template.type,
      modifiedNs: template.modifiedNs,
    }
    try {
      const { dbrps } = evaluated(await this.compiler.facts(template.script, record.vars))
      // Without dbrp statements the task keeps those it has: with none it could not run.
      return dbrps.length > 0 ? { ...next, dbrps } : next
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      if (record.status === 'enabled') throw new ShardlineError(err.code, `task ${record.id}: ${err.message}`, 500)
      return next
    }
  }
}
