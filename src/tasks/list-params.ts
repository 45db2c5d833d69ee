/** Parameters that all list endpoints share: `pattern`, `fields`, `offset`, `limit`. */
import { ShardlineError } from '../errors.js'
import { globMatcher } from './glob.js'

export interface ListParams {
  readonly matches: (id: string) => boolean
  readonly fields: readonly string[]
  readonly offset: number
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

function integerParam(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name) ?? ''
  if (text === '') return fallback
  if (/^[-+]?\d+$/.test(text)) return Number(text)
  const reason = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`
  throw new ShardlineError(
    'bad-parameter',
    `invalid ${name} parameter ${JSON.stringify(text)} must be an integer: ${reason}`,
  )
}
