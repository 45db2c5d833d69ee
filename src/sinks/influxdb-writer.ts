/**
 * The points of one influxDBOut node on their way to InfluxDB. Thread: main.
 *
 *   frames ─► one buffer per (database, retention policy) ─► requests, in order ─► one request at a time
 *
 * A buffer becomes a request when it holds `bufferPoints`, every `flushMs`, and at the end. A request that fails for want of
 * a server (no connection, time-out, 5xx, 429) is tried again, with growing pauses, until it succeeds or newer requests need
 * its room: the queue is bounded in bytes and gives up the oldest points first. What InfluxDB refuses is given up at once.
 */
import { errorText } from '../errors.js'
import { type InfluxWriteTarget, isTransient } from '../influxdb/write-target.js'
import { LogLimit } from '../log-limit.js'
import { type InfluxDBOutSettings, influxDBErrorText } from '../operators/outside/influxdb-out.js'
import { type LineFrame, readLineFrame } from '../operators/outside/line-frame.js'

export interface InfluxWriterOptions {
  readonly settings: InfluxDBOutSettings
  readonly target: InfluxWriteTarget
  readonly maxQueuedBytes: number
  readonly retryMs: number
  readonly maxRetryMs: number
  readonly log: (msg: string, err: string, keys: Record<string, unknown>) => void
}

/** Longer requests are cut, whatever the buffer's size in points: InfluxDB refuses bodies beyond 25 MB. */
const maxRequestBytes = 8 * 1024 * 1024

interface PointBuffer {
  readonly db: string
  readonly rp: string
  bytes: Uint8Array
  length: number
  points: number
}

interface Request {
  readonly db: string
  readonly rp: string
  readonly body: Uint8Array
  readonly points: number
}

export class InfluxWriter {
  readonly counters = { points_written: 0, write_errors: 0, errors: 0, points_dropped: 0, fields_skipped: 0 }
  private readonly buffers = new Map<string, PointBuffer>()
  private readonly queue: Request[] = []
  private queuedBytes = 0
  private readonly timer: NodeJS.Timeout
  private readonly abort = new AbortController()
  private readonly limit = new LogLimit()
  private pumping = false
  private failures = 0
  private idleWaiters: (() => void)[] = []
  private wake: (() => void) | null = null

  constructor(private readonly options: InfluxWriterOptions) {
    const { settings } = options
    this.timer = setInterval(() => this.flush(), settings.flushMs)
    this.timer.unref()
    if (settings.create && settings.db !== '') {
      this.pumping = true
      void this.create().then(() => this.pump())
    }
  }

  add(payload: Uint8Array): void {
    const frame = readLineFrame(payload)
    this.counters.fields_skipped += frame.skipped
    const key = `${frame.db}\0${frame.rp}`
    let buffer = this.buffers.get(key)
    if (buffer === undefined) {
      buffer = { db: frame.db, rp: frame.rp, bytes: new Uint8Array(0), length: 0, points: 0 }
      this.buffers.set(key, buffer)
    }
    this.fill(buffer, frame)
  }

  /** Makes requests of all that is buffered. */
  flush(): void {
    for (const buffer of this.buffers.values()) this.request(buffer)
    this.buffers.clear()
  }

  /** Resolves when everything is written or given up; at the deadline what is left is given up. */
  async end(deadlineMs: number): Promise<void> {
    clearInterval(this.timer)
    this.flush()
    const timer = setTimeout(() => this.abandon(), deadlineMs)
    // The pause of a retry ends at once: this is the last chance.
    this.wake?.()
    while (this.pumping) await new Promise<void>((resolve) => this.idleWaiters.push(resolve))
    clearTimeout(timer)
  }

  /** Gives up everything at once. */
  close(): void {
    clearInterval(this.timer)
    this.buffers.clear()
    this.abandon()
  }

