/**
 * Windows and joins that close by the clock give each group the same on 1, 2 and 4 shards: random points at random times, on real
 * engines with a clock that is moved by hand.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodeAlertFrame } from '../../src/alert-handlers/event-frame.js'
import { evaluateScript } from '../../src/compile/evaluate-script.js'
import { shardThread } from '../../src/compile/threads.js'
import type { RunningTask } from '../../src/engine/engine-api.js'
import { planTask } from '../../src/plan/plan.js'
import { Out } from '../../src/transport/output.js'
import { TestEngine } from '../unit/engine/engine-harness.js'

const alert = (field: string): string =>
  `|alert().crit(lambda: TRUE).message('{{ .Time.UnixNano }} {{ .Fields.${field} }}')`
const scripts: Record<string, string> = {
  rows: `stream|from().measurement('m').groupBy('g')|window().period(7s).every(5s).align().closeAfter(2s)
    |percentile('v', 60.0).as('x')${alert('x')}`,
  panes: `stream|from().measurement('m').groupBy('g')|window().period(6s).every(3s).align()|sum('v').as('x')${alert('x')}`,
  joined: `var a = stream|from().measurement('m').groupBy('g') var b = stream|from().measurement('n').groupBy('g')
    a|join(b).as('a', 'b').fill(0).tolerance(2s).closeAfter(4s)|eval(lambda: "a.v" * 1000 + "b.v").as('x')${alert('x')}`,
  matched: `var a = stream|from().measurement('m').groupBy('g', 'k') var b = stream|from().measurement('n').groupBy('g')
    a|join(b).as('a', 'b').on('g').fill(0)|eval(lambda: "a.v" * 1000 + "b.v").as('x')${alert('x')}`,
}

interface Step {
  readonly points: readonly { m: string; g: number; k: number; v: number; backMs: number }[]
  readonly advanceMs: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    points: fc.array(
      fc.record({
        m: fc.constantFrom('m', 'm', 'n'),
        g: fc.nat(9),
        k: fc.nat(2),
        v: fc.nat(20),
        backMs: fc.oneof(
          { weight: 6, arbitrary: fc.nat(500) },
          { weight: 1, arbitrary: fc.integer({ min: -500, max: 9000 }) },
        ),
      }),
      { maxLength: 25 },
    ),
    advanceMs: fc.oneof(fc.nat(400), fc.nat(9000)),
  }),
  { minLength: 5, maxLength: 25 },
)

const shardCounts = [1, 2, 4]
const events = new Map<number, Map<string, string[]>>()
let engines: TestEngine[] = []

beforeAll(async () => {
  engines = await Promise.all(
    shardCounts.map((shards) => TestEngine.start({ shards, shardThread, closeAfterMs: 3000 }, 1_500_000_000_000)),
  )
  for (const [i, { engine }] of engines.entries()) {
    engine.onFrame(({ type, taskKey, payload }) => {
      if (type !== Out.Alert) return
      const decoded = decodeAlertFrame(payload, 'task')
      if (decoded.kind !== 'event') return
      const { group, message } = decoded.event
      const of = events.get(i * 1e6 + taskKey)!
      of.set(group, [...(of.get(group) ?? []), message])
    })
  }
})
afterAll(() => Promise.all(engines.map((t) => t.close())))

/** The events of each task and group, in their order. */
async function run(at: number, list: readonly Step[]): Promise<string[]> {
  const t = engines[at]
  const shards = shardCounts[at]
  const tasks: { id: string; task: RunningTask; seen: Map<string, string[]> }[] = []
  for (const [id, script] of Object.entries(scripts)) {
    const plan = planTask(evaluateScript(script, {}, {}).pipeline, { taskId: id, shards })
    const key = t.engine.newKey()
    const seen = new Map<string, string[]>()
    events.set(at * 1e6 + key, seen)
    const dbrps = [{ db: 'd', rp: 'r' }]
    const start = { key, id, type: 'stream' as const, script, vars: {}, dbrps, plan, alertStates: () => [] }
    tasks.push({ id, seen, task: await t.engine.startTask(start) })
  }
  const write = async (lines: readonly string[]): Promise<void> => {
    if (lines.length > 0) expect((await t.write(lines.join('\n'))).status).toBe(204)
    for (const { task } of tasks) await t.settled(task)
  }
  for (const { points, advanceMs } of list) {
    await write(points.map(({ m, g, k, v, backMs }) => `${m},g=g${g},k=k${k} v=${v}i ${t.clock.now() - backMs}`))
    t.clock.advance(advanceMs)
  }
  t.clock.advance(60_000)
  // Some rows for every shard: with them its clock is where main's is.
  await write(Array.from({ length: 64 }, (_, i) => `m,g=z${i},k=z v=1i ${t.clock.now()}`))
  for (const { task } of tasks) await t.engine.stopTask(task.key, 'drain')
  expect(t.failures).toEqual([])
  return tasks.flatMap(({ id, seen }) =>
    [...seen.keys()]
      .filter((group) => !group.includes('g=z'))
      .sort()
      .map((group) => `${id} ${group}: ${seen.get(group)!.join(', ')}`),
  )
}

it('each group gets the same on 1, 2 and 4 shards', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const [one, two, four] = await Promise.all(shardCounts.map((_, at) => run(at, list)))
      compared += one.length
      expect(two).toEqual(one)
      expect(four).toEqual(one)
    }),
    { numRuns: 8, endOnFailure: true },
  )
  expect(compared).toBeGreaterThan(100)
}, 240_000)
