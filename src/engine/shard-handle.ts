/**
 * Main's end of one shard: its rings, its control port, and the life of its thread. Thread: main.
 *
 * Piscina owns the thread; the shard is one Piscina task that never returns before `shutdown`. When the thread dies the handle
 * hands on what it has sent and gives back the slots it held; until `run` starts the next one on the same rings it is down:
 * entries published meanwhile wait in the ring, messages go nowhere, and what the next thread must know it is started with.
 *
 * Frames are handed on a few per turn of the event loop. That a task has ended waits until the frames sent before it have been,
 * and so does every message behind it.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import type { PreparedBatch } from '../ingest/line-writer.js'
import type { FromShard, ShardInit, ToShard } from '../transport/messages.js'
import { type OnFrame, OutputReader, outputBuffer } from '../transport/output-ring.js'
import { emptyEntry, RingProducer, ringBuffer } from '../transport/ring.js'
import type { SlotHolds, SlotPool } from '../transport/slots.js'

/** What all shards are started with alike. */
export type SharedInit = Omit<
  ShardInit,
  'shard' | 'port' | 'claim' | 'ring' | 'output' | 'controls' | 'seq' | 'startMs' | 'first'
>

export interface ShardEvents {
  message(m: FromShard): void
  frame: OnFrame
  /** The thread has ended without being told to; `err` says why. What it had sent was handed on, its slots given back. */
  died(shard: number, err: unknown): void
  /** A handler of a frame threw. */
  frameFailed(err: unknown): void
}

const sliceFrames = 256
/** Of one turn, for all shards together. */
const turnMs = 3
const minSliceMs = 0.25

interface Behind {
  /** Bytes of frames that have to be handled before, modulo 2^32. */
  readonly end: number
  readonly call: () => void
}

export class ShardHandle {
  readonly ring: RingProducer
  private readonly entry = emptyEntry()
  readonly output: OutputReader
  /** Threads that have died. */
  restarts = 0
  /** Entries published to the shard, by place in the ring. */
  private readonly batches: (PreparedBatch | undefined)[]
  private readonly holds: SlotHolds
  private port: MessagePort | null = null
  /** Of the thread that runs or is about to: see ShardInit. */
  private claim: Int32Array | null = null
  private posted = 0
  /** Told to end; then, that nobody hears of it any more. */
  private closing = false
  private closed = false
  private readonly behind: Behind[] = []
  private readonly sliceMs: number
  private shed = emptyEntry()
  private ended: Promise<void> = Promise.resolve()
  private draining = false

  constructor(
    readonly shard: number,
    private readonly pool: SlotPool,
    private readonly shared: SharedInit,
    private readonly events: ShardEvents,
    outputBytes: number,
  ) {
    this.ring = new RingProducer(ringBuffer(shared.ringEntries), shared.ringEntries)
    this.output = new OutputReader(outputBuffer(outputBytes))
    this.holds = pool.holdsOf(shard)
    this.sliceMs = Math.max(minSliceMs, turnMs / shared.shards)
    this.batches = new Array<PreparedBatch | undefined>(shared.ringEntries).fill(undefined)
  }

  /** No thread takes messages. */
  get isDown(): boolean {
    return this.port === null
  }

  /** Starts the shard's thread, which handles the messages of `first` before anything else. It answers `ready`. */
  run(piscina: Piscina, startMs: number, first: readonly ToShard[]): void {
    const { port1, port2 } = new MessageChannel()
    const claim = new Int32Array(new SharedArrayBuffer(4))
    this.claim = claim
    this.port = port1
    port1.on('message', (m: FromShard) => this.received(m))
    const init: ShardInit = {
      ...this.shared,
      shard: this.shard,
      inspectPort: this.shared.inspectPort === 0 ? 0 : this.shared.inspectPort + this.shard,
      port: port2,
      claim: claim.buffer as SharedArrayBuffer,
      ring: this.ring.sab,
      output: this.output.sab,
      controls: this.posted,
      seq: this.ring.nextSeq - 1 - this.ring.length,
      startMs,
      first,
    }
    const ended = async (err: unknown): Promise<void> => {
      if (this.claim === claim) await this.afterEnd(err)
    }
    this.ended = piscina.run(init, { transferList: [port2] }).then(
      () => ended(new Error('the shard returned by itself')),
      (err) => ended(err),
    )
    if (!this.draining) void this.drainLoop()
  }

  /** Ends a start that no thread has taken up, as if its thread had died. */
  giveUpStart(err: Error): void {
    // Pairs with the exchange in the worker: a thread that comes upon the start later leaves it alone.
    if (this.claim === null || Atomics.compareExchange(this.claim, 0, 0, 2) !== 0) return
    this.claim = null
    this.ended = this.afterEnd(err)
  }

