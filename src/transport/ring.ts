/**
 * The bounded ring of batch references from main to one shard. Threads: main produces, the shard worker consumes.
 *
 *   header (512 bytes)   HEAD · TAIL · SIGNAL, SLEEPING, CONTROLS · TICK · DONE_SEQ · DONE_STAMP · CURRENT_KEY, each group on
 *                        a cache line of its own
 *   entry  (64 bytes)    i32: state, slot, batch offset, schema id, source, control count, rows, more;  f64: seq, stamp
 *
 * Positions count entries since the start, modulo 2^32; a position's place is `position & (capacity - 1)`. The state word
 * holds (position << 2 | code), so a word of an earlier lap never equals the one a thread expects:
 *
 *   READY → TAKEN     the consumer, at HEAD only, then it copies the entry out and moves HEAD
 *   READY → DROPPED   a shedding producer, anywhere between HEAD and TAIL; whoever stands at HEAD steps over it
 *
 * Both by compare-and-exchange, so an entry is either processed or dropped, never both. The fields of an entry are written
 * before its READY and read after its TAKEN; a place is written again only after HEAD has passed it.
 */
const READY = 1
const TAKEN = 2
const DROPPED = 3

// i32 indices of the header.
const HEAD = 0
const TAIL = 16
const SIGNAL = 32
const SLEEPING = 33
const CONTROLS = 34
const CURRENT_KEY = 96
// Index of 64-bit cells.
const TICK = 24
const DONE_SEQ = 32
const DONE_STAMP = 40

const headerWords = 128
const entryWords = 16

/** Sources of an entry: only what may be shed is ever dropped. */
export const Source = { http: 0, udp: 1, loopback: 2 } as const
export type Source = (typeof Source)[keyof typeof Source]

/** One entry, copied out of the ring. */
export interface RingEntry {
  slot: number
  offset: number
  schema: number
  source: number
  controls: number
  rows: number
  /** Entries of the same slot that follow this one, all pushed together: their rows may have to be merged again. */
  more: number
  seq: number
  stamp: number
}

export function emptyEntry(): RingEntry {
  return { slot: 0, offset: 0, schema: 0, source: 0, controls: 0, rows: 0, more: 0, seq: 0, stamp: 0 }
}

class RingMemory {
  protected readonly i32: Int32Array
  protected readonly f64: Float64Array
  protected readonly i64: BigInt64Array
  protected readonly mask: number

  constructor(
    readonly sab: SharedArrayBuffer,
    readonly capacity: number,
  ) {
    this.i32 = new Int32Array(sab)
    this.f64 = new Float64Array(sab)
    this.i64 = new BigInt64Array(sab)
    this.mask = capacity - 1
  }

  /** Entries between HEAD and TAIL, dropped ones that the consumer has not passed included. */
  get length(): number {
    return (Atomics.load(this.i32, TAIL) - Atomics.load(this.i32, HEAD)) >>> 0
  }

  protected word(position: number): number {
    return headerWords + (position & this.mask) * entryWords
  }
}

/** The memory of a ring; `capacity` is a power of two. */
export function ringBuffer(capacity: number): SharedArrayBuffer {
  if (capacity < 2 || capacity > 1 << 20 || (capacity & (capacity - 1)) !== 0)
    throw new RangeError(`ring capacity ${capacity} is not a power of two in 2 … 1048576`)
  return new SharedArrayBuffer((headerWords + capacity * entryWords) * 4)
}

export class RingProducer extends RingMemory {
  /** No droppable entry lies before this position. */
  private shedFrom = 0
  /** The next position to write; ahead of TAIL while a group is being pushed. */
  private next = Atomics.load(this.i32, TAIL)

  /** Places free for `push`. Only the producer takes places, so the answer can only grow. */
  get free(): number {
    return this.capacity - ((this.next - Atomics.load(this.i32, HEAD)) >>> 0)
  }

