/**
 * Boxed values, for the edges where rows are few: script literals, templates, JSON, the slow path of lambdas.
 * JavaScript types tell the kinds apart: int = bigint, float = number, string, boolean, Duration, Timestamp, null, missing.
 * Columns (column.ts) never hold boxed values. Thread: any.
 */
import { Kind } from './kinds.js'

/** A span in nanoseconds (int64, exact). */
export class Duration {
  constructor(readonly ns: bigint) {}
}

/** An instant in nanoseconds since the Unix epoch (int64, exact). */
export class Timestamp {
  constructor(readonly ns: bigint) {}
}

/** The marker of an absent field or tag. */
export const missing: unique symbol = Symbol('missing')

export type Value = bigint | number | string | boolean | Duration | Timestamp | null | typeof missing

export function kindOf(v: Value): Kind {
  switch (typeof v) {
    case 'bigint':
      return Kind.Int
    case 'number':
      return Kind.Float
    case 'string':
      return Kind.String
    case 'boolean':
      return Kind.Bool
    case 'symbol':
      return Kind.Missing
    default:
      return v === null ? Kind.Null : v instanceof Duration ? Kind.Duration : Kind.Time
  }
}
