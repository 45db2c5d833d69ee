/** One request on its way through a resource: what it asked for and the ways to answer. */
import { constants, gzip, gzipSync } from 'node:zlib'
import { goJsonIndent } from '../columns/json-encode.js'
import { ShardlineError } from '../errors.js'
import type { BodyStream, BodyTooLarge, Headers, Request, Response } from './http.js'

export const jsonType = 'application/json; charset=utf-8'

const gzipOptions = { level: constants.Z_BEST_SPEED }
/** Below this compressing on the spot is cheaper than a hand-over to the thread pool. */
const syncGzipBytes = 32 * 1024

export class Call {
  /** Status of the answer; 0 until it was sent. */
  status = 0

  constructor(
    readonly request: Request,
    readonly response: Response,
    /** Canonical and unescaped no further than it came in, `v1preview` rewritten. */
    readonly path: string,
    readonly query: URLSearchParams,
    private readonly headers: Record<string, string>,
    private readonly sent: (call: Call) => void,
  ) {}

  /** The path behind `prefix`, unescaped. Throws 400 for a broken escape. */
  rest(prefix: string): string {
    try {
      return decodeURIComponent(this.path.slice(prefix.length))
    } catch {
      throw new ShardlineError('bad-path', `invalid URL escape in ${JSON.stringify(this.path)}`, 400)
    }
  }

  header(name: string, value: string): void {
    this.headers[name] = value
  }

  async body(limitBytes: number): Promise<Uint8Array> {
    return this.request.body(limitBytes)
  }

  empty(status: number): void {
    this.#send(status, jsonType, undefined)
  }

  /** Go's MarshalIndent with 4 blanks, no line feed at the end. */
  json(status: number, value: unknown): void {
    this.#send(status, jsonType, goJsonIndent(value, 4))
  }

  /** Text that is sent as it is; `type` as the resource has it. */
  raw(status: number, type: string, text: string | Uint8Array): void {
    this.#send(status, type, text)
  }

  /** Later versions of the original send both members; older clients read `error` only. */
  error(status: number, text: string): void {
    this.json(status, { error: text, message: text })
  }

  stream(status: number, type: string): BodyStream {
    this.status = status
    this.headers['Content-Type'] = type
    const stream = this.response.stream(status, this.headers)
    this.sent(this)
    return stream
  }

  #send(status: number, type: string, body: string | Uint8Array | undefined): void {
    if (this.status !== 0) return
    this.status = status
    this.headers['Content-Type'] = type
    const accepts = this.request.headers['accept-encoding'] ?? ''
    const packs = accepts.includes('gzip')
    if (packs) this.headers['Content-Encoding'] = 'gzip'
    if (!packs || body === undefined || body.length === 0) this.#finish(body)
    else if (body.length <= syncGzipBytes) this.#finish(gzipSync(body, gzipOptions))
    else
      gzip(body, gzipOptions, (err, packed) => {
        if (err !== null) delete this.headers['Content-Encoding']
        this.#finish(err === null ? packed : body)
      })
  }

  #finish(body: string | Uint8Array | undefined): void {
    const send = this.request.method === 'HEAD' ? undefined : body
    this.response.send(this.status, this.headers as Headers, send, this.#closeAfter)
    this.sent(this)
  }

  #closeAfter = false

  /** The body was not read to its end, so the connection cannot be used again. */
  tooLarge(err: BodyTooLarge): void {
    this.#closeAfter = true
    this.error(413, `${err.message}: more than ${err.limitBytes} bytes`)
  }
}
