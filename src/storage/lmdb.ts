/** Reading databases of the LMDB environment in which everything is kept that survives a restart. Thread: main. */
import type { Database } from 'lmdb'
import { errorText } from '../errors.js'

export interface Loaded<T> {
  readonly records: readonly T[]
  /** Ids whose record cannot be read, with the reason. */
  readonly damaged: readonly (readonly [string, string])[]
}

/** All records of a database; one that cannot be read does not hide the others. */
export function load<T>(db: Database<string, Buffer>, decode: (text: string) => T): Loaded<T> {
  const records: T[] = []
  const damaged: (readonly [string, string])[] = []
  for (const { key, value } of db.getRange()) {
    try {
      records.push(decode(value))
    } catch (err) {
      damaged.push([key.toString(), errorText(err)])
    }
  }
  return { records, damaged }
}
