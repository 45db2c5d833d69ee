import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { influxqlEntries } from '../../../../src/operators/influxql/influxql-defs.js'
import { createFusedWindow } from '../../../../src/operators/window/fused-window.js'
import { windowDef, windowEntry } from '../../../../src/operators/window/window.js'
import type { ScriptValue } from '../../../../src/tickscript/node-def.js'
import { Collector, connect, Harness, plan } from '../harness.js'

const s = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)

interface Child {
  method: string
  field?: string
  as?: string
}

function setup(props: Record<string, ScriptValue>, children: Child[], budget?: number, fuse = true) {
  const h = new Harness(budget)
  const window = plan(windowDef, [], props, { groupedBy: ['h'] })
  const planned = children.map((c) => {
    const { def } = influxqlEntries.find((e) => e.def.method === c.method)!
    const as = c.as === undefined ? {} : { as: c.as }
    return plan(def, [c.field ?? 'v'], as as Record<string, ScriptValue>, { groupedBy: ['h'], parent: window })
  })
  const ctx = h.context('window2')
  const ctxs = planned.map(() => h.context())
  const fused = fuse
    ? createFusedWindow(
        window,
        ctx,
        planned.map((p, i) => ({ planned: p, ctx: ctxs[i] })),
      )
    : {
        window: windowEntry.create!(window, ctx),
        outputs: planned.map((p, i) => influxqlEntries.find((e) => e.def === p.node.def)!.create!(p, ctxs[i])),
      }
  const outs = fused.outputs.map((o) => {
    connect(fused.window, o)
    const out = new Collector(h)
    connect(o, out)
    return out
  })
  return { h, ctx, ctxs, op: fused.window, outs, feed: h.feed({ dims: ['h'], rowsPerChunk: 8192 }) }
}

const sliding = { period: s(60), every: s(5), align: true }

describe('a window over panes', () => {
  it('emits like one over rows for many groups whose pages grow and are used again', () => {
    const groups = 20_000
    const play = (fuse: boolean): string[] => {
      const { op, outs, feed } = setup(
        { period: s(15), every: s(5), align: true },
        [{ method: 'sum' }, { method: 'spread', field: 'w', as: 'range' }],
        undefined,
        fuse,
      )
      for (let t = 0; t < 35; t += 5) {
        const rows: string[] = []
        for (let g = 0; g < groups; g++) {
          const k = (g * 7919) % groups
          if ((k + t) % 3 !== 0) rows.push(`m,h=${k} v=${k % 2 === 0 ? `${k + t}i` : k / 4},w=${t}i @${t + (k % 5)}`)
        }
        feed.rows(op, rows)
        for (let g = t; g < 2000; g += 35) feed.deleteGroup(op, `m,h=${g}`)
      }
      return outs.flatMap((o) => o.take())
    }
    const panes = play(true)
    expect(panes.length).toBeGreaterThan(groups * 4)
    expect(panes).toEqual(play(false))
  })

  it('two functions of one field share its panes; each has its own name and errors', () => {
    const { ctxs, op, outs, feed } = setup({ period: s(10), every: s(10) }, [
      { method: 'count', as: 'n' },
      { method: 'mean', as: 'avg' },
    ])
    feed.rows(op, ['m,h=a v="x" @0', 'm,h=a v=1i @1', 'm,h=a v=3i @2', 'm,h=a v=9i @10'])
    expect(outs.map((o) => o.take())).toEqual([['m,h=a n=1i @10'], ['m,h=a avg=2 @10']])
    expect(ctxs.map((c) => c.errorCount)).toEqual([2, 1])
  })

  it('is exact for ints beyond 2^53, over several panes', () => {
    const { op, outs, feed } = setup(sliding, [{ method: 'sum' }, { method: 'spread' }])
    feed.rows(op, ['m,h=a v=9007199254740993i @0', 'm,h=a v=9007199254740992i @5', 'm,h=a v=-1i @11'])
    expect(outs[0].take()).toEqual(['m,h=a sum=9007199254740993i @5', 'm,h=a sum=18014398509481985i @10'])
    expect(outs[1].take()).toEqual(['m,h=a spread=0i @5', 'm,h=a spread=1i @10'])
  })

  it('takes 208 bytes a group for a sum over twelve panes', () => {
    const { h, op, feed } = setup(sliding, [{ method: 'sum' }])
    const groups = 16_384
    for (let t = 0; t < 60; t += 5) {
      feed.rows(
        op,
        Array.from({ length: groups }, (_, g) => `m,h=${g} v=${g}i @${t}`),
      )
    }
    const before = h.memory.used
    op.dispose()
    expect((before - h.memory.used) / groups).toBeLessThan(214)
  })

  it('an exhausted budget drops rows and groups, counts them and goes on', () => {
    const { ctx, op, outs, feed } = setup(sliding, [{ method: 'count' }], 2 * 1024 * 1024)
    const n = 60_000
    let seen = 0
    for (let g = 0; g < n && ctx.drops.get('memory') === undefined; g += 500) {
      const rows = Array.from({ length: 500 }, (_, i) => `m,h=${g + i} v=1 @0`)
      try {
        feed.rows(op, rows)
      } catch (err) {
        // The grouping itself found no room.
        expect(String(err)).toContain('budget refused')
        break
      }
      seen += 500
    }
    const dropped = ctx.drops.get('memory') ?? 0
    for (let g = 0; g < seen; g++) feed.barrier(op, `m,h=${g}`, 5)
    const counted = outs[0].take().filter((o) => o.includes('count=1i')).length
    expect(counted).toBe(seen - dropped)
    expect(counted).toBeGreaterThan(1000)
  })

  it('an evicted group starts again; its open window is counted', () => {
    const { ctx, op, outs, feed } = setup({ period: s(10), every: s(10) }, [{ method: 'count' }])
    feed.rows(op, ['m,h=a v=1 @0', 'm,h=b v=1 @0'])
    op.evictGroup(feed.grouping, 0)
    expect(ctx.counters.get('evicted_windows')).toBe(1)
    expect(ctx.counters.get('working_cardinality')).toBe(1)
    feed.rows(op, ['m,h=a v=1 @3', 'm,h=a v=1 @13', 'm,h=b v=1 @13'])
    expect(outs[0].take()).toEqual(['m,h=a count=1i @13', 'm,h=b count=1i @10'])
  })

  it('deletes reach below only where a batch has come first', () => {
    const { op, outs, feed } = setup({ period: s(10), every: s(10) }, [{ method: 'count' }])
    feed.rows(op, ['m,h=a v=1 @0', 'm,h=b v=1 @0', 'm,h=b v=1 @10'])
    feed.deleteGroup(op, 'm,h=a')
    feed.deleteGroup(op, 'm,h=b')
    expect(outs[0].take()).toEqual(['m,h=b count=1i @10', 'delete h=b'])
    expect(feed.grouping.size).toBe(0)
  })
})
