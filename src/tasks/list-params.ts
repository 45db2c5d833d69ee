/** Parameters that all list endpoints share: `pattern`, `fields`, `offset`, `limit`. Thread: main. */
import { ShardlineError } from '../errors.js'
import { globMatcher } from '../go/glob.js'

export interface ListParams {
  readonly matches: (id: string) => boolean
  readonly fields: readonly string[]
  readonly offset: number
  /** Negative: all there are. */
  readonly limit: number
}

export function listParams(query: URLSearchParams): ListParams {
  return {
    matches: globMatcher(query.get('pattern') ?? ''),
    fields: query.getAll('fields').filter((f) => f !== ''),
    offset: integerParam(query, 'offset', 0),
    limit: integerParam(query, 'limit', 100),
  }
}

/** The part of a list that a request asks for. */
export function pageOf<T>(items: readonly T[], idOf: (item: T) => string, params: ListParams): T[] {
  const { matches, limit } = params
  const start = Math.max(0, params.offset)
  return items.filter((item) => matches(idOf(item))).slice(start, limit < 0 ? undefined : start + limit)
}

const maxInt64 = 2n ** 63n - 1n

function integerParam(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name) ?? ''
  if (text === '') return fallback
  const isInteger = /^[-+]?\d+$/.test(text)
  const n = isInteger ? BigInt(text.replace('+', '')) : 0n
  if (isInteger && n >= -maxInt64 - 1n && n <= maxInt64) return Number(n)
  const fault = isInteger ? 'value out of range' : 'invalid syntax'
  const reason = `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${fault}`
  throw new ShardlineError(
    'bad-parameter',
    `invalid ${name} parameter ${JSON.stringify(text)} must be an integer: ${reason}`,
  )
}
