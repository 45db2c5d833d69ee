/** Builds chunks from rows of boxed values and evaluates lambda texts over them, in both ways. */
import { Chunk, type GroupInfo } from '../../../src/columns/chunk.js'
import { Column, encodeUtf8, setInt64 } from '../../../src/columns/column.js'
import { spanOf } from '../../../src/columns/time.js'
import { Duration, kindOf, missing, Timestamp, type Value } from '../../../src/columns/values.js'
import { compileLambda, type LambdaTuning } from '../../../src/lambda/compile.js'
import type { CompiledLambda, LambdaErrors } from '../../../src/lambda/lambda.js'
import { ShardMemory, StateAllocator } from '../../../src/state/pages.js'
import type { Expression } from '../../../src/tickscript/ast.js'
import { Lambda } from '../../../src/tickscript/node-def.js'
import { parseLambdaBody } from '../../../src/tickscript/parser.js'

export const interpreted: LambdaTuning = { maxEntries: 0 }
export const compiled: LambdaTuning = { compileAfterRows: 0 }
export const nowNs = 1_700_000_000_000_000_000n

export type Cells = Record<string, Value>

export function columnOf(values: readonly Value[]): Column {
  const c = Column.alloc(Math.max(values.length, 1))
  const parts: number[] = []
  values.forEach((v, r) => {
    c.kinds[r] = kindOf(v)
    if (typeof v === 'number') c.f64[r] = v
    else if (typeof v === 'bigint') setInt64(c.i32, r, v)
    else if (typeof v === 'boolean') c.i32[2 * r] = v ? 1 : 0
    else if (v instanceof Duration || v instanceof Timestamp) setInt64(c.i32, r, v.ns)
    else if (typeof v === 'string') {
      const bytes = encodeUtf8(v)
      c.i32[2 * r] = parts.length
      c.i32[2 * r + 1] = bytes.length
      parts.push(...bytes)
    }
  })
  c.bytes = Uint8Array.from(parts)
  return c
}

export const noGrouping: GroupInfo = {
  tagNames: () => [],
  tagValues: () => [],
  byName: false,
  groupName: () => '',
  idText: () => '',
}

export interface RowInput {
  fields?: Cells
  tags?: Record<string, string>
  timeNs?: bigint
}

/** A stream chunk whose columns are all names that occur; absent cells are Missing. */
export function chunkOf(rows: readonly RowInput[], grouping: GroupInfo = noGrouping): Chunk {
  const n = rows.length
  const chunk = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
  chunk.n = n
  rows.forEach((row, r) => {
    const t = spanOf(row.timeNs ?? 1_500_001_200_000_000_000n)
    chunk.ms[r] = t.ms
    chunk.sub[r] = t.sub
  })
  const names = (of: (r: RowInput) => object | undefined) => [...new Set(rows.flatMap((r) => Object.keys(of(r) ?? {})))]
  for (const name of names((r) => r.fields)) {
    chunk.setField(name, columnOf(rows.map((r) => r.fields?.[name] ?? (r.fields?.[name] === null ? null : missing))))
  }
  for (const name of names((r) => r.tags)) chunk.setTag(name, columnOf(rows.map((r) => r.tags?.[name] ?? missing)))
  return chunk
}

export function compileExpression(expression: Expression, tuning: LambdaTuning = compiled): CompiledLambda {
  const pos = { offset: 0, line: 1, char: 1 }
  return compileLambda(
    new Lambda({ type: 'lambda', expression, pos }),
    { errorPrefix: '', state: new StateAllocator(new ShardMemory(1 << 26)), nowNs: () => nowNs },
    tuning,
  )
}

export function compileText(text: string, tuning: LambdaTuning = compiled): CompiledLambda {
  return compileExpression(parseLambdaBody(text), tuning)
}

export interface Results {
  values: (Value | 'error')[]
  errors: LambdaErrors
}

export function evaluateAll(
  l: CompiledLambda,
  chunk: Chunk,
  groups: Int32Array | null = null,
  scope: { name: string; column: Column }[] = [],
): Results {
  const out = Column.alloc(Math.max(chunk.n, 1))
  const ok = new Uint8Array(chunk.n)
  l.evaluate(chunk, groups, scope, out, ok)
  const values = Array.from({ length: chunk.n }, (_, r): Value | 'error' => (ok[r] === 1 ? out.get(r) : 'error'))
  return { values, errors: { ...l.errors } }
}

export function testAll(l: CompiledLambda, chunk: Chunk, groups: Int32Array | null = null) {
  const out = new Uint8Array(chunk.n)
  l.test(chunk, null, chunk.n, groups, out)
  return { outcomes: [...out], errors: { ...l.errors } }
}

/** One row, both ways, which must agree: the value, or the error text. */
export function value(text: string, fields: Cells = {}, tags: Record<string, string> = {}): Value | string {
  const chunk = chunkOf([{ fields, tags }])
  const results = [interpreted, compiled].map((tuning) => {
    const { values, errors } = evaluateAll(compileText(text, tuning), chunk)
    return values[0] === 'error' && errors.count === 1 ? `error: ${errors.first}` : values[0]
  })
  if (!same(results[0], results[1])) {
    throw new Error(`${text}: interpreted ${String(results[0])}, compiled ${String(results[1])}`)
  }
  return results[0]
}

/** One row as a predicate, both ways: true, false, or the error text. */
export function predicate(text: string, fields: Cells = {}, tags: Record<string, string> = {}): boolean | string {
  const chunk = chunkOf([{ fields, tags }])
  const results = [interpreted, compiled].map((tuning) => {
    const { outcomes, errors } = testAll(compileText(text, tuning), chunk)
    return outcomes[0] === 2 ? `error: ${errors.first}` : outcomes[0] === 1
  })
  if (results[0] !== results[1]) throw new Error(`${text}: interpreted ${results[0]}, compiled ${results[1]}`)
  return results[0]
}

export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Duration && b instanceof Duration) return a.ns === b.ns
  return Object.is(a, b)
}

export { Duration, missing }
