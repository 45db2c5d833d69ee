/**
 * The HTTP interface over µWebSockets.js. Main thread. The library's request object lives only during the call of the route
 * handler, so everything is copied out of it first; its response object must not be touched after an abort.
 */
import { createRequire } from 'node:module'
import { createConnection } from 'node:net'
import { errorText, type ShardlineError } from '../errors.js'
import { BodyReader, type PausableSocket } from './body-reader.js'
import type { BodyStream, Handler, Headers, HttpServer, ListenOptions, Request, Response } from './http.js'
import { statusTexts } from './http.js'
import { listenError } from './listen-error.js'

/** What is used of the library; its own type file is not part of every build of it. */
interface UwsRequest {
  getCaseSensitiveMethod(): string
  getUrl(): string
  getQuery(): string | undefined
  forEach(each: (name: string, value: string) => void): void
}

interface UwsResponse {
  pause(): void
  resume(): void
  writeStatus(status: string): UwsResponse
  writeHeader(name: string, value: string): UwsResponse
  write(chunk: Uint8Array | string): boolean
  end(body?: Uint8Array | string, closeConnection?: boolean): UwsResponse
  endWithoutBody(): UwsResponse
  close(): UwsResponse
  onAborted(handler: () => void): UwsResponse
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): UwsResponse
  getRemoteAddressAsText(): ArrayBuffer
  cork(callback: () => void): UwsResponse
}

interface UwsApp {
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp
  listen(host: string, port: number, options: number, callback: (socket: unknown) => void): UwsApp
}

interface UwsLibrary {
  App(): UwsApp
  SSLApp(options: Record<string, string>): UwsApp
  us_listen_socket_close(socket: unknown): void
  us_socket_local_port(socket: unknown): number
  LIBUS_LISTEN_EXCLUSIVE_PORT: number
}

/** undefined with a reason where the binary does not load (another Node version, architecture, or it is not installed). */
export function loadUws(): { library: UwsLibrary } | { library: undefined; reason: string } {
  try {
    const library = createRequire(import.meta.url)('uWebSockets.js') as UwsLibrary
    // The package falls back to a JavaScript imitation without this constant; node:http is the better fallback.
    if (library.LIBUS_LISTEN_EXCLUSIVE_PORT === undefined) {
      return { library: undefined, reason: 'no native binary for this platform' }
    }
    return { library }
  } catch (err) {
    return { library: undefined, reason: errorText(err).split('\n')[0]! }
  }
}

export async function listenUws(
  library: UwsLibrary,
  handler: Handler,
  options: ListenOptions,
  maxBodyBytes: number,
): Promise<HttpServer> {
  const active: ActiveResponses = { answering: new Set(), streaming: new Set() }
  let closing = false
  const app = options.tls === undefined ? library.App() : library.SSLApp(tlsOptions(options))
  app.any('/*', (res, req) => {
    // The library keeps idle connections open when it stops listening.
    if (closing) {
      res.close()
      return
    }
    const headers: Record<string, string> = {}
    req.forEach((name, value) => {
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    })
    const socket = new UwsSocket(res)
    const reader = new BodyReader(options.gate, Number(headers['content-length'] ?? 0) || 0, socket, maxBodyBytes)
    const response = new UwsHttpResponse(res, reader, active)
    socket.response = response
    const request: Request = {
      method: req.getCaseSensitiveMethod(),
      path: req.getUrl(),
      query: req.getQuery() ?? '',
      headers,
      remoteAddress: plainAddress(Buffer.from(res.getRemoteAddressAsText()).toString()),
      body: (limit) => reader.read(limit),
      recycleBody: () => reader.recycle(),
    }
    res.onData((chunk, last) => {
      reader.push(new Uint8Array(chunk), true)
      if (last) reader.end()
    })
    handler(request, response)
  })
  const socket = await listen(library, app, options)
  const port = library.us_socket_local_port(socket)
  return {
    kind: 'uws',
    port,
    close: async (deadlineMs) => {
      closing = true
      library.us_listen_socket_close(socket)
      for (const response of [...active.streaming]) response.destroy()
      const end = Date.now() + deadlineMs
      while (active.answering.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10))
      for (const response of [...active.answering]) response.destroy()
    },
  }
}

function tlsOptions(options: ListenOptions): Record<string, string> {
  const tls = options.tls!
  return {
    cert_file_name: tls.certificate,
    key_file_name: tls.key === '' ? tls.certificate : tls.key,
    ...(tls.ciphers.length === 0 ? {} : { ssl_ciphers: tls.ciphers.join(':') }),
  }
}

