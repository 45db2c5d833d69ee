/** The digits are those of the specification (nodes 5.2, 5.3) and of recorded cases. */
import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { HoltWinters } from '../../../../src/operators/aggregates/holt-winters-model.js'
import { influxqlEntries } from '../../../../src/operators/influxql/influxql-defs.js'
import type { ScriptValue } from '../../../../src/tickscript/node-def.js'
import { bench, type TestBench } from '../bench.js'
import { type FeedOptions, type PlanOptions, plan } from '../harness.js'

const seconds = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)
const entry = (method: string) => influxqlEntries.find((e) => e.def.method === method)!

function on(
  method: 'holtWinters' | 'holtWintersWithFit',
  args: [bigint, bigint, Duration],
  options: PlanOptions & { feed?: FeedOptions; props?: Record<string, ScriptValue> } = {},
): TestBench {
  const planned = plan(entry(method).def, ['v', ...args], options.props ?? {}, options)
  return bench(entry(method), planned, options.feed)
}

const worked = ['m,g=1,h=a v=3 @1', 'm,g=1,h=b v=1 @2', 'm,g=1,h=c v=2 @3', 'm,g=1,h=a v=3 @4']
const grouped = { feed: { dims: ['g'] } }

describe('every digit of the worked examples', () => {
  it('forecast without seasons', () => {
    const b = on('holtWinters', [2n, 0n, seconds(1)], grouped)
    b.feed.batch(b.op, 'm,g=1', 10, worked)
    expect(b.out.take()).toEqual([
      'm,g=1 {tmax=10 | holtWinters=4.2650649216174426@5, holtWinters=6.034714122639597@6}',
    ])
  })

  it('with the fitted values', () => {
    const b = on('holtWintersWithFit', [2n, 0n, seconds(1)], { ...grouped, props: { as: 'f' } })
    b.feed.batch(b.op, 'm,g=1', 10, worked)
    expect(b.out.take()).toEqual([
      'm,g=1 {tmax=10 | f=3@1, f=0.999633579883905@2, f=1.9997772501324982@3, f=2.9954202128477245@4, ' +
        'f=4.2650649216174426@5, f=6.034714122639597@6}',
    ])
  })

  it('with seasons of two', () => {
    const b = on('holtWintersWithFit', [2n, 2n, seconds(1)], grouped)
    b.feed.batch(b.op, 'm,g=1', 10, worked)
    const values = [3, 0.9994600688357645, 2.0051638303228883, 3.0055201847284456, 6.275541171216571, 8.69925046673277]
    const rows = values.map((v, i) => `holtWinters=${v}@${i + 1}`)
    expect(b.out.take()).toEqual([`m,g=1 {tmax=10 | ${rows.join(', ')}}`])
  })

  it('with seasons of four, and times behind the end of the batch', () => {
    const b = on('holtWinters', [4n, 4n, seconds(1)])
    const values = [10, 15, 9, 14, 14, 19, 13, 18, 18, 23, 17, 22, 22, 27, 21, 26]
    b.feed.batch(
      b.op,
      'm',
      1500001216,
      values.map((v, i) => `m v=${v}i @${1500001200 + i}`),
    )
    expect(b.out.take()).toEqual([
      'm {tmax=1500001219 | holtWinters=26.554195620007064@1500001216, holtWinters=31.122616750680837@1500001217, ' +
        'holtWinters=26.776063155961783@1500001218, holtWinters=31.133470743701672@1500001219}',
    ])
  })

  it('of a longer series', () => {
    const b = on('holtWintersWithFit', [3n, 0n, seconds(1)])
    const values = [1, 2.2, 2.9, 4.1, 5, 6.1, 6.9, 8]
    b.feed.batch(
      b.op,
      'm',
      8,
      values.map((v, i) => `m v=${v} @${i}`),
    )
    const fitted = [
      1, 2.1184967726682657, 3.083167265963376, 4.049875177950212, 5.020858538943147, 5.998371529331067,
      6.98469621193269, 7.982154438608987, 8.993120022860483, 10.020031272439905, 11.065403979263426,
    ]
    const rows = fitted.map((v, i) => `holtWinters=${v}@${i}`)
    expect(b.out.take()).toEqual([`m {tmax=10 | ${rows.join(', ')}}`])
  })
})

