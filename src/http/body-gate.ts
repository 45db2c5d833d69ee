/**
 * Bounds the bytes of the bodies of writes that are in memory at once. Thread: main.
 *
 * A body is let in first-in first-out when its declared length fits (one of unknown length counts as it grows); until then
 * it waits. What was let in is read to its end or its deadline, so the gate cannot lock up. Small bodies have a lane of their
 * own: one large body that comes slowly does not stop the ordinary writes. A body larger than its lane is let in alone.
 */
import { BodyPool } from './body-pool.js'

export interface GateOptions {
  readonly capBytes: number
  /** How long a body may wait to be let in; 0: not at all. */
  readonly waitMs: number
}

export class BodyTicket {
  bytes = 0
  admitted = false
  closed = false
  constructor(
    readonly declaredBytes: number,
    readonly onAdmitted: () => void,
    public lane: Lane,
  ) {}
}

class Lane {
  held = 0
  admitted = 0
  readonly waiting: BodyTicket[] = []

  constructor(readonly capBytes: number) {}

  fits(ticket: BodyTicket): boolean {
    // What waiting sockets delivered before they paused is held too, so "nothing held" would never come.
    return this.admitted === 0 || this.held + Math.max(ticket.declaredBytes - ticket.bytes, 0) <= this.capBytes
  }
}

/** Bodies up to this part of the cap are small, and have this part of it for themselves. */
const smallPart = 1 / 64
const smallLanePart = 1 / 4

export class BodyGate {
  readonly pool = new BodyPool()
  readonly waitMs: number
  private readonly smallBytes: number
  private readonly small: Lane
  private readonly large: Lane

  constructor({ capBytes, waitMs }: GateOptions) {
    this.waitMs = waitMs
    this.smallBytes = capBytes * smallPart
    this.small = new Lane(capBytes * smallLanePart)
    this.large = new Lane(capBytes * (1 - smallLanePart))
  }

  get heldBytes(): number {
    return this.small.held + this.large.held
  }

  get waitingRequests(): number {
    return this.small.waiting.length + this.large.waiting.length
  }

  /** The caller pauses its socket when the ticket is not admitted; `onAdmitted` is called once it is. */
  enter(declaredBytes: number, onAdmitted: () => void): BodyTicket {
    const lane = declaredBytes <= this.smallBytes ? this.small : this.large
    const ticket = new BodyTicket(declaredBytes, onAdmitted, lane)
    if (lane.waiting.length === 0 && lane.fits(ticket)) this.admit(ticket)
    else lane.waiting.push(ticket)
    return ticket
  }

  /** `total` bytes of the body have arrived. */
  grow(ticket: BodyTicket, total: number): void {
    if (ticket.closed || total <= ticket.bytes) return
    ticket.lane.held += total - ticket.bytes
    ticket.bytes = total
    // Of unknown length, and not small after all.
    if (ticket.admitted && ticket.lane === this.small && total > this.smallBytes) this.changeLane(ticket)
  }

  /** The body is not needed any more. Safe to call twice. */
  leave(ticket: BodyTicket): void {
    if (ticket.closed) return
    ticket.closed = true
    const { lane } = ticket
    lane.held -= ticket.bytes
    if (ticket.admitted) lane.admitted--
    else lane.waiting.splice(lane.waiting.indexOf(ticket), 1)
    this.letIn(lane)
  }

  private changeLane(ticket: BodyTicket): void {
    const { small, large } = this
    small.held -= ticket.bytes
    small.admitted--
    large.held += ticket.bytes
    large.admitted++
    ticket.lane = large
    this.letIn(small)
  }

  private letIn(lane: Lane): void {
    for (let next = lane.waiting[0]; next !== undefined && lane.fits(next); next = lane.waiting[0]) {
      lane.waiting.shift()
      this.admit(next)
      next.onAdmitted()
    }
  }

  private admit(ticket: BodyTicket): void {
    ticket.admitted = true
    ticket.lane.admitted++
    this.grow(ticket, ticket.declaredBytes)
  }
}
