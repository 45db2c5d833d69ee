import { describe, expect, it } from 'vitest'
import type { Grouping } from '../../../../src/state/grouping.js'
import { useUpBudget } from '../bench.js'
import { planOf, type ScriptOptions, scriptBench } from '../join-script.js'

interface UnionOptions extends ScriptOptions {
  readonly by?: string
  readonly tail?: string
  readonly inputs?: readonly string[]
}

/** `a|union(b, …)`. The parents are in the order of the arguments, then `a`. */
function union(props = '', options: UnionOptions = {}) {
  const inputs = options.inputs ?? ['b', 'a']
  const by = options.by === undefined ? '' : `.groupBy(${options.by})`
  const vars = inputs.map((m) => `var ${m} = stream|from().measurement('${m}')${by}`).join('\n')
  const others = inputs.slice(0, -1).join(', ')
  const script = `${vars}\n${inputs.at(-1)}|union(${others})${props}${options.tail ?? "|httpOut('o')"}`
  const b = scriptBench(script, 'union', options)
  const port = (m: string): number => inputs.indexOf(m)
  return { ...b, port, feed: (lines: readonly string[]) => b.rows(inputs, lines), take: () => b.out.take() }
}

const byH = { by: "'h'", feeds: [{ dims: ['h'] }] }

/** `a@10`: a point of `a` at second 10, as it comes out. */
function points(lines: readonly string[]): string {
  return lines.map((line) => line.replace(/[ ,].*@/, '@')).join(' ')
}

describe('order', () => {
  it('is that of time, ties in the order of the parents: the example of the specification', () => {
    const b = union()
    b.feed(['a v=1 @10', 'a v=2 @11', 'b v=3 @10', 'b v=4 @12', 'a v=5 @11', 'a v=6 @12'])
    expect(points(b.take())).toBe('b@10 a@10 a@11 a@11 b@12 a@12')
  })

  it('waits for every parent', () => {
    const b = union('', { inputs: ['b', 'd', 'a'] })
    b.feed(['a v=1 @1', 'b v=2 @1', 'a v=3 @2'])
    expect(b.take()).toEqual([])
    b.feed(['d v=4 @1'])
    expect(points(b.take())).toBe('b@1 d@1 a@1')
    b.feed(['d v=5 @5', 'b v=6 @3'])
    expect(points(b.take())).toBe('a@2')
    b.feed(['a v=7 @4'])
    expect(points(b.take())).toBe('b@3')
  })

  it('of late points is that of their parent', () => {
    const b = union(".rename('all')")
    b.feed(['a v=1 @3', 'b v=10 @1', 'a v=2 @2', 'b v=20 @4', 'a v=3 @5', 'b v=30 @3', 'a v=4 @6', 'b v=40 @7'])
    expect(b.take()).toEqual([
      'all v=10 @1',
      'all v=1 @3',
      'all v=2 @2',
      'all v=20 @4',
      'all v=30 @3',
      'all v=3 @5',
      'all v=4 @6',
    ])
    b.op.stop()
    expect(b.take()).toEqual(['all v=40 @7'])
  })

  it('is the same in whatever chunks the points come', () => {
    const a = Array.from({ length: 500 }, (_, i) => `a v=${i}i @${i}`)
    const c = Array.from({ length: 500 }, (_, i) => `b v=${i}i @${i}`)
    const b = union(".rename('u')", { tail: '|eval(lambda: "v" + 1).as(\'x\')' })
    b.feeds[1].rows(b.op, a.slice(0, 300), 1)
    b.feeds[0].rows(b.op, c.slice(0, 200), 0)
    b.feeds[1].rows(b.op, a.slice(300), 1)
    b.feeds[0].rows(b.op, c.slice(200), 0)
    const expected = Array.from({ length: 500 }, (_, i) => [`u v=${i}i @${i}`, `u v=${i}i @${i}`]).flat()
    expect(b.take()).toEqual(expected)
  })

  it('of batches is that of their end times', () => {
    const w = '|window().period(1s).every(1s)'
    const b = scriptBench(
      `var a = stream|from().measurement('a')${w}
      var b = stream|from().measurement('b')${w}
      a|union(b).rename('u')|httpOut('o')`,
      'union',
    )
    b.feeds[1].batch(b.op, 'a', 10, ['a v=1 @1', 'a v=2,s="x" @2'], 1)
    b.feeds[1].batch(b.op, 'a', 20, [], 1)
    expect(b.out.take()).toEqual([])
    b.feeds[0].batch(b.op, 'b', 15, ['b v=3 @3'], 0)
    expect(b.out.take()).toEqual(['u {tmax=10 | v=1@1, s="x",v=2@2}', 'u {tmax=15 | v=3@3}'])
    b.feeds[0].batch(b.op, 'b', 16, ['b v=4 @4'], 0)
    expect(b.out.take()).toEqual(['u {tmax=16 | v=4@4}'])
    b.op.stop()
    expect(b.out.take()).toEqual(['u {tmax=20 | }'])
  })
})

