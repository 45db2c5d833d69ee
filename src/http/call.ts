/** One request on its way through a resource: what it asked for and the ways to answer. Thread: main. */
import { constants, gzip, gzipSync } from 'node:zlib'
import { goJsonIndent } from '../columns/json-encode.js'
import { ShardlineError } from '../errors.js'
import type { BodyGate } from './body-gate.js'
import type { BodyStream, Headers, Request, Response } from './http.js'

export const jsonType = 'application/json; charset=utf-8'

const gzipOptions = { level: constants.Z_BEST_SPEED }
/** Below this compressing on the spot is cheaper than a hand-over to the thread pool. */
const syncGzipBytes = 32 * 1024

export interface CallParts {
  readonly request: Request
  readonly response: Response
  /** Canonical and unescaped no further than it came in, `v1preview` rewritten. */
  readonly path: string
  readonly query: URLSearchParams
  /** Of the answer. */
  readonly headers: Record<string, string>
  /** The answer was sent, or begun. */
  readonly sent: (call: Call) => void
  /** It could not be. */
  readonly failed: (call: Call, err: unknown) => void
}

export class Call {
  /** Status of the answer, which stays the first that was given; 0 until then. */
  status = 0
  readonly request: Request
  readonly response: Response
  readonly path: string
  readonly query: URLSearchParams
  private readonly headers: Record<string, string>

  constructor(private readonly parts: CallParts) {
    this.request = parts.request
    this.response = parts.response
    this.path = parts.path
    this.query = parts.query
    this.headers = parts.headers
  }

  /** The path behind `prefix`, unescaped. Throws 400 for a broken escape. */
  rest(prefix: string): string {
    try {
      return decodeURIComponent(this.path.slice(prefix.length))
    } catch {
      throw new ShardlineError('bad-path', `invalid URL escape in ${JSON.stringify(this.path)}`)
    }
  }

  header(name: string, value: string): void {
    this.headers[name] = value
  }

  body(limitBytes: number, gate?: BodyGate): Promise<Uint8Array> {
    return this.request.body(limitBytes, gate)
  }

  empty(status: number): void {
    this.send(status, jsonType)
  }

  /** Go's MarshalIndent with 4 blanks, no line feed at the end. */
  json(status: number, value: unknown): void {
    this.send(status, jsonType, goJsonIndent(value, 4))
  }

  /** Text that is sent as it is; `type` as the resource has it. */
  raw(status: number, type: string, text: string | Uint8Array): void {
    this.send(status, type, text)
  }

  /**
   * Later versions of the original send both members; older clients read `error` only. `closeConnection` where the body was
   * not read to its end and the connection cannot be used again.
   */
  error(status: number, text: string, closeConnection = false): void {
    const body = goJsonIndent({ error: text, message: text }, 4)
    this.send(status, jsonType, body, closeConnection)
  }

  stream(status: number, type: string): BodyStream {
    if (this.status !== 0) throw new Error('a request can be answered once')
    this.status = status
    this.headers['Content-Type'] = type
    const stream = this.response.stream(status, this.headers)
    this.parts.sent(this)
    return stream
  }

  private send(status: number, type: string, body: string | Uint8Array = '', closeConnection = false): void {
    if (this.status !== 0) return
    this.status = status
    this.headers['Content-Type'] = type
    const packs = (this.request.headers['accept-encoding'] ?? '').includes('gzip')
    if (packs) this.headers['Content-Encoding'] = 'gzip'
    const finish = (bytes: string | Uint8Array): void => {
      this.response.send(status, this.headers as Headers, bytes, closeConnection)
      this.parts.sent(this)
    }
    if (!packs || body.length === 0) finish(body)
    else if (body.length <= syncGzipBytes) finish(gzipSync(body, gzipOptions))
    else
      gzip(body, gzipOptions, (err, packed) => {
        if (err !== null) delete this.headers['Content-Encoding']
        try {
          finish(err === null ? packed : body)
        } catch (failure) {
          this.parts.failed(this, failure)
        }
      })
  }
}
