import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { windowDef, windowEntry } from '../../../../src/operators/window/window.js'
import type { ScriptValue } from '../../../../src/tickscript/node-def.js'
import { Collector, connect, type FeedOptions, Harness, type PlanOptions, plan } from '../harness.js'

const s = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)

function setup(
  props: Record<string, ScriptValue>,
  feedOptions: FeedOptions = {},
  options: PlanOptions = {},
  budget?: number,
) {
  const h = new Harness(budget)
  const ctx = h.context('window2')
  const groupedBy = feedOptions.dims === null ? '*' : [...(feedOptions.dims ?? [])].sort()
  const op = windowEntry.create!(plan(windowDef, [], props, { groupedBy, ...options }), ctx)
  const out = new Collector(h)
  const edge = connect(op, out)
  const feed = h.feed(feedOptions)
  return { h, ctx, op, out, edge, feed }
}

/** `1@101 2@103` → rows of m. */
function rows(text: string): string[] {
  return text.split(' ').map((p) => `m v=${p.split('@')[0]} @${p.split('@')[1]}`)
}

function brief(out: string[]): string[] {
  return out.map((b) =>
    b
      .replace(/^m \{tmax=/, '')
      .replace(/v=([^@]*)@[^,}]*/g, '$1')
      .replace(/ \| /, ': ')
      .replace('}', ''),
  )
}

describe('worked examples of the specification', () => {
  const cases: [string, Record<string, ScriptValue>, string, string[]][] = [
    [
      'plain',
      { period: s(10), every: s(5) },
      '1@101 2@103 3@105 4@106 5@108 6@111 7@140 8@150',
      ['106: 1, 2, 3', '111: 1, 2, 3, 4, 5', '116: 4, 5, 6', '145: 7'],
    ],
    [
      'align',
      { period: s(10), every: s(5), align: true },
      '1@101 2@103 3@105 4@106 5@110 6@111 7@140 8@150',
      ['105: 1, 2', '110: 1, 2, 3, 4', '115: 3, 4, 5, 6', '145: 7'],
    ],
    [
      'align with an offset',
      { period: s(10), every: s(5), align: s(2) },
      '1@101 2@103 3@105 4@106 5@110 6@111 7@140 8@150',
      ['102: 1', '107: 1, 2, 3, 4', '112: 2, 3, 4, 5, 6', '142: 7'],
    ],
    [
      'fillPeriod',
      { period: s(10), every: s(5), fillPeriod: true },
      '1@101 4@106 5@110 6@111 7@112 8@116',
      ['111: 1, 4, 5', '116: 4, 5, 6, 7'],
    ],
    [
      'fillPeriod and align',
      { period: s(10), every: s(5), fillPeriod: true, align: true },
      '1@100 4@106 5@110 6@111 7@115 8@120',
      ['115: 4, 5, 6', '120: 5, 6, 7'],
    ],
    [
      'every zero',
      { period: s(3) },
      '1@101 2@102 3@104 4@104 5@103 6@110',
      ['101: 1', '102: 1, 2', '104: 2, 3', '104: 2, 3, 4', '110: 6'],
    ],
    ['count', { periodCount: 3n, everyCount: 2n }, '1@1 2@2 3@3 4@4 5@5 6@6', ['2: 1, 2', '4: 2, 3, 4', '6: 4, 5, 6']],
    [
      'count with fillPeriod',
      { periodCount: 3n, everyCount: 2n, fillPeriod: true },
      '1@1 2@2 3@3 4@4 5@5 6@6',
      ['3: 1, 2, 3', '5: 3, 4, 5'],
    ],
    [
      'late data',
      { period: s(5), every: s(5) },
      '1@101 2@104 9@90 3@105 4@106 5@102 6@112',
      ['106: 1, 2, 9, 3', '111: 4, 5'],
    ],
    ['empty batch after a jump', { period: s(5), every: s(20) }, '1@0 2@1 3@21 4@60', ['20: ', '41: ']],
    ['rows fewer than everyCount', { periodCount: 2n, everyCount: 4n }, '0@0 1@1 2@2 3@3 4@4', ['3: 2, 3']],
    [
      'seven seconds count from year 1',
      { period: s(7), every: s(7), align: true },
      '1@1500001200 2@1500001204 3@1500001205',
      ['1500001205: 1, 2'],
    ],
    [
      'before the epoch',
      { period: s(10), every: s(10), align: true },
      '1@-25 2@-21 3@-20 4@0',
      ['-20: 1, 2', '-10: 3'],
    ],
  ]
  it.each(cases)('%s', (_name, props, input, expected) => {
    for (const rowsPerChunk of [1, 3, 1000]) {
      const { op, out, edge, feed } = setup(props, { rowsPerChunk })
      feed.rows(op, rows(input))
      expect(brief(out.take())).toEqual(expected)
      expect(edge.n).toBe(expected.length)
    }
  })
})

