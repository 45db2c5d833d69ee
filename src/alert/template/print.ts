/**
 * Printing as Go's fmt does: Sprint, Sprintln and Sprintf over template values.
 */

import { goDuration } from '../../columns/go-duration.js'
import { goQuote } from '../../columns/go-format.js'
import { Duration, Timestamp } from '../../columns/values.js'
import { timeText } from './go-time.js'
import { GoEnum, GoList, GoMap, GoStruct, HtmlText, JsText, type TemplateValue, typeName } from './values.js'

/** A width or precision beyond this is refused, as in Go. */
const maxWidth = 1_000_000

/** Go's %v. */
export function valueText(v: TemplateValue, plus = false): string {
  switch (typeof v) {
    case 'undefined':
      return '<nil>'
    case 'string':
      return v
    case 'number':
      return floatText(v, 'g', -1)
    case 'bigint':
      return v.toString()
    case 'boolean':
      return v ? 'true' : 'false'
  }
  if (v instanceof Duration) return goDuration(v.ns)
  if (v instanceof Timestamp) return timeText(v)
  if (v instanceof GoEnum) return v.text
  if (v instanceof JsText || v instanceof HtmlText) return v.text
  if (v instanceof GoList) return `[${v.items.map((x) => valueText(x, plus)).join(' ')}]`
  if (v instanceof GoMap) {
    return `map[${v
      .sortedKeys()
      .map((k) => `${k}:${valueText(v.entries.get(k), plus)}`)
      .join(' ')}]`
  }
  return `{${[...v.fields].map(([k, x]) => (plus ? `${k}:` : '') + valueText(x, plus)).join(' ')}}`
}

/** fmt.Sprint: a blank between operands when neither is a string. */
export function sprint(args: readonly TemplateValue[]): string {
  let out = ''
  args.forEach((a, i) => {
    if (i > 0 && typeof a !== 'string' && typeof args[i - 1] !== 'string') out += ' '
    out += valueText(a)
  })
  return out
}

export function sprintln(args: readonly TemplateValue[]): string {
  return `${args.map((a) => valueText(a)).join(' ')}\n`
}

/** A float by strconv's rules; `precision` -1 is the shortest text that reads back the same. */
export function floatText(v: number, verb: 'e' | 'f' | 'g' | 'E' | 'G', precision: number): string {
  if (Number.isNaN(v)) return 'NaN'
  if (!Number.isFinite(v)) return v > 0 ? '+Inf' : '-Inf'
  const sign = v < 0 || Object.is(v, -0) ? '-' : ''
  const text = sign + magnitudeText(Math.abs(v), verb === 'E' ? 'e' : verb === 'G' ? 'g' : verb, precision)
  return verb === 'E' || verb === 'G' ? text.toUpperCase() : text
}

function magnitudeText(v: number, verb: 'e' | 'f' | 'g', precision: number): string {
  if (verb === 'f') return precision < 0 ? plainDigits(v) : fixed(v, precision)
  if (verb === 'e') return goExponent(precision < 0 ? v.toExponential() : exponential(v, precision))
  const p = precision === 0 ? 1 : precision
  const exponential_ = p < 0 ? v.toExponential() : exponential(v, p - 1)
  const [mantissa, exponentText] = exponential_.split('e')
  const exponent = Number(exponentText)
  const digits = mantissa.replace('.', '').replace(/0+$/, '')
  let limit = p < 0 ? 6 : p
  if (p >= 0 && limit > digits.length && digits.length >= exponent + 1) limit = digits.length
  if (exponent < -4 || exponent >= limit) {
    const short = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits === '' ? '0' : digits
    return goExponent(`${short}e${exponent}`)
  }
  return placePoint(digits === '' ? '0' : digits, exponent)
}

function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? whole : `${whole}.${fraction}`
}

function plainDigits(v: number): string {
  const [mantissa, exponent] = v.toExponential().split('e')
  return placePoint(mantissa.replace('.', ''), Number(exponent))
}

/** toFixed is exact below 1e21 and for up to 100 digits; beyond, the digits are those of the exact integer or zeros. */
function fixed(v: number, precision: number): string {
  const p = Math.min(precision, 100)
  const text = v < 1e21 ? v.toFixed(p) : BigInt(v).toString() + (p > 0 ? `.${'0'.repeat(p)}` : '')
  return precision > p ? text + '0'.repeat(precision - p) : text
}

function exponential(v: number, precision: number): string {
  const p = Math.min(precision, 100)
  const text = v.toExponential(p)
  return precision > p ? text.replace('e', `${'0'.repeat(precision - p)}e`) : text
}

/** Two exponent digits at least, always with a sign. */
function goExponent(text: string): string {
  const [mantissa, exponent] = text.split('e')
  const e = Number(exponent)
  return `${mantissa}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`
}

interface Spec {
  plus: boolean
  minus: boolean
  sharp: boolean
  blank: boolean
  zero: boolean
  width: number
  precision: number
}

