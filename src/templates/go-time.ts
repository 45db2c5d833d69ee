/**
 * Times and durations as templates see them: how they print, Go's time layouts, and the methods that templates may call.
 * All times are UTC. Thread: any.
 */

import { nsOf, spanOf, zeroTimeNs } from '../columns/time.js'
import { Duration, Timestamp } from '../columns/values.js'
import { goDuration } from '../go/go-duration.js'
import { GoEnum, GoInt, type TemplateValue } from './values.js'

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

const two = (n: number): string => String(n).padStart(2, '0')

function dateOf(t: Timestamp): { date: Date; nanos: number } {
  const span = spanOf(t.ns)
  const date = new Date(span.ms)
  return { date, nanos: date.getUTCMilliseconds() * 1_000_000 + span.sub }
}

function yearText(year: number): string {
  return year < 0 ? `-${String(-year).padStart(4, '0')}` : String(year).padStart(4, '0')
}

/** Time.String(). */
export function timeText(t: Timestamp): string {
  return formatTime(t, '2006-01-02 15:04:05.999999999 -0700 MST')
}

/** As Go source. */
export function timeSyntax(t: Timestamp): string {
  const { date, nanos } = dateOf(t)
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), nanos].join(', ')
  return `time.Date(${date.getUTCFullYear()}, time.${months[date.getUTCMonth()]}, ${date.getUTCDate()}, ${clock}, time.UTC)`
}

/** Longest first, so that `January` is not taken for `Jan` or `2006` for `2`. */
const layoutTokens =
  /January|Jan|Monday|Mon|MST|2006|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|PM|pm|01|02|03|04|05|06|002|15|_2006|_2|1|2|3|4|5|[.,](?:0+|9+)(?![0-9])/g

/** Time.Format. */
export function formatTime(t: Timestamp, layout: string): string {
  const { date, nanos } = dateOf(t)
  const hour = date.getUTCHours()
  const hour12 = hour % 12 === 0 ? 12 : hour % 12
  const fractionAfter = /^\D*$/
  return layout.replace(layoutTokens, (token, offset: number) => {
    switch (token) {
      case 'January':
        return months[date.getUTCMonth()]
      case 'Jan':
        // `Jan` inside a longer word is text unless it begins `January`, which the longer token takes.
        return /^Jan[a-z]/.test(layout.slice(offset)) ? token : months[date.getUTCMonth()].slice(0, 3)
      case 'Monday':
        return weekdays[date.getUTCDay()]
      case 'Mon':
        return /^Mon[a-z]/.test(layout.slice(offset)) ? token : weekdays[date.getUTCDay()].slice(0, 3)
      case 'MST':
        return 'UTC'
      case '2006':
        return yearText(date.getUTCFullYear())
      case '_2006':
        return `_${yearText(date.getUTCFullYear())}`
      case '06':
        return two(date.getUTCFullYear() % 100)
      case '01':
        return two(date.getUTCMonth() + 1)
      case '1':
        return String(date.getUTCMonth() + 1)
      case '002':
        return String(dayOfYear(date)).padStart(3, '0')
      case '02':
        return two(date.getUTCDate())
      case '_2':
        return String(date.getUTCDate()).padStart(2, ' ')
      case '2':
        return String(date.getUTCDate())
      case '15':
        return two(hour)
      case '03':
        return two(hour12)
      case '3':
        return String(hour12)
      case '04':
        return two(date.getUTCMinutes())
      case '4':
        return String(date.getUTCMinutes())
      case '05':
        return two(date.getUTCSeconds())
      case '5':
        return String(date.getUTCSeconds())
      case 'PM':
        return hour >= 12 ? 'PM' : 'AM'
      case 'pm':
        return hour >= 12 ? 'pm' : 'am'
      case '-07:00:00':
        return '+00:00:00'
      case '-070000':
        return '+000000'
      case '-07:00':
        return '+00:00'
      case '-0700':
        return '+0000'
      case '-07':
        return '+00'
      case 'Z07:00:00':
      case 'Z070000':
      case 'Z07:00':
      case 'Z0700':
      case 'Z07':
        return 'Z'
    }
    if (fractionAfter.test(token)) return token
    const digits = token.length - 1
    const fraction = String(nanos).padStart(9, '0').slice(0, digits).padEnd(digits, '0')
    if (token[1] === '0') return token[0] + fraction
    const cut = fraction.replace(/0+$/, '')
    return cut === '' ? '' : token[0] + cut
  })
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
}

/** How a method takes its arguments; `any` is not checked. */
export type ParamType = 'string' | 'duration' | 'time' | 'int'

export interface Method {
  readonly params: readonly ParamType[]
  call(args: readonly TemplateValue[]): TemplateValue
}

const noParams: readonly ParamType[] = []
const plain = (call: () => TemplateValue): Method => ({ params: noParams, call })

