/**
 * Writes what kapacitorLoopback nodes send back into the engine. Thread: main.
 *
 * One queue, first in, first out, one write at a time: order holds, and a write that has no room waits without holding up the
 * shards that make the room. The queue is bounded in bytes. Tasks that feed each other can make points without end: what
 * comes when the queue is full is dropped, counted and logged.
 */

import type { Engine, OutputFrame, WriteResult } from '../engine/engine-api.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { LogLimit } from '../log-limit.js'
import { loopbackErrorText, loopbackTarget } from '../operators/outside/kapacitor-loopback.js'
import { type LineFrame, readLineFrame } from '../operators/outside/line-frame.js'
import type { TaskOutline } from '../plan/task-outline.js'
import type { Dbrp } from '../tasks/task-record.js'

export interface LoopbackSinkOptions {
  readonly engine: Pick<Engine, 'write'>
  readonly log: Log
  readonly maxQueuedBytes?: number
  /** How long a write is tried again when the engine has no room. */
  readonly patienceMs?: number
}

/** Writing takes turns with the rest of main's work. */
const sliceMs = 5

interface Counters {
  points_written: number
  errors: number
  points_dropped: number
  fields_skipped: number
}

interface NodeSide {
  readonly taskKey: number
  readonly nodeIndex: number
  readonly counters: Counters
  readonly limit: LogLimit
}

interface Job {
  readonly task: string
  readonly node: NodeSide
  readonly db: string
  readonly rp: string
  readonly body: Uint8Array
  /** Bytes of each row, for when they have to be written one by one; batches are not taken apart. */
  readonly units: readonly number[]
  readonly rows: number
}

export class LoopbackSink {
  queuedBytes = 0
  /** Points dropped because the queue was full. */
  dropped = 0
  private readonly queue: Job[] = []
  private readonly nodes = new Map<number, Map<number, NodeSide>>()
  private readonly plans = new Map<number, TaskOutline>()
  private readonly waiting = new Map<number, number>()
  private idleWaiters: (() => void)[] = []
  private running = false
  private closed = false
  private readonly maxQueuedBytes: number
  private readonly patienceMs: number

  constructor(private readonly options: LoopbackSinkOptions) {
    this.maxQueuedBytes = options.maxQueuedBytes ?? 64 * 1024 * 1024
    this.patienceMs = options.patienceMs ?? 10_000
  }

  /** Throws when a node of the task would write into what the task reads. */
  check(plan: TaskOutline, dbrps: readonly Dbrp[]): void {
    for (const { node } of plan.nodes) {
      if (node.def.method !== 'kapacitorLoopback') continue
      const { db, rp } = loopbackTarget(node)
      if (dbrps.some((d) => d.db === db && d.rp === rp))
        throw new ShardlineError('loopback-loop', `loop detected on dbrp: ${JSON.stringify(db)}.${JSON.stringify(rp)}`)
    }
  }

  start(taskKey: number, plan: TaskOutline): void {
    if (plan.nodes.some((n) => n.node.def.method === 'kapacitorLoopback')) this.plans.set(taskKey, plan)
  }

  onFrame(frame: OutputFrame): void {
    const node = this.nodeOf(frame)
    const read = readLineFrame(frame.payload)
    node.counters.fields_skipped += read.skipped
    if (this.closed) return
    if (this.queuedBytes + read.lines.length > this.maxQueuedBytes && this.queue.length > 0) {
      this.dropped += read.rows
      this.failed(frame.taskId, node, 'too many points wait to be written back', read.rows)
      return
    }
    this.queue.push(jobOf(frame, read, node))
    this.queuedBytes += read.lines.length
    this.waiting.set(frame.taskKey, (this.waiting.get(frame.taskKey) ?? 0) + 1)
    if (!this.running) void this.pump()
  }

  /** Resolves when nothing of this run of a task waits any more. */
  async idle(taskKey: number): Promise<void> {
    while (this.waiting.has(taskKey)) await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
  }

