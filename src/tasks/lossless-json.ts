/**
 * Reads JSON without losing numbers: every number becomes a JsonNumber that keeps its text, so int64 values beyond 2^53 and
 * the difference between `5` and `5.0` survive. Strict RFC 8259, nesting bounded. For request bodies and the task store,
 * never for points.
 */
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

export class JsonSyntaxError extends Error {}

const maxDepth = 200
const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them raw
const stringToken = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const blank = /[ \t\n\r]*/y

class Reader {
  at = 0
  constructor(readonly text: string) {}

  fail(): never {
    throw new JsonSyntaxError(`invalid JSON at offset ${this.at}`)
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

  token(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const m = pattern.exec(this.text)
    if (m === null) this.fail()
    this.at = pattern.lastIndex
    this.skip()
    return m[0]
  }

  word(word: string): void {
    if (!this.text.startsWith(word, this.at)) this.fail()
    this.at += word.length
    this.skip()
  }

  value(depth: number): Json {
    if (depth > maxDepth) this.fail()
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth)
      case '[':
        return this.array(depth)
      case '"':
        return JSON.parse(this.token(stringToken)) as string
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
        return new JsonNumber(this.token(numberToken))
    }
  }

  object(depth: number): JsonObject {
    // No prototype: a key such as __proto__ is only a key.
    const out: JsonObject = Object.create(null) as JsonObject
    this.take('{')
    if (this.take('}')) return out
    do {
      const key = JSON.parse(this.token(stringToken)) as string
      if (!this.take(':')) this.fail()
      out[key] = this.value(depth + 1)
    } while (this.take(','))
    if (!this.take('}')) this.fail()
    return out
  }

  array(depth: number): Json[] {
    const out: Json[] = []
    this.take('[')
    if (this.take(']')) return out
    do out.push(this.value(depth + 1))
    while (this.take(','))
    if (!this.take(']')) this.fail()
    return out
  }
}

/** Throws JsonSyntaxError. */
export function parseLosslessJson(text: string): Json {
  const reader = new Reader(text)
  reader.skip()
  const value = reader.value(0)
  if (reader.at !== text.length) reader.fail()
  return value
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
