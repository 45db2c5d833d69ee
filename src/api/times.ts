/** Times in request bodies: RFC 3339 as Go reads them. */
import { zeroTimeNs } from '../columns/time.js'
import { ShardlineError } from '../errors.js'
import type { Json } from '../tasks/lossless-json.js'
import { stringOf } from '../tasks/task-request.js'

/** What an absent time is. */
export const zeroTime = zeroTimeNs

const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[-+]\d{2}:\d{2})$/

/** ns since the epoch. Throws 400. */
export function timeNs(value: Json | undefined): bigint {
  if (value === undefined || value === null) return zeroTime
  const text = stringOf(value)
  const m = pattern.exec(text)
  const ms = m === null ? Number.NaN : Date.parse(`${text.slice(0, 19)}${m[8]}`)
  // Date.parse turns the 30th of February into March.
  if (m === null || Number.isNaN(ms) || new Date(Date.parse(`${text.slice(0, 19)}Z`)).getUTCDate() !== Number(m[3])) {
    const layout = '"\\"2006-01-02T15:04:05Z07:00\\""'
    const quoted = JSON.stringify(JSON.stringify(text))
    throw new ShardlineError('bad-time', `parsing time ${quoted} as ${layout}: cannot parse ${quoted}`)
  }
  const fraction = (m[7] ?? '').slice(0, 9).padEnd(9, '0')
  return BigInt(ms) * 1_000_000n + BigInt(fraction)
}
