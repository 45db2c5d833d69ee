/**
 * The rows of an event on their way from the shard to handlers: their JSON and, beside it, the kinds of their cells, so that
 * templates get back what JSON cannot tell apart (9 of an int and of a float, times, durations, NaN). Thread: any.
 *
 *   kinds   runs of rows with the same kinds, a count and a letter per cell: `120tfis1tfin`
 */
import { encodeResult } from '../columns/json-encode.js'
import type { Row } from '../columns/point.js'
import { rfc3339Ns } from '../columns/time.js'
import { Duration, Timestamp, type Value } from '../columns/values.js'
import { errorText } from '../errors.js'
import { isObject, type Json, JsonNumber, parseLosslessJson } from '../go/lossless-json.js'

export interface EventRows {
  /** `{"series":…}`; cells that JSON cannot hold are null in it. */
  readonly json: string
  readonly kinds: string
  /** Why handlers that send JSON cannot send the event (NaN, infinity), else ''. */
  readonly error: string
}

/** A row whose cells are typed again. */
export interface TypedEventRow {
  readonly name: string
  readonly tags: ReadonlyMap<string, string>
  readonly columns: readonly string[]
  readonly values: readonly (readonly EventCell[])[]
}

/** A cell without value is undefined. */
export type EventCell = bigint | number | string | boolean | Duration | Timestamp | undefined

export function encodeRows(rows: readonly Row[]): EventRows {
  const kinds = kindsOf(rows)
  try {
    return { json: encodeResult(rows), kinds, error: '' }
  } catch (err) {
    const finite = rows.map((row) => ({ ...row, values: row.values.map((cells) => cells.map(nullWhenUnencodable)) }))
    return { json: encodeResult(finite), kinds, error: errorText(err) }
  }
}

/** The rows of several events behind each other. What JSON cannot hold has no place in it. */
export function joinRows(parts: readonly EventRows[]): EventRows {
  const whole = parts.filter((p) => p.error === '' && p.json !== noSeries)
  if (whole.length === 0) return { json: noSeries, kinds: '', error: '' }
  const series = whole.map((p) => p.json.slice(listStart.length, -listEnd.length)).join(',')
  return { json: listStart + series + listEnd, kinds: whole.map((p) => p.kinds).join(''), error: '' }
}

const noSeries = '{"series":null}'
const listStart = '{"series":['
const listEnd = ']}'

/** null: the event has no list of series. */
export function decodeRows(rows: EventRows): TypedEventRow[] | null {
  const data = parseLosslessJson(rows.json)
  const series = isObject(data) ? data.series : null
  if (!Array.isArray(series)) return null
  const kinds = rowKinds(rows.kinds)
  return series.filter(isObject).map((row) => ({
    name: typeof row.name === 'string' ? row.name : '',
    tags: new Map(Object.entries(isObject(row.tags) ? row.tags : {}).map(([k, v]) => [k, String(v)])),
    columns: listOf(row.columns).map(String),
    values: listOf(row.values).map((cells) => {
      const letters = kinds.next().value
      return listOf(cells).map((v, i) => typedCell(v, letters[i]))
    }),
  }))
}

/** The first row without its time, by column. */
export function decodeFields(rows: EventRows): ReadonlyMap<string, EventCell> {
  const [row] = decodeRows(rows) ?? []
  const [cells = []] = row?.values ?? []
  const named = (row?.columns ?? []).map((c, i): [string, EventCell] => [c, cells[i]])
  return new Map(named.filter(([name]) => name !== 'time'))
}

/** No rows at all. */
export const noRows: EventRows = { json: '{"series":null}', kinds: '', error: '' }

function listOf(v: Json | undefined): readonly Json[] {
  return Array.isArray(v) ? v : []
}

function nullWhenUnencodable(v: Value): Value {
  return typeof v === 'number' && !Number.isFinite(v) ? null : v
}

function kindsOf(rows: readonly Row[]): string {
  let out = ''
  let last = ''
  let count = 0
  for (const row of rows) {
    for (const cells of row.values) {
      let letters = ''
      for (const v of cells) letters += letterOf(v)
      if (letters !== last && count > 0) {
        out += count + last
        count = 0
      }
      last = letters
      count++
    }
  }
  return count > 0 ? out + count + last : out
}

/** The letters of one row after the other. */
function* rowKinds(kinds: string): Generator<string, string> {
  for (const [, count, letters] of kinds.matchAll(/(\d+)(\D*)/g)) {
    for (let n = Number(count); n > 0; n--) yield letters
  }
  return ''
}

function letterOf(v: Value): string {
  switch (typeof v) {
    case 'bigint':
      return 'i'
    case 'number':
      return Number.isFinite(v) ? 'f' : Number.isNaN(v) ? 'N' : v > 0 ? 'P' : 'M'
    case 'string':
      return 's'
    case 'boolean':
      return 'b'
    case 'symbol':
      return 'm'
    default:
      return v === null ? 'n' : v instanceof Duration ? 'd' : 't'
  }
}

function typedCell(v: Json, letter: string | undefined): EventCell {
  switch (letter) {
    case 'N':
      return Number.NaN
    case 'P':
      return Number.POSITIVE_INFINITY
    case 'M':
      return Number.NEGATIVE_INFINITY
    case 't':
      return new Timestamp(rfc3339Ns(String(v)))
  }
  if (v instanceof JsonNumber) {
    if (letter === 'i') return BigInt(v.text)
    return letter === 'd' ? new Duration(BigInt(v.text)) : v.toFloat()
  }
  return typeof v === 'string' || typeof v === 'boolean' ? v : undefined
}
