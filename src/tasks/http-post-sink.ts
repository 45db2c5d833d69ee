/**
 * Makes the requests of `httpPost` nodes. Thread: main.
 *
 * Requests of one (task, node, shard, group) follow each other, each after the answer to the one before; different groups run
 * side by side, up to `maxConcurrent`. The queue is bounded in bytes: what comes beyond is not sent, but answered (code 0)
 * and counted. Errors go back to the shard, where the node counts and logs them.
 *
 * Life of a task here: `prepare` (compiles templates, finds endpoints; throws what enabling the task must answer), `start`,
 * frames, `stop`. Frames that overtake `start` wait for it.
 */
import { deserialize } from 'node:v8'
import {
  compileTextTemplate,
  GoList,
  GoMap,
  goStruct,
  jsonFunctions,
  type Template,
  type TemplateValue,
} from '../alert/template/index.js'
import { Duration, Timestamp } from '../columns/values.js'
import { errorText, ShardlineError } from '../errors.js'
import { basicAuth, type HttpClient } from '../net/http-client.js'
import { type HttpPostAnswer, type HttpPostSettings, httpPostSettings, type TypedRow } from '../operators/http-post.js'
import type { TaskPlan } from '../plan/task-plan.js'
import type { FrameOrigin, OutputFrame, RunningTask } from '../route/engine-api.js'

/** A `[[httppost]]` section of the configuration. */
export interface HttpPostEndpoint {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** '' = no basic authentication. */
  readonly username: string
  readonly password: string
  /** '' = the JSON of the row. */
  readonly rowTemplate: string
}

export interface HttpPostSinkOptions {
  /** The endpoint of a name, if it is configured. */
  readonly endpoint: (name: string) => HttpPostEndpoint | undefined
  readonly http: HttpClient
  readonly maxQueuedBytes?: number
  readonly maxConcurrent?: number
}

/** One httpPost node, ready to send. */
interface Target {
  readonly settings: HttpPostSettings
  readonly url: Template
  readonly row: Template | null
  readonly headers: Record<string, string>
  /** URL or row need the typed row. */
  readonly templated: boolean
}

/** The httpPost nodes of a task by node index. */
export type PreparedHttpPosts = ReadonlyMap<number, Target>

interface Job {
  readonly task: TaskSide
  readonly target: Target
  readonly chain: string
  /** Who gets the answer. */
  readonly origin: FrameOrigin
  readonly group: number
  readonly request: number
  readonly body: Uint8Array
  readonly row: Uint8Array | null
  readonly bytes: number
}

interface TaskSide {
  readonly running: RunningTask
  readonly targets: PreparedHttpPosts
  stopped: boolean
}

const maxAnswerBytes = 64 * 1024

export class HttpPostSink {
  /** Requests not made because the queue was full. */
  dropped = 0
  queuedBytes = 0
  private readonly tasks = new Map<number, TaskSide>()
  /** Frames of tasks that have not been started here yet. */
  private early: OutputFrame[] = []
  private earlyBytes = 0
  /** The jobs of a chain; the first one is running or waits in `ready`. */
  private readonly chains = new Map<string, Job[]>()
  private readonly ready: Job[] = []
  private running = 0
  private readonly maxQueuedBytes: number
  private readonly maxConcurrent: number
  /** Requests not answered yet, by task key. */
  private readonly pending = new Map<number, number>()
  private idleWaiters: (() => void)[] = []

  constructor(private readonly options: HttpPostSinkOptions) {
    this.maxQueuedBytes = options.maxQueuedBytes ?? 64 * 1024 * 1024
    this.maxConcurrent = options.maxConcurrent ?? 64
  }

  /** Throws the errors that enabling a task answers with. */
  prepare(plan: TaskPlan): PreparedHttpPosts {
    const targets = new Map<number, Target>()
    for (const p of plan.nodes) {
      if (p.node.def.method === 'httpPost') targets.set(p.index, this.targetOf(httpPostSettings(p.node)))
    }
    return targets
  }

