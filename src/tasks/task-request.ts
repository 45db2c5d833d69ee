/**
 * Bodies of create and update requests, decoded as the original does: anything that does not fit the shape is
 * `invalid JSON`; numbers in vars keep their full value.
 */
import { ShardlineError } from '../errors.js'
import {
  isObject,
  type Json,
  JsonNumber,
  type JsonObject,
  JsonSyntaxError,
  parseLosslessJson,
} from './lossless-json.js'
import type { Dbrp, TaskStatus } from './task-record.js'

/** A var as sent; JSON numbers are kept as JsonNumber. */
export interface RequestVar {
  readonly type: string
  readonly value: Json | undefined
  readonly description: string
}

export interface TaskRequest {
  readonly id: string
  readonly templateId: string
  readonly dbrps: readonly Dbrp[]
  readonly script: string
  readonly status: TaskStatus | ''
  readonly vars: Readonly<Record<string, RequestVar>>
}

export const invalidJson = (): ShardlineError => new ShardlineError('invalid-json', 'invalid JSON', 400)

const types = new Set(['', 'stream', 'batch', 'invalid'])
const varTypes = new Set(['bool', 'int', 'float', 'string', 'regex', 'duration', 'lambda', 'list', 'star'])

export function decodeTaskRequest(body: Uint8Array): TaskRequest {
  const raw = decodeObject(body)
  const status = stringOf(raw.status)
  if (!types.has(stringOf(raw.type)) || !(status === '' || status === 'enabled' || status === 'disabled')) {
    throw invalidJson()
  }
  return {
    id: stringOf(raw.id),
    templateId: stringOf(raw['template-id']),
    dbrps: dbrpsOf(raw.dbrps),
    script: stringOf(raw.script),
    status,
    vars: varsOf(raw.vars),
  }
}

export function decodeObject(body: Uint8Array): JsonObject {
  try {
    const raw = parseLosslessJson(Buffer.from(body).toString())
    if (isObject(raw)) return raw
    if (raw === null) return {}
  } catch (err) {
    if (!(err instanceof JsonSyntaxError)) throw err
  }
  throw invalidJson()
}

export function stringOf(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw invalidJson()
  return value
}

function dbrpsOf(value: Json | undefined): Dbrp[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalidJson()
  return value.map((item) => {
    if (!isObject(item)) throw invalidJson()
    return { db: stringOf(item.db), rp: stringOf(item.rp) }
  })
}

function varsOf(value: Json | undefined): Record<string, RequestVar> {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw invalidJson()
  const out: Record<string, RequestVar> = {}
  for (const [name, item] of Object.entries(value)) {
    if (!isObject(item)) throw invalidJson()
    const type = stringOf(item.type)
    if (!varTypes.has(type)) throw invalidJson()
    // A number that does not fit an int is refused by the decoder; every other mismatch by the conversion.
    if (type === 'int' && item.value !== null && item.value !== undefined && !fitsInt64(item.value)) throw invalidJson()
    out[name] = { type, value: item.value, description: stringOf(item.description) }
  }
  return out
}

function fitsInt64(value: Json): boolean {
  return value instanceof JsonNumber && value.isInteger && BigInt.asIntN(64, BigInt(value.text)) === BigInt(value.text)
}
