/** What survives a clean restart and a crash, and that a server that is asked to end loses nothing it has accepted. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shardline-restart-'))
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

interface Event {
  readonly id: string
  readonly level: string
  readonly previousLevel: string
  readonly duration: number
  readonly message: string
}

function events(file: string): Event[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((l) => JSON.parse(l) as Event)
}

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s', (signal) => {
  it('tasks and alert levels are as they were', async () => {
    const dir = directory()
    const log = join(dir, 'alerts.log')
    const script = `stream|from().measurement('m').groupBy('g')
      |alert().warn(lambda: "v" > 5).crit(lambda: "v" > 10).stateChangesOnly().log('${log}')`
    const first = await TestServer.start({ dir, shards: 2 })
    expect((await first.json('POST', '/tasks', taskBody('levels', { script }))).status).toBe(200)
    expect((await first.json('POST', '/tasks', taskBody('off', { status: 'disabled' }))).status).toBe(200)
    await first.write('m,g=crit v=11 1\nm,g=warn v=6 1\nm,g=ok v=1 1\nm,g=recovered v=11 1\nm,g=recovered v=1 2')
    await first.until(() => (events(log).length === 4 ? true : undefined), 'the events')
    const before = await first.json('GET', '/tasks/levels')
    if (signal === 'SIGTERM') expect(await first.stop()).toBe(0)
    else {
      // Levels are stored 50 ms behind their events; younger ones may be lost to a crash.
      await sleep(1000)
      await first.crash()
    }

    const second = await TestServer.start({ dir, shards: 2 })
    cleanups.push(() => second.stop())
    const { body } = await second.json('GET', '/tasks?fields=status&fields=executing')
    expect(body.tasks).toMatchObject([
      { id: 'levels', status: 'enabled', executing: true },
      { id: 'off', status: 'disabled', executing: false },
    ])
    const after = await second.json('GET', '/tasks/levels')
    expect(after.body.script).toBe(before.body.script)
    expect(after.body.created).toBe(before.body.created)

    // The same levels again are no news; every other one is, from the level it had.
    await second.write(
      [
        ...['m,g=crit v=12 11', 'm,g=warn v=6 11', 'm,g=ok v=1 11', 'm,g=recovered v=1 11'],
        ...['m,g=crit v=1 13', 'm,g=warn v=11 13', 'm,g=ok v=6 13', 'm,g=recovered v=6 13'],
      ].join('\n'),
    )
    const got = await second.until(() => {
      const list = events(log).slice(4)
      return list.length >= 4 ? list : undefined
    }, 'the later events')
    expect(got.map((e) => [e.id, e.previousLevel, e.level]).sort()).toEqual([
      ['m:g=crit', 'CRITICAL', 'OK'],
      ['m:g=ok', 'OK', 'WARNING'],
      ['m:g=recovered', 'OK', 'WARNING'],
      ['m:g=warn', 'WARNING', 'CRITICAL'],
    ])
  })
})

it('SIGTERM amid writers: what was answered with 204 is processed, within the deadline', async () => {
  const dir = directory()
  const log = join(dir, 'alerts.log')
  // Handlers keep every event here: what their queues refuse is counted, but it is not what this is about.
  const server = await TestServer.start({ dir, shards: 2, config: '[alert]\ntopic-buffer-length = 1000000' })
  cleanups.push(() => server.stop('SIGKILL'))
  const script = `stream|from().measurement('m').groupBy('w')
    |eval(lambda: "v" * 2).as('d').keep()
    |alert().message('{{ index .Fields "v" }}').crit(lambda: TRUE).log('${log}')`
  expect((await server.json('POST', '/tasks', taskBody('t', { script }))).status).toBe(200)
  const accepted = new Set<string>()
  const sent = new Set<string>()
  let refused = 0
  let ending = false
  const writer = async (w: number): Promise<void> => {
    for (let n = 0; !ending || refused < 4; n++) {
      const ids = Array.from({ length: 200 }, (_, i) => String(w * 1e6 + n * 200 + i))
      for (const id of ids) sent.add(id)
      try {
        const reply = await server.write(ids.map((id) => `m,w=${w} v=${id}i ${n + 1}`).join('\n'))
        if (reply.status === 204) for (const id of ids) accepted.add(id)
        else refused++
      } catch (err) {
        // The connection is refused or closed: the server ends.
        if (!(err instanceof TypeError)) throw err
        if (ending) return
        throw err
      }
    }
  }
  const writers = [1, 2, 3, 4].map(writer)
  await server.until(() => (accepted.size >= 4000 ? true : undefined), 'some writes')
  ending = true
  const startMs = Date.now()
  const code = await Promise.race([server.stop(), sleep(25_000)])
  expect(code).toBe(0)
  expect(Date.now() - startMs).toBeLessThan(20_000)
  await Promise.all(writers)
  const processed = events(log).map((e) => e.message)
  expect(new Set(processed).size).toBe(processed.length)
  expect(processed.every((id) => sent.has(id))).toBe(true)
  const seen = new Set(processed)
  expect([...accepted].filter((id) => !seen.has(id))).toEqual([])
  expect(accepted.size).toBeGreaterThanOrEqual(4000)
})

describe('what was deleted before a crash', () => {
  const script = `stream|from().measurement('m').groupBy('g')
    |alert().id('{{ index .Tags "g" }}').crit(lambda: "v" > 10).log('/dev/null')`
  const groups = 3000
  const points = (t: number): string => Array.from({ length: groups }, (_, i) => `m,g=g${i} v=11 ${t}`).join('\n')
  const idsOf = async (server: TestServer, task: string): Promise<string[]> => {
    const { body } = await server.json('GET', `/alerts/topics/main:${task}:alert2/events`)
    return ((body.events ?? []) as { id: string }[]).map((e) => e.id)
  }
  const collected = (server: TestServer, task: string, n: number) =>
    server.until(async () => ((await idsOf(server, task)).length >= n ? true : undefined), 'the events')

  it.each(['delete', 'rename'] as const)('%s: alert states of a task do not come back with its name', async (how) => {
    const dir = directory()
    const first = await TestServer.start({ dir, shards: 1 })
    await first.json('POST', '/tasks', taskBody('t', { script }))
    await first.write(points(1))
    await collected(first, 't', groups)
    // Some states are stored, others on their way.
    await first.write(points(2))
    const { status } =
      how === 'delete' ? await first.json('DELETE', '/tasks/t') : await first.json('PATCH', '/tasks/t', { id: 'u' })
    expect(status).toBe(how === 'delete' ? 204 : 200)
    await first.crash()

    const second = await TestServer.start({ dir, shards: 1 })
    cleanups.push(() => second.stop())
    expect((await second.json('POST', '/tasks', taskBody('t', { script }))).status).toBe(200)
    await second.write('m,g=new v=11 3')
    await collected(second, 't', 1)
    expect(await idsOf(second, 't')).toEqual(['new'])
  })

  it('a recording does not come back with its file', async () => {
    const dir = directory()
    const first = await TestServer.start({ dir, shards: 1 })
    await first.json('POST', '/tasks', taskBody('t', { script }))
    const stop = new Date(5000).toISOString()
    await first.json('POST', '/recordings/stream', { id: 'r', task: 't', stop })
    await first.write(`${points(1)}\nm,g=a v=1 6`)
    const file = join(dir, 'replay', 'r.srpl')
    await first.until(async () => {
      const { body } = await first.json('GET', '/recordings/r')
      return body.status === 'finished' ? true : undefined
    }, 'the recording')
    expect(existsSync(file)).toBe(true)
    expect((await first.json('DELETE', '/recordings/r')).status).toBe(204)
    await first.crash()
    expect(existsSync(file)).toBe(false)
    const second = await TestServer.start({ dir, shards: 1 })
    cleanups.push(() => second.stop())
    expect((await second.json('GET', '/recordings')).body.recordings).toEqual([])
  })
})
