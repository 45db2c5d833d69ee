import { describe, expect, it } from 'vitest'
import { AppendResult, LineWriter } from '../../../src/ingest/line-writer.js'
import { Tables } from '../../../src/ingest/tables.js'
import { SlotPool } from '../../../src/transport/slots.js'
import { readPrepared, valueText } from '../../property/batch-reader.js'

function make(slots = 8, slotBytes = 1 << 16, maxLineBytes?: number) {
  const pool = new SlotPool({ slots, slotBytes })
  const tables = new Tables()
  tables.setRoutes([{ id: 1, db: 'd', rp: '', measurement: null, partition: { kind: 'tags', tags: ['a'] } }], () => [
    'v',
  ])
  return { pool, tables, writer: new LineWriter({ pool, tables, shards: 1, maxLineBytes }) }
}

function scan(body: string, precision: 'n' | 's' = 'n', made = make()) {
  const result = made.writer.scan(Buffer.from(body), 'd', '', precision, 1_700_000_000_999_999_999n)
  if (result === 'no-slot') throw new Error('no slot')
  if (result.kind === 'failure') return { error: result.error, rows: [] }
  return { error: '', rows: readPrepared(made.pool, result, 1) }
}

const fieldsOf = (body: string): Record<string, string> => {
  const { error, rows } = scan(body)
  expect(error).toBe('')
  return Object.fromEntries([...rows[0].allFields].map(([k, v]) => [k, valueText(v)]))
}

