/** What is recorded of written points is read back as the same points, however the file is cut. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLineFields, readLineTags } from '../../src/columns/line-rows.js'
import { EscapeSet, LineTokens, textAt } from '../../src/columns/line-tokens.js'
import type { Value } from '../../src/columns/values.js'
import { WriteTap } from '../../src/ingest/write-tap.js'
import { RecordingFile } from '../../src/recordings/recording-file.js'
import { RecordingReader } from '../../src/recordings/replay-reader.js'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-recording-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Point {
  readonly db: string
  readonly rp: string
  readonly name: string
  readonly tags: readonly (readonly [string, string])[]
  readonly text: string
  readonly value: number
  readonly timeNs: bigint
}

const escaped = (s: string): string => s.replace(/[, =]/g, (c) => `\\${c}`)
/** No backslashes at the end: they would escape what follows. */
const word = fc
  .string({ unit: fc.constantFrom('a', 'ß', ',', ' ', '=', '"', '😀'), minLength: 1, maxLength: 6 })
  .filter((s) => !s.startsWith('#'))
const point: fc.Arbitrary<Point> = fc.record({
  db: fc.constantFrom('db', 'dä tä'),
  rp: fc.constantFrom('', 'rp'),
  name: word.map((w) => `m${w}`),
  tags: fc.uniqueArray(fc.tuple(word, word), { selector: ([k]) => k, maxLength: 3 }),
  text: fc.string({ unit: fc.constantFrom('x', ' ', '\n', '"', '\\', ',', '=', '#', 'é'), maxLength: 12 }),
  value: fc.double({ noNaN: true, noDefaultInfinity: true }),
  timeNs: fc.bigInt({ min: -9_000_000_000_000_000_000n, max: 9_000_000_000_000_000_000n }),
})

function lineOf(p: Point): string {
  const tags = p.tags.map(([k, v]) => `,${escaped(k)}=${escaped(v)}`).join('')
  const text = p.text.replace(/["\\]/g, (c) => `\\${c}`)
  return `${escaped(p.name)}${tags} s="${text}",v=${p.value} ${p.timeNs}`
}

interface Read {
  readonly db: string
  readonly rp: string
  readonly name: string
  readonly tags: ReadonlyMap<string, string>
  readonly fields: ReadonlyMap<string, Value>
  readonly timeNs: bigint
}

function decode(db: string, rp: string, line: Uint8Array, timeNs: bigint): Read {
  const tokens = new LineTokens()
  tokens.readKey(line, 0, line.length)
  const tags = new Map<string, string>()
  const fields = new Map<string, Value>()
  readLineTags(line, 0, line.length, tags)
  readLineFields(line, 0, line.length, fields)
  return { db, rp, name: textAt(line, 0, tokens.nameEnd, EscapeSet.Name), tags, fields, timeNs }
}

describe('recordings', () => {
  it('hold exactly the points that were written', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(point, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        async (points, cut) => {
          const path = join(dir, `${run++}.srpl`)
          const dbrps = ['db', 'dä tä'].flatMap((db) => ['', 'rp'].map((rp) => ({ db, rp })))
          const file = new RecordingFile({ path, dbrps, measurements: null, stopNs: 2n ** 63n, ended: () => {} })
          const tap = new WriteTap((err) => {
            throw err
          })
          tap.add(file)
          for (const p of points) tap.published(p.db, p.rp, 'n', 0n, Buffer.from(`# comment\n  ${lineOf(p)}\n`))
          tap.remove(file)
          expect(tap.size).toBe(0)
          expect(await file.close()).toBe('')
          const text = gunzipSync(readFileSync(path))
          const reader = new RecordingReader()
          const read: Read[] = []
          for (let at = 0; at <= text.length; at += cut) {
            const part = text.subarray(at, at + cut)
            for (const p of reader.read(part, at + cut > text.length)) {
              read.push(decode(p.db, p.rp, p.bytes.slice(p.start, p.end), p.timeNs))
            }
          }
          const written = points.map((p) => decode(p.db, p.rp, Buffer.from(lineOf(p)), p.timeNs))
          expect(read).toEqual(written)
        },
      ),
      { numRuns: 300 },
    )
  })
})
