import { describe, expect, it } from 'vitest'
import type { Grouping } from '../../../../src/state/grouping.js'
import { useUpBudget } from '../bench.js'
import { planOf, type ScriptOptions, scriptBench } from '../join-script.js'

interface JoinOptions extends ScriptOptions {
  readonly by?: string
  readonly tail?: string
  readonly inputs?: readonly string[]
}

const sources = ['a', 'b', 'd']

/** `a|join(b)` with these properties, and everything downstream wanted unless `tail` says otherwise. */
function join(props: string, options: JoinOptions = {}) {
  const inputs = options.inputs ?? ['a', 'b']
  const by = options.by === undefined ? '' : `.groupBy(${options.by})`
  const vars = inputs.map((m) => `var ${m} = stream|from().measurement('${m}')${by}`).join('\n')
  const as = props.includes('.as(') ? '' : `.as(${inputs.map((m) => `'${m}'`).join(', ')})`
  const script = `${vars}\na|join(${inputs.slice(1).join(', ')})${as}${props}${options.tail ?? "|httpOut('o')"}`
  const b = scriptBench(script, 'join', options)
  return { ...b, feed: (lines: readonly string[]) => b.rows(sources, lines), take: () => b.out.take() }
}

/** Batches of parents: windows of both. */
function joinBatches(props: string, options: JoinOptions = {}) {
  const by = options.by === undefined ? '' : `.groupBy(${options.by})`
  const vars = ['a', 'b'].map((m) => `var ${m} = stream|from().measurement('${m}')${by}|window().period(1s).every(1s)`)
  const tail = options.tail ?? "|httpOut('o')"
  return scriptBench(`${vars.join('\n')}\na|join(b).as('a', 'b')${props}${tail}`, 'join', options)
}

describe('the worked examples of the specification, on streams', () => {
  it('emits a complete set at once', () => {
    for (const fill of ['', ".fill('null')"]) {
      const b = join(fill)
      b.feed(['a value=1 @10', 'b value=2 @10'])
      expect(b.take()).toEqual(['a a.value=1,b.value=2 @10'])
    }
  })

  it('settles a set when every parent has passed it', () => {
    const inner = join('')
    inner.feed(['a value=3 @20', 'a value=4 @30', 'b value=5 @30'])
    expect(inner.take()).toEqual(['a a.value=4,b.value=5 @30'])
    const outer = join(".fill('null')")
    outer.feed(['a value=3 @20', 'a value=4 @30'])
    expect(outer.take()).toEqual([])
    outer.feed(['b value=5 @30'])
    expect(outer.take()).toEqual(['a a.value=3,b.value=null @20', 'a a.value=4,b.value=5 @30'])
  })

  it('fills with the field names of the first parent present', () => {
    const b = join(".fill('null')")
    b.feed(['b value=6,o=2i @40', 'a value=7 @50', 'b value=8 @60'])
    expect(b.take()).toEqual(['b a.o=null,a.value=null,b.o=2i,b.value=6 @40'])
  })

  it('compares rounded times', () => {
    const b = join('.tolerance(5s)')
    b.feed(['a v=1 @11', 'b v=2 @12', 'a v=3 @13', 'b v=4 @14', 'a v=5 @29', 'b v=6 @31'])
    expect(b.take()).toEqual(['a a.v=1,b.v=2 @10', 'a a.v=3,b.v=4 @15', 'a a.v=5,b.v=6 @30'])
  })

  it('joins on fewer dimensions', () => {
    const script = `var bp = stream|from().measurement('bp').groupBy('b')
      var fp = stream|from().measurement('fp').groupBy('b', 'f')
      bp|join(fp).as('bp', 'fp').on('b')|httpOut('o')`
    const b = scriptBench(script, 'join', { feeds: [{ dims: ['b'] }, { dims: ['b', 'f'] }] })
    b.rows(['bp', 'fp'], ['bp,b=1 v=10 @10', 'fp,b=1,f=1 v=1 @10', 'fp,b=1,f=2 v=2 @10'])
    expect(b.out.take()).toEqual(['bp,b=1,f=1 bp.v=10,fp.v=1 @10', 'bp,b=1,f=2 bp.v=10,fp.v=2 @10'])
    expect(b.out.groups).toEqual(['b=1,f=1', 'b=1,f=2'])
  })
})