  /** Forgets a run's counters; what it has sent is still written. */
  stop(taskKey: number): void {
    this.nodes.delete(taskKey)
    this.plans.delete(taskKey)
  }

  countersOf(taskKey: number, nodeIndex: number): Readonly<Record<string, number>> {
    const counters = this.nodes.get(taskKey)?.get(nodeIndex)?.counters
    if (counters === undefined) return {}
    const shown: Record<string, number> = {}
    for (const [name, n] of Object.entries(counters)) if (n > 0) shown[name] = n
    return shown
  }

  /** What waits is dropped. */
  close(): void {
    this.closed = true
    this.queue.length = 0
    this.queuedBytes = 0
    this.waiting.clear()
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }

  private nodeOf(frame: OutputFrame): NodeSide {
    let nodes = this.nodes.get(frame.taskKey)
    if (nodes === undefined) {
      nodes = new Map()
      this.nodes.set(frame.taskKey, nodes)
    }
    let node = nodes.get(frame.nodeIndex)
    if (node === undefined) {
      const counters = { points_written: 0, errors: 0, points_dropped: 0, fields_skipped: 0 }
      node = { taskKey: frame.taskKey, nodeIndex: frame.nodeIndex, counters, limit: new LogLimit() }
      nodes.set(frame.nodeIndex, node)
    }
    return node
  }

  private async pump(): Promise<void> {
    this.running = true
    let until = performance.now() + sliceMs
    for (let job = this.queue.shift(); job !== undefined; job = this.queue.shift()) {
      if (performance.now() > until) {
        await new Promise((resolve) => setImmediate(resolve))
        until = performance.now() + sliceMs
      }
      try {
        await this.write(job)
      } catch (err) {
        this.failed(job.task, job.node, errorText(err), job.rows)
      }
      this.settle(job)
    }
    this.running = false
  }

  private settle(job: Job): void {
    if (this.closed) return
    this.queuedBytes -= job.body.length
    const left = (this.waiting.get(job.node.taskKey) ?? 1) - 1
    if (left > 0) {
      this.waiting.set(job.node.taskKey, left)
      return
    }
    this.waiting.delete(job.node.taskKey)
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }

  private async write(job: Job): Promise<void> {
    const result = await this.attempt(job.db, job.rp, job.body)
    if (result.status === 204) job.node.counters.points_written += result.points
    else if (result.status === 503 || job.units.length === 1) this.failed(job.task, job.node, result.error, job.rows)
    else await this.writeEach(job)
  }

  /** One line that is too long spoils the whole write: then each has its own. */
  private async writeEach(job: Job): Promise<void> {
    let at = 0
    for (const bytes of job.units) {
      const result = await this.attempt(job.db, job.rp, job.body.subarray(at, at + bytes))
      at += bytes
      if (result.status === 204) job.node.counters.points_written += result.points
      else this.failed(job.task, job.node, result.error, 1)
    }
  }

  private async attempt(db: string, rp: string, body: Uint8Array): Promise<WriteResult> {
    const until = performance.now() + this.patienceMs
    for (;;) {
      // Without a promise there was room at once.
      const answer = this.options.engine.write({ db, rp, precision: 'n', body, source: 'loopback' })
      const result = answer instanceof Promise ? await answer : answer
      if (result.status !== 503 || this.closed || performance.now() > until) return result
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  private failed(task: string, node: NodeSide, err: string, points: number): void {
    node.counters.errors++
    node.counters.points_dropped += points
    if (!node.limit.may()) return
    const name = this.plans.get(node.taskKey)?.nodes[node.nodeIndex].node.name
    this.options.log.error(loopbackErrorText, { task, node: name, err, points, ...node.limit.suppressed() })
  }
}

function jobOf(frame: OutputFrame, read: LineFrame, node: NodeSide): Job {
  const units: number[] = []
  for (let i = 0; i < read.units; i++) units.push(read.unitBytes(i))
  return { task: frame.taskId, node, db: read.db, rp: read.rp, body: read.lines.slice(), units, rows: read.rows }
}
