import { describe, expect, it } from 'vitest'
import { influxqlEntries } from '../../../src/operators/influxql/influxql-defs.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { Collector, connect, type FeedOptions, Harness, type PlanOptions, plan } from './harness.js'

function setup(
  method: string,
  args: ScriptValue[],
  props: Record<string, ScriptValue> = {},
  feedOptions: FeedOptions = {},
  options: PlanOptions = {},
) {
  const h = new Harness()
  const entry = influxqlEntries.find((e) => e.def.method === method)!
  const ctx = h.context(`${method}3`)
  const groupedBy = feedOptions.dims === null ? '*' : [...(feedOptions.dims ?? [])].sort()
  const op = entry.create!(plan(entry.def, args, props, { groupedBy, ...options }), ctx)
  const out = new Collector(h)
  const edge = connect(op, out)
  const feed = h.feed(feedOptions)
  return { h, ctx, op, out, edge, feed, def: entry.def }
}

/** One batch of group g=1, tmax 10. */
function reduce(method: string, args: ScriptValue[], rows: string[], props: Record<string, ScriptValue> = {}) {
  const s = setup(method, args, props, { dims: ['g'] })
  s.feed.batch(
    s.op,
    'm,g=1',
    10,
    rows.map((r) => `m,g=1,${r}`),
  )
  return { out: s.out.take(), errors: s.ctx.errors, n: s.ctx.errorCount }
}

const worked = ['h=a v=3 @1', 'h=b v=1 @2', 'h=c v=2 @3', 'h=a v=3 @4']
const own = { usePointTimes: true }

describe('worked examples of the specification', () => {
  const cases: [string, ScriptValue[], Record<string, ScriptValue>, string[]][] = [
    ['count', ['v'], {}, ['m,g=1 count=4i @10']],
    ['sum', ['v'], {}, ['m,g=1 sum=9 @10']],
    ['mean', ['v'], {}, ['m,g=1 mean=2.25 @10']],
    ['median', ['v'], {}, ['m,g=1 median=2.5 @10']],
    ['mode', ['v'], {}, ['m,g=1 mode=3 @10']],
    ['spread', ['v'], {}, ['m,g=1 spread=2 @10']],
    ['stddev', ['v'], {}, ['m,g=1 stddev=0.9574271077563381 @10']],
    ['first', ['v'], {}, ['m,g=1,h=a first=3 @10']],
    ['first', ['v'], own, ['m,g=1,h=a first=3 @1']],
    ['last', ['v'], own, ['m,g=1,h=a last=3 @4']],
    ['min', ['v'], {}, ['m,g=1,h=b min=1 @10']],
    ['max', ['v'], own, ['m,g=1,h=a max=3 @1']],
    ['percentile', ['v', 50], {}, ['m,g=1,h=c percentile=2 @10']],
    ['percentile', ['v', 10], {}, []],
    ['percentile', ['v', 100], {}, ['m,g=1,h=a percentile=3 @10']],
    ['percentile', ['v', 130], {}, []],
    ['distinct', ['v'], {}, ['m,g=1 {tmax=10 | distinct=3@10, distinct=1@10, distinct=2@10}']],
    ['distinct', ['v'], own, ['m,g=1 {tmax=10 | distinct=3@1, distinct=1@2, distinct=2@3}']],
    ['top', [2n, 'v'], {}, ['m,g=1 {tmax=10 | h=a top=3@10, h=a top=3@10}']],
    ['top', [2n, 'v', 'h'], own, ['m,g=1 {tmax=10 | h=a top=3@1, h=c top=2@3}']],
    ['bottom', [2n, 'v'], own, ['m,g=1 {tmax=10 | h=b bottom=1@2, h=c bottom=2@3}']],
    ['max', ['v'], { as: 'v' }, ['m,g=1,h=a v=3 @10']],
    ['sum', ['v'], own, ['m,g=1 sum=9 @0']],
    ['mean', ['v'], own, ['m,g=1 mean=2.25 @10']],
  ]
  it.each(cases)('%s %o %o', (method, args, props, expected) => {
    expect(reduce(method, args, worked, props).out).toEqual(expected)
  })
})

