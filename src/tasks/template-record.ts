/** A template as it is stored. Thread: any. */
import { goJson } from '../columns/json-encode.js'
import { isObject, type JsonObject, parseLosslessJson } from '../go/lossless-json.js'
import type { TaskType } from './task-record.js'

export interface TemplateRecord {
  readonly id: string
  readonly type: TaskType
  /** As given, never the formatted text. */
  readonly script: string
  readonly createdNs: bigint
  readonly modifiedNs: bigint
}

export function encodeTemplate(template: TemplateRecord): string {
  return goJson({ version: 1, ...template })
}

/** Throws an Error for anything that this program did not write. */
export function decodeTemplate(text: string): TemplateRecord {
  const raw = parseLosslessJson(text)
  if (!isObject(raw) || typeof raw.id !== 'string' || typeof raw.script !== 'string') {
    throw new Error('stored template is not an object with id and script')
  }
  return {
    id: raw.id,
    type: raw.type === 'batch' ? 'batch' : 'stream',
    script: raw.script,
    createdNs: timeOf(raw, 'createdNs'),
    modifiedNs: timeOf(raw, 'modifiedNs'),
  }
}

function timeOf(raw: JsonObject, key: string): bigint {
  const value = raw[key]
  return typeof value === 'object' && value !== null && 'text' in value ? BigInt(value.text as string) : 0n
}