function listen(library: UwsLibrary, app: UwsApp, options: ListenOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const exclusive = library.LIBUS_LISTEN_EXCLUSIVE_PORT
    app.listen(options.host === '' ? '::' : options.host, options.port, exclusive, (socket) => {
      if (socket) resolve(socket)
      else void explainRefusal(options).then(reject)
    })
  })
}

/** The library does not say why; whether somebody answers there tells the usual case from the others. */
function explainRefusal(options: ListenOptions): Promise<ShardlineError> {
  return new Promise((resolve) => {
    const host = options.host === '' || options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host
    const probe = createConnection({ host, port: options.port, timeout: 1000 })
    const answer = (code: string): void => {
      probe.destroy()
      resolve(listenError(options, Object.assign(new Error('bind: cannot listen on this address'), { code })))
    }
    probe.once('connect', () => answer('EADDRINUSE'))
    probe.once('timeout', () => answer(''))
    probe.once('error', (err) => {
      const code = (err as NodeJS.ErrnoException).code ?? ''
      if (code === 'ECONNREFUSED') answer(options.port < 1024 && options.port > 0 ? 'EACCES' : 'EADDRNOTAVAIL')
      else answer(code)
    })
  })
}

/** IPv4 in the long IPv6 form that the library prints for dual-stack sockets. */
function plainAddress(address: string): string {
  const m = /^(?:0000:){5}ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/.exec(address)
  return m === null
    ? address
    : m
        .slice(1)
        .map((byte) => Number.parseInt(byte, 16))
        .join('.')
}

/** Pauses the connection of one request. */
class UwsSocket implements PausableSocket {
  response: Response | undefined
  #paused = false

  constructor(private readonly res: UwsResponse) {}

  pause(): void {
    this.#paused = true
    this.res.pause()
    // The library starts its idle timer after the route handler; only pausing once more stops it.
    setImmediate(() => {
      if (this.#paused && this.response?.aborted === false) this.res.pause()
    })
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.res.resume()
  }
}

interface ActiveResponses {
  /** Not answered yet: a closing server waits for them. */
  readonly answering: Set<UwsHttpResponse>
  /** Answers without end: it does not wait for these. */
  readonly streaming: Set<UwsHttpResponse>
}

class UwsHttpResponse implements Response {
  #aborted = false
  readonly #handlers: (() => void)[] = []

  constructor(
    private readonly res: UwsResponse,
    private readonly reader: BodyReader,
    private readonly active: ActiveResponses,
  ) {
    active.answering.add(this)
    res.onAborted(() => {
      this.#aborted = true
      this.#forget()
      reader.abort()
      for (const handler of this.#handlers) handler()
    })
  }

  get aborted(): boolean {
    return this.#aborted
  }

  onAborted(handler: () => void): void {
    this.#handlers.push(handler)
  }

  destroy(): void {
    if (!this.#aborted) this.res.close()
  }

  send(status: number, headers: Headers, body?: Uint8Array | string, closeConnection = false): void {
    if (this.#aborted || !this.active.answering.has(this)) return
    this.#forget()
    this.res.cork(() => {
      this.#head(status, headers, closeConnection)
      // With an argument, even undefined, the library announces a length.
      if (status === 204 && !closeConnection) this.res.endWithoutBody()
      else if (body === undefined) this.res.end('', closeConnection)
      else this.res.end(body, closeConnection)
    })
    this.reader.release()
  }

  #forget(): void {
    this.active.answering.delete(this)
    this.active.streaming.delete(this)
  }

  stream(status: number, headers: Headers): BodyStream {
    this.active.answering.delete(this)
    this.active.streaming.add(this)
    this.res.cork(() => this.#head(status, headers, false))
    return {
      write: (chunk) => {
        if (this.#aborted) return false
        let ok = false
        this.res.cork(() => {
          ok = this.res.write(chunk)
        })
        return ok
      },
      end: () => {
        if (this.#aborted || !this.active.streaming.has(this)) return
        this.#forget()
        this.res.cork(() => this.res.end())
        this.reader.release()
      },
    }
  }

  #head(status: number, headers: Headers, closeConnection: boolean): void {
    this.res.writeStatus(`${status} ${statusTexts[status] ?? 'Unknown'}`)
    for (const name of Object.keys(headers)) this.res.writeHeader(name, headers[name]!)
    if (closeConnection) this.res.writeHeader('Connection', 'close')
  }
}