describe('barriers', () => {
  it('emit what is due, are not passed on by a time window and name the group they create', () => {
    const { op, out, feed } = setup({ period: s(10), every: s(10) }, { dims: ['h'] })
    feed.rows(op, ['m,h=a v=1 @100'])
    feed.barrier(op, 'm,h=a', 109)
    expect(out.take()).toEqual([])
    feed.barrier(op, 'm,h=a', 112)
    expect(out.take()).toEqual(['m,h=a {tmax=110 | v=1@100}'])
    feed.barrier(op, 'm,h=b', 112)
    feed.rows(op, ['m,h=b v=2 @113', 'm,h=b v=3 @122'])
    expect(out.take()).toEqual(['barrier,h=b {tmax=122 | v=2@113}'])
  })

  it('with every 0 emit at their own time', () => {
    const { op, out, feed } = setup({ period: s(3) })
    feed.rows(op, ['m v=1 @10', 'm v=2 @11'])
    out.take()
    feed.barrier(op, 'm', 13)
    expect(out.take()).toEqual(['m {tmax=13 | v=2@11}'])
  })

  it('pass through a count window', () => {
    const { op, out, feed } = setup({ periodCount: 2n, everyCount: 2n })
    feed.rows(op, ['m v=1 @10'])
    feed.barrier(op, 'm', 13)
    expect(out.take()).toEqual(['barrier  @13'])
  })
})

describe('groups', () => {
  it('are independent; rows keep all tags and fields', () => {
    const { op, out, feed } = setup({ period: s(10), every: s(10) }, { dims: ['h'], reads: ['v'] })
    feed.rows(op, ['m,h=a,c=0 v=1,s="x",i=5i,b=true @0', 'm,h=b,c=1 v=2i @3', 'm,h=a v="s" @4', 'm,h=a v=9 @10'])
    expect(out.take()).toEqual(['m,h=a {tmax=10 | c=0 b=true,i=5i,s="x",v=1@0, v="s"@4}'])
    feed.rows(op, ['m,h=b v=9 @13'])
    expect(out.take()).toEqual(['m,h=b {tmax=13 | c=1 v=2i@3}'])
  })

  it('keep only the cells that are needed', () => {
    const { op, out, feed } = setup(
      { period: s(10), every: s(10) },
      { dims: ['h'] },
      { needs: { fields: ['v'], tags: ['c'] } },
    )
    feed.rows(op, ['m,h=a,c=0,d=1 v=1,s="x" @0', 'm,h=a,c=1 v=2 @10'])
    expect(out.take()).toEqual(['m,h=a {tmax=10 | c=0 v=1@0}'])
  })

  it('carry the name of the message that created them', () => {
    const { op, out, feed } = setup({ period: s(5), every: s(5) })
    feed.rows(op, ['zz v=1 @0', 'aa v=2 @1', 'mm v=3 @3', 'aa v=4 @6'])
    expect(out.take()).toEqual(['zz {tmax=5 | v=1@0, v=2@1, v=3@3}'])
  })

  it('are forgotten on delete, which is passed on only when the group was known', () => {
    const { ctx, op, out, feed } = setup({ period: s(5), every: s(5) }, { dims: ['h'] })
    feed.rows(op, ['m,h=a v=1 @0'])
    expect(ctx.counters.get('working_cardinality')).toBe(1)
    feed.deleteGroup(op, 'm,h=a')
    feed.deleteGroup(op, 'm,h=x')
    expect(out.take()).toEqual(['delete h=a'])
    expect(ctx.counters.get('working_cardinality')).toBe(0)
    expect(feed.grouping.size).toBe(0)
    feed.rows(op, ['m,h=a v=2 @1', 'm,h=a v=3 @6'])
    expect(out.take()).toEqual(['m,h=a {tmax=6 | v=2@1}'])
  })
})