/** fmt.Sprintf. */
export function sprintf(format: string, args: readonly TemplateValue[]): string {
  let out = ''
  let at = 0
  let arg = 0
  let reordered = false
  const chars = [...format]
  while (at < chars.length) {
    if (chars[at] !== '%') {
      out += chars[at++]
      continue
    }
    at++
    const spec: Spec = {
      plus: false,
      minus: false,
      sharp: false,
      blank: false,
      zero: false,
      width: -1,
      precision: -1,
    }
    flags: for (; at < chars.length; at++) {
      switch (chars[at]) {
        case '+':
          spec.plus = true
          break
        case '-':
          spec.minus = true
          spec.zero = false
          break
        case '#':
          spec.sharp = true
          break
        case ' ':
          spec.blank = true
          break
        case '0':
          spec.zero = !spec.minus
          break
        default:
          break flags
      }
    }
    let goodIndex = true
    let hadIndex = false
    const index = (): void => {
      if (chars[at] !== '[') return
      reordered = true
      const close = chars.indexOf(']', at)
      const n = close < 0 ? Number.NaN : Number(chars.slice(at + 1, close).join(''))
      at = close < 0 ? at + 1 : close + 1
      if (Number.isInteger(n) && n >= 1 && n <= args.length) {
        arg = n - 1
        hadIndex = true
      } else goodIndex = false
    }
    const number = (): number => {
      let digits = ''
      while (at < chars.length && chars[at] >= '0' && chars[at] <= '9') digits += chars[at++]
      return digits === '' ? -1 : Number(digits) > maxWidth ? -1 : Number(digits)
    }
    index()
    if (chars[at] === '*') {
      at++
      const w = args[arg++]
      if (typeof w !== 'bigint' || w > BigInt(maxWidth) || w < -BigInt(maxWidth)) out += '%!(BADWIDTH)'
      else {
        spec.width = Number(w < 0n ? -w : w)
        if (w < 0n) {
          spec.minus = true
          spec.zero = false
        }
      }
      hadIndex = false
    } else {
      spec.width = number()
      if (hadIndex && spec.width >= 0) goodIndex = false
    }
    if (chars[at] === '.') {
      at++
      if (hadIndex) goodIndex = false
      index()
      if (chars[at] === '*') {
        at++
        const p = args[arg++]
        if (typeof p !== 'bigint' || p < 0n || p > BigInt(maxWidth)) out += '%!(BADPREC)'
        else spec.precision = Number(p)
        hadIndex = false
      } else spec.precision = Math.max(0, number())
    }
    if (!hadIndex) index()
    if (at >= chars.length) {
      out += '%!(NOVERB)'
      break
    }
    const verb = chars[at++]
    if (verb === '%') out += '%'
    else if (!goodIndex) out += `%!${verb}(BADINDEX)`
    else if (arg >= args.length) out += `%!${verb}(MISSING)`
    else out += formatArg(args[arg++], verb, spec)
  }
  if (!reordered && arg < args.length) {
    const rest = args.slice(arg).map((a) => (a === undefined ? '<nil>' : `${typeName(a)}=${valueText(a)}`))
    out += `%!(EXTRA ${rest.join(', ')})`
  }
  return out
}

function pad(s: string, spec: Spec): string {
  if (spec.width < 0) return s
  const missing = spec.width - [...s].length
  if (missing <= 0) return s
  if (spec.minus) return s + ' '.repeat(missing)
  return (spec.zero ? '0' : ' ').repeat(missing) + s
}

function bad(v: TemplateValue, verb: string): string {
  return v === undefined ? `%!${verb}(<nil>)` : `%!${verb}(${typeName(v)}=${valueText(v)})`
}

function formatArg(v: TemplateValue, verb: string, spec: Spec): string {
  if (verb === 'T') return formatString(typeName(v), 's', spec)
  if (v === undefined) return verb === 'v' ? pad('<nil>', { ...spec, zero: false }) : bad(v, verb)
  switch (typeof v) {
    case 'boolean':
      return verb === 't' || verb === 'v' ? pad(String(v), { ...spec, zero: false }) : bad(v, verb)
    case 'bigint':
      return formatInt(v, verb, spec) ?? bad(v, verb)
    case 'number':
      return formatFloat(v, verb, spec) ?? bad(v, verb)
    case 'string':
      return formatString(v, verb, spec) || (isStringVerb(verb) ? '' : bad(v, verb))
  }
  const stringer =
    v instanceof Duration ||
    v instanceof GoEnum ||
    v instanceof Timestamp ||
    v instanceof JsText ||
    v instanceof HtmlText
  if (stringer && isStringVerb(verb)) return formatString(valueText(v), verb, spec)
  if (v instanceof Duration) return formatInt(v.ns, verb, spec) ?? bad(v, verb)
  if (v instanceof GoEnum) return formatInt(v.value, verb, spec) ?? bad(v, verb)
  if (v instanceof GoMap) {
    const cells = v.sortedKeys().map((k) => `${formatArg(k, verb, spec)}:${formatArg(v.entries.get(k), verb, spec)}`)
    return `map[${cells.join(' ')}]`
  }
  if (v instanceof GoList) return `[${v.items.map((x) => formatArg(x, verb, spec)).join(' ')}]`
  if (v instanceof GoStruct) {
    const named = spec.plus && verb === 'v'
    return `{${[...v.fields].map(([k, x]) => (named ? `${k}:` : '') + formatArg(x, verb, spec)).join(' ')}}`
  }
  return bad(v, verb)
}

