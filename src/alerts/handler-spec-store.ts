/** Handler specs in LMDB, one record per (topic, id). Thread: main. */
import type { Database } from 'lmdb'
import { exactJson, isObject, parseLosslessJson } from '../go/lossless-json.js'
import type { Log } from '../log.js'
import { load } from '../storage/lmdb.js'
import { encodeHandlerSpec, type HandlerSpec, type HandlerSpecStore } from './handler-spec.js'

/** Neither part can contain it. */
const separator = '\0'
const keyOf = (spec: HandlerSpec): Buffer => Buffer.from(spec.topic + separator + spec.id)

export class LmdbHandlerSpecStore implements HandlerSpecStore {
  constructor(
    private readonly db: Database<string, Buffer>,
    private readonly log: Log,
  ) {}

  load(): readonly HandlerSpec[] {
    const { records, damaged } = load(this.db, decode)
    for (const [key, err] of damaged) {
      this.log.error('stored handler cannot be read', { handler: key.replace(separator, '/'), err })
    }
    return records
  }

  async put(spec: HandlerSpec, replaces?: HandlerSpec): Promise<void> {
    await this.db.transaction(() => {
      if (replaces !== undefined && replaces.id !== spec.id) void this.db.remove(keyOf(replaces))
      void this.db.put(keyOf(spec), encodeHandlerSpec(spec))
    })
  }

  async delete(spec: HandlerSpec): Promise<void> {
    await this.db.remove(keyOf(spec))
  }
}

function decode(text: string): HandlerSpec {
  const raw = parseLosslessJson(text)
  if (!isObject(raw) || !isObject(raw.options)) throw new Error('stored handler is not an object with options')
  const { topic, id, kind, match } = raw
  if (typeof topic !== 'string' || typeof id !== 'string' || typeof kind !== 'string' || typeof match !== 'string') {
    throw new Error('stored handler lacks a member')
  }
  return { topic, id, kind, match, options: exactJson(raw.options) as HandlerSpec['options'] }
}
