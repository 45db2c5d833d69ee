/** Tasks and replays that come and go leave nothing behind, on main and on the shards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ shards: 2 })
})
afterAll(async () => {
  await server.stop()
})

/** As /debug/vars tells it. */
async function known(): Promise<{ main: Record<string, number>; shards: unknown[] }> {
  const { body } = await server.json('GET', '/debug/vars')
  const { known, shards } = body.shardline as { known: Record<string, number>; shards: unknown[] }
  return { main: known, shards }
}

const script = (field: string): string => `stream
    |from()
        .measurement('m')
        .groupBy('host')
    |window()
        .period(2s)
        .every(2s)
    |mean('${field}')
    |alert()
        .crit(lambda: "mean" > ${field.length})
        .log('/dev/null')`

const until = (what: () => Promise<unknown>, wanted: unknown): Promise<void> =>
  expect.poll(what, { timeout: 20_000 }).toEqual(wanted)

describe('tasks and replays that come and go', () => {
  it('leave nothing behind', async () => {
    await server.write('m,host=a v=1 1')
    const before = await known()
    for (let i = 0; i < 40; i++) {
      expect((await server.json('POST', '/tasks', taskBody('t', { script: script(`v${i}`) }))).status).toBe(200)
      await server.write(`m,host=a v${i}=99 ${2 * i}\nm,host=b v${i}=99 ${2 * i}\nm,host=a v${i}=99 ${2 * i + 4}`)
      await server.json('PATCH', '/tasks/t', { status: 'disabled' })
      await server.json('PATCH', '/tasks/t', { script: script(`w${i}`), status: 'enabled' })
      await server.write(`m,host=a w${i}=99 ${2 * i}`)
      await server.json('DELETE', '/tasks/t')
    }
    await until(known, before)
    expect((await server.json('GET', '/alerts/topics')).body.topics).toEqual([])
  })

  it('are replays too', async () => {
    await server.json('POST', '/tasks', taskBody('t', { script: script('v') }))
    const made = await server.json('POST', '/recordings/stream', {
      id: 'r',
      task: 't',
      stop: new Date(50_000).toISOString(),
    })
    expect(made.status).toBe(201)
    for (let i = 0; i < 40; i++) await server.write(`m,host=h${i % 5} v=99 ${i}`)
    await server.write('m,host=h v=1 60')
    await until(async () => (await server.json('GET', '/recordings/r')).body.status, 'finished')
    await server.json('PATCH', '/tasks/t', { status: 'disabled' })
    const none = { tasks: 0, routes: 0, schemas: 0, alertStates: 0 }
    const idle = { main: { runs: 0, routes: 0, schemas: 0 }, shards: [0, 1].map((shard) => ({ shard, known: none })) }
    await expect.poll(known, { timeout: 20_000 }).toMatchObject(idle)
    const { main } = await known()
    for (let i = 0; i < 20; i++) {
      const replay = { id: `p${i}`, task: 't', recording: 'r', clock: 'fast', 'recording-time': i % 2 === 0 }
      expect((await server.json('POST', '/replays', replay)).status).toBe(201)
      await until(async () => (await server.json('GET', `/replays/p${i}`)).body.status, 'finished')
    }
    await expect.poll(known, { timeout: 20_000 }).toMatchObject({ ...idle, main })
    await server.json('DELETE', '/tasks/t')
  })
})

describe('delays', () => {
  it('of main and of alerts are in metrics, statistics and on the command line', async () => {
    const alert =
      "stream\n    |from()\n        .measurement('d')\n    |alert()\n        .crit(lambda: TRUE)\n        .topic('delays')"
    await server.json('POST', '/tasks', taskBody('d', { script: alert }))
    const before = await latency()
    for (let i = 1; i <= 20; i++) await server.write(`d v=1 ${i}`)
    await until(async () => (await latency()).count - before.count, 20)
    const { p50, p99, max } = await latency()
    expect(p50).toBeLessThanOrEqual(p99)
    expect(p99).toBeLessThanOrEqual(max)
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    const value = (series: string): number => {
      const line = metrics.split('\n').find((l) => l.startsWith(`${series} `))
      return line === undefined ? Number.NaN : Number(line.slice(series.length + 1))
    }
    expect(metrics).toContain('# TYPE shardline_alert_latency_seconds summary')
    expect(value('shardline_alert_latency_seconds_count')).toBe(before.count + 20)
    expect(value('shardline_alert_latency_seconds{quantile="0.999"}')).toBeGreaterThanOrEqual(p50)
    expect(value('shardline_main_delay_seconds_count')).toBeGreaterThan(10)
    expect(value('shardline_main_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0)
    const { code, stdout } = await server.runCli(['stats', 'engine'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Delay \(ms\) +p50 +p99 +p99\.9 +max\nmain( +[0-9.]+){4}\nalerts( +[0-9.]+){4}\n/)
    expect(stdout).toMatch(/^shard 1( +[0-9]+){4}$/m)
  })
})

interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

async function latency(): Promise<Latency> {
  const { body } = await server.json('GET', '/debug/vars')
  return (body.shardline as { alert_latency_seconds: Latency }).alert_latency_seconds
}
