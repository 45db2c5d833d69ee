/** Floats as Go's strconv prints them. Thread: any; pure functions. */
import { formatFixed } from '../go/go-format.js'

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
  const text = v < 1e21 ? formatFixed(v, p) : BigInt(v).toString() + (p > 0 ? `.${'0'.repeat(p)}` : '')
  return precision > p ? text + '0'.repeat(precision - p) : text
}

function exponential(v: number, precision: number): string {
  const p = Math.min(precision, 100)
  const text = halfToEven(v.toExponential(p), v.toExponential(Math.min(100, p + 60)), p)
  return precision > p ? text.replace('e', `${'0'.repeat(precision - p)}e`) : text
}

/** toExponential sends exact halves up; `exact` shows whether it was one. */
function halfToEven(text: string, exact: string, precision: number): string {
  const [mantissa, exponent] = exact.split('e')
  const kept = mantissa.slice(0, precision === 0 ? 1 : precision + 2)
  const isHalf = /^5(?:0*)$/.test(mantissa.slice(kept.length).replace('.', ''))
  return isHalf && '02468'.includes(kept.at(-1) ?? '') ? `${kept}e${exponent}` : text
}

/** Two exponent digits at least, always with a sign. */
function goExponent(text: string): string {
  const [mantissa, exponent] = text.split('e')
  const e = Number(exponent)
  return `${mantissa}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`
}

/** 'x': a mantissa of hexadecimal digits, 1 before the point; 'b': the mantissa as an integer. Both to a power of two. */
export function binaryFloatText(v: number, verb: 'x' | 'b', precision: number): string {
  if (!Number.isFinite(v)) return floatText(v, 'g', -1)
  const sign = v < 0 || Object.is(v, -0) ? '-' : ''
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Math.abs(v))
  const bits = view.getBigUint64(0)
  const biased = Number(bits >> 52n)
  let mantissa = bits & 0xfffffffffffffn
  let exponent = (biased === 0 ? 1 : biased) - 1075
  if (biased > 0) mantissa |= 1n << 52n
  if (verb === 'b') return `${sign}${mantissa}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`
  if (mantissa === 0n) exponent = -52
  else {
    const shift = 53 - mantissa.toString(2).length
    mantissa <<= BigInt(shift)
    exponent -= shift
  }
  if (precision >= 0 && precision < 13) {
    // Half to even, in units of the last digit shown.
    const unit = 1n << BigInt(52 - 4 * precision)
    const rest = mantissa % unit
    mantissa -= rest
    if (2n * rest > unit || (2n * rest === unit && (mantissa / unit) % 2n === 1n)) mantissa += unit
    if (mantissa >> 53n > 0n) {
      mantissa >>= 1n
      exponent++
    }
  }
  const digits = mantissa.toString(16).padStart(14, '0')
  const fraction =
    precision < 0 ? digits.slice(1).replace(/0+$/, '') : digits.slice(1).slice(0, precision).padEnd(precision, '0')
  const power = exponent + 52
  return `${sign}0x${digits[0]}${fraction === '' ? '' : `.${fraction}`}p${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}