  /**
   * Writes one entry, makes it READY and returns its sequence number. The caller has checked `free` and wakes afterwards.
   * `more` entries of the same group follow at once: the consumer sees none of them before the last one (`more` 0) is there.
   */
  push(entry: Omit<RingEntry, 'seq'>): number {
    const i32 = this.i32
    const tail = this.next
    const w = this.word(tail)
    i32[w + 1] = entry.slot
    i32[w + 2] = entry.offset
    i32[w + 3] = entry.schema
    i32[w + 4] = entry.source
    i32[w + 5] = entry.controls
    i32[w + 6] = entry.rows
    i32[w + 7] = entry.more
    const seq = this.nextSeq++
    this.f64[(w >> 1) + 4] = seq
    this.f64[(w >> 1) + 5] = entry.stamp
    // Pairs with the compare-and-exchange in take(): READY makes the fields above visible.
    Atomics.store(i32, w, (tail << 2) | READY)
    this.next = (tail + 1) | 0
    // Pairs with the load of TAIL in take().
    if (entry.more === 0) Atomics.store(i32, TAIL, this.next)
    return seq
  }

  /** The sequence number of the entry that the next push() makes, and of the last one with `- 1`. */
  nextSeq = 1

  /** Calls `visit` with the sequence number of every entry that is READY. Exact only while no consumer runs. */
  eachReady(visit: (seq: number) => void): void {
    const tail = this.i32[TAIL]
    const head = Atomics.load(this.i32, HEAD)
    const n = (tail - head) >>> 0
    for (let k = 0; k < n; k++) {
      const p = (head + k) | 0
      if (Atomics.load(this.i32, this.word(p)) === ((p << 2) | READY)) visit(this.nextSeq - n + k)
    }
  }

  /** A control message was posted: tells the consumer to look. */
  control(): void {
    // Pairs with the load in RingConsumer.controls().
    Atomics.add(this.i32, CONTROLS, 1)
    this.wake()
  }

  /** Ends the consumer's sleep when it sleeps. */
  wake(): void {
    // Pairs with the load of SIGNAL in sleep(): a consumer that is about to sleep sees the change and does not.
    Atomics.add(this.i32, SIGNAL, 1)
    // Pairs with the store of SLEEPING in sleep().
    if (Atomics.load(this.i32, SLEEPING) !== 0) Atomics.notify(this.i32, SIGNAL, 1)
  }

  /** Main's clock: everything accepted before `ms` has been pushed. Pairs with the load in RingConsumer.tick(). */
  tick(ms: number): void {
    Atomics.store(this.i64, TICK, BigInt(Math.floor(ms)))
  }

  /** Drops the oldest READY entry of `source` into `out`. False: there is none. */
  dropOldest(source: number, out: RingEntry): boolean {
    const i32 = this.i32
    const tail = i32[TAIL]
    const head = Atomics.load(i32, HEAD)
    // Compared as differences: positions wrap.
    let p = (this.shedFrom - head) | 0
    p = p < 0 || p > ((tail - head) | 0) ? head : this.shedFrom
    for (; p !== tail; p = (p + 1) | 0) {
      const w = this.word(p)
      if (i32[w + 4] !== source) continue
      // Pairs with the consumer's compare-and-exchange in take(): one of the two succeeds.
      if (Atomics.compareExchange(i32, w, (p << 2) | READY, (p << 2) | DROPPED) !== ((p << 2) | READY)) continue
      copyEntry(i32, this.f64, w, out)
      this.shedFrom = (p + 1) | 0
      this.passDropped()
      return true
    }
    this.shedFrom = tail
    return false
  }

  /** Sequence number and clock stamp that the shard has finished. */
  doneSeq(): number {
    return this.f64[DONE_SEQ]
  }

  doneStamp(): number {
    return this.f64[DONE_STAMP]
  }

  /** Key of the task that a dead shard was in, 0 when in none; then 0. */
  takeCurrentKey(): number {
    return Atomics.exchange(this.i32, CURRENT_KEY, 0)
  }

  /** A new consumer takes over after a crash. */
  resetConsumer(): void {
    Atomics.store(this.i32, SLEEPING, 0)
    // The dead consumer may have claimed the entry at HEAD and not moved on.
    const head = Atomics.load(this.i32, HEAD)
    if (head !== this.i32[TAIL] && Atomics.load(this.i32, this.word(head)) === ((head << 2) | TAKEN))
      Atomics.store(this.i32, HEAD, (head + 1) | 0)
  }

