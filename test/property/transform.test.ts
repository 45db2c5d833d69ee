/**
 * Transformations against a recalculation from the specification (nodes 5.1, 5.2) with boxed values: kinds that change, late
 * times, groups, deletes, chunks of any length; and one operator against several that share the groups.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Duration } from '../../src/columns/values.js'
import { transformEntries } from '../../src/operators/influxql/transform-defs.js'
import type { Operator } from '../../src/operators/operator.js'
import type { ScriptValue } from '../../src/tickscript/node-def.js'
import { Collector, connect, Harness, plan, timeText, valueText } from '../unit/operators/harness.js'

type Cell = bigint | number | string | boolean | undefined

interface TestPoint {
  readonly name: string
  readonly h: string
  readonly v: Cell
  readonly at: bigint
}

/** A point, or the end of a group. */
type Step = TestPoint | { readonly delete: string }

const intArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -9, max: 9 }).map(BigInt) },
  { weight: 1, arbitrary: fc.constantFrom(9007199254740993n, -(2n ** 63n), 2n ** 63n - 1n) },
)
const floatArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -20, max: 20 }).map((v) => v / 8) },
  { weight: 1, arbitrary: fc.double({ noNaN: false }) },
)
const otherArb: fc.Arbitrary<Cell> = fc.constantFrom('a', 'bc', true, false, undefined)
const cellArb = (main: fc.Arbitrary<Cell>): fc.Arbitrary<Cell> =>
  fc.oneof({ weight: 8, arbitrary: main }, { weight: 1, arbitrary: fc.oneof(intArb, floatArb, otherArb) })
const timeArb = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }).map((s) => BigInt(s) * 1_000_000_000n) },
  { weight: 2, arbitrary: fc.bigInt({ min: -5_000_000_000n, max: 5_000_000_000n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }) },
)
const pointArb: fc.Arbitrary<TestPoint> = fc.record({
  name: fc.constantFrom('m', 'm', 'm', 'n'),
  h: fc.constantFrom('x', 'y', 'z'),
  v: fc.oneof(cellArb(intArb), cellArb(floatArb)),
  at: timeArb,
})
const stepsArb: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: pointArb },
    { weight: 1, arbitrary: fc.record({ delete: fc.constantFrom('x', 'y', 'z') }) as fc.Arbitrary<Step> },
  ),
  { maxLength: 60 },
)

const kindOf = (v: Cell): string => (v === undefined ? 'missing' : typeof v)
const wrap = (v: bigint): bigint => BigInt.asIntN(64, v)

/** A function as it stands in the specification: points go in, the last output may be asked for at any time. */
interface Reducer {
  feed(p: TestPoint): void
  emit(): { v: Cell; at: bigint } | null
}

const subtract = (a: Cell, b: Cell): Cell =>
  typeof a === 'bigint' ? wrap(a - (b as bigint)) : (a as number) - (b as number)
const add = (a: Cell, b: Cell): Cell =>
  typeof a === 'bigint' ? wrap(a + (b as bigint)) : (a as number) + (b as number)

const reducers: Record<string, (arg: bigint) => Reducer> = {
  elapsed(unit) {
    const seen: TestPoint[] = []
    return {
      feed: (p) => void seen.push(p),
      emit() {
        const [prev, cur] = seen.slice(-2)
        return cur === undefined ? null : { v: wrap(cur.at - prev.at) / unit, at: cur.at }
      },
    }
  },
  difference() {
    let cur: TestPoint | null = null
    let out: { v: Cell; at: bigint } | null = null
    return {
      feed(p) {
        if (cur?.at === p.at) return
        out = cur === null ? null : { v: subtract(p.v, cur.v), at: p.at }
        cur = p
      },
      emit() {
        const once = out
        out = null
        return once
      },
    }
  },
  movingAverage(n) {
    const ring: Cell[] = []
    let sum: Cell
    let at = 0n
    return {
      feed(p) {
        sum ??= typeof p.v === 'bigint' ? 0n : 0
        if (ring.length === Number(n)) sum = subtract(sum, ring.shift())
        ring.push(p.v)
        sum = add(sum, p.v)
        at = p.at
      },
      emit: () => (ring.length < Number(n) ? null : { v: Number(sum) / Number(n), at }),
    }
  },
  cumulativeSum() {
    let sum: Cell
    let at = 0n
    return {
      feed(p) {
        sum = add(sum ?? (typeof p.v === 'bigint' ? 0n : 0), p.v)
        at = p.at
      },
      emit: () => (sum === undefined ? null : { v: sum, at }),
    }
  },
}

