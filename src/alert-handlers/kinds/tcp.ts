/** Sends each event as JSON and an empty line over a connection of its own. Thread: any; deliveries on main. */
import { connect } from 'node:net'
import { ShardlineError } from '../../errors.js'
import { socketFailureText } from '../../net/http-error.js'
import { defineHandler, eventByEvent } from '../handler.js'
import { text } from '../handler-option.js'

export const tcp = defineHandler({
  kind: 'tcp',
  doc: 'Sends each event as JSON over a TCP connection of its own.',
  script: { method: 'tcp', goType: 'TcpHandler' },
  goType: '*alert.TCPHandlerConfig',
  options: {
    address: text('`host:port`.', { script: 'argument' }),
  },
  create({ address }) {
    const to = addressOf(address)
    return eventByEvent(({ json }, signal) => send(to, `${json}\n`, signal))
  },
})

interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`, `[v6]:port`, `:port`. */
function addressOf(address: string): Address {
  const m = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address)
  const port = Number(m?.[3])
  if (m === null || port > 65535) {
    throw new ShardlineError('bad-handler', `invalid tcp address ${JSON.stringify(address)}`)
  }
  return { host: m[1] || m[2] || 'localhost', port }
}

function send(to: Address, body: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, signal }, () => socket.end(body))
    // Closing is what the receiver waits for; what it sends is thrown away.
    socket.resume()
    socket.on('error', (err) => reject(new ShardlineError('tcp-failed', socketFailureText(to, err))))
    socket.on('close', (failed) => {
      if (!failed) resolve()
    })
    signal.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true })
  })
}
