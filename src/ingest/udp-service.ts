/**
 * The UDP inputs: one receiving thread and one byte ring per listener; the datagrams of one drain share batches. Thread: main.
 *
 * Datagrams stay in the ring until their batches are published. When there is no slot or no room in the shards' rings they
 * are given back and wait; the ring sheds its oldest when it overflows, which is counted. A bad line drops its datagram only.
 * A thread that dies gets a successor on the same address, with a ring of its own, after what the old ring still holds.
 */
import { allClosed } from '../closing.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { RestartPolicy, type RestartTimes } from '../restart-policy.js'
import type { RingConsumer } from '../transport/byte-ring.js'
import { kernelDrops } from './kernel-drops.js'
import { AppendResult, type LineWriter, type Prepared } from './line-writer.js'
import { type Bound, type ReceiverOptions, UdpReceiver } from './udp-receiver.js'
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
  readonly restartTimes?: RestartTimes
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
  /** Datagrams lost to a failure behind the parser. */
  txFail: number
  shedDatagrams: number
  tooLong: number
  kernelDrops: number
  /** Threads that took the place of one that had died. */
  receiverRestarts: number
  /** 1 while a thread receives, else 0. */
  receiving: number
  waiting: number
}

/** Datagrams and bytes of one drain; bounds the time main is away from its other work. */
const drainDatagrams = 4096
const drainBytes = 512 * 1024
/** A drain waits this long for company, so that a trickle does not become batches of one row. */
const lingerMs = 2
/** Between two log lines about the same kind of failure. */
const logEveryMs = 1000

export class UdpListener {
  address = ''
  port = 0
  /** As granted by the kernel. */
  readBufferBytes = 0
  private readonly start: ReceiverOptions
  private readonly restart: RestartPolicy
  /** Of the threads whose rings hold something, the present one last. */
  private readonly receivers: UdpReceiver[] = []
  private readonly stats: UdpStats
  private closing = false
  private again: NodeJS.Timeout | undefined
  private drained: Promise<void> = Promise.resolve()
  /** Of the sockets before this one, and of this one when it was last looked at. */
  private earlierDrops = 0
  private drops = 0
  private endWait: () => void = () => {}
  private lastError = ''
  private unlogged = 0
  private loggedAt = Number.NEGATIVE_INFINITY
  /** Taken by the drain that runs. */
  private readonly entries = new Float64Array(drainDatagrams)
  private taken = 0