  start(running: RunningTask, targets: PreparedHttpPosts): void {
    if (targets.size > 0) this.tasks.set(running.key, { running, targets, stopped: false })
    const mine = this.early.filter((f) => f.taskKey === running.key)
    this.early = this.early.filter((f) => f.taskKey !== running.key)
    for (const f of mine) {
      this.earlyBytes -= f.payload.length
      this.onFrame(f)
    }
  }

  /** Forgets a task: requests under way end, the others are not made. */
  stop(key: number): void {
    const task = this.tasks.get(key)
    if (task === undefined) return
    task.stopped = true
    this.tasks.delete(key)
  }

  /** Resolves when no request (of this run of a task) is under way or waiting. */
  async idle(taskKey?: number): Promise<void> {
    const quiet = (): boolean => (taskKey === undefined ? this.pending.size === 0 : !this.pending.has(taskKey))
    while (!quiet()) await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
  }

  close(): void {
    for (const key of [...this.tasks.keys()]) this.stop(key)
  }

  onFrame(frame: OutputFrame): void {
    const task = this.tasks.get(frame.taskKey)
    if (task === undefined) {
      this.keepEarly(frame)
      return
    }
    const target = task.targets.get(frame.nodeIndex)
    if (target === undefined) return
    const head = new DataView(frame.payload.buffer, frame.payload.byteOffset)
    const group = head.getInt32(0, true)
    const request = head.getInt32(4, true)
    const bodyBytes = head.getInt32(8, true)
    const rowBytes = head.getInt32(12, true)
    const job: Job = {
      task,
      target,
      chain: `${frame.taskKey}/${frame.nodeIndex}/${frame.shard}/${group}`,
      origin: { shard: frame.shard, life: frame.life, nodeIndex: frame.nodeIndex },
      group,
      request,
      body: frame.payload.slice(16, 16 + bodyBytes),
      row: rowBytes === 0 ? null : frame.payload.slice(16 + bodyBytes, 16 + bodyBytes + rowBytes),
      bytes: frame.payload.length,
    }
    if (this.queuedBytes + job.bytes > this.maxQueuedBytes) {
      this.dropped++
      answer(job, 0, { msg: 'failed to POST data', err: 'too many requests are waiting' }, true)
      return
    }
    this.queuedBytes += job.bytes
    const { key } = task.running
    this.pending.set(key, (this.pending.get(key) ?? 0) + 1)
    const chain = this.chains.get(job.chain)
    if (chain !== undefined) {
      chain.push(job)
      return
    }
    this.chains.set(job.chain, [job])
    this.ready.push(job)
    this.pump()
  }

  private keepEarly(frame: OutputFrame): void {
    if (this.earlyBytes + frame.payload.length > this.maxQueuedBytes / 4) {
      this.dropped++
      return
    }
    this.earlyBytes += frame.payload.length
    this.early.push({ ...frame, payload: frame.payload.slice() })
  }

  private pump(): void {
    while (this.running < this.maxConcurrent) {
      const job = this.ready.shift()
      if (job === undefined) return
      this.running++
      this.send(job)
        .catch((err: unknown) => answer(job, 0, { msg: 'failed to POST data', err: errorText(err) }, false))
        .finally(() => this.done(job))
    }
  }

  private done(job: Job): void {
    this.running--
    const chain = this.chains.get(job.chain)!
    do this.settle(chain.shift()!)
    while (chain.length > 0 && chain[0].task.stopped)
    if (chain.length > 0) this.ready.push(chain[0])
    else this.chains.delete(job.chain)
    this.pump()
  }

  private settle(job: Job): void {
    this.queuedBytes -= job.bytes
    const { key } = job.task.running
    const left = this.pending.get(key)! - 1
    if (left > 0) this.pending.set(key, left)
    else {
      this.pending.delete(key)
      for (const resolve of this.idleWaiters.splice(0)) resolve()
    }
  }