describe('reasons', () => {
  const reasons: [string, string][] = [
    ['cpu', 'missing fields'],
    ['cpu,host=a', 'missing fields'],
    ['cpu\tv=1', 'missing fields'],
    ['m\\ v=1', 'missing fields'],
    ['m ', 'invalid field format'],
    ['m \t', 'invalid field format'],
    ['m \0 ', 'invalid field format'],
    ['m,host=a ', 'invalid field format'],
    ['m,host=a  ', 'invalid field format'],
    ['m,host=a 1500001200', 'invalid field format'],
    ['m,host=a\\ ', 'missing fields'],
    ['m,host=a\t', 'missing fields'],
    ['m,host ', 'missing tag value'],
    ['m,host= ', 'missing tag value'],
    ['m, ', 'missing tag key'],
    ['m,', 'missing tag key'],
    ['m,a=1,a=2 ', 'duplicate tags'],
    [',', 'missing measurement'],
    [',a=b value=1', 'missing measurement'],
    ['cpu,=a v=1', 'missing tag key'],
    ['m,,t=x v=1', 'missing tag key'],
    ['m,t=x, v=1', 'missing tag key'],
    ['cpu,host v=1', 'missing tag value'],
    ['cpu,host= v=1', 'missing tag value'],
    ['cpu,a=b=c v=1', 'invalid tag format'],
    ['m,t=a\\\\ f=1', 'invalid tag format'],
    ['cpu,b=1,a=1,b=2 v=1', 'duplicate tags'],
    ['cpu =1', 'missing field key'],
    ['cpu a=1,=2', 'missing field key'],
    ['cpu v=', 'missing field value'],
    ['cpu v=,b=1', 'missing field value'],
    ['cpu a', 'invalid field format'],
    ['cpu a=1,b', 'invalid field format'],
    ['m v=1i, 1', 'invalid field format'],
    ['m v=1, w=2', 'invalid field format'],
    ['m v="abc 15', 'unbalanced quotes'],
    ['m v=+1', 'invalid boolean'],
    ['m v=inf', 'invalid boolean'],
    ['m v=i', 'invalid boolean'],
    ['m v=0x10', 'invalid number'],
    ['m v=NaN', 'invalid number'],
    ['m v=1u', 'invalid number'],
    ['m v=1.5i', 'invalid number'],
    ['m v=1ii', 'invalid number'],
    ['m v=-', 'invalid number'],
    ['m v=.', 'invalid number'],
    ['m v=1\r', 'invalid number'],
    ['m v=1e', 'invalid float'],
    ['m v=1e400', 'invalid float'],
    ['m v=1 1\r', 'bad timestamp'],
    ['m v=1 yesterday', 'bad timestamp'],
    ['m v=1 1 2', 'point is invalid'],
    ['m v=1 -', 'strconv.ParseInt: parsing "-": invalid syntax'],
    ['m v=1 9223372036854775808', 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
    ['m v=1 9223372036854775807', 'time outside range -9223372036854775806 - 9223372036854775806'],
    [
      'm v=9223372036854775808i',
      'unable to parse integer 9223372036854775808: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    [`m,t=${'x'.repeat(70000)} v=1`, 'max key length exceeded: 70004 > 65535'],
  ]
  it.each(reasons)('%j', (line, reason) => {
    const made = make(8, 1 << 19)
    for (const end of ['', '\n']) expect(scan(line + end, 'n', made).error).toBe(`unable to parse '${line}': ${reason}`)
    expect(made.pool.freeSlots()).toBe(8)
  })

  it('an append that fails in the middle takes back its rows and keeps those before it', () => {
    class Stumbling extends Tables {
      override byName(...args: Parameters<Tables['byName']>): ReturnType<Tables['byName']> {
        if (args[1] === 'stumble') throw new Error('stumbled')
        return super.byName(...args)
      }
    }
    const pool = new SlotPool({ slots: 4, slotBytes: 1 << 16 })
    const tables = new Stumbling()
    const partition = { kind: 'tags', tags: ['a'] } as const
    tables.setRoutes([{ id: 1, db: 'd', rp: '', measurement: null, partition }], () => ['v'])
    const writer = new LineWriter({ pool, tables, shards: 1 })
    const bad = Buffer.from('m,a=x v=1,w="s" 1\nstum\\ble v=1 1\nstumble v=2 2\n')
    expect(() => writer.scan(bad, 'd', '', 'n', 0n)).toThrow('stumbled')
    expect(pool.freeSlots()).toBe(4)
    const good = (time: number): Buffer => Buffer.from(`m,a=y v=${time} ${time}\n`)
    writer.begin('d', '', 'n', 0n)
    expect(writer.append(good(1), 0, good(1).length)).toBe(AppendResult.Ok)
    expect(() => writer.append(bad, 0, bad.length)).toThrow('stumbled')
    expect(writer.append(good(2), 0, good(2).length)).toBe(AppendResult.Ok)
    const prepared = writer.finish()
    expect(prepared.points).toBe(2)
    expect(readPrepared(pool, prepared, 1).map((r) => r.line)).toEqual(['m,a=y v=1 1', 'm,a=y v=2 2'])
    writer.discard(prepared)
    expect(pool.freeSlots()).toBe(4)
  })

  it('of all bad lines are joined, and nothing is kept', () => {
    const made = make()
    const { error } = scan('m v=1\nbad1\n# no\n  bad2 x\nm v=2\n', 'n', made)
    expect(error).toBe("unable to parse 'bad1': missing fields\nunable to parse 'bad2 x': invalid field format")
    expect(made.pool.freeSlots()).toBe(8)
    expect(made.tables.ingress()).toEqual([])
  })
})

describe('values', () => {
  it('a value runs to the next unquoted comma or blank', () => {
    expect(fieldsOf('m v="x""y",w="a"zz,x=1')).toEqual({ v: 'sx""y', w: 'sa"z', x: 'f1' })
    expect(fieldsOf('cpu v="a"\r\n')).toEqual({ v: 'sa"' })
  })

  it('of equal field keys the last one counts, type included', () => {
    const { rows } = scan('m v=5i,v=6\nm v=6,v="x"\n')
    expect(rows.map((r) => r.fields.v)).toEqual(['f6', 'sx'])
    expect(rows.map((r) => valueText(r.allFields.get('v')!))).toEqual(['f6', 'sx'])
  })

  it('integers and times beyond 2^53 are exact', () => {
    const { rows } = scan('m v=9007199254740993i 9007199254740993\nm v=-9223372036854775808i -9223372036854775806\n')
    expect(rows.map((r) => [r.fields.v, r.ns])).toEqual([
      ['i9007199254740993', 9007199254740993n],
      ['i-9223372036854775808', -9223372036854775806n],
    ])
  })

  it('an LF inside quotes, a backslash before one, and comments that open quotes', () => {
    expect(scan('m v="one\ntwo" 1\nm v="a\\\nb" 2\n').rows.map((r) => r.fields.v)).toEqual(['sone\ntwo', 'sa\\\nb'])
    expect(scan('# x="\nm v=1\n# y="\nm v=2\n').rows.map((r) => r.fields.v)).toEqual(['f2'])
  })

  it('lines without a time get one now, truncated to the precision', () => {
    expect(scan('m v=1\nm v=2').rows.map((r) => r.ns)).toEqual([1_700_000_000_999_999_999n, 1_700_000_000_999_999_999n])
    expect(scan('m v=1\n', 's').rows.map((r) => r.ns)).toEqual([1_700_000_000_000_000_000n])
  })

  it('an escaped and a plain spelling of a measurement are one table', () => {
    const { rows } = scan('a\\=b v=1\na=b v=2\n')
    expect(rows.map((r) => [r.table, r.fields.v])).toEqual([
      ['a=b', 'f1'],
      ['a=b', 'f2'],
    ])
  })
})

it('a schema is not forgotten while rows of it wait for publication', () => {
  const pool = new SlotPool({ slots: 4, slotBytes: 4096 })
  const forgotten: string[] = []
  const tables = new Tables({ cap: 10, onForget: (s) => forgotten.push(s.name) })
  tables.setRoutes([{ id: 1, db: 'd', rp: '', measurement: 'm', partition: { kind: 'tags', tags: [] } }], () => [])
  const writer = new LineWriter({ pool, tables, shards: 1 })
  const prepare = () => {
    const prepared = writer.scan(Buffer.from('m v=1\n'), 'd', '', 'n', 1n)
    if (prepared === 'no-slot' || prepared.kind === 'failure') throw new Error('not prepared')
    return prepared
  }
  const first = prepare()
  const second = prepare()
  tables.setRoutes([], () => [])
  for (let i = 0; i < 50; i++) tables.byName(tables.scope('d', ''), `x${i}`)
  writer.published(first)
  expect(forgotten).toEqual([])
  writer.discard(second)
  expect(forgotten).toEqual(['m'])
})

describe('limits', () => {
  it('a line longer than allowed is an error of the request', () => {
    const made = make(8, 1 << 16, 100)
    const { error } = scan(`m v=1\nm v="${'x'.repeat(200)}"\n`, 'n', made)
    expect(error).toContain('line too long: 206 bytes, allowed are 100')
    expect(made.pool.freeSlots()).toBe(8)
  })

  it('a line that fits in no slot is one too', () => {
    const made = make(4, 1024, 4096)
    expect(scan(`m v="${'x'.repeat(2000)}"\n`, 'n', made).error).toContain('line too long')
    expect(made.pool.freeSlots()).toBe(4)
  })

  it('comments and blanks take no room in a slot', () => {
    const made = make(1, 1024)
    const body = `m,a=x v=1 1\n# ${'c'.repeat(3000)}\n${'\n'.repeat(3000)}m,a=y v=2 2\n# ${'c'.repeat(3000)}`
    expect(scan(body, 'n', made).rows.map((r) => r.line)).toEqual(['m,a=x v=1 1', 'm,a=y v=2 2'])
  })

  it('a request beyond all slots is refused for good, one beyond the free slots only for now', () => {
    const made = make(2, 1024, 512)
    const body = 'm,a=b v=1 1\n'.repeat(60)
    expect(scan(body, 'n', made).error).toContain('request too large')
    const held = made.pool.acquire()
    expect(made.writer.scan(Buffer.from('m v=1\n'.repeat(30)), 'd', '', 'n', 1n)).toBe('no-slot')
    made.pool.discard(held)
    expect(made.pool.freeSlots()).toBe(2)
  })

  it('a request that nobody reads leaves the slots of earlier ones alone', () => {
    const { pool, writer } = make()
    const first = writer.scan(Buffer.from('cpu,a=x v=2 1'), 'd', '', 'n', 0n)
    if (first === 'no-slot' || first.kind === 'failure') throw new Error('refused')
    const before = pool.bytes.slice()
    const other = writer.scan(Buffer.from('cpu,a=x v=3 2'), 'unread', '', 'n', 0n)
    if (other === 'no-slot' || other.kind === 'failure') throw new Error('refused')
    expect(other).toMatchObject({ slots: [], unmatched: 1 })
    expect(Buffer.compare(pool.bytes, before)).toBe(0)
  })

  it('lines of tables nobody reads are validated and counted, and need no slot', () => {
    const made = make(1)
    made.pool.acquire()
    const result = made.writer.scan(Buffer.from('m v=1\nm v=2\n'), 'other', '', 'n', 1n)
    expect(result).toMatchObject({ kind: 'prepared', points: 2, unmatched: 2, slots: [] })
    expect(made.writer.scan(Buffer.from('m v=x\n'), 'other', '', 'n', 1n)).toMatchObject({ kind: 'failure' })
  })

  it('a request of more measurements than batches can be published is an error, more datagrams wait', () => {
    const pool = new SlotPool({ slots: 8, slotBytes: 1 << 16 })
    const tables = new Tables()
    tables.setRoutes([{ id: 1, db: 'd', rp: '', measurement: null, partition: { kind: 'tags', tags: [] } }], () => [])
    const writer = new LineWriter({ pool, tables, shards: 1, maxBatches: 10 })
    const lines = (n: number): Buffer => Buffer.from(Array.from({ length: n }, (_, i) => `m${i} v=1\n`).join(''))
    expect(writer.scan(lines(11), 'd', '', 'n', 1n)).toMatchObject({
      kind: 'failure',
      error: expect.stringContaining('more than 10 batches'),
    })
    expect(writer.scan(lines(10), 'd', '', 'n', 1n)).toMatchObject({ kind: 'prepared', points: 10 })
    expect(writer.begin('d', '', 'n', 1n)).toBe(true)
    expect(writer.append(lines(6), 0, lines(6).length)).toBe(AppendResult.Ok)
    expect(writer.append(lines(12), 0, lines(12).length)).toBe(AppendResult.NoSlot)
    expect(writer.append(lines(6), 0, lines(6).length)).toBe(AppendResult.Ok)
    expect(writer.finish()).toMatchObject({ points: 12 })
  })
})
