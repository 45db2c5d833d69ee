/**
 * A ring of byte strings (datagrams) from one producer thread to one consumer thread, which sheds the oldest when full.
 *
 *   control   int32: tail (entries written ever), oldest (entries reclaimed ever), sleeping, signal, 12 counters of the producer
 *   entries   int32 × 4 each: state, start, length, spare
 *   bytes     the data; an entry never wraps
 *
 * An entry's state word is its number · 4 + READY, TAKEN, DROPPED or DONE (modulo 2^32), so that a late consumer cannot
 * take a newer entry that got the same place. Consumer: READY → TAKEN → DONE, or back to READY. Producer: READY → DROPPED,
 * by compare-and-exchange like the consumer's claim. Only the producer reuses places, oldest first; when the oldest entry
 * is TAKEN and there is no room, the newest datagram is dropped instead. Thread: one producer, one consumer.
 */

export const EntryState = { Ready: 0, Taken: 1, Dropped: 2, Done: 3 } as const

const tailWord = 0
const oldestWord = 1
const sleepingWord = 2
const signalWord = 3
const counterWords = 4
const entriesWord = 16
const entryWords = 4

/** Counters of the producer, as 32-bit words that wrap; readers accumulate differences. */
export const RingCounter = {
  BytesReceived: 0,
  Received: 1,
  ShedOldest: 2,
  ShedNewest: 3,
  TooLong: 4,
  ReadErrors: 5,
} as const
export type RingCounter = (typeof RingCounter)[keyof typeof RingCounter]

export interface SharedRing {
  readonly control: SharedArrayBuffer
  readonly data: SharedArrayBuffer
  readonly entries: number
}

export function makeRing(entries: number, bytes: number): SharedRing {
  return {
    control: new SharedArrayBuffer((entriesWord + entries * entryWords) * 4),
    data: new SharedArrayBuffer(bytes),
    entries,
  }
}

class RingEnd {
  readonly bytes: Uint8Array
  protected readonly control: Int32Array
  protected readonly entries: number

  constructor(shared: SharedRing) {
    this.bytes = new Uint8Array(shared.data)
    this.control = new Int32Array(shared.control)
    this.entries = shared.entries
  }

  protected wordOf(entry: number): number {
    return entriesWord + (entry % this.entries) * entryWords
  }

  counter(c: RingCounter): number {
    return Atomics.load(this.control, counterWords + c)
  }
}

const stateOf = (entry: number, state: number): number => (entry * 4 + state) | 0

/** The writing end. Entry numbers are doubles and never wrap; the words in shared memory do. */
export class RingProducer extends RingEnd {
  private tail = 0
  private oldest = 0
  private writeAt = 0

  count(c: RingCounter, n: number): void {
    Atomics.add(this.control, counterWords + c, n)
  }

  /** Copies a datagram in and ends it with LF. False: there was no room for it. */
  push(datagram: Uint8Array): boolean {
    const n = datagram.length
    const closed = n > 0 && datagram[n - 1] === 10
    const length = closed ? n : n + 1
    this.count(RingCounter.Received, 1)
    this.count(RingCounter.BytesReceived, n)
    if (length > this.bytes.length >> 1) {
      this.count(RingCounter.TooLong, 1)
      return false
    }
    let at = this.place(length)
    while (at < 0) {
      if (!this.reclaim()) {
        this.count(RingCounter.ShedNewest, 1)
        return false
      }
      at = this.place(length)
    }
    this.bytes.set(datagram, at)
    if (!closed) this.bytes[at + n] = 10
    const w = this.wordOf(this.tail)
    this.control[w + 1] = at
    this.control[w + 2] = length
    // Pairs with the consumer's compare-and-exchange in claim().
    Atomics.store(this.control, w, stateOf(this.tail, EntryState.Ready))
    this.tail++
    this.writeAt = at + length
    // Pairs with the load in ready().
    Atomics.store(this.control, tailWord, this.tail | 0)
    if (Atomics.compareExchange(this.control, sleepingWord, 1, 0) === 1) {
      Atomics.add(this.control, signalWord, 1)
      Atomics.notify(this.control, signalWord)
    }
    return true
  }

