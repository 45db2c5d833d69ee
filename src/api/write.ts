/**
 * POST /write and /kapacitor/v1/write: decompress, parse, check `db`, publish. All or nothing; errors are plain text under
 * the JSON content type. 503 with Retry-After only before anything was published. Thread: main.
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { Permits } from '../abortable.js'
import { isBlank } from '../columns/line-tokens.js'
import type { Engine, Precision, WriteResult } from '../engine/engine-api.js'
import { errorText } from '../errors.js'
import { basePath } from '../http/api.js'
import { BodyTooLarge, RequestAborted } from '../http/body-errors.js'
import type { BodyGate } from '../http/body-gate.js'
import { type Call, jsonType } from '../http/call.js'
import type { Router } from '../http/router.js'
import { type CheckedLine, checkLine, lineEnd } from '../ingest/line-grammar.js'
import type { Log } from '../log.js'

export interface WriteSettings {
  readonly defaultRetentionPolicy: string
  readonly maxBodyBytes: number
  readonly tracing: boolean
  /** Where bodies wait for their turn. */
  readonly gate: BodyGate
}

/** Any other text silently means nanoseconds. */
const precisions: ReadonlyMap<string, Precision> = new Map(Object.entries({ u: 'u', ms: 'ms', s: 's', m: 'm', h: 'h' }))

const unzip = promisify(gunzip)
const gzipHeaderBytes = 10

/** Each may take the memory of the largest body, and the threads that unpack are four. */
const unpackedAtOnce = 4

export function addWrite(router: Router, engine: Pick<Engine, 'write'>, settings: WriteSettings, log: Log): void {
  const unpacking = new Permits(unpackedAtOnce)
  const write = async (call: Call): Promise<void> => {
    let body = await call.body(settings.maxBodyBytes, settings.gate)
    if (call.request.headers['content-encoding'] === 'gzip') {
      await unpacking.take(goneSignal(call))
      const plain = await decompress(body, settings.maxBodyBytes).finally(() => unpacking.give())
      if (typeof plain === 'string') {
        call.raw(400, jsonType, `${plain}\n`)
        return
      }
      body = plain
    }
    const { query } = call
    const db = query.get('db') ?? ''
    const precision = precisions.get(query.get('precision') ?? '') ?? 'n'
    if (settings.tracing) log.debug('write body received by handler', { body: Buffer.from(body).toString() })
    if (db === '') {
      const error = bodyErrors(body, precision)
      call.raw(400, jsonType, `${error === '' ? 'database is required' : error}\n`)
      return
    }
    const rp = query.get('rp') || settings.defaultRetentionPolicy
    const outcome = engine.write({ db, rp, precision, body, source: 'http' })
    const result = outcome instanceof Promise ? await outcome : outcome
    // The engine has copied what it keeps.
    call.request.recycleBody()
    answer(call, result)
  }
  router.add('POST', '/write', write)
  router.add('POST', `${basePath}/write`, write)
}

/** Aborts when the client leaves. */
function goneSignal(call: Call): AbortSignal {
  const gone = new AbortController()
  call.response.onAborted(() => gone.abort(new RequestAborted()))
  return gone.signal
}

function answer(call: Call, result: WriteResult): void {
  if (result.status === 503) call.header('Retry-After', '1')
  if (result.status === 204) call.empty(204)
  else call.raw(result.status, jsonType, `${result.error}\n`)
}

/** The plain body, or the error text of Go's reader. */
export async function decompress(body: Uint8Array, limitBytes: number): Promise<Uint8Array | string> {
  if (body.byteLength === 0) return 'EOF'
  if (body.byteLength < gzipHeaderBytes) return 'unexpected EOF'
  try {
    return await unzip(body, { maxOutputLength: limitBytes })
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new BodyTooLarge(limitBytes)
    return gzipErrorText(code, errorText(err))
  }
}

function gzipErrorText(code: string | undefined, text: string): string {
  if (code === 'Z_BUF_ERROR') return 'unexpected EOF'
  if (text.includes('incorrect header') || text.includes('unknown compression')) return 'gzip: invalid header'
  if (text.includes('incorrect data check') || text.includes('incorrect length')) return 'gzip: invalid checksum'
  return 'flate: corrupt input'
}

/** The errors of a body that will not be published, one per line; '' when there are none. */
export function bodyErrors(body: Uint8Array, precision: Precision): string {
  const errors: string[] = []
  const checked: CheckedLine = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  for (let pos = 0; pos < body.length; ) {
    let start = pos
    let end = lineEnd(body, pos, body.length)
    pos = end + 1
    while (start < end && isBlank(body[start])) start++
    if (start >= end || body[start] === hash) continue
    if (body[end - 1] === lineFeed) end--
    const reason = checkLine(body, start, end, precision, checked)
    if (reason !== '') errors.push(`unable to parse '${Buffer.from(body.subarray(start, end)).toString()}': ${reason}`)
  }
  return errors.join('\n')
}

const hash = 35
const lineFeed = 10
