import { describe, expect, it } from 'vitest'
import { Duration } from '../../../src/columns/values.js'
import { defaultDef, defaultEntry } from '../../../src/operators/rows/default.js'
import { deleteDef, deleteEntry } from '../../../src/operators/rows/delete.js'
import { derivativeDef, derivativeEntry } from '../../../src/operators/rows/derivative.js'
import { logDef, logEntry } from '../../../src/operators/rows/log.js'
import { sampleDef, sampleEntry } from '../../../src/operators/rows/sample.js'
import { shiftDef, shiftEntry } from '../../../src/operators/rows/shift.js'
import { streamDef, streamEntry } from '../../../src/operators/rows/stream.js'
import type { PlannedNode } from '../../../src/plan/task-plan.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { bench, call } from './bench.js'
import { plan } from './harness.js'

const seconds = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)

describe('stream', () => {
  it('copies every row to every child', () => {
    const b = bench(streamEntry, plan(streamDef, []))
    b.feed.rows(b.op, ['m,h=a v=1 @10', 'n v=2i @11'])
    expect(b.out.take()).toEqual(['m,h=a v=1 @10', 'n v=2i @11'])
  })
})

describe('derivative', () => {
  it('mixes int and float, divides by the elapsed time, counts wrong types (spec 4.8)', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v']))
    b.feed.rows(b.op, [
      'm v=10 @10',
      'm v=14i @12',
      'm v="x" @13',
      'm v=10 @16',
      'm v=20 @16',
      'm v=30 @15',
      'm v=30 @20',
    ])
    expect(b.out.take()).toEqual(['m v=2 @12', 'm v=-1 @16', 'm v=-10 @15', 'm v=0 @20'])
    expect(b.ctx.errors.map((e) => [e.err, e.n])).toEqual([
      ['field is the wrong type', 1],
      ['elaspsed time was 0', 1],
    ])
    expect(b.ctx.errors[0]).toMatchObject({ msg: 'cannot perform derivative', extra: { type: 'string' } })
  })

  it('stores but does not emit a negative rate when nonNegative', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v'], { nonNegative: true, as: 'd', unit: seconds(10) }))
    b.feed.rows(b.op, ['m v=5,w=1 @10', 'm v=3,w=2 @11', 'm v=4,w=3 @12'])
    expect(b.out.take()).toEqual(['m d=10,v=4,w=3 @12'])
  })

  it('is never negative for points that go back in time when nonNegative and dropLate', () => {
    const rows = ['m v=10 @10', 'm v=20 @5', 'm v=9 @6', 'm v=12 @12', 'm v=13 @11', 'm v=20 @16']
    const original = bench(derivativeEntry, plan(derivativeDef, ['v'], { nonNegative: true }))
    original.feed.rows(original.op, rows)
    expect(original.out.take()).toEqual(['m v=-2 @5', 'm v=0.5 @12', 'm v=-1 @11', 'm v=1.4 @16'])
    const b = bench(derivativeEntry, plan(derivativeDef, ['v'], { nonNegative: true, dropLate: true }))
    b.feed.rows(b.op, rows)
    expect(b.out.take()).toEqual(['m v=1 @12', 'm v=2 @16'])
    expect(b.ctx.drops.get('late')).toBe(3)
    const batch = bench(
      derivativeEntry,
      plan(derivativeDef, ['v'], { nonNegative: true, dropLate: true }, { edge: 'batch' }),
    )
    batch.feed.batch(batch.op, 'm', 20, rows)
    batch.feed.batch(batch.op, 'm', 9, ['m v=1 @1', 'm v=3 @2'])
    expect(batch.out.take()).toEqual(['m {tmax=20 | v=1@12, v=2@16}', 'm {tmax=9 | v=2@2}'])
    expect(batch.ctx.drops.get('late')).toBe(3)
  })

  it('keeps groups apart and forgets deleted ones', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v']), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @10', 'm,h=b v=10 @10', 'm,h=a v=2 @11', 'm,h=b v=12 @11'])
    expect(b.out.take()).toEqual(['m,h=a v=1 @11', 'm,h=b v=2 @11'])
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.rows(b.op, ['m,h=a v=5 @12', 'm,h=b v=12 @12'])
    expect(b.out.take()).toEqual(['delete h=a', 'm,h=b v=0 @12'])
  })

  it('starts again in every batch', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v'], {}, { edge: 'batch' }))
    b.feed.batch(b.op, 'm', 20, ['m v=1 @10', 'm v=3 @11'])
    b.feed.batch(b.op, 'm', 30, ['m v=9 @21'])
    expect(b.out.take()).toEqual(['m {tmax=20 | v=2@11}', 'm {tmax=30 | }'])
  })

  it('counts a missing field', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v']))
    b.feed.rows(b.op, ['m w=1 @10'])
    expect(b.ctx.errors).toMatchObject([{ err: 'field is the wrong type', n: 1, extra: { type: '<nil>' } }])
  })
})

