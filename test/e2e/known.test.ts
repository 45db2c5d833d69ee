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
