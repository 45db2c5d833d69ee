/** Checks a cron expression in the dialect of batch tasks (spec batch 3.2). Thread: any. */
import { ShardlineError } from '../../errors.js'

interface Field {
  readonly name: string
  readonly low: number
  readonly high: number
  readonly names?: readonly string[]
  /** Forms beside numbers, ranges, lists and steps. */
  readonly special?: RegExp
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const days = 'sun mon tue wed thu fri sat'.split(' ')
const second: Field = { name: 'second', low: 0, high: 59 }
const minute: Field = { name: 'minute', low: 0, high: 59 }
const hour: Field = { name: 'hour', low: 0, high: 23 }
const dayOfMonth: Field = { name: 'day-of-month', low: 1, high: 31, special: /^(?:L|LW|\d{1,2}W)$/ }
const month: Field = { name: 'month', low: 1, high: 12, names: months }
const dayOfWeek: Field = { name: 'day-of-week', low: 0, high: 7, names: days, special: /^[0-7](?:L|#[1-5])$/ }
const year: Field = { name: 'year', low: 1970, high: 2099 }

const macros: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '@yearly': '0 0 0 1 1 * *',
    '@annually': '0 0 0 1 1 * *',
    '@monthly': '0 0 0 1 * * *',
    '@weekly': '0 0 0 * * 0 *',
    '@daily': '0 0 0 * * * *',
    '@hourly': '0 0 * * * * *',
  }),
)

const fault = (text: string): ShardlineError => new ShardlineError('cron', text)

/** Throws ShardlineError: `missing field(s)`, `syntax error in minute field: '61'`, `invalid interval …`. */
export function checkCron(expression: string): void {
  const parts = (macros.get(expression.trim()) ?? expression).trim().split(/\s+/)
  if (parts.length < 5) throw fault('missing field(s)')
  const common = [minute, hour, dayOfMonth, month, dayOfWeek]
  // Six fields end with the year, seven begin with the second; more are ignored.
  const fields = parts.length === 5 ? common : parts.length === 6 ? [...common, year] : [second, ...common, year]
  fields.forEach((field, i) => {
    for (const entry of parts[i].split(',')) if (entry !== '') checkEntry(field, entry)
  })
}

function checkEntry(field: Field, entry: string): void {
  const [base, step, more] = entry.split('/')
  const wrong = fault(`syntax error in ${field.name} field: '${entry}'`)
  if (more !== undefined) throw wrong
  if (step !== undefined) {
    if (!/^\d+$/.test(step)) throw wrong
    if (Number(step) < 1 || Number(step) > field.high) throw fault(`invalid interval ${entry}`)
  }
  if (base === '*' || base === '?' || field.special?.test(base)) return
  const [from, to, rest] = base.split('-')
  if (rest !== undefined) throw wrong
  const low = numberOf(field, from)
  const high = to === undefined ? low : numberOf(field, to)
  // A reversed range never matches.
  if (low === undefined || high === undefined || high < low) throw wrong
}

function numberOf(field: Field, text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const v = Number(text)
    return v >= field.low && v <= field.high ? v : undefined
  }
  const i = field.names?.indexOf(text.toLowerCase().slice(0, 3)) ?? -1
  return i < 0 ? undefined : i + (field === month ? 1 : 0)
}
