import { describe, expect, it } from 'vitest'
import type { Grouping } from '../../../../src/state/grouping.js'
import { useUpBudget } from '../bench.js'
import { planOf, scriptBench } from '../join-script.js'

const httpOut = "|httpOut('o')"

function flatten(props: string, options: { by?: string[]; tail?: string; reads?: string[]; windows?: string } = {}) {
  const dims = options.by ?? ['g']
  const by = `.groupBy(${dims.map((d) => `'${d}'`).join(', ')})`
  const script = `stream|from()${by}${options.windows ?? ''}|flatten()${props}${options.tail ?? httpOut}`
  const b = scriptBench(script, 'flatten', { feeds: [{ dims, reads: options.reads }] })
  return {
    ...b,
    feed: (lines: readonly string[]) => b.feeds[0].rows(b.op, lines),
    batch: (head: string, tmax: number, lines: readonly string[]) => b.feeds[0].batch(b.op, head, tmax, lines),
    take: () => b.out.take(),
  }
}

const windows = '|window().period(1s).every(1s)'
const rows = [
  'm,g=1,host=A,port=80 bytes=1,x=2 @10',
  'm,g=1,host=A,port=443 bytes=3 @10',
  'm,g=1,host=B,port=443 bytes=4 @10',
  'm,g=1 bytes=0 @11',
]

