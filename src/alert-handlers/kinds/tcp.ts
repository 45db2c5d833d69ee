/** Sends each event as JSON and an empty line over a connection of its own. */
import { connect } from 'node:net'
import { ShardlineError } from '../../errors.js'
import { defaultDeadlineMs, type HandlerKind, textOf } from '../handler.js'

/** `host:port`, `[v6]:port`, `:port`. */
function addressOf(address: string): { host: string; port: number } {
  const m = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address)
  const port = Number(m?.[3])
  if (m === null || port > 65535) {
    throw new ShardlineError('bad-handler', `invalid tcp address ${JSON.stringify(address)}`, 500)
  }
  return { host: m[1] || m[2] || 'localhost', port }
}

export const tcpKind: HandlerKind = {
  kind: 'tcp',
  create(props) {
    const to = addressOf(textOf(props, 'address'))
    return {
      kind: 'tcp',
      maxBatch: 1,
      deadlineMs: defaultDeadlineMs,
      deliver: ([d], signal) =>
        new Promise((resolve, reject) => {
          const body = `${d.json}\n`
          const socket = connect({ ...to, signal }, () => socket.end(body))
          // Closing is what the receiver waits for; what it sends is thrown away.
          socket.resume()
          socket.on('error', reject)
          socket.on('close', (failed) => {
            if (!failed) resolve()
          })
          signal.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true })
        }),
    }
  },
}
