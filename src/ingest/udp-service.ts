/**
 * The UDP inputs: one receiving thread and one byte ring per listener; the datagrams of one drain share batches. Thread: main.
 *
 * Datagrams stay in the ring until their batches are published. When there is no slot or no room in the shards' rings they
 * are given back and wait; the ring sheds its oldest when it overflows, which is counted. A bad line drops its datagram only.
 */
import { Worker } from 'node:worker_threads'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { makeRing, RingConsumer, RingCounter } from '../transport/byte-ring.js'
import { kernelDrops } from './kernel-drops.js'
import { AppendResult, type LineWriter, type Prepared } from './line-writer.js'
import type { FromReceiver, ReceiverStart } from './udp-receive.js'
import type { WriteTap } from './write-tap.js'

/** The engine's side. */
export interface UdpSink {
  readonly writer: LineWriter
  /** Gets copies of what was published. */
  readonly tap?: WriteTap
  /** Publishes the batches (and tells the writer so), or answers false and takes nothing when some ring has no room. */
  publish(prepared: Prepared): boolean
  /** Resolves when it is worth trying again after `publish` answered false or no slot was free. */
  whenRoom(): Promise<void>
  nowNs(): bigint
}

export interface UdpListenerOptions {
  /** As configured: `host:port`, `:port`, `[v6]:port`. */
  readonly bindAddress: string
  readonly database: string
  readonly retentionPolicy: string
  /** Datagrams that may wait. */
  readonly buffer: number
  /** SO_RCVBUF, 0: the system's default. */
  readonly readBufferBytes: number
  /** Bytes that may wait. */
  readonly ringBytes?: number
  /** Where the receiving thread's code is. */
  readonly workerUrl?: URL
}

/** Counters of a listener, since its start. */
export interface UdpStats {
  readonly bind: string
  bytesRx: number
  datagramsRx: number
  pointsRx: number
  pointsTx: number
  pointsParseFail: number
  readFail: number
  txFail: number
  shedDatagrams: number
  tooLong: number
  kernelDrops: number
  waiting: number
}

/** Datagrams and bytes of one drain; bounds the time main is away from its other work. */
const drainDatagrams = 4096
const drainBytes = 512 * 1024
/** A drain waits this long for company, so that a trickle does not become batches of one row. */
const lingerMs = 2

export class UdpListener {
  address = ''
  port = 0
  /** As granted by the kernel. */
  readBufferBytes = 0
  private readonly ring: RingConsumer
  private readonly worker: Worker
  private readonly stats: UdpStats
  private readonly seen = new Uint32Array(8)
  private closing = false
  private drained: Promise<void> = Promise.resolve()
  private drops = 0
  private endWait: () => void = () => {}
  private lastError = ''
  private unlogged = 0
  private loggedAt = Number.NEGATIVE_INFINITY
  private readonly entries = new Float64Array(drainDatagrams)

  private constructor(
    private readonly opts: UdpListenerOptions,
    private readonly sink: UdpSink,
    private readonly log: Log,
  ) {
    const { host, port } = splitAddress(opts.bindAddress)
    const shared = makeRing(Math.max(16, opts.buffer), opts.ringBytes ?? 16 * 1024 * 1024)
    this.ring = new RingConsumer(shared)
    this.stats = {
      bind: opts.bindAddress,
      bytesRx: 0,
      datagramsRx: 0,
      pointsRx: 0,
      pointsTx: 0,
      pointsParseFail: 0,
      readFail: 0,
      txFail: 0,
      shedDatagrams: 0,
      tooLong: 0,
      kernelDrops: 0,
      waiting: 0,
    }
    const start: ReceiverStart = { ring: shared, host, port, readBufferBytes: opts.readBufferBytes }
    this.worker = new Worker(opts.workerUrl ?? new URL('./udp-receive.js', import.meta.url), { workerData: start })
  }

  /** Resolves when the socket is bound. */
  static async open(opts: UdpListenerOptions, sink: UdpSink, log: Log): Promise<UdpListener> {
    const listener = new UdpListener(opts, sink, log.with({ service: 'udp' }))
    await listener.bound()
    return listener
  }

  async currentStats(): Promise<UdpStats> {
    const { stats } = this
    stats.bytesRx += this.delta(RingCounter.BytesReceived)
    stats.datagramsRx += this.delta(RingCounter.Received)
    stats.shedDatagrams += this.delta(RingCounter.ShedOldest) + this.delta(RingCounter.ShedNewest)
    stats.tooLong += this.delta(RingCounter.TooLong)
    stats.readFail += this.delta(RingCounter.ReadErrors)
    if (!this.closing) this.drops = await kernelDrops(this.address, this.port)
    stats.kernelDrops = this.drops
    stats.waiting = Math.max(0, this.ring.backlog)
    return { ...stats }
  }

