/** Times in request bodies: RFC 3339 as Go reads them, with Go's texts. Thread: main. */

import { zeroTimeNs } from '../columns/time.js'
import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import { type Json, JsonNumber } from '../go/lossless-json.js'

/** What an absent time is. */
export const zeroTime = zeroTimeNs

const layout = '"2006-01-02T15:04:05Z07:00"'

/** The layout's elements, what each must look like, and the values it may have. */
const elements: readonly (readonly [string, RegExp, name?: string, max?: number])[] = [
  ['"', /"/y],
  ['2006', /\d{4}/y],
  ['-', /-/y],
  ['01', /\d\d/y, 'month', 12],
  ['-', /-/y],
  ['02', /\d\d/y, 'day', 31],
  ['T', /T/y],
  ['15', /\d\d/y, 'hour', 23],
  [':', /:/y],
  ['04', /\d\d/y, 'minute', 59],
  [':', /:/y],
  ['05', /\d\d/y, 'second', 59],
  ['', /(?:\.\d+)?/y],
  ['Z07:00', /Z|[-+]\d\d:\d\d/y],
  ['"', /"/y],
]

/** ns since the epoch. Throws 400. */
export function timeNs(value: Json | undefined): bigint {
  if (value === undefined || value === null) return zeroTime
  const text = value instanceof JsonNumber ? value.text : JSON.stringify(value)
  const parts: string[] = []
  let at = 0
  for (const [element, pattern, name, max] of elements) {
    pattern.lastIndex = at
    const part = pattern.exec(text)?.[0]
    if (part === undefined)
      throw bad(text, ` as ${goQuote(layout)}: cannot parse ${goQuote(text.slice(at))} as ${goQuote(element)}`)
    const n = Number(part)
    if (name !== undefined && (n > max! || (n === 0 && (name === 'month' || name === 'day')))) {
      throw bad(text, `: ${name} out of range`)
    }
    at += part.length
    parts.push(part)
  }
  if (at < text.length) throw bad(text, `: extra text: ${text.slice(at)}`)
  const date = parts.slice(1, 12).join('')
  const fraction = parts[12].slice(1, 10).padEnd(9, '0')
  const zone = parts[13]
  // Date.parse turns the 30th of February into March.
  if (new Date(`${date}Z`).getUTCDate() !== Number(parts[5])) throw bad(text, ': day out of range')
  const ms = Date.parse(date + zone)
  if (Number.isNaN(ms)) throw bad(text, ': time zone offset out of range')
  return BigInt(ms) * 1_000_000n + BigInt(fraction)
}

const bad = (text: string, what: string): ShardlineError =>
  new ShardlineError('bad-time', `parsing time ${goQuote(text)}${what}`)
