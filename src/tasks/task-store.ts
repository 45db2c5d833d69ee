/**
 * What survives a restart: tasks, templates, topic states and more, in one LMDB environment. LMDB commits are atomic, so a crash at any moment
 * leaves the last committed state. Writes are batched and committed off the main thread; `await` means committed. Thread: main.
 */
import { mkdirSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import { errorText, ShardlineError } from '../errors.js'
import { type Loaded, load } from '../storage/lmdb.js'
import { decodeTask, encodeTask, type TaskRecord } from './task-record.js'
import { decodeTemplate, encodeTemplate, type TemplateRecord } from './template-record.js'

export interface StoredTasks {
  readonly tasks: readonly TaskRecord[]
  /** Ids whose record cannot be read, with the reason. */
  readonly damaged: readonly (readonly [string, string])[]
}

export interface TemplateChange {
  readonly put?: TemplateRecord
  readonly remove?: string
  /** Tasks that change with it. */
  readonly tasks: readonly TaskRecord[]
}

export class Store {
  private readonly root: RootDatabase<string, Buffer>
  private readonly tasks: Database<string, Buffer>
  private readonly templates: Database<string, Buffer>

  private constructor(root: RootDatabase<string, Buffer>) {
    this.root = root
    this.tasks = this.database('tasks')
    this.templates = this.database('templates')
  }

  /** `path` is a directory; it is created. */
  static open(path: string): Store {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      return new Store(
        open<string, Buffer>({ path, noSubdir: false, maxDbs: 16, encoding: 'string', keyEncoding: 'binary' }),
      )
    } catch (err) {
      throw new ShardlineError('store-open', `open server: open service *storage.Service: ${path}: ${errorText(err)}`)
    }
  }

  /**
   * A named database of the environment: text values under bytes. (Keys as text would pass through an encoding of the library
   * that does not keep every character apart.)
   */
  database(name: string): Database<string, Buffer> {
    return this.root.openDB<string, Buffer>(name, { encoding: 'string', keyEncoding: 'binary' })
  }

  loadTasks(): StoredTasks {
    const { records, damaged } = load(this.tasks, decodeTask)
    return { tasks: records, damaged }
  }

  loadTemplates(): Loaded<TemplateRecord> {
    return load(this.templates, decodeTemplate)
  }

  /** One commit: a template and its tasks change together. */
  async commitTemplate({ put, remove, tasks }: TemplateChange): Promise<void> {
    await this.root.transaction(() => {
      if (remove !== undefined) void this.templates.remove(Buffer.from(remove))
      if (put !== undefined) void this.templates.put(Buffer.from(put.id), encodeTemplate(put))
      for (const task of tasks) void this.tasks.put(Buffer.from(task.id), encodeTask(task))
    })
  }

  async putTask(task: TaskRecord): Promise<void> {
    await this.tasks.put(Buffer.from(task.id), encodeTask(task))
  }

  async deleteTask(id: string): Promise<void> {
    await this.tasks.remove(Buffer.from(id))
  }

  /** One commit: the old name never vanishes without the new one. */
  async renameTask(oldId: string, task: TaskRecord): Promise<void> {
    await this.root.transaction(() => {
      void this.tasks.remove(Buffer.from(oldId))
      void this.tasks.put(Buffer.from(task.id), encodeTask(task))
    })
  }

  async close(): Promise<void> {
    try {
      await this.root.flushed
    } finally {
      await this.root.close()
    }
  }
}
