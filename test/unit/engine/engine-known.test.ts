/** What main and the shards remember of tasks, routes, tables and schemas goes again, however many there were. */
import { afterEach, describe, expect, it } from 'vitest'
import type { EngineOptions } from '../../../src/engine/engine-options.js'
import { privateDb } from '../../../src/ingest/private-db.js'
import { Gate, TestEngine } from './engine-harness.js'

let open: TestEngine[] = []
async function start(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
  const t = await TestEngine.start(options)
  open.push(t)
  return t
}
afterEach(async () => {
  for (const t of open) await t.close()
  open = []
})

const row = (host: string | number, v: number): string => `cpu,host=h${host} v=${v}i ${v}`

/** Main's counts, then those of each shard. */
const known = (t: TestEngine): unknown[] => {
  const { known, shards } = t.engine.stats()
  return [known, ...shards.map((s) => s.known)]
}
const nothing = { tasks: 0, routes: 0, schemas: 0, alertStates: 0 }

const runsUntil = async (t: TestEngine, wanted: unknown[]): Promise<void> => {
  await expect.poll(() => known(t), { timeout: 20_000 }).toEqual(wanted)
}

describe('what the engine remembers', () => {
  it('goes with thousands of tasks that come and go, each with columns of its own', async () => {
    const t = await start()
    for (let i = 0; i < 2000; i++) {
      const task = await t.task(`t${i}`, { reads: ['host', `f${i}`], vars: { limit: 0 } })
      await t.write(row(i % 7, i))
      await t.engine.stopTask(task.key, i % 2 === 0 ? 'drain' : 'discard')
    }
    // The table itself stays, for `ingress`.
    const main = { runs: 0, routes: 0, schemas: 0, tables: 1, scopes: 1 }
    await runsUntil(t, [main, nothing, nothing])
    expect(t.engine.stats().ingress).toEqual([{ db: 'd', rp: 'r', measurement: 'cpu', points: 2000 }])
  })

  it('is one schema per table while tasks that read it change', async () => {
    const t = await start({ shards: 1 })
    const stays = await t.task('stays')
    for (let i = 0; i < 200; i++) {
      const other = await t.task(`other${i}`, { reads: [`f${i}`], vars: { limit: 0 } })
      await t.write(`${row(i, 1)}\nmem,host=a v=2i 2`)
      await t.engine.stopTask(other.key, 'discard')
    }
    await t.write(`${row('x', 1)}\nmem,host=a v=2i 2`)
    await t.settled(stays)
    expect((await t.rows(stays)).flat().length).toBe(402)
    const main = { runs: 1, routes: 1, schemas: 2, tables: 2, scopes: 1 }
    await runsUntil(t, [main, { tasks: 1, routes: 1, schemas: 2, alertStates: 0 }])
  })

  it('of the private databases of replays is nothing', async () => {
    const t = await start()
    for (let i = 0; i < 300; i++) {
      const db = privateDb(`run${i}`, 'd')
      const task = await t.task(`replay${i}`, { dbrps: [{ db, rp: 'r' }], measurements: ['cpu'] })
      const body = Buffer.from(`${row(1, i)}\nother${i} v=1 1`)
      expect(t.engine.write({ db, rp: 'r', precision: 'ms', body, source: 'http' })).toMatchObject({ status: 204 })
      await t.settled(task)
      expect((await t.rows(task)).flat()).toEqual([`cpu,host=h1 v=${i} @${i}`])
      await t.engine.stopTask(task.key, 'drain')
      // A write that comes too late reaches nobody.
      expect(t.engine.write({ db, rp: 'r', precision: 'ms', body, source: 'http' })).toMatchObject({ status: 204 })
    }
    await runsUntil(t, [{ runs: 0, routes: 0, schemas: 0, tables: 0, scopes: 0 }, nothing, nothing])
  })

  it('is bounded whatever names are written, also within one write', async () => {
    const t = await start({ shards: 1, slots: 64 })
    const names = (from: number, n: number): string =>
      Array.from({ length: n }, (_, i) => `m${from + i} v=1 1`).join('\n')
    const task = await t.task('t', { measurements: ['cpu'] })
    for (let w = 0; w < 3; w++) {
      expect(await t.write(`${names(w * 60_000, 150_000)}\n${row('a', w)}`)).toMatchObject({ status: 204 })
      expect(t.engine.stats().known.tables).toBeLessThanOrEqual(100_001)
    }
    await t.settled(task)
    expect((await t.rows(task)).flat().length).toBe(3)
    expect(t.engine.stats()).toMatchObject({ acceptedPoints: 450_003, unmatchedPoints: 450_000 })
  })

  it('is not filled by a write of more tables than a ring takes batches', async () => {
    const t = await start({ shards: 2, slots: 64 })
    const task = await t.task('all')
    const names = (n: number): string => Array.from({ length: n }, (_, i) => `m${i},host=h${i} v=1 1`).join('\n')
    const refused = await t.write(names(50_000))
    expect(refused).toMatchObject({ status: 400, error: expect.stringContaining('more than 128 batches') })
    expect(t.engine.stats().known.schemas).toBeLessThanOrEqual(129)
    expect(await t.write(names(60))).toMatchObject({ status: 204, points: 60 })
    await t.settled(task)
    expect(task.stats().processed).toBe(60)
  })

  it('is enough for what waits in a ring: batches keep their schema until the shard is done with them', async () => {
    const t = await start({ shards: 1, slots: 64 })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    for (let i = 0; i < 10; i++) await t.write(row('a', i))
    await gate.reached(1)
    // Each start and stop gives the table other columns; the entries above are written with the first ones.
    const other = t.task('other', { reads: ['u', 'w'], vars: { limit: 0 } })
    for (let i = 10; i < 20; i++) await t.write(row('a', i))
    gate.open()
    await t.engine.stopTask((await other).key, 'drain')
    for (let i = 20; i < 30; i++) await t.write(row('a', i))
    await t.settled(task)
    expect((await t.rows(task)).flat()).toEqual(Array.from({ length: 30 }, (_, i) => `cpu,host=ha v=${i} @${i}`))
    await runsUntil(t, [
      { runs: 1, routes: 1, schemas: 1, tables: 1, scopes: 1 },
      { tasks: 1, routes: 1, schemas: 1, alertStates: 0 },
    ])
  })

  it('is enough for writes that wait for room while the columns of their table change', async () => {
    const t = await start({ shards: 1, slots: 4, ringEntries: 4 })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    const writes: unknown[] = []
    for (let i = 0; i < 40; i++) writes.push(t.write(row('a', i)))
    await gate.reached(1)
    const other = t.task('other', { reads: ['u', 'w'], vars: { limit: 0 } })
    for (let i = 40; i < 60; i++) writes.push(t.write(row('a', i)))
    gate.open()
    await t.engine.stopTask((await other).key, 'drain')
    for (const w of writes) expect(await w).toMatchObject({ status: 204 })
    await t.settled(task)
    expect((await t.rows(task)).flat()).toEqual(Array.from({ length: 60 }, (_, i) => `cpu,host=ha v=${i} @${i}`))
    await runsUntil(t, [
      { runs: 1, routes: 1, schemas: 1, tables: 1, scopes: 1 },
      { tasks: 1, routes: 1, schemas: 1, alertStates: 0 },
    ])
  })

  it('is given again to a shard that died, for what its ring still holds too', async () => {
    const t = await start({ shards: 1, slots: 64 })
    const gate = new Gate()
    const bad = await t.task('bad', { vars: { exitOn: 'exit' }, measurements: ['exit'] })
    const task = await t.task('t', { vars: { gate: gate.sab }, measurements: ['cpu'] })
    await t.write(row('a', 0))
    await gate.reached(1)
    await t.write('exit,host=a v=1 1')
    for (let i = 1; i < 3; i++) await t.write(row('a', i))
    // When the thread dies no table has the columns any more that these rows are written with.
    const other = t.task('other', { reads: ['u', 'w'], vars: { limit: 0 } })
    for (let i = 3; i < 5; i++) await t.write(row('a', i))
    const stopped = other.then((o) => t.engine.stopTask(o.key, 'discard')).catch(() => {})
    gate.open()
    await expect.poll(() => t.engine.stats().shards[0].restarts).toBe(1)
    await stopped
    await t.write(row('a', 5))
    await t.settled(task)
    const { delivered, processed, dropped } = task.stats()
    expect([delivered, processed + dropped.crash]).toEqual([6, 6])
    expect(processed).toBeGreaterThanOrEqual(5)
    expect(t.engine.stats().shards[0].restarts).toBe(1)
    expect(t.failures.filter((f) => !f.startsWith('bad:'))).toEqual([])
    expect(bad.key).not.toBe(task.key)
  })
})

describe('a write of many tables that one task reads', () => {
  it('is merged within the memory of a shard', async () => {
    const t = await start({ shards: 1, slots: 256, slotBytes: 1 << 20, ringEntries: 4096 })
    const task = await t.task('all', { vars: { limit: 0 } })
    const lines = Array.from({ length: 6000 }, (_, i) => `m${i % 2000},host=h v=${i}i ${i}`).join('\n')
    for (let w = 0; w < 5; w++) expect(await t.write(lines)).toMatchObject({ status: 204 })
    await t.settled(task)
    expect(task.stats().processed).toBe(30_000)
    expect(t.engine.stats().shards[0].restarts).toBe(0)
  }, 120_000)
})