  private constructor(
    private readonly opts: UdpListenerOptions,
    private readonly sink: UdpSink,
    private readonly log: Log,
  ) {
    this.start = {
      ...splitAddress(opts.bindAddress),
      readBufferBytes: opts.readBufferBytes,
      buffer: Math.max(16, opts.buffer),
      ringBytes: opts.ringBytes ?? 16 * 1024 * 1024,
      workerUrl: opts.workerUrl ?? new URL('./udp-receive.js', import.meta.url),
    }
    this.restart = new RestartPolicy(opts.restartTimes)
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
      receiverRestarts: 0,
      receiving: 0,
      waiting: 0,
    }
  }

  /** Resolves when the socket is bound. */
  static async open(opts: UdpListenerOptions, sink: UdpSink, log: Log): Promise<UdpListener> {
    const listener = new UdpListener(opts, sink, log.with({ service: 'udp' }))
    try {
      await listener.receive(listener.start.port)
    } catch (err) {
      throw new ShardlineError('udp-listen', `listen udp ${opts.bindAddress}: ${errorText(err)}`)
    }
    return listener
  }

  async currentStats(): Promise<UdpStats> {
    const { stats } = this
    if (stats.receiving === 1) {
      const drops = await kernelDrops(this.address, this.port)
      // A closed socket is not listed any more.
      if (stats.receiving === 1) this.drops = Math.max(this.drops, drops)
    }
    let waiting = 0
    for (const r of this.receivers) {
      r.addCounts(stats)
      waiting += Math.max(0, r.ring.backlog)
    }
    return { ...stats, kernelDrops: this.earlierDrops + this.drops, waiting }
  }

  /** Closes the socket, writes what the ring still holds as far as there is room, stops the thread. */
  async close(): Promise<void> {
    if (this.closing) return
    this.closing = true
    clearTimeout(this.again)
    await allClosed(this.receivers.map((r) => r.close()))
    this.stats.receiving = 0
    this.endWait()
    await this.drained
    for (const r of this.receivers) {
      while (this.drain(r.ring) === 'more');
      r.addCounts(this.stats)
      this.stats.shedDatagrams += Math.max(0, r.ring.backlog)
    }
    this.receivers.length = 0
  }

  /** Starts a thread. Rejects when it cannot bind its socket. */
  private async receive(port: number): Promise<void> {
    const receiver = new UdpReceiver({ ...this.start, port })
    this.receivers.push(receiver)
    try {
      this.listening(await receiver.bound)
    } catch (err) {
      this.receivers.splice(this.receivers.indexOf(receiver), 1)
      throw err
    }
    this.drained = this.drained.then(() => this.run(receiver))
    void receiver.exited.then((reason) => this.lost(reason))
  }

  private listening(at: Bound): void {
    this.address = at.address
    this.port = at.port
    this.readBufferBytes = at.readBufferBytes
    this.stats.receiving = 1
    this.restart.started(performance.now())
    this.log.info('started listening on UDP', { address: `${at.address}:${at.port}` })
    const wanted = this.opts.readBufferBytes
    if (wanted > 0 && at.readBufferBytes < wanted) {
      const note = { 'read-buffer': wanted, granted: at.readBufferBytes }
      this.log.error('the kernel limits the UDP read buffer (net.core.rmem_max)', note)
    }
  }

  /** The thread has ended, or the next one could not bind its socket. */
  private lost(reason: string): void {
    if (this.closing) return
    this.stats.receiving = 0
    this.earlierDrops += this.drops
    this.drops = 0
    const pauseMs = this.restart.died(performance.now())
    this.log.error('UDP receiver failed', { err: reason, bind: this.opts.bindAddress, 'restart-in': `${pauseMs}ms` })
    this.again = setTimeout(() => {
      this.receive(this.port).then(
        () => {
          this.stats.receiverRestarts++
        },
        (err: unknown) => this.lost(errorText(err)),
      )
    }, pauseMs)
  }

  /** Writes what the thread receives, to the last that it has received. */
  private async run(receiver: UdpReceiver): Promise<void> {
    const { ring } = receiver
    while (!this.closing && !(receiver.ended && ring.backlog <= 0)) {
      await ring.ready()
      if (this.closing) return
      const outcome = this.drain(ring)
      receiver.addCounts(this.stats)
      if (outcome === 'full') await this.room()
      else if (outcome === 'more') await new Promise((resolve) => setImmediate(resolve))
      else await new Promise((resolve) => setTimeout(resolve, lingerMs))
    }
    if (this.closing) return
    this.receivers.splice(this.receivers.indexOf(receiver), 1)
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
    if (this.unlogged === 0 || now - this.loggedAt < logEveryMs) return
    this.log.error('failed to parse points', { err: this.lastError, datagrams: this.unlogged })
    this.unlogged = 0
    this.loggedAt = now
  }

  /** Scans and publishes what waits, up to a bound. 'full': nothing was taken, there is no room. */
  private drain(ring: RingConsumer): 'done' | 'more' | 'full' {
    this.taken = 0
    try {
      return this.take(ring)
    } catch (err) {
      // The datagrams are lost, their places in the ring are not.
      this.stats.txFail += this.taken
      for (let i = 0; i < this.taken; i++) ring.done(this.entries[i])
      this.log.error('datagrams could not be published', { err: errorText(err), datagrams: this.taken })
      return 'done'
    }
  }

  private take(ring: RingConsumer): 'done' | 'more' | 'full' {
    const { sink, stats, entries } = this
    const { writer } = sink
    if (ring.backlog <= 0) return 'done'
    const { database, retentionPolicy } = this.opts
    const nowNs = sink.nowNs()
    if (!writer.begin(database, retentionPolicy, 'n', nowNs)) return 'full'
    const copies: Uint8Array[] | null = sink.tap?.wants(database, retentionPolicy) ? [] : null
    let bytes = 0
    let failed = 0
    let outcome: 'done' | 'more' | 'full' = 'more'
    while (this.taken < drainDatagrams && bytes < drainBytes) {
      const entry = ring.claim()
      if (entry < 0) {
        outcome = 'done'
        break
      }
      entries[this.taken++] = entry
      const result = this.append(ring)
      if (result === AppendResult.NoSlot) {
        ring.unclaim(entry)
        this.taken--
        outcome = 'full'
        break
      }
      if (result === AppendResult.Failed) failed++
      else copies?.push(ring.bytes.slice(ring.start, ring.start + ring.length))
      bytes += ring.length
    }
    const prepared = writer.finish()
    if (prepared.points > 0 && !sink.publish(prepared)) {
      writer.discard(prepared)
      if (this.taken > 0) ring.unclaim(entries[0])
      return 'full'
    }
    for (const copy of copies ?? []) sink.tap?.published(database, retentionPolicy, 'n', nowNs, copy)
    for (let i = 0; i < this.taken; i++) ring.done(entries[i])
    stats.pointsRx += prepared.points
    stats.pointsTx += prepared.points
    stats.pointsParseFail += failed
    this.unlogged += failed
    this.logFailures()
    return outcome
  }

  /** A datagram that the parser stumbles over is a bad one. */
  private append(ring: RingConsumer): AppendResult {
    const { writer } = this.sink
    try {
      const result = writer.append(ring.bytes, ring.start, ring.start + ring.length)
      if (result === AppendResult.Failed) this.lastError = writer.error
      return result
    } catch (err) {
      this.lastError = errorText(err)
      return AppendResult.Failed
    }
  }
}

/** `host:port` into its parts; an empty host means every IPv4 address. */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':')
  const port = Number(address.slice(at + 1))
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65535 || address.slice(at + 1) === '')
    throw new ShardlineError('udp-address', `invalid bind address ${JSON.stringify(address)}: expected host:port`)
  let host = address.slice(0, at)
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  return { host: host === '' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host, port }
}
