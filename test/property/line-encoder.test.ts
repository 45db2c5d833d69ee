/** What the encoder writes is what the parser of lines reads: names, values, int64 and ns, wherever the cells come from. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Chunk, RestRows } from '../../src/columns/chunk.js'
import { LineRows, readLineFields, readLineTags } from '../../src/columns/line-rows.js'
import { EscapeSet, LineTokens, textAt } from '../../src/columns/line-tokens.js'
import { PackedRows, packRow } from '../../src/columns/packed-rows.js'
import { RowScratch } from '../../src/columns/row-scratch.js'
import type { Value } from '../../src/columns/values.js'
import { checkLine, lineEnd } from '../../src/ingest/line-grammar.js'
import { LineEncoder } from '../../src/operators/outside/line-encoder.js'
import { Harness, type TestRow } from '../unit/operators/harness.js'

// A backslash before a character that needs an escape is ambiguous in line protocol itself.
const nameText = fc
  .array(fc.constantFrom('a', 'b', 'é', '😀', ' ', ',', '=', '"', '#', '1'), { minLength: 1, maxLength: 4 })
  .map((c) => c.join(''))
const name = nameText.filter((s) => !s.startsWith('#'))
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer(),
  fc.boolean(),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', ' ', ',', '=', '\n', 'ü', '😀'), maxLength: 6 }),
)
const row: fc.Arbitrary<TestRow> = fc.record({
  name: fc.constant('m'),
  tags: fc.dictionary(nameText, nameText, { maxKeys: 4 }).map((o) => new Map(Object.entries(o))),
  fields: fc
    .array(fc.tuple(nameText, value), { minLength: 1, maxLength: 5 })
    .map((pairs) => new Map<string, Value>(pairs)),
  ns: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
})

interface Parsed {
  readonly name: string
  readonly tags: [string, string][]
  readonly fields: [string, Value][]
  readonly ns: bigint
}

/** Every line of a body, checked and read as the server reads them. */
function parse(bytes: Uint8Array): Parsed[] {
  const out: Parsed[] = []
  const checked = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  const tokens = new LineTokens()
  for (let at = 0; at < bytes.length; ) {
    const end = lineEnd(bytes, at, bytes.length)
    expect(checkLine(bytes, at, end, 'n', checked)).toBe('')
    tokens.readKey(bytes, at, end)
    const tags = new Map<string, string>()
    readLineTags(bytes, at, end, tags)
    const fields = new Map<string, Value>()
    readLineFields(bytes, at, end, fields)
    const ns = (BigInt(checked.time[1]) << 32n) | BigInt(checked.time[0] >>> 0)
    out.push({ name: textAt(bytes, at, tokens.nameEnd, EscapeSet.Name), tags: [...tags], fields: [...fields], ns })
    at = end + 1
  }
  return out
}

function encode(chunk: Chunk, measurement: string): Uint8Array {
  const encoder = new LineEncoder({ measurement, tags: [], unit: 1, durations: 'text' })
  encoder.begin(chunk)
  for (let r = 0; r < chunk.n; r++) expect(encoder.append(r, 0), encoder.refusal).toBe(true)
  return encoder.out.bytes.slice(0, encoder.out.length)
}

/** The chunk with all its cells in another kind of rest. */
function withRest(chunk: Chunk, rest: RestRows): Chunk {
  const c = chunk.derive()
  c.fields = []
  c.tags = []
  c.rest = rest
  return c
}

const byBytes = (a: [string, unknown], b: [string, unknown]): number =>
  Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]))

describe('line encoder', () => {
  it('round trip, from columns, boxed rests, packed rows and lines', () => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 5 }),
        name,
        fc.subarray(['a', 'b', ' ', '1']),
        (rows, m, reads) => {
          const chunk = new Harness().feed({ reads }).chunk(rows)
          const bytes = encode(chunk, m)
          expect(parse(bytes)).toEqual(
            rows.map((r) => ({
              name: m,
              tags: [...r.tags].sort(byBytes),
              fields: [...r.fields].sort(byBytes),
              ns: r.ns,
            })),
          )

          const all = new Harness().feed().chunk(rows)
          all.rest = null
          expect(encode(all, m)).toEqual(bytes)

          const packed = new PackedRows()
          const scratch = new RowScratch()
          const whole = { fields: true, tags: true, skipFields: [], skipTags: [] }
          for (let r = 0; r < rows.length; r++) {
            const length = packRow(chunk, r, 0, whole, scratch)
            packed.set(r, scratch.bytes, 0, length)
          }
          expect(encode(withRest(chunk, packed), m)).toEqual(bytes)

          const starts: number[] = []
          for (let at = 0; at < bytes.length; at = lineEnd(bytes, at, bytes.length) + 1) starts.push(at)
          const lengths = starts.map((at) => lineEnd(bytes, at, bytes.length) - at)
          const lines = new LineRows().reset(bytes, 0, Int32Array.from(starts), Int32Array.from(lengths))
          expect(encode(withRest(chunk, lines), m)).toEqual(bytes)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
