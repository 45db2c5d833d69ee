/**
 * InfluxQL functions against a recalculation with boxed values, and stream input against batch input: rows of one time on a
 * stream give what a batch of them gives.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { influxqlEntries } from '../../src/operators/influxql/influxql-defs.js'
import type { ScriptValue } from '../../src/tickscript/node-def.js'
import { Collector, connect, Harness, plan, valueText } from '../unit/operators/harness.js'

type Cell = bigint | number | string | boolean | undefined

interface TestPoint {
  readonly h: string
  readonly v: Cell
  readonly at: number
}

const cellArb: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -20, max: 20 }).map((v) => v / 4) },
  { weight: 1, arbitrary: fc.constantFrom('a', 'ab', 'b') },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 1, arbitrary: fc.constant(undefined) },
)
const intArb: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 5 }).map(BigInt) },
  { weight: 1, arbitrary: fc.constantFrom(9007199254740993n, 9007199254740992n, -(2n ** 63n), 2n ** 63n - 1n) },
  { weight: 1, arbitrary: fc.constantFrom(1.5, undefined, 's') },
)
const stringArb: fc.Arbitrary<Cell> = fc.constantFrom('a', 'ab', 'b', 'é', 1.5)
const boolArb: fc.Arbitrary<Cell> = fc.oneof(fc.boolean(), fc.boolean(), fc.constant(1n))

const pointsArb = fc.oneof(
  ...[cellArb, intArb, stringArb, boolArb].map((cell) =>
    fc.array(fc.record({ h: fc.constantFrom('x', 'y', 'z'), v: cell, at: fc.integer({ min: 0, max: 9 }) }), {
      maxLength: 25,
    }),
  ),
)

const kind = (v: Cell): string => (v === undefined ? 'missing' : typeof v)

/** The usable points of a batch and the number of the others. */
function usable(points: readonly TestPoint[], all: boolean): { points: TestPoint[]; errors: number; type: string } {
  let type = ''
  const out: TestPoint[] = []
  let errors = 0
  for (const p of points) {
    const k = kind(p.v)
    if (type === '' && (k === 'number' || k === 'bigint' || (all && k !== 'missing'))) type = k
    if (type !== '' && k === type) out.push(p)
    else errors++
  }
  return { points: out, errors, type }
}

const wrap = (v: bigint): bigint => BigInt.asIntN(64, v)
const less = (a: Cell, b: Cell): boolean =>
  typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(b as string)) < 0 : a! < b!
const byValue = (a: TestPoint, b: TestPoint): number => (less(a.v, b.v) ? -1 : less(b.v, a.v) ? 1 : 0)

/** Value text of an aggregate, or null when nothing is emitted. */
const aggregate: Record<string, (p: TestPoint[], type: string) => string | null> = {
  count: (p) => `${p.length}i`,
  sum: (p, type) =>
    type === 'bigint'
      ? `${wrap(p.reduce((s, x) => s + (x.v as bigint), 0n))}i`
      : valueText(p.reduce((s, x) => s + (x.v as number), 0)),
  mean: (p, type) => {
    if (p.length === 0) return null
    const sum =
      type === 'bigint'
        ? Number(wrap(p.reduce((s, x) => s + (x.v as bigint), 0n)))
        : p.reduce((s, x) => s + (x.v as number), 0)
    return valueText(sum / p.length)
  },
  spread: (p, type) => {
    if (p.length === 0) return null
    const sorted = [...p].sort(byValue)
    const [lo, hi] = [sorted[0].v, sorted[sorted.length - 1].v]
    return type === 'bigint' ? `${wrap((hi as bigint) - (lo as bigint))}i` : valueText((hi as number) - (lo as number))
  },
  median: (p, type) => {
    if (p.length === 0) return null
    const v = [...p].sort(byValue).map((x) => x.v)
    const mid = v.length >> 1
    if (v.length % 2 === 1) return valueText(Number(v[mid]))
    if (type !== 'bigint') return valueText((v[mid - 1] as number) + ((v[mid] as number) - (v[mid - 1] as number)) / 2)
    return valueText(Number(v[mid - 1]) + Number(wrap((v[mid] as bigint) - (v[mid - 1] as bigint))) / 2)
  },
}

/** The chosen point, or null. Ties that the original leaves open are decided by the first in arrival. */
const selector: Record<string, (p: TestPoint[]) => TestPoint | null> = {
  min: (p) => best(p, (a, b) => byValue(a, b) || a.at - b.at),
  max: (p) => best(p, (a, b) => byValue(b, a) || a.at - b.at),
  first: (p) => best(p, (a, b) => a.at - b.at || (typeof a.v === 'boolean' ? byValue(a, b) : byValue(b, a))),
  last: (p) => best(p, (a, b) => b.at - a.at || byValue(b, a)),
}

function best(p: TestPoint[], order: (a: TestPoint, b: TestPoint) => number): TestPoint | null {
  let out: TestPoint | null = null
  for (const x of p) if (out === null || order(x, out) < 0) out = x
  return out
}

const cellText = (v: Cell): string => (v === undefined ? 'w=1' : `v=${valueText(v)}`)
const line = (p: TestPoint): string => `m,g=1,h=${p.h} ${cellText(p.v)} @${p.at}`

function run(method: string, args: ScriptValue[], props: Record<string, ScriptValue>) {
  const h = new Harness()
  const entry = influxqlEntries.find((e) => e.def.method === method)!
  const ctx = h.context()
  const op = entry.create!(plan(entry.def, args, props, { groupedBy: ['g'] }), ctx)
  const out = new Collector(h)
  connect(op, out)
  return { ctx, op, out, feed: h.feed({ dims: ['g'] }) }
}

