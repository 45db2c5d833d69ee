/** What a request says that got no answer, in the words of the original. Thread: main, and the command line. */
import { errorText, ShardlineError } from '../errors.js'

/** `url`: it cannot be used. `deadline`, `aborted`: it was ended here. `failed`: everything else. */
export type HttpFailure = 'url' | 'deadline' | 'aborted' | 'failed'

/** A request without an answer: `Post "http://host/": dial tcp 127.0.0.1:80: connect: connection refused`. */
export class HttpError extends ShardlineError {
  constructor(
    method: string,
    url: string,
    readonly reason: string,
    readonly failure: HttpFailure,
  ) {
    const verb = method.charAt(0) + method.slice(1).toLowerCase()
    super(failure === 'url' ? 'bad-url' : 'http-request', `${verb} ${JSON.stringify(withoutPassword(url))}: ${reason}`)
    this.name = 'HttpError'
  }
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#@]*@/i, '$1:***@')
}

const dialReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  UND_ERR_CONNECT_TIMEOUT: 'i/o timeout',
}

/** Why a request got no answer, from what the connection threw. */
export function failureText(url: URL, err: unknown): string {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return socketFailureText({ host, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) }, err)
}

/** The same of a connection to a host and port. */
export function socketFailureText(to: { readonly host: string; readonly port: number }, err: unknown): string {
  // Several addresses were tried: the first stands for all.
  const first = (err as AggregateError).errors?.[0] ?? err
  const { code = '', address, port } = first as { code?: string; address?: string; port?: number }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${to.host}: no such host`
  const dial = dialReasons[code]
  if (dial !== undefined) {
    const at = address ?? to.host
    const shown = at.includes(':') ? `[${at}]` : at
    return `dial tcp ${shown}:${port ?? to.port}: ${dial}`
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'read: connection reset by peer'
  if (code === 'UND_ERR_SOCKET') return 'EOF'
  return errorText(first)
}