describe('sample', () => {
  it('keeps the first of every n rows of a group', () => {
    const b = bench(sampleEntry, plan(sampleDef, [2n]), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=a v=2 @2', 'm,h=b v=3 @3', 'm,h=a v=4 @4', 'm,h=b v=5 @5'])
    expect(b.out.take()).toEqual(['m,h=a v=1 @1', 'm,h=b v=3 @3', 'm,h=a v=4 @4'])
  })

  it('thins rows inside each batch', () => {
    const b = bench(sampleEntry, plan(sampleDef, [2n], {}, { edge: 'batch' }))
    b.feed.batch(b.op, 'm', 5, ['m v=0 @0', 'm v=1 @1', 'm v=4 @2'])
    b.feed.batch(b.op, 'm', 10, ['m v=9 @5', 'm v=16 @6'])
    expect(b.out.take()).toEqual(['m {tmax=5 | v=0@0, v=4@2}', 'm {tmax=10 | v=9@5}'])
  })

  it('keeps rows at multiples of a duration', () => {
    const b = bench(sampleEntry, plan(sampleDef, [seconds(5)]))
    b.feed.rows(b.op, ['m v=1 @5', 'm v=2 @5000000001n', 'm v=3 @7', 'm v=4 @10', 'm v=5 @10'])
    expect(b.out.take()).toEqual(['m v=1 @5', 'm v=4 @10', 'm v=5 @10'])
  })

  it('refuses other rates', () => {
    expect(() => plan(sampleDef, [1.5])).toThrow('must pass int64 or duration to new sample node')
    expect(() => sampleDef.check!(plan(sampleDef, [0n]).node, { dbrps: null })).toThrow(
      'invalid sample rate: must be positive integer or duration',
    )
    expect(() => sampleDef.check!(plan(sampleDef, [-2n]).node, { dbrps: null })).not.toThrow()
  })
})

describe('working cardinality', () => {
  it('counts the groups that have come, those of barriers and without output too, less the deleted ones', () => {
    const b = bench(derivativeEntry, plan(derivativeDef, ['v']), { dims: ['h'] })
    const known = () => b.ctx.counters.get('working_cardinality')
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b w=2 @2', 'm,h=a v=3 @3'])
    expect(known()).toBe(2)
    b.feed.barrier(b.op, 'm,h=c', 4)
    b.feed.barrier(b.op, 'm,h=a', 4)
    expect(known()).toBe(3)
    b.feed.deleteGroup(b.op, 'm,h=a')
    b.feed.deleteGroup(b.op, 'm,h=a')
    expect(known()).toBe(2)
    b.feed.rows(b.op, ['m,h=a v=1 @5'])
    expect(known()).toBe(3)
  })
})

describe('shift', () => {
  it('moves rows, and batches with their rows', () => {
    const b = bench(shiftEntry, plan(shiftDef, [new Duration(-1_500_000_001n)]))
    b.feed.rows(b.op, ['m v=1 @10'])
    b.feed.batch(b.op, 'm', 20, ['m v=1 @10'])
    b.feed.barrier(b.op, 'm', 30)
    expect(b.out.take()).toEqual(['m v=1 @8499999999n', 'm {tmax=18499999999n | v=1@8499999999n}', 'barrier  @30'])
  })

  it('refuses zero', () => {
    expect(() => shiftDef.check!(plan(shiftDef, [new Duration(0n)]).node, { dbrps: null })).toThrow(
      'invalid shift value: must be non zero duration',
    )
  })
})

function defaults(...calls: [string, string, ScriptValue][]): PlannedNode {
  const p = plan(defaultDef, [])
  for (const [property, name, value] of calls) call(p, property, name, value)
  return p
}

describe('default', () => {
  it('fills absent and null fields and absent tags, and never converts', () => {
    const p = defaults(['field', 'w', 0n], ['field', 's', 'x'], ['tag', 'dc', 'home'])
    const b = bench(defaultEntry, p)
    b.feed.rows(b.op, ['m,dc=x v=1 @1', 'm v=2,w=5 @2', 'm w=null,s="y" @3'])
    expect(b.out.take()).toEqual(['m,dc=x s="x",v=1,w=0i @1', 'm,dc=home s="x",v=2,w=5 @2', 'm,dc=home s="y",w=0i @3'])
    expect(Object.fromEntries(b.ctx.counters)).toEqual({ fields_defaulted: 4, tags_defaulted: 2 })
  })

  it('gives the last of several values for one name', () => {
    const b = bench(defaultEntry, defaults(['field', 'w', 0n], ['field', 'w', true]))
    b.feed.rows(b.op, ['m v=1 @1'])
    expect(b.out.take()).toEqual(['m v=1,w=true @1'])
  })

  it('moves rows to the group of the defaulted tag', () => {
    const b = bench(defaultEntry, defaults(['tag', 'dc', 'home']), { dims: ['dc'] })
    b.feed.rows(b.op, ['m,dc=home v=1 @1', 'm v=2 @2'])
    b.feed.rows(b.op, ['m,dc=x v=3 @3'])
    expect(b.groups()).toEqual(['dc=home', 'dc=home', 'dc=x'])
    b.feed.barrier(b.op, 'm,dc=x', 5)
    b.feed.deleteGroup(b.op, 'm,dc=x')
    expect(b.out.take().slice(-2)).toEqual(['barrier dc=x @5', 'delete dc=x'])
  })

  it('turns a batch into a group by the defaulted tag', () => {
    const b = bench(defaultEntry, defaults(['field', 'w', 0n], ['tag', 'q', 'z']))
    b.feed.batch(b.op, 'm', 5, ['m v=1 @0', 'm v=2,w=5i @1'])
    b.feed.batch(b.op, 'm', 10, [])
    expect(b.out.take()).toEqual(['m,q=z {tmax=5 | v=1,w=0i@0, v=2,w=5i@1}', 'm,q=z {tmax=10 | }'])
    expect(b.ctx.counters.get('tags_defaulted')).toBe(4)
  })

  it('refuses values that no field can have', () => {
    expect(() => defaultDef.validate!(defaults(['field', 'f', seconds(1)]).node)).toThrow(
      'unsupported type time.Duration for field "f", field default values must be float,int,string or bool',
    )
  })
})

describe('delete', () => {
  function deletion(...calls: [string, string][]): PlannedNode {
    const p = plan(deleteDef, [])
    for (const [property, name] of calls) call(p, property, name)
    return p
  }

  it('removes fields and tags and counts what was there', () => {
    const b = bench(deleteEntry, deletion(['field', 'w'], ['field', 'v'], ['tag', 'host']))
    b.feed.rows(b.op, ['m,host=a,dc=x v=1,w=1 @1', 'm,dc=y v=2 @2'])
    expect(b.out.take()).toEqual(['m,dc=x @1', 'm,dc=y @2'])
    expect(Object.fromEntries(b.ctx.counters)).toEqual({ fields_deleted: 3, tags_deleted: 1 })
  })

  it('takes a removed tag out of the dimensions', () => {
    const b = bench(deleteEntry, deletion(['tag', 'host']), { dims: ['host', 'dc'] })
    b.feed.rows(b.op, ['m,host=a,dc=x v=1 @1', 'm,host=b,dc=x v=2 @2'])
    expect(b.groups()).toEqual(['dc=x', 'dc=x'])
  })

  it('takes a removed tag out of a grouping by *', () => {
    const b = bench(deleteEntry, deletion(['tag', 'host']), { dims: null })
    b.feed.rows(b.op, ['m,host=a,dc=x v=1 @1', 'm,host=b v=2 @2'])
    expect(b.groups()).toEqual(['dc=x', ''])
  })

  it('shrinks the group of a batch', () => {
    const b = bench(deleteEntry, deletion(['tag', 'host'], ['field', 'w']), { dims: ['host'] })
    b.feed.batch(b.op, 'm,host=a', 5, ['m,host=a,dc=x v=1,w=1 @0'])
    expect(b.out.take()).toEqual(['m {tmax=5 | dc=x v=1@0}'])
    expect(b.ctx.counters.get('tags_deleted')).toBe(2)
  })
})

describe('log', () => {
  it('writes one line per point and passes it on', () => {
    const b = bench(logEntry, plan(logDef, [], { level: 'debug', prefix: 'here' }), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1.5,i=2i @10'])
    expect(b.out.take()).toEqual(['m,h=a i=2i,v=1.5 @10'])
    const keys = { prefix: 'here', name: 'm', db: 'db', rp: 'rp', group: 'h=a', dimension_0: 'h', tag_h: 'a' }
    const cells = { field_v: '1.5', field_i: '2', time: '1970-01-01T00:00:10Z' }
    expect(b.ctx.logs).toEqual([{ level: 'debug', msg: 'point', keys: { ...keys, ...cells } }])
  })

  it('frames the points of a batch; unknown levels log as info', () => {
    const b = bench(logEntry, plan(logDef, [], { level: 'WARN' }), { dims: ['h'] })
    b.feed.batch(b.op, 'm,h=a', 20, ['m,h=a v=1 @10'])
    expect(b.ctx.logs.map((l) => [l.level, l.msg, l.keys.time])).toEqual([
      ['info', 'begin batch', '1970-01-01T00:00:20Z'],
      ['info', 'batch point', '1970-01-01T00:00:10Z'],
      ['info', 'end batch', '1970-01-01T00:00:20Z'],
    ])
  })
})
