/** Texts of literals as values. Faults are parse errors without a position. Thread: any. */
import { RE2JS } from 're2js'
import { errorText, ShardlineError } from '../errors.js'

export const maxInt64 = 9223372036854775807n

const unitNs = new Map<string, bigint>([
  ['u', 1_000n],
  ['µ', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['w', 604_800_000_000_000n],
])

export function parserError(detail: string): ShardlineError {
  return new ShardlineError('parser', `parser: ${detail}`)
}

export interface NumberLiteral {
  readonly value: bigint | number
  readonly octal: boolean
}

/** Digits with one dot are a float; a leading zero makes an int octal. */
export function numberLiteral(text: string): NumberLiteral {
  if (text.includes('.')) {
    const value = Number(text)
    if (!Number.isFinite(value)) throw illegalNumber(text)
    return { value, octal: false }
  }
  const octal = text.length > 1 && text.startsWith('0')
  if (octal && /[89]/.test(text)) throw illegalNumber(text)
  // Beyond 22 octal digits after the zeros nothing fits; the length check keeps huge texts from becoming huge integers.
  const digits = text.replace(/^0+(?=.)/, '')
  if (digits.length > 22) throw illegalNumber(text)
  const value = BigInt(octal ? `0o${digits}` : digits)
  if (value > maxInt64) throw illegalNumber(text)
  return { value, octal }
}

function illegalNumber(text: string): ShardlineError {
  return parserError(`illegal number syntax: ${JSON.stringify(text)}`)
}

export function durationLiteral(text: string): bigint {
  const unit = /\D+$/.exec(text)![0]
  const digits = text.slice(0, -unit.length).replace(/^0+(?=.)/, '')
  if (digits.length > 19 || BigInt(digits) > maxInt64) throw parserError('invalid duration')
  const ns = BigInt.asIntN(64, BigInt(digits) * unitNs.get(unit)!)
  if (ns < 0n) throw parserError(`overflowed duration ${text}: choose a smaller duration or INF`)
  return ns
}

/** The largest unit that divides the span exactly; below a microsecond it is cut. */
export function influxDuration(ns: bigint): string {
  if (ns === 0n) return '0s'
  for (const unit of ['w', 'd', 'h', 'm', 's', 'ms']) {
    const size = unitNs.get(unit)!
    if (ns % size === 0n) return `${ns / size}${unit}`
  }
  return `${ns / 1_000n}u`
}

export interface StringLiteral {
  readonly value: string
  readonly triple: boolean
}

export function stringLiteral(text: string): StringLiteral {
  const triple = text.length >= 6 && text.startsWith("'''")
  return triple ? { value: text.slice(3, -3), triple } : { value: text.slice(1, -1).replaceAll("\\'", "'"), triple }
}

export function referenceLiteral(text: string): string {
  return text.slice(1, -1).replaceAll('\\"', '"')
}

export interface RegexLiteral {
  readonly source: string
  readonly literal: string
}

export function regexLiteral(text: string): RegexLiteral {
  const literal = text.slice(1, -1)
  const source = literal.replaceAll('\\/', '/')
  const fault = regexFault(source)
  if (fault !== null) throw parserError(fault)
  return { source, literal }
}

/** Of the text of a pattern, and of the program that matches it: repetitions multiply. Shards keep the programs on their heaps. */
const maxRegexLength = 16_384
const maxRegexSteps = 20_000

/** Go's text of what is wrong with a RE2 pattern, or null. */
export function regexFault(source: string): string | null {
  const tooLarge = 'error parsing regexp: expression too large: ``'
  if (source.length > maxRegexLength) return tooLarge
  try {
    return RE2JS.compile(source).programSize() > maxRegexSteps ? tooLarge : null
  } catch (err) {
    const text = errorText(err)
    return text.endsWith('`') ? text : `${text}: \`\``
  }
}
