/**
 * stateDuration, stateCount and changeDetect against a recalculation with boxed values: late times, missing and mixed cells,
 * groups, deletes, chunks of any length, batches; and one operator against several that share the groups.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Duration } from '../../src/columns/values.js'
import { evaluateScript } from '../../src/compile/evaluate-script.js'
import type { OperatorEntry } from '../../src/operators/registry-types.js'
import { changeDetectEntry } from '../../src/operators/rows/change-detect.js'
import { stateCountEntry } from '../../src/operators/rows/state-count.js'
import { stateDurationEntry } from '../../src/operators/rows/state-duration.js'
import type { PlannedNode } from '../../src/plan/task-plan.js'
import { Collector, connect, Harness, plan, timeText, valueText } from '../unit/operators/harness.js'

type Cell = bigint | number | string | boolean | undefined

interface TestPoint {
  readonly h: string
  readonly a: Cell
  readonly b: Cell
  readonly at: bigint
}

type Step = TestPoint | { readonly delete: string }

const cellArb: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<Cell>(0, 1, 2, 3) },
  { weight: 2, arbitrary: fc.constantFrom<Cell>(1n, 2n, 9007199254740993n, 9007199254740992n) },
  { weight: 2, arbitrary: fc.constantFrom<Cell>('a', 'b', 'é', '', true, false) },
  { weight: 1, arbitrary: fc.constantFrom<Cell>(undefined, Number.NaN, -0) },
)
const pointArb: fc.Arbitrary<TestPoint> = fc.record({
  h: fc.constantFrom('x', 'y', 'z'),
  a: cellArb,
  b: cellArb,
  at: fc.oneof(
    fc.integer({ min: 0, max: 9 }).map((s) => BigInt(s) * 1_000_000_000n),
    fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  ),
})
const stepsArb: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: pointArb },
    { weight: 1, arbitrary: fc.record({ delete: fc.constantFrom('x', 'y', 'z') }) },
  ),
  { maxLength: 60 },
)
const sizesArb = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })

/** What a node does to the points of one group or batch: the cells that a point goes out with, or null. */
interface Model {
  errors: number
  step(p: TestPoint): Record<string, string> | null
}

const cells = ({ a, b }: TestPoint): Record<string, string> => ({
  ...(a === undefined ? {} : { a: valueText(a) }),
  ...(b === undefined ? {} : { b: valueText(b) }),
})

/** `"a" > 1.0`: an error for all but numbers. */
function inState(a: Cell): boolean | null {
  return typeof a === 'number' ? a > 1 : typeof a === 'bigint' ? a > 1n : null
}

function trackState(track: (at: bigint, on: boolean) => string): Model {
  return {
    errors: 0,
    step(p) {
      const on = inState(p.a)
      if (on === null) {
        this.errors++
        return null
      }
      return { ...cells(p), s: track(p.at, on) }
    },
  }
}

const clamp = (v: bigint): bigint => {
  const max = 2n ** 63n - 1n
  return v > max ? max : v < -max - 1n ? -max - 1n : v
}

interface NodeCase {
  readonly entry: OperatorEntry
  planned(edge: 'stream' | 'batch'): PlannedNode
  model(): Model
}

function lambda(text: string) {
  const { pipeline } = evaluateScript(`stream|from()|where(lambda: ${text})`, {})
  return pipeline.nodes.find((n) => n.def.method === 'where')!.props.lambda!
}

const nodes: Record<string, NodeCase> = {
  stateDuration: {
    entry: stateDurationEntry,
    planned: (edge) =>
      plan(stateDurationEntry.def, [lambda('"a" > 1.0')], { as: 's', unit: new Duration(7n) }, { edge }),
    model() {
      let start: bigint | null = null
      return trackState((at, on) => {
        start = on ? (start ?? at) : null
        return start === null ? '-1' : valueText(Number(clamp(at - start)) / 7)
      })
    },
  },
  stateCount: {
    entry: stateCountEntry,
    planned: (edge) => plan(stateCountEntry.def, [lambda('"a" > 1.0')], { as: 's' }, { edge }),
    model() {
      let n = 0
      return trackState((_at, on) => {
        n = on ? n + 1 : 0
        return on ? `${n}i` : '-1i'
      })
    },
  },
  changeDetect: {
    entry: changeDetectEntry,
    planned: (edge) => plan(changeDetectEntry.def, ['a', 'b'], {}, { edge }),
    model() {
      let last: TestPoint | null = null
      return {
        errors: 0,
        step(p) {
          for (const name of ['a', 'b'] as const) {
            if (p[name] === undefined) this.errors++
            else if (last === null || last[name] !== p[name]) {
              last = p
              return cells(p)
            }
          }
          return null
        },
      }
    },
  },
}

const cellsText = (c: Record<string, string>): string =>
  Object.keys(c)
    .sort()
    .map((k) => `${k}=${c[k]}`)
    .join(',')

const row = (p: TestPoint) => ({
  name: 'm',
  tags: new Map([['h', p.h]]),
  fields: new Map([
    ...(p.a === undefined ? [] : [['a', p.a] as const]),
    ...(p.b === undefined ? [] : [['b', p.b] as const]),
  ]),
  ns: p.at,
})

