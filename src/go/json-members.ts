/**
 * Members of JSON objects as Go's encoding/json assigns them to the fields of a struct: a name counts in any case, the exact one
 * first; unknown names are ignored; null leaves a field as it was; of two members for one field the later one counts, and two
 * objects become one. What does not fit is refused with Go's text. For request bodies and files, never for points. Thread: any.
 */
import type { ShardlineError } from '../errors.js'
import { isObject, type Json, JsonNumber, type JsonObject, JsonSyntaxError, parseFirstJson } from './lossless-json.js'

/** A struct of the original that JSON is read into. */
export interface JsonStruct {
  /** With its package, as errors name it: `client.CreateTaskOptions`. */
  readonly goType: string
  readonly members: readonly string[]
  /** Makes the error of what does not fit, from Go's text. */
  readonly fault: (goText: string) => ShardlineError
}

export class JsonMembers {
  private readonly values = new Map<string, Json>()

  constructor(
    raw: JsonObject,
    private readonly struct: JsonStruct,
  ) {
    for (const [key, value] of Object.entries(raw)) {
      const name = memberOf(struct.members, key)
      if (name === undefined || value === null) continue
      const before = this.values.get(name)
      this.values.set(name, isObject(value) && isObject(before) ? { ...before, ...value } : value)
    }
  }

  /** undefined: absent or null. */
  get(name: string): Json | undefined {
    return this.values.get(name)
  }

  /** '' where it is absent. */
  string(name: string): string {
    const value = this.get(name) ?? ''
    if (typeof value !== 'string') throw this.mismatch(name, value, 'string')
    return value
  }

  /** false where it is absent. */
  boolean(name: string): boolean {
    const value = this.get(name) ?? false
    if (typeof value !== 'boolean') throw this.mismatch(name, value, 'bool')
    return value
  }

  /** 0 where it is absent. */
  number(name: string): number {
    const value = this.get(name) ?? new JsonNumber('0')
    if (!(value instanceof JsonNumber)) throw this.mismatch(name, value, 'int64')
    return value.toFloat()
  }

  /** Members of a map, none where it is absent. `goType` is the map's, for the error. */
  map(name: string, goType: string): JsonObject {
    const value = this.get(name) ?? {}
    if (!isObject(value)) throw this.mismatch(name, value, goType)
    return value
  }

  /** Empty where it is absent. */
  list(name: string, goType: string): readonly Json[] {
    const value = this.get(name) ?? []
    if (!Array.isArray(value)) throw this.mismatch(name, value, goType)
    return value
  }

  private mismatch(name: string, value: Json, goType: string): ShardlineError {
    const struct = this.struct.goType.replace(/^.*\./, '')
    const text = `json: cannot unmarshal ${kindOf(value)} into Go struct field ${struct}.${name} of type ${goType}`
    return this.struct.fault(text)
  }
}

/** The body's first JSON value; what follows it is not looked at. Null is an object without members. */
export function decodeMembers(body: Uint8Array, struct: JsonStruct): JsonMembers {
  return membersOf(decodeJson(body, struct.fault), struct)
}

/** The body's first JSON value. */
export function decodeJson(body: Uint8Array, fault: JsonStruct['fault']): Json {
  try {
    return parseFirstJson(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
  } catch (err) {
    if (err instanceof JsonSyntaxError) throw fault(err.message)
    throw err
  }
}

export function membersOf(value: Json, struct: JsonStruct): JsonMembers {
  if (value === null) return new JsonMembers({}, struct)
  if (isObject(value)) return new JsonMembers(value, struct)
  throw struct.fault(`json: cannot unmarshal ${kindOf(value)} into Go value of type ${struct.goType}`)
}

/** The name among `names` that a JSON member of this name is for. */
export function memberOf(names: readonly string[], key: string): string | undefined {
  if (names.includes(key)) return key
  const folded = fold(key)
  return names.find((name) => fold(name) === folded)
}

/** An object with its members under the names of a struct; others stay as they are. */
export function withMemberNames(raw: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [memberOf(names, key) ?? key, value]))
}

/** Go's simple folding, as far as it reaches ASCII: the Kelvin sign is a k, the long s an s. */
const fold = (name: string): string => name.toLowerCase().replaceAll('ſ', 's')

function kindOf(value: Json): string {
  if (value instanceof JsonNumber) return 'number'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return Array.isArray(value) ? 'array' : 'object'
}
