/** The data plane in this process, with a task on it, for benchmarks. No HTTP, no store. */

import { evaluateScript } from '../src/compile/evaluate-script.js'
import { shardThread } from '../src/compile/threads.js'
import { ShardlineEngine } from '../src/engine/engine.js'
import type { RunningTask } from '../src/engine/engine-api.js'
import { planTask } from '../src/plan/plan.js'

export const topTrafficScript = (warn: number, crit: number): string => `var streamCounts = stream
    |from()
        .groupBy('ip', 'id')
        .measurement('combined')
    |barrier()
        .period(1m)
        .delete(TRUE)
    |window()
        .period(1m)
        .every(5s)
        .align()
    |sum('count')
        .as('totalCount')

streamCounts
    |alert()
        .flapping(0.25, 0.5)
        .history(21)
        .warn(lambda: "totalCount" > ${warn})
        .crit(lambda: "totalCount" > ${crit})
        .noRecoveries()
        .stateChangesOnly(5m)
        .log('/dev/null')

streamCounts
    |alert()
        .flapping(0.25, 0.5)
        .history(21)
        .warn(lambda: "totalCount" > ${warn})
        .crit(lambda: "totalCount" > ${crit})
        .stateChangesOnly(5m)
        .log('/dev/null')
`

/** Alerts on every point of one series: what latency is measured with. */
export const probeScript = `stream
    |from()
        .measurement('probe')
    |alert()
        .crit(lambda: "v" >= 0)
        .details('')
        .log('/dev/null')
`

export async function startEngine(shards: number, shardMemoryBytes: number): Promise<ShardlineEngine> {
  return ShardlineEngine.start({
    shards,
    shardMemoryBytes,
    slots: 64,
    slotBytes: 1 << 20,
    ringEntries: 1024,
    shardThread,
  })
}

export async function startTask(engine: ShardlineEngine, id: string, script: string): Promise<RunningTask> {
  const { pipeline } = evaluateScript(script, {})
  const plan = planTask(pipeline, { taskId: id, shards: engine.shards })
  const dbrps = [{ db: 'bench', rp: 'autogen' }]
  return engine.startTask({
    key: engine.newKey(),
    id,
    type: 'stream',
    script,
    vars: {},
    dbrps,
    plan,
    alertStates: () => [],
  })
}

/** Writes at once; more keep main from the answers. */
const inFlight = 2

/** Writes all bodies as fast as the engine takes them; resolves when all rows are processed, with the ms it took. */
export async function feed(
  engine: ShardlineEngine,
  task: RunningTask,
  bodies: readonly Uint8Array[],
  progress: (done: number) => void = () => {},
): Promise<number> {
  const delivered = task.stats().delivered
  const started = performance.now()
  let next = 0
  let points = 0
  const lane = async (): Promise<void> => {
    while (next < bodies.length) {
      const body = bodies[next++]
      const result = await engine.write({ db: 'bench', rp: 'autogen', precision: 'n', body, source: 'http' })
      if (result.status !== 204) throw new Error(`a write was refused: ${result.status} ${result.error}`)
      points += result.points
      progress(next)
      // Like a socket would: others get their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  while (task.stats().delivered - delivered < points || task.stats().inRing > 0) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return performance.now() - started
}
