import { describe, expect, it } from 'vitest'
import { noopDef, noopEntry } from '../../../../src/operators/rows/noop.js'
import { trickleDef, trickleEntry } from '../../../../src/operators/rows/trickle.js'
import { bench } from '../bench.js'
import { plan } from '../harness.js'
import { ScriptTask } from '../script-task.js'

describe('trickle', () => {
  it('makes rows of batches rows of a stream, with their own tags and times', () => {
    const b = bench(trickleEntry, plan(trickleDef, [], {}, { edge: 'stream' }), { dims: ['h'] })
    const chunk = b.feed.batchChunk([
      { head: 'm,h=a', tmax: 10, lines: ['m,h=a,c=1 v=1 @1', 'm,h=a,c=2 v=2i @2'] },
      { head: 'm,h=b', tmax: 10, lines: [] },
      { head: 'm,h=c', tmax: 10, lines: ['m,h=c w="x" @0'] },
    ])
    b.op.receive(chunk, 0)
    expect(b.out.take()).toEqual(['m,c=1,h=a v=1 @1', 'm,c=2,h=a v=2i @2', 'm,h=c w="x" @0'])
    expect(b.groups()).toEqual(['h=a', 'h=a', 'h=c'])
    const [first] = b.out.chunks
    expect([first.windows, first.db, first.rp]).toEqual([null, '', ''])
  })

  it('passes barriers and deletes', () => {
    const b = bench(trickleEntry, plan(trickleDef, []), { dims: ['h'] })
    b.feed.barrier(b.op, 'm,h=a', 5)
    b.feed.deleteGroup(b.op, 'm,h=a')
    expect(b.out.take()).toEqual(['barrier h=a @5', 'delete h=a'])
  })

  it('splits long batches and leaves out rows of no window', () => {
    const b = bench(trickleEntry, plan(trickleDef, []))
    const lines = Array.from({ length: 20_000 }, (_, i) => `m v=${i}i @${i}`)
    const chunk = b.feed.batchChunk([{ head: 'm', tmax: 10, lines }])
    chunk.windows!.starts[0] = 3
    chunk.windows!.ends[0] = 19_999
    b.op.receive(chunk, 0)
    expect(b.out.take()).toEqual(lines.slice(3, 19_999))
    expect(b.out.chunks.every((c) => c.n <= 8192)).toBe(true)
  })

  it('gives back what a window has taken, for stream nodes to go on with', () => {
    const t = new ScriptTask("stream|from().groupBy('h')|window().period(2s).every(2s)|trickle()|cumulativeSum('v')", {
      reads: ['v', 'h'],
    })
    t.output('cumulativeSum4')
    t.write('m,h=a v=1 @0', 'm,h=a v=2 @1', 'm,h=b v=5 @0', 'm,h=a v=4 @2', 'm,h=b v=6 @2', 'm,h=a v=0 @4')
    expect(t.output('cumulativeSum4')).toEqual([
      'm,h=a cumulativeSum=1 @0',
      'm,h=a cumulativeSum=3 @1',
      'm,h=b cumulativeSum=5 @0',
      'm,h=a cumulativeSum=7 @2',
    ])
  })
})

it('noop takes rows and passes what it gets', () => {
  const b = bench(noopEntry, plan(noopDef, []))
  b.feed.rows(b.op, ['m v=1 @1'])
  b.feed.barrier(b.op, 'm', 2)
  expect(b.out.take()).toEqual(['m v=1 @1', 'barrier  @2'])
})
