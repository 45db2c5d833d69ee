import { describe, expect, it } from 'vitest'
import { TaskFailure } from '../../../../src/errors.js'
import { choices } from '../../../../src/operators/join/combine.js'
import { planOf, scriptBench } from '../join-script.js'

interface CombineOptions {
  readonly by?: readonly string[]
  readonly tail?: string
  readonly reads?: readonly string[]
  readonly windows?: string
}

function combine(call: string, options: CombineOptions = {}) {
  const dims = options.by ?? []
  const by = dims.length === 0 ? '' : `.groupBy(${dims.map((d) => `'${d}'`).join(', ')})`
  const script = `stream|from()${by}${options.windows ?? ''}|combine(${call}${options.tail ?? "|httpOut('o')"}`
  const b = scriptBench(script, 'combine', { feeds: [{ dims, reads: options.reads }] })
  return {
    ...b,
    feed: (lines: readonly string[]) => b.feeds[0].rows(b.op, lines),
    take: () => b.out.take(),
  }
}

const two = "lambda: TRUE, lambda: TRUE).as('x', 'y')"
const hosts = ['m,host=a v=1 @10', 'm,host=b v=2 @10', 'm,host=c v=3 @10', 'm,host=a v=4 @11', 'm,host=b v=5 @11']

describe('combine', () => {
  it.each([
    ['all columns', undefined],
    ['undecoded', []],
  ])('combines a selective expression with the others: the example of the specification, %s', (_, reads) => {
    const call = "lambda: \"service\" == 'login', lambda: TRUE).as('l', 'o')"
    const b = combine(call, { by: ['dc'], reads: reads === undefined ? undefined : ['service', 'dc'] })
    b.feed([
      'm,dc=1,service=login v=1 @10',
      'm,dc=1,service=cart v=2 @10',
      'm,dc=1,service=pay v=3 @10',
      'm,dc=1,service=x v=0 @11',
    ])
    expect(b.take()).toEqual([
      'm,dc=1,l.service=login,o.service=cart l.v=1,o.v=2 @10',
      'm,dc=1,l.service=login,o.service=pay l.v=1,o.v=3 @10',
    ])
    expect(b.out.groups).toEqual(['dc=1', 'dc=1'])
  })

  it('tries all choices in order of arrival, on a change of time', () => {
    const b = combine(two)
    b.feed(hosts)
    expect(b.take()).toEqual([
      'm,x.host=a,y.host=b x.v=1,y.v=2 @10',
      'm,x.host=a,y.host=c x.v=1,y.v=3 @10',
      'm,x.host=b,y.host=c x.v=2,y.v=3 @10',
    ])
    b.op.stop()
    expect(b.take()).toEqual([])
    const three = combine("lambda: TRUE, lambda: TRUE, lambda: TRUE).as('x', 'y', 'z').delimiter('_')")
    three.feed(hosts)
    expect(three.take()).toEqual(['m,x_host=a,y_host=b,z_host=c x_v=1,y_v=2,z_v=3 @10'])
  })

  it('does not go back on a choice', () => {
    const login = 'lambda: "host" == \'a\''
    const greedy = combine(`lambda: TRUE, ${login}).as('x', 'y')`)
    greedy.feed(['m,host=a v=1 @10', 'm,host=b v=2 @10', 'm v=1 @11'])
    expect(greedy.take()).toEqual([])
    const other = combine(`${login}, lambda: TRUE).as('x', 'y')`)
    other.feed(['m,host=b v=1 @10', 'm,host=a v=2 @10', 'm v=1 @11'])
    expect(other.take()).toEqual(['m,x.host=a,y.host=b x.v=2,y.v=1 @10'])
  })

  it('takes points that fail as not matching, and counts them', () => {
    const b = combine("lambda: \"v\" > 1, lambda: TRUE).as('x', 'y')")
    b.feed(['m,host=a w=1 @10', 'm,host=b v=2 @10', 'm v=1 @11'])
    expect(b.take()).toEqual(['m,x.host=b,y.host=a x.v=2,y.w=1 @10'])
    expect(b.ctx.errors.map((e) => e.msg)).toEqual(['error evaluating lambda expression'])
  })

  it('ends the task when there are too many choices, after what came before', () => {
    const b = combine(`${two}.max(2)`)
    b.feed(['m,host=a v=1 @9', 'm,host=b v=2 @9'])
    const feed = () => b.feed(hosts)
    expect(feed).toThrow(TaskFailure)
    expect(b.take()).toHaveLength(1)
    const again = combine(`${two}.max(2)`)
    expect(() => again.feed(hosts)).toThrow(
      'combine2: refusing to perform combination as total combinations 3 exceeds max combinations 2',
    )
  })

  it('makes a stream of batches', () => {
    const b = combine(`${two}.tolerance(2s)`, { windows: '|window().period(1s).every(1s)', by: ['g'] })
    b.feeds[0].batch(b.op, 'm,g=1', 20, ['m,g=1 v=1 @10', 'm,g=1 v=2 @11', 'm,g=1 v=3 @12', 'm,g=1 v=4 @12'])
    b.feeds[0].batch(b.op, 'n,g=1', 30, ['n,g=1 v=5 @20', 'n,g=1 v=6 @20'])
    expect(b.take()).toEqual([
      'm,g=1 x.v=2,y.v=3 @12',
      'm,g=1 x.v=2,y.v=4 @12',
      'm,g=1 x.v=3,y.v=4 @12',
      'n,g=1 x.v=5,y.v=6 @20',
    ])
  })

  it('keeps the memory of its expressions per group, and forgets it with the group', () => {
    const b = combine("lambda: count() > 2, lambda: TRUE).as('x', 'y')", { by: ['g'] })
    const pair = (g: number, t: number) => [`m,g=${g} v=1 @${t}`, `m,g=${g} v=2 @${t}`]
    b.feed([...pair(1, 1), ...pair(1, 2), ...pair(2, 2), ...pair(1, 3), ...pair(2, 3)])
    expect(b.take()).toEqual(['m,g=1 x.v=1,y.v=2 @2'])
    b.feeds[0].deleteGroup(b.op, 'm,g=1')
    b.feed([...pair(1, 4), ...pair(1, 5), ...pair(1, 6)])
    expect(b.take()).toEqual(['delete g=1', 'm,g=1 x.v=1,y.v=2 @5'])
  })

  it('hands on what is read below as columns', () => {
    const tail = "|where(lambda: \"x.host\" == 'a' AND \"g\" == '1')|httpOut('o')"
    const b = combine(two, { by: ['g'], tail, reads: ['g'] })
    const cells: unknown[] = []
    const { receive } = b.out
    b.out.receive = (chunk, port) => {
      for (const name of ['x.host', 'g']) cells.push(chunk.tag(name)?.get(0))
      receive.call(b.out, chunk, port)
    }
    b.feed(['m,g=1,host=a v=1 @10', 'm,g=1,host=b v=2i @10', 'm,g=1 v=1 @11'])
    expect(b.take()).toEqual(['m,g=1,x.host=a,y.host=b x.v=1,y.v=2i @10'])
    expect(cells).toEqual(['a', '1'])
  })

  it('passes barriers on and keeps what waits', () => {
    const b = combine(two)
    b.feed(hosts.slice(0, 2))
    b.feeds[0].barrier(b.op, 'm', 100)
    expect(b.take()).toEqual(['barrier  @100'])
    b.feed(hosts.slice(3))
    expect(b.take()).toEqual(['m,x.host=a,y.host=b x.v=1,y.v=2 @10'])
  })

  it('counts choices exactly', () => {
    expect(choices(3, 2)).toBe(3n)
    expect(choices(2, 3)).toBe(0n)
    expect(choices(5000, 6)).toBe(21636358467891457500n)
  })

  it('needs whole points, and keeps state per group', () => {
    const plan = planOf(`stream|from().groupBy('g')|combine(lambda: "a" > 1).as('x')|httpOut('o')`)
    expect(plan.partition).toEqual({ kind: 'tags', tags: ['g'] })
    expect(plan.reads).toEqual(['a', 'g'])
    expect(plan.nodes.find((n) => n.node.def.method === 'from')?.needs).toEqual({ fields: null, tags: null })
    const nested = planOf(
      "var l = lambda: count() > 1 stream|from().groupBy('g')|combine(lambda: l AND TRUE).as('x')|httpOut('o')",
    )
    expect(nested.partition.kind).toBe('pinned')
  })

  it('refuses an expression when the task starts', () => {
    expect(() => combine("lambda: TRUE, lambda: 'a' + 1).as('x', 'y')")).toThrow(/^Failed to compile 1 expression: /)
  })
})
