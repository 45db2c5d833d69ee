import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppendResult, LineWriter } from '../../src/ingest/line-writer.js'
import { Tables } from '../../src/ingest/tables.js'
import { SlotPool } from '../../src/transport/slots.js'
import { readPrepared } from './batch-reader.js'
import { refParse } from './scanner-reference.js'

const shards = 2

function setup(slots: number, slotBytes: number, measurement: string | null) {
  const pool = new SlotPool({ slots, slotBytes })
  const tables = new Tables()
  const partition = { kind: 'tags', tags: ['t'] } as const
  tables.setRoutes([{ id: 1, db: 'db', rp: '', measurement, partition }], () => ['v', 's'])
  return { pool, tables, writer: new LineWriter({ pool, tables, shards, maxLineBytes: 400 }) }
}

const line = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(9), fc.constantFrom('1', '2i', '"x\\"y"', '"long long text"', 't'))
  .map(([m, t, v]) => `${m},t=x\\ ${t} v=${v},s=${v} ${t}`)
const bad = fc.constantFrom('bad', 'a v=x', 'b,t=1,t=2 v=1', '# v="', 'c v=1 12x', `a v="${'y'.repeat(500)}"`)
const blank = fc.nat(3000).map((n) => (n % 2 === 0 ? `# ${'c'.repeat(n)}` : ' '.repeat(n)))
const datagram = fc
  .array(fc.oneof({ weight: 24, arbitrary: line }, { weight: 2, arbitrary: bad }, { weight: 1, arbitrary: blank }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((lines) => lines.join('\n'))

describe('appends of many datagrams', () => {
  it('keep exactly the rows of the good ones, in order per table', () => {
    const configs = [setup(600, 2048, null), setup(80, 8192, 'b'), setup(8, 1 << 20, null)]
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 25 }), fc.nat(configs.length - 1), (datagrams, i) => {
        const { pool, writer, tables } = configs[i]
        expect(writer.begin('db', '', 'n', 5n)).toBe(true)
        const expected: string[] = []
        let points = 0
        for (const d of datagrams) {
          const ref = refParse(d, 'n')
          const tooLong = ref.points.some((p) => p.line.length > 400)
          const bytes = Buffer.from(`..${d}\n..`)
          const result = writer.append(bytes, 2, bytes.length - 2)
          expect(result).toBe(ref.errors.length > 0 || tooLong ? AppendResult.Failed : AppendResult.Ok)
          if (result !== AppendResult.Ok) continue
          points += ref.points.length
          for (const p of ref.points) if (i !== 1 || p.name === 'b') expected.push(`${p.name} ${p.line}`)
        }
        const prepared = writer.finish()
        const rows = readPrepared(pool, prepared, shards).map((r) => `${r.table} ${r.line}`)
        writer.published(prepared)
        writer.discard(prepared)
        expect(prepared.points).toBe(points)
        expect(prepared.points - prepared.unmatched).toBe(rows.length)
        for (const m of ['a ', 'b ', 'c '])
          expect(rows.filter((r) => r.startsWith(m))).toEqual(expected.filter((r) => r.startsWith(m)))
        expect(pool.freeSlots()).toBe(pool.slots)
        expect([...tables].every((t) => t.stage === null && t.pending === 0)).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  it('a lack of slots takes nothing of the append that met it', () => {
    fc.assert(
      fc.property(
        fc.array(datagram, { minLength: 5, maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        (datagrams, slots) => {
          const { pool, writer } = setup(slots, 2048, null)
          const expected: string[] = []
          expect(writer.begin('db', '', 'n', 5n)).toBe(true)
          for (const d of datagrams) {
            const bytes = Buffer.from(d)
            const result = writer.append(bytes, 0, bytes.length)
            if (result === AppendResult.NoSlot) break
            if (result === AppendResult.Ok) expected.push(...refParse(d, 'n').points.map((p) => p.line))
          }
          const prepared = writer.finish()
          expect(
            readPrepared(pool, prepared, shards)
              .map((r) => r.line)
              .sort(),
          ).toEqual(expected.sort())
          writer.discard(prepared)
          expect(pool.freeSlots()).toBe(slots)
        },
      ),
      { numRuns: 500 },
    )
  })
})
