/** The HTTP interface over node:http and node:https. Main thread. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureVersion } from 'node:tls'
import { BodyReader } from './body-reader.js'
import type { BodyStream, Handler, Headers, HttpServer, ListenOptions, Request, Response } from './http.js'
import { listenError } from './listen-error.js'

export async function listenNode(handler: Handler, options: ListenOptions, maxBodyBytes: number): Promise<HttpServer> {
  const streams = new Set<ServerResponse>()
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const reader = new BodyReader(
      options.gate,
      Number(incoming.headers['content-length'] ?? 0) || 0,
      { pause: () => incoming.pause(), resume: () => incoming.resume() },
      maxBodyBytes,
    )
    const response = new NodeResponse(outgoing, reader, streams)
    incoming.on('data', (chunk: Buffer) => reader.push(chunk, false))
    incoming.on('end', () => reader.end())
    incoming.on('error', () => reader.abort())
    outgoing.on('close', () => response.closed())
    handler(requestOf(incoming, reader), response)
  }
  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(tlsOptions(options), onRequest)
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => reject(listenError(options, err)))
    server.listen({ port: options.port, ...(options.host === '' ? {} : { host: options.host }) }, () => resolve())
  })
  return {
    kind: 'node',
    port: (server.address() as AddressInfo).port,
    close: (deadlineMs) => {
      for (const stream of streams) stream.destroy()
      return closeServer(server, deadlineMs)
    },
  }
}

function tlsOptions(options: ListenOptions): Record<string, unknown> {
  const tls = options.tls!
  const version = (v: string): { v: SecureVersion } | undefined =>
    v === ''
      ? undefined
      : {
          v: `TLSv${v
            .toLowerCase()
            .replace(/^tls/, '')
            .replace(/^1\.0$/, '1')}` as SecureVersion,
        }
  const min = version(tls.minVersion)
  const max = version(tls.maxVersion)
  return {
    cert: readFileSync(tls.certificate),
    key: readFileSync(tls.key === '' ? tls.certificate : tls.key),
    ...(min === undefined ? {} : { minVersion: min.v }),
    ...(max === undefined ? {} : { maxVersion: max.v }),
    ...(tls.ciphers.length === 0 ? {} : { ciphers: tls.ciphers.join(':') }),
  }
}

function requestOf(incoming: IncomingMessage, reader: BodyReader): Request {
  const url = incoming.url ?? '/'
  const mark = url.indexOf('?')
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return {
    method: incoming.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers,
    remoteAddress: incoming.socket.remoteAddress ?? '',
    body: (limit) => reader.read(limit),
    recycleBody: () => reader.recycle(),
  }
}

class NodeResponse implements Response {
  #aborted = false
  #done = false
  readonly #handlers: (() => void)[] = []

  constructor(
    private readonly outgoing: ServerResponse,
    private readonly reader: BodyReader,
    /** Answers without end: a closing server does not wait for them. */
    private readonly streams: Set<ServerResponse>,
  ) {}

  get aborted(): boolean {
    return this.#aborted
  }

  onAborted(handler: () => void): void {
    this.#handlers.push(handler)
  }

  closed(): void {
    this.streams.delete(this.outgoing)
    if (!this.#done) {
      this.#aborted = true
      for (const handler of this.#handlers) handler()
    }
    this.reader.abort()
  }

  send(status: number, headers: Headers, body?: Uint8Array | string, closeConnection = false): void {
    if (this.#aborted || this.#done) return
    this.#done = true
    const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    const framing: Record<string, string> = { ...headers }
    if (status !== 204) framing['Content-Length'] = String(length)
    if (closeConnection) framing.Connection = 'close'
    this.outgoing.writeHead(status, framing)
    this.outgoing.end(body)
    this.reader.release()
    if (closeConnection) this.outgoing.on('finish', () => this.outgoing.socket?.destroySoon())
  }

  stream(status: number, headers: Headers): BodyStream {
    this.outgoing.writeHead(status, headers)
    this.streams.add(this.outgoing)
    return {
      write: (chunk) => (this.#aborted ? false : this.outgoing.write(chunk)),
      end: () => {
        this.#done = true
        if (!this.#aborted) this.outgoing.end()
        this.reader.release()
      },
    }
  }
}

function closeServer(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
