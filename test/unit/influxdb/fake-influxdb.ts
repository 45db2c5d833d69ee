/**
 * An HTTP server that takes writes and statements as InfluxDB 1.x does: bodies are parsed line by line, one bad line refuses
 * the request. What it answers can be changed for tests of failures.
 */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { checkLine, lineEnd } from '../../../src/ingest/line-grammar.js'

export interface FakeWrite {
  readonly query: Record<string, string>
  readonly headers: IncomingHttpHeaders
  readonly lines: string[]
}

export class FakeInfluxDB {
  readonly writes: FakeWrite[] = []
  readonly statements: string[] = []
  readonly connections = new Set<unknown>()
  requests = 0
  /** Answers before anything else happens; false: nothing was answered. */
  before: (req: IncomingMessage, res: ServerResponse) => boolean = () => false

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(port = 0): Promise<FakeInfluxDB> {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const fake = new FakeInfluxDB(server, (server.address() as { port: number }).port)
    server.on('connection', (socket) => fake.connections.add(socket))
    server.on('request', (req, res) => {
      const parts: Buffer[] = []
      req.on('data', (part: Buffer) => parts.push(part))
      req.on('end', () => fake.answer(req, res, Buffer.concat(parts)))
    })
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** All lines taken so far. */
  get lines(): string[] {
    return this.writes.flatMap((w) => w.lines)
  }

  /** Resolves when `n` lines were taken. */
  async until(n: number): Promise<string[]> {
    const deadline = Date.now() + 10_000
    while (this.lines.length < n) {
      if (Date.now() > deadline) throw new Error(`${this.lines.length} of ${n} lines came`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return this.lines
  }

  async close(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  private answer(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
    this.requests++
    if (this.before(req, res)) return
    const url = new URL(req.url ?? '', 'http://x')
    const query = Object.fromEntries(url.searchParams)
    if (url.pathname === '/ping') res.writeHead(204, { 'X-Influxdb-Version': '1.6.7' }).end()
    else if (url.pathname === '/query') {
      this.statements.push(query.q)
      res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"results":[{"statement_id":0}]}\n')
    } else if (url.pathname === '/write') this.take(res, query, req.headers, body)
    else res.writeHead(404).end('404 page not found\n')
  }

  private take(res: ServerResponse, query: Record<string, string>, headers: IncomingHttpHeaders, body: Buffer): void {
    const refuse = (error: string): void => {
      res.writeHead(400, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error }))
    }
    if (query.db === '') {
      refuse('database is required')
      return
    }
    const checked = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
    const lines: string[] = []
    for (let at = 0; at < body.length; ) {
      const end = lineEnd(body, at, body.length)
      const text = body.subarray(at, end).toString()
      const reason = checkLine(body, at, end, 'n', checked)
      if (reason !== '') {
        refuse(`unable to parse '${text}': ${reason}`)
        return
      }
      lines.push(text)
      at = end + 1
    }
    this.writes.push({ query, headers, lines })
    res.writeHead(204).end()
  }
}
