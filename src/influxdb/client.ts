/**
 * One InfluxDB 1.x cluster over HTTP: writes, statements, ping. Thread: main.
 *
 * Several URLs take turns, request by request, beginning with the second one; a request is made
 * once, on one URL. Time-outs cover the whole request.
 */
import { errorText, ShardlineError } from '../errors.js'
import { quoteIdent } from '../influxql/ident.js'
import { basicAuth } from '../net/basic-auth.js'
import type { HttpClient } from '../net/http-client.js'
import { HttpError } from '../net/http-error.js'
import type { TlsFiles } from '../net/tls-files.js'
import type { InfluxWriteRequest, InfluxWriteTarget } from './write-target.js'

export interface InfluxClientOptions {
  readonly urls: readonly string[]
  /** '' = no authentication. */
  readonly username: string
  readonly password: string
  /** 0 = none. */
  readonly timeoutMs: number
  readonly tls: TlsFiles
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
  readonly headers: Readonly<Record<string, string>>
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

/** Answers of queries are read elsewhere as they come; here they are kept whole. */
const maxAnswerBytes = 64 * 1024 * 1024

export class InfluxClient implements InfluxWriteTarget {
  private readonly urls: readonly URL[]
  private next = 0
  private readonly headers: Readonly<Record<string, string>>

  /** Throws for URLs and TLS files that cannot be used. */
  constructor(
    private readonly options: InfluxClientOptions,
    private readonly http: HttpClient,
  ) {
    this.urls = options.urls.map(parseUrl)
    if (this.urls.length === 0) throw new ShardlineError('influxdb-config', 'must specify at least one InfluxDB URL')
    http.checkTls(options.tls)
    const headers: Record<string, string> = { 'User-Agent': 'Shardline' }
    if (options.username !== '') headers.Authorization = basicAuth(options.username, options.password)
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
  async request(
    { method, path, query = {}, body, contentType }: InfluxRequest,
    signal?: AbortSignal,
  ): Promise<InfluxAnswer> {
    // The index is raised first: the first request goes to the second URL, as the original does it.
    this.next = (this.next + 1) % this.urls.length
    const url = new URL(path, this.urls[this.next])
    for (const [k, v] of Object.entries(query)) url.searchParams.append(k, v)
    const { timeoutMs: deadlineMs, tls } = this.options
    const headers = contentType === undefined ? this.headers : { ...this.headers, 'Content-Type': contentType }
    try {
      return await this.http.send({ method, url, headers, body, tls, deadlineMs, signal, maxAnswerBytes })
    } catch (err) {
      if (err instanceof HttpError) throw new InfluxError(err.message, 0)
      throw err
    }
  }
}

function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new ShardlineError('influxdb-config', `invalid URL ${JSON.stringify(text)}`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ShardlineError(
      'influxdb-config',
      `invalid URL scheme ${JSON.stringify(url.protocol.slice(0, -1))}, must be http or https`,
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
