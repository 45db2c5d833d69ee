/**
 * The HTTP interface over µWebSockets.js. The library's request object lives only during the call of the route handler, so
 * everything is copied out of it first; its response object must not be touched after an abort or the end. Thread: main.
 */
import { createRequire } from 'node:module'
import { createConnection } from 'node:net'
import { errorText, type ShardlineError } from '../errors.js'
import { BodyReader, type PausableSocket } from './body-reader.js'
import type { BodyStream, Handler, Headers, HttpServer, ListenOptions, Request, Response } from './http.js'
import { declaredBytes, statusTexts } from './http.js'
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
    return { library: undefined, reason: errorText(err).split('\n')[0] }
  }
}

/** Well below the ten seconds that the library gives a body that stalls or a client that does not read. */
const keepAliveMs = 4_000

export async function listenUws(library: UwsLibrary, handler: Handler, options: ListenOptions): Promise<HttpServer> {
  const active: ActiveResponses = { answering: new Set(), streaming: new Set() }
  let closing = false
  const app = options.tls === undefined ? library.App() : library.SSLApp(tlsOptions(options))
  app.any('/*', (res, req) => {
    // The library keeps idle connections open when it stops listening.
    if (closing) {
      res.close()
      return
    }
    const headers: Record<string, string> = Object.create(null) as Record<string, string>
    req.forEach((name, value) => {
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    })
    const method = req.getCaseSensitiveMethod()
    const socket = new UwsSocket(res)
    const reader = new BodyReader(declaredBytes(headers), socket, options.body)
    const response = new UwsHttpResponse(socket, reader, active, method === 'HEAD')
    const request: Request = {
      method,
      path: req.getUrl(),
      query: req.getQuery() ?? '',
      headers,
      remoteAddress: plainAddress(Buffer.from(res.getRemoteAddressAsText()).toString()),
      body: (limit, gate) => reader.read(limit, gate),
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
  const keepAlive = setInterval(() => {
    for (const response of active.answering) response.keepAlive()
    for (const response of active.streaming) response.keepAlive()
  }, keepAliveMs)
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
      clearInterval(keepAlive)
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

/** The library's response object, with what is known of its life: all its methods throw after an abort or the end. */
class UwsSocket implements PausableSocket {
  /** Neither answered nor aborted. */
  open = true
  private paused = false

  constructor(readonly res: UwsResponse) {}

  pause(): void {
    if (!this.open) return
    this.paused = true
    this.res.pause()
    // The library starts its idle timer after the route handler; only pausing once more stops it.
    setImmediate(() => {
      if (this.paused && this.open) this.res.pause()
    })
  }

  resume(): void {
    if (!this.paused || !this.open) return
    this.paused = false
    this.res.resume()
  }

  /** Resuming starts the library's timer anew. A socket that was not paused would not be read any more after it. */
  keepAlive(): void {
    if (this.paused || !this.open) return
    this.res.pause()
    this.res.resume()
  }

  close(): void {
    if (this.open) this.res.close()
  }
}

interface ActiveResponses {
  /** Not answered yet: a closing server waits for them. */
  readonly answering: Set<UwsHttpResponse>
  /** Answers without end: it does not wait for these. */
  readonly streaming: Set<UwsHttpResponse>
}

class UwsHttpResponse implements Response {
  aborted = false
  private readonly handlers: (() => void)[] = []

  constructor(
    private readonly socket: UwsSocket,
    private readonly reader: BodyReader,
    private readonly active: ActiveResponses,
    private readonly headOnly: boolean,
  ) {
    active.answering.add(this)
    socket.res.onAborted(() => {
      this.aborted = true
      socket.open = false
      this.forget()
      reader.abort()
      for (const handler of this.handlers) handler()
    })
  }

  onAborted(handler: () => void): void {
    this.handlers.push(handler)
  }

  /** What the library would cut off too early: bodies that come slowly, and followers that do not read for a while. */
  keepAlive(): void {
    if (this.reader.arriving || this.active.streaming.has(this)) this.socket.keepAlive()
  }

  destroy(): void {
    this.socket.close()
  }

  send(status: number, headers: Headers, body: Uint8Array | string = '', closeConnection = false): void {
    const { res } = this.socket
    if (!this.active.answering.has(this)) return
    this.end(() => {
      this.head(status, headers, closeConnection)
      if (status !== 204 && !this.headOnly) {
        res.end(body, closeConnection)
        return
      }
      // Given the length itself, the library waits for the body and closes the connection at the next request.
      if (status !== 204) res.writeHeader('Content-Length', String(Buffer.byteLength(body)))
      res.endWithoutBody()
    })
  }

  stream(status: number, headers: Headers): BodyStream {
    const { socket, active } = this
    if (active.answering.delete(this)) {
      active.streaming.add(this)
      socket.res.cork(() => this.head(status, headers, false))
    }
    return {
      write: (chunk) => {
        if (!active.streaming.has(this)) return false
        let ok = false
        socket.res.cork(() => {
          ok = socket.res.write(chunk)
        })
        return ok
      },
      end: () => {
        if (active.streaming.has(this)) this.end(() => socket.res.end())
      },
    }
  }

  /** The last that happens to the socket. */
  private end(write: () => void): void {
    this.forget()
    this.reader.answering()
    this.socket.res.cork(write)
    this.socket.open = false
  }

  private forget(): void {
    this.active.answering.delete(this)
    this.active.streaming.delete(this)
  }

  private head(status: number, headers: Headers, closeConnection: boolean): void {
    const { res } = this.socket
    res.writeStatus(`${status} ${statusTexts[status] ?? 'Unknown'}`)
    for (const name of Object.keys(headers)) res.writeHeader(name, headers[name])
    if (closeConnection) res.writeHeader('Connection', 'close')
  }
}
