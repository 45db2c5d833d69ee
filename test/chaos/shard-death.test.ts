/** A thread that dies at any point between taking an entry and releasing it: nothing is lost, and nothing is freed twice. */
import { afterEach, describe, expect, it } from 'vitest'
import type { SlotPool } from '../../src/transport/slots.js'
import { Gate, TestEngine } from '../unit/engine/engine-harness.js'

const shardThread = new URL('../fixtures/dying-worker.mjs', import.meta.url).href

let t: TestEngine | undefined
afterEach(async () => {
  await t?.close()
  t = undefined
  delete process.env.SHARDLINE_TEST_DIES_AT
})

const rows = (n: number): string => Array.from({ length: n }, (_, i) => `cpu,host=h${i} v=${i}i ${i}`).join('\n')
/** Two tables in one slot: a task that reads both gets their rows merged. */
const mixed = 'cpu,host=a v=1i 1\nmem,host=a v=2i 1\ncpu,host=b v=3i 2\nmem,host=b v=4i 2'
const written = 3 + 4

/** False: the thread got through without dying. */
async function diesAt(n: number): Promise<boolean> {
  process.env.SHARDLINE_TEST_DIES_AT = String(n)
  t = await TestEngine.start({ shards: 1, shardThread, slots: 4 })
  const { engine } = t
  const gate = new Gate()
  const task = await t.task('task', { vars: { gate: gate.sab } })
  await t.write(rows(3))
  await t.write(mixed)
  gate.open()
  await expect.poll(() => t?.failures.length !== 0 || task.stats().inRing === 0, { timeout: 20_000 }).toBe(true)
  const [{ restarts }] = engine.stats().shards
  let after = task
  if (t.failures.length > 0) {
    // It died in the task, which has ended.
    expect(t.failures).toEqual([expect.stringMatching(/^task: shard 0 crashed/)])
    after = await t.task('next')
  } else {
    const { delivered, processed, dropped } = task.stats()
    expect(delivered).toBe(written)
    expect(processed + dropped.crash).toBe(written)
    // What was not in hand was in the ring and is not lost.
    expect(dropped.crash).toBeLessThanOrEqual(restarts === 0 ? 0 : 4)
  }
  const before = after.stats()
  await t.write(mixed)
  await t.settled(after)
  expect(after.stats()).toMatchObject({ delivered: before.delivered + 4, processed: before.processed + 4 })
  await expect.poll(() => engine.stats().slotsInUse, { timeout: 20_000 }).toBe(0)
  expect(engine.stats().shards[0].ringEntries).toBe(0)
  const { pool } = engine as unknown as { pool: SlotPool }
  expect([...new Int32Array(pool.shared.holds)]).toEqual([0, 0, 0, 0])
  await t.close()
  t = undefined
  return restarts !== 0
}

describe('a thread that dies before its n-th write to its ring or its holds', () => {
  it('leaves no slot behind, for any n, and the accounts close', async () => {
    let n = 1
    while (await diesAt(n)) n++
    // Three entries were claimed, passed and released, and two chunks delivered: five writes and more between them.
    expect(n).toBeGreaterThan(12)
  }, 180_000)
})
