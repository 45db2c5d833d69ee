/**
 * Bounds the bytes of request bodies that are in memory at once. A request is admitted first-in first-out when its declared
 * length fits (a body of unknown length counts as it grows); until then its socket is paused. An admitted request is always
 * read to its end, so the gate cannot lock up; one request larger than the whole cap is admitted alone. Main thread.
 */
import { BodyPool } from './body-pool.js'

export class BodyTicket {
  bytes = 0
  admitted = false
  closed = false
  constructor(
    readonly declaredBytes: number,
    readonly resume: () => void,
  ) {}
}

export class BodyGate {
  readonly pool = new BodyPool()
  #held = 0
  #admitted = 0
  readonly #waiting: BodyTicket[] = []

  constructor(readonly capBytes: number) {}

  get heldBytes(): number {
    return this.#held
  }

  get waitingRequests(): number {
    return this.#waiting.length
  }

  /** The caller pauses its socket when the ticket is not admitted; `resume` is called once it is. */
  enter(declaredBytes: number, resume: () => void): BodyTicket {
    const ticket = new BodyTicket(declaredBytes, resume)
    if (this.#waiting.length === 0 && this.#fits(ticket)) this.#admit(ticket)
    else this.#waiting.push(ticket)
    return ticket
  }

  /** `total` bytes of the body have arrived. */
  grow(ticket: BodyTicket, total: number): void {
    if (ticket.closed || total <= ticket.bytes) return
    this.#held += total - ticket.bytes
    ticket.bytes = total
  }

  /** The body is not needed any more. Safe to call twice. */
  leave(ticket: BodyTicket): void {
    if (ticket.closed) return
    ticket.closed = true
    this.#held -= ticket.bytes
    if (ticket.admitted) this.#admitted--
    else this.#waiting.splice(this.#waiting.indexOf(ticket), 1)
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!)) {
      const next = this.#waiting.shift()!
      this.#admit(next)
      next.resume()
    }
  }

  #fits(ticket: BodyTicket): boolean {
    // What waiting sockets delivered before they paused is held too, so "nothing held" would never come.
    return this.#admitted === 0 || this.#held + Math.max(ticket.declaredBytes - ticket.bytes, 0) <= this.capBytes
  }

  #admit(ticket: BodyTicket): void {
    ticket.admitted = true
    this.#admitted++
    this.grow(ticket, ticket.declaredBytes)
  }
}
