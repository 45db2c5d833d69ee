/** A task as it is stored, and its form in the store. Times are ns since the epoch; null is the zero time. Thread: main. */
import { goJson } from '../columns/json-encode.js'
import { ShardlineError } from '../errors.js'
import { isObject, type JsonObject, parseLosslessJson, plainJson } from '../go/lossless-json.js'

export interface Dbrp {
  readonly db: string
  readonly rp: string
}

/** A var as the API shows it: durations are integer ns, regexes and lambdas are text. */
export interface TaskVar {
  readonly type: string
  readonly value: unknown
  readonly description: string
}

export type TaskVars = Readonly<Record<string, TaskVar>>
export type TaskType = 'stream' | 'batch'
export type TaskStatus = 'enabled' | 'disabled'

const idPattern = /^[-._\p{L}0-9]+$/u

/** Bytes of the longest key that the store takes, with room to spare. */
const maxIdBytes = 1024

/** Ids of tasks, templates, recordings and replays; `what` begins the text. */
export function checkId(what: 'task' | 'template' | 'recording' | 'replay', id: string): void {
  if (idPattern.test(id)) {
    if (Buffer.byteLength(id) <= maxIdBytes) return
    throw new ShardlineError(`bad-${what}-id`, `${what} ID must not be longer than ${maxIdBytes} bytes`)
  }
  const text = `${what} ID must contain only letters, numbers, '-', '.' and '_'. ${JSON.stringify(id)}`
  throw new ShardlineError(`bad-${what}-id`, text)
}

/** Wall clock, ns. */
export const nowNs = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n

export interface TaskRecord {
  readonly id: string
  readonly templateId: string
  readonly type: TaskType
  /** As given, never the formatted text. */
  readonly script: string
  readonly dbrps: readonly Dbrp[]
  readonly vars: TaskVars
  readonly status: TaskStatus
  readonly createdNs: bigint
  readonly modifiedNs: bigint
  readonly lastEnabledNs: bigint | null
}

export function encodeTask(task: TaskRecord): string {
  return goJson({ version: 1, ...task })
}

/** Throws an Error for anything that this program did not write. */
export function decodeTask(text: string): TaskRecord {
  const raw = parseLosslessJson(text)
  if (!isObject(raw)) throw new Error('stored task is not an object')
  const plain = plainJson(raw) as Record<keyof TaskRecord, never>
  return {
    id: plain.id,
    templateId: plain.templateId,
    type: plain.type,
    script: plain.script,
    dbrps: plain.dbrps,
    vars: plain.vars,
    status: plain.status,
    createdNs: timeOf(raw, 'createdNs') ?? 0n,
    modifiedNs: timeOf(raw, 'modifiedNs') ?? 0n,
    lastEnabledNs: timeOf(raw, 'lastEnabledNs'),
  }
}

function timeOf(raw: JsonObject, key: string): bigint | null {
  const value = raw[key]
  return typeof value === 'object' && value !== null && 'text' in value ? BigInt(value.text as string) : null
}