function expectedStream(node: NodeCase, steps: readonly Step[]): { out: string[]; errors: number } {
  const groups = new Map<string, Model>()
  const out: string[] = []
  let errors = 0
  for (const s of steps) {
    if ('delete' in s) {
      if (groups.delete(s.delete)) out.push(`delete h=${s.delete}`)
      continue
    }
    const model = groups.get(s.h) ?? node.model()
    groups.set(s.h, model)
    const before = model.errors
    const o = model.step(s)
    errors += model.errors - before
    const text = o === null ? '' : cellsText(o)
    if (o !== null) out.push(`m,h=${s.h}${text === '' ? '' : ` ${text}`} @${timeText(s.at)}`)
  }
  return { out, errors }
}

function runStream(node: NodeCase, steps: readonly Step[], sizes: readonly number[], buckets: number) {
  const harness = new Harness()
  const feed = harness.feed({ dims: ['h'], reads: ['a', 'b', 'h'] })
  const parts = Array.from({ length: buckets }, () => {
    const ctx = harness.context()
    const op = node.entry.create!(node.planned('stream'), ctx)
    const collector = new Collector(harness)
    connect(op, collector)
    return { op, ctx, collector, waiting: [] as TestPoint[] }
  })
  const flush = (part: (typeof parts)[number]): void => {
    if (part.waiting.length > 0) part.op.receive(feed.chunk(part.waiting.splice(0).map(row)), 0)
  }
  let k = 0
  for (const s of steps) {
    const part = parts[('delete' in s ? s.delete : s.h).charCodeAt(0) % buckets]
    if ('delete' in s) {
      flush(part)
      feed.deleteGroup(part.op, `m,h=${s.delete}`)
    } else {
      part.waiting.push(s)
      if (part.waiting.length >= sizes[k++ % sizes.length]) flush(part)
    }
  }
  for (const part of parts) flush(part)
  const out = parts.map((p) => p.collector.take())
  const errors = parts.reduce((n, p) => n + p.ctx.errorCount, 0)
  for (const p of parts) p.op.dispose()
  return { out, errors, leaked: parts.reduce((n, p) => n + p.ctx.state.bytes, 0) }
}

function byGroup(lines: readonly string[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {}
  for (const line of lines) (groups[/h=(.)/.exec(line)![1]] ??= []).push(line)
  return groups
}

describe.each(Object.keys(nodes))('%s', (name) => {
  const node = nodes[name]

  it('on a stream: as recalculated, whatever the chunks', () => {
    fc.assert(
      fc.property(stepsArb, sizesArb, (steps, sizes) => {
        const expected = expectedStream(node, steps)
        const { out, errors, leaked } = runStream(node, steps, sizes, 1)
        expect(out[0]).toEqual(expected.out)
        expect(errors).toBe(expected.errors)
        expect(leaked).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('one operator or several: the same for every group', () => {
    fc.assert(
      fc.property(stepsArb, sizesArb, fc.integer({ min: 2, max: 3 }), (steps, sizes, n) => {
        const one = runStream(node, steps, sizes, 1)
        const several = runStream(node, steps, sizes, n)
        expect(byGroup(several.out.flat())).toEqual(byGroup(one.out.flat()))
        expect(several.errors).toBe(one.errors)
      }),
      { numRuns: 60 },
    )
  })

  it('batches: each by itself', () => {
    const batchArb = fc.record({ h: fc.constantFrom('x', 'y'), points: fc.array(pointArb, { maxLength: 12 }) })
    fc.assert(
      fc.property(fc.array(batchArb, { minLength: 1, maxLength: 5 }), (given) => {
        // The rows of a batch have its group.
        const batches = given.map((b) => ({ h: b.h, points: b.points.map((p) => ({ ...p, h: b.h })) }))
        const harness = new Harness()
        const feed = harness.feed({ dims: ['h'], reads: ['a', 'b', 'h'] })
        const ctx = harness.context()
        const op = node.entry.create!(node.planned('batch'), ctx)
        const collector = new Collector(harness)
        connect(op, collector)
        const rows = batches.flatMap((b) => b.points)
        const chunk = feed.chunk(
          rows.map(row),
          rows.map(() => -1),
        )
        const { windows } = feed.batchChunk(batches.map((b) => ({ head: `m,h=${b.h}`, tmax: 9, lines: [] })))
        chunk.name = 'm'
        chunk.windows = windows
        let at = 0
        batches.forEach((b, i) => {
          windows!.starts[i] = at
          at += b.points.length
          windows!.ends[i] = at
        })
        op.receive(chunk, 0)
        let errors = 0
        const expected = batches.map((b) => {
          const model = node.model()
          const out = b.points.flatMap((p) => {
            const o = model.step(p)
            return o === null ? [] : [`${cellsText(o)}@${timeText(p.at)}`]
          })
          errors += model.errors
          return `m,h=${b.h} {tmax=9 | ${out.join(', ')}}`
        })
        expect(collector.take()).toEqual(expected)
        expect(ctx.errorCount).toBe(errors)
      }),
      { numRuns: 150 },
    )
  })
})
