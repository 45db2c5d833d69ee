/**
 * Makes the requests of `httpPost` nodes. Thread: main.
 *
 * Requests of one (task, node, shard, group) follow each other, each after the answer to the one before; different groups run
 * side by side, as many as sinks/post-queue.ts allows. What has no room there is not sent, but answered (code 0) and counted.
 * A thread that takes the place of a dead one numbers its groups anew: its requests do not wait for those of the old one.
 * Errors go back to the shard, where the node counts and logs them; those of requests whose thread has died meanwhile are counted
 * and logged here.
 *
 * Life of a task here: `prepare` (compiles templates, finds endpoints; throws what enabling the task must answer), `start`,
 * frames, `stop`. Frames that overtake `start` wait for it.
 */
import { deserialize } from 'node:v8'
import type { HttpEndpoint } from '../alert-handlers/http-endpoints.js'
import { Duration, Timestamp } from '../columns/values.js'
import type { FrameOrigin, OutputFrame, RunningTask } from '../engine/engine-api.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { LogLimit } from '../log-limit.js'
import type { HttpAnswer, HttpClient } from '../net/http-client.js'
import {
  type HttpPostAnswer,
  type HttpPostSettings,
  httpPostSettings,
  type TypedRow,
} from '../operators/outside/http-post.js'
import type { TaskOutline } from '../plan/task-outline.js'
import {
  compileTextTemplate,
  GoList,
  GoMap,
  goStruct,
  jsonFunctions,
  type Template,
  type TemplateValue,
} from '../templates/index.js'
import type { PipelineNode } from '../tickscript/node-def.js'
import { EarlyFrames } from './early-frames.js'
import { type PostJob, type PostLimits, PostQueue } from './post-queue.js'

export interface HttpPostSinkOptions {
  /** The endpoint of a name, if it is configured. */
  readonly endpoint: (name: string) => HttpEndpoint | undefined
  readonly http: HttpClient
  /** Of a request whose node sets none; 0 = none. */
  readonly deadlineMs: number
  readonly limits: PostLimits
  readonly log: Log
}

/** One httpPost node, ready to send. */
interface Target {
  readonly node: string
  readonly quiet: boolean
  readonly settings: HttpPostSettings
  readonly url: Template
  readonly row: Template | null
  readonly headers: Record<string, string>
  /** '' = a template. */
  readonly plainUrl: string
}

/** The httpPost nodes of a task by node index. */
export type PreparedHttpPosts = ReadonlyMap<number, Target>

interface TaskSide {
  readonly running: RunningTask
  readonly targets: PreparedHttpPosts
  /** By node index: errors that no operator takes any more. */
  readonly orphans: Map<number, number>
}

type PostError = NonNullable<HttpPostAnswer['error']>

const maxAnswerBytes = 64 * 1024
const frameHeadBytes = 16

export class HttpPostSink {
  /** Requests not made because there was no room for them. */
  get dropped(): number {
    return this.refused + this.early.dropped
  }

  private refused = 0
  private readonly tasks = new Map<number, TaskSide>()
  private readonly early = new EarlyFrames()
  private readonly limit = new LogLimit()
  private readonly queue: PostQueue

  constructor(private readonly options: HttpPostSinkOptions) {
    this.queue = new PostQueue(options.limits)
  }

  get queuedBytes(): number {
    return this.queue.queuedBytes
  }

  /** Throws the errors that enabling a task answers with. */
  prepare(plan: TaskOutline): PreparedHttpPosts {
    const targets = new Map<number, Target>()
    for (const p of plan.nodes) {
      if (p.node.def.method === 'httpPost') targets.set(p.index, this.targetOf(p.node))
    }
    return targets
  }

  start(running: RunningTask, targets: PreparedHttpPosts): void {
    this.tasks.set(running.key, { running, targets, orphans: new Map() })
    this.queue.open(running.key)
    for (const f of this.early.take(running.key)) this.onFrame(f)
  }

  /** Forgets a task: requests under way are aborted, the others are not made. */
  stop(key: number): void {
    this.tasks.delete(key)
    this.queue.close(key)
    this.early.take(key)
  }

  /** Resolves when no request (of this run of a task) is under way or waiting. */
  idle(key?: number): Promise<void> {
    return this.queue.idle(key)
  }

  close(): void {
    for (const key of [...this.tasks.keys()]) this.stop(key)
  }

  onFrame(frame: OutputFrame): void {
    const task = this.tasks.get(frame.taskKey)
    if (task === undefined) {
      this.early.keep(frame)
      return
    }
    const target = task.targets.get(frame.nodeIndex)
    if (target === undefined) return
    const job = new Job(frame, task.running, target, {
      send: (request) => this.send(request),
      orphaned: (error) => this.orphaned(task, frame.nodeIndex, error),
    })
    if (this.queue.offer(frame.taskKey, job)) return
    this.refused++
    job.answer(0, { msg: 'failed to POST data', err: 'too many requests are waiting' }, true)
  }

  /** Errors counted here, those that the shards do not know. */
  countersOf(key: number, nodeIndex: number): Readonly<Record<string, number>> {
    const errors = this.tasks.get(key)?.orphans.get(nodeIndex)
    return errors === undefined ? {} : { errors }
  }

