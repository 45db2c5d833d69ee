/**
 * Collects the body of one request for an adapter: chunks in, one Uint8Array out, with its limit, its deadline and the
 * account of a gate. Thread: main.
 *
 * A body is kept only once somebody has asked for it, in the call of the handler itself; what comes before or otherwise is
 * thrown away. A body that waits at a gate holds its socket paused. The socket is touched for the last time in `answering`,
 * never after `abort`. A body of declared length is copied once, into place; its memory is taken when the first bytes come.
 */

import { ShardlineError } from '../errors.js'
import { timerMs } from '../go/durations.js'
import { BodyTooLarge, RequestAborted } from './body-errors.js'
import type { BodyGate, BodyTicket } from './body-gate.js'

export interface PausableSocket {
  pause(): void
  resume(): void
}

export interface BodyLimits {
  /** Beyond this nothing is kept, whatever the handler allows. */
  readonly hardLimitBytes: number
  /** A body must have arrived so long after it was let in; 0: it may take for ever. */
  readonly timeoutMs: number
}

export class BodyReader {
  private readonly chunks: Uint8Array[] = []
  private whole: Uint8Array | undefined
  /** `whole` is of the gate's pool. */
  private pooled = false
  /** Answered or aborted: the socket belongs to others, and nobody wants the rest. */
  private left = false
  private paused = false
  private total = 0
  private ended = false
  /** Something came before anybody wanted it. */
  private missed = false
  private limit = Number.POSITIVE_INFINITY
  private settle: { resolve: (body: Uint8Array) => void; reject: (err: Error) => void } | undefined
  private gate: BodyGate | undefined
  private ticket: BodyTicket | undefined
  /** Of the wait at the gate, then of the arrival. */
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly declaredBytes: number,
    private readonly socket: PausableSocket,
    private readonly limits: BodyLimits,
  ) {}

  /** More of a body that somebody wants may come now. */
  get arriving(): boolean {
    return this.settle !== undefined && !this.paused
  }

  /** The whole body has arrived, wanted or not. */
  get complete(): boolean {
    return this.ended
  }

  /** `reused`: the library takes the memory of the chunk back when this returns. */
  push(chunk: Uint8Array, reused: boolean): void {
    if (chunk.byteLength === 0) return
    if (this.settle === undefined) {
      this.missed = true
      return
    }
    this.total += chunk.byteLength
    if (this.total > this.limit) {
      this.fail(new BodyTooLarge(this.limit))
      return
    }
    if (this.total <= this.declaredBytes) {
      if (!reused && chunk.byteLength === this.declaredBytes) this.whole = chunk
      else {
        this.whole ??= this.take()
        this.whole.set(chunk, this.total - chunk.byteLength)
      }
    } else this.chunks.push(reused ? chunk.slice() : chunk)
    if (this.ticket !== undefined) this.gate?.grow(this.ticket, this.total)
  }

  end(): void {
    this.ended = true
    const { settle } = this
    if (settle === undefined) return
    this.arrived()
    settle.resolve(this.body())
  }

  /** The client is gone. */
  abort(): void {
    if (this.left) return
    this.fail(new RequestAborted())
    this.leave()
  }

  /** The answer is about to be sent, or its last part: the bytes go back to the gate, the connection may go on. */
  answering(): void {
    if (this.left) return
    this.fail(new Error('the request was answered before its body was read'))
    this.flow()
    this.leave()
  }

  /** Once, in the call of the handler. */
  read(limitBytes: number, gate?: BodyGate): Promise<Uint8Array> {
    this.limit = Math.min(limitBytes, this.limits.hardLimitBytes)
    if (this.left) return Promise.reject(new RequestAborted())
    if (this.missed || this.ended) return Promise.reject(new Error('the body was asked for too late'))
    if (this.declaredBytes > this.limit) return Promise.reject(new BodyTooLarge(this.limit))
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject }
      if (gate === undefined) this.expect()
      else this.waitAt(gate)
    })
  }

  /** What read() gave is not looked at any more. */
  recycle(): void {
    if (!this.pooled || this.whole === undefined || this.settle !== undefined) return
    this.gate?.pool.give(this.whole)
    this.whole = undefined
  }

  private waitAt(gate: BodyGate): void {
    this.gate = gate
    this.ticket = gate.enter(this.declaredBytes, () => {
      this.flow()
      // A body that came along with its head is not waited for.
      if (this.settle !== undefined) this.expect()
    })
    if (this.ticket.admitted) this.expect()
    else if (gate.waitMs <= 0) this.fail(crowded())
    else {
      this.paused = true
      this.socket.pause()
      this.timer = setTimeout(() => this.fail(crowded()), timerMs(gate.waitMs))
    }
  }

  /** From here on the body must come. */
  private expect(): void {
    clearTimeout(this.timer)
    const { timeoutMs } = this.limits
    if (timeoutMs > 0) this.timer = setTimeout(() => this.fail(late(timeoutMs)), timerMs(timeoutMs))
  }

  private flow(): void {
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  private arrived(): void {
    clearTimeout(this.timer)
    this.settle = undefined
  }

  private fail(err: Error): void {
    const { settle } = this
    this.arrived()
    if (settle === undefined) return
    this.chunks.length = 0
    this.whole = undefined
    settle.reject(err)
  }

  private leave(): void {
    this.left = true
    this.chunks.length = 0
    this.whole = undefined
    if (this.ticket !== undefined) this.gate?.leave(this.ticket)
  }

  private take(): Uint8Array {
    if (this.gate === undefined) return Buffer.allocUnsafeSlow(this.declaredBytes)
    this.pooled = true
    return this.gate.pool.take(this.declaredBytes)
  }

  private body(): Uint8Array {
    if (this.whole !== undefined) return this.whole.subarray(0, this.total)
    return this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks, this.total)
  }
}

const crowded = (): ShardlineError =>
  new ShardlineError('body-crowded', 'engine is overloaded: no room for the body of the write')

const late = (timeoutMs: number): ShardlineError =>
  new ShardlineError('body-late', `http: request body did not arrive within ${timeoutMs / 1000}s`)
