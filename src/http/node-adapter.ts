/** The HTTP interface over node:http and node:https. Thread: main. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureVersion } from 'node:tls'
import { errorText } from '../errors.js'
import { BodyReader } from './body-reader.js'
import type { BodyStream, Handler, Headers, HttpServer, ListenOptions, Request, Response } from './http.js'
import { declaredBytes } from './http.js'
import { listenError } from './listen-error.js'

/** How long the rest of a body whose request is answered may still come. */
const lingerMs = 10_000

export async function listenNode(handler: Handler, options: ListenOptions): Promise<HttpServer> {
  const streams = new Set<NodeResponse>()
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const socket = { pause: () => incoming.pause(), resume: () => incoming.resume() }
    const reader = new BodyReader(declaredBytes(incoming.headers), socket, options.body)
    const response = new NodeResponse(outgoing, reader, streams)
    incoming.on('data', (chunk: Buffer) => reader.push(chunk, false))
    incoming.on('end', () => reader.end())
    incoming.on('error', () => response.closed())
    outgoing.on('error', () => response.closed())
    outgoing.on('close', () => response.closed())
    handler(requestOf(incoming, reader), response)
  }
  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(tlsOptions(options), onRequest)
  server.keepAliveTimeout = 60_000
  // Bodies have a deadline of their own, which does not run while they wait.
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    const refused = (err: Error): void => reject(listenError(options, err))
    server.once('error', refused)
    server.listen({ port: options.port, ...(options.host === '' ? {} : { host: options.host }) }, () => {
      server.off('error', refused)
      // For example when the process has no descriptor left for the next connection.
      server.on('error', (err) => options.log.error('HTTP connection not accepted', { err: errorText(err) }))
      resolve()
    })
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
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return {
    method: incoming.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    headers,
    remoteAddress: incoming.socket.remoteAddress ?? '',
    body: (limit, gate) => reader.read(limit, gate),
    recycleBody: () => reader.recycle(),
  }
}

class NodeResponse implements Response {
  aborted = false
  private state: 'waiting' | 'streaming' | 'answered' = 'waiting'
  private readonly handlers: (() => void)[] = []

  constructor(
    private readonly outgoing: ServerResponse,
    private readonly reader: BodyReader,
    /** Answers without end: a closing server does not wait for them. */
    private readonly streams: Set<NodeResponse>,
  ) {}

  onAborted(handler: () => void): void {
    this.handlers.push(handler)
  }

  /** May be told several times. */
  closed(): void {
    this.streams.delete(this)
    if (this.aborted || this.state === 'answered') return
    this.aborted = true
    this.reader.abort()
    for (const handler of this.handlers) handler()
  }

  destroy(): void {
    if (this.state !== 'answered') this.outgoing.destroy()
  }

  send(status: number, headers: Headers, body: Uint8Array | string = '', closeConnection = false): void {
    if (this.aborted || this.state !== 'waiting') return
    const framing: Record<string, string> = { ...headers }
    if (status !== 204) framing['Content-Length'] = String(Buffer.byteLength(body))
    if (closeConnection) framing.Connection = 'close'
    this.outgoing.writeHead(status, framing)
    this.end(body)
    if (closeConnection) this.outgoing.on('finish', () => this.outgoing.socket?.destroySoon())
  }

  stream(status: number, headers: Headers): BodyStream {
    if (!this.aborted && this.state === 'waiting') {
      this.outgoing.writeHead(status, headers)
      this.outgoing.flushHeaders()
      this.state = 'streaming'
      this.streams.add(this)
    }
    return {
      write: (chunk) => !this.aborted && this.state === 'streaming' && this.write(chunk),
      end: () => {
        if (!this.aborted && this.state === 'streaming') this.end()
      },
    }
  }

  /** A chunk above node's mark is no sign of a slow client, one behind which others still wait is. */
  private write(chunk: Uint8Array | string): boolean {
    const waiting = this.outgoing.socket?.writableLength ?? 0
    return this.outgoing.write(chunk) || waiting === 0
  }

  private end(body: Uint8Array | string = ''): void {
    this.state = 'answered'
    this.streams.delete(this)
    this.reader.answering()
    this.outgoing.end(body)
    if (!this.reader.complete) this.linger()
  }

  private linger(): void {
    const timer = setTimeout(() => this.outgoing.req.destroy(), lingerMs)
    this.outgoing.req.once('close', () => clearTimeout(timer))
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
