/**
 * The HTTP interface that resources are written against. Two adapters implement it: uws-adapter.ts and node-adapter.ts.
 * Thread: main.
 */
import type { Log } from '../log.js'
import type { BodyGate } from './body-gate.js'
import type { BodyLimits } from './body-reader.js'

export interface Request {
  /** As sent, upper or lower case. */
  readonly method: string
  /** Still escaped, without the query. */
  readonly path: string
  /** Without the question mark; '' when there is none. */
  readonly query: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly remoteAddress: string
  /**
   * The whole body; asked for once, in the call of the handler. Rejects with BodyTooLarge beyond `limitBytes`, with status 408
   * when it comes too slowly, with RequestAborted when the client is gone. With a gate it waits for its turn (503 when that
   * does not come), and its bytes count there until the response is sent.
   */
  body(limitBytes: number, gate?: BodyGate): Promise<Uint8Array>
  /** What body() gave is not looked at any more: its memory may serve another request. */
  recycleBody(): void
}

export type Headers = Readonly<Record<string, string>>

export interface Response {
  /** The client is gone; nothing can be sent any more. */
  readonly aborted: boolean
  onAborted(handler: () => void): void
  /**
   * The answer; whatever was begun or given before stays. To HEAD only its head goes out. `closeConnection` after a request
   * whose body was not read to its end.
   */
  send(status: number, headers: Headers, body?: Uint8Array | string, closeConnection?: boolean): void
  /** Starts an answer of unknown length. */
  stream(status: number, headers: Headers): BodyStream
  /** Cuts the connection, unless the answer was given: the client sees that there is no whole one. */
  destroy(): void
}

export interface BodyStream {
  /** false: the client reads slower than we write. */
  write(chunk: Uint8Array | string): boolean
  end(): void
}

export type Handler = (request: Request, response: Response) => void

export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly minVersion: string
  readonly maxVersion: string
  readonly ciphers: readonly string[]
}

export interface ListenOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly tls?: TlsFiles
  readonly body: BodyLimits
  readonly log: Log
}

export interface HttpServer {
  readonly kind: 'uws' | 'node'
  readonly port: number
  /** Stops listening at once; active requests may go on until the deadline. */
  close(deadlineMs: number): Promise<void>
}

/** Bytes of the body as the head announces them; 0: there is none, or its length is not known. */
export function declaredBytes(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  if (headers['transfer-encoding'] !== undefined) return 0
  return Number(headers['content-length'] ?? 0) || 0
}

export const statusTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  301: 'Moved Permanently',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}