describe('memory', () => {
  it('a window longer than a chunk stays one batch', () => {
    const { op, out, feed } = setup({ period: s(100_000), every: s(100_000) })
    const n = 20_000
    feed.rows(
      op,
      Array.from({ length: n }, (_, i) => `m v=${i} @${i}`),
    )
    feed.rows(op, ['m v=1 @100000'])
    const [batch] = out.take()
    expect(batch.split(', ').length).toBe(n)
    expect(batch.endsWith('v=19999@19999}')).toBe(true)
  })

  it('an exhausted budget drops rows, counts them and goes on', () => {
    const { ctx, op, out, feed } = setup({ period: s(10_000_000), every: s(10_000_000) }, {}, {}, 1024 * 1024)
    const n = 60_000
    feed.rows(
      op,
      Array.from({ length: n }, (_, i) => `m v=${i} @${i}`),
    )
    const dropped = ctx.drops.get('memory')!
    expect(dropped).toBeGreaterThan(0)
    feed.barrier(op, 'm', 10_000_001)
    const [batch] = out.take()
    expect(batch.split(', ').length).toBe(n - dropped)
    // The next emission makes room before the row that causes it is stored.
    feed.rows(op, ['m v=7 @20000000', 'm v=8 @30000001', 'm v=9 @40000001'])
    expect(out.take()).toEqual(['m {tmax=20000001 | }', 'm {tmax=40000001 | v=8@30000001}'])
    expect(ctx.drops.get('memory')).toBe(dropped + 1)
  })

  it('evicts the oldest rows first and says so', () => {
    const { ctx, op, out, feed } = setup({ period: s(1000), every: s(1000) }, { dims: ['h'] })
    feed.rows(op, [
      ...Array.from({ length: 16 }, (_, i) => `m,h=a v=${i} @${i}`),
      ...Array.from({ length: 16 }, (_, i) => `m,h=b v=${i} @${i + 500}`),
    ])
    expect(op.evictRows(1)).toBeGreaterThan(0)
    expect(ctx.counters.get('evicted_rows')).toBe(8)
    expect(ctx.counters.get('evicted_windows')).toBe(1)
    feed.barrier(op, 'm,h=a', 1500)
    feed.barrier(op, 'm,h=b', 1500)
    const [a, b] = out.take()
    expect(a).toContain('| v=8@8,')
    expect(b.split(', ').length).toBe(16)
  })

  it('returns all pages when disposed', () => {
    const { h, op, feed, ctx } = setup({ period: s(10), every: s(10) }, { dims: ['h'] })
    feed.rows(op, ['m,h=a v=1,s="some_string" @0', 'm,h=b v=1 @0'])
    expect(ctx.state.bytes).toBeGreaterThan(0)
    op.dispose()
    expect(ctx.state.bytes).toBe(0)
    expect(h.memory.used).toBeGreaterThan(0)
  })
})

describe('definition', () => {
  const define = (props: Record<string, ScriptValue>): (() => void) => {
    const p = plan(windowDef, [], props)
    return () => {
      windowDef.validate!(p.node)
      windowDef.check!(p.node, { dbrps: null })
    }
  }

  it.each<[string, Record<string, ScriptValue>]>([
    ['cannot specify both period and periodCount', { period: s(1), periodCount: 1n, everyCount: 1n }],
    ['can only align windows based off time, not count', { periodCount: 1n, everyCount: 1n, align: true }],
    ['everyCount must be greater than zero', { periodCount: 1n }],
    ['window node must have either a non zero period or non zero period count', { every: s(1) }],
    ['periodCount must not be negative', { periodCount: -1n, everyCount: 1n }],
    ['period must not be negative', { period: s(-1) }],
    ['every must not be negative', { period: s(1), every: s(-1) }],
  ])('%s', (text, props) => {
    expect(define(props)).toThrow(text)
  })
})
