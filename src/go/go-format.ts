/**
 * Numbers and quoted text as Go's strconv and fmt write and read them. Thread: any; pure functions.
 * The readers return the value or the error's cause; `strconvError` makes the full text.
 */

const maxInt64 = 2n ** 63n - 1n
const minInt64 = -(2n ** 63n)

export type NumberFault = 'invalid syntax' | 'value out of range'

/** Text of a failed strconv call: `strconv.ParseInt: parsing "1.5": invalid syntax`. */
export function strconvError(func: string, input: string, fault: NumberFault): string {
  return `strconv.${func}: parsing ${goQuote(input)}: ${fault}`
}

/** strconv.ParseInt(s, 10, 64). */
export function parseInt64(s: string): bigint | NumberFault {
  if (!/^[-+]?[0-9]+$/.test(s)) return 'invalid syntax'
  const v = BigInt(s[0] === '+' ? s.slice(1) : s)
  return v > maxInt64 || v < minInt64 ? 'value out of range' : v
}

/** strconv.ParseFloat(s, 64): decimal and hexadecimal forms, digit separators, inf and nan. */
export function parseFloat64(s: string): number | NumberFault {
  // Number() reads the plain decimal form exactly as Go does.
  if (/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(s)) return inRange(Number(s))
  if (/^[-+]?inf(?:inity)?$/i.test(s)) return s[0] === '-' ? -Infinity : Infinity
  if (/^nan$/i.test(s)) return Number.NaN
  if (s.includes('_')) {
    if (!separatorsFit(s)) return 'invalid syntax'
    return parseFloat64(s.replaceAll('_', ''))
  }
  const hex = /^([-+]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([-+]?[0-9]+)$/.exec(s)
  if (hex === null || hex[2].length + hex[3].length === 0) return 'invalid syntax'
  const exponent = Math.max(-100_000, Math.min(100_000, Number(hex[4]))) - 4 * hex[3].length
  const v = scaleBinary(BigInt(`0x${hex[2]}${hex[3]}`), exponent)
  return inRange(hex[1] === '-' ? -v : v)
}

function inRange(v: number): number | NumberFault {
  return Number.isFinite(v) ? v : 'value out of range'
}

/** Every `_` stands between two digits; a base prefix counts as a digit. */
function separatorsFit(s: string): boolean {
  const body = s.replace(/^[-+]/, '')
  const hex = /^0[xX]/.test(body)
  const digits = hex ? body.slice(2) : body
  const isDigit = hex ? /[0-9a-fA-F]/ : /[0-9]/
  for (let i = 0; i < digits.length; i++) {
    if (digits[i] !== '_') continue
    const before = i === 0 ? hex : isDigit.test(digits[i - 1])
    if (!before || i + 1 === digits.length || !isDigit.test(digits[i + 1])) return false
  }
  return true
}

/** mantissa · 2^exponent, rounded half to even. */
function scaleBinary(mantissa: bigint, exponent: number): number {
  if (mantissa === 0n) return 0
  const bits = mantissa.toString(2).length
  const top = bits - 1 + exponent
  if (top > 1023) return Infinity
  // The weight of the last bit that fits: 53 bits, fewer for subnormals.
  const last = Math.max(top - 52, -1074)
  const drop = last - exponent
  let m = mantissa
  if (drop > 0) {
    const shift = BigInt(drop)
    const rest = m & ((1n << shift) - 1n)
    const half = 1n << (shift - 1n)
    m >>= shift
    if (rest > half || (rest === half && (m & 1n) === 1n)) m++
  } else m <<= BigInt(-drop)
  // Two factors: 2^last alone may be subnormal while the product is not.
  const first = Math.max(last, -1000)
  return Number(m) * 2 ** first * 2 ** (last - first)
}

/** strconv.ParseBool; null when it is not one of the accepted words. */
export function parseBool(s: string): boolean | null {
  switch (s) {
    case '1':
    case 't':
    case 'T':
    case 'TRUE':
    case 'true':
    case 'True':
      return true
    case '0':
    case 'f':
    case 'F':
    case 'FALSE':
    case 'false':
    case 'False':
      return false
    default:
      return null
  }
}

/** Shortest decimal digits of a finite positive number: value = 0.digits · 10^point. */
function shortest(v: number): { digits: string; point: number } {
  const [mantissa, exponent] = v.toExponential().split('e')
  return { digits: mantissa.replace('.', ''), point: Number(exponent) + 1 }
}

function special(v: number): string | null {
  if (Number.isNaN(v)) return 'NaN'
  if (v === Infinity) return '+Inf'
  if (v === -Infinity) return '-Inf'
  if (v === 0) return Object.is(v, -0) ? '-0' : '0'
  return null
}

/** Shortest form that never has an exponent (strconv 'f', -1): `1`, `0.0000001`, `NaN`, `+Inf`. */
export function formatFloatF(v: number): string {
  const abs = Math.abs(v)
  if (abs >= 1e-6 && abs < 1e21) return String(v)
  const word = special(v)
  if (word !== null) return word
  const { digits, point } = shortest(abs)
  const sign = v < 0 ? '-' : ''
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length)
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** Shortest form as `%v` prints it (strconv 'g', -1): an exponent below 1e-4 and from 1e6 on. */
export function formatFloatG(v: number): string {
  const word = special(v)
  if (word !== null) return word
  const abs = Math.abs(v)
  if (abs >= 1e-4 && abs < 1e6) return formatFloatF(v)
  const { digits, point } = shortest(abs)
  return (v < 0 ? '-' : '') + withExponent(digits, point - 1)
}

function withExponent(digits: string, exponent: number): string {
  const size = String(Math.abs(exponent)).padStart(2, '0')
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
}

/** `%.Nf`: exact decimal halves go to the even neighbour. */
export function formatFixed(v: number, decimals: number): string {
  const word = special(v)
  if (word !== null && v !== 0) return word
  if (v === 0) return (word === '-0' ? '-' : '') + (0).toFixed(decimals)
  const text = v.toFixed(decimals)
  // toFixed sends exact halves away from zero. One digit more, printed exactly, shows whether it was one.
  const exact = v.toFixed(Math.min(100, decimals + 60))
  const at = exact.indexOf('.') + decimals + 1
  if (Math.abs(v) >= 2 ** 52 || exact[at] !== '5' || /[1-9]/.test(exact.slice(at + 1))) return text
  const kept = exact.slice(0, at).replace(/\.$/, '')
  return '02468'.includes(kept[kept.length - 1]) ? kept : text
}

const simpleEscapes: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

const plain = /^[ !#-[\]-~]*$/
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

/** strconv.Quote. A lone surrogate U+DC80 … U+DCFF stands for an invalid byte and prints as `\x80`. */
export function goQuote(s: string): string {
  if (plain.test(s)) return `"${s}"`
  let out = '"'
  for (const ch of s) {
    const code = ch.codePointAt(0)!
    const short = simpleEscapes[ch]
    if (short !== undefined) out += short
    else if (code >= 0xdc80 && code <= 0xdcff) out += `\\x${(code - 0xdc00).toString(16)}`
    else if (code >= 0xd800 && code <= 0xdfff) out += '\\ufffd'
    else if (printable.test(ch)) out += ch
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`
    else out += `\\U${code.toString(16).padStart(8, '0')}`
  }
  return `${out}"`
}
