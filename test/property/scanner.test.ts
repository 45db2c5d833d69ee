import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineWriter, type Prepared } from '../../src/ingest/line-writer.js'
import { Tables } from '../../src/ingest/tables.js'
import { hashPartition, type Route, shardOf } from '../../src/transport/routes.js'
import { SlotPool } from '../../src/transport/slots.js'
import { readPrepared, valueText } from './batch-reader.js'
import { type RefPoint, refParse } from './scanner-reference.js'

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')
const reads = ['a', 'host', 'v', 'w w', 'é', 'x,y']
const route = (id: number, partition: Route['partition'], measurement: string | null = null): Route => ({
  id,
  db: 'db',
  rp: 'rp',
  measurement,
  partition,
})
const routes: Route[] = [
  route(1, { kind: 'tags', tags: ['a', 'host'] }),
  route(2, { kind: 'series', exclude: [] }),
  route(3, { kind: 'series', exclude: ['a', 'x,y'] }),
  route(4, { kind: 'pinned', shard: 1 }),
  route(5, { kind: 'tags', tags: ['zz'] }, 'cpu'),
]

interface Setup {
  pool: SlotPool
  tables: Tables
  writer: LineWriter
  shards: number
}

function setup(shards: number, slotBytes: number, slots = 512): Setup {
  const pool = new SlotPool({ slots, slotBytes })
  const tables = new Tables()
  tables.setRoutes(routes, () => reads)
  return { pool, tables, shards, writer: new LineWriter({ pool, tables, shards }) }
}

const nowNs = 1_700_000_123_456_789_123n
const nowIn: Record<string, bigint> = {
  n: nowNs,
  u: 1_700_000_123_456_789_000n,
  ms: 1_700_000_123_456_000_000n,
  s: 1_700_000_123_000_000_000n,
  m: 1_700_000_100_000_000_000n,
  h: 1_699_999_200_000_000_000n,
}

/** Scans a body and compares everything that can be seen with the reference. */
function compare(s: Setup, body: string, precision: 'n' | 'u' | 'ms' | 's' | 'm' | 'h'): void {
  const expected = refParse(body, precision)
  const result = s.writer.scan(Buffer.from(body, 'latin1'), 'db', 'rp', precision, nowNs)
  if (result === 'no-slot') throw new Error('no slot')
  if (result.kind === 'failure') {
    expect(result.error).toBe(expected.errors.map(utf8).join('\n'))
    expect(s.pool.freeSlots()).toBe(s.pool.slots)
    return
  }
  try {
    compareRows(s, result, expected, precision)
  } finally {
    s.writer.discard(result)
  }
  expect(s.pool.freeSlots()).toBe(s.pool.slots)
}

function compareRows(s: Setup, result: Prepared, expected: ReturnType<typeof refParse>, precision: string): void {
  expect(expected.errors).toEqual([])
  expect(result.points).toBe(expected.points.length)
  expect(result.unmatched).toBe(0)
  expect(result.tablePoints.reduce((a, b) => a + b, 0)).toBe(expected.points.length)
  const rows = readPrepared(s.pool, result, s.shards)
  expect(rows.length).toBe(expected.points.length)
  const byTable = new Map<string, RefPoint[]>()
  for (const p of expected.points) {
    const list = byTable.get(utf8(p.name)) ?? []
    byTable.set(utf8(p.name), [...list, p])
  }
  for (const row of rows) {
    const p = byTable.get(row.table)!.shift()!
    const tags = new Map<string, string>()
    for (const [k, v] of p.tags) if (!tags.has(utf8(k))) tags.set(utf8(k), utf8(v))
    const fields = new Map([...p.fields].map(([k, v]) => [utf8(k), utf8(v)]))
    expect(row.line).toBe(p.line)
    expect(row.ns).toBe(p.ns ?? nowIn[precision])
    expect(row.allTags).toEqual(tags)
    expect(new Map([...row.allFields].map(([k, v]) => [k, valueText(v)]))).toEqual(fields)
    for (const name of reads) {
      expect(row.tags[name]).toBe(tags.get(name) ?? null)
      expect(row.fields[name]).toBe(fields.get(name) ?? null)
    }
    checkRoutes(s, row, tags)
  }
}

function checkRoutes(s: Setup, row: ReturnType<typeof readPrepared>[number], tags: Map<string, string>): void {
  for (const r of routes) {
    if (r.measurement !== null && r.measurement !== row.table) continue
    // Bytes that are no UTF-8 hash as they are, which the text above does not know.
    if (Buffer.from(row.line, 'latin1').toString('utf8').includes('\ufffd')) continue
    const hash = hashPartition(r.partition, tags)
    if (r.partition.kind === 'tags') expect(row.hashes.get(r.id)).toBe(hash)
    const shard = r.partition.kind === 'pinned' ? Math.min(r.partition.shard, s.shards - 1) : shardOf(hash, s.shards)
    if (r.partition.kind === 'pinned' && s.shards === 1) continue
    expect(row.shards.get(r.id)).toEqual([shard])
  }
}

