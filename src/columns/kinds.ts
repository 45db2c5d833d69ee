/**
 * Kinds of a cell. A field may change its kind from row to row, so every payload column carries a kind byte per row.
 * Int to Bool are what line protocol has; Duration to Null only arise inside a pipeline. The numbers are part of the slot
 * layout and of state kept in pages: append, never renumber. Thread: any.
 */
export const Kind = {
  Missing: 0,
  Int: 1,
  Float: 2,
  String: 3,
  Bool: 4,
  Duration: 5,
  Time: 6,
  Null: 7,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** Names as the error texts of lambdas print them. */
export const kindNames = [
  'missing',
  'int',
  'float',
  'string',
  'boolean',
  'duration',
  'time',
  'null',
  'missing',
] as const