describe('ties and kinds', () => {
  it.each<[string, ScriptValue[], string[], Record<string, ScriptValue>, string[]]>([
    ['first', ['v'], ['h=a v=1 @5', 'h=b v=2 @3', 'h=c v=4 @3', 'h=d v=4 @3'], own, ['m,g=1,h=c first=4 @3']],
    ['last', ['v'], ['h=a v="b" @5', 'h=b v="ab" @5', 'h=c v="c" @4'], {}, ['m,g=1,h=a last="b" @10']],
    ['first', ['v'], ['h=a v=true @5', 'h=b v=false @5'], {}, ['m,g=1,h=b first=false @10']],
    ['last', ['v'], ['h=a v=false @5', 'h=b v=true @5'], {}, ['m,g=1,h=b last=true @10']],
    ['min', ['v'], ['h=a v=2i @5', 'h=b v=2i @3', 'h=c v=2i @4'], own, ['m,g=1,h=b min=2i @3']],
    [
      'max',
      ['v'],
      ['h=a v=9007199254740993i @5', 'h=b v=9007199254740992i @3'],
      {},
      ['m,g=1,h=a max=9007199254740993i @10'],
    ],
    ['median', ['v'], ['h=a v=4i @1', 'h=b v=1i @2', 'h=c v=3i @3', 'h=d v=9i @4'], {}, ['m,g=1 median=3.5 @10']],
    ['median', ['v'], ['h=a v=4 @1'], own, ['m,g=1 median=4 @1']],
    ['median', ['v'], ['h=a v=4i @1'], own, ['m,g=1 median=4 @10']],
    ['mode', ['v'], ['h=a v=4i @1'], own, ['m,g=1 mode=4i @1']],
    ['mode', ['v'], [4, 1, 1, 4, 9, 7].map((v, i) => `h=a v=${v} @${i}`), {}, ['m,g=1 mode=4 @10']],
    ['mode', ['v'], [8, 2, 2, 8, 3, 5].map((v, i) => `h=a v=${v}i @${i}`), {}, ['m,g=1 mode=8i @10']],
    ['mode', ['v'], [6, 5, 4, 3, 2, 1].map((v, i) => `h=a v=${v} @${i}`), {}, ['m,g=1 mode=1 @10']],
    ['percentile', ['v', 60], ['h=a v=3i @1', 'h=b v=1i @2', 'h=c v=2i @3'], own, ['m,g=1,h=c percentile=2i @10']],
    ['sum', ['v'], ['h=a v=9223372036854775807i @1', 'h=a v=2i @2'], {}, ['m,g=1 sum=-9223372036854775807i @10']],
    ['sum', ['v'], ['h=a v=9007199254740993i @1', 'h=a v=-1i @2'], {}, ['m,g=1 sum=9007199254740992i @10']],
    [
      'mean',
      ['v'],
      ['h=a v=9007199254740993i @1', 'h=a v=9007199254740995i @2'],
      {},
      ['m,g=1 mean=9007199254740994 @10'],
    ],
    ['spread', ['v'], ['h=a v=9007199254740992i @1', 'h=a v=9007199254740995i @2'], {}, ['m,g=1 spread=3i @10']],
    ['spread', ['v'], ['h=a v=-7i @1', 'h=a v=-3i @2', 'h=a v=-9i @3'], {}, ['m,g=1 spread=6i @10']],
    ['stddev', ['v'], ['h=a v=5 @1'], {}, ['m,g=1 stddev=0 @10']],
    ['count', ['v'], ['h=a v="x" @1', 'h=a v="y" @1'], {}, ['m,g=1 count=2i @10']],
    [
      'distinct',
      ['v'],
      ['h=a v=true @1', 'h=a v=false @1', 'h=a v=true @1'],
      {},
      ['m,g=1 {tmax=10 | distinct=false@10, distinct=true@10}'],
    ],
    ['top', [100n, 'v'], ['h=a v=1.5 @1', 'h=b v=-3 @2'], {}, ['m,g=1 {tmax=10 | h=a top=1.5@10, h=b top=-3@10}']],
    [
      'top',
      [2n, 'v'],
      ['h=a v=1 @1', 'h=b v=5 @1', 'h=c v=3 @1'],
      {},
      ['m,g=1 {tmax=10 | h=b top=5@10, h=c top=3@10}'],
    ],
    ['top', [1n, 'v', 'z'], ['h=a v=1,z=1i @1', 'h=b v=5,z=1i @1'], {}, ['m,g=1 {tmax=10 | h=b top=5@10}']],
    ['last', ['v'], ['h=a v=1 @15'], own, ['m,g=1,h=a last=1 @15']],
    ['distinct', ['v'], ['h=a v=1 @15'], own, ['m,g=1 {tmax=15 | distinct=1@15}']],
  ])('%s %o %o', (method, args, rows, props, expected) => {
    const { out, n } = reduce(method, args, rows, props)
    expect(out).toEqual(expected)
    expect(n).toBe(0)
  })

  it('selectors move the chosen field and keep the others', () => {
    const { out } = reduce('max', ['v'], ['h=a v=1,u="x",w=5i @1', 'h=b v=2,u="y",max=7 @2'])
    expect(out).toEqual(['m,g=1,h=b max=2,u="y" @10'])
  })
})

