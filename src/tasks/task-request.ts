/**
 * Bodies of create and update requests, decoded as the original does: anything that does not fit the shape is
 * `invalid JSON`; numbers in vars keep their full value. Thread: main.
 */
import { ShardlineError } from '../errors.js'
import { decodeMembers, type JsonMembers, type JsonStruct, membersOf } from '../go/json-members.js'
import { type Json, JsonNumber } from '../go/lossless-json.js'
import type { Dbrp, TaskStatus } from './task-record.js'

/** A var as sent; JSON numbers are kept as JsonNumber. */
export interface RequestVar {
  /** `unknown` where none was given. */
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

export const invalidJson = (): ShardlineError => new ShardlineError('invalid-json', 'invalid JSON')

const types = new Set(['', 'stream', 'batch', 'invalid'])
const varTypes = new Set(['bool', 'int', 'float', 'string', 'regex', 'duration', 'lambda', 'list', 'star'])

const struct = (goType: string, members: readonly string[]): JsonStruct => ({ goType, members, fault: invalidJson })

export const taskMembers = ['id', 'template-id', 'type', 'dbrps', 'script', 'status', 'vars']

const taskStruct = struct('client.CreateTaskOptions', taskMembers)
const templateStruct = struct('client.CreateTemplateOptions', ['id', 'type', 'script'])
const dbrpStruct = struct('client.DBRP', ['db', 'rp'])
const varStruct = struct('client.Var', ['type', 'value', 'description'])

export function decodeTaskRequest(body: Uint8Array): TaskRequest {
  const raw = decodeMembers(body, taskStruct)
  checkType(raw)
  const status = raw.string('status')
  if (!(status === '' || status === 'enabled' || status === 'disabled')) throw invalidJson()
  return {
    id: raw.string('id'),
    templateId: raw.string('template-id'),
    dbrps: raw.list('dbrps', '[]client.DBRP').map(dbrpOf),
    script: raw.string('script'),
    status,
    vars: varsOf(raw),
  }
}

/** The type is taken from the script; the request's is only looked at for its spelling. */
export function decodeTemplateRequest(body: Uint8Array): { readonly id: string; readonly script: string } {
  const raw = decodeMembers(body, templateStruct)
  checkType(raw)
  return { id: raw.string('id'), script: raw.string('script') }
}

function checkType(raw: JsonMembers): void {
  if (!types.has(raw.string('type'))) throw invalidJson()
}

function dbrpOf(item: Json): Dbrp {
  const raw = membersOf(item, dbrpStruct)
  return { db: raw.string('db'), rp: raw.string('rp') }
}

function varsOf(raw: JsonMembers): Record<string, RequestVar> {
  const vars = Object.entries(raw.map('vars', 'client.Vars'))
  return Object.fromEntries(vars.map(([name, item]) => [name, varOf(item)]))
}

function varOf(item: Json): RequestVar {
  const raw = membersOf(item, varStruct)
  const type = raw.get('type') === undefined ? 'unknown' : raw.string('type')
  if (type !== 'unknown' && !varTypes.has(type)) throw invalidJson()
  const value = raw.get('value')
  // A number that does not fit an int is refused by the decoder; every other mismatch by the conversion.
  if (type === 'int' && value !== undefined && !fitsInt64(value)) throw invalidJson()
  return { type, value, description: raw.string('description') }
}

function fitsInt64(value: Json): boolean {
  return value instanceof JsonNumber && value.isInteger && BigInt.asIntN(64, BigInt(value.text)) === BigInt(value.text)
}
