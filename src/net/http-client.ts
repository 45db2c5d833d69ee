/**
 * The one HTTP client: whatever calls out does it through here. Thread: main, and the command line.
 *
 * There is a pool of connections per origin and TLS files. The number of pools is bounded; beyond it the one whose last request
 * is longest ago closes, after the requests it has. A deadline covers connecting, sending and the whole answer, which is
 * bounded too. Redirects are followed only where nothing is sent and the caller wants it. TLS files are read when they are
 * first used and again on `reload`. `close` ends what is under way.
 */

import type { Dispatcher } from 'undici'
import { allClosed } from '../closing.js'
import { errorText } from '../errors.js'
import { basicAuth } from './basic-auth.js'
import { failureText, HttpError } from './http-error.js'
import { Origin } from './http-origin.js'
import { noTls, readTls, type TlsContent, type TlsFiles } from './tls-files.js'

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string | URL
  /** Stands in the request as it is, instead of the path and query of the URL. */
  readonly target?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly tls?: TlsFiles
  /** Of the whole request, with its answer. 0 = none. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal
  /** Bytes of the answer that are kept; default 4 MiB. */
  readonly maxAnswerBytes?: number
  /** What a longer answer is: a failure (default), or cut off. The connection closes either way. */
  readonly longAnswer?: 'fails' | 'cut'
  /** Of a GET; default 0. */
  readonly maxRedirects?: number
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; of repeated ones the values, joined. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface HttpClientOptions {
  readonly maxPools?: number
  /** Connections to one origin; more requests wait for one. */
  readonly connectionsPerPool?: number
  readonly connectMs?: number
}

const defaultMaxPools = 256
const defaultMaxAnswerBytes = 4 * 1024 * 1024
/** Also where requests may take for ever. */
const defaultConnectMs = 30_000

export class HttpClient {
  /** Those used last come last. */
  private readonly pools = new Map<string, Origin>()
  /** No longer used for new requests; they end theirs. */
  private readonly closing = new Set<Origin>()
  private readonly tls = new Map<string, { readonly files: TlsFiles; content: TlsContent }>()
  private closed = false

  constructor(private readonly options: HttpClientOptions = {}) {}

  /** Reads TLS files that have not been read yet. Throws a ShardlineError when they cannot be used. */
  checkTls(files: TlsFiles): void {
    this.contentOf(files)
  }

  /** Any status is an answer. Throws an HttpError when there is none. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    let current = request
    for (let redirects = request.method === 'GET' ? (request.maxRedirects ?? 0) : 0; ; redirects--) {
      const asked = current
      const answer = await this.exchange(asked, (res) => readAnswer(res, asked))
      const next = redirects > 0 ? redirected(asked, answer) : null
      if (next === null) return answer
      current = next
    }
  }

  /** Hands out the parts of an answer as they come, until it ends. Resolves with its status. */
  stream(request: HttpRequest, onPart: (part: Buffer) => void): Promise<number> {
    return this.exchange(request, async ({ statusCode, body }) => {
      for await (const part of body) onPart(part as Buffer)
      return statusCode
    })
  }

  /** Reads all TLS files again, for new connections. Throws for the first that cannot be read, which stays as it was. */
  reload(): void {
    let failure: unknown
    for (const [key, entry] of this.tls) {
      try {
        entry.content = readTls(entry.files)
        for (const name of this.pools.keys()) if (name.endsWith(key)) this.retire(name)
      } catch (err) {
        failure ??= err
      }
    }
    if (failure !== undefined) throw failure
  }

  /** Requests under way fail. */
  async close(): Promise<void> {
    this.closed = true
    const origins = [...this.pools.values(), ...this.closing]
    this.pools.clear()
    await allClosed(origins.map((origin) => origin.destroy(new Error(closedText))))
  }