const pick = (...items: string[]): fc.Arbitrary<string> => fc.constantFrom(...items)
const name = pick('cpu', 'mem', 'm', 'c\\,pu', 'a b'.replace(' ', '\\ '), '\\#x', 'm=1', 'm"', '\xc3\xa9')
const key = pick(
  'a',
  'host',
  'v',
  'w\\ w',
  '\xc3\xa9',
  'x\\,y',
  'b',
  'k\\=k',
  'usage_idle',
  'zz',
  'q"',
  'long_key_name_0',
)
const tagValue = pick('1', 'server01', 'a\\ b', 'x\\,y\\=z', 'd\\\\d', '"q"', '\xc3\xa9\xff', '{"x":1}', 'back\\slash')
const fieldValue = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => String(x).replace('e+', 'e')),
  fc.double({ min: -1000, max: 1000, noNaN: true }).map((x) => x.toFixed(4)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((x) => `${x}i`),
  fc.integer({ min: -99, max: 99 }).map((x) => `${x}i`),
  pick('0', '-0', '1.', '.5', '-.5', '00012', '1e5', '1E-7', '9007199254740993', '0.1234567890123456789', '5e-324'),
  pick('123456789012345', '1234567890123456', '12345678901234567', '0.000000000000001', '4.35', '1e22', '1e23'),
  pick('t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE'),
  pick(
    '""',
    '"abc"',
    '"a b,c=d"',
    '"q\\"q"',
    '"b\\\\"',
    '"l1\nl2"',
    '"\xc3\xa9"',
    '"\xef\xbb\xbfbom"',
    '"x""y"',
    '"a"zz',
  ),
)
const time = pick('', '', ' 0', ' 1', ' -5', ' 1500001200', ' 1611111060000070037', ' 9223372036', ' 12345 ', '  7')
const uniqueTags = fc.uniqueArray(fc.tuple(key, tagValue), { maxLength: 5, selector: (t) => t[0] })
const goodLine = fc
  .tuple(name, uniqueTags, fc.array(fc.tuple(key, fieldValue), { minLength: 1, maxLength: 6 }), time)
  .map(([m, tags, fields, t]) => {
    const pairs = fields.map(([k, v]) => `${k}=${v}`).join(',')
    return `${m}${tags.map(([k, v]) => `,${k}=${v}`).join('')} ${pairs}${t}`
  })
const oddLine = pick('', '   ', '# comment', '\t m v=1', '\0m v=1', '# x="', 'm v=1 ', ' m,a=b  v=1  3  ')
const precision = fc.constantFrom('n', 'u', 'ms', 's', 'm', 'h') as fc.Arbitrary<'n' | 'u' | 'ms' | 's' | 'm' | 'h'>

describe('scanner against the reference parser', () => {
  it('good lines in slots of every size', () => {
    const setups = [setup(1, 1 << 20, 8), setup(2, 1 << 16, 64), setup(3, 4096), setup(4, 8192)]
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: goodLine }, oddLine), { maxLength: 60 }),
        fc.nat(setups.length - 1),
        precision,
        fc.constantFrom('\n', ''),
        (lines, i, p, end) => compare(setups[i], lines.join('\n') + end, p),
      ),
      { numRuns: 1500 },
    )
  })

  it('lines with a few bytes changed', () => {
    const s = setup(2, 1 << 16, 64)
    const change = fc.tuple(fc.nat(400), pick(...' ,="\\\n\t\0#-+.eEiuNnt0\r\xff', '', '  ', '\\\\', '\\\n'))
    fc.assert(
      fc.property(
        fc.array(goodLine, { minLength: 1, maxLength: 4 }),
        fc.array(change, { maxLength: 4 }),
        precision,
        (lines, changes, p) => {
          let body = lines.join('\n')
          for (const [at, text] of changes) {
            const i = at % (body.length + 1)
            body = body.slice(0, i) + text + body.slice(i + (at & 1))
          }
          compare(s, body, p)
        },
      ),
      { numRuns: 6000 },
    )
  })

  it('arbitrary strings over hostile bytes', () => {
    const s = setup(2, 1 << 16, 64)
    const byte = pick(...'m,a=1 "\\\n\t\0#-.eit0\r\xc3\xa9\xff', 'v=', ' v=1', 'm,a=b v=', '"')
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), precision, (parts, p) => compare(s, parts.join(''), p)),
      { numRuns: 8000 },
    )
  })

  it('numbers', () => {
    const s = setup(1, 1 << 16, 64)
    const text = fc.array(pick(...'0123456789', '.', '-', 'e', 'E', '+', 'i', 'u', '00000', '99999999'), {
      minLength: 1,
      maxLength: 14,
    })
    fc.assert(
      fc.property(text, (digits) => compare(s, `m v=${digits.join('')},w=${digits.join('')} 1\n`, 'n')),
      { numRuns: 6000 },
    )
  })

  it('timestamps', () => {
    const s = setup(1, 1 << 16, 64)
    const edge = fc.bigInt({ min: 2n ** 63n - 5000n, max: 2n ** 63n + 5n })
    const value = fc.oneof(
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
      edge,
      edge.map((x) => -x),
    )
    const scaled = fc.tuple(value, fc.constantFrom(1n, 1000n, 10n ** 6n, 10n ** 9n, 6n * 10n ** 10n, 36n * 10n ** 11n))
    fc.assert(
      fc.property(scaled, fc.integer({ min: -3, max: 3 }), precision, (v, d, p) =>
        compare(s, `m v=1 ${v[0] / v[1] + BigInt(d)}\n`, p),
      ),
      { numRuns: 6000 },
    )
  })
})