describe('sets', () => {
  it('pair points of one time in order of arrival', () => {
    const b = join('.tolerance(10s)')
    b.feed(['a v=1 @0', 'a v=2 @2', 'b v=10 @1', 'a v=3 @10', 'b v=20 @8', 'b v=30 @11', 'a v=4 @20', 'b v=40 @20'])
    expect(b.take()).toEqual(['a a.v=1,b.v=10 @0', 'a a.v=3,b.v=20 @10', 'a a.v=4,b.v=40 @20'])
  })

  it('leave a younger complete set waiting for the next message', () => {
    const b = join('')
    b.feed(['a v=2 @11', 'a v=1 @10', 'b v=20 @11'])
    expect(b.take()).toEqual([])
    b.feed(['b v=10 @10'])
    expect(b.take()).toEqual(['a a.v=1,b.v=10 @10'])
    b.feed(['a v=3 @12'])
    expect(b.take()).toEqual(['a a.v=2,b.v=20 @11'])
  })

  it('wait again when late data turns a head back', () => {
    const b = join('.fill(0)')
    b.feed(['a v=1 @10', 'b v=2 @20', 'a v=3 @5'])
    expect(b.take()).toEqual([])
    b.feed(['a v=4 @21'])
    expect(b.take()).toEqual(['a a.v=3,b.v=0i @5', 'a a.v=1,b.v=0i @10'])
  })

  it('of three parents are complete with all three', () => {
    const b = join('', { inputs: ['a', 'b', 'd'] })
    b.feed(['a v=1 @1', 'b v=2 @1', 'd v=3 @1', 'a v=4 @2', 'd v=5 @2', 'b v=6 @3', 'a v=7 @3', 'd v=8 @3'])
    expect(b.take()).toEqual(['a a.v=1,b.v=2,d.v=3 @1', 'a a.v=7,b.v=6,d.v=8 @3'])
  })

  it('hold their parents back without limit, and are settled when the task stops', () => {
    const b = join('.fill(-1.5)', { by: "'h'", feeds: [{ dims: ['h'] }] })
    b.feed(['a,h=x v=2 @2', 'a,h=x v=1 @1', 'b,h=y v=3 @3'])
    expect(b.take()).toEqual([])
    b.op.stop()
    expect(b.take()).toEqual(['a,h=x a.v=1,b.v=-1.5 @1', 'a,h=x a.v=2,b.v=-1.5 @2', 'b,h=y a.v=-1.5,b.v=3 @3'])
  })

  it('that lack a parent are left out of an inner join when the task stops', () => {
    const b = join(".fill('none')")
    b.feed(['a v=1 @1', 'b v=2 @2'])
    b.op.stop()
    expect(b.take()).toEqual([])
  })

  it('keep nanoseconds', () => {
    const b = join('.fill(0)')
    b.feed(['a v=1 @1000000001n', 'a v=2 @1000000002n', 'b v=3 @1000000002n', 'b v=4 @1000000003n'])
    expect(b.take()).toEqual(['a a.v=1,b.v=0i @1000000001n', 'a a.v=2,b.v=3 @1000000002n'])
  })

  it('keep every kind of value', () => {
    const b = join(".fill('null')")
    b.feed(['a i=9007199254740993i,s="x",t=true,d=5d,f=0.5 @1', 'b n=null,v=2 @1'])
    expect(b.take()).toEqual(['a a.d=5d,a.f=0.5,a.i=9007199254740993i,a.s="x",a.t=true,b.n=null,b.v=2 @1'])
  })

  it('of points without fields count', () => {
    const b = join('')
    b.feed(['a @1', 'b @1'])
    expect(b.take()).toEqual(['a @1'])
  })
})

