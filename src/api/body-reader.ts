/**
 * Collects the body of one request for an adapter: chunks in, one Uint8Array out, with the limit and the gate's account.
 * The reader holds a paused socket until the gate admits it. Main thread.
 */
import type { BodyGate, BodyTicket } from './body-gate.js'
import { BodyTooLarge, RequestAborted } from './http.js'

export interface PausableSocket {
  pause(): void
  resume(): void
}

export class BodyReader {
  readonly #chunks: Uint8Array[] = []
  #total = 0
  #ended = false
  #failed: Error | undefined
  #limit = Number.POSITIVE_INFINITY
  #settle: { resolve: (body: Uint8Array) => void; reject: (err: Error) => void } | undefined
  readonly #ticket: BodyTicket

  constructor(
    private readonly gate: BodyGate,
    declaredBytes: number,
    private readonly socket: PausableSocket,
    /** Beyond this nothing is kept, whatever the handler allows. */
    private readonly hardLimitBytes: number,
  ) {
    this.#ticket = gate.enter(Math.min(declaredBytes, hardLimitBytes), () => {
      if (!this.#ended && this.#failed === undefined) socket.resume()
    })
    if (!this.#ticket.admitted) socket.pause()
  }

  /** `chunk` must stay valid: adapters copy what their library reuses. */
  push(chunk: Uint8Array): void {
    if (this.#failed !== undefined || chunk.byteLength === 0) return
    this.#total += chunk.byteLength
    if (this.#total > Math.min(this.#limit, this.hardLimitBytes)) {
      this.#fail(new BodyTooLarge(Math.min(this.#limit, this.hardLimitBytes)))
      return
    }
    this.#chunks.push(chunk)
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
    if (this.#total > limitBytes && this.#failed === undefined) this.#fail(new BodyTooLarge(limitBytes))
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

  #leave(): void {
    this.#chunks.length = 0
    this.gate.leave(this.#ticket)
  }

  #fail(err: Error): void {
    this.#failed = err
    this.#chunks.length = 0
    this.#trySettle()
  }

  #trySettle(): void {
    const settle = this.#settle
    if (settle === undefined) return
    if (this.#failed !== undefined) settle.reject(this.#failed)
    else if (this.#ended)
      settle.resolve(this.#chunks.length === 1 ? this.#chunks[0]! : concat(this.#chunks, this.#total))
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
