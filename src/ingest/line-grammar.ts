/**
 * Line protocol to the letter: splitting a body into lines, the validity of a line and the reason when it has none
 * (spec: line protocol 1.1–1.3). Thread: main. The slow path of the scanner and the judge of every line it doubts.
 */
import { isBlank } from '../columns/line-tokens.js'
import { asciiAt, negate, setBigInt, setProduct, unitNs } from './numbers.js'

const backslash = 92
const comma = 44
const space = 32
const equals = 61
const quote = 34

const maxKeyLength = 65535
/** |time| in ns must not exceed this. */
const maxTimeNs = 9223372036854775806n

/** Where the line that starts at `pos` ends: at an LF or at `end`. */
export function lineEnd(b: Uint8Array, pos: number, end: number): number {
  let quoted = false
  let seenSpace = false
  let eq = 0
  let commas = 0
  let i = pos
  while (i < end) {
    const c = b[i]
    if (c === backslash && i + 1 < end) {
      i += 2
      continue
    }
    if (c === space) seenSpace = true
    if (seenSpace) {
      if (c === equals && !quoted) eq++
      else if (c === comma && !quoted) commas++
      else if (c === quote && eq > commas) quoted = !quoted
    }
    if (c === 10 && !quoted) break
    i++
  }
  return Math.min(i, end)
}

/** Outcome of `checkLine` besides the reason. Reused for every line. */
export interface CheckedLine {
  /** Start of the fields' section, at the blank behind the key part. */
  fieldsStart: number
  hasTime: boolean
  /** ns since the epoch as low and high word, when `hasTime`. */
  readonly time: Int32Array
}

/** The reason why the line [start, end), free of leading blanks, is no point; '' when it is one. */
export function checkLine(b: Uint8Array, start: number, end: number, precision: string, out: CheckedLine): string {
  const key = checkKey(b, start, end)
  if (typeof key === 'string') return key
  if (key - start > maxKeyLength) return `max key length exceeded: ${key - start} > ${maxKeyLength}`
  out.fieldsStart = key
  const fields = checkFields(b, key, end)
  if (typeof fields === 'string') return fields
  return checkTime(b, fields, end, precision, out)
}

/** End of the key part, or the reason why it is none. */
function checkKey(b: Uint8Array, start: number, end: number): number | string {
  if (b[start] === comma) return 'missing measurement'
  let i = start + 1
  while (i < end && ((b[i] !== comma && b[i] !== space) || b[i - 1] === backslash)) i++
  if (i >= end) return 'missing fields'
  const tags: number[] = []
  while (b[i] === comma) {
    i++
    if (i >= end || b[i] === space || b[i] === comma || b[i] === equals) return 'missing tag key'
    const keyStart = i
    i++
    for (;;) {
      if (i >= end) return 'missing tag value'
      if (b[i - 1] !== backslash) {
        if (b[i] === space || b[i] === comma) return 'missing tag value'
        if (b[i] === equals) break
      }
      i++
    }
    tags.push(keyStart, i)
    i++
    if (i >= end || b[i] === comma || b[i] === space) return 'missing tag value'
    i++
    for (;;) {
      if (i >= end) return 'missing fields'
      if (b[i - 1] !== backslash) {
        if (b[i] === equals) return 'invalid tag format'
        if (b[i] === comma || b[i] === space) break
      }
      i++
    }
  }
  return hasDuplicates(b, tags) ? 'duplicate tags' : i
}

/** Whether two of the key ranges hold the same bytes. */
function hasDuplicates(b: Uint8Array, ranges: readonly number[]): boolean {
  const order: number[] = []
  for (let i = 0; i < ranges.length; i += 2) order.push(i)
  const compare = (x: number, y: number): number => {
    const n = Math.min(ranges[x + 1] - ranges[x], ranges[y + 1] - ranges[y])
    for (let i = 0; i < n; i++) {
      const d = b[ranges[x] + i] - b[ranges[y] + i]
      if (d !== 0) return d
    }
    return ranges[x + 1] - ranges[x] - (ranges[y + 1] - ranges[y])
  }
  order.sort(compare)
  for (let i = 1; i < order.length; i++) if (compare(order[i - 1], order[i]) === 0) return true
  return false
}

/** End of the field section, or the reason why it is none. */
function checkFields(b: Uint8Array, keyEnd: number, end: number): number | string {
  let i = keyEnd
  while (i < end && isBlank(b[i])) i++
  let quoted = false
  let eq = 0
  let commas = 0
  while (i < end) {
    const c = b[i]
    if (c === backslash && i + 1 < end) {
      i += 2
      continue
    }
    if (c === quote && eq > commas) {
      quoted = !quoted
      i++
      continue
    }
    if (c === equals && !quoted) {
      eq++
      if ((b[i - 1] === space || b[i - 1] === comma) && b[i - 2] !== backslash) return 'missing field key'
      if (i + 1 >= end || b[i + 1] === comma || b[i + 1] === space) return 'missing field value'
      const v = b[i + 1]
      if ((v >= 48 && v <= 57) || v === 46 || v === 45 || v === 78 || v === 110) {
        const to = checkNumber(b, i + 1, end)
        if (typeof to === 'string') return to
        i = to
        continue
      }
      if (v !== quote) {
        const to = checkBoolean(b, i + 1, end)
        if (to < 0) return 'invalid boolean'
        i = to
        continue
      }
    }
    if (!quoted) {
      if (c === comma) commas++
      else if (c === space) break
    }
    i++
  }
  if (quoted) return 'unbalanced quotes'
  if (eq === 0 || commas !== eq - 1) return 'invalid field format'
  return i
}

