/**
 * Entry of the thread that receives datagrams for one UDP listener and copies them into its byte ring. Node reads one
 * datagram per system call; here that keeps the main thread free. Thread: receive thread.
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { errorText } from '../errors.js'
import { RingCounter, RingProducer, type SharedRing } from '../transport/byte-ring.js'

export interface ReceiverStart {
  readonly ring: SharedRing
  readonly host: string
  readonly port: number
  /** SO_RCVBUF to ask for; 0: the system's default. */
  readonly readBufferBytes: number
}

export type FromReceiver =
  | { readonly type: 'listening'; readonly address: string; readonly port: number; readonly readBufferBytes: number }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'closed' }

const start = workerData as ReceiverStart
const port = parentPort!
const ring = new RingProducer(start.ring)
const socket = createSocket({ type: isIPv6(start.host) ? 'udp6' : 'udp4', reuseAddr: false })
let listening = false

/**
 * On Linux 0 means the calling thread. What comes while it waits for a processor overflows the kernel's buffer; it needs
 * little, so others hardly notice.
 */
function goFirst(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, -10)
  } catch (err) {
    // Only privileged processes may.
    if (!['EACCES', 'EPERM'].includes((err as NodeJS.ErrnoException).code ?? '')) throw err
  }
}

goFirst()

function send(message: FromReceiver): void {
  port.postMessage(message)
}

socket.on('message', (datagram) => {
  ring.push(datagram)
})
socket.on('error', (err) => {
  if (listening) ring.count(RingCounter.ReadErrors, 1)
  else {
    send({ type: 'failed', error: errorText(err) })
    port.close()
  }
})
socket.on('listening', () => {
  listening = true
  if (start.readBufferBytes > 0) {
    try {
      socket.setRecvBufferSize(start.readBufferBytes)
    } catch (err) {
      send({ type: 'failed', error: `read-buffer ${start.readBufferBytes}: ${errorText(err)}` })
      socket.close()
      port.close()
      return
    }
  }
  const at = socket.address()
  // Linux reports twice what was asked for, and less where net.core.rmem_max forbids more.
  send({ type: 'listening', address: at.address, port: at.port, readBufferBytes: socket.getRecvBufferSize() })
})
port.on('message', () => {
  socket.close(() => {
    send({ type: 'closed' })
    port.close()
  })
})
socket.bind({ address: start.host, port: start.port, exclusive: true })