describe('what comes out', () => {
  it('has the fields, tags, database and name it had', () => {
    const b = union('', { ...byH, tail: "|httpOut('o')" })
    b.feed(['a,h=p,k=1 v=1,s="x" @1', 'b,h=p v=2i @2', 'a,h=q v=3 @3'])
    expect(b.take()).toEqual(['a,h=p,k=1 s="x",v=1 @1', 'b,h=p v=2i @2'])
    expect(b.out.groups).toEqual(['h=p', 'h=p'])
  })

  it('is of the same group from every parent', () => {
    const b = union(".rename('u')", byH)
    const seen = new Set<number>()
    const { receive } = b.out
    b.out.receive = (chunk, port) => {
      for (let r = 0; r < chunk.n; r++) seen.add(chunk.groups[r])
      receive.call(b.out, chunk, port)
    }
    b.feed(['a,h=q v=1 @1', 'a,h=p v=1 @1', 'b,h=p v=2 @1', 'a,h=p v=3 @2'])
    expect(b.take()).toHaveLength(3)
    expect(seen.size).toBe(2)
  })

  it('has a renamed group where that is by measurement', () => {
    const b = union(".rename('u')", { by: "'h').groupByMeasurement(", feeds: [{ dims: ['h'], byName: true }] })
    b.feed(['a,h=p v=1 @1', 'b,h=p v=2 @1'])
    expect(b.out.groups).toEqual(['u\nh=p', 'u\nh=p'])
    expect(b.take()).toEqual(['u,h=p v=2 @1', 'u,h=p v=1 @1'])
  })

  it.each([
    ['of the group', '|eval(lambda: strLength("h") + int("v")).as(\'x\')', 'u,h=pq v=1 @1'],
    ['beyond the group', '|eval(lambda: strLength("k") + int("v")).as(\'x\')', 'u,k=1 v=1 @1'],
  ])('has the tags that are read below: %s', (_, tail, expected) => {
    const b = union(".rename('u')", { ...byH, tail })
    b.feed(['a,h=pq,k=1,j=2 v=1,w=3 @1', 'b,h=pq,k=2 v=2 @2'])
    // What goes straight on keeps all; what has waited has what is wanted.
    const [first] = b.take()
    expect(first.startsWith('u')).toBe(true)
    expect(first.replace(/,h=pq(?=,k)/, '')).toBe(expected)
  })

  it('keeps groups of different dimensions apart', () => {
    const b = scriptBench(
      `var a = stream|from().measurement('a').groupBy('h')
      var b = stream|from().measurement('b')
      a|union(b)|httpOut('o')`,
      'union',
      { feeds: [{}, { dims: ['h'] }] },
    )
    b.rows(['b', 'a'], ['a,h=p v=1 @1', 'b,h=p v=2 @2', 'a,h=p v=3 @3'])
    expect(b.out.take()).toEqual(['a,h=p v=1 @1', 'b,h=p v=2 @2'])
    expect(b.out.groups).toEqual(['h=p', ''])
  })
})

