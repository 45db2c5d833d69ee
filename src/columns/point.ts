/**
 * One point as plain JavaScript objects. Only for places where rows are few: emitted alerts, JSON, logs, slow paths.
 * Keys are unique; `tags` and `fields` keep no particular order (sort where the output wants it). Thread: any.
 */
import type { Value } from './values.js'

export interface Point {
  name: string
  db: string
  rp: string
  ms: number
  sub: number
  tags: Map<string, string>
  fields: Map<string, Value>
}

/** One series of JSON output (spec nodes 1.6): cells are `time` first, then the sorted columns. */
export interface Row {
  name: string
  tags: Map<string, string>
  columns: string[]
  values: Value[][]
}
