/** A real HTTP server that keeps the bodies it gets, by path. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

export class Sink {
  readonly bodies = new Map<string, string[]>()
  /** Answered to every request. */
  status = 200

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Sink> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const sink = new Sink(server, `http://127.0.0.1:${address.port}`)
    server.on('request', (req, res) => {
      let body = ''
      req.setEncoding('utf8')
      req.on('data', (part: string) => {
        body += part
      })
      req.on('end', () => {
        const path = req.url ?? ''
        sink.bodies.set(path, [...sink.at(path), body])
        res.writeHead(sink.status).end()
      })
    })
    return sink
  }

  at(path: string): readonly string[] {
    return this.bodies.get(path) ?? []
  }

  json(path: string): Record<string, unknown>[] {
    return this.at(path).map((body) => JSON.parse(body) as Record<string, unknown>)
  }

  async close(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}
