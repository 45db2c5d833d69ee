/** Requests of the CLI to a server: base URL, credentials, gzip, the server's error texts. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { goJson } from '../columns/json-encode.js'
import { errorText } from '../errors.js'
import { requestTarget } from '../go/url-path.js'
import { type Json, parseLosslessJson, plainJson } from '../tasks/lossless-json.js'

/** The command failed: message alone on stderr, exit 3. */
export class CommandError extends Error {}
/** The URL cannot be used: exit 4. */
export class UrlError extends Error {}

export interface ClientOptions {
  readonly url: string
  readonly skipVerify: boolean
}

export type QueryPairs = readonly (readonly [string, string])[]

export interface Answer {
  readonly status: number
  readonly text: string
}

export class Client {
  readonly #base: URL

  constructor(private readonly options: ClientOptions) {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(options.url)?.[1]?.toLowerCase() ?? ''
    if (scheme !== 'http' && scheme !== 'https') {
      throw new UrlError(`Unsupported protocol scheme: ${scheme}, your address must start with http:// or https://`)
    }
    try {
      this.#base = new URL(options.url)
    } catch (err) {
      throw new UrlError(`invalid URL ${JSON.stringify(options.url)}: ${errorText(err)}`)
    }
  }

  /** Throws a CommandError when the status is not `wanted`. Keys of the query are sorted, repeated ones keep their order. */
  async call(method: string, path: string, query: QueryPairs, wanted: number, body?: unknown): Promise<Json> {
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

  send(method: string, target: string, body?: unknown): Promise<Answer> {
    const payload = body === undefined ? undefined : `${goJson(body)}\n`
    return new Promise((resolve, reject) => {
      const request = this.#open(method, target, payload, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', (err) => reject(new CommandError(errorText(err))))
        response.on('end', () => {
          const raw = Buffer.concat(chunks)
          const packed = response.headers['content-encoding'] === 'gzip' && raw.length > 0
          resolve({ status: response.statusCode ?? 0, text: (packed ? gunzipSync(raw) : raw).toString() })
        })
      })
      request.on('error', (err) => reject(new CommandError(this.#dialError(method, target, err))))
      request.end(payload)
    })
  }

  /** Copies an endless reply until it ends or `signal` fires. */
  stream(target: string, out: (chunk: Buffer) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = this.#open('GET', target, undefined, (response) => {
        response.on('data', out)
        response.on('end', resolve)
        response.on('error', () => resolve())
      })
      signal.addEventListener('abort', () => {
        request.destroy()
        resolve()
      })
      request.on('error', (err) =>
        signal.aborted ? resolve() : reject(new CommandError(this.#dialError('GET', target, err))),
      )
      request.end()
    })
  }

  /** `target` is no URL but what stands in the request: in a URL `%2E%2E` would be the folder above. */
  #open(
    method: string,
    target: string,
    payload: string | undefined,
    answer: (r: IncomingMessage) => void,
  ): ClientRequest {
    const headers: Record<string, string> = { 'User-Agent': 'KapacitorClient', 'Accept-Encoding': 'gzip' }
    if (payload !== undefined) {
      headers['Content-Type'] = 'application/json'
      headers['Content-Length'] = String(Buffer.byteLength(payload))
    }
    const { username, password, hostname, port, protocol } = this.#base
    if (username !== '') {
      const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
      headers.Authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    }
    const common = {
      method,
      headers,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: requestTarget(target),
    }
    return protocol === 'https:'
      ? httpsRequest({ ...common, rejectUnauthorized: !this.options.skipVerify }, answer)
      : httpRequest(common, answer)
  }

  #dialError(method: string, target: string, err: Error): string {
    return dialError(method, this.#base, target, err)
  }
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

const dialReasons: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  ETIMEDOUT: 'i/o timeout',
  ECONNRESET: 'read: connection reset by peer',
}

function dialError(method: string, url: URL, target: string, err: Error): string {
  const code = (err as NodeJS.ErrnoException).code ?? ''
  const verb = method.charAt(0) + method.slice(1).toLowerCase()
  const shown = `${url.protocol}//${url.host}${requestTarget(target)}`
  if (code === 'ENOTFOUND') return `${verb} "${shown}": dial tcp: lookup ${url.hostname}: no such host`
  const cause = (err as AggregateError).errors?.[0] as { address?: string; port?: number } | undefined
  const at = (cause ?? (err as { address?: string; port?: number })) as { address?: string; port?: number }
  const host = at.address ?? url.hostname
  const address = `${host.includes(':') ? `[${host}]` : host}:${at.port ?? (url.port || 80)}`
  return `${verb} "${shown}": dial tcp ${address}: ${dialReasons[code] ?? errorText(err)}`
}
