import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { transformEntries } from '../../../../src/operators/influxql/transform-defs.js'
import type { ScriptValue } from '../../../../src/tickscript/node-def.js'
import { bench, type TestBench, useUpBudget } from '../bench.js'
import { type FeedOptions, type PlanOptions, parseRow, plan } from '../harness.js'

const unit = (ns: bigint): Duration => new Duration(ns)
const entry = (method: string) => transformEntries.find((e) => e.def.method === method)!

function on(
  method: string,
  args: ScriptValue[] = [],
  options: PlanOptions & { as?: string; feed?: FeedOptions; budget?: number } = {},
): TestBench {
  const props: Record<string, ScriptValue> = options.as === undefined ? {} : { as: options.as }
  return bench(entry(method), plan(entry(method).def, ['v', ...args], props, options), options.feed, options.budget)
}

/** Spec nodes 5.2, one batch. */
const worked = ['m,g=1,h=a v=3 @1', 'm,g=1,h=b v=1 @2', 'm,g=1,h=c v=2 @3', 'm,g=1,h=a v=3 @4']

describe('on a batch', () => {
  it.each([
    ['elapsed', [unit(500_000_000n)], 'elapsed=2i@2, elapsed=2i@3, elapsed=2i@4'],
    ['difference', [], 'difference=-2@2, difference=1@3, difference=1@4'],
    ['movingAverage', [2n], 'movingAverage=2@2, movingAverage=1.5@3, movingAverage=2.5@4'],
    ['cumulativeSum', [], 'cumulativeSum=3@1, cumulativeSum=4@2, cumulativeSum=6@3, cumulativeSum=9@4'],
  ])('%s keeps times, group tags and the batch', (method, args, rows) => {
    const b = on(method, args, { edge: 'batch', feed: { dims: ['g'] } })
    b.feed.batch(b.op, 'm,g=1', 10, worked)
    expect(b.out.take()).toEqual([`m,g=1 {tmax=10 | ${rows}}`])
    expect(b.groups()).toEqual(['g=1'])
  })

  it.each(['elapsed', 'difference', 'movingAverage', 'cumulativeSum'])('%s starts anew in every batch', (method) => {
    const args = method === 'elapsed' ? [unit(1_000_000_000n)] : method === 'movingAverage' ? [2n] : []
    const b = on(method, args, { edge: 'batch', as: 'x' })
    b.feed.batch(b.op, 'm', 5, ['m v=1 @1', 'm v=3 @3'])
    b.feed.batch(b.op, 'm', 9, ['m v=10i @6', 'm v=20i @8'])
    b.feed.batch(b.op, 'm', 19, [])
    const outcome: Record<string, [string, string]> = {
      elapsed: ['x=2i@3', 'x=2i@8'],
      difference: ['x=2@3', 'x=10i@8'],
      movingAverage: ['x=2@3', 'x=15@8'],
      cumulativeSum: ['x=1@1, x=4@3', 'x=10i@6, x=30i@8'],
    }
    const [first, second] = outcome[method]
    expect(b.out.take()).toEqual([`m {tmax=5 | ${first}}`, `m {tmax=9 | ${second}}`, 'm {tmax=19 | }'])
    expect(b.ctx.errors).toEqual([])
  })

  it('several batches of one chunk do not touch each other', () => {
    const b = on('cumulativeSum', [], { edge: 'batch', feed: { dims: ['g'] } })
    const chunk = b.feed.batchChunk([
      { head: 'm,g=1', tmax: 5, lines: ['m,g=1 v="s" @1', 'm,g=1 v=2 @2', 'm,g=1 w=1 @3'] },
      { head: 'm,g=2', tmax: 5, lines: ['m,g=2 v=5 @1'] },
      { head: 'm,g=1', tmax: 9, lines: ['m,g=1 w=1 @6', 'm,g=1 v=7 @7'] },
    ])
    b.op.receive(chunk, 0)
    expect(b.out.take()).toEqual([
      'm,g=1 {tmax=5 | cumulativeSum=2@2, cumulativeSum=2@2}',
      'm,g=2 {tmax=5 | cumulativeSum=5@1}',
      'm,g=1 {tmax=9 | cumulativeSum=7@7}',
    ])
    expect(b.ctx.errorCount).toBe(3)
  })

  it('is named like the batch', () => {
    const b = on('difference', [], { edge: 'batch' })
    b.feed.barrier(b.op, 'm', 1)
    b.feed.batch(b.op, 'n', 5, ['n v=1 @1', 'n v=3 @3'])
    expect(b.out.take()).toEqual(['barrier  @1', 'n {tmax=5 | difference=2@3}'])
  })
})

