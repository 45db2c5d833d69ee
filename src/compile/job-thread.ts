/**
 * A thread for work whose cost a user decides. Thread: main.
 *
 * It is started by its first job and does one at a time. A job that runs longer than its deadline, or needs more memory than the
 * thread may have, ends with an error, and the thread with it: the next job starts another one. Jobs that wait are bounded
 * in number and in time.
 */
import { Piscina } from 'piscina'
import { errorText, ShardlineError } from '../errors.js'
import { goDuration } from '../go/go-duration.js'
import type { Log } from '../log.js'
import type { Job, JobResult } from './jobs.js'
import type { JobCall } from './script-thread.js'

export interface JobThreadOptions {
  /** JavaScript file whose default export takes a JobCall. */
  readonly filename: string
  readonly log: Log
  /** How long a job may run, and how long it may wait for its turn. */
  readonly deadlineMs: number
  readonly waitMs?: number
  readonly maxWaiting?: number
  /** Of the thread's JavaScript heap. */
  readonly heapMb?: number
  /** A thread that had nothing to do for so long ends. */
  readonly idleMs?: number
}

interface Waiting {
  begin(): void
  refuse(err: ShardlineError): void
}

/** A thread that takes longer to start is none. */
const startMs = 60_000

export class JobThread {
  private pool: Piscina | null = null
  private readonly waiting: Waiting[] = []
  private busy = false
  private closed = false

  constructor(private readonly options: JobThreadOptions) {}

  /** Rejects with a ShardlineError when the job could not be done; what the job says is its result. */
  async run(job: Job): Promise<JobResult> {
    await this.turn()
    try {
      return await this.work(job)
    } finally {
      this.busy = false
      this.waiting.shift()?.begin()
    }
  }

  /** What runs or waits ends with an error. */
  async close(): Promise<void> {
    this.closed = true
    for (const waiting of this.waiting.splice(0)) waiting.refuse(closing())
    await this.pool?.destroy()
  }

  private turn(): Promise<void> {
    if (this.closed) return Promise.reject(closing())
    if (!this.busy) {
      this.busy = true
      return Promise.resolve()
    }
    const { maxWaiting = 256, waitMs = this.options.deadlineMs } = this.options
    if (this.waiting.length >= maxWaiting) return Promise.reject(waitsTooLong())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(waiting), 1)
        reject(waitsTooLong())
      }, waitMs)
      const waiting: Waiting = {
        begin: () => {
          clearTimeout(timer)
          this.busy = true
          resolve()
        },
        refuse: (err) => {
          clearTimeout(timer)
          reject(err)
        },
      }
      this.waiting.push(waiting)
    })
  }

  private async work(job: Job): Promise<JobResult> {
    const { deadlineMs } = this.options
    const call: JobCall = { job, begun: new Int32Array(new SharedArrayBuffer(4)) }
    // Pairs with the store in script-thread.ts.
    const hasBegun = (): boolean => Atomics.load(call.begun, 0) === 1
    const abort = new AbortController()
    const sentMs = performance.now()
    const late = (): void => {
      if (hasBegun() || performance.now() - sentMs > startMs) abort.abort()
      else timer = setTimeout(late, deadlineMs)
    }
    let timer = setTimeout(late, deadlineMs)
    try {
      return (await this.threads().run(call, { signal: abort.signal })) as JobResult
    } catch (err) {
      if (this.closed) throw closing()
      if (abort.signal.aborted && hasBegun()) throw tooLong(deadlineMs)
      if (codeOf(err) === 'ERR_WORKER_OUT_OF_MEMORY') throw tooLarge()
      throw new ShardlineError('compile-thread', `the thread for scripts has failed: ${errorText(err)}`)
    } finally {
      clearTimeout(timer)
    }
  }

  private threads(): Piscina {
    const { filename, log, heapMb = 192, idleMs = Number.POSITIVE_INFINITY } = this.options
    if (this.pool !== null) return this.pool
    this.pool = new Piscina({
      filename,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: idleMs,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    })
    // Of a thread that has nothing to do: the next job starts another one.
    this.pool.on('error', (err: unknown) => log.error('a thread for scripts has failed', { err: errorText(err) }))
    return this.pool
  }
}

const codeOf = (err: unknown): unknown => (err instanceof Error && 'code' in err ? err.code : undefined)

const closing = (): ShardlineError => new ShardlineError('closing', 'the server is shutting down')

const waitsTooLong = (): ShardlineError =>
  new ShardlineError('scripts-waiting', 'too many scripts wait to be evaluated', 503, 'Send the request again.')

const tooLong = (deadlineMs: number): ShardlineError =>
  new ShardlineError(
    'script-timeout',
    `the script takes more than ${goDuration(BigInt(deadlineMs) * 1_000_000n)} to evaluate`,
    400,
    'Ask for less work, make several tasks of it, or raise `[task] script-timeout`.',
  )

const tooLarge = (): ShardlineError =>
  new ShardlineError(
    'script-memory',
    'the script takes too much memory to evaluate',
    400,
    'Ask for less work, or make several tasks of it.',
  )