const takesAll = new Set(['count', 'first', 'last', 'distinct'])

describe('InfluxQL functions', () => {
  for (const method of Object.keys(aggregate)) {
    it(`${method} is what a recalculation gives`, () => {
      fc.assert(
        fc.property(pointsArb, (points) => {
          const { ctx, op, out, feed } = run(method, ['v'], {})
          feed.batch(op, 'm,g=1', 10, points.map(line))
          const set = usable(points, takesAll.has(method))
          const value = aggregate[method](set.points, set.type)
          expect(out.take()).toEqual(value === null ? [] : [`m,g=1 ${method}=${value} @10`])
          expect(ctx.errorCount).toBe(set.errors)
        }),
      )
    })
  }

  for (const method of Object.keys(selector)) {
    it(`${method} chooses what a recalculation chooses`, () => {
      fc.assert(
        fc.property(pointsArb, (points) => {
          const { ctx, op, out, feed } = run(method, ['v'], { usePointTimes: true })
          feed.batch(op, 'm,g=1', 10, points.map(line))
          const set = usable(points, takesAll.has(method))
          const p = selector[method](set.points)
          expect(out.take()).toEqual(p === null ? [] : [`m,g=1,h=${p.h} ${method}=${valueText(p.v!)} @${p.at}`])
          expect(ctx.errorCount).toBe(set.errors)
        }),
      )
    })
  }

  it('percentile has the value at its rank', () => {
    fc.assert(
      fc.property(pointsArb, fc.integer({ min: -10, max: 120 }), (points, p) => {
        const { op, out, feed } = run('percentile', ['v', p], {})
        feed.batch(op, 'm,g=1', 10, points.map(line))
        const values = usable(points, false).points.sort(byValue)
        const rank = Math.floor((values.length * p) / 100 + 0.5) - 1
        const found = out.take().map((s) => /percentile=(\S+)/.exec(s)![1])
        expect(found).toEqual(rank >= 0 && rank < values.length ? [valueText(values[rank].v!)] : [])
      }),
    )
  })

  it('stddev is the sample deviation', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 }), (values) => {
        const { op, out, feed } = run('stddev', ['v'], {})
        feed.batch(
          op,
          'm,g=1',
          10,
          values.map((v, i) => `m,g=1 v=${v + 1e9} @${i}`),
        )
        const mean = values.reduce((a, b) => a + b, 0) / values.length
        const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0)
        const expected = values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1))
        expect(Number(/stddev=(\S+)/.exec(out.take()[0])![1])).toBeCloseTo(expected, 5)
      }),
    )
  })

  it('top and bottom with names keep the best of each combination', () => {
    fc.assert(
      fc.property(pointsArb, fc.integer({ min: 0, max: 5 }), fc.boolean(), (points, n, isTop) => {
        const { op, out, feed } = run(isTop ? 'top' : 'bottom', [BigInt(n), 'v', 'h'], { usePointTimes: true, as: 'r' })
        feed.batch(op, 'm,g=1', 10, points.map(line))
        const order = (a: TestPoint, b: TestPoint): number => (isTop ? byValue(b, a) : byValue(a, b)) || a.at - b.at
        const perTag = new Map<string, TestPoint>()
        for (const p of usable(points, false).points) {
          const other = perTag.get(p.h)
          if (other === undefined || order(p, other) < 0) perTag.set(p.h, p)
        }
        const rows = [...perTag.values()]
          .sort(order)
          .slice(0, n)
          .sort((a, b) => a.at - b.at)
          .map((p) => `r=${valueText(p.v!)}@${p.at}`)
        // Which of several combinations with one value and time are chosen is another test's matter.
        const got = out.take()
        expect(got.map((s) => s.replaceAll(/h=. /g, ''))).toEqual(
          rows.length === 0 ? [] : [`m,g=1 {tmax=10 | ${rows.join(', ')}}`],
        )
        for (const [row, h] of got.join().matchAll(/h=(.) [^,}]*/g)) {
          const { v, at } = perTag.get(h)!
          expect(row).toBe(`h=${h} r=${valueText(v!)}@${at}`)
        }
      }),
    )
  })
})

describe('stream input', () => {
  it('of one time gives what a batch gives', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...influxqlEntries.map((e) => e.def.method)),
        pointsArb,
        fc.boolean(),
        (method, points, usePointTimes) => {
          const args: ScriptValue[] =
            method === 'percentile' ? ['v', 50] : method === 'top' || method === 'bottom' ? [2n, 'v', 'h'] : ['v']
          const rows = points.map((p) => line({ ...p, at: 7 }))
          const stream = run(method, args, { usePointTimes })
          stream.feed.rows(stream.op, rows)
          stream.feed.rows(stream.op, ['m,g=1 v=1 @8'])
          const batch = run(method, args, { usePointTimes })
          batch.feed.batch(batch.op, 'm,g=1', 7, rows)
          // A batch without usable rows gives count and sum 0; a stream has nothing to emit then.
          const empty = usable(points, takesAll.has(method)).points.length === 0
          expect(stream.out.take()).toEqual(empty ? [] : batch.out.take())
          expect(stream.ctx.errorCount).toBe(batch.ctx.errorCount)
        },
      ),
      { numRuns: 500 },
    )
  })
})
