/** Joins and unions behind a silent parent, with the shard's eviction: the budget holds and the accounts close. */
import { describe, expect, it } from 'vitest'
import { Evictor } from '../../../src/shard/eviction.js'
import type { ShardTask } from '../../../src/shard/task.js'
import type { Grouping } from '../../../src/state/grouping.js'
import { StatPart } from '../../../src/transport/stat-block.js'
import { type ScriptBench, scriptBench } from './join-script.js'

function taskOf(b: ScriptBench, groupings: () => Grouping[]): ShardTask {
  const stats = new StatPart(new Float64Array(64), 0)
  const runtime = {
    get stateBytes() {
      return b.ctx.state.bytes
    },
    countEvictedGroups() {},
    spec: { statsOffset: 0, id: 't' },
    env: { stats, shard: 0, log() {} },
  }
  return {
    key: 1,
    operators: [b.op],
    get groupings() {
      return groupings()
    },
    runtime,
  } as unknown as ShardTask
}

const sources = `var a = stream|from().measurement('a').groupBy('h')
var b = stream|from().measurement('b').groupBy('h')
`

describe('behind a silent parent', () => {
  it.each([
    ['join', "a|join(b).as('a', 'b').fill(0)|httpOut('o')", 'one', 1000],
    ['join', "a|join(b).as('a', 'b').fill(0)|eval(lambda: \"a.v\").as('x')", 'one', 1000],
    ['join', "a|join(b).as('a', 'b').fill(0)|eval(lambda: \"a.v\").as('x')", 'many', 60_000],
    ['union', "a|union(b)|httpOut('o')", 'one', 1000],
    ['union', 'a|union(b)|eval(lambda: "v").as(\'x\')', 'many', 60_000],
  ])('%s keeps what fits: %s, %s groups', (method, script, _, groups) => {
    const b = scriptBench(sources + script, method, { feeds: [{ dims: ['h'] }], budgetBytes: 6 * 1024 * 1024 })
    const port = method === 'union' ? 1 : 0
    const feed = b.feeds[port]
    // The own grouping is known from what comes out: a barrier of another group.
    feed.barrier(b.op, 'm,h=none', 1, port)
    b.feeds[1 - port].barrier(b.op, 'm,h=none', 1, 1 - port)
    const own = b.out.grouping!
    const task = taskOf(b, () => [feed.grouping, own as Grouping])
    const evictor = new Evictor(b.harness.memory, 'drop-oldest')
    let fed = 0
    for (let chunk = 0; chunk < 60; chunk++) {
      b.harness.advance(chunk * 1000)
      const lines = Array.from({ length: 2000 }, () => {
        const i = fed++
        return `a,h=${(i * 7919) % groups} v=${i}i,s="some_text" @${10 + Math.floor(i / 100)}`
      })
      feed.rows(b.op, lines, port)
      evictor.relieve([task])
      expect(b.harness.memory.used).toBeLessThanOrEqual(b.harness.memory.budgetBytes)
    }
    b.op.stop()
    const out = b.out.take().filter((line) => line.startsWith('a')).length
    const evicted = b.ctx.counters.get('evicted_rows') ?? 0
    const dropped = b.ctx.drops.get('memory') ?? 0
    expect(out + evicted + dropped).toBe(fed)
    expect(evicted).toBeGreaterThan(fed / 4)
    // Some rows are refused while the eviction learns how much a chunk takes.
    expect(dropped).toBeLessThan(fed / 4)
    expect(out).toBeGreaterThan(fed / 30)
  })
})