describe('points and buckets', () => {
  it.each([
    ['one point', [1n, 0n], ['m v=1 @1']],
    ['fewer than a season', [1n, 4n], ['m v=1 @1', 'm v=2 @2', 'm v=3 @3']],
    ['all in one bucket', [1n, 0n], ['m v=1 @1', 'm v=2 @1', 'm v=3 @1.4']],
    ['fewer buckets than a season', [1n, 4n], ['m v=1 @1', 'm v=2 @1', 'm v=3 @2', 'm v=3 @3']],
    ['no forecast', [0n, 0n], ['m v=1 @1', 'm v=2 @2']],
    ['a negative forecast', [-3n, 0n], ['m v=1 @1', 'm v=2 @2']],
    ['only a duration', [1n, 0n], ['m v=5d @1']],
  ] as [string, [bigint, bigint], string[]][])('too little: %s: an empty batch', (_name, [h, m], lines) => {
    const b = on('holtWintersWithFit', [h, m, seconds(1)])
    b.feed.batch(b.op, 'm', 10, lines)
    expect(b.out.take()).toEqual(['m {tmax=10 | }'])
  })

  it('nothing usable: nothing', () => {
    const b = on('holtWinters', [2n, 0n, seconds(1)])
    b.feed.batch(b.op, 'm', 10, [])
    b.feed.batch(b.op, 'm', 20, ['m v="s" @11', 'm w=1 @12'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.errors).toMatchObject([
      { err: 'invalid influxql func holtWinters with field v: cannot apply holtWinters to string field', n: 2 },
    ])
  })

  it('late points and more of one bucket do not count; gaps are missing values', () => {
    const tidy = on('holtWintersWithFit', [2n, 0n, seconds(1)])
    tidy.feed.batch(tidy.op, 'm', 10, ['m v=3 @1', 'm v=1 @2', 'm v=3 @5'])
    const [expected] = tidy.out.take()
    const b = on('holtWintersWithFit', [2n, 0n, seconds(1)])
    b.feed.batch(b.op, 'm', 10, ['m v=3 @1', 'm v=9 @0', 'm v=1 @2', 'm v=7 @2.2', 'm v=3 @4.7', 'm v=8 @5'])
    expect(b.out.take()).toEqual([expected])
    expect(expected).toMatch(/^m \{tmax=10 \| holtWinters=3@1, .*@2, .*@3, .*@4, .*@5, .*@6, .*@7\}$/)
  })

  it('half an interval belongs to the bucket below', () => {
    const b = on('holtWinters', [1n, 0n, new Duration(10n)])
    b.feed.batch(b.op, 'm', 10, ['m v=1 @100n', 'm v=2 @105n'])
    expect(b.out.take()).toEqual(['m {tmax=10 | }'])
    b.feed.batch(b.op, 'm', 10, ['m v=1 @100n', 'm v=2 @106n'])
    expect(b.out.take()).toMatchObject([expect.stringMatching(/^m \{tmax=10 \| holtWinters=.*@116n\}$/)])
  })

  it('on a stream: points of one time, an empty batch when it changes', () => {
    const b = on('holtWinters', [1n, 0n, seconds(1)], { feed: { dims: ['h'] } })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=a v=2 @1', 'm,h=a v=3 @2', 'm,h=b v=3 @2'])
    expect(b.out.take()).toEqual(['m,h=a {tmax=1 | }'])
  })

  it('a span of too many intervals is an error, not the end of the memory', () => {
    const b = on('holtWinters', [1n, 0n, new Duration(1n)])
    b.feed.batch(b.op, 'm', 10, ['m v=1 @1', 'm v=2 @2', 'm v=2 @9'])
    expect(b.out.take()).toEqual(['m {tmax=10 | }'])
    expect(b.ctx.errors).toMatchObject([
      { msg: 'failed to emit batch', err: 'the points of a batch span more than 100000 intervals', n: 1 },
    ])
  })

  it('what is no number is left out', () => {
    const b = on('holtWintersWithFit', [2n, 0n, seconds(1)])
    b.feed.batch(b.op, 'm', 10, ['m v=1 @1', 'm v=Infinity @2', 'm v=2 @3'])
    expect(b.out.take()).toEqual(['m {tmax=10 | holtWinters=1@1, holtWinters=Infinity@2}'])
  })
})

describe('arguments', () => {
  it.each([
    [[1n, 0n, new Duration(0n)], 'holtWinters requires an interval greater than zero'],
    [[1n, 0n, new Duration(-5n)], 'holtWinters requires an interval greater than zero'],
    [[100_001n, 0n, seconds(1)], 'holtWinters forecasts at most 100000 values'],
    [[1n, 2001n, seconds(1)], 'holtWinters takes seasons of at most 2000 values'],
  ] as [ScriptValue[], string][])('%s', (args, text) => {
    const { def } = entry('holtWinters')
    expect(() => def.validate!(plan(def, ['v', ...args]).node)).toThrow(text)
  })

  it('both forms are called holtWinters', () => {
    for (const method of ['holtWinters', 'holtWintersWithFit']) {
      const { def } = entry(method)
      expect(def.kind).toBe('holtWinters')
      expect(plan(def, ['v', 1n, 0n, seconds(1)]).node.props.as).toBe('holtWinters')
    }
  })
})

it('reuses one model for series of any length', () => {
  const model = new HoltWinters()
  const short = Float64Array.of(3, 1, 2, 3)
  model.forecast(
    Float64Array.from({ length: 200 }, (_, i) => 10 + Math.sin(i)),
    200,
    6,
    10,
  )
  const long = model.fitted.slice(0, 210)
  expect(long.every(Number.isFinite)).toBe(true)
  model.forecast(short, 4, 0, 2)
  expect([...model.fitted.subarray(4, 6)]).toEqual([4.2650649216174426, 6.034714122639597])
})