/** End of the number at `start`, or the reason. */
export function checkNumber(b: Uint8Array, start: number, end: number): number | string {
  const invalid = 'invalid number'
  let i = start
  if (b[i] === 45) {
    i++
    if (i === end) return invalid
  }
  let isInt = false
  let isUnsigned = false
  let decimal = false
  let scientific = false
  for (; i < end; i++) {
    const c = b[i]
    if (c === comma || c === space) break
    if (c === 105 && i > start && !isInt && !isUnsigned) {
      isInt = true
      continue
    }
    if (c === 117 && i > start && !isInt && !isUnsigned) {
      isUnsigned = true
      continue
    }
    if (c === 46) {
      if (decimal) return invalid
      decimal = true
    }
    if (i > start && (c === 101 || c === 69)) {
      scientific = true
      continue
    }
    if ((c === 43 || c === 45) && i > start && (b[i - 1] === 101 || b[i - 1] === 69)) continue
    if (c !== 46 && (c < 48 || c > 57)) return invalid
  }
  if ((isInt || isUnsigned) && (decimal || scientific)) return invalid
  const digits = i - start - (isInt ? 1 : 0) - (decimal ? 1 : 0) - (b[start] === 45 ? 1 : 0)
  if (digits === 0 || isUnsigned) return invalid
  if (isInt) {
    if (b[i - 1] !== 105) return invalid
    if (i - 1 - start >= 19) {
      const text = asciiAt(b, start, i - 1)
      const v = BigInt(text)
      if (BigInt.asIntN(64, v) !== v)
        return `unable to parse integer ${text}: strconv.ParseInt: parsing "${text}": value out of range`
    }
  } else if (scientific || i - start >= 25) {
    if (!Number.isFinite(Number(asciiAt(b, start, i)))) return 'invalid float'
  }
  return i
}

const booleans = new Set(['t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE'])

/** End of the boolean at `start`, -1 when it is none. */
export function checkBoolean(b: Uint8Array, start: number, end: number): number {
  let i = start + 1
  while (i < end && b[i] !== comma && b[i] !== space) i++
  return i - start <= 5 && booleans.has(asciiAt(b, start, i)) ? i : -1
}

function checkTime(b: Uint8Array, fieldsEnd: number, end: number, precision: string, out: CheckedLine): string {
  let i = fieldsEnd
  while (i < end && isBlank(b[i])) i++
  const start = i
  if (b[i] === 45 && i < end) i++
  while (i < end && b[i] !== 10 && b[i] !== space) {
    if (b[i] < 48 || b[i] > 57) return 'bad timestamp'
    i++
  }
  out.hasTime = i > start
  if (!out.hasTime) return ''
  const reason = readTime(b, start, i, precision, out.time)
  if (reason !== '') return reason
  for (; i < end; i++) if (b[i] !== space) return 'point is invalid'
  return ''
}

/** Reads the digits [start, end), maybe with a '-' before them, as a time; '' or the reason. */
function readTime(b: Uint8Array, start: number, end: number, precision: string, out: Int32Array): string {
  const negative = b[start] === 45
  const digits = end - start - (negative ? 1 : 0)
  if (digits <= 15) {
    if (digits === 0) return 'strconv.ParseInt: parsing "-": invalid syntax'
    let v = 0
    for (let i = start + (negative ? 1 : 0); i < end; i++) v = v * 10 + b[i] - 48
    const unit = unitNs(precision)
    if (v * unit < 9.2e18) {
      setProduct(out, 0, v, unit, 0)
      if (negative) negate(out, 0)
      return ''
    }
  }
  const text = asciiAt(b, start, end)
  const v = BigInt(text)
  if (BigInt.asIntN(64, v) !== v) return `strconv.ParseInt: parsing "${text}": value out of range`
  const ns = v * BigInt(unitNs(precision))
  if (ns > maxTimeNs || ns < -maxTimeNs) return `time outside range -${maxTimeNs} - ${maxTimeNs}`
  setBigInt(out, 0, ns)
  return ''
}

/** `now` truncated to the precision, as the time of lines without one. */
export function defaultTime(nowNs: bigint, precision: string, out: Int32Array): void {
  const unit = BigInt(unitNs(precision))
  const rest = nowNs % unit
  setBigInt(out, 0, nowNs - (rest < 0n ? rest + unit : rest))
}