  private async send(job: Job): Promise<void> {
    if (job.task.stopped) return
    const { settings } = job.target
    const data = job.target.templated && job.row !== null ? templateData(deserialize(job.row) as TypedRow) : undefined
    const url = job.target.url.execute(data)
    const body = job.target.row === null ? job.body : Buffer.from(job.target.row.execute(data))
    const { headers } = job.target
    const limits = { deadlineMs: settings.timeoutMs, maxAnswerBytes, longAnswer: 'cut' } as const
    const reply = await this.options.http.send({ method: 'POST', url, headers, body, ...limits })
    const code = reply.status
    if (code >= 200 && code < 300) answer(job, code, null, false)
    else {
      const err = settings.captureResponse
        ? reply.body.toString()
        : 'unknown error, use .captureResponse() to capture the HTTP response'
      answer(job, code, { msg: 'POST returned non 2xx status code', err }, false)
    }
  }

  private targetOf(settings: HttpPostSettings): Target {
    const name = settings.endpoints[0]
    const endpoint = name === undefined ? undefined : this.options.endpoint(name)
    if (name !== undefined && endpoint === undefined)
      throw new ShardlineError('http-post-endpoint', `endpoint '${name}' does not exist`, 500)
    const url = compiled('url', endpoint === undefined ? settings.urls[0] : endpoint.url)
    const rowTemplate = endpoint?.rowTemplate ?? ''
    const row = rowTemplate === '' ? null : compiled('row', rowTemplate)
    const headers: Record<string, string> = {}
    if (row === null) headers['Content-Type'] = 'application/json'
    for (const [k, v] of Object.entries(endpoint?.headers ?? {})) setHeader(headers, k, v)
    for (const [k, v] of settings.headers) setHeader(headers, k, v)
    if (endpoint !== undefined && endpoint.username !== '') {
      setHeader(headers, 'Authorization', basicAuth(endpoint.username, endpoint.password))
    }
    const templated = row !== null || (endpoint?.url ?? settings.urls[0]).includes('{{')
    return { settings, url, row, headers, templated }
  }
}

function compiled(name: string, source: string): Template {
  try {
    return compileTextTemplate(name, source, jsonFunctions)
  } catch (err) {
    throw new ShardlineError('http-post-template', errorText(err), 500)
  }
}

/** Header names differ only in case are the same header. */
function setHeader(headers: Record<string, string>, name: string, value: string): void {
  for (const k of Object.keys(headers)) if (k.toLowerCase() === name.toLowerCase()) delete headers[k]
  headers[name] = value
}

function answer(job: Job, code: number, error: HttpPostAnswer['error'], dropped: boolean): void {
  if (job.task.stopped || (error === null && job.request < 0)) return
  const { group, request } = job
  const message: HttpPostAnswer = { what: 'answer', group, request, code, error, dropped }
  job.task.running.reply(job.origin, message)
}

/** What URL and row templates see: `.Name`, `.Tags`, `.Values`. */
function templateData(row: TypedRow): TemplateValue {
  const values = row.values.map(
    (cells) =>
      new GoMap(
        'map[string]interface {}',
        new Map(row.columns.map((c, i): [string, TemplateValue] => [c, templateCell(cells[i])])),
        'interface {}',
      ),
  )
  return goStruct('kapacitor.row', {
    Name: row.name,
    Tags: new GoMap('map[string]string', row.tags, 'string'),
    Values: new GoList('[]map[string]interface {}', values),
  })
}

function templateCell(v: unknown): TemplateValue {
  if (typeof v === 'bigint' || typeof v === 'number' || typeof v === 'string' || typeof v === 'boolean') return v
  if (v === null || typeof v !== 'object') return undefined
  if ('duration' in v) return new Duration(v.duration as bigint)
  return 'time' in v ? new Timestamp(v.time as bigint) : undefined
}