describe('barriers and deletes', () => {
  it('a barrier waits in order like data and lets others pass', () => {
    const b = union('', byH)
    b.feed(['a,h=x v=1 @1', 'b,h=x v=2 @1', 'a,h=x v=3 @2'])
    b.take()
    b.feeds[0].barrier(b.op, 'm,h=x', 5, b.port('b'))
    expect(b.take()).toEqual(['a,h=x v=3 @2'])
    b.feeds[1].barrier(b.op, 'm,h=x', 5, b.port('a'))
    expect(b.take()).toEqual(['barrier h=x @5', 'barrier h=x @5'])
  })

  it('a delete goes on at once, ahead of what waits', () => {
    const b = union('', byH)
    b.feed(['b,h=x v=1 @1', 'a,h=x v=2 @9'])
    b.take()
    b.feeds[1].deleteGroup(b.op, 'm,h=x', b.port('a'))
    expect(b.take()).toEqual(['delete h=x'])
    b.feed(['b,h=y v=3 @10'])
    expect(b.take()).toEqual(['a,h=x v=2 @9'])
    b.feeds[0].deleteGroup(b.op, 'm,h=never', b.port('b'))
    expect(b.take()).toEqual([])
  })
})

describe('memory', () => {
  const tail = '|eval(lambda: "v").as(\'x\')'

  it.each([
    ['points', tail],
    ['whole points', undefined],
  ])('is given back when what waits has gone: %s', (_, below) => {
    const b = union('', { ...byH, tail: below })
    const lines = (m: string) => Array.from({ length: 40_000 }, (_, i) => `${m},h=${i % 50} v="text${i}" @${i}`)
    b.feeds[1].rows(b.op, lines('a'), 1)
    const full = b.ctx.state.bytes
    b.feeds[0].rows(b.op, lines('b'), 0)
    expect(b.take()).toHaveLength(80_000)
    expect(b.ctx.state.bytes).toBeLessThan(full / 4)
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
    expect(b.harness.memory.idle).toBe(0)
  })

  it('counts rows that do not fit', () => {
    const b = union('', byH)
    b.feed(['a,h=x v=1 @1'])
    useUpBudget(b)
    const lines = Array.from({ length: 3000 }, (_, i) => `a,h=x v=${i} @${i + 2}`)
    b.feeds[1].rows(b.op, lines, 1)
    const dropped = b.ctx.drops.get('memory') ?? 0
    expect(dropped).toBeGreaterThan(0)
    b.op.stop()
    expect(b.take()).toHaveLength(3001 - dropped)
  })

  it('evicts the oldest first and goes on', () => {
    const b = union('', { ...byH, tail })
    b.feeds[1].rows(
      b.op,
      Array.from({ length: 1000 }, (_, i) => `a,h=x v=${i} @${i}`),
      1,
    )
    expect(b.op.evictRows(3000)).toBeGreaterThanOrEqual(3000)
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    b.feed(['b,h=x v=1 @999'])
    const out = b.take()
    expect(out).toHaveLength(1000 - evicted + 1)
    expect(out[0]).toBe(`a v=${evicted} @${evicted}`)
  })

  it('drops what waits of an evicted group, and counts it', () => {
    const b = union('', byH)
    b.feed(['b,h=x v=0 @0', 'a,h=x v=1 @1', 'a,h=y v=2 @1', 'a,h=x v=3 @2'])
    const grouping = b.out.grouping as Grouping
    expect(b.take()).toEqual(['b,h=x v=0 @0'])
    b.op.evictGroup(grouping, 0)
    grouping.free(0)
    // The id is used again by another group.
    b.feed(['a,h=z v=4 @3', 'b,h=z v=5 @9', 'a,h=x v=6 @9'])
    expect(b.take()).toEqual(['a,h=y v=2 @1', 'a,h=z v=4 @3', 'b,h=z v=5 @9', 'a,h=x v=6 @9'])
    expect(b.ctx.counters.get('evicted_rows')).toBe(2)
  })
})

describe('the plan', () => {
  it('has one shard and the reason', () => {
    const plan = planOf(`var a = stream|from().groupBy('h')\na|union(stream|from().groupBy('h'))|httpOut('o')`)
    expect(plan.partition.kind).toBe('pinned')
    expect(plan.partitionReason).toMatch(/^union\d+ merges its inputs in order of time over all groups: one shard$/)
  })
})