  /** Closes the socket, writes what the ring still holds as far as there is room, stops the thread. */
  async close(): Promise<void> {
    if (this.closing) return
    this.closing = true
    const closed = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()))
    this.worker.postMessage('close')
    await closed
    this.ring.stop()
    this.endWait()
    await this.drained
    while (this.drain() === 'more');
    this.stats.shedDatagrams += Math.max(0, this.ring.backlog)
  }

  private bound(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: string): void => {
        reject(new ShardlineError('udp-listen', `listen udp ${this.opts.bindAddress}: ${error}`, 500))
      }
      this.worker.on('message', (message: FromReceiver) => {
        if (message.type === 'failed') fail(message.error)
        if (message.type !== 'listening') return
        this.address = message.address
        this.port = message.port
        this.readBufferBytes = message.readBufferBytes
        this.log.info('started listening on UDP', { address: `${message.address}:${message.port}` })
        const wanted = this.opts.readBufferBytes
        if (wanted > 0 && message.readBufferBytes < wanted) {
          const note = { 'read-buffer': wanted, granted: message.readBufferBytes }
          this.log.error('the kernel limits the UDP read buffer (net.core.rmem_max)', note)
        }
        this.drained = this.run()
        resolve()
      })
      this.worker.on('error', (err) => {
        this.stats.readFail++
        this.log.error('UDP receiver failed', { err: errorText(err) })
        fail(errorText(err))
      })
    })
  }

  private async run(): Promise<void> {
    while (!this.closing) {
      await this.ring.ready()
      if (this.closing) return
      const outcome = this.drain()
      if (outcome === 'full') await this.room()
      else if (outcome === 'more') await new Promise((resolve) => setImmediate(resolve))
      else await new Promise((resolve) => setTimeout(resolve, lingerMs))
    }
  }

  /** Until there is room or the listener closes. */
  private room(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.endWait = resolve
      this.sink.whenRoom().then(resolve, reject)
    })
  }

  /** One line a second at most, however many datagrams are bad. */
  private logFailures(): void {
    const now = performance.now()
    if (this.unlogged === 0 || now - this.loggedAt < 1000) return
    this.log.error('failed to parse points', { err: this.lastError, datagrams: this.unlogged })
    this.unlogged = 0
    this.loggedAt = now
  }

  /** Scans and publishes what waits, up to a bound. 'full': nothing was taken, there is no room. */
  private drain(): 'done' | 'more' | 'full' {
    const { ring, sink, stats, entries } = this
    const { writer } = sink
    if (ring.backlog <= 0) return 'done'
    const { database, retentionPolicy } = this.opts
    const nowNs = sink.nowNs()
    if (!writer.begin(database, retentionPolicy, 'n', nowNs)) return 'full'
    const copies: Uint8Array[] | null = sink.tap?.wants(database, retentionPolicy) ? [] : null
    let taken = 0
    let bytes = 0
    let failed = 0
    let outcome: 'done' | 'more' | 'full' = 'more'
    while (taken < drainDatagrams && bytes < drainBytes) {
      const entry = ring.claim()
      if (entry < 0) {
        outcome = 'done'
        break
      }
      const result = writer.append(ring.bytes, ring.start, ring.start + ring.length)
      if (result === AppendResult.NoSlot) {
        ring.unclaim(entry)
        outcome = 'full'
        break
      }
      if (result === AppendResult.Failed) {
        failed++
        this.lastError = writer.error
      } else copies?.push(ring.bytes.slice(ring.start, ring.start + ring.length))
      bytes += ring.length
      entries[taken++] = entry
    }
    const prepared = writer.finish()
    if (prepared.points > 0 && !sink.publish(prepared)) {
      writer.discard(prepared)
      if (taken > 0) ring.unclaim(entries[0])
      return 'full'
    }
    for (const copy of copies ?? []) sink.tap?.published(database, retentionPolicy, 'n', nowNs, copy)
    for (let i = 0; i < taken; i++) ring.done(entries[i])
    stats.pointsRx += prepared.points
    stats.pointsTx += prepared.points
    stats.pointsParseFail += failed
    this.unlogged += failed
    this.logFailures()
    return outcome
  }

  private delta(c: RingCounter): number {
    const now = this.ring.counter(c) >>> 0
    const d = (now - this.seen[c]) >>> 0
    this.seen[c] = now
    return d
  }
}

/** `host:port` into its parts; an empty host means every IPv4 address. */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':')
  const port = Number(address.slice(at + 1))
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65535 || address.slice(at + 1) === '')
    throw new ShardlineError('udp-address', `invalid bind address ${JSON.stringify(address)}: expected host:port`, 500)
  let host = address.slice(0, at)
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  return { host: host === '' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host, port }
}