  /** Where `length` bytes fit behind the newest entry, or -1. */
  private place(length: number): number {
    if (this.tail - this.oldest >= this.entries) return -1
    if (this.tail === this.oldest) return 0
    const from = this.control[this.wordOf(this.oldest) + 1]
    if (this.writeAt > from) {
      if (this.writeAt + length <= this.bytes.length) return this.writeAt
      return length < from ? 0 : -1
    }
    return this.writeAt + length < from ? this.writeAt : -1
  }

  /** Makes the place of the oldest entry free, shedding it when nobody took it. False: it is being read. */
  private reclaim(): boolean {
    const w = this.wordOf(this.oldest)
    const ready = stateOf(this.oldest, EntryState.Ready)
    const dropped = stateOf(this.oldest, EntryState.Dropped)
    const seen = Atomics.compareExchange(this.control, w, ready, dropped)
    if (seen === stateOf(this.oldest, EntryState.Taken)) return false
    if (seen === ready) this.count(RingCounter.ShedOldest, 1)
    this.oldest++
    Atomics.store(this.control, oldestWord, this.oldest | 0)
    return true
  }
}

/** The reading end. */
export class RingConsumer extends RingEnd {
  /** Of the entry claimed last. */
  start = 0
  length = 0
  private next = 0
  private stopped = false

  /** Entries written and not yet passed by `claim`; shed ones included. */
  get backlog(): number {
    return (Atomics.load(this.control, tailWord) - this.next) | 0
  }

  /** Takes the next entry that was not shed: its number, with `start` and `length` set; -1 when there is none. */
  claim(): number {
    for (;;) {
      // Pairs with the store of tail in push().
      if (this.backlog <= 0) return -1
      const behind = (Atomics.load(this.control, oldestWord) - this.next) | 0
      if (behind > 0) this.next += behind
      const entry = this.next
      const w = this.wordOf(entry)
      const ready = stateOf(entry, EntryState.Ready)
      if (Atomics.compareExchange(this.control, w, ready, stateOf(entry, EntryState.Taken)) !== ready) {
        // Shed, and perhaps overwritten already; an entry not yet written is kept out by the backlog.
        this.next++
        continue
      }
      this.next++
      this.start = this.control[w + 1]
      this.length = this.control[w + 2]
      return entry
    }
  }

  /** The bytes of a claimed entry may be overwritten. */
  done(entry: number): void {
    Atomics.store(this.control, this.wordOf(entry), stateOf(entry, EntryState.Done))
  }

  /** Gives back claimed entries from `entry` on, in order: they are claimed again next, unless shed meanwhile. */
  unclaim(entry: number): void {
    for (let e = this.next - 1; e >= entry; e--) {
      const taken = stateOf(e, EntryState.Taken)
      Atomics.compareExchange(this.control, this.wordOf(e), taken, stateOf(e, EntryState.Ready))
    }
    this.next = entry
  }

  /** Resolves when there is something to claim, or after `stop`. */
  async ready(): Promise<void> {
    while (this.backlog <= 0 && !this.stopped) {
      const seen = Atomics.load(this.control, signalWord)
      // Pairs with the compare-and-exchange in push().
      Atomics.store(this.control, sleepingWord, 1)
      if (this.backlog > 0) return
      const wait = Atomics.waitAsync(this.control, signalWord, seen)
      if (wait.async) await wait.value
    }
  }

  /** Ends a pending `ready`, from the consumer's own thread. */
  stop(): void {
    this.stopped = true
    Atomics.add(this.control, signalWord, 1)
    Atomics.notify(this.control, signalWord)
  }
}
