import { describe, expect, it } from 'vitest'
import { GroupAssign } from '../../../../src/operators/kit/group-assign.js'
import { groupByDef, groupByEntry } from '../../../../src/operators/rows/group-by.js'
import { Grouping } from '../../../../src/state/grouping.js'
import { StateAllocator } from '../../../../src/state/pages.js'
import { type ScriptValue, Star } from '../../../../src/tickscript/node-def.js'
import { bench, call, useUpBudget } from '../bench.js'
import { Harness, plan } from '../harness.js'
import { ScriptTask } from '../script-task.js'

describe('groupBy on a stream', () => {
  it('groups by sorted tags; an absent tag is empty; all tags stay', () => {
    const b = bench(groupByEntry, plan(groupByDef, ['z', 'h']))
    b.feed.rows(b.op, ['m,h=a,z=1,k=x v=1 @1', 'm,h=a v=2 @2', 'm,z=1 v=3 @3', 'm v=4 @4', 'm,h=a,z=1 v=5 @5'])
    expect(b.groups()).toEqual(['h=a,z=1', 'h=a,z=', 'h=,z=1', 'h=,z=', 'h=a,z=1'])
    expect(b.out.take()[0]).toBe('m,h=a,k=x,z=1 v=1 @1')
  })

  it('keeps a dimension that is named twice', () => {
    const b = bench(groupByEntry, plan(groupByDef, ['h', 'h']))
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    expect(b.groups()).toEqual(['h=a,h=a'])
  })

  it('groups by all present tags but the excluded ones', () => {
    const p = plan(groupByDef, [new Star()])
    call(p, 'exclude', 'dc')
    call(p, 'exclude', 'x')
    const b = bench(groupByEntry, p)
    b.feed.rows(b.op, ['m,h=a,dc=1 v=1 @1', 'm,x=2,h=a v=2 @2', 'm,k=1,h=a v=3 @3', 'm v=4 @4'])
    expect(b.groups()).toEqual(['h=a', 'h=a', 'h=a,k=1', ''])
  })

  it('by all tags, counts an empty one that a row has from its old group', () => {
    const script = `stream|from().measurement('m').groupBy('dc')|first('v').as('v')|mean('v')|groupBy(*)
      |alert().crit(lambda: TRUE).message('{{ .Group }}')`
    const task = new ScriptTask(script, { reads: ['dc', 'v'] })
    task.write('m v=1 @1', 'm,dc=x v=2 @2', 'm v=3 @3', 'm,dc=x v=4 @4', 'm v=5 @5', 'm,dc=x v=6 @6')
    expect(task.events.map((e) => e.message)).toEqual(['dc=', 'dc=x'])
  })

  it('adds the measurement, and cannot undo it', () => {
    const b = bench(groupByEntry, plan(groupByDef, ['h']), { byName: true })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'n,h=a v=2 @2', 'm,h=a v=3 @3'])
    expect(b.groups()).toEqual(['m\nh=a', 'n\nh=a', 'm\nh=a'])
    const named = bench(groupByEntry, plan(groupByDef, [], { byMeasurement: true }))
    named.feed.rows(named.op, ['m v=1 @1', 'n v=2 @2'])
    expect(named.groups()).toEqual(['m', 'n'])
  })

  it('passes barriers and deletes of groups with the same id, and no others', () => {
    const b = bench(groupByEntry, plan(groupByDef, ['h']), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    b.feed.barrier(b.op, 'm,h=a', 5)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.deleteGroup(b.op, 'm,h=b')
    expect(b.out.take()).toEqual(['m,h=a v=1 @1', 'barrier h=a @5', 'delete h=a'])
    const other = bench(groupByEntry, plan(groupByDef, ['h']), { dims: ['z'] })
    other.feed.rows(other.op, ['m,h=a,z=1 v=1 @1'])
    other.feed.barrier(other.op, 'm,z=1', 5)
    expect(other.out.take()).toEqual(['m,h=a,z=1 v=1 @1'])
  })

  it('drops and counts rows whose group the budget refuses', () => {
    const b = bench(groupByEntry, plan(groupByDef, ['h']), {}, 1024 * 1024)
    b.feed.barrier(b.out, 'm', 5)
    b.out.take()
    useUpBudget(b)
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=2 @2'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.drops.get('memory')).toBe(2)
  })
})

describe('groupBy definition', () => {
  it.each([
    [[''], [], 'dimensions cannot not be the empty string'],
    [[1n], [], 'invalid dimension object of type int64'],
    [[new Star(), 'h'], [], "cannot group by both '*' and named dimensions."],
    [['h'], ['x'], "exclude requires '*'"],
  ] as [ScriptValue[], string[], string][])('refuses case %#', (dims, exclude, text) => {
    const p = plan(groupByDef, dims)
    if (exclude.length > 0) call(p, 'exclude', ...exclude)
    expect(() => groupByDef.validate!(p.node)).toThrow(text)
  })

  it('tells the planner its dimensions', () => {
    expect(groupByDef.effects!(plan(groupByDef, ['b', 'a']).node)).toMatchObject({
      reads: ['a', 'b'],
      grouping: { dims: ['a', 'b'], byName: false },
    })
  })
})

describe('GroupAssign', () => {
  it('uses the hashes of the router only for exactly its own tags', () => {
    const harness = new Harness()
    const feed = harness.feed({ dims: [] })
    const chunk = feed.chunk([
      { name: 'm', tags: new Map([['h', 'a']]), fields: new Map(), ns: 0n },
      { name: 'm', tags: new Map([['h', 'b']]), fields: new Map(), ns: 0n },
      { name: 'm', tags: new Map([['h', 'a']]), fields: new Map(), ns: 0n },
    ])
    const assign = new GroupAssign(new Grouping(new StateAllocator(harness.memory), ['h'], false))
    const own = new Int32Array(3)
    assign.assign(chunk, own, 0)
    expect([...own]).toEqual([0, 1, 0])
    chunk.hashes = new Uint32Array([7, 7, 7])
    chunk.hashedTags = ['z']
    assign.assign(chunk, own, 0)
    expect([...own]).toEqual([0, 1, 0])
    // Equal hashes of different keys must still give different groups.
    chunk.hashedTags = ['h']
    assign.assign(chunk, own, 0)
    expect(own[0]).not.toBe(own[1])
    expect(own[0]).toBe(own[2])
  })
})
