/** Requests of the CLI to a server: base URL, credentials, gzip, the server's error texts. */
import { gunzipSync } from 'node:zlib'
import { goJson } from '../columns/json-encode.js'
import { errorText } from '../errors.js'
import { type Json, parseLosslessJson, plainJson } from '../go/lossless-json.js'
import { requestTarget } from '../go/url-path.js'
import { HttpClient, type HttpRequest } from '../net/http-client.js'
import { noTls } from '../net/tls-files.js'

/** The command failed: message alone on stderr, exit 3. */
export class CommandError extends Error {}
/** The URL cannot be used: exit 4. */
export class UrlError extends Error {}

export interface ClientOptions {
  readonly url: string
  readonly skipVerify: boolean
}

type Method = HttpRequest['method']

/** Of one reply, unpacked. */
const maxAnswerBytes = 1024 * 1024 * 1024

export type QueryPairs = readonly (readonly [string, string])[]

export interface Answer {
  readonly status: number
  readonly text: string
}

export class Client {
  private readonly base: URL
  private readonly http = new HttpClient()

  constructor(private readonly options: ClientOptions) {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(options.url)?.[1]?.toLowerCase() ?? ''
    if (scheme !== 'http' && scheme !== 'https') {
      throw new UrlError(`Unsupported protocol scheme: ${scheme}, your address must start with http:// or https://`)
    }
    try {
      this.base = new URL(options.url)
    } catch (err) {
      throw new UrlError(`invalid URL ${JSON.stringify(options.url)}: ${errorText(err)}`)
    }
  }

  /** Throws a CommandError when the status is not `wanted`. Keys of the query are sorted, repeated ones keep their order. */
  async call(method: Method, path: string, query: QueryPairs, wanted: number, body?: unknown): Promise<Json> {
    const answer = await this.send(method, path + queryText(query), body)
    if (answer.status !== wanted) throw new CommandError(errorOf(answer))
    return answer.text === '' ? null : parseLosslessJson(answer.text)
  }

  /** As plain objects; for replies whose numbers need not be exact. */
  async get(path: string, query: QueryPairs = []): Promise<unknown> {
    return plainJson(await this.call('GET', path, query, 200))
  }

  /** The `error` text of a reply, or what it says instead. */
  errorOf(answer: Answer): string {
    return errorOf(answer)
  }

  async send(method: Method, target: string, body?: unknown): Promise<Answer> {
    const payload = body === undefined ? undefined : `${goJson(body)}\n`
    const request = this.request(method, target, payload)
    const packing = { ...request.headers, 'Accept-Encoding': 'gzip' }
    const { status, headers, body: raw } = await this.http.send({ ...request, headers: packing }).catch(failed)
    const packed = headers['content-encoding'] === 'gzip' && raw.length > 0
    return { status, text: (packed ? gunzipSync(raw, { maxOutputLength: maxAnswerBytes }) : raw).toString() }
  }

  /** Copies an endless reply until it ends or `signal` fires. */
  async stream(target: string, out: (chunk: Buffer) => void, signal: AbortSignal): Promise<void> {
    try {
      await this.http.stream({ ...this.request('GET', target), signal }, out)
    } catch (err) {
      if (!signal.aborted) failed(err)
    }
  }

  /** `target` is no URL but what stands in the request: in a URL `%2E%2E` would be the folder above. */
  private request(method: Method, target: string, body?: string): HttpRequest {
    const headers: Record<string, string> = { 'User-Agent': 'KapacitorClient' }
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const tls = { ...noTls, insecureSkipVerify: this.options.skipVerify }
    // A query or a recording may take as long as it likes.
    const sent = { method, url: this.base, target: requestTarget(target), headers, body, tls }
    return { ...sent, deadlineMs: 0, maxAnswerBytes }
  }
}

function failed(err: unknown): never {
  throw new CommandError(errorText(err))
}

export function queryText(query: QueryPairs): string {
  if (query.length === 0) return ''
  const sorted = query.map((pair, i) => ({ pair, i })).sort((a, b) => order(a.pair[0], b.pair[0]) || a.i - b.i)
  return `?${sorted.map(({ pair: [k, v] }) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join('&')}`
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The `error` text of a reply, or what it says instead. */
function errorOf(answer: Answer): string {
  try {
    const plain = plainJson(parseLosslessJson(answer.text)) as { error?: unknown } | null
    if (typeof plain?.error === 'string') return plain.error
  } catch {
    return `invalid response: code ${answer.status}: body: ${answer.text}`
  }
  return `invalid response: code ${answer.status}: body: ${answer.text}`
}
