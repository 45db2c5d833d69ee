import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../../../src/columns/column.js'
import { LineRows } from '../../../../src/columns/line-rows.js'
import { PackedRows, packRow } from '../../../../src/columns/packed-rows.js'
import { RowScratch } from '../../../../src/columns/row-scratch.js'
import { LineEncoder, type LineEncoderOptions } from '../../../../src/operators/outside/line-encoder.js'
import { Harness, parseRow } from '../harness.js'

const plain: LineEncoderOptions = { measurement: '', tags: [], unit: 1, durations: 'text' }
const whole = { fields: true, tags: true, skipFields: [], skipTags: [] }

function text(encoder: LineEncoder): string {
  const { out } = encoder
  const s = Buffer.from(out.bytes.subarray(0, out.length)).toString()
  out.reset()
  return s
}

/** The rows as the harness writes them, encoded. */
function encode(rows: readonly string[], options: Partial<LineEncoderOptions> = {}, reads?: readonly string[]): string {
  const encoder = new LineEncoder({ ...plain, ...options })
  const chunk = new Harness().feed({ reads }).chunk(rows.map(parseRow))
  encoder.begin(chunk)
  for (let r = 0; r < chunk.n; r++) encoder.append(r, 0)
  return text(encoder)
}

/** A line of line protocol, encoded from its own bytes. */
function recode(line: string, options: Partial<LineEncoderOptions> = {}, packed = false): string {
  const encoder = new LineEncoder({ ...plain, ...options })
  const chunk = new Harness().feed({ reads: [] }).chunk([parseRow('m @1')])
  const bytes = encodeUtf8(`# first\n${line}`)
  const lines = new LineRows().reset(bytes, 8, Int32Array.of(0), Int32Array.of(bytes.length - 8))
  chunk.rest = lines
  if (packed) {
    const scratch = new RowScratch()
    const rows = new PackedRows()
    rows.set(0, scratch.bytes, 0, packRow(chunk, 0, 0, whole, scratch))
    rows.set(0, scratch.bytes, 0, packRow(chunk, 0, 0, whole, scratch))
    chunk.rest = rows
  }
  encoder.begin(chunk)
  expect(encoder.append(0, 0), encoder.refusal).toBe(true)
  return text(encoder)
}

describe('values', () => {
  it.each([
    ['m v=1 @1', 'm v=1 1000000000\n'],
    ['m v=-0.5 @1', 'm v=-0.5 1000000000\n'],
    ['m v=1e21 @1', 'm v=1000000000000000000000 1000000000\n'],
    ['m v=1e-7 @1', 'm v=0.0000001 1000000000\n'],
    ['m v=9007199254740993i @9007199254740993n', 'm v=9007199254740993i 9007199254740993\n'],
    ['m v=-9223372036854775808i @1', 'm v=-9223372036854775808i 1000000000\n'],
    ['m v=9223372036854775807i @1', 'm v=9223372036854775807i 1000000000\n'],
    ['m v=-12i @1', 'm v=-12i 1000000000\n'],
    ['m v=true,w=false @1', 'm v=true,w=false 1000000000\n'],
    ['m v="a\\"b\\\\" @1', 'm v="a\\"b\\\\" 1000000000\n'],
    ['m v=1 @-1', 'm v=1 -1000000000\n'],
    ['m v=1 @0', 'm v=1 0\n'],
    ['m v=1 @1n', 'm v=1 1\n'],
    ['m v=90000000000d @1', 'm v="1m30s" 1000000000\n'],
    ['m v=1500000000t @1', 'm v="1970-01-01 00:00:01.5 +0000 UTC" 1000000000\n'],
  ])('%s', (row, line) => {
    expect(encode([row])).toBe(line)
    expect(encode([row], {}, [])).toBe(line)
  })

  it('writes durations as integers where asked to', () => {
    expect(encode(['m v=90000000000d @1'], { durations: 'ns' })).toBe('m v=90000000000i 1000000000\n')
  })

  it.each([
    [1, '-1500000001'],
    [1_000, '-1500000'],
    [1_000_000, '-1500'],
    [1_000_000_000, '-1'],
    [60_000_000_000, '0'],
  ] as const)('cuts times to %d ns towards zero', (unit, time) => {
    expect(encode(['m v=1 @-1500000001n'], { unit })).toBe(`m v=1 ${time}\n`)
    expect(encode(['m v=1 @1500000001n'], { unit })).toBe(`m v=1 ${time.replace('-', '')}\n`)
  })
})