/** One group of a stream, or one batch. */
class Model {
  errors = 0
  private type = ''
  private readonly reducer: Reducer

  constructor(
    private readonly method: string,
    arg: bigint,
  ) {
    this.reducer = reducers[method](arg)
  }

  step(p: TestPoint): { v: Cell; at: bigint } | null {
    const kind = kindOf(p.v)
    const usable = this.method === 'elapsed' ? kind !== 'missing' : kind === 'bigint' || kind === 'number'
    if (this.type === '' && usable) this.type = kind
    if (kind !== this.type || kind === 'missing') this.errors++
    if (this.type === '') return null
    if (kind === this.type) this.reducer.feed(p)
    return this.reducer.emit()
  }
}

const cellText = (v: Cell): string => (typeof v === 'number' && Object.is(v, -0) ? '-0' : valueText(v as never))

function expectedStream(method: string, arg: bigint, steps: readonly Step[]): { out: string[]; errors: number } {
  const groups = new Map<string, { model: Model; name: string }>()
  const out: string[] = []
  let errors = 0
  for (const s of steps) {
    if ('delete' in s) {
      if (groups.delete(s.delete)) out.push(`delete h=${s.delete}`)
      continue
    }
    let g = groups.get(s.h)
    if (g === undefined) {
      g = { model: new Model(method, arg), name: s.name }
      groups.set(s.h, g)
    }
    const before = g.model.errors
    const o = g.model.step(s)
    errors += g.model.errors - before
    if (o !== null) out.push(`${g.name},h=${s.h} o=${cellText(o.v)} @${timeText(o.at)}`)
  }
  return { out, errors }
}

const argsOf = (method: string, arg: bigint): ScriptValue[] =>
  method === 'elapsed' ? [new Duration(arg)] : method === 'movingAverage' ? [arg] : []

const row = (p: TestPoint) => ({
  name: p.name,
  tags: new Map([['h', p.h]]),
  fields: new Map(p.v === undefined ? [['w', 1] as const] : [['v', p.v] as const]),
  ns: p.at,
})

/** Runs steps through operators of their own per bucket of groups; one bucket: one operator. */
function runStream(method: string, arg: bigint, steps: readonly Step[], sizes: readonly number[], buckets: number) {
  const harness = new Harness()
  const feed = harness.feed({ dims: ['h'], reads: ['v', 'h'] })
  const entry = transformEntries.find((e) => e.def.method === method)!
  const parts = Array.from({ length: buckets }, () => {
    const ctx = harness.context()
    const op: Operator = entry.create!(plan(entry.def, ['v', ...argsOf(method, arg)], { as: 'o' }), ctx)
    const collector = new Collector(harness)
    connect(op, collector)
    return { op, ctx, collector, waiting: [] as TestPoint[] }
  })
  const partOf = (h: string) => parts[h.charCodeAt(0) % buckets]
  const flush = (part: (typeof parts)[number]): void => {
    if (part.waiting.length > 0) part.op.receive(feed.chunk(part.waiting.splice(0).map(row)), 0)
  }
  let k = 0
  for (const s of steps) {
    const part = partOf('delete' in s ? s.delete : s.h)
    if ('delete' in s) {
      flush(part)
      feed.deleteGroup(part.op, `m,h=${s.delete}`)
      continue
    }
    if (part.waiting.length > 0 && part.waiting[0].name !== s.name) flush(part)
    part.waiting.push(s)
    if (part.waiting.length >= sizes[k++ % sizes.length]) flush(part)
  }
  for (const part of parts) flush(part)
  const out = parts.map((p) => p.collector.take())
  const errors = parts.reduce((n, p) => n + p.ctx.errorCount, 0)
  for (const p of parts) p.op.dispose()
  const leaked = parts.reduce((n, p) => n + p.ctx.state.bytes, 0)
  return { out, errors, leaked }
}