function isStringVerb(verb: string): boolean {
  return verb === 'v' || verb === 's' || verb === 'q' || verb === 'x' || verb === 'X'
}

/** '' for a verb that strings do not have, and for an empty result. */
function formatString(s: string, verb: string, spec: Spec): string {
  const cut = (t: string) => (spec.precision >= 0 ? [...t].slice(0, spec.precision).join('') : t)
  switch (verb) {
    case 'v':
      return pad(spec.sharp ? goQuote(s) : cut(s), spec)
    case 's':
      return pad(cut(s), spec)
    case 'q':
      return pad(spec.sharp && !/[`\p{Cc}]/u.test(cut(s)) ? `\`${cut(s)}\`` : goQuote(cut(s)), spec)
    case 'x':
    case 'X': {
      let bytes = [...Buffer.from(s, 'utf8')]
      if (spec.precision >= 0) bytes = bytes.slice(0, spec.precision)
      const prefix = spec.sharp && bytes.length > 0 ? '0x' : ''
      const hex = prefix + bytes.map((b) => b.toString(16).padStart(2, '0')).join(spec.blank ? ` ${prefix}` : '')
      return pad(verb === 'X' ? hex.toUpperCase() : hex, spec)
    }
    default:
      return ''
  }
}

function formatInt(v: bigint, verb: string, spec: Spec): string | null {
  const negative = v < 0n
  const abs = negative ? -v : v
  let digits: string
  let prefix = ''
  switch (verb) {
    case 'v':
    case 'd':
      digits = abs.toString()
      break
    case 'b':
      digits = abs.toString(2)
      if (spec.sharp) prefix = '0b'
      break
    case 'o':
    case 'O':
      digits = abs.toString(8)
      if (verb === 'O') prefix = '0o'
      else if (spec.sharp && digits[0] !== '0') prefix = '0'
      break
    case 'x':
      digits = abs.toString(16)
      if (spec.sharp) prefix = '0x'
      break
    case 'X':
      digits = abs.toString(16).toUpperCase()
      if (spec.sharp) prefix = '0X'
      break
    case 'c':
      return pad(runeText(v), spec)
    case 'q':
      return pad(quoteRune(runeText(v)), spec)
    case 'U':
      return pad(`U+${abs.toString(16).toUpperCase().padStart(4, '0')}`, { ...spec, zero: false })
    default:
      return null
  }
  const sign = negative ? '-' : spec.plus ? '+' : spec.blank ? ' ' : ''
  if (spec.precision >= 0) {
    digits = spec.precision === 0 && v === 0n ? '' : digits.padStart(spec.precision, '0')
    return pad(sign + prefix + digits, { ...spec, zero: false })
  }
  if (spec.zero && spec.width > 0) digits = digits.padStart(spec.width - sign.length - prefix.length, '0')
  return pad(sign + prefix + digits, { ...spec, zero: false })
}

function runeText(v: bigint): string {
  return v < 0n || v > 0x10ffffn || (v >= 0xd800n && v <= 0xdfffn) ? '\ufffd' : String.fromCodePoint(Number(v))
}

function quoteRune(c: string): string {
  if (c === "'") return "'\\''"
  if (c === '"') return `'"'`
  return `'${goQuote(c).slice(1, -1)}'`
}

function formatFloat(v: number, verb: string, spec: Spec): string | null {
  let text: string
  switch (verb) {
    case 'v':
      text = floatText(v, 'g', spec.precision)
      break
    case 'g':
    case 'G':
      text = floatText(v, verb, spec.precision)
      break
    case 'e':
    case 'E':
      text = floatText(v, verb, spec.precision < 0 ? 6 : spec.precision)
      break
    case 'f':
    case 'F':
      text = floatText(v, 'f', spec.precision < 0 ? 6 : spec.precision)
      break
    default:
      return null
  }
  if (text[0] === '+' && !spec.plus) text = text.slice(1)
  const finite = Number.isFinite(v)
  const sign = text[0] === '-' || text[0] === '+' ? text[0] : spec.plus ? '+' : spec.blank ? ' ' : ''
  let digits = text[0] === '-' || text[0] === '+' ? text.slice(1) : text
  if (!finite && !spec.plus && v > 0 && sign === '') digits = `+${digits}`
  if (spec.zero && finite && spec.width > 0) digits = digits.padStart(spec.width - sign.length, '0')
  return pad(sign + digits, { ...spec, zero: false })
}