const saturate = (ns: bigint): bigint =>
  ns > 0x7fffffffffffffffn ? 0x7fffffffffffffffn : ns < -0x8000000000000000n ? -0x8000000000000000n : ns

export function timeMethod(t: Timestamp, name: string): Method | null {
  const { date, nanos } = dateOf(t)
  switch (name) {
    case 'Unix':
      return plain(() => BigInt(Math.floor(date.getTime() / 1000)))
    case 'UnixNano':
      return plain(() => BigInt.asIntN(64, t.ns))
    case 'Format':
      return { params: ['string'], call: ([layout]) => formatTime(t, String(layout)) }
    case 'UTC':
    case 'Local':
      return plain(() => t)
    case 'Year':
      return plain(() => GoInt.of(date.getUTCFullYear()))
    case 'Month':
      return plain(() => new GoEnum('time.Month', BigInt(date.getUTCMonth() + 1), months[date.getUTCMonth()]))
    case 'Day':
      return plain(() => GoInt.of(date.getUTCDate()))
    case 'Weekday':
      return plain(() => new GoEnum('time.Weekday', BigInt(date.getUTCDay()), weekdays[date.getUTCDay()]))
    case 'YearDay':
      return plain(() => GoInt.of(dayOfYear(date)))
    case 'Hour':
      return plain(() => GoInt.of(date.getUTCHours()))
    case 'Minute':
      return plain(() => GoInt.of(date.getUTCMinutes()))
    case 'Second':
      return plain(() => GoInt.of(date.getUTCSeconds()))
    case 'Nanosecond':
      return plain(() => GoInt.of(nanos))
    case 'String':
      return plain(() => timeText(t))
    case 'IsZero':
      return plain(() => t.ns === zeroTimeNs)
    case 'Add':
      return { params: ['duration'], call: ([d]) => new Timestamp(t.ns + (d as Duration).ns) }
    case 'Sub':
      return { params: ['time'], call: ([u]) => new Duration(saturate(t.ns - (u as Timestamp).ns)) }
    case 'AddDate':
      return {
        params: ['int', 'int', 'int'],
        call: ([y, m, d]) => {
          const moved = new Date(date)
          moved.setUTCFullYear(
            date.getUTCFullYear() + Number(y),
            date.getUTCMonth() + Number(m),
            date.getUTCDate() + Number(d),
          )
          const sub = spanOf(t.ns).sub
          return new Timestamp(nsOf(moved.getTime(), sub))
        },
      }
    case 'Before':
      return { params: ['time'], call: ([u]) => t.ns < (u as Timestamp).ns }
    case 'After':
      return { params: ['time'], call: ([u]) => t.ns > (u as Timestamp).ns }
    case 'Equal':
      return { params: ['time'], call: ([u]) => t.ns === (u as Timestamp).ns }
    case 'Truncate':
      return { params: ['duration'], call: ([d]) => truncateTime(t, (d as Duration).ns) }
    case 'Round':
      return {
        params: ['duration'],
        call: ([d]) => {
          const step = (d as Duration).ns
          return step <= 0n ? t : truncateTime(new Timestamp(t.ns + step / 2n), step)
        },
      }
    default:
      return null
  }
}

function truncateTime(t: Timestamp, step: bigint): Timestamp {
  return step <= 0n ? t : new Timestamp(t.ns - ((t.ns - zeroTimeNs) % step))
}

export function durationMethod(d: Duration, name: string): Method | null {
  switch (name) {
    case 'Seconds':
      return plain(() => inUnits(d.ns, 1_000_000_000n))
    case 'Minutes':
      return plain(() => inUnits(d.ns, 60_000_000_000n))
    case 'Hours':
      return plain(() => inUnits(d.ns, 3_600_000_000_000n))
    case 'Milliseconds':
      return plain(() => d.ns / 1_000_000n)
    case 'Microseconds':
      return plain(() => d.ns / 1000n)
    case 'Nanoseconds':
      return plain(() => d.ns)
    case 'String':
      return plain(() => goDuration(d.ns))
    case 'Truncate':
      return {
        params: ['duration'],
        call: ([m]) => ((m as Duration).ns <= 0n ? d : new Duration(d.ns - (d.ns % (m as Duration).ns))),
      }
    case 'Round':
      return { params: ['duration'], call: ([m]) => roundDuration(d, (m as Duration).ns) }
    default:
      return null
  }
}

/** As Go adds whole units and the fraction. */
function inUnits(ns: bigint, unit: bigint): number {
  return Number(ns / unit) + Number(ns % unit) / Number(unit)
}

function roundDuration(d: Duration, m: bigint): Duration {
  if (m <= 0n) return d
  const rest = d.ns % m
  const size = rest < 0n ? -rest : rest
  const down = d.ns - rest
  return new Duration(size + size < m ? down : d.ns < 0n ? down - m : down + m)
}