describe('names, tags and fields of the result', () => {
  it('lose all tags but those of the group', () => {
    const b = join('', { by: "'h'", feeds: [{ dims: ['h'] }] })
    b.feed(['a,h=p,k=1 v=1 @1', 'b,h=p,k=2 v=2 @1'])
    expect(b.take()).toEqual(['a,h=p a.v=1,b.v=2 @1'])
    expect(b.out.groups).toEqual(['h=p'])
  })

  it('take the stream name and the delimiter', () => {
    const b = join(".streamName('s').delimiter('#')")
    b.feed(['a v=1 @1', 'b v=2 @1'])
    expect(b.take()).toEqual(['s a#v=1,b#v=2 @1'])
    const none = join(".delimiter('')")
    none.feed(['a v=1 @1', 'b v=2 @1'])
    expect(none.take()).toEqual(['a av=1,bv=2 @1'])
  })

  it('join groups of * and of names that are the same', () => {
    const script = `var a = stream|from().measurement('a').groupBy(*)
      var b = stream|from().measurement('b').groupBy('h')
      a|join(b).as('a', 'b')|httpOut('o')`
    const b = scriptBench(script, 'join', { feeds: [{ dims: null }, { dims: ['h'] }] })
    b.rows(sources, ['a,h=p v=1 @1', 'b,h=p,k=2 v=2 @1', 'a,h=q,k=1 v=3 @1', 'b,h=q v=4 @1'])
    expect(b.out.take()).toEqual(['a,h=p a.v=1,b.v=2 @1'])
  })

  it('keep groups by measurement apart', () => {
    const b = join('', { by: "'h').groupByMeasurement(", feeds: [{ dims: ['h'], byName: true }] })
    b.feed(['a,h=p v=1 @1', 'b,h=p v=2 @1'])
    b.feeds[1].rows(b.op, ['a,h=p v=3 @1'], 1)
    expect(b.take()).toEqual(['a,h=p a.v=1,b.v=3 @1'])
    expect(b.out.groups).toEqual(['a\nh=p'])
  })

  it.each([
    ['all columns', undefined],
    ['undecoded', []],
    ['some columns', ['v']],
  ])('come from wherever the cells are: %s', (_, reads) => {
    const b = join(".fill('null')", { feeds: [{ reads }] })
    b.feed(['a v=1,w="x" @1', 'b u=2i @1', 'a v=3,w="y" @2', 'b v=1 @3', 'a v=1 @3'])
    expect(b.take()).toEqual(['a a.v=1,a.w="x",b.u=2i @1', 'a a.v=3,a.w="y",b.v=null,b.w=null @2', 'a a.v=1,b.v=1 @3'])
  })

  it('are only those that something below reads', () => {
    const tail = '|eval(lambda: "a.v" + "b.w").as(\'x\')'
    const b = join('', { tail })
    b.feed(['a v=1,w=5 @1', 'b v=2,w=3 @1'])
    expect(b.take()).toEqual(['a a.v=1,b.w=3 @1'])
    const froms = b.plan.nodes.filter((n) => n.node.def.method === 'from')
    expect(froms.map((n) => n.needs.fields).sort()).toEqual([['v'], ['w']])
    expect(b.plan.reads).toEqual(['v', 'w'])
  })

  it('with fill are kept of every parent', () => {
    const b = join('.fill(7)', { tail: '|eval(lambda: "a.v" + "b.w").as(\'x\')' })
    b.feed(['a v=1,w=5 @1', 'a v=2 @2', 'b v=1 @3', 'a v=1 @3'])
    expect(b.take()).toEqual(['a a.v=1,b.w=7i @1', 'a a.v=2 @2', 'a a.v=1 @3'])
    const froms = b.plan.nodes.filter((n) => n.node.def.method === 'from')
    for (const from of froms) expect(from.needs.fields).toEqual(['v', 'w'])
  })
})

