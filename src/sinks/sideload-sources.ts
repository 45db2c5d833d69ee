/**
 * The sources of sideload nodes: directory trees and, over HTTP, JSON objects. Read when the first task that uses one starts,
 * shared by all, read again on `reload`, forgotten with the last. Thread: main. Each node gets the values of its own keys
 * only, with its task's start and after each reload.
 */

import type { RunningTask } from '../engine/engine-api.js'
import { errorText, ShardlineError } from '../errors.js'
import type { HttpClient } from '../net/http-client.js'
import { type SideloadReload, sideloadKeys, sideloadSource } from '../operators/outside/sideload.js'
import type { SideloadData, SideloadKey } from '../operators/outside/sideload-table.js'
import type { TaskOutline } from '../plan/task-outline.js'
import { type JsonSource, readJsonSource, readTree, type SideloadFiles } from './sideload-read.js'

export interface SideloadSourcesOptions {
  /** The source that a `[[httppost]]` section of this name describes. */
  readonly endpoint: (name: string) => JsonSource | undefined
  readonly http: HttpClient
  /** Of one HTTP request. */
  readonly timeoutMs?: number
}

interface Source {
  /** A directory or an address, as errors name it. */
  readonly name: string
  readonly read: () => Promise<SideloadFiles>
  files: SideloadFiles
  users: number
}

/** A node of a run. */
interface User {
  readonly source: string
  readonly index: number
  readonly keys: readonly SideloadKey[]
}

interface Run {
  readonly users: readonly User[]
  readonly nodeData: Map<number, unknown>
  running: RunningTask | null
}

export class SideloadSources {
  private readonly sources = new Map<string, Source>()
  /** By run. */
  private readonly runs = new Map<number, Run>()
  private reloading: Promise<void> = Promise.resolve()

  constructor(private readonly options: SideloadSourcesOptions) {}

  /** Reads what the nodes of a task need. Throws what enabling the task answers with. */
  async prepare(key: number, plan: TaskOutline, nodeData: Map<number, unknown>): Promise<void> {
    const nodes = plan.nodes.filter((n) => n.node.def.method === 'sideload')
    if (nodes.length === 0) return
    const users: User[] = []
    this.runs.set(key, { users, nodeData, running: null })
    for (const { node, index } of nodes) {
      const source = sideloadSource(node)
      const user = { source, index, keys: sideloadKeys(node) }
      const { files } = await this.open(source)
      users.push(user)
      nodeData.set(index, projected(files, user.keys))
    }
  }

  started(running: RunningTask): void {
    const run = this.runs.get(running.key)
    if (run !== undefined) run.running = running
  }

  stopped(key: number): void {
    const run = this.runs.get(key)
    this.runs.delete(key)
    for (const { source } of run?.users ?? []) {
      const s = this.sources.get(source)
      if (s !== undefined && --s.users === 0) this.sources.delete(source)
    }
  }

  /** Reads all sources again and hands them out. Throws for the first that fails; it keeps its values. */
  reload(): Promise<void> {
    const next = this.reloading.then(() => this.reloadAll())
    this.reloading = next.catch(() => {})
    return next
  }

  private async reloadAll(): Promise<void> {
    let failure: ShardlineError | null = null
    for (const [key, source] of [...this.sources]) {
      try {
        source.files = await source.read()
        await this.handOut(key, source.files)
      } catch (err) {
        const text = `failed to update source ${JSON.stringify(source.name)}: ${errorText(err)}`
        failure ??= new ShardlineError('sideload-reload', text)
      }
    }
    if (failure !== null) throw failure
  }

  private async handOut(source: string, files: SideloadFiles): Promise<void> {
    for (const run of [...this.runs.values()]) {
      for (const user of run.users) {
        if (user.source !== source) continue
        const data = projected(files, user.keys)
        run.nodeData.set(user.index, data)
        const message: SideloadReload = { what: 'sideload', data }
        try {
          await run.running?.control(user.index, message)
        } catch (err) {
          // The shards that live have the values, the others get them with the task.
          if (!(err instanceof ShardlineError) || err.code !== 'shard-down') throw err
        }
      }
    }
  }

  /** The source, read if nobody has; counts a user. */
  private async open(key: string): Promise<Source> {
    const known = this.sources.get(key)
    if (known !== undefined) {
      known.users++
      return known
    }
    const { name, read } = this.readerOf(key)
    let files: SideloadFiles
    try {
      files = await read()
    } catch (err) {
      const text = `failed to update sideload cache for source ${JSON.stringify(name)}: ${errorText(err)}`
      throw new ShardlineError('sideload-source', text)
    }
    // Another task may have opened it meanwhile.
    const source = this.sources.get(key) ?? { name, read, files, users: 0 }
    source.users++
    this.sources.set(key, source)
    return source
  }

  private readerOf(text: string): Pick<Source, 'name' | 'read'> {
    const { http, timeoutMs = 10_000 } = this.options
    const endpoint = this.options.endpoint(text)
    if (endpoint !== undefined) {
      return { name: endpoint.url, read: () => readJsonSource(http, endpoint, timeoutMs) }
    }
    const m = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/[^/?#]*)?([^?#]*)/.exec(text)!
    const scheme = (m[1] ?? '').toLowerCase()
    if (scheme === 'http' || scheme === 'https') {
      const source = { url: text, headers: {}, authorization: '' }
      return { name: text, read: () => readJsonSource(http, source, timeoutMs) }
    }
    if (scheme !== 'file') fail(`unsupported source scheme ${JSON.stringify(scheme)}, must be 'file'`)
    const path = decodePath(m[2])
    if (!path.startsWith('/')) fail(`sideload source path must be absolute ${JSON.stringify(path)}`)
    return { name: path, read: () => readTree(path) }
  }
}

function fail(text: string): never {
  throw new ShardlineError('sideload-source', text)
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return fail(`invalid sideload source ${JSON.stringify(text)}`)
  }
}

/** The values of some keys in all files that have any of them. */
function projected(files: SideloadFiles, keys: readonly SideloadKey[]): SideloadData {
  const paths: string[] = []
  const cells: unknown[][] = []
  for (const [path, values] of files) {
    const row = keys.map((k) => (Object.hasOwn(values, k.name) ? (values[k.name] ?? null) : undefined))
    if (row.every((v) => v === undefined)) continue
    paths.push(path)
    cells.push(row)
  }
  return { paths, cells }
}
