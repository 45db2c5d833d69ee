/** Threads that die: the process goes on, no slot is lost, the accounts close, the task at fault ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate, TestEngine } from '../unit/engine/engine-harness.js'

let t: TestEngine | undefined
afterEach(async () => {
  await t?.close()
  t = undefined
})

const rows = (name: string, n: number): string =>
  Array.from({ length: n }, (_, i) => `${name},host=h${i} v=${i}i ${i}`).join('\n')

describe('a shard whose thread dies', () => {
  it('comes back with fresh state; other tasks go on and the accounts close', async () => {
    t = await TestEngine.start({ shards: 2 })
    const gate = new Gate()
    const bad = await t.task('bad', { vars: { exitOn: 'exit' }, measurements: ['cpu', 'exit'] })
    const good = await t.task('good', { vars: { gate: gate.sab } })
    gate.open()
    await t.write(rows('cpu', 100))
    await t.settled(good)
    gate.close()
    // Both shards stand in a chunk of `good`, with more behind it, then the one that ends a thread.
    await t.write(rows('cpu', 100))
    await t.write(rows('cpu', 100))
    await t.write('exit,host=h1 v=1 1')
    await t.write(rows('cpu', 100))
    gate.open()
    await expect.poll(() => t?.engine.stats().shards.reduce((n, s) => n + s.restarts, 0), { timeout: 20_000 }).toBe(1)
    await t.settled(good)
    const { delivered, processed, dropped } = good.stats()
    expect(delivered).toBe(401)
    expect(processed + dropped.crash).toBe(401)
    expect(dropped.crash).toBeLessThanOrEqual(1)
    expect(t.failures).toEqual([expect.stringMatching(/^bad: shard \d crashed/)])
    expect(bad.key).not.toBe(good.key)
    expect(t.lines.some((l) => l.msg === 'shard crashed' && l.keys.task === 'bad')).toBe(true)
    await t.write(rows('cpu', 100))
    await t.settled(good)
    expect(good.stats().processed).toBe(processed + 100)
    await expect.poll(() => t?.engine.stats().slotsInUse, { timeout: 20_000 }).toBe(0)
  })

  it('survives a task that fills the V8 heap', async () => {
    t = await TestEngine.start({ shards: 1 })
    await t.task('hog', { vars: { heapOn: 'fill' } })
    const good = await t.task('good', { measurements: ['cpu'] })
    await t.write(rows('cpu', 10))
    await t.write('fill,host=a v=1 1')
    await t.write(rows('cpu', 10))
    await expect.poll(() => t?.failures, { timeout: 20_000 }).toEqual([expect.stringMatching(/^hog: shard 0 crashed/)])
    await t.settled(good)
    expect(good.stats()).toMatchObject({ delivered: 20, processed: 20 })
    await expect.poll(() => t?.engine.stats().slotsInUse, { timeout: 20_000 }).toBe(0)
  })

  it('answers what waits for it: starts, stops and requests', async () => {
    t = await TestEngine.start({ shards: 1, slots: 64 })
    const gate = new Gate()
    const stuck = await t.task('stuck', { vars: { gate: gate.sab, exitOn: 'exit' } })
    const other = await t.task('other')
    await t.write('exit,host=a v=1 1')
    await gate.reached(1)
    const request = stuck.control(1, 'rows').then(
      () => 'answered',
      (err: Error) => err.message,
    )
    const stopping = t.engine.stopTask(other.key, 'drain')
    const starting = t.task('third')
    gate.open()
    expect(await request).toContain('crashed')
    await stopping
    const third = await starting
    await t.write(rows('cpu', 5))
    await t.settled(third)
    // The row that ended the thread was accepted before the third task was there.
    expect(third.stats()).toMatchObject({ delivered: 5, processed: 5 })
  })

  it('gives up the tasks of a shard that dies again and again, not the shard', async () => {
    t = await TestEngine.start({ shards: 1 })
    const innocent = await t.task('innocent', { measurements: ['cpu'] })
    for (let i = 0; i < 6; i++) {
      const crashes = t.engine.stats().shards[0].restarts ?? 0
      await t.task(`bad${i}`, { vars: { exitOn: 'exit' }, measurements: ['exit'] })
      await t.write('exit,host=a v=1 1')
      await expect.poll(() => t?.engine.stats().shards[0].restarts, { timeout: 10_000 }).toBe(crashes + 1)
    }
    await expect.poll(() => t?.failures.at(-1) ?? '', { timeout: 20_000 }).toContain('innocent')
    expect(innocent.stats().delivered).toBe(0)
    const later = await t.task('later')
    await t.write(rows('cpu', 3))
    await t.settled(later)
    expect(later.stats().processed).toBe(3)
  })
})

describe('a shard whose threads cannot be loaded', () => {
  const shardThread = new URL('../fixtures/broken-worker.mjs', import.meta.url).href
  let dir: string
  let broken: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'shardline-broken-'))
    broken = join(dir, 'broken')
    process.env.SHARDLINE_TEST_BROKEN = broken
  })
  afterEach(() => {
    delete process.env.SHARDLINE_TEST_BROKEN
    rmSync(dir, { recursive: true, force: true })
  })
  const deaths = () => t?.engine.stats().shards[0].restarts ?? 0

  it('answers meanwhile, is tried again, and takes over what was accepted and started', async () => {
    t = await TestEngine.start({ shards: 1, shardThread })
    const { engine } = t
    await t.task('bad', { vars: { exitOn: 'exit' }, measurements: ['exit'] })
    const task = await t.task('task', { measurements: ['cpu'] })
    const gone = await t.task('gone', { measurements: ['cpu'] })
    writeFileSync(broken, '')
    await t.write('exit,host=a v=1 1')
    await expect.poll(deaths, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
    expect((await t.write(rows('cpu', 5))).status).toBe(204)
    const stopping = engine.stopTask(gone.key, 'drain')
    const starting = t.task('later', { measurements: ['cpu'] })
    await expect(task.control(1, 'rows')).rejects.toMatchObject({ code: 'shard-down', status: 503 })
    rmSync(broken)
    await stopping
    const later = await starting
    expect((await t.write(rows('cpu', 2))).status).toBe(204)
    await t.settled(task)
    await t.settled(later)
    expect(task.stats()).toMatchObject({ delivered: 7, processed: 7 })
    expect(later.stats()).toMatchObject({ delivered: 2, processed: 2 })
    expect(t.failures).toEqual([expect.stringMatching(/^bad: shard 0 crashed/)])
    await expect.poll(() => engine.stats().slotsInUse, { timeout: 20_000 }).toBe(0)
  })

  it('stops the tasks after too many deaths in a row, and serves others once it lives', async () => {
    t = await TestEngine.start({ shards: 1, shardThread })
    await t.task('bad', { vars: { exitOn: 'exit' }, measurements: ['exit'] })
    await t.task('task', { measurements: ['cpu'] })
    writeFileSync(broken, '')
    await t.write('exit,host=a v=1 1')
    await expect.poll(() => t?.failures.length, { timeout: 30_000 }).toBe(2)
    expect(t.failures[1]).toMatch(/^task: shard 0 has crashed 6 times in a row, the last time with: /)
    rmSync(broken)
    const later = await t.task('later')
    await t.write(rows('cpu', 3))
    await t.settled(later)
    expect(later.stats().processed).toBe(3)
  })
})