describe('barriers and deletes', () => {
  const by = { by: "'h'", feeds: [{ dims: ['h'] }] }

  it('a barrier advances its parent and goes on at once, from each parent', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1 @1', 'b,h=x v=2 @1', 'a,h=x v=3 @2'])
    b.take()
    b.feeds[0].barrier(b.op, 'm,h=x', 10, 0)
    expect(b.take()).toEqual(['barrier h=x @10'])
    b.feeds[1].barrier(b.op, 'm,h=x', 10, 1)
    expect(b.take()).toEqual(['a,h=x a.v=3,b.v=0i @2', 'barrier h=x @10'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(1)
  })

  it('a barrier in the past does not turn its parent back', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1 @5', 'b,h=x v=2 @9'])
    b.feeds[1].barrier(b.op, 'm,h=x', 3, 1)
    b.feed(['a,h=x v=3 @6'])
    expect(b.take()).toEqual(['barrier h=x @3', 'a,h=x a.v=1,b.v=0i @5'])
  })

  it('a delete frees the group and what waits there, and goes on once', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1 @1', 'a,h=y v=2 @1'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
    b.feeds[0].deleteGroup(b.op, 'm,h=x', 0)
    b.feeds[1].deleteGroup(b.op, 'm,h=x', 1)
    expect(b.take()).toEqual(['delete h=x'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(1)
    b.feed(['b,h=x v=3 @1', 'a,h=x v=4 @1'])
    expect(b.take()).toEqual(['a,h=x a.v=4,b.v=3 @1'])
  })

  it('a group that comes again under a reused id is another one', () => {
    const b = join('', by)
    b.feed(['a,h=x v=1 @1'])
    b.feeds[0].deleteGroup(b.op, 'm,h=x', 0)
    // The feeds free their groups too, so `y` gets the id that `x` had.
    b.feed(['a,h=y v=2 @2', 'b,h=y v=3 @2', 'b,h=x v=4 @2', 'a,h=x v=5 @2'])
    expect(b.take()).toEqual(['delete h=x', 'a,h=y a.v=2,b.v=3 @2', 'a,h=x a.v=5,b.v=4 @2'])
  })
})

describe('on', () => {
  const script = (props: string) => `var a = stream|from().measurement('a').groupBy('b', 'f')
    var b = stream|from().measurement('b').groupBy('b')
    a|join(b).as('x', 'y').on('b')${props}|httpOut('o')`
  const feeds = [{ dims: ['b', 'f'] }, { dims: ['b'] }]
  const rows = [
    'a,b=1,f=1 v=1 @0',
    'b,b=1 v=10 @0',
    'a,b=1,f=1 v=2 @1',
    'a,b=1,f=2 v=3 @1',
    'b,b=1 v=30 @2',
    'a,b=1,f=1 v=4 @2',
    'a,b=1,f=1 v=5 @3',
    'b,b=1 v=50 @3',
    'a,b=1,f=1 v=6 @4',
    'b,b=1 v=60 @4',
  ]

  it('sends what finds no match alone, once the low mark has passed it', () => {
    const b = scriptBench(script('.fill(0.0)'), 'join', { feeds })
    b.rows(['a', 'b'], rows)
    expect(b.out.take()).toEqual([
      'a,b=1,f=1 x.v=1,y.v=10 @0',
      'a,b=1,f=1 x.v=2,y.v=0 @1',
      'a,b=1,f=1 x.v=4,y.v=30 @2',
      'a,b=1,f=1 x.v=5,y.v=50 @3',
      'a,b=1,f=1 x.v=6,y.v=60 @4',
    ])
    b.op.stop()
    expect(b.out.take()).toEqual(['a,b=1,f=2 x.v=3,y.v=0 @1'])
  })

  it('pairs a match with any number of specific points, also of batches', () => {
    const b = scriptBench(script(''), 'join', { feeds })
    b.rows(['a', 'b'], ['a,b=1,f=1 v=1 @1', 'a,b=1,f=2 v=2 @1', 'a,b=2,f=1 v=3 @1', 'b,b=1 v=9 @1', 'a,b=1,f=3 v=4 @1'])
    expect(b.out.take()).toEqual(['a,b=1,f=1 x.v=1,y.v=9 @1', 'a,b=1,f=2 x.v=2,y.v=9 @1', 'a,b=1,f=3 x.v=4,y.v=9 @1'])
    const w = '|window().period(1s).every(1s)'
    const batches = scriptBench(
      `var a = stream|from().measurement('a').groupBy('b', 'f')${w}
      var b = stream|from().measurement('b').groupBy('b')${w}
      a|join(b).as('x', 'y').on('b')|httpOut('o')`,
      'join',
      { feeds },
    )
    const { op, out } = batches
    batches.feeds[0].batch(op, 'a,b=1,f=1', 10, ['a v=1 @1', 'a v=2 @2'], 0)
    batches.feeds[0].batch(op, 'a,b=1,f=2', 10, ['a v=3 @2'], 0)
    batches.feeds[1].batch(op, 'b,b=1', 10, ['b v=8 @1', 'b v=9 @2'], 1)
    batches.feeds[0].batch(op, 'a,b=1,f=3', 10, ['a v=4,s="t" @1'], 0)
    expect(out.take()).toEqual([
      'a,b=1,f=1 {tmax=10 | x.v=1,y.v=8@1, x.v=2,y.v=9@2}',
      'a,b=1,f=2 {tmax=10 | x.v=3,y.v=9@2}',
      'a,b=1,f=3 {tmax=10 | x.s="t",x.v=4,y.v=8@1}',
    ])
    expect(out.groups).toEqual(['b=1,f=1', 'b=1,f=2', 'b=1,f=3'])
  })

  it('a delete forgets what waits in the on-group', () => {
    const b = scriptBench(script('.fill(0)'), 'join', { feeds })
    b.rows(['a', 'b'], ['b,b=1 v=9 @1', 'a,b=1,f=1 v=1 @1', 'a,b=1,f=1 v=2 @2'])
    b.feeds[0].deleteGroup(b.op, 'a,b=1,f=1', 0)
    expect(b.out.take()).toEqual(['a,b=1,f=1 x.v=1,y.v=9 @1', 'delete b=1,f=1'])
    b.rows(['a', 'b'], ['b,b=1 v=8 @2'])
    b.op.stop()
    expect(b.out.take()).toEqual([])
  })

  it('deleteAll forgets the times of the other on-groups', () => {
    for (const [props, expected] of [
      ['', ['a,b=1,f=1 x.v=1,y.v=0i @1']],
      ['.deleteAll(TRUE)', []],
    ] as const) {
      const b = scriptBench(script(`.fill(0)${props}`), 'join', { feeds })
      b.rows(['a', 'b'], ['a,b=1,f=1 v=1 @1', 'b,b=1 v=9 @5', 'a,b=2,f=1 v=1 @1'])
      b.feeds[0].deleteGroup(b.op, 'a,b=2,f=1', 0)
      // The low mark of b=1 follows the earlier of both parents, unless the time of the second is forgotten.
      b.rows(['a', 'b'], ['a,b=1,f=1 v=2 @3', 'a,b=1,f=1 v=3 @6'])
      b.feeds[0].barrier(b.op, 'b,b=1,f=1', 7, 1)
      expect(b.out.take().filter((line) => line.startsWith('a'))).toEqual(expected)
    }
  })
})

describe('batches', () => {
  const a = ['a v=1 @1', 'a v=2 @2', 'a v=3 @3']
  const bRows = ['b v=11 @2', 'b v=12 @3', 'b v=13 @4']

  it('are matched by end time, then point by point', () => {
    const inner = joinBatches('')
    inner.feeds[0].batch(inner.op, 'a', 10, a, 0)
    inner.feeds[1].batch(inner.op, 'b', 10, bRows, 1)
    expect(inner.out.take()).toEqual(['a {tmax=10 | a.v=2,b.v=11@2, a.v=3,b.v=12@3}'])
    const outer = joinBatches(".fill('null')")
    outer.feeds[0].batch(outer.op, 'a', 10, a, 0)
    outer.feeds[1].batch(outer.op, 'b', 10, bRows, 1)
    expect(outer.out.take()).toEqual([
      'a {tmax=10 | a.v=1,b.v=null@1, a.v=2,b.v=11@2, a.v=3,b.v=12@3, a.v=null,b.v=13@4}',
    ])
  })

  it('are filled with the names of the first point of the set', () => {
    const b = joinBatches('.fill(0)')
    b.feeds[1].batch(b.op, 'b', 10, ['b v=1,x=2 @1', 'b v=3 @2'], 1)
    b.feeds[0].batch(b.op, 'a', 20, [], 0)
    b.feeds[1].batch(b.op, 'b', 20, [], 1)
    expect(b.out.take()).toEqual(['b {tmax=10 | a.v=0i,a.x=0i,b.v=1,b.x=2@1, a.v=0i,a.x=0i,b.v=3@2}', 'a {tmax=20 | }'])
  })

  it('that lack common points or a partner are emitted empty by an inner join', () => {
    const b = joinBatches('')
    b.feeds[0].batch(b.op, 'a', 10, ['a v=1 @1'], 0)
    b.feeds[1].batch(b.op, 'b', 10, ['b v=1 @2'], 1)
    b.feeds[0].batch(b.op, 'a', 20, ['a v=1 @11'], 0)
    b.feeds[1].batch(b.op, 'b', 30, [], 1)
    b.feeds[0].batch(b.op, 'a', 30, [], 0)
    expect(b.out.take()).toEqual(['a {tmax=10 | }', 'a {tmax=20 | }', 'a {tmax=30 | }'])
  })

  it('take one point of each parent per time and round times', () => {
    const b = joinBatches('.tolerance(2s)')
    b.feeds[0].batch(b.op, 'a', 9, ['a v=1 @1', 'a v=2 @2', 'a v=3 @4'], 0)
    b.feeds[1].batch(b.op, 'b', 10, ['b v=4 @2', 'b v=5 @2', 'b v=6 @5'], 1)
    expect(b.out.take()).toEqual(['a {tmax=10 | a.v=1,b.v=4@2, a.v=2,b.v=5@2}'])
  })

  it('keep what is wanted by name as columns', () => {
    const b = joinBatches('.fill(1.5)', { tail: '|eval(lambda: "a.v" + "b.w").as(\'x\')' })
    b.feeds[0].batch(b.op, 'a', 10, ['a v=1,u=2 @1', 'a w=3 @2'], 0)
    b.feeds[1].batch(b.op, 'b', 10, ['b w=4,v=7 @1', 'b w=5 @3'], 1)
    expect(b.out.take()).toEqual(['a {tmax=10 | a.v=1,b.w=4@1, @2, a.v=1.5,b.w=5@3}'])
  })

  it('longer than a chunk stay whole', () => {
    const b = joinBatches('')
    const lines = (m: string) => Array.from({ length: 20_000 }, (_, i) => `${m} v=${i}i @${i}`)
    b.feeds[0].batch(b.op, 'a', 20_000, lines('a'), 0)
    b.feeds[1].batch(b.op, 'b', 20_000, lines('b'), 1)
    const [out] = b.out.take()
    expect(out.split(', ')).toHaveLength(20_000)
    expect(out).toContain('a.v=19999i,b.v=19999i@19999')
  })
})

describe('memory', () => {
  const by = { by: "'h'", feeds: [{ dims: ['h'] }] }

  it('is given back when sets have been settled', () => {
    const b = join('', { ...by, tail: '|eval(lambda: "a.v" + "b.v").as(\'x\')' })
    const lines = (m: string) => Array.from({ length: 100_000 }, (_, i) => `${m},h=${i % 100} v="text${i}" @${i}`)
    b.feeds[0].rows(b.op, lines('a'), 0)
    const full = b.ctx.state.bytes
    b.feeds[1].rows(b.op, lines('b'), 1)
    expect(b.out.take()).toHaveLength(100_000)
    expect(b.ctx.state.bytes).toBeLessThan(full / 8)
  })

  it('counts rows that do not fit, and lets the others go on', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1 @1'])
    useUpBudget(b)
    const lines = Array.from({ length: 3000 }, (_, i) => `a,h=x v=${i} @${i + 2}`)
    b.feeds[0].rows(b.op, lines, 0)
    const dropped = b.ctx.drops.get('memory') ?? 0
    expect(dropped).toBeGreaterThan(0)
    b.op.stop()
    expect(b.take()).toHaveLength(3001 - dropped)
  })

  it.each([
    ['points', ''],
    ['whole points', undefined],
  ])('evicts the oldest sets first: %s', (_, kind) => {
    const tail = kind === '' ? '|eval(lambda: "a.v").as(\'x\')' : undefined
    const b = join('.fill(0)', { ...by, tail })
    const lines = Array.from({ length: 4000 }, (_, i) => `a,h=${i % 4} v=${i} @${i}`)
    b.feeds[0].rows(b.op, lines, 0)
    const freed = b.op.evictRows(20_000)
    expect(freed).toBeGreaterThanOrEqual(20_000)
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    expect(evicted).toBeGreaterThan(0)
    b.op.stop()
    const out = b.take()
    expect(out).toHaveLength(4000 - evicted)
    // About the oldest: what is left is not older than what went by more than a round.
    const times = out.map((line) => Number(line.slice(line.indexOf('@') + 1)))
    expect(Math.min(...times)).toBeGreaterThanOrEqual(evicted - 8)
  })

  it('evicts waiting messages of on, and counts them', () => {
    const script = `var a = stream|from().measurement('a').groupBy('b', 'f')
      var b = stream|from().measurement('b').groupBy('b')
      a|join(b).as('x', 'y').on('b').fill(0)|httpOut('o')`
    const b = scriptBench(script, 'join', { feeds: [{ dims: ['b', 'f'] }, { dims: ['b'] }] })
    const lines = Array.from({ length: 500 }, (_, i) => `a,b=1,f=${i % 3} v=${i},s="text" @${i}`)
    b.rows(['a', 'b'], lines)
    expect(b.op.evictRows(5000)).toBeGreaterThanOrEqual(5000)
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    b.op.stop()
    expect(b.out.take()).toHaveLength(500 - evicted)
  })

  it('forgets an evicted group with its rows', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1 @1', 'b,h=x v=1 @1', 'a,h=x v=2 @2', 'a,h=x v=3 @3', 'a,h=y v=4 @3'])
    const grouping = b.out.grouping as Grouping
    expect(b.take()).toHaveLength(1)
    expect(grouping.idText(0)).toBe('h=x')
    b.op.evictGroup(grouping, 0)
    grouping.free(0)
    expect(b.ctx.counters.get('evicted_rows')).toBe(2)
    expect(b.ctx.counters.get('working_cardinality')).toBe(1)
    // The group comes again: the parents' ids have not changed, the own one is new.
    b.feed(['b,h=x v=5 @3', 'a,h=x v=6 @3', 'b,h=y v=7 @3'])
    expect(b.take()).toEqual(['a,h=x a.v=6,b.v=5 @3', 'a,h=y a.v=4,b.v=7 @3'])
  })

  it('is all given back by an operator that ends', () => {
    const b = join('.fill(0)', by)
    b.feed(['a,h=x v=1,s="kept" @1', 'a,h=y v=2 @1000000001n'])
    const before = b.harness.memory.used
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
    expect(b.harness.memory.used).toBeLessThan(before)
    expect(b.harness.memory.idle).toBe(0)
  })
})

