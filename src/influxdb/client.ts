/**
 * One InfluxDB 1.x cluster over HTTP: writes, statements, ping. Thread: main.
 *
 * Connections are kept alive. Several URLs take turns, request by request, beginning with the second one; a request is made
 * once, on one URL. Time-outs cover the whole request.
 */
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { errorText, ShardlineError } from '../errors.js'
import type { InfluxWriteRequest, InfluxWriteTarget } from '../tasks/influxdb-writer.js'
import { quoteIdent } from './ident.js'

export interface InfluxClientOptions {
  readonly urls: readonly string[]
  /** '' = no authentication. */
  readonly username: string
  readonly password: string
  /** 0 = none. */
  readonly timeoutMs: number
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly insecureSkipVerify: boolean
}

export interface InfluxRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly contentType?: string
}

export interface InfluxAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A request that failed. `status` 0: there was no answer. */
export class InfluxError extends ShardlineError {
  constructor(
    message: string,
    readonly influxStatus: number,
  ) {
    super('influxdb', message, 500)
  }

  /** The same request may succeed later. */
  get transient(): boolean {
    const s = this.influxStatus
    return s === 0 || s === 408 || s === 429 || s >= 500
  }
}

/** How long a connection may take to come about, also where requests may take for ever. */
const connectMs = 30_000

/** Answers of queries are read elsewhere as they come; here they are kept whole. */
const maxAnswerBytes = 64 * 1024 * 1024

export class InfluxClient implements InfluxWriteTarget {
  private readonly urls: readonly URL[]
  private next = 0
  private readonly httpAgent = new HttpAgent({ keepAlive: true, maxFreeSockets: 100 })
  private readonly httpsAgent: HttpsAgent
  private readonly headers: Readonly<Record<string, string>>

  /** Throws for URLs and TLS files that cannot be used. */
  constructor(private readonly options: InfluxClientOptions) {
    this.urls = options.urls.map(parseUrl)
    if (this.urls.length === 0)
      throw new ShardlineError('influxdb-config', 'must specify at least one InfluxDB URL', 500)
    const { ca, cert, key } = options
    if ((cert === '') !== (key === '')) {
      const only = cert === '' ? `key file provided.` : `cert file provided.`
      throw new ShardlineError('influxdb-config', `Must provide both key and cert files: only ${only}`, 500)
    }
    this.httpsAgent = new HttpsAgent({
      keepAlive: true,
      maxFreeSockets: 100,
      rejectUnauthorized: !options.insecureSkipVerify,
      ...(ca === '' ? {} : { ca: readFileSync(ca) }),
      ...(cert === '' ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
    })
    const headers: Record<string, string> = { 'User-Agent': 'Shardline' }
    if (options.username !== '') {
      const token = Buffer.from(`${options.username}:${options.password}`).toString('base64')
      headers.Authorization = `Basic ${token}`
    }
    this.headers = headers
  }

  async write(request: InfluxWriteRequest, signal?: AbortSignal): Promise<void> {
    const { db, rp, consistency, precision, body } = request
    const query = { consistency, db, precision, rp }
    const answer = await this.request(
      { method: 'POST', path: 'write', query, body, contentType: 'application/octet-stream' },
      signal,
    )
    if (answer.status !== 204 && answer.status !== 200) throw refused(answer)
  }

  async createDatabase(db: string, rp: string, signal?: AbortSignal): Promise<void> {
    await this.statement(`CREATE DATABASE ${quoteIdent(db)}${rp === '' ? '' : ` WITH NAME ${quoteIdent(rp)}`}`, signal)
  }

  /** Runs a statement; throws the error that a result carries. The parsed answer. */
  async statement(text: string, signal?: AbortSignal): Promise<unknown> {
    const answer = await this.request({ method: 'POST', path: 'query', query: { db: '', q: text } }, signal)
    if (answer.status !== 200) throw refused(answer)
    const parsed = parseJson(answer) as { error?: string; results?: { error?: string }[] }
    const error = parsed.error ?? parsed.results?.find((r) => r.error !== undefined)?.error
    if (error !== undefined) throw new InfluxError(error, answer.status)
    return parsed
  }

  /** The server's version. */
  async ping(signal?: AbortSignal): Promise<string> {
    const answer = await this.request({ method: 'GET', path: 'ping' }, signal)
    if (answer.status !== 204 && answer.status !== 200) throw refused(answer)
    return String(answer.headers['x-influxdb-version'] ?? '')
  }

  /** One request; any status is an answer. Throws an InfluxError when there is none. */
  request(request: InfluxRequest, signal?: AbortSignal): Promise<InfluxAnswer> {
    // The index is raised first: the first request goes to the second URL, as the original does it.
    this.next = (this.next + 1) % this.urls.length
    const base = this.urls[this.next]
    const url = new URL(request.path, base)
    for (const [k, v] of Object.entries(request.query ?? {})) url.searchParams.append(k, v)
    const { body } = request
    const headers: Record<string, string> = { ...this.headers, 'Content-Length': String(body?.length ?? 0) }
    if (request.contentType !== undefined) headers['Content-Type'] = request.contentType
    return new Promise((resolve, reject) => {
      const timeout = this.options.timeoutMs > 0 ? AbortSignal.timeout(Math.ceil(this.options.timeoutMs)) : undefined
      const fail = (err: unknown): void => {
        const text = timeout?.aborted ? 'request timed out' : errorText(err)
        reject(new InfluxError(`${verb(request.method)} ${JSON.stringify(url.href)}: ${text}`, 0))
      }
      const both = [timeout, signal].filter((s) => s !== undefined)
      const options = {
        method: request.method,
        headers,
        signal: both.length === 0 ? undefined : AbortSignal.any(both),
      }
      const onAnswer = (res: IncomingMessage): void => {
        readAll(res).then((bytes) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: bytes }), fail)
      }
      const req =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: this.httpsAgent }, onAnswer)
          : httpRequest(url, { ...options, agent: this.httpAgent }, onAnswer)
      req.on('error', fail)
      req.once('socket', (socket) => {
        if (!socket.connecting) return
        socket.setTimeout(connectMs, () => socket.destroy(new Error('connecting timed out')))
        socket.once('connect', () => socket.setTimeout(0))
      })
      req.end(body)
    })
  }

  close(): void {
    this.httpAgent.destroy()
    this.httpsAgent.destroy()
  }
}

const verb = (method: string): string => method.charAt(0) + method.slice(1).toLowerCase()

function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new ShardlineError('influxdb-config', `invalid URL ${JSON.stringify(text)}`, 500)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ShardlineError(
      'influxdb-config',
      `invalid URL scheme ${JSON.stringify(url.protocol.slice(0, -1))}, must be http or https`,
      500,
    )
  }
  // Paths of requests are relative: a URL may have one of its own.
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** The error of an answer, as the original words it. */
function refused(answer: InfluxAnswer): InfluxError {
  const { status } = answer
  const parsed = parseJson(answer) as { error?: unknown }
  if (typeof parsed.error === 'string' && parsed.error !== '') return new InfluxError(parsed.error, status)
  return new InfluxError(`invalid response: code ${status}: body: ${answer.body.toString()}`, status)
}

function parseJson({ status, body }: InfluxAnswer): object {
  const text = body.toString()
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : {}
  } catch (err) {
    // A proxy in front may answer with anything.
    throw new InfluxError(text === '' ? `invalid response: code ${status}: body: ` : errorText(err), status)
  }
}

async function readAll(res: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of res) {
    const chunk = part as Buffer
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new Error(`answer is longer than ${maxAnswerBytes} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
