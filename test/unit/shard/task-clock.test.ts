import { expect, it } from 'vitest'
import { TaskClock } from '../../../src/shard/task-clock.js'
import { ScriptTask } from '../operators/script-task.js'

it('gives no time twice, on any shard, whatever the clock does', () => {
  for (const shards of [1, 2, 3, 4, 7]) {
    const seen = new Set<bigint>()
    let given = 0
    for (let shard = 0; shard < shards; shard++) {
      let nowMs = 1_500_000_000_000
      const clock = new TaskClock(() => nowMs, shard, shards)
      let last = 0n
      for (const step of [0, 0, 1, 0, -3, 0, 1, 1, 1, 250]) {
        nowMs += step
        for (let i = 0; i < 50; i++, given++) {
          const ns = clock.nowNs()
          expect(ns > last).toBe(true)
          seen.add(ns)
          last = ns
        }
      }
      expect(last / 1_000_000n).toBe(BigInt(nowMs))
    }
    expect(seen.size).toBe(given)
  }
})

it('now() of each point is another, in all nodes of a task', () => {
  const script = `stream|from().measurement('m').where(lambda: unixNano(now()) % 1000000 != 0)
    |eval(lambda: unixNano(now()), lambda: unixNano(now())).as('a', 'b').keep()
    |eval(lambda: unixNano(now())).as('c').keep()
    |httpOut('o')`
  const task = new ScriptTask(script, { startMs: 1_500_000_000_000 })
  task.output('eval3')
  for (let i = 0; i < 20; i++) task.write(`m v=1 @${i}`)
  const times = task.output('eval3').flatMap((line) => [...line.matchAll(/[abc]=(\d+)i/g)].map((m) => m[1]))
  expect(times).toHaveLength(60)
  expect(new Set(times).size).toBe(60)
  for (const t of times) expect(t).toMatch(/^1500000000000\d{6}$/)
})
