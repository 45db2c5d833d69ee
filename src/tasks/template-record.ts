/** A template as it is stored, and what its script says: type, vars, pipeline with zero values for vars without default. */
import { goJson } from '../columns/json-encode.js'
import { evaluateScript } from '../compile/evaluate-script.js'
import { ShardlineError } from '../errors.js'
import { isObject, type JsonObject, parseLosslessJson } from '../go/lossless-json.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { Evaluation } from '../tickscript/evaluate.js'
import type { TaskType } from './task-record.js'

export interface TemplateRecord {
  readonly id: string
  readonly type: TaskType
  /** As given, never the formatted text. */
  readonly script: string
  readonly createdNs: bigint
  readonly modifiedNs: bigint
}

/** Throws 400 `invalid TICKscript: …`. */
export function evaluateTemplate(script: string, deadman?: DeadmanDefaults): Evaluation {
  try {
    return evaluateScript(script, {}, { typeOnlyDefaults: true, deadman })
  } catch (err) {
    if (!(err instanceof ShardlineError) || err.code === 'invalid-task-type') throw err
    throw new ShardlineError(err.code, `invalid TICKscript: ${err.message}`)
  }
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
