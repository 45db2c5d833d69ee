/** An HTTP server that keeps what it is sent: alert hooks, httpPost endpoints, and enough of InfluxDB to be written to. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { gunzipSync } from 'node:zlib'

export interface SinkRequest {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

export class Sink {
  readonly requests: SinkRequest[] = []
  /** Bodies by target, in order. */
  readonly bodies = new Map<string, string[]>()
  /** How requests are answered; InfluxDB's `/ping` and `/write` answer 204. */
  status = 200

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  static async start(): Promise<Sink> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const sink = new Sink(server, address.port)
    server.on('request', (req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const packed = req.headers['content-encoding'] === 'gzip'
        const url = new URL(req.url ?? '/', sink.url)
        const body = (packed ? gunzipSync(bytes) : bytes).toString('utf8')
        sink.requests.push({ method: req.method ?? '', path: url.pathname, query: url.searchParams, body })
        const target = req.url ?? ''
        sink.bodies.set(target, [...sink.at(target), body])
        const influx = url.pathname === '/ping' || url.pathname === '/write'
        res.statusCode = influx ? 204 : sink.status
        res.setHeader('X-Influxdb-Version', '1.8.10')
        if (influx) res.end()
        else res.end(url.pathname === '/query' ? '{"results":[{"statement_id":0}]}' : 'ok')
      })
    })
    return sink
  }

  at(target: string): readonly string[] {
    return this.bodies.get(target) ?? []
  }

  json(target: string): Record<string, unknown>[] {
    return this.at(target).map((body) => JSON.parse(body) as Record<string, unknown>)
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}