  private orphaned({ running, targets, orphans }: TaskSide, nodeIndex: number, error: PostError): void {
    orphans.set(nodeIndex, (orphans.get(nodeIndex) ?? 0) + 1)
    const target = targets.get(nodeIndex)
    if (target === undefined || target.quiet || !this.limit.may()) return
    const keys = { task: running.id, node: target.node, err: error.err, ...this.limit.suppressed() }
    this.options.log.error(error.msg, keys)
  }

  private send({ url, target, body, signal }: Sending): Promise<HttpAnswer> {
    const { headers, settings } = target
    const deadlineMs = settings.timeoutMs > 0 ? settings.timeoutMs : this.options.deadlineMs
    const limits = { deadlineMs, maxAnswerBytes, longAnswer: 'cut' } as const
    return this.options.http.send({ method: 'POST', url, headers, body, signal, ...limits })
  }

  private targetOf(node: PipelineNode): Target {
    const settings = httpPostSettings(node)
    const name = settings.endpoints[0]
    const endpoint = name === undefined ? undefined : this.options.endpoint(name)
    if (name !== undefined && endpoint === undefined)
      throw new ShardlineError('http-post-endpoint', `endpoint '${name}' does not exist`)
    const row = endpoint?.rowTemplate === undefined ? null : compiled('row', endpoint.rowTemplate.source)
    const headers: Record<string, string> = {}
    for (const [k, v] of Object.entries(endpoint?.headers ?? {})) setHeader(headers, k, v)
    if (row === null) setHeader(headers, 'Content-Type', 'application/json')
    for (const [k, v] of settings.headers) setHeader(headers, k, v)
    if (endpoint !== undefined && endpoint.authorization !== '') {
      setHeader(headers, 'Authorization', endpoint.authorization)
    }
    const source = endpoint?.url ?? settings.urls[0]
    const plainUrl = source.includes('{{') ? '' : source
    return { node: node.name, quiet: node.quiet, settings, url: compiled('url', source), row, headers, plainUrl }
  }
}

function compiled(name: string, source: string): Template {
  try {
    return compileTextTemplate(name, source, jsonFunctions)
  } catch (err) {
    throw new ShardlineError('http-post-template', errorText(err))
  }
}

/** Header names differ only in case are the same header. */
function setHeader(headers: Record<string, string>, name: string, value: string): void {
  for (const k of Object.keys(headers)) if (k.toLowerCase() === name.toLowerCase()) delete headers[k]
  headers[name] = value
}

interface Sending {
  readonly url: string
  readonly target: Target
  readonly body: Uint8Array
  readonly signal: AbortSignal
}

/** One request, as a frame of a shard asks for it. */
class Job implements PostJob {
  readonly chain: string
  readonly bytes: number
  private readonly group: number
  private readonly request: number
  private readonly body: Uint8Array
  private readonly row: Uint8Array | null
  /** Who gets the answer. */
  private readonly origin: FrameOrigin
  private url: string
  /** Why the URL cannot be made. */
  private failure: unknown = null

  constructor(
    frame: OutputFrame,
    private readonly running: RunningTask,
    private readonly target: Target,
    private readonly sink: {
      send(request: Sending): Promise<HttpAnswer>
      /** Nobody is left to take the error. */
      orphaned(error: PostError): void
    },
  ) {
    const { payload, shard, life, nodeIndex } = frame
    this.origin = { shard, life, nodeIndex }
    this.url = target.plainUrl
    const head = new DataView(payload.buffer, payload.byteOffset)
    this.group = head.getInt32(0, true)
    this.request = head.getInt32(4, true)
    const bodyEnd = frameHeadBytes + head.getInt32(8, true)
    const rowBytes = head.getInt32(12, true)
    this.body = payload.slice(frameHeadBytes, bodyEnd)
    this.row = rowBytes === 0 ? null : payload.slice(bodyEnd, bodyEnd + rowBytes)
    this.bytes = payload.length
    this.chain = `${nodeIndex}/${shard}/${this.group}`
  }

  host(): string {
    if (this.url === '') {
      try {
        this.url = this.target.url.execute(this.templateData())
      } catch (err) {
        this.failure = err
      }
    }
    return URL.canParse(this.url) ? new URL(this.url).host : ''
  }

  async send(signal: AbortSignal): Promise<void> {
    const { target, url } = this
    try {
      if (this.failure !== null) throw this.failure
      const body = target.row === null ? this.body : Buffer.from(target.row.execute(this.templateData()))
      const { status, body: said } = await this.sink.send({ url, target, body, signal })
      if (signal.aborted) return
      if (status >= 200 && status < 300) {
        if (this.request >= 0) this.answer(status, null, false)
        return
      }
      const err = target.settings.captureResponse
        ? said.toString()
        : 'unknown error, use .captureResponse() to capture the HTTP response'
      this.answer(status, { msg: 'POST returned non 2xx status code', err }, false)
    } catch (err) {
      if (!signal.aborted) this.answer(0, { msg: 'failed to POST data', err: errorText(err) }, false)
    }
  }

  answer(code: number, error: PostError | null, dropped: boolean): void {
    const { group, request } = this
    const message: HttpPostAnswer = { what: 'answer', group, request, code, error, dropped }
    if (!this.running.reply(this.origin, message) && error !== null) this.sink.orphaned(error)
  }

  private templateData(): TemplateValue {
    return this.row === null ? undefined : templateData(deserialize(this.row) as TypedRow)
  }
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
