/** fmt.Sprintf over template values. Thread: any; pure functions. */

import { Duration, Timestamp } from '../columns/values.js'
import { goQuote } from '../go/go-format.js'
import { binaryFloatText, floatText } from './float-text.js'
import { goSyntax, valueText } from './print.js'
import {
  basicKind,
  GoEnum,
  GoInt,
  GoList,
  GoMap,
  GoStruct,
  HtmlText,
  intOf,
  JsText,
  type TemplateValue,
  typeName,
} from './values.js'

/** A width or precision beyond this is refused, as in Go. */
const maxWidth = 1_000_000

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
      const w = wholeNumber(args[arg++])
      if (w === null) out += '%!(BADWIDTH)'
      else {
        spec.width = Math.abs(w)
        if (w < 0) {
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
        const p = wholeNumber(args[arg++])
        if (p === null || p < 0) out += '%!(BADPREC)'
        else spec.precision = p
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

/** A width or precision that is given as an argument. */
function wholeNumber(v: TemplateValue): number | null {
  if (basicKind(v) !== 'int') return null
  const n = intOf(v)
  return n > BigInt(maxWidth) || n < -BigInt(maxWidth) ? null : Number(n)
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
  if (verb === 'v' && spec.sharp) return pad(goSyntax(v), { ...spec, zero: false })
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
  if (v instanceof GoEnum || v instanceof GoInt) return formatInt(v.value, verb, spec) ?? bad(v, verb)
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
      return pad(cut(s), spec)
    case 's':
      return pad(cut(s), spec)
    case 'q':
      if (spec.sharp && !/[`\p{Cc}]/u.test(cut(s))) return pad(`\`${cut(s)}\``, spec)
      return pad(spec.plus ? asciiOnly(goQuote(cut(s))) : goQuote(cut(s)), spec)
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
      return pad(spec.plus ? asciiOnly(quoteRune(runeText(v))) : quoteRune(runeText(v)), spec)
    case 'U': {
      const code = `U+${abs.toString(16).toUpperCase().padStart(Math.max(4, spec.precision), '0')}`
      return pad(spec.sharp ? `${code} '${runeText(v)}'` : code, { ...spec, zero: false })
    }
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

function asciiOnly(quoted: string): string {
  return quoted.replace(/[\u0080-\u{10ffff}]/gu, (c) => {
    const hex = (c.codePointAt(0) ?? 0).toString(16)
    return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
  })
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
    case 'b':
      text = binaryFloatText(v, 'b', -1)
      break
    case 'x':
      text = binaryFloatText(v, 'x', spec.precision)
      break
    case 'X':
      text = binaryFloatText(v, 'x', spec.precision).toUpperCase()
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
