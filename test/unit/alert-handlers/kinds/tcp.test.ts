import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { delivery } from '../../alerts/events.js'
import { line, signal, useHandlers } from '../rig.js'

const { make } = useHandlers()
const ignore = () => {}

describe('tcp', () => {
  it('sends the line and an empty one, then closes', async () => {
    let received = ''
    const ended = new Promise<void>((resolve) => {
      const sink = createTcpServer((socket) => {
        socket.on('data', (d) => {
          received += d.toString()
        })
        socket.on('end', () => {
          sink.close()
          resolve()
        })
      })
      sink.listen(0, '127.0.0.1', () => {
        const { port } = sink.address() as AddressInfo
        void make('tcp', { address: `127.0.0.1:${port}` }).deliver([delivery()], signal(), ignore)
      })
    })
    await ended
    expect(received).toBe(`${line}\n`)
  })

  it('reports a refused connection and a bad address', async () => {
    const probe = createTcpServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const h = make('tcp', { address: `127.0.0.1:${port}` })
    await expect(h.deliver([delivery()], signal(), ignore)).rejects.toThrow(
      `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    )
    expect(() => make('tcp', { address: 'nowhere' })).toThrow('invalid tcp address')
  })
})
