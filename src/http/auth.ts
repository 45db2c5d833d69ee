/**
 * Credentials of a request when `[http] auth-enabled` is set: a JSON web token (HS256, HS384, HS512) signed with the shared
 * secret. Texts and their order are those of the original. Passwords are refused: there is no user store yet. Thread: main.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ShardlineError } from '../errors.js'
import type { Request } from './http.js'

export interface AuthSettings {
  readonly enabled: boolean
  readonly sharedSecret: string
}

const unauthorized = (text: string): ShardlineError => new ShardlineError('unauthorized', text)

/** The user name, or undefined when authentication is off. Throws a ShardlineError with status 401. */
export function authenticate(request: Request, query: URLSearchParams, settings: AuthSettings): string | undefined {
  if (!settings.enabled) return undefined
  const header = request.headers.authorization ?? ''
  if (header.startsWith('Bearer ')) return userOfToken(header.slice(7).trim(), settings.sharedSecret, Date.now())
  if (header.startsWith('Basic ')) {
    const text = Buffer.from(header.slice(6), 'base64').toString()
    const colon = text.indexOf(':')
    if (colon >= 0) return refusePassword(text.slice(0, colon))
  }
  const user = query.get('u') ?? ''
  if (user !== '' && (query.get('p') ?? '') !== '') return refusePassword(user)
  throw unauthorized('unable to parse authentication credentials')
}

function refusePassword(user: string): never {
  throw unauthorized(user === '' ? 'username required' : 'authorization failed')
}

const hashes: ReadonlyMap<unknown, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])

export function userOfToken(token: string, secret: string, nowMs: number): string {
  const parts = token.split('.')
  if (parts.length !== 3) throw unauthorized('invalid token: token contains an invalid number of segments')
  const header = jsonSegment(parts[0])
  const claims = jsonSegment(parts[1])
  const hash = hashes.get(header.alg)
  if (hash === undefined) throw unauthorized(`invalid token: unexpected signing method: ${String(header.alg)}`)
  const wanted = createHmac(hash, secret).update(`${parts[0]}.${parts[1]}`).digest()
  const given = Buffer.from(parts[2], 'base64url')
  if (secret === '' || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw unauthorized('invalid token: signature is invalid')
  }
  const { exp, username } = claims
  if (typeof exp === 'number' && exp > 0 && exp * 1000 < nowMs) throw unauthorized('invalid token: Token is expired')
  if (typeof exp !== 'number' || exp <= 0) throw unauthorized('token expiration required')
  if (typeof username !== 'string') throw unauthorized('username in token must be a string')
  if (username === '') throw unauthorized('token must contain a username')
  return username
}

function jsonSegment(segment: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err
  }
  throw unauthorized('invalid token: illegal base64 data or JSON')
}