describe('on a stream', () => {
  const rows = ['m v=10 @0', 'm v=14 @2', 'm v=11 @3', 'm v=15 @3', 'm v=45 @6', 'm v=20 @5']

  it.each([
    ['elapsed', [unit(1_000_000_000n)], ['2i @2', '1i @3', '0i @3', '3i @6', '-1i @5']],
    ['difference', [], ['4 @2', '-3 @3', '34 @6', '-25 @5']],
    [
      'movingAverage',
      [3n],
      ['11.666666666666666 @3', '13.333333333333334 @3', '23.666666666666668 @6', '26.666666666666668 @5'],
    ],
    ['cumulativeSum', [], ['10 @0', '24 @2', '35 @3', '50 @3', '95 @6', '115 @5']],
  ])('%s goes on from chunk to chunk', (method, args, out) => {
    const b = on(method, args, { feed: { rowsPerChunk: 2 } })
    b.feed.rows(b.op, rows)
    expect(b.out.take()).toEqual(out.map((o) => `m ${method}=${o}`))
  })

  /** Spec nodes 5.1: the type is fixed for ever, and what was last emitted comes again with its old time. */
  const mixed = ['m w=1 @1', 'm v=1i @3', 'm v=2i @4', 'm v=5 @5', 'm w=1 @6', 'm v=7i @7', 'm v=2d @8']

  it.each([
    ['elapsed', [unit(1_000_000_000n)], ['1i @4', '1i @4', '1i @4', '3i @7', '3i @7']],
    ['difference', [], ['1i @4', '5i @7']],
    ['movingAverage', [2n], ['1.5 @4', '1.5 @4', '1.5 @4', '4.5 @7', '4.5 @7']],
    ['cumulativeSum', [], ['1i @3', '3i @4', '3i @4', '3i @4', '10i @7', '10i @7']],
  ])('%s: rows of another type are errors', (method, args, out) => {
    const b = on(method, args)
    b.feed.rows(b.op, mixed)
    expect(b.out.take()).toEqual(out.map((o) => `m ${method}=${o}`))
    expect(b.ctx.errorCount).toBe(4)
    expect(b.ctx.drops.get('error')).toBe(4)
  })

  it('elapsed takes strings and booleans, and then only those', () => {
    const b = on('elapsed', [unit(1_000_000_000n)])
    b.feed.rows(b.op, ['m v="s" @1', 'm v="t" @3', 'm v=1 @4', 'm v=true @5', 'm v="u" @9'])
    expect(b.out.take()).toEqual(['m elapsed=2i @3', 'm elapsed=2i @3', 'm elapsed=2i @3', 'm elapsed=6i @9'])
    expect(b.ctx.errors).toMatchObject([{ err: 'field v has wrong type: got float64 exp string', n: 2 }])
  })

  it('names the errors before the type is fixed', () => {
    const b = on('movingAverage', [1n])
    b.feed.rows(b.op, ['m v=true @1'])
    b.feed.rows(b.op, ['m w=1 @2'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.errors).toMatchObject([
      {
        msg: 'failed to realize reduce context from fields',
        err: 'invalid influxql func movingAverage with field v: cannot apply movingAverage to bool field',
      },
      { err: 'field "v" missing from point' },
    ])
  })

  it('keeps int64 exact and lets it wrap', () => {
    const rows = ['m v=9223372036854775807i @1', 'm v=1i @2', 'm v=-9007199254740993i @3']
    const sums = on('cumulativeSum')
    sums.feed.rows(sums.op, rows)
    expect(sums.out.take()).toEqual([
      'm cumulativeSum=9223372036854775807i @1',
      'm cumulativeSum=-9223372036854775808i @2',
      'm cumulativeSum=9214364837600034815i @3',
    ])
    const differences = on('difference')
    differences.feed.rows(differences.op, rows)
    expect(differences.out.take()).toEqual([
      'm difference=-9223372036854775806i @2',
      'm difference=-9007199254740994i @3',
    ])
    const means = on('movingAverage', [2n])
    means.feed.rows(means.op, rows)
    expect(means.out.take()).toEqual([
      'm movingAverage=-4611686018427388000 @2',
      'm movingAverage=-4503599627370496 @3',
    ])
  })

  it('an infinity never leaves a moving average', () => {
    const b = on('movingAverage', [2n])
    b.feed.rows(b.op, ['m v=1 @1', 'm v=Infinity @2', 'm v=1 @3', 'm v=1 @4'])
    expect(b.out.take()).toEqual([
      'm movingAverage=Infinity @2',
      'm movingAverage=Infinity @3',
      'm movingAverage=NaN @4',
    ])
  })

  it('elapsed is exact at any distance, cut off towards zero', () => {
    const b = on('elapsed', [unit(3n)])
    b.feed.rows(b.op, ['m v=1 @5', 'm v=1 @5000000008n', 'm v=1 @4999999998n', 'm v=1 @9000000000000000001n'])
    expect(b.out.take().map((line) => line.slice(2))).toEqual([
      'elapsed=2i @5000000008n',
      'elapsed=-3i @4999999998n',
      'elapsed=2999999998333333334i @9000000000000000001n',
    ])
    const wraps = on('elapsed', [unit(1n)])
    wraps.feed.rows(wraps.op, ['m v=1 @-9000000000000000000n', 'm v=1 @9000000000000000000n'])
    expect(wraps.out.take()).toEqual(['m elapsed=-446744073709551616i @9000000000'])
  })

  it('points are named like the message that made their group', () => {
    const b = on('cumulativeSum', [], { feed: { dims: ['h'] } })
    b.feed.barrier(b.op, 'm,h=c', 0)
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'n,h=a v=1 @2', 'n,h=b v=1 @2', 'm,h=b v=1 @3', 'm,h=c v=1 @3', 'm,h=a v=1 @4'])
    expect(b.out.take()).toEqual([
      'barrier h=c @0',
      'm,h=a cumulativeSum=1 @1',
      'm,h=a cumulativeSum=2 @2',
      'n,h=b cumulativeSum=1 @2',
      'n,h=b cumulativeSum=2 @3',
      'barrier,h=c cumulativeSum=1 @3',
      'm,h=a cumulativeSum=3 @4',
    ])
  })

  it('a deleted group starts anew, with a new type; only deletes of known groups pass', () => {
    const b = on('cumulativeSum', [], { feed: { dims: ['h'] } })
    b.feed.rows(b.op, ['m,h=a,x=1 v=1 @1', 'm,h=b v=1 @1'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.deleteGroup(b.op, 'm,h=z')
    b.feed.rows(b.op, ['m,h=a v=5i @2', 'm,h=b v=5 @2'])
    expect(b.out.take()).toEqual([
      'm,h=a cumulativeSum=1 @1',
      'm,h=b cumulativeSum=1 @1',
      'delete h=a',
      'm,h=a cumulativeSum=5i @2',
      'm,h=b cumulativeSum=6 @2',
    ])
  })

  it('a ring that was in use is empty for the next group', () => {
    const b = on('movingAverage', [2n], { feed: { dims: ['h'] } })
    b.feed.rows(b.op, ['m,h=a v=100 @1', 'm,h=a v=100 @2'])
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.rows(b.op, ['m,h=b v=1 @3', 'm,h=b v=2 @4'])
    expect(b.out.take()).toEqual(['m,h=a movingAverage=100 @2', 'delete h=a', 'm,h=b movingAverage=1.5 @4'])
  })

  it('drops rows of groups that the budget refuses', () => {
    const b = on('movingAverage', [4n], { feed: { dims: ['h'] }, budget: 1024 * 1024 })
    const lines = Array.from({ length: 200 }, (_, i) => `m,h=g${i} v=1 @2`)
    for (const line of lines) b.feed.group(parseRow(line))
    b.feed.rows(b.op, lines.slice(0, 1))
    useUpBudget(b)
    b.feed.rows(b.op, lines)
    // The first page holds 56 records of 72 bytes.
    expect(b.ctx.drops.get('memory')).toBe(144)
    b.feed.deleteGroup(b.op, 'm,h=g5')
    b.feed.rows(b.op, ['m,h=g0 v=3 @3', 'm,h=g0 v=3 @4'])
    expect(b.out.take()).toEqual(['delete h=g5', 'm,h=g0 movingAverage=2 @4'])
  })

  it('gives its memory back', () => {
    const b = on('movingAverage', [100n], { feed: { dims: ['h'] } })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=1i @1'])
    expect(b.ctx.state.bytes).toBeGreaterThan(0)
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
  })
})

describe('arguments that crash the original', () => {
  it.each([
    ['elapsed', unit(0n), 'elapsed requires a unit other than 0s'],
    ['movingAverage', 0n, 'movingAverage requires a number of points greater than zero'],
    ['movingAverage', -1n, 'movingAverage requires a number of points greater than zero'],
    ['movingAverage', 2n ** 40n, 'movingAverage keeps at most 2097147 points'],
  ])('%s %s', (method, arg, text) => {
    const { def } = entry(method)
    expect(() => def.validate!(plan(def, ['v', arg]).node)).toThrow(text)
  })

  it.each([
    ['elapsed', unit(-1n)],
    ['movingAverage', 1n],
    ['difference', 0n],
  ])('%s %s is fine', (method, arg) => {
    const { def } = entry(method)
    expect(() => def.validate!(plan(def, ['v', arg]).node)).not.toThrow()
  })
})