describe('rows', () => {
  it('sorts tags and fields, wherever they come from', () => {
    const row = 'm,z=1,a=2,k=3 y=1,b=2i,x=true @1'
    const line = 'm,a=2,k=3,z=1 b=2i,x=true,y=1 1000000000\n'
    for (const reads of [undefined, [], ['k', 'x'], ['z', 'b', 'a']]) expect(encode([row], {}, reads)).toBe(line)
  })

  it('sets the measurement and tags over the row’s own', () => {
    const tags = [
      ['src', 'loop'],
      ['h', ''],
    ] as const
    expect(encode(['m,h=a,src=x v=1 @1'], { measurement: 'n', tags })).toBe('n,src=loop v=1 1000000000\n')
    expect(encode(['m,h=a,src=x v=1 @1'], { measurement: 'n', tags }, [])).toBe('n,src=loop v=1 1000000000\n')
  })

  it('leaves out null, missing, NaN and infinite fields, and counts them', () => {
    const encoder = new LineEncoder(plain)
    const chunk = new Harness().feed().chunk([parseRow('m a=null,b=1,c=NaN,d=Infinity @1')])
    encoder.begin(chunk)
    expect(encoder.append(0, 0)).toBe(true)
    expect(encoder.skipped).toBe(3)
    expect(text(encoder)).toBe('m b=1 1000000000\n')
  })

  it.each([
    ['m a=null @1', {}, 'no field can be written'],
    ['m,h=a @1', {}, 'no field can be written'],
    ['m v=1 @1', { tags: [['h', 'a\\']] }, 'a tag value ends in a backslash'],
    ['m v=1 @1', { tags: [['h', 'a\nb']] }, 'line feed in a tag value'],
    ['m v=1 @1', { tags: [['h\\', 'a']] }, 'the name of a tag ends in a backslash'],
    ['m v=1 @1', { tags: [['', 'a']] }, 'a tag without a name'],
    ['m v=1 @1', { measurement: '#m' }, 'a measurement that starts with # would be a comment'],
    ['m v=1 @1', { measurement: 'm\\' }, 'the measurement ends in a backslash'],
  ] as const)('refuses %s with %j', (row, options, why) => {
    const encoder = new LineEncoder({ ...plain, ...options })
    const chunk = new Harness().feed().chunk([parseRow('m v=1 @1'), parseRow(row)])
    encoder.begin(chunk)
    const first = encoder.append(0, 0)
    const before = encoder.out.length
    expect(encoder.append(1, 0)).toBe(false)
    expect(encoder.refusal).toBe(why)
    expect(encoder.out.length).toBe(first ? before : 0)
  })

  it('escapes names and values', () => {
    const options = { measurement: 'a b,c=d"', tags: [['k =,', 'v =,"']] as const }
    expect(encode(['m v=1 @1'], options)).toBe('a\\ b\\,c=d",k\\ \\=\\,=v\\ \\=\\," v=1 1000000000\n')
  })

  it('writes the tags of the group only, where rows have no others', () => {
    const encoder = new LineEncoder({ ...plain, tags: [['h', 'x']] })
    const feed = new Harness().feed({ dims: ['h', 'k', 'z'] })
    const chunk = feed.chunk(['m,h=a,k=b,o=c v=1 @1', 'm,z=1 v=2 @2'].map(parseRow))
    chunk.tags = []
    chunk.rest = null
    chunk.groupTags = true
    encoder.begin(chunk)
    for (let r = 0; r < 2; r++) encoder.append(r, chunk.groups[r])
    expect(text(encoder)).toBe('m,h=x,k=b v=1 1000000000\nm,h=x,z=1 v=2 2000000000\n')
  })

  it('writes the tags of groups by *', () => {
    const encoder = new LineEncoder(plain)
    const feed = new Harness().feed({ dims: null, byName: true })
    const chunk = feed.chunk(['m,k=b,h=a v=1 @1'].map(parseRow))
    chunk.tags = []
    chunk.rest = null
    chunk.groupTags = true
    encoder.begin(chunk)
    encoder.append(0, chunk.groups[0])
    expect(text(encoder)).toBe('m,h=a,k=b v=1 1000000000\n')
  })

  it('does not show hidden names', () => {
    const encoder = new LineEncoder(plain)
    const chunk = new Harness().feed({ reads: ['a'] }).chunk([parseRow('m,h=1,k=2 a=1,b=2,c=3 @1')])
    const out = chunk.derive()
    for (const f of ['a', 'b']) out.hideField(f)
    out.hideTag('h')
    encoder.begin(out)
    encoder.append(0, 0)
    expect(text(encoder)).toBe('m,k=2 c=3 1000000000\n')
  })
})

describe('lines and packed rows', () => {
  it.each([
    ['m,b=1,a=2 v=1,u=2i 5', 'm,a=2,b=1 u=2i,v=1 1000000000\n'],
    [
      'm,h\\ x=a\\,b\\=c\\ d f\\ g="x, \\"y\\" \\\\ =" 5',
      'm,h\\ x=a\\,b\\=c\\ d f\\ g="x, \\"y\\" \\\\ =" 1000000000\n',
    ],
    ['m a=T,b=f,c=True,d=FALSE', 'm a=true,b=false,c=true,d=false 1000000000\n'],
    [
      'm a=1.50,b=1e3,c=-.5,d=5.,e=007,f=0.1,g=-0,h=12345678901234567890',
      'm a=1.5,b=1000,c=-0.5,d=5,e=7,f=0.1,g=-0,h=12345678901234567000 1000000000\n',
    ],
    ['m a=007i,b=-0i,c=9007199254740993i,d=0i,e=-5i', 'm a=7i,b=0i,c=9007199254740993i,d=0i,e=-5i 1000000000\n'],
    ['m,h=a\\b v="c\\d"', 'm,h=a\\b v="c\\\\d" 1000000000\n'],
    ['m v=1,v=2', 'm v=2 1000000000\n'],
  ])('%s', (line, expected) => {
    expect(recode(line)).toBe(expected)
    expect(recode(line, {}, true)).toBe(expected)
    // What was written reads as it was written.
    expect(recode(expected.trimEnd())).toBe(expected)
  })

  it('sets tags over those of the line', () => {
    for (const packed of [false, true]) {
      expect(recode('m,a=1,h=x,z=2 v=1', { tags: [['h', 'y']] }, packed)).toBe('m,a=1,h=y,z=2 v=1 1000000000\n')
    }
  })
})