  /** Number of the last entry published. */
  get publishedSeq(): number {
    return this.ring.nextSeq - 1
  }

  post(m: ToShard): void {
    if (this.port === null) return
    this.port.postMessage(m)
    this.posted = (this.posted + 1) | 0
    this.ring.control()
  }

  /** Publishes one entry; the caller has checked for room and wakes the shard afterwards. `more`: see RingProducer.push. */
  publish(batch: PreparedBatch, source: number, stamp: number, more: number): void {
    const rows = batch.shardRows[this.shard]
    this.holds.add(batch.slot)
    this.batches[(this.ring.nextSeq - 1) & (this.ring.capacity - 1)] = batch
    const { entry } = this
    entry.slot = batch.slot
    entry.offset = batch.offset
    entry.schema = batch.schema.id
    entry.source = source
    entry.controls = this.posted
    entry.rows = rows
    entry.more = more
    entry.stamp = stamp
    this.ring.push(entry)
  }

  /** Slots with entries that the shard has not released. */
  slotsHeld(): number {
    return this.holds.count()
  }

  /** Bytes of these slots, given the bytes per slot. */
  bytesHeld(bytesOf: Float64Array): number {
    return this.holds.bytes(bytesOf)
  }

  /** Drops the oldest entry of a source that the shard has not taken, and its hold on the slot. */
  dropOldest(source: number, dropped: (batch: PreparedBatch, seq: number) => void): boolean {
    if (!this.ring.dropOldest(source, this.shed)) return false
    const { seq, slot } = this.shed
    dropped(this.batchOf(seq), seq)
    this.holds.release(slot)
    return true
  }

  /** Calls `visit` with every batch still in the ring; exact only while no thread runs. */
  eachQueued(visit: (batch: PreparedBatch, seq: number) => void): void {
    this.ring.eachReady((seq) => visit(this.batchOf(seq), seq))
  }

  /** The batch of an entry that is in the ring. */
  private batchOf(seq: number): PreparedBatch {
    const batch = this.batches[(seq - 1) & (this.ring.capacity - 1)]
    if (batch === undefined) throw new Error(`entry ${seq} has no batch`)
    return batch
  }

  /** Tells the shard to end and resolves when it has. */
  async shutdown(): Promise<void> {
    this.closing = true
    this.post({ type: 'shutdown' })
    await this.ended
  }

  /** Resolves when all that has been sent so far was handed on, or at the close. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.behindFrames(resolve))
  }

  /** No shard waits for main from here on. */
  close(): void {
    this.closing = true
    this.closed = true
    for (const { call } of this.behind.splice(0)) call()
    this.output.close()
    this.output.poke()
    this.port?.close()
    this.port = null
  }

  private async afterEnd(err: unknown): Promise<void> {
    const { port } = this
    this.port = null
    // What the thread has sent counts: its frames, those that are whole, and then its messages.
    if (!this.closing) await this.drained()
    if (this.closing) {
      port?.close()
      return
    }
    this.output.resetWriter()
    if (port !== null) {
      for (let m = receiveMessageOnPort(port); m !== undefined; m = receiveMessageOnPort(port)) {
        this.received(m.message as FromShard)
      }
      port.close()
    }
    this.ring.resetConsumer()
    const queued = new Int32Array(this.pool.slots)
    this.eachQueued((batch) => queued[batch.slot]++)
    this.holds.recount(queued)
    this.events.died(this.shard, err)
  }

  private received(m: FromShard): void {
    if (m.type !== 'stopped' && m.type !== 'failed' && this.behind.length === 0) this.events.message(m)
    else this.behindFrames(() => this.events.message(m))
  }

  /** Calls once the frames that have been sent so far were handed on, in the order of these calls. */
  private behindFrames(call: () => void): void {
    this.behind.push({ end: this.output.written, call })
    this.callDue()
  }

  private callDue(): void {
    const { behind, output } = this
    while (behind.length > 0 && ((output.read - behind[0].end) | 0) >= 0) behind.shift()?.call()
  }

  private drainSlice(): boolean {
    let more = true
    try {
      more = this.output.drain(this.events.frame, sliceFrames, performance.now() + this.sliceMs)
    } catch (err) {
      this.events.frameFailed(err)
    }
    this.callDue()
    return more
  }

  private async drainLoop(): Promise<void> {
    this.draining = true
    while (!this.closed) {
      if (this.drainSlice()) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      const waiting = this.output.waitForFrames()
      if (waiting !== null) await waiting
    }
    this.draining = false
  }
}
