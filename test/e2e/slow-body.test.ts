/**
 * Clients that send their bodies slowly, or leave in the middle: nobody else notices, and the server lives. The real process
 * over both HTTP implementations.
 */
import { createConnection, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { implementations } from '../unit/http/serve.js'
import { TestServer, taskBody } from './server.js'

class Client {
  reply = ''
  closed = false
  private readonly socket: Socket

  constructor(port: number) {
    this.socket = createConnection(port, '127.0.0.1')
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.reply += text
    })
    // Whoever sends into a connection that the server has closed is told so.
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.closed = true
    })
  }

  send(data: string | Uint8Array): this {
    this.socket.write(data)
    return this
  }

  post(path: string, length: number): this {
    return this.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`)
  }

  leave(): void {
    this.socket.destroy()
  }
}

const path = '/write?db=db&rp=rp&precision=s'
const line = (n: number): string => `m v=${n}i 150000${1200 + n}\n`
const padded = (first: string, length: number): Buffer => Buffer.from(first.padEnd(length, '\n'))
const mega = 1 << 20

it.each(implementations)(
  'bodies that come one behind the other for longer than a timer of the server are all read, over %s',
  { timeout: 60_000 },
  async (implementation) => {
    const server = await TestServer.start({ implementation, env: { SHARDLINE_HTTP_BODY_TIMEOUT: '5s' } })
    try {
      const body = padded(line(0), 2 * mega)
      const end = Date.now() + 9_000
      const statuses = new Set<number>()
      const upload = async (): Promise<void> => {
        while (Date.now() < end) {
          const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'POST', body })
          await reply.arrayBuffer()
          statuses.add(reply.status)
        }
      }
      await Promise.all([upload(), upload()])
      expect([...statuses]).toEqual([204])
    } finally {
      await server.stop()
    }
  },
)

it.concurrent.each(implementations)(
  'a slow upload of 64 MB holds nobody up but other large bodies, over %s',
  { timeout: 90_000 },
  async (implementation) => {
    const server = await TestServer.start({
      implementation,
      // Longer than µWebSockets.js by itself lets a body stall.
      env: { SHARDLINE_HTTP_BODY_TIMEOUT: '14s', SHARDLINE_ENGINE_WRITE_TIMEOUT: '3s' },
    })
    const replies = async (client: Client, what: string): Promise<string> =>
      server.until(() => (client.reply.includes('\r\n\r\n') ? client.reply : undefined), what, 40_000)
    try {
      const slow = new Client(server.port).post(path, 64 * mega).send(padded(line(0), 100_000))
      // Answered without a look at its body, while the body waits.
      const early = new Client(server.port).post('/nope', 2 * mega).send(padded('', mega))
      expect(await replies(early, 'the answer of 404')).toMatch(/^HTTP\/1.1 404/)
      const refused = new Client(server.port).post(path, 2 * mega).send(padded(line(1), mega))
      const gone = new Client(server.port).post(path, 2 * mega).send(padded(line(2), mega))
      gone.leave()

      expect((await fetch(`${server.url}/kapacitor/v1/ping`)).status).toBe(204)
      expect((await server.json('POST', '/tasks', taskBody('t'))).status).toBe(200)
      expect((await server.json('PATCH', '/tasks/t', { status: 'disabled' })).body.status).toBe('disabled')
      expect((await server.json('PATCH', '/tasks/t', { status: 'enabled' })).body.status).toBe('enabled')
      expect((await server.write(line(3))).status).toBe(204)
      expect(slow.reply).toBe('')

      const crowded = await replies(refused, 'the answer of the second write')
      expect(crowded).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/)
      expect(crowded).toContain('\r\nRetry-After: 1\r\n')
      expect(crowded).toContain('\r\nX-Shardline-Error: body-crowded\r\n')

      const late = await replies(slow, 'the answer of the slow upload')
      expect(late).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/)
      expect(late).toContain('did not arrive within 14s')
      await server.until(() => slow.closed || undefined, 'the end of its connection')

      const large = new Client(server.port).post(path, 2 * mega).send(padded(line(4), 2 * mega))
      expect(await replies(large, 'the answer of the third write')).toMatch(/^HTTP\/1.1 204/)
      const rows = async (): Promise<string> => JSON.stringify((await server.json('GET', '/tasks/t/o')).body.series)
      await server.until(async () => ((await rows())?.includes(',4]') ? true : undefined), 'the row')
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      expect(metrics).toMatch(/^shardline_points_accepted_total 2$/m)
      for (const status of [404, 408, 503]) {
        expect(metrics).toMatch(new RegExp(`^shardline_http_requests_total\\{status="${status}"\\} 1$`, 'm'))
      }
      for (const client of [early, refused, large]) client.leave()
    } finally {
      expect(await server.stop()).toBe(0)
    }
  },
)
