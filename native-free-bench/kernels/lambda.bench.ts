/** Lambdas over chunks of 8192 rows: each case evaluates one chunk, so rows/s = 8192 · operations/s. */
import type { Bench } from 'tinybench'
import { Chunk, type GroupInfo, maxChunkRows } from '../../src/columns/chunk.js'
import { Column, encodeUtf8, setSafeInt } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { compileLambda, type LambdaTuning } from '../../src/lambda/compile.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { Lambda } from '../../src/tickscript/node-def.js'
import { parseLambdaBody } from '../../src/tickscript/parser.js'

export const rowsPerOperation = maxChunkRows
export const boundBy = 'arithmetic; string functions: decoding and encoding UTF-8'

const grouping: GroupInfo = {
  tagNames: () => [],
  tagValues: () => [],
  byName: false,
  groupName: () => '',
  idText: () => '',
}

type Cell = (row: number) => number | string | null

/** Numbers ending up whole are floats too; `i` fields are ints. */
function column(rows: number, kind: number, cell: Cell): Column {
  const c = Column.alloc(rows)
  const bytes: number[] = []
  for (let r = 0; r < rows; r++) {
    const v = cell(r)
    c.kinds[r] = v === null ? Kind.Missing : kind
    if (typeof v === 'string') {
      const text = encodeUtf8(v)
      c.i32[2 * r] = bytes.length
      c.i32[2 * r + 1] = text.length
      bytes.push(...text)
    } else if (v !== null && kind === Kind.Int) setSafeInt(c.i32, r, v)
    else if (v !== null) c.f64[r] = v
  }
  c.bytes = Uint8Array.from(bytes)
  return c
}

function chunk(): Chunk {
  const n = maxChunkRows
  const c = new Chunk(grouping, new Float64Array(n).fill(1_700_000_000_000), new Int32Array(n), new Int32Array(n))
  c.n = n
  for (let r = 0; r < n; r++) c.groups[r] = (r * 7919) % 4096
  for (const [name, of] of [
    ['a', (r: number) => r * 0.37],
    ['b', (r: number) => 100 - r * 0.11],
    ['c', (r: number) => 1 + (r % 17)],
  ] as const) {
    c.setField(name, column(n, Kind.Float, of))
    // As behind `from`: the name is projected as a tag too, absent in every row.
    c.setTag(
      name,
      column(n, Kind.String, () => null),
    )
  }
  c.setField(
    'i',
    column(n, Kind.Int, (r) => r),
  )
  c.setField(
    'gappy',
    column(n, Kind.Float, (r) => (r % 2 === 0 ? r : null)),
  )
  c.setField(
    'level',
    column(n, Kind.String, (r) => ['info', 'warn', 'error'][r % 3]),
  )
  c.setTag(
    'host',
    column(n, Kind.String, (r) => `server${String(r % 1000).padStart(4, '0')}`),
  )
  const mixed = column(n, Kind.Float, (r) => r)
  for (let r = 0; r < n; r += 2) {
    mixed.kinds[r] = Kind.Int
    setSafeInt(mixed.i32, r, r)
  }
  c.setField('mixed', mixed)
  return c
}

const tenOperators = '("a" * 2.0 + "b" / 3.0 - "c" * "a") / ("b" + 1.0) - "a" + "b" * 0.5 > 10.0'

const predicates: readonly (readonly [string, string])[] = [
  ['one comparison of floats', '"a" > 50.0'],
  ['one comparison of ints', '"i" > 50'],
  ['two comparisons', '"a" > 50.0 AND "b" < 90.0'],
  ['ten operators on floats', tenOperators],
  ['tag equals literal', '"host" == \'server0042\''],
  ['regex, prefix', '"host" =~ /^server00/'],
  ['regex, few distinct values', '"level" =~ /^(warn|error)$/'],
  ['regex, 1000 distinct values', '"host" =~ /server0(1|2)[0-9]+$/'],
  ['kinds alternate by row', '"mixed" > 50.0'],
  ['every other row fails', '"gappy" > 50.0'],
  ['sigma per group', 'sigma("a") > 3.0'],
  ['hour of the time', 'hour("time") >= 8'],
]

const values: readonly (readonly [string, string])[] = [
  ['value of ten operators', tenOperators.replace(' > 10.0', '')],
  ['int arithmetic', '"i" * 3 + 1'],
  ['string built from a tag', '"host" + \'-\' + string("i")'],
]

function compile(text: string, tuning?: LambdaTuning) {
  return compileLambda(
    new Lambda({ type: 'lambda', expression: parseLambdaBody(text), pos: { offset: 0, line: 1, char: 1 } }),
    { errorPrefix: '', state: new StateAllocator(new ShardMemory(1 << 26)), nowNs: () => 0n },
    tuning,
  )
}

export function add(bench: Bench): void {
  const rows = chunk()
  const outcomes = new Uint8Array(rows.n)
  for (const [name, text] of predicates) {
    const l = compile(text)
    bench.add(`lambda: ${name}`, () => {
      l.test(rows, null, rows.n, rows.groups, outcomes)
    })
  }
  const out = Column.alloc(rows.n)
  const ok = new Uint8Array(rows.n)
  for (const [name, text] of values) {
    const l = compile(text)
    bench.add(`lambda: ${name}`, () => {
      l.evaluate(rows, rows.groups, [], out, ok)
    })
  }
  const slow = compile(tenOperators, { maxEntries: 0 })
  bench.add('lambda: ten operators, interpreter', () => {
    slow.test(rows, null, rows.n, rows.groups, outcomes)
  })
  const single = compile('"a" > 50.0')
  bench.add('lambda: one comparison, row by row', () => {
    for (let r = 0; r < rows.n; r++) outcomes[r] = single.testRow(rows, r, 0)
  })
}