  private fill(buffer: PointBuffer, frame: LineFrame): void {
    let from = 0
    let at = 0
    for (let i = 0; i < frame.units; i++) {
      at += frame.unitBytes(i)
      buffer.points += frame.unitRows(i)
      const bytes = buffer.length + at - from
      if (buffer.points < this.options.settings.bufferPoints && bytes < maxRequestBytes) continue
      append(buffer, frame.lines, from, at)
      from = at
      this.request(buffer)
    }
    append(buffer, frame.lines, from, at)
  }

  private request(buffer: PointBuffer): void {
    if (buffer.points === 0) return
    const { db, rp, points } = buffer
    this.queue.push({ db, rp, points, body: buffer.bytes.subarray(0, buffer.length) })
    this.queuedBytes += buffer.length
    buffer.bytes = new Uint8Array(0)
    buffer.length = 0
    buffer.points = 0
    // The first one is under way; dropping it would not free its memory.
    while (this.queuedBytes > this.options.maxQueuedBytes && this.queue.length > 1) {
      this.giveUp(this.queue.splice(1, 1)[0], 'too many points wait for InfluxDB')
    }
    if (!this.pumping) void this.pump()
  }

  private async create(): Promise<void> {
    const { db, rp } = this.options.settings
    try {
      await this.options.target.createDatabase(db, rp, this.abort.signal)
    } catch (err) {
      this.options.log('failed to create database', errorText(err), {})
    }
  }

  private async pump(): Promise<void> {
    this.pumping = true
    while (this.queue.length > 0) {
      const request = this.queue[0]
      const done = await this.write(request)
      // It may have been given up meanwhile.
      if (done && this.queue[0] === request) this.leave(request)
    }
    this.pumping = false
    for (const resolve of this.idleWaiters.splice(0)) resolve()
  }

  /** One try; false: the request stays. */
  private async write(request: Request): Promise<boolean> {
    const { settings, target } = this.options
    const { consistency, precision } = settings
    const { db, rp, body } = request
    try {
      await target.write({ db, rp, consistency, precision, body }, this.abort.signal)
      this.counters.points_written += request.points
      this.failures = 0
      return true
    } catch (err) {
      if (this.abort.signal.aborted) return true
      this.failed(err, request.points)
      if (!isTransient(err)) {
        this.counters.points_dropped += request.points
        return true
      }
      await this.pause()
      return false
    }
  }

  private failed(err: unknown, points: number): void {
    this.counters.write_errors++
    this.counters.errors++
    if (this.limit.may()) {
      const keys = { points, ...this.limit.suppressed(), ...(isTransient(err) ? { retry: true } : {}) }
      this.options.log(influxDBErrorText, errorText(err), keys)
    }
  }

  /** Waits before the next try: doubled each time, with a random half. */
  private async pause(): Promise<void> {
    const { retryMs, maxRetryMs } = this.options
    const full = Math.min(maxRetryMs, retryMs * 2 ** Math.min(20, this.failures++))
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, full / 2 + (Math.random() * full) / 2)
      timer.unref()
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.wake = null
  }

  private abandon(): void {
    this.abort.abort()
    for (const request of this.queue.slice()) this.giveUp(request, 'InfluxDB did not take them in time')
    this.queue.length = 0
    this.wake?.()
  }

  private giveUp(request: Request, err: string): void {
    this.counters.points_dropped += request.points
    this.queuedBytes -= request.body.length
    if (this.limit.may()) this.options.log('points for InfluxDB dropped', err, { points: request.points })
  }

  private leave(request: Request): void {
    this.queue.shift()
    this.queuedBytes -= request.body.length
  }
}

function append(buffer: PointBuffer, lines: Uint8Array, from: number, to: number): void {
  if (from === to) return
  const need = buffer.length + to - from
  if (need > buffer.bytes.length) {
    const bytes = new Uint8Array(Math.max(need, buffer.bytes.length * 2, 4096))
    bytes.set(buffer.bytes.subarray(0, buffer.length))
    buffer.bytes = bytes
  }
  buffer.bytes.set(lines.subarray(from, to), buffer.length)
  buffer.length = need
}