  private passDropped(): void {
    const i32 = this.i32
    for (;;) {
      const head = Atomics.load(i32, HEAD)
      if (head === i32[TAIL] || Atomics.load(i32, this.word(head)) !== ((head << 2) | DROPPED)) return
      // Fails when the consumer stepped over the entry first, which is as good.
      Atomics.compareExchange(i32, HEAD, head, (head + 1) | 0)
    }
  }
}

export class RingConsumer extends RingMemory {
  private seenHead: number

  /** `passedSeq`: the entries that earlier consumers have passed. */
  constructor(
    sab: SharedArrayBuffer,
    capacity: number,
    private passedSeq = 0,
  ) {
    super(sab, capacity)
    this.seenHead = Atomics.load(this.i32, HEAD)
  }

  /** Number of entries before HEAD, ever: with none in hand, all of them are done or dropped. */
  passed(): number {
    const head = Atomics.load(this.i32, HEAD)
    this.passedSeq += (head - this.seenHead) >>> 0
    this.seenHead = head
    return this.passedSeq
  }

  /**
   * Claims the oldest entry and copies it into `out`; its place is free again. False: there is none with a sequence number up
   * to `lastSeq`.
   */
  take(out: RingEntry, lastSeq = Number.POSITIVE_INFINITY): boolean {
    const i32 = this.i32
    for (;;) {
      const head = Atomics.load(i32, HEAD)
      // Pairs with the store in push().
      if (head === Atomics.load(i32, TAIL)) return false
      const w = this.word(head)
      // The place is not written again before HEAD has passed it; a shedding producer may move HEAD meanwhile, then the
      // exchange below fails.
      if (this.f64[(w >> 1) + 4] > lastSeq && Atomics.load(i32, HEAD) === head) return false
      const ready = (head << 2) | READY
      // Pairs with dropOldest(). On a lost race the word is DROPPED, or a later lap's after HEAD has moved: look again.
      if (Atomics.compareExchange(i32, w, ready, (head << 2) | TAKEN) === ready) {
        copyEntry(i32, this.f64, w, out)
        // Pairs with the load of HEAD in `length`: the place may be written again. Nobody else moves HEAD over TAKEN.
        Atomics.store(i32, HEAD, (head + 1) | 0)
        return true
      }
      if (Atomics.load(i32, w) === ((head << 2) | DROPPED)) Atomics.compareExchange(i32, HEAD, head, (head + 1) | 0)
    }
  }

  /** Main's clock. Read it before take(): when take() then finds nothing, all that was accepted before it is done. */
  tick(): number {
    return Number(Atomics.load(this.i64, TICK))
  }

  /** Control messages posted so far, modulo 2^32 (signed). */
  controls(): number {
    return Atomics.load(this.i32, CONTROLS)
  }

  /** To be read before looking for work and given to sleep(). */
  signal(): number {
    return Atomics.load(this.i32, SIGNAL)
  }

  /** Sleeps until a wake() after `seen` was read, at most `ms`. */
  sleep(seen: number, ms: number): void {
    // Pairs with the load of SLEEPING in wake().
    Atomics.store(this.i32, SLEEPING, 1)
    Atomics.wait(this.i32, SIGNAL, seen, ms)
    Atomics.store(this.i32, SLEEPING, 0)
  }

  /** Reports progress. Readers only show it, so plain stores do. */
  done(seq: number, stamp: number): void {
    this.f64[DONE_SEQ] = seq
    this.f64[DONE_STAMP] = stamp
  }

  enter(key: number): void {
    Atomics.store(this.i32, CURRENT_KEY, key)
  }
}

function copyEntry(i32: Int32Array, f64: Float64Array, w: number, out: RingEntry): void {
  out.slot = i32[w + 1]
  out.offset = i32[w + 2]
  out.schema = i32[w + 3]
  out.source = i32[w + 4]
  out.controls = i32[w + 5]
  out.rows = i32[w + 6]
  out.more = i32[w + 7]
  out.seq = f64[(w >> 1) + 4]
  out.stamp = f64[(w >> 1) + 5]
}
