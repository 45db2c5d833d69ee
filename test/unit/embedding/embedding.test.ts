/** The engine as a program embeds it: on real shard threads, through the public face only. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type AlertEvent, Engine, type Log } from '../../../src/index.js'

const root = path.resolve(import.meta.dirname, '../../..')
let engine: Engine | undefined
afterEach(async () => {
  await engine?.close()
  engine = undefined
})

const alerting = `stream
    |from()
        .measurement('m')
        .groupBy('host')
    |alert()
        .id('{{ index .Tags "host" }}')
        .crit(lambda: "v" > limit)
        .stateChangesOnly()`
const vars = { limit: { type: 'int', value: 9_007_199_254_740_992n } } as const
const to = { db: 'd', rp: 'r', precision: 's' } as const

describe('an embedded engine', () => {
  it('gives alerts with exact integers and times, until nobody listens', async () => {
    engine = await Engine.start({ shards: 2 })
    const events: AlertEvent[] = []
    const stop = engine.onAlert((event) => events.push(event))
    const task = await engine.define('t', { script: `var limit = 0\n${alerting}`, dbrps: ['d.r'], vars })
    expect(await engine.write('m,host=a v=9007199254740993i 1\nm,host=b v=1i 1\n', to)).toBe(2)
    await expect
      .poll(() => events)
      .toMatchObject([
        {
          task: 't',
          node: 'alert2',
          id: 'a',
          level: 'CRITICAL',
          name: 'm',
          tags: { host: 'a' },
          timeNs: 1_000_000_000n,
          fields: { v: 9_007_199_254_740_993n },
        },
      ])
    stop()
    await engine.write('m,host=a v=0i 2\n', to)
    await expect.poll(() => task.stats()?.processed).toBe(3)
    expect(events).toHaveLength(1)
  })

  it('serves httpOut pages, and ends tasks one by one', async () => {
    engine = await Engine.start({ shards: 1 })
    const script = "stream|from().measurement('m')|httpOut('page')"
    const task = await engine.define('t', { script, dbrps: ['d'] })
    await engine.write('m v=1 1', { db: 'd', precision: 's' })
    await expect
      .poll(() => task.httpOut('page'))
      .toEqual({ series: [{ name: 'm', columns: ['time', 'v'], values: [['1970-01-01T00:00:01Z', 1]] }] })
    await expect(task.httpOut('none')).rejects.toThrow('task t has no httpOut endpoint none')
    await expect(engine.define('t', { script, dbrps: ['d'] })).rejects.toThrow('task t already exists')
    await task.stop()
    expect(task.stats()).toBeUndefined()
    await engine.define('t', { script, dbrps: ['d'] })
  })

  it('says what is wrong with scripts, vars and lines', async () => {
    engine = await Engine.start({ shards: 1 })
    const define = (script: string, given = {}) => engine?.define('t', { script, dbrps: ['d.r'], vars: given })
    await expect(define("stream|from().measurement('m')|nope()")).rejects.toThrow('line 1 char 32: no method')
    await expect(define(`var limit = 0\n${alerting}`, { limit: { type: 'int', value: 'x' } })).rejects.toThrow()
    await expect(engine.write('m v=', to)).rejects.toMatchObject({ status: 400, code: 'write-invalid' })
    expect(engine.stats().acceptedPoints).toBe(0)
  })

  it('goes on when a listener throws, and says so', async () => {
    const lines: string[] = []
    const log: Log = { debug() {}, info() {}, error: (msg) => void lines.push(msg), with: () => log }
    engine = await Engine.start({ shards: 1, log })
    const heard: string[] = []
    engine.onAlert(() => {
      throw new Error('listener')
    })
    engine.onAlert(async () => {
      throw new Error('async listener')
    })
    engine.onAlert(({ id }) => heard.push(id))
    await engine.define('t', { script: `var limit = 0\n${alerting}`, dbrps: ['d.r'] })
    await engine.write('m,host=a v=1i 1\nm,host=b v=1i 1\n', to)
    await expect.poll(() => heard).toEqual(['a', 'b'])
    await expect.poll(() => lines).toEqual(Array.from({ length: 4 }, () => 'a listener of alerts failed'))
  })

  it('takes an id once, also when two ask for it at the same time', async () => {
    engine = await Engine.start({ shards: 1 })
    const task = { script: "stream|from().measurement('m')|httpOut('page')", dbrps: ['d.r'] }
    const [first, second] = await Promise.allSettled([engine.define('t', task), engine.define('t', task)])
    expect(first?.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'task-exists' } })
    await expect(engine.define('broken', { ...task, script: 'stream|' })).rejects.toThrow()
    await engine.define('broken', task)
  })
})

it('the example of the guide runs, prints what the guide says, and ends by itself', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'shardline-embedding-'))
  try {
    // A package finds itself by its name.
    const run = spawnSync(process.execPath, [path.join(root, 'docs/examples/embedding/busy.mjs')], {
      encoding: 'utf8',
      timeout: 50_000,
      cwd: dir,
    })
    expect(run.stderr).toBe('')
    expect(run.stdout).toBe('CRITICAL 10.0.0.2: 136 requests in a minute\nOK 10.0.0.2: 100 requests in a minute\n')
    expect(run.status).toBe(0)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
