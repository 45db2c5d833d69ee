/**
 * Reads JSON without losing numbers: every number becomes a JsonNumber that keeps its text, so int64 values beyond 2^53 and
 * the difference between `5` and `5.0` survive. Strict RFC 8259, nesting bounded, members in the order of their last place,
 * error texts those of Go's decoder. For request bodies and the task store, never for points. Thread: any.
 */
import { goQuote } from './go-format.js'

export class JsonNumber {
  constructor(readonly text: string) {}

  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text)
  }

  /** A number where it is exact, else a bigint. */
  toInteger(): number | bigint {
    const n = Number(this.text)
    return Number.isSafeInteger(n) ? n : BigInt(this.text)
  }

  toFloat(): number {
    return Number(this.text)
  }
}

export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

export class JsonSyntaxError extends Error {
  constructor(
    text: string,
    /** Where it stopped, in UTF-16 units. */
    readonly offset: number,
  ) {
    super(text)
  }
}

const maxDepth = 200
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them raw
const plainCharacters = /[^"\\\u0000-\u001f]*/y
const escapeSequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const blank = /[ \t\n\r]*/y

class Reader {
  at = 0
  constructor(readonly text: string) {}

  /** `where` says what the character at the place is not part of. */
  fail(where: string): never {
    const { at, text } = this
    if (at < text.length) throw new JsonSyntaxError(`invalid character ${quotedByte(text, at)} ${where}`, at)
    throw new JsonSyntaxError(/^[ \t\n\r]*$/.test(text) ? 'EOF' : 'unexpected EOF', at)
  }

  skip(): void {
    blank.lastIndex = this.at
    blank.test(this.text)
    this.at = blank.lastIndex
  }

  /** Consumes `c` and the blanks behind it when it comes next. */
  take(c: string): boolean {
    if (this.text[this.at] !== c) return false
    this.at++
    this.skip()
    return true
  }

  token(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const m = pattern.exec(this.text)
    if (m === null) return undefined
    this.at = pattern.lastIndex
    return m[0]
  }

  word(word: string): void {
    for (let i = 1; i < word.length; i++) {
      this.at++
      if (this.text[this.at] !== word[i]) this.fail(`in literal ${word} (expecting '${word[i]}')`)
    }
    this.at++
    this.skip()
  }

  string(): string {
    const raw = this.stringToken()
    this.skip()
    const value = JSON.parse(raw) as string
    // A lone half of a surrogate pair can only come from an escape.
    return raw.includes('\\u') ? Buffer.from(value).toString() : value
  }

  /** One pattern for the whole would run out of stack on long strings. */
  private stringToken(): string {
    const start = this.at
    this.at++
    do this.token(plainCharacters)
    while (this.token(escapeSequence) !== undefined)
    if (this.text[this.at] !== '"') {
      this.at = start
      this.badString()
    }
    this.at++
    return this.text.slice(start, this.at)
  }

  badString(): never {
    const { text } = this
    for (this.at++; this.at < text.length; this.at++) {
      if (text[this.at] < ' ') this.fail('in string literal')
      if (text[this.at] !== '\\') continue
      this.at++
      if (text[this.at] === 'u') {
        for (const end = this.at + 4; this.at < end; ) {
          this.at++
          if (!/^[0-9a-fA-F]$/.test(text[this.at] ?? '')) this.fail('in \\u hexadecimal character escape')
        }
      } else if (!'"\\/bfnrt'.includes(text[this.at] ?? '\0')) this.fail('in string escape code')
    }
    this.fail('')
  }

  number(): JsonNumber {
    const start = this.at
    const raw = this.token(numberToken)
    if (raw === undefined) {
      if (this.text[start] === '-') this.at++
      this.fail(this.at > start ? 'in numeric literal' : 'looking for beginning of value')
    }
    const next = this.text[this.at] ?? ''
    if (next === '.' && !/[.eE]/.test(raw)) {
      this.at++
      this.fail('after decimal point in numeric literal')
    }
    if (/^[eE]$/.test(next) && !/[eE]/.test(raw)) {
      this.at++
      if (/^[-+]$/.test(this.text[this.at] ?? '')) this.at++
      this.fail('in exponent of numeric literal')
    }
    this.skip()
    return new JsonNumber(raw)
  }

  value(depth: number): Json {
    if (depth > maxDepth) throw new JsonSyntaxError(`nested deeper than ${maxDepth}`, this.at)
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth)
      case '[':
        return this.array(depth)
      case '"':
        return this.string()
      case 't':
        this.word('true')
        return true
      case 'f':
        this.word('false')
        return false
      case 'n':
        this.word('null')
        return null
      default:
        return this.number()
    }
  }

  object(depth: number): JsonObject {
    // No prototype: a key such as __proto__ is only a key.
    const out: JsonObject = Object.create(null) as JsonObject
    this.take('{')
    if (this.take('}')) return out
    do {
      if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string')
      const key = this.string()
      if (!this.take(':')) this.fail('after object key')
      const value = this.value(depth + 1)
      if (key in out) delete out[key]
      out[key] = value
    } while (this.take(','))
    if (!this.take('}')) this.fail('after object key:value pair')
    return out
  }

  array(depth: number): Json[] {
    const out: Json[] = []
    this.take('[')
    if (this.take(']')) return out
    do out.push(this.value(depth + 1))
    while (this.take(','))
    if (!this.take(']')) this.fail('after array element')
    return out
  }
}

/** Go looks at bytes: of other characters than ASCII it names the first one. */
function quotedByte(text: string, at: number): string {
  const byte = String.fromCharCode(Buffer.from(String.fromCodePoint(text.codePointAt(at)!))[0])
  if (byte === "'") return "'\\''"
  if (byte === '"') return `'"'`
  return goQuote(byte).replace(/^"|"$/g, "'")
}

/** Throws JsonSyntaxError. */
export function parseLosslessJson(text: string): Json {
  const reader = new Reader(text)
  reader.skip()
  const value = reader.value(0)
  if (reader.at !== text.length) reader.fail('after top-level value')
  return value
}

/** The value that the text begins with; the rest is not looked at. Throws JsonSyntaxError. */
export function parseFirstJson(text: string): Json {
  const reader = new Reader(text)
  reader.skip()
  return reader.value(0)
}

export const isObject = (v: Json | undefined): v is JsonObject =>
  typeof v === 'object' && v !== null && !Array.isArray(v) && !(v instanceof JsonNumber)

/** Numbers as they come closest: safe integers and floats as number, other integers as bigint. */
export function plainJson(value: Json): unknown {
  if (value instanceof JsonNumber) return value.isInteger ? value.toInteger() : value.toFloat()
  if (Array.isArray(value)) return value.map(plainJson)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plainJson(v)]))
}

/** Integers as bigint, other numbers as number: as goJson prints them again in full. */
export function exactJson(value: Json): unknown {
  if (value instanceof JsonNumber) return value.isInteger ? BigInt(value.text) : value.toFloat()
  if (Array.isArray(value)) return value.map(exactJson)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, exactJson(v)]))
}
