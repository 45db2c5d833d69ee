/**
 * Main's end of one shard: its rings, its control port, and the life of its thread. Thread: main.
 *
 * Piscina owns the thread; the shard is one Piscina task that never returns before `shutdown`. When the thread dies the handle
 * gives back the slots it held, and `run` starts a new one on the same rings; entries that were still in the ring are not lost.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Piscina } from 'piscina'
import type { PreparedBatch } from '../ingest/line-writer.js'
import type { SlotPool } from '../ingest/slots.js'
import type { FromShard, ShardInit, ToShard } from '../shard/messages.js'
import { type OnFrame, OutputReader, outputBuffer } from '../shard/output-ring.js'
import { emptyEntry, RingProducer, ringBuffer } from '../shard/ring.js'

/** What all shards are started with alike. */
export type SharedInit = Omit<
  ShardInit,
  'shard' | 'port' | 'ring' | 'output' | 'holds' | 'controls' | 'seq' | 'startMs'
>

export interface ShardEvents {
  message(m: FromShard): void
  frame: OnFrame
  /** The thread has ended without being told to; `err` says why. Its slots have been given back. */
  died(shard: number, err: unknown): void
  /** A handler of a frame threw. */
  frameFailed(err: unknown): void
}

const sliceFrames = 256
const sliceMs = 2

export class ShardHandle {
  readonly ring: RingProducer
  private readonly entry = emptyEntry()
  readonly output: OutputReader
  /** Threads that have died. */
  restarts = 0
  /** Entries published to the shard, by place in the ring. */
  private readonly batches: (PreparedBatch | undefined)[]
  /** Per slot entries the shard has in hand, then per slot entries it has not released. */
  private readonly holds: Int32Array
  private port: MessagePort | null = null
  private posted = 0
  private closing = false
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
    this.holds = new Int32Array(new SharedArrayBuffer(8 * pool.slots))
    this.batches = new Array<PreparedBatch | undefined>(shared.ringEntries).fill(undefined)
  }

  /** Starts the shard's thread. The shard answers `ready`. */
  run(piscina: Piscina, startMs: number): void {
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    port1.on('message', (m: FromShard) => this.events.message(m))
    const init: ShardInit = {
      ...this.shared,
      shard: this.shard,
      port: port2,
      ring: this.ring.sab,
      output: this.output.sab,
      holds: this.holds.buffer as SharedArrayBuffer,
      controls: this.posted,
      seq: this.ring.nextSeq - 1 - this.ring.length,
      startMs,
    }
    this.ended = piscina.run(init, { transferList: [port2] }).then(
      () => this.afterEnd(new Error('the shard returned by itself')),
      (err) => this.afterEnd(err),
    )
    if (!this.draining) void this.drainLoop()
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
    Atomics.add(this.holds, this.pool.slots + batch.slot, 1)
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
    let n = 0
    for (let s = 0; s < this.pool.slots; s++) if (Atomics.load(this.holds, this.pool.slots + s) > 0) n++
    return n
  }

  /** Bytes of these slots, given the bytes per slot. */
  bytesHeld(bytesOf: Float64Array): number {
    let n = 0
    for (let s = 0; s < this.pool.slots; s++) if (Atomics.load(this.holds, this.pool.slots + s) > 0) n += bytesOf[s]
    return n
  }

  /** Drops the oldest entry of a source that the shard has not taken, and its hold on the slot. */
  dropOldest(source: number, dropped: (batch: PreparedBatch, seq: number) => void): boolean {
    if (!this.ring.dropOldest(source, this.shed)) return false
    const { seq, slot } = this.shed
    dropped(this.batches[(seq - 1) & (this.ring.capacity - 1)]!, seq)
    Atomics.sub(this.holds, this.pool.slots + slot, 1)
    this.pool.release(slot)
    return true
  }

  /** Calls `visit` with every batch still in the ring; exact only while no thread runs. */
  eachQueued(visit: (batch: PreparedBatch, seq: number) => void): void {
    this.ring.eachReady((seq) => visit(this.batches[(seq - 1) & (this.ring.capacity - 1)]!, seq))
  }

  /** Tells the shard to end and resolves when it has. */
  async shutdown(): Promise<void> {
    this.closing = true
    this.post({ type: 'shutdown' })
    await this.ended
  }

  /** Hands on what is left of the frames, all of it. */
  drainAll(): void {
    while (this.output.pendingBytes > 0) this.drainSlice()
  }

  /** No shard waits for main from here on. */
  close(): void {
    this.closing = true
    this.output.close()
    this.output.poke()
    this.port?.close()
    this.port = null
  }

  private afterEnd(err: unknown): void {
    this.port?.close()
    this.port = null
    if (this.closing) return
    for (let s = 0; s < this.pool.slots; s++) {
      const held = Atomics.exchange(this.holds, s, 0)
      for (let i = 0; i < held; i++) {
        Atomics.sub(this.holds, this.pool.slots + s, 1)
        this.pool.release(s)
      }
    }
    this.ring.resetConsumer()
    // What the thread has sent counts, its last frame when it is whole.
    this.drainAll()
    this.output.resetWriter()
    this.events.died(this.shard, err)
  }

  private drainSlice(): boolean {
    try {
      return this.output.drain(this.events.frame, sliceFrames, performance.now() + sliceMs)
    } catch (err) {
      this.events.frameFailed(err)
      return true
    }
  }

  private async drainLoop(): Promise<void> {
    this.draining = true
    while (!this.closing) {
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
