import { describe, expect, it } from 'vitest'
import { Duration } from '../../../src/columns/values.js'
import { evalDef, evalEntry } from '../../../src/operators/rows/eval.js'
import { fromDef, fromEntry } from '../../../src/operators/rows/from.js'
import { whereDef, whereEntry } from '../../../src/operators/rows/where.js'
import type { PlannedNode } from '../../../src/plan/task-plan.js'
import { Lambda, type ScriptValue, Star } from '../../../src/tickscript/node-def.js'
import { parseLambdaBody } from '../../../src/tickscript/parser.js'
import { bench, call, type TestBench } from './bench.js'
import { type FeedOptions, type PlanOptions, plan } from './harness.js'
import { ScriptTask } from './script-task.js'

function lambda(source: string): Lambda {
  const expression = parseLambdaBody(source)
  return new Lambda({ type: 'lambda', expression, pos: expression.pos })
}

function from(props: Record<string, ScriptValue>): PlannedNode {
  return plan(fromDef, [], props)
}

describe('from', () => {
  it('matches database, retention policy and measurement', () => {
    const b = bench(fromEntry, from({ measurement: 'm', database: 'db', retentionPolicy: 'rp' }))
    b.feed.rows(b.op, ['m v=1 @1', 'n v=2 @2', 'm v=3 @3'])
    expect(b.out.take()).toEqual(['m v=1 @1', 'm v=3 @3'])
    const other = bench(fromEntry, from({ database: 'elsewhere' }))
    other.feed.rows(other.op, ['m v=1 @1'])
    expect(other.out.take()).toEqual([])
  })

  it('needs all of several where calls', () => {
    const p = from({})
    call(p, 'where', lambda('"v" > 1'))
    call(p, 'where', lambda('"h" == \'a\''))
    const b = bench(fromEntry, p)
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=a v=2 @2', 'm,h=b v=3 @3', 'm v=4 @4'])
    expect(b.out.take()).toEqual(['m,h=a v=2 @2'])
    expect(b.ctx.errors).toMatchObject([{ msg: 'failed to evaluate WHERE expression', n: 1 }])
  })

  it('shares the state of its expression between all groups', () => {
    const p = from({})
    call(p, 'where', lambda('count() % 2 == 0'))
    call(p, 'groupBy', 'h')
    const b = bench(fromEntry, p)
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=2 @2', 'm,h=a v=3 @3', 'm,h=b v=4 @4'])
    expect(b.out.take()).toEqual(['m,h=b v=2 @2', 'm,h=b v=4 @4'])
    expect(fromDef.effects!(p.node).pinned).toBeDefined()
  })

  it('truncates, then rounds, from the year 1', () => {
    const seconds = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)
    const b = bench(fromEntry, from({ truncate: seconds(7), round: seconds(10) }))
    b.feed.rows(b.op, ['m v=1 @10', 'm v=2 @16.999999999', 'm v=3 @17'])
    expect(b.out.take()).toEqual(['m v=1 @10', 'm v=2 @10', 'm v=3 @20'])
    const round = bench(fromEntry, from({ round: seconds(10) }))
    round.feed.rows(round.op, ['m v=1 @15', 'm v=2 @14', 'm v=3 @-15'])
    expect(round.out.take()).toEqual(['m v=1 @20', 'm v=2 @10', 'm v=3 @-10'])
  })

  it('aligns times to an interval, shifted by an offset', () => {
    const rows = ['m v=1 @61', 'm v=2 @119.999999999', 'm v=3 @120', 'm v=4 @-1']
    const at = (align: string): string[] => {
      const task = new ScriptTask(`stream|from()${align}|httpOut('o')`)
      task.output('from1')
      task.write(...rows)
      return task.output('from1').map((line) => line.split('@')[1])
    }
    expect(at('.align(1m, 15s)')).toEqual(['15', '75', '75', '-45'])
    expect(at('.align(1m, -45s)')).toEqual(['15', '75', '75', '-45'])
    expect(at('.align(1m)')).toEqual(at('.truncate(1m)'))
    expect(at('.round(1m).align(2m, 1m)')).toEqual(['60', '60', '60', '-60'])
    expect(() => at('.align(0s)')).toThrow('align must have an interval greater than zero')
    expect(() => at('.align(1m, 1s, 1s)')).toThrow('too many input arguments')
  })

  it('groups by tags, by all tags, and by measurement', () => {
    const p = from({ groupByMeasurement: true })
    call(p, 'groupBy', 'z', 'h')
    const b = bench(fromEntry, p)
    b.feed.rows(b.op, ['m,h=a,z=1 v=1 @1', 'n,h=a v=2 @2'])
    expect(b.groups()).toEqual(['m\nh=a,z=1', 'n\nh=a,z='])
    const star = from({})
    call(star, 'groupBy', new Star())
    const c = bench(fromEntry, star)
    c.feed.rows(c.op, ['m,h=a,z=1 v=1 @1', 'n,h=a v=2 @2'])
    expect(c.groups()).toEqual(['h=a,z=1', 'h=a'])
  })

  it('starts again from no grouping', () => {
    const b = bench(fromEntry, from({}), { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    expect(b.groups()).toEqual([''])
  })

  it.each([
    [[''], 'dimensions cannot not be the empty string'],
    [[new Star(), 'h'], "cannot group by both '*' and named dimensions."],
    [[new Duration(1n)], 'invalid dimension object of type time.Duration'],
  ] as [ScriptValue[], string][])('refuses dimensions, case %#', (dims, text) => {
    const p = from({})
    call(p, 'groupBy', ...dims)
    expect(() => fromDef.validate!(p.node)).toThrow(text)
  })
})

describe('where', () => {
  it('drops and counts failing rows (type changes from row to row)', () => {
    const b = bench(whereEntry, plan(whereDef, [lambda('"v" > 2.0')]))
    b.feed.rows(b.op, ['m v=3 @1', 'm v="x" @2', 'm v=4 @3', 'm v=true @4', 'm v=5i @5', 'm w=5i @6', 'm v=1 @7'])
    expect(b.out.take()).toEqual(['m v=3 @1', 'm v=4 @3', 'm v=5i @5'])
    expect(b.ctx.errorCount).toBe(3)
    expect(b.ctx.errors[0].msg).toBe('error while evaluating expression')
  })

  it('hands on the very chunk when all rows pass', () => {
    const b = bench(whereEntry, plan(whereDef, [lambda('"v" > 0.0')]))
    const chunk = b.feed.chunk([{ name: 'm', tags: new Map(), fields: new Map([['v', 1]]), ns: 0n }])
    b.op.receive(chunk, 0)
    expect(b.out.chunks).toEqual([chunk])
  })

  it('keeps batches that become empty', () => {
    const b = bench(whereEntry, plan(whereDef, [lambda('"v" > 1.0')], {}, { edge: 'batch' }))
    b.feed.batch(b.op, 'm', 5, ['m v=1 @1', 'm v=2 @2'])
    b.feed.batch(b.op, 'm', 10, ['m v=1 @6'])
    expect(b.out.take()).toEqual(['m {tmax=5 | v=2@2}', 'm {tmax=10 | }'])
  })

  it('counts per group, and anew after a delete', () => {
    const p = plan(whereDef, [lambda('count() % 2 == 0')])
    const b = bench(whereEntry, p, { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=2 @2', 'm,h=a v=3 @3'])
    expect(b.out.take()).toEqual(['m,h=a v=3 @3'])
    b.feed.deleteGroup(b.op, 'm,h=b')
    b.feed.rows(b.op, ['m,h=b v=4 @4', 'm,h=b v=5 @5'])
    expect(b.out.take()).toEqual(['delete h=b', 'm,h=b v=5 @5'])
    expect(whereDef.effects!(p.node)).toMatchObject({ stateful: true, pinned: undefined })
  })

  it('names enable-time errors', () => {
    const p = plan(whereDef, [lambda("1 + 'a' == 2")])
    expect(() => bench(whereEntry, p)).toThrow(/^Failed to compile expression in where clause: /)
  })
})

interface EvalProps {
  as: string[]
  tags?: string[]
  keep?: string[]
  quiet?: boolean
}

function evaluation(sources: string[], props: EvalProps, options: PlanOptions = {}): PlannedNode {
  const p = plan(evalDef, sources.map(lambda), {}, options)
  call(p, 'as', ...props.as)
  if (props.tags !== undefined) call(p, 'tags', ...props.tags)
  if (props.keep !== undefined) call(p, 'keep', ...props.keep)
  p.node.quiet = props.quiet === true
  return p
}

function evalBench(sources: string[], props: EvalProps, feed: FeedOptions = {}): TestBench {
  return bench(evalEntry, evaluation(sources, props), feed)
}

describe('eval', () => {
  it('replaces the fields and keeps the tags', () => {
    const b = evalBench(['"v" * 2.0'], { as: ['d'] })
    b.feed.rows(b.op, ['m,h=a v=2,w=10 @1', 'm,h=b v=3 @2'])
    expect(b.out.take()).toEqual(['m,h=a d=4 @1', 'm,h=b d=6 @2'])
  })

  it('lets the original value come back when a later expression reads its name', () => {
    const b = evalBench(['"v" * 2.0', '"v" + 1.0'], { as: ['v', 'v2'] })
    b.feed.rows(b.op, ['m v=5 @1'])
    expect(b.out.take()).toEqual(['m v=5,v2=6 @1'])
    const single = evalBench(['"v" * 2.0'], { as: ['v'] })
    single.feed.rows(single.op, ['m v=5 @1'])
    expect(single.out.take()).toEqual(['m v=10 @1'])
  })

  it('reads an earlier result only where the row has no such field or tag', () => {
    const b = evalBench(['"v" * 10.0', '"r" + 1.0'], { as: ['r', 's'] })
    b.feed.rows(b.op, ['m v=1 @1', 'm v=2,r=5 @2', 'm v=3 @3'])
    expect(b.out.take()).toEqual(['m r=10,s=11 @1', 'm r=5,s=6 @2', 'm r=30,s=31 @3'])
  })

  it('gives the tag of the row as a field when a result of that name is read again', () => {
    const b = evalBench(["'x'", '"h"'], { as: ['h', 'k'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm v=2 @2'])
    expect(b.out.take()).toEqual(['m,h=a h="a",k="a" @1', 'm h="x",k="x" @2'])
  })

  it('drops a row that fails in any expression and counts it once', () => {
    const b = evalBench(['"a" + 1.0', '"b" + 1.0', 'count()'], { as: ['x', 'y', 'n'] })
    b.feed.rows(b.op, ['m a=1,b=1 @1', 'm a="s",b="s" @2', 'm a=1 @3', 'm a=2,b=2 @4'])
    expect(b.out.take()).toEqual(['m n=1i,x=2,y=2 @1', 'm n=2i,x=3,y=3 @4'])
    expect(b.ctx.errorCount).toBe(2)
    expect(b.ctx.errors.map((e) => e.msg)).toEqual(['error evaluating expression', 'error evaluating expression'])
    expect(b.ctx.drops.get('error')).toBe(2)
  })

  it('hides errors altogether when quiet', () => {
    const b = evalBench(['"a" + 1.0'], { as: ['x'], quiet: true })
    b.feed.rows(b.op, ['m b=1 @1'])
    expect(b.out.take()).toEqual([])
    expect(b.ctx.errorCount).toBe(0)
  })

  it('keeps everything, results last', () => {
    const b = evalBench(['"v" * 2.0'], { as: ['d'], keep: [] })
    b.feed.rows(b.op, ['m v=2,w=10 @1', 'm v=3,d=7 @2'])
    expect(b.out.take()).toEqual(['m d=4,v=2,w=10 @1', 'm d=6,v=3 @2'])
  })

  it('keeps exactly the listed names, results before fields', () => {
    const b = evalBench(['"v" * 2.0', '"w" + 1.0'], { as: ['d', 'e'], keep: ['e', 'v'] })
    b.feed.rows(b.op, ['m v=2,w=10 @1'])
    expect(b.out.take()).toEqual(['m e=11,v=2 @1'])
  })

  it('fails rows that lack a listed field', () => {
    const b = evalBench(['"v" * 2.0'], { as: ['d'], keep: ['d', 'zz'] })
    b.feed.rows(b.op, ['m v=2 @1', 'm v=3,zz=1 @2'])
    expect(b.out.take()).toEqual(['m d=6,zz=1 @2'])
    expect(b.ctx.errors).toMatchObject([{ err: 'cannot keep field "zz", field does not exist', n: 1 }])
  })

  it('keeps the missing marker and the tag of a referenced name', () => {
    const b = evalBench(['isPresent("zz")', '"h"'], { as: ['p', 'q'], keep: ['zz', 'h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1'])
    expect(b.out.take()).toEqual(['m,h=a h="a",zz=missing @1'])
  })

  it('turns results into tags', () => {
    const b = evalBench(['"h" + \'-\' + "dc"', '"v"'], { as: ['id', 'val'], tags: ['id'] })
    b.feed.rows(b.op, ['m,h=a,dc=x v=2 @1'])
    expect(b.out.take()).toEqual(['m,dc=x,h=a,id=a-x val=2 @1'])
    const kept = evalBench(['"h" + \'-x\''], { as: ['id'], tags: ['id'], keep: [] })
    kept.feed.rows(kept.op, ['m,h=a v=2 @1'])
    expect(kept.out.take()).toEqual(['m,h=a,id=a-x id="a-x",v=2 @1'])
  })

  it('fails rows whose tag is not a string', () => {
    const b = evalBench(['"v"'], { as: ['t'], tags: ['t'] })
    b.feed.rows(b.op, ['m v=2 @1', 'm v="s" @2'])
    expect(b.out.take()).toEqual(['m,t=s @2'])
    expect(b.ctx.errors[0].err).toBe('result of a tag expression must be of type string, got float64')
  })

  it('moves rows to another group when a dimension is written', () => {
    const p = evaluation(['"h" + \'2\''], { as: ['h'], tags: ['h'] })
    const b = bench(evalEntry, p, { dims: ['h'] })
    b.feed.rows(b.op, ['m,h=a v=1 @1', 'm,h=b v=1 @2', 'm,h=a v=1 @3'])
    expect(b.groups()).toEqual(['h=a2', 'h=b2', 'h=a2'])
    const star = bench(evalEntry, p, { dims: null })
    star.feed.rows(star.op, ['m,h=a,k=1 v=1 @1', 'm,k=1 v=1 @2'])
    expect(star.groups()).toEqual(['h=a2,k=1'])
  })

  it('leaves the group of a batch as it is', () => {
    const p = evaluation(['"h" + \'2\''], { as: ['h'], tags: ['h'] }, { edge: 'batch' })
    const b = bench(evalEntry, p, { dims: ['h'] })
    b.feed.batch(b.op, 'm,h=a', 5, ['m,h=a v=1 @1'])
    expect(b.groups()).toEqual(['h=a'])
    expect(b.out.take()).toEqual(['m,h=a {tmax=5 | h=a2@1}'])
  })

  it('checks its names', () => {
    const two = evaluation(['"a"', '"b"'], { as: ['x'] })
    expect(() => evalDef.validate!(two.node)).toThrow(
      'must specify same number of expressions and .as() names: got 1 as names, and 2 expressions.',
    )
    const tags = evaluation(['"a"'], { as: ['x'], tags: ['y'] })
    expect(() => evalDef.validate!(tags.node)).toThrow('invalid tag name "y", name is not present is .as() names')
  })

  it('tells the planner what it reads and what stays', () => {
    const { node } = evaluation(['"v" + "d"'], { as: ['d'] })
    expect(evalDef.effects!(node)).toMatchObject({ reads: ['v', 'd'], keepsFields: [], writesTags: [] })
    const kept = evaluation(['"v"'], { as: ['d'], keep: ['d', 'w'] })
    expect(evalDef.effects!(kept.node)).toMatchObject({ reads: ['v', 'w'], keepsFields: ['w'] })
    expect(evalDef.effects!(evaluation(['"v"'], { as: ['d'], keep: [] }).node).keepsFields).toBeUndefined()
  })
})
