/**
 * Collects the body of one request for an adapter: chunks in, one Uint8Array out, with the limit and the gate's account.
 * The reader holds a paused socket until the gate admits it. A body of declared length is copied once, into place; its memory
 * is taken when the first bytes come. Main thread.
 */
import type { BodyGate, BodyTicket } from './body-gate.js'
import { BodyTooLarge, RequestAborted } from './http.js'

export interface PausableSocket {
  pause(): void
  resume(): void
}

export class BodyReader {
  readonly #chunks: Uint8Array[] = []
  #whole: Uint8Array | undefined
  /** `#whole` is of the gate's pool. */
  #pooled = false
  /** Nobody wants the rest. */
  #left = false
  #total = 0
  #ended = false
  #failed: Error | undefined
  #limit = Number.POSITIVE_INFINITY
  #settle: { resolve: (body: Uint8Array) => void; reject: (err: Error) => void } | undefined
  readonly #ticket: BodyTicket

  constructor(
    private readonly gate: BodyGate,
    private readonly declaredBytes: number,
    private readonly socket: PausableSocket,
    /** Beyond this nothing is kept, whatever the handler allows. */
    private readonly hardLimitBytes: number,
  ) {
    this.#ticket = gate.enter(Math.min(declaredBytes, hardLimitBytes), () => {
      if (!this.#ended && this.#failed === undefined) socket.resume()
    })
    if (!this.#ticket.admitted) socket.pause()
    if (declaredBytes > hardLimitBytes) this.#failed = new BodyTooLarge(hardLimitBytes)
  }

  /** `reused`: the library takes the memory of the chunk back when this returns. */
  push(chunk: Uint8Array, reused: boolean): void {
    if (this.#left || this.#failed !== undefined || chunk.byteLength === 0) return
    this.#total += chunk.byteLength
    if (this.#total > Math.min(this.#limit, this.hardLimitBytes)) {
      this.#fail(new BodyTooLarge(Math.min(this.#limit, this.hardLimitBytes)))
      return
    }
    if (this.#total <= this.declaredBytes) {
      if (!reused && chunk.byteLength === this.declaredBytes) this.#whole = chunk
      else {
        if (this.#whole === undefined) {
          this.#whole = this.gate.pool.take(this.declaredBytes)
          this.#pooled = true
        }
        this.#whole.set(chunk, this.#total - chunk.byteLength)
      }
    } else this.#chunks.push(reused ? chunk.slice() : chunk)
    this.gate.grow(this.#ticket, this.#total)
  }

  end(): void {
    this.#ended = true
    this.#trySettle()
  }

  /** The client is gone: the socket must not be touched any more. */
  abort(): void {
    if (!this.#ended) this.#fail(new RequestAborted())
    this.#leave()
  }

  /** The whole body has arrived. */
  get complete(): boolean {
    return this.#ended
  }

  read(limitBytes: number): Promise<Uint8Array> {
    this.#limit = limitBytes
    if (Math.max(this.#total, this.declaredBytes) > limitBytes && this.#failed === undefined)
      this.#fail(new BodyTooLarge(limitBytes))
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#trySettle()
    })
  }

  /** The response was sent: give the bytes back to the gate, let the connection go on. */
  release(): void {
    if (!this.#ticket.admitted && !this.#ticket.closed) this.socket.resume()
    this.#leave()
  }

  /** What read() gave is not looked at any more. */
  recycle(): void {
    if (!this.#ended || !this.#pooled || this.#whole === undefined) return
    this.gate.pool.give(this.#whole)
    this.#whole = undefined
  }

  #leave(): void {
    this.#left = true
    this.#chunks.length = 0
    this.#whole = undefined
    this.gate.leave(this.#ticket)
  }

  #fail(err: Error): void {
    this.#failed = err
    this.#chunks.length = 0
    this.#whole = undefined
    this.#trySettle()
  }

  #body(): Uint8Array {
    if (this.#whole !== undefined) return this.#whole.subarray(0, this.#total)
    return this.#chunks.length === 1 ? this.#chunks[0]! : concat(this.#chunks, this.#total)
  }

  #trySettle(): void {
    const settle = this.#settle
    if (settle === undefined) return
    if (this.#failed !== undefined) settle.reject(this.#failed)
    else if (this.#ended) settle.resolve(this.#body())
    else return
    this.#settle = undefined
  }
}

function concat(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const out = new Uint8Array(total)
  let at = 0
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += chunk.byteLength
  }
  return out
}