describe('what is wrong with a script', () => {
  it('a fill that is no option, when the task starts', () => {
    expect(() => join(".fill('zero')")).toThrow('unexpected fill option zero')
  })
})

describe('the partition', () => {
  const two = (a: string, b: string, props: string) =>
    planOf(`var a = stream|from()${a}\nvar b = stream|from()${b}\na|join(b).as('x', 'y')${props}|httpOut('o')`)

  it.each([
    [".groupBy('h')", ".groupBy('h')", '', { kind: 'tags', tags: ['h'] }],
    [".groupBy('h', 'd')", ".groupBy('h')", '', { kind: 'tags', tags: ['h'] }],
    [".groupBy('b', 'f')", ".groupBy('b')", ".on('b')", { kind: 'tags', tags: ['b'] }],
    [".groupBy('b', 'f')", ".groupBy('b', 'f')", ".on('f')", { kind: 'tags', tags: ['f'] }],
    ['.groupBy(*)', '.groupBy(*)', '', { kind: 'series', exclude: [] }],
    ['.groupBy(*)', ".groupBy('h')", ".on('h')", { kind: 'tags', tags: ['h'] }],
  ])('%s with %s%s', (a, b, props, partition) => {
    expect(two(a, b, props).partition).toEqual(partition)
  })

  it.each([
    [".groupBy('h')", ".groupBy('d')", ''],
    ['', '', ''],
    [".groupBy('h')", '', ''],
    [".groupBy('b', 'f')", ".groupBy('f')", ".on('b')"],
  ])('%s with %s%s: one shard', (a, b, props) => {
    const plan = two(a, b, props)
    expect(plan.partition.kind).toBe('pinned')
    expect(plan.partitionReason).toMatch(/join\d+ keeps state per \(none\): one shard/)
  })
})