const groupOf = (line: string): string => /h=(.)/.exec(line)![1]
const byGroup = (lines: readonly string[]): Record<string, string[]> => {
  const groups: Record<string, string[]> = {}
  for (const line of lines) (groups[groupOf(line)] ??= []).push(line)
  return groups
}

const methodArb = fc.constantFrom('elapsed', 'difference', 'movingAverage', 'cumulativeSum')
const argArb = (method: string): fc.Arbitrary<bigint> =>
  method === 'elapsed'
    ? fc.constantFrom(1n, 1000n, 1_000_000_000n, -3n, 7_777_777n, 2n ** 60n)
    : fc.integer({ min: 1, max: 5 }).map(BigInt)
const callArb = methodArb.chain((method) => fc.tuple(fc.constant(method), argArb(method)))
const sizesArb = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })

describe('streams', () => {
  it('as recalculated, whatever the chunks', () => {
    fc.assert(
      fc.property(callArb, stepsArb, sizesArb, ([method, arg], steps, sizes) => {
        const expected = expectedStream(method, arg, steps)
        const { out, errors, leaked } = runStream(method, arg, steps, sizes, 1)
        expect(out[0]).toEqual(expected.out)
        expect(errors).toBe(expected.errors)
        expect(leaked).toBe(0)
      }),
      { numRuns: 400 },
    )
  })

  it('one operator or several: the same for every group', () => {
    fc.assert(
      fc.property(callArb, stepsArb, sizesArb, fc.integer({ min: 2, max: 3 }), ([method, arg], steps, sizes, n) => {
        const one = runStream(method, arg, steps, sizes, 1)
        const several = runStream(method, arg, steps, sizes, n)
        expect(byGroup(several.out.flat())).toEqual(byGroup(one.out.flat()))
        expect(several.errors).toBe(one.errors)
      }),
      { numRuns: 150 },
    )
  })
})

describe('batches', () => {
  it('each as recalculated by itself', () => {
    const batchArb = fc.record({ h: fc.constantFrom('x', 'y'), points: fc.array(pointArb, { maxLength: 12 }) })
    fc.assert(
      fc.property(callArb, fc.array(batchArb, { minLength: 1, maxLength: 5 }), ([method, arg], batches) => {
        const harness = new Harness()
        const feed = harness.feed({ dims: ['h'], reads: ['v', 'h'] })
        const entry = transformEntries.find((e) => e.def.method === method)!
        const ctx = harness.context()
        const op = entry.create!(plan(entry.def, ['v', ...argsOf(method, arg)], { as: 'o' }, { edge: 'batch' }), ctx)
        const collector = new Collector(harness)
        connect(op, collector)
        const rows = batches.flatMap((b) => b.points)
        const chunk = feed.batchChunk(batches.map((b) => ({ head: `m,h=${b.h}`, tmax: 9, lines: [] })))
        const full = feed.chunk(
          rows.map((p) => ({ ...row(p), name: 'm' })),
          rows.map(() => -1),
        )
        full.name = 'm'
        full.windows = chunk.windows
        let at = 0
        batches.forEach((b, i) => {
          full.windows!.starts[i] = at
          at += b.points.length
          full.windows!.ends[i] = at
        })
        op.receive(full, 0)
        let errors = 0
        const expected = batches.map((b) => {
          const model = new Model(method, arg)
          const out = b.points.flatMap((p) => {
            const o = model.step(p)
            return o === null ? [] : [`o=${cellText(o.v)}@${timeText(o.at)}`]
          })
          errors += model.errors
          return `m,h=${b.h} {tmax=9 | ${out.join(', ')}}`
        })
        expect(collector.take()).toEqual(expected)
        expect(ctx.errorCount).toBe(errors)
      }),
      { numRuns: 300 },
    )
  })
})