  private async exchange<T>(request: HttpRequest, read: (res: Dispatcher.ResponseData) => Promise<T>): Promise<T> {
    const { method, deadlineMs, signal } = request
    const url = parseUrl(method, request.url)
    const href = request.target === undefined ? url.href : url.origin + request.target
    if (this.closed) throw new HttpError(method, href, closedText, 'aborted')
    const origin = this.originOf(url, request.tls ?? noTls)
    const abort = new AbortController()
    const onAbort = (): void => abort.abort(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    let late = false
    const onDeadline = (): void => {
      late = true
      abort.abort()
    }
    const timer = deadlineMs > 0 ? setTimeout(onDeadline, Math.ceil(deadlineMs)) : undefined
    const options = {
      method,
      path: request.target ?? url.pathname + url.search,
      headers: headersOf(url, request.headers ?? {}),
      body: request.body ?? null,
      signal: abort.signal,
    }
    try {
      return await origin.exchange(options, read)
    } catch (err) {
      if (late) {
        const text = `context deadline exceeded (no answer within ${deadlineMs} ms)`
        throw new HttpError(method, href, text, 'deadline')
      }
      if (signal?.aborted === true) throw new HttpError(method, href, errorText(signal.reason), 'aborted')
      if (this.closed) throw new HttpError(method, href, closedText, 'aborted')
      throw new HttpError(method, href, failureText(url, err), 'failed')
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  private originOf(url: URL, files: TlsFiles): Origin {
    const secure = url.protocol === 'https:'
    const key = secure ? `${url.origin} ${keyOf(files)}` : url.origin
    let origin = this.pools.get(key)
    if (origin === undefined) {
      const { connectionsPerPool = 128, connectMs = defaultConnectMs } = this.options
      const connect = { ...(secure ? this.contentOf(files) : {}), timeout: connectMs }
      origin = new Origin(url.origin, connectionsPerPool, connect)
    } else {
      this.pools.delete(key)
    }
    this.pools.set(key, origin)
    const [oldest] = this.pools.keys()
    if (this.pools.size > (this.options.maxPools ?? defaultMaxPools)) this.retire(oldest)
    return origin
  }

  private retire(key: string): void {
    const origin = this.pools.get(key)
    if (origin === undefined) return
    this.pools.delete(key)
    this.closing.add(origin)
    const done = (): boolean => this.closing.delete(origin)
    origin.close().then(done, done)
  }

  private contentOf(files: TlsFiles): TlsContent {
    const key = keyOf(files)
    let entry = this.tls.get(key)
    if (entry === undefined) {
      entry = { files, content: readTls(files) }
      this.tls.set(key, entry)
    }
    return entry.content
  }
}

const closedText = 'the server is shutting down'

const keyOf = ({ ca, cert, key, insecureSkipVerify }: TlsFiles): string =>
  JSON.stringify([ca, cert, key, insecureSkipVerify])

function parseUrl(method: string, given: string | URL): URL {
  let url: URL
  try {
    url = new URL(given)
  } catch {
    throw new HttpError(method, String(given), 'invalid URL', 'url')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const scheme = JSON.stringify(url.protocol.slice(0, -1))
    throw new HttpError(method, url.href, `unsupported protocol scheme ${scheme}`, 'url')
  }
  return url
}

/** Credentials of the URL count where no header has any. */
function headersOf(url: URL, given: Readonly<Record<string, string>>): Record<string, string> {
  const names = new Set(Object.keys(given).map((name) => name.toLowerCase()))
  const headers: Record<string, string> = { ...given }
  if (!names.has('user-agent')) headers['User-Agent'] = 'Shardline'
  if (url.username !== '' && !names.has('authorization')) {
    headers.Authorization = basicAuth(unescaped(url.username), unescaped(url.password))
  }
  return headers
}

/** A credential with a lone percent sign stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function readAnswer(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  { maxAnswerBytes = defaultMaxAnswerBytes, longAnswer = 'fails' }: HttpRequest,
): Promise<HttpAnswer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    const chunk = part as Buffer
    parts.push(chunk)
    bytes += chunk.length
    if (bytes <= maxAnswerBytes) continue
    // Leaving the loop closes the connection.
    if (longAnswer === 'cut') break
    throw new Error(`answer is longer than ${maxAnswerBytes} bytes`)
  }
  return {
    status: statusCode,
    headers: joined(headers),
    body: Buffer.concat(parts).subarray(0, maxAnswerBytes),
  }
}

function joined(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return out
}

const redirectStatus = new Set([301, 302, 303, 307, 308])

/** The request that an answer leads to. Credentials do not follow to another origin. */
function redirected(request: HttpRequest, { status, headers }: HttpAnswer): HttpRequest | null {
  if (!redirectStatus.has(status) || headers.location === undefined) return null
  const from = new URL(request.url)
  const url = new URL(headers.location, from)
  const sent = Object.entries(request.headers ?? {})
  const kept = url.origin === from.origin ? sent : sent.filter(([k]) => !/^(authorization|cookie)$/i.test(k))
  return { ...request, url, target: undefined, headers: Object.fromEntries(kept) }
}
