/** Records by id in one LMDB database, as JSON that goJson wrote. Thread: main. `await` means committed. */
import type { Database } from 'lmdb'
import { goJson } from '../columns/json-encode.js'
import { isObject, JsonNumber, type JsonObject, parseLosslessJson } from '../go/lossless-json.js'
import type { Log } from '../log.js'
import { load } from './lmdb.js'

export class RecordDb<T extends { readonly id: string }> {
  constructor(
    private readonly db: Database<string, Buffer>,
    /** Throws an Error for what it cannot be. */
    private readonly decode: (raw: JsonObject) => T,
  ) {}

  /** What cannot be read is logged and left alone. */
  load(log: Log): readonly T[] {
    const { records, damaged } = load(this.db, (text) => {
      const raw = parseLosslessJson(text)
      if (!isObject(raw)) throw new Error('stored record is not an object')
      return this.decode(raw)
    })
    for (const [id, err] of damaged) log.error('stored record cannot be read', { id, err })
    return records
  }

  async put(record: T): Promise<void> {
    await this.db.put(Buffer.from(record.id), goJson({ version: 1, ...record }))
  }

  async delete(id: string): Promise<void> {
    await this.db.remove(Buffer.from(id))
  }
}

export function textMember(raw: JsonObject, name: string): string {
  const value = raw[name]
  if (typeof value !== 'string') throw new Error(`stored record has no ${name}`)
  return value
}

export function numberMember(raw: JsonObject, name: string): JsonNumber {
  const value = raw[name]
  if (!(value instanceof JsonNumber)) throw new Error(`stored record has no ${name}`)
  return value
}

/** What becomes of recordings and replays that were running when the server ended. */
export const shutdownError = 'unexpected Kapacitor shutdown'

export type WorkStatus = 'running' | 'finished' | 'failed'

export function statusMember(raw: JsonObject): WorkStatus {
  const status = textMember(raw, 'status')
  if (status === 'running' || status === 'finished' || status === 'failed') return status
  throw new Error(`stored record has the status ${JSON.stringify(status)}`)
}