describe('flatten', () => {
  it.each([
    ['all columns', undefined],
    ['undecoded', []],
    ['some columns', ['port', 'bytes']],
  ])('makes one point of those of one time: the example of the specification, %s', (_, reads) => {
    const b = flatten(".on('host', 'port')", { reads })
    b.feed(rows)
    expect(b.take()).toEqual(['m,g=1 A.443.bytes=3,A.80.bytes=1,A.80.x=2,B.443.bytes=4 @10'])
    expect(b.out.groups).toEqual(['g=1'])
  })

  it('waits for another time, also an earlier one, and loses the last set', () => {
    const b = flatten(".on('p')")
    b.feed(['m,g=1,p=1 v=1 @10', 'm,g=2,p=1 v=2 @10', 'm,g=1,p=2 v=3 @9', 'm,g=1,p=2 v=4 @9'])
    expect(b.take()).toEqual(['m,g=1 1.v=1 @10'])
    b.op.stop()
    expect(b.take()).toEqual([])
  })

  it('rounds times, and lets the later of equal names win', () => {
    const b = flatten(".on('p').tolerance(4s)")
    b.feed(['m,g=1,p=1 v=1 @0', 'm,g=1,p=1 v=2,w=3i @1', 'm,g=1,p=1 v=4 @2', 'm,g=1,p=1 v=5 @12'])
    expect(b.take()).toEqual(['m,g=1 1.v=2,1.w=3i @0', 'm,g=1 1.v=4 @4'])
  })

  it('drops the field name, takes another delimiter, and no tag at all', () => {
    const drop = flatten(".on('host', 'port').delimiter(':').dropOriginalFieldName()")
    drop.feed(rows.filter((r) => !r.includes('x=2')))
    expect(drop.take()).toEqual(['m,g=1 A:443=3,B:443=4 @10'])
    const off = flatten(".on('port').dropOriginalFieldName(FALSE).delimiter('')")
    off.feed(['m,g=1,port=80 v=1 @1', 'm,g=1 v=1 @2'])
    expect(off.take()).toEqual(['m,g=1 80v=1 @1'])
    const none = flatten('')
    none.feed(['m,g=1,p=1 v=1 @1', 'm,g=1,p=2 v=2,s="x" @1', 'm,g=1 v=3 @2'])
    expect(none.take()).toEqual(['m,g=1 s="x",v=2 @1'])
  })

  it('skips points without a tag, whose values stay for the next name of the set', () => {
    const b = flatten(".on('host', 'port')")
    b.feed(['m,g=1,host=A bytes=1 @1', 'm,g=1,host=B,port=80 bytes=2 @1', 'm,g=1,host=C bytes=3 @1', 'm,g=1 x=1 @2'])
    expect(b.take()).toEqual(['m,g=1 AB.80.bytes=2 @1'])
    expect(b.ctx.errors).toEqual([
      { msg: 'point missing tag for flatten operation', err: 'tag port is missing from point', n: 1 },
      { msg: 'point missing tag for flatten operation', err: 'tag port is missing from point', n: 1 },
    ])
    b.feed(['m,g=1,host=A,port=1 v=1 @3', 'm,g=1 v=1 @4'])
    // The set at 2 had no point with its tags: nothing.
    expect(b.take()).toEqual(['m,g=1 A.1.v=1 @3'])
  })

  it('flattens inside of each batch', () => {
    const b = flatten(".on('p')", { windows })
    b.batch('m,g=1', 20, ['m,p=1 v=1 @10', 'm,p=2 v=2 @10', 'm,p=1 v=3 @11', 'm,p=1 v=4 @10'])
    b.batch('m,g=1', 30, ['m v=1 @21', 'm v=1 @22', 'm v=1 @22'])
    b.batch('m,g=2', 30, [])
    expect(b.take()).toEqual([
      'm,g=1 {tmax=20 | 1.v=1,2.v=2@10, 1.v=3@11, 1.v=4@10}',
      'm,g=1 {tmax=30 | @22}',
      'm,g=2 {tmax=30 | }',
    ])
    expect(b.ctx.errorCount).toBe(3)
  })

  it('takes the name of what created the group', () => {
    const b = flatten(".on('p')")
    b.feeds[0].barrier(b.op, 'm,g=1', 1)
    b.feed(['m,g=1,p=1 v=1 @2', 'n,g=1,p=1 v=2 @3', 'n,g=2,p=1 v=2 @3', 'm,g=2,p=1 v=2 @4'])
    expect(b.take()).toEqual(['barrier g=1 @1', 'barrier,g=1 1.v=1 @2', 'n,g=2 1.v=2 @3'])
    expect(b.ctx.counters.get('working_cardinality')).toBe(2)
  })

  it('emits what waits at a later barrier, and forgets it with its group', () => {
    const b = flatten(".on('p')")
    b.feed(['m,g=1,p=1 v=1 @2', 'm,g=2,p=1 v=2 @2'])
    b.feeds[0].barrier(b.op, 'm,g=1', 2)
    b.feeds[0].barrier(b.op, 'm,g=1', 3)
    b.feeds[0].deleteGroup(b.op, 'm,g=2')
    b.feeds[0].deleteGroup(b.op, 'm,g=3')
    b.feed(['m,g=2,p=2 v=3 @5', 'm,g=2,p=2 v=3 @6', 'm,g=1,p=1 v=1 @7'])
    expect(b.take()).toEqual(['barrier g=1 @2', 'm,g=1 1.v=1 @2', 'barrier g=1 @3', 'delete g=2', 'm,g=2 2.v=3 @5'])
  })

  it('hands on what is read below as columns, of every kind', () => {
    const tail = "|eval(lambda: \"1.f\" + 1.0, lambda: \"1.i\" + 1).as('x', 'y').keep('1.s', '1.t', 'x')"
    const b = flatten(".on('p')", { tail, reads: [] })
    const cells: unknown[] = []
    const { receive } = b.out
    b.out.receive = (chunk, port) => {
      for (const name of ['1.f', '1.i', '1.s']) cells.push(chunk.field(name)?.get(0))
      receive.call(b.out, chunk, port)
    }
    b.feed(['m,g=1,p=1 f=0.5,i=9007199254740993i,s="é",t=true @1', 'm,g=1 v=1 @2'])
    expect(b.take()).toEqual(['m,g=1 1.f=0.5,1.i=9007199254740993i,1.s="é",1.t=true @1'])
    expect(cells).toEqual([0.5, 9007199254740993n, 'é'])
  })

  it('evicts what waits and counts what does not fit', () => {
    const b = flatten(".on('p')")
    const lines = Array.from({ length: 200 }, (_, i) => `m,g=${i % 10},p=${i},k=x v=${i} @1`)
    b.feed(lines)
    expect(b.op.evictRows(500)).toBeGreaterThan(0)
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    expect(evicted).toBeGreaterThan(0)
    b.op.evictGroup(b.feeds[0].grouping, 9)
    expect(b.ctx.counters.get('working_cardinality')).toBe(9)
    expect(b.ctx.counters.get('evicted_rows')).toBeGreaterThan(evicted)
    useUpBudget(b)
    b.feed(Array.from({ length: 5000 }, (_, i) => `m,g=1,p=${i} v=1,s="${'y'.repeat(40)}" @1`))
    expect(b.ctx.drops.get('memory')).toBeGreaterThan(0)
    b.op.dispose()
    expect(b.ctx.state.bytes).toBe(0)
  })

  it('needs its tags and all fields, and keeps state per group', () => {
    const plan = planOf(`stream|from().groupBy('g')|flatten().on('p')|eval(lambda: "a.v").as('x')`)
    expect(plan.partition).toEqual({ kind: 'tags', tags: ['g'] })
    expect(plan.reads).toEqual(['g', 'p'])
    const from = plan.nodes.find((n) => n.node.def.method === 'from')
    expect(from?.needs.fields).toBeNull()
    expect((from?.needs.tags ?? []).includes('p')).toBe(true)
  })
})

describe('the grouping behind', () => {
  it('is that of the input', () => {
    const b = flatten(".on('p')")
    b.feed(['m,g=1,p=1 v=1 @2', 'm,g=1,p=1 v=1 @3'])
    expect(b.out.grouping as Grouping).toBe(b.feeds[0].grouping)
  })
})
