/**
 * One life of the thread that receives the datagrams of a listener, from its start to its exit, with the ring that it fills.
 * What the thread had put into the ring stays there when it dies. Thread: main.
 */
import { Worker } from 'node:worker_threads'
import { within } from '../deadline.js'
import { errorText } from '../errors.js'
import { makeRing, RingConsumer, RingCounter } from '../transport/byte-ring.js'
import type { FromReceiver, ReceiverStart } from './udp-receive.js'

export interface ReceiverOptions {
  readonly host: string
  readonly port: number
  /** SO_RCVBUF, 0: the system's default. */
  readonly readBufferBytes: number
  /** Datagrams and bytes that may wait. */
  readonly buffer: number
  readonly ringBytes: number
  /** Where the thread's code is. */
  readonly workerUrl: URL
}

export interface Bound {
  readonly address: string
  readonly port: number
  /** As granted by the kernel. */
  readonly readBufferBytes: number
}

/** What the thread has counted. */
export interface ReceiverCounts {
  bytesRx: number
  datagramsRx: number
  shedDatagrams: number
  tooLong: number
  readFail: number
}

/** How long a thread may take to close its socket. */
const closeMs = 2000

export class UdpReceiver {
  readonly ring: RingConsumer
  /** Resolves when the socket is bound; rejects with the reason when the thread ends before. */
  readonly bound: Promise<Bound>
  /** Resolves when the thread is gone, with the reason. */
  readonly exited: Promise<string>
  /** The thread is gone: no more comes into the ring. */
  ended = false
  private readonly worker: Worker
  private readonly seen = new Uint32Array(8)

  constructor(o: ReceiverOptions) {
    const shared = makeRing(o.buffer, o.ringBytes)
    this.ring = new RingConsumer(shared)
    const start: ReceiverStart = { ring: shared, host: o.host, port: o.port, readBufferBytes: o.readBufferBytes }
    const worker = new Worker(o.workerUrl, { workerData: start })
    this.worker = worker
    let reason = ''
    this.exited = new Promise((resolve) => {
      worker.on('error', (err) => {
        reason = errorText(err)
      })
      worker.once('exit', (code) => {
        this.ended = true
        this.ring.stop()
        resolve(reason || `its thread ended with code ${code}`)
      })
    })
    this.bound = new Promise((resolve, reject) => {
      worker.on('message', (message: FromReceiver) => {
        if (message.type === 'listening') resolve(message)
        if (message.type === 'failed') reason = message.error
      })
      void this.exited.then((why) => reject(new Error(why)))
    })
  }

  /** Adds what was counted since the last call. The words of the ring wrap; they must be looked at once in a while. */
  addCounts(to: ReceiverCounts): void {
    to.bytesRx += this.delta(RingCounter.BytesReceived)
    to.datagramsRx += this.delta(RingCounter.Received)
    to.shedDatagrams += this.delta(RingCounter.ShedOldest) + this.delta(RingCounter.ShedNewest)
    to.tooLong += this.delta(RingCounter.TooLong)
    to.readFail += this.delta(RingCounter.ReadErrors)
  }

  /** Ends the thread, also one that has ended already or does not listen to us. */
  async close(): Promise<void> {
    this.worker.postMessage('close')
    if ((await within(this.exited, closeMs)) === null) await this.worker.terminate()
    this.ring.stop()
  }

  private delta(c: RingCounter): number {
    const now = this.ring.counter(c) >>> 0
    const d = (now - this.seen[c]) >>> 0
    this.seen[c] = now
    return d
  }
}
