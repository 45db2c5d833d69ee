import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { barrierDef, barrierEntry } from '../../../../src/operators/window/barrier.js'
import type { PlannedNode } from '../../../../src/plan/task-plan.js'
import { bench, useUpBudget } from '../bench.js'
import { plan } from '../harness.js'

const start = 1_600_000_000_000

function barrier(props: { idleMs?: number; periodMs?: number; delete?: boolean }): PlannedNode {
  const ms = (n: number | undefined): Duration => new Duration(BigInt(n ?? 0) * 1_000_000n)
  return plan(barrierDef, [], { idle: ms(props.idleMs), period: ms(props.periodMs), delete: props.delete === true })
}

describe('barrier by idle time', () => {
  it('counts from the last data and goes on by itself', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }), { dims: ['h'] })
    b.harness.advance(start)
    b.feed.rows(b.op, ['m,h=a v=1 @10'])
    b.harness.advance(start + 900)
    expect(b.out.take()).toEqual(['m,h=a v=1 @10'])
    b.harness.advance(start + 1050)
    expect(b.out.take()).toEqual(['barrier h=a @11'])
    b.harness.advance(start + 2100)
    expect(b.out.take()).toEqual(['barrier h=a @12'])
  })

  it('is put off by data of its own group only', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }), { dims: ['h'] })
    b.harness.advance(start)
    b.feed.rows(b.op, ['m,h=a v=1 @10', 'm,h=b v=1 @10'])
    b.harness.advance(start + 800)
    b.feed.rows(b.op, ['m,h=a v=2 @20'])
    b.out.take()
    b.harness.advance(start + 1100)
    expect(b.out.take()).toEqual(['barrier h=b @11'])
    b.harness.advance(start + 1900)
    expect(b.out.take()).toEqual(['barrier h=a @21'])
  })

  it('drops what is older than the last barrier, and lets the same instant pass', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }))
    b.harness.advance(start)
    b.feed.rows(b.op, ['m v=1 @10'])
    b.harness.advance(start + 1000)
    b.out.take()
    b.feed.rows(b.op, ['m v=2 @10.9', 'm v=3 @11', 'm v=4 @10999999999n', 'm v=5 @12'])
    expect(b.out.take()).toEqual(['m v=3 @11', 'm v=5 @12'])
    expect(b.ctx.drops.get('late')).toBe(2)
    expect(b.ctx.errorCount).toBe(0)
  })

  it('forgets the group after the barrier with delete', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000, delete: true }), { dims: ['h'] })
    b.harness.advance(start)
    b.feed.rows(b.op, ['m,h=a v=1 @10'])
    expect(b.feed.grouping.size).toBe(1)
    b.harness.advance(start + 3000)
    expect(b.out.take()).toEqual(['m,h=a v=1 @10', 'barrier h=a @11', 'delete h=a'])
    expect(b.feed.grouping.size).toBe(0)
    b.feed.rows(b.op, ['m,h=a v=2 @5'])
    expect(b.out.take()).toEqual(['m,h=a v=2 @5'])
  })

  it('takes an incoming barrier as data', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }))
    b.harness.advance(start)
    b.feed.rows(b.op, ['m v=1 @10'])
    b.feed.barrier(b.op, 'm', 30)
    b.feed.barrier(b.op, 'm', 29)
    b.out.take()
    b.harness.advance(start + 1000)
    expect(b.out.take()).toEqual(['barrier  @31'])
  })
})

describe('barrier by period', () => {
  it('carries the clock', () => {
    const b = bench(barrierEntry, barrier({ periodMs: 1000 }))
    b.harness.advance(start)
    b.feed.rows(b.op, ['m v=1 @10'])
    b.out.take()
    b.harness.advance(start + 2050)
    const seconds = start / 1000
    expect(b.out.take()).toEqual([`barrier  @${seconds + 1}`, `barrier  @${seconds + 2}`])
    b.feed.rows(b.op, [`m v=2 @${seconds}`, `m v=3 @${seconds + 2}`])
    expect(b.out.take()).toEqual([`m v=3 @${seconds + 2}`])
  })

  it('deletes and starts anew with the next row', () => {
    const b = bench(barrierEntry, barrier({ periodMs: 1000, delete: true }))
    b.harness.advance(start)
    b.feed.rows(b.op, ['m v=1 @10'])
    b.harness.advance(start + 5000)
    expect(b.out.take()).toEqual(['m v=1 @10', `barrier  @${start / 1000 + 1}`, 'delete '])
    b.feed.rows(b.op, ['m v=2 @11'])
    expect(b.out.take()).toEqual(['m v=2 @11'])
    b.harness.advance(start + 5900)
    expect(b.out.take()).toEqual([])
    b.harness.advance(start + 6000)
    expect(b.out.take()).toEqual([`barrier  @${start / 1000 + 6}`, 'delete '])
  })

  it('thins late rows inside batches', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }))
    b.harness.advance(start)
    b.feed.batch(b.op, 'm', 20, ['m v=1 @10'])
    b.harness.advance(start + 1000)
    b.feed.batch(b.op, 'm', 30, ['m v=2 @10', 'm v=3 @11'])
    b.feed.batch(b.op, 'm', 40, ['m v=4 @1'])
    expect(b.out.take()).toEqual(['m {tmax=20 | v=1@10}', 'barrier  @11', 'm {tmax=30 | v=3@11}', 'm {tmax=40 | }'])
  })
})

describe('barrier state', () => {
  it('holds 94,000 groups in pages and gives all of it back', () => {
    const b = bench(barrierEntry, barrier({ periodMs: 1000, delete: true }), { dims: ['h'] })
    b.harness.advance(start)
    const groups = 94_000
    for (let k = 0; k < groups; k += 1000) {
      b.feed.rows(
        b.op,
        Array.from({ length: 1000 }, (_, i) => `m,h=${k + i} v=1 @10`),
      )
    }
    expect(b.out.take()).toHaveLength(groups)
    expect(b.ctx.state.bytes / groups).toBeLessThan(64)
    b.harness.advance(start + 1000)
    expect(b.out.take()).toHaveLength(2 * groups)
    expect(b.feed.grouping.size).toBe(0)
  })

  it('drops rows whose group the budget refuses, and counts them', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }), {}, 1024 * 1024)
    b.feed.barrier(b.out, 'm', 5)
    b.out.take()
    useUpBudget(b)
    b.feed.rows(b.op, ['m v=1 @10'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.drops.get('memory')).toBe(1)
  })

  it('ends silently for evicted groups', () => {
    const b = bench(barrierEntry, barrier({ idleMs: 1000 }), { dims: ['h'] })
    b.harness.advance(start)
    b.feed.rows(b.op, ['m,h=a v=1 @10'])
    b.op.evictGroup(b.feed.grouping, 0)
    b.out.take()
    b.harness.advance(start + 5000)
    expect(b.out.take()).toEqual([])
  })
})

describe('barrier definition', () => {
  it.each([
    [{ idleMs: 1, periodMs: 1 }, 'cannot specify both idle and period'],
    [{}, 'idle must be greater than zero'],
    [{ idleMs: -1 }, 'idle must be greater than zero'],
    [{ periodMs: -1 }, 'period must be greater than zero'],
  ])('%j', (props, text) => {
    expect(() => barrierDef.validate!(barrier(props).node)).toThrow(text)
  })
})
