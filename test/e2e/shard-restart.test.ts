/**
 * Shard threads that die under a real server: what alerts, inhibitors, posts, joins and a replay do from there on is what they
 * do without the deaths.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

const watched = (measurement: string, more = '') =>
  `stream|from().measurement('${measurement}').groupBy('host')|alert().id('${measurement} {{ index .Tags "host" }}').crit(lambda: "v" > 10.0)${more}`
const hosts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

const preload = fileURLToPath(new URL('../fixtures/mortal-threads.cjs', import.meta.url))
let killFile: string
let dir: string
let endpoint: Server
let url: string
/** Texts of Slack messages, in order. */
let messages: string[]
/** Answers to posts of the value 1 are held back. */
let held: ServerResponse[] | null

function answer(path: string, body: string, res: ServerResponse): void {
  const json = JSON.parse(body)
  if (path === '/slack') {
    messages.push(json.attachments[0].text)
    res.end()
    return
  }
  const { columns, values } = json.series[0]
  const v = values[0][columns.indexOf('v')]
  res.statusCode = 200 + v
  if (v === 1 && held !== null) held.push(res)
  else res.end()
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-kill-'))
  killFile = join(dir, 'kill')
  endpoint = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    req.on('end', () => answer(req.url ?? '', body, res))
  }).listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  const address = endpoint.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
})
afterAll(() => {
  endpoint.closeAllConnections()
  endpoint.close()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => {
  messages = []
  held = []
})

interface Outcome {
  /** By id, in order. */
  readonly messages: Record<string, string[]>
  readonly levels: Record<string, Record<string, string>>
  readonly triggered: number
  readonly codes: unknown
  readonly joined: unknown
  readonly replay: unknown
}

class Scenario {
  constructor(
    private readonly server: TestServer,
    private readonly shards: number,
  ) {}

  async run(crash: boolean): Promise<Outcome> {
    const { server } = this
    await this.define('cpu', watched('cpu', ".topic('cpus')"))
    await this.define('boss', watched('boss', ".topic('bosses').inhibit('app', 'host')"))
    await this.define('app', watched('app', ".topic('apps').category('app')"))
    await this.define(
      'posts',
      `stream|from().measurement('post').groupBy('host')|httpPost('${url}/code').codeField('code')|httpOut('codes')`,
    )
    await this.define(
      'joins',
      "var a = stream|from().measurement('a').groupBy('host')\nvar b = stream|from().measurement('b').groupBy('host')\na|join(b).as('a','b')|httpOut('joined')",
    )
    await this.define('replayed', watched('old', ".topic('olds')"))
    await this.record()

    // Half of the hosts are critical; the bosses of two of them hold back what their apps say.
    await this.each('cpu', (i) => (i % 2 === 0 ? 20 : 1), 1)
    await this.each('boss', (i) => (i < 2 ? 20 : 1), 1)
    await this.level('bosses', 'boss a', 'CRITICAL')
    await this.level('bosses', 'boss b', 'CRITICAL')
    await this.each('app', (i) => (i < 4 ? 20 : 1), 2)
    await this.level('apps', 'app c', 'CRITICAL')
    await this.level('apps', 'app d', 'CRITICAL')
    await this.each('a', () => 1, 1)
    await this.each('b', () => 1, 1)
    await this.write(`post,host=a v=1i 1`)
    await server.until(() => held?.length === 1 || undefined, 'the first post')
    await server.json('POST', '/replays', {
      id: 'replay',
      task: 'replayed',
      recording: 'recording',
      'recording-time': true,
      clock: 'real',
    })
    await this.level('olds', 'old a', 'CRITICAL')
    await this.settled()
    if (crash) await this.crash()

    // The same levels again: nothing to tell, but the bosses have to be known again.
    await this.each('cpu', (i) => (i % 2 === 0 ? 21 : 2), 3)
    await this.each('boss', (i) => (i < 2 ? 20 : 1), 3)
    await this.settled()
    await this.each('app', (i) => (i < 4 ? 21 : 1), 4)
    await this.settled()
    // One boss recovers, and its app is heard; others recover or fail for the first time.
    await this.each('boss', (i) => (i < 1 ? 20 : 1), 5)
    await this.level('bosses', 'boss b', 'OK')
    await this.each('app', (i) => (i < 1 ? 22 : 1), 6)
    await this.each('app', (i) => (i < 2 ? 22 : 1), 7)
    await this.each('cpu', (i) => (i % 4 === 0 || i === 1 ? 22 : 1), 6)
    await this.write(`post,host=a v=2i 2`)
    for (const t of [5, 6, 7]) {
      await this.each('a', () => t, t)
      await this.each('b', () => t, t)
    }
    for (const res of held ?? []) res.end()
    held = null
    const codes = await server.until(async () => {
      const page = await this.page('posts/codes')
      return page.includes(',2]') ? page : undefined
    }, 'the second code')
    const replay = await server.until(async () => {
      const { body } = await server.json('GET', '/replays/replay')
      return body.status === 'running' ? undefined : body
    }, 'the end of the replay')
    await this.settled()
    const joined = await this.page('joins/joined')
    const [app, levels] = [await this.stats('app'), await this.levels()]
    // Handlers are drained with their tasks.
    for (const id of ['cpu', 'boss', 'app']) await server.json('PATCH', `/tasks/${id}`, { status: 'disabled' })
    const byId: Record<string, string[]> = {}
    for (const m of messages) {
      const [, id, level] = /^(.*) is (\w+)$/.exec(m) ?? []
      byId[id] = [...(byId[id] ?? []), level]
    }
    const { alerts_inhibited: inhibited, alerts_triggered: triggered } = app.nodes.alert2
    expect(inhibited).toBeGreaterThanOrEqual(2)
    return {
      messages: byId,
      levels,
      triggered,
      codes,
      joined,
      replay: { status: replay.status, error: replay.error },
    }
  }

  private async define(id: string, script: string): Promise<void> {
    const reply = await this.server.json('POST', '/tasks', taskBody(id, { script }))
    expect(reply).toMatchObject({ status: 200 })
  }

  /** A critical level that lasts, and a recovery three seconds later. */
  private async record(): Promise<void> {
    const { server } = this
    await server.json('POST', '/recordings/stream', {
      id: 'recording',
      task: 'replayed',
      stop: new Date(10_000).toISOString(),
    })
    await server.json('PATCH', '/tasks/replayed', { status: 'disabled' })
    const points = Array.from({ length: 30 }, (_, i) => `old,host=a v=${i === 29 ? 1 : 20} ${1000 + i * 100}`)
    await server.write(points.join('\n'), 'db=db&rp=rp&precision=ms')
    await server.write('old,host=a v=1 11')
    await server.until(async () => {
      const { body } = await server.json('GET', '/recordings/recording')
      return body.status === 'finished' || undefined
    }, 'the recording')
  }

  private async write(lines: string): Promise<void> {
    expect((await this.server.write(lines)).status).toBe(204)
  }

  private each(measurement: string, value: (i: number) => number, t: number): Promise<void> {
    return this.write(hosts.map((h, i) => `${measurement},host=${h} v=${value(i)} ${t}`).join('\n'))
  }

  /** Until every shard has crashed once at least. */
  private async crash(): Promise<void> {
    const { server } = this
    const crashed = () => [...server.logs.matchAll(/msg="shard crashed" .*shard=(\d)/g)].map((m) => m[1])
    while (new Set(crashed()).size < this.shards) {
      const before = crashed().length
      writeFileSync(killFile, '')
      await server.until(() => crashed().length > before || undefined, 'the crash')
    }
  }

  private async stats(id: string) {
    const { body } = await this.server.json('GET', `/tasks/${id}`)
    const stats = body.stats as Record<string, Record<string, never>>
    const task = stats['task-stats'] as unknown as Record<string, number> & { dropped: Record<string, number> }
    return { task, nodes: stats['node-stats'] as unknown as Record<string, Record<string, number>> }
  }

  /** All that was written is processed, and the accounts close. */
  private async settled(): Promise<void> {
    for (const id of ['cpu', 'boss', 'app', 'posts', 'joins']) {
      await this.server.until(async () => {
        const { task } = await this.stats(id)
        if (task['in-ring'] !== 0) return undefined
        const dropped = Object.values(task.dropped).reduce((a, b) => a + b, 0)
        expect(task.processed + dropped).toBe(task.delivered)
        return true
      }, `the rows of ${id}`)
    }
  }

  private async level(topic: string, id: string, level: string): Promise<void> {
    await this.server.until(async () => (await this.levelsOf(topic))[id] === level || undefined, `${id} ${level}`)
  }

  private async levelsOf(topic: string): Promise<Record<string, string>> {
    const { body } = await this.server.json('GET', `/alerts/topics/${topic}/events`)
    const events = (body.events ?? []) as { id: string; state: { level: string } }[]
    return Object.fromEntries(events.map((e) => [e.id, e.state.level]))
  }

  private async levels(): Promise<Record<string, Record<string, string>>> {
    const levels: Record<string, Record<string, string>> = {}
    for (const topic of ['cpus', 'bosses', 'apps', 'olds']) levels[topic] = await this.levelsOf(topic)
    return levels
  }

  private async page(path: string): Promise<string> {
    const { body } = await this.server.json('GET', `/tasks/${path}`)
    const series = body.series as { tags: { host: string } }[] | null
    return JSON.stringify([...(series ?? [])].sort((a, b) => (a.tags.host < b.tags.host ? -1 : 1)))
  }
}

async function outcome(shards: number, crash: boolean): Promise<Outcome> {
  messages = []
  held = []
  const config = `[[slack]]\nenabled = true\nglobal = true\nurl = "${url}/slack"\nchannel = "#c"\n`
  const server = await TestServer.start({
    shards,
    config,
    env: { NODE_OPTIONS: `--require=${preload}`, SHARDLINE_TEST_KILL: killFile },
  })
  try {
    return await new Scenario(server, shards).run(crash)
  } finally {
    await server.stop()
  }
}

describe.each([1, 2])('on %i shards', (shards) => {
  it('crashes make no difference to levels, inhibition, codes, joins and a replay', async () => {
    const undisturbed = await outcome(shards, false)
    expect(undisturbed.messages).toMatchObject({
      'cpu a': ['CRITICAL'],
      'cpu b': ['CRITICAL'],
      'cpu c': ['CRITICAL', 'OK'],
    })
    expect(undisturbed.messages['app b']).toEqual(['OK', 'CRITICAL'])
    expect(undisturbed.messages['app a']).toBeUndefined()
    expect(undisturbed.messages['old a']).toEqual(['CRITICAL', 'OK'])
    expect(undisturbed.replay).toEqual({ status: 'finished', error: '' })
    expect(await outcome(shards, true)).toEqual(undisturbed)
  })
})
