import { describe, expect, it } from 'vitest'
import type { Grouping } from '../../../../src/state/grouping.js'
import { useUpBudget } from '../bench.js'
import type { FeedOptions } from '../harness.js'
import { planOf, scriptBench } from '../join-script.js'

function regroup(call: string, options: { by?: string; tail?: string; feed?: FeedOptions } = {}) {
  const by = options.by === undefined ? '' : `.groupBy(${options.by})`
  const script = `stream|from()${by}|window().period(1s).every(1s)|groupBy(${call}${options.tail ?? "|httpOut('o')"}`
  const b = scriptBench(script, 'groupBy', { feeds: [options.feed ?? {}] })
  return {
    ...b,
    batch: (head: string, tmax: number, lines: readonly string[]) => b.feeds[0].batch(b.op, head, tmax, lines),
    take: () => b.out.take(),
  }
}

const byH = { by: "'h'", feed: { dims: ['h'] } }

describe('groupBy on batches', () => {
  it('merges batches of one end time by the new group: the example of the specification', () => {
    const b = regroup("'z')", byH)
    b.batch('m,h=a', 10, ['m,h=a,z=1 v=1 @1', 'm,h=a,z=2 v=2 @2'])
    b.batch('m,h=b', 10, ['m,h=b,z=1 v=3 @3', 'm,h=b,z=2 v=4 @0'])
    expect(b.take()).toEqual([])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
    b.batch('m,h=a', 20, [])
    expect(b.take()).toEqual(['m,z=1 {tmax=10 | h=a v=1@1, h=b v=3@3}', 'm,z=2 {tmax=10 | h=b v=4@0, h=a v=2@2}'])
    expect(b.out.groups).toEqual(['z=1', 'z=2'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(0)
  })

  it('emits on an earlier end time too, and loses the rest', () => {
    const b = regroup("'z')")
    b.batch('m', 10, ['m,z=1 v=1 @1'])
    b.batch('m', 9, ['m,z=1 v=2 @2'])
    b.op.stop()
    expect(b.take()).toEqual(['m,z=1 {tmax=10 | v=1@1}'])
  })

  it('sorts the points of a batch by time; equal times keep their order', () => {
    const b = regroup("'z')")
    const rows = Array.from({ length: 3000 }, (_, i) => `m,z=${i % 2} v=${i}i @${(i * 7919) % 100}`)
    b.batch('m', 10, rows)
    b.batch('m', 20, [])
    const sorted = (z: number): string =>
      rows
        .map((_, i) => ({ i, t: (i * 7919) % 100 }))
        .filter(({ i }) => i % 2 === z)
        .sort((x, y) => x.t - y.t || x.i - y.i)
        .map(({ i, t }) => `v=${i}i@${t}`)
        .join(', ')
    expect(b.take()).toEqual([`m,z=0 {tmax=10 | ${sorted(0)}}`, `m,z=1 {tmax=10 | ${sorted(1)}}`])
  })

  it('takes the name of the batch that opened the group', () => {
    const b = regroup("'z')")
    b.batch('m', 10, ['m,z=1 v=1 @1'])
    b.batch('n', 10, ['n,z=1 v=2 @2', 'n,z=2 v=3 @3'])
    b.batch('n', 20, [])
    expect(b.take()).toEqual(['m,z=1 {tmax=10 | v=1@1, v=2@2}', 'n,z=2 {tmax=10 | v=3@3}'])
  })

  it('groups by all tags but the excluded ones, and by measurement', () => {
    const b = regroup("*).exclude('z')")
    b.batch('m', 10, ['m,h=a,z=1 v=1 @1', 'm,h=a,z=2 v=2 @2', 'm,z=3 v=3 @3'])
    b.batch('m', 20, [])
    expect(b.take()).toEqual(['m,h=a {tmax=10 | z=1 v=1@1, z=2 v=2@2}', 'm {tmax=10 | z=3 v=3@3}'])
    const named = regroup("'z').byMeasurement()")
    named.batch('m', 10, ['m,z=1 v=1 @1'])
    named.batch('n', 10, ['n,z=1 v=2 @2'])
    named.batch('n', 20, [])
    expect(named.take()).toEqual(['m,z=1 {tmax=10 | v=1@1}', 'n,z=1 {tmax=10 | v=2@2}'])
    expect(named.out.groups).toEqual(['m\nz=1', 'n\nz=1'])
  })

  it('works on rows that only have the tags of their group, and on selected rows', () => {
    const b = regroup("'z')", { by: "'h', 'z'", feed: { dims: ['h', 'z'], columnsOnly: true, reads: ['v'] } })
    const chunk = b.feeds[0].batchChunk([
      { head: 'm,h=a,z=1', tmax: 10, lines: ['m v=1 @1', 'm v=2 @2'] },
      { head: 'm,h=b,z=1', tmax: 10, lines: ['m v=3 @3'] },
    ])
    chunk.groupTags = true
    // The second row belongs to no window.
    chunk.windows!.ends[0] = 1
    b.op.receive(chunk, 0)
    b.batch('m,h=a,z=1', 20, [])
    expect(b.take()).toEqual(['m,z=1 {tmax=10 | h=a v=1@1, h=b v=3@3}'])
  })

  it('emits at a barrier of another time, which goes on as the group of the same id', () => {
    const b = regroup("'h')", byH)
    b.batch('m,h=a', 10, ['m,h=a v=1 @1'])
    b.feeds[0].barrier(b.op, 'm,h=a', 10)
    expect(b.take()).toEqual(['barrier h=a @10'])
    b.feeds[0].barrier(b.op, 'm,h=a', 11)
    expect(b.take()).toEqual(['m,h=a {tmax=10 | v=1@1}', 'barrier h=a @11'])
  })

  it('forgets the pending batch of a deleted group', () => {
    const b = regroup("'h')", byH)
    b.batch('m,h=a', 10, ['m,h=a v=1 @1', 'm,h=b v=2 @1'])
    b.feeds[0].deleteGroup(b.op, 'm,h=a')
    b.feeds[0].deleteGroup(b.op, 'm,h=z')
    b.batch('m,h=a', 20, [])
    expect(b.take()).toEqual(['delete h=a', 'm,h=b {tmax=10 | v=2@1}'])
  })

  it('keeps only what is wanted below', () => {
    const b = regroup("'z')", { tail: "|sum('v')" })
    b.batch('m', 10, ['m,z=1,h=a v=1,w=2 @1'])
    b.batch('m', 20, [])
    expect(b.take()).toEqual(['m,z=1 {tmax=10 | v=1@1}'])
  })

  it('evicts rows and groups, and counts what does not fit', () => {
    const b = regroup("'z')")
    const rows = Array.from({ length: 300 }, (_, i) => `m,z=${i % 3} v=${i} @${i}`)
    b.batch('m', 10, rows)
    expect(b.op.evictRows(1000)).toBeGreaterThan(0)
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    b.batch('m', 20, ['m,z=0 v=1 @1', 'm,z=5 v=2 @1'])
    const out = b.take()
    expect(out.join(',').match(/@/g)).toHaveLength(300 - evicted)
    b.op.evictGroup(b.out.grouping as Grouping, (b.out.grouping as Grouping).capacity - 1)
    expect(b.ctx.counters.get('evicted_rows')).toBe(evicted + 1)
    b.batch('m', 30, [])
    expect(b.take()).toEqual(['m,z=0 {tmax=20 | v=1@1}'])
    useUpBudget(b)
    b.batch(
      'm',
      30,
      Array.from({ length: 5000 }, (_, i) => `m,z=${i} v=1,s="text" @1`),
    )
    expect(b.ctx.drops.get('memory')).toBeGreaterThan(0)
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
  })

  it('has one shard and the reason', () => {
    const plan = planOf("stream|from().groupBy('h')|window().period(1s).every(1s)|groupBy('h')|httpOut('o')")
    expect(plan.partition.kind).toBe('pinned')
    expect(plan.partitionReason).toMatch(/^groupby\d+ regroups the batches of all groups by their end time: one shard$/)
  })
})