describe('rows that cannot be used', () => {
  it('missing and wrongly typed ones are counted and skipped; the first usable one fixes the type', () => {
    const r = reduce(
      'sum',
      ['v'],
      ['h=a x=1 @1', 'h=a v="s" @1', 'h=a v=2i @2', 'h=a v=3.5 @3', 'h=a x=1 @3', 'h=a v=4i @4'],
    )
    expect(r.out).toEqual(['m,g=1 sum=6i @10'])
    expect(r.n).toBe(4)
    expect(r.errors[0]).toMatchObject({
      msg: 'failed to realize reduce context from fields',
      err: 'field "v" missing from point',
    })
  })

  it('texts', () => {
    expect(reduce('mode', ['s'], ['h=a s="x" @1']).errors[0].err).toBe(
      'invalid influxql func mode with field s: cannot apply mode to string field',
    )
    expect(reduce('sum', ['v'], ['h=a v=1 @1', 'h=a v=1i @1']).errors[0]).toMatchObject({
      msg: 'failed to aggregate point in batch',
      err: 'field v has wrong type: got int64 exp float64',
    })
    expect(reduce('sum', ['v'], ['h=a v=1 @1', 'h=a w=1i @1']).errors[0].err).toBe(
      'field v missing from point cannot aggregate',
    )
  })

  it.each<[string, string[], Record<string, ScriptValue>, string[]]>([
    ['count', [], {}, ['m,g=1 count=0i @10']],
    ['sum', [], {}, ['m,g=1 sum=0 @10']],
    ['count', [], own, ['m,g=1 count=0i @0']],
    ['sum', ['h=a v="x" @1'], {}, ['m,g=1 sum=0 @10']],
    ['sum', ['h=a v=5d @1'], {}, ['m,g=1 sum=0i @10']],
    ['count', ['h=a v=5d @1', 'h=a v=5i @1'], {}, ['m,g=1 count=1i @10']],
    ['max', ['h=a v=5d @1'], {}, []],
    ['mean', [], {}, []],
    ['top', [], {}, []],
    ['distinct', ['h=a w=5 @1'], {}, []],
    ['first', [], {}, []],
    ['stddev', [], {}, []],
  ])('%s of %o', (method, rows, props, expected) => {
    expect(reduce(method, method === 'top' ? [1n, 'v'] : ['v'], rows, props).out).toEqual(expected)
  })
})

describe('stream input', () => {
  it('reduces rows of consecutively equal time and keeps the last', () => {
    for (const rowsPerChunk of [1, 2, 100]) {
      const { op, out, feed } = setup('mean', ['v'], {}, { rowsPerChunk })
      feed.rows(op, ['m v=1 @0', 'm v=5 @0', 'm v=3 @0', 'm v=7 @1', 'm v=2 @3', 'm v=4 @3', 'm v=9 @6'])
      expect(out.take()).toEqual(['m mean=3 @0', 'm mean=7 @1', 'm mean=3 @3'])
      feed.barrier(op, 'm', 50)
      expect(out.take()).toEqual(['barrier  @50'])
      op.stop()
      expect(out.take()).toEqual([])
    }
  })

  it('per group, also when time goes back', () => {
    const { ctx, op, out, feed } = setup('sum', ['v'], {}, { dims: ['h'] })
    feed.rows(op, ['m,h=a v=1 @5', 'm,h=b v=2 @5', 'm,h=a v=3 @5', 'm,h=a v=4 @4', 'm,h=b v=5i @9', 'm,h=b v=6i @9'])
    expect(out.take()).toEqual(['m,h=a sum=4 @5', 'm,h=b sum=2 @5'])
    feed.rows(op, ['m,h=b v=1 @10'])
    expect(out.take()).toEqual(['m,h=b sum=11i @9'])
    expect(ctx.counters.get('working_cardinality')).toBe(2)
  })

  it('counts errors when rows come and takes the name of the rows', () => {
    const { ctx, op, out, feed } = setup('count', ['v'])
    feed.rows(op, ['a x=1 @0', 'a v=1 @0', 'b v=1i @0', 'b v=1 @0', 'c x=1 @1'])
    expect(ctx.errorCount).toBe(3)
    expect(out.take()).toEqual(['b count=2i @0'])
    feed.rows(op, ['c v=1 @2'])
    expect(out.take()).toEqual([])
  })

  it('selectors keep the whole row, projected and packed', () => {
    const { op, out, feed } = setup('max', ['v'], {}, { dims: ['h'], reads: ['v'] })
    feed.rows(op, [
      'm,h=a,c=0 v=1,u="x",n=9007199254740993i @0',
      'm,h=a,c=1 v=2,u="yy",b=true @0',
      'm,h=a,c=2 v=0 @1',
      'm,h=a v=0 @2',
    ])
    expect(out.take()).toEqual(['m,c=1,h=a b=true,max=2,u="yy" @0', 'm,c=2,h=a max=0 @1'])
  })

  it('multi functions give batches', () => {
    const { op, out, feed } = setup('top', [2n, 'v', 'c'], {}, { dims: ['h'], reads: ['v', 'c'] })
    feed.rows(op, ['m,h=a,c=0 v=1 @0', 'm,h=a,c=1 v=2 @0', 'm,h=a,c=1 v=3 @0', 'm,h=a v=0 @1'])
    expect(out.take()).toEqual(['m,h=a {tmax=0 | c=1 top=3@0, c=0 top=1@0}'])
  })

  it('a deleted group loses what is pending', () => {
    const { op, out, feed } = setup('sum', ['v'], {}, { dims: ['h'] })
    feed.rows(op, ['m,h=a v=1 @5'])
    feed.deleteGroup(op, 'm,h=a')
    feed.deleteGroup(op, 'm,h=b')
    feed.rows(op, ['m,h=a v=2 @6', 'm,h=a v=3 @7'])
    expect(out.take()).toEqual(['delete h=a', 'm,h=a sum=2 @6'])
  })
})

describe('batch input', () => {
  it('the name is that of the message that created the group', () => {
    const { op, out, feed } = setup('count', ['v'], {}, { dims: ['h'] })
    feed.batch(op, 'm,h=a', 10, ['m,h=a v=1 @1'])
    feed.batch(op, 'other,h=a', 20, ['m,h=a v=1 @1'])
    feed.barrier(op, 'm,h=b', 5)
    feed.batch(op, 'm,h=b', 20, [])
    expect(out.take()).toEqual([
      'm,h=a count=1i @10',
      'm,h=a count=1i @20',
      'barrier h=b @5',
      'barrier,h=b count=0i @20',
    ])
  })

  it('many batches in one chunk', () => {
    const { op, out, edge, feed } = setup('max', ['v'], {}, { dims: ['h'] })
    op.receive(
      feed.batchChunk([
        { head: 'm,h=a', tmax: 10, lines: ['m,h=a,c=0 v=1 @1', 'm,h=a,c=1 v=2 @2'] },
        { head: 'm,h=b', tmax: 10, lines: [] },
        { head: 'm,h=c', tmax: 11, lines: ['m,h=c,c=2 v=1i @1', 'm,h=c,c=3 v=1i @2'] },
      ]),
      0,
    )
    expect(out.take()).toEqual(['m,c=1,h=a max=2 @10', 'm,c=2,h=c max=1i @11'])
    expect(edge.n).toBe(2)
  })

  it('percentile of many rows equals sorting them', () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5003)
    const rows = values.map((v, i) => `h=a v=${v}i @${i}`)
    const sorted = [...values].sort((a, b) => a - b)
    expect(reduce('percentile', ['v', 95], rows).out).toEqual([`m,g=1,h=a percentile=${sorted[4749]}i @10`])
    expect(reduce('median', ['v'], rows).out).toEqual([`m,g=1 median=${(sorted[2499] + sorted[2500]) / 2} @10`])
  })

  it('top and bottom choose among equal values of one time as the heap of the original does', () => {
    const rows = [100, 100, 90, 100, 100, 100].map((v, i) => `h=${'abcdef'[i]} v=${v} @0`)
    const chosen = (method: string, num: bigint) =>
      reduce(method, [num, 'v'], rows)
        .out[0].match(/(?<=h=)\w/g)
        ?.join('')
    expect(chosen('top', 2n)).toBe('ab')
    expect(chosen('bottom', 3n)).toBe('cfe')
    expect(chosen('top', 6n)).toBe('abedfc')
    expect(chosen('bottom', 6n)).toBe('cfedab')
  })

  it('percentile chooses among equal values as the sort of the original does', () => {
    const rows = Array.from({ length: 50 }, (_, i) => `h=r${i} v=${(i * 7) % 5} @${i}`)
    const host = (p: number) => reduce('percentile', ['v', p], rows, own).out[0].match(/h=\w+/)?.[0]
    expect([24, 50, 100].map(host)).toEqual(['h=r33', 'h=r1', 'h=r22'])
  })
})

describe('definition', () => {
  it('a negative number of points is rejected', () => {
    const { def } = setup('count', ['v'])
    expect(def.method).toBe('count')
    const top = influxqlEntries.find((e) => e.def.method === 'top')!.def
    expect(() => top.validate!(plan(top, [-1n, 'v']).node)).toThrow(
      'top requires a number of points that is not negative',
    )
  })
})
