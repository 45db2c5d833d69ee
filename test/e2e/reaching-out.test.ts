/** Nodes that reach outside, in a real server: loopback, InfluxDB, sideload, autoscale. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FakeInfluxDB } from '../unit/influxdb/fake-influxdb.js'
import { Influxd, noInfluxd } from './influxd.js'
import { TestServer } from './server.js'

const dbrps = (db: string, rp = 'rp') => [{ db, rp }]
const task = (id: string, db: string, script: string): Record<string, unknown> => ({
  id,
  type: 'stream',
  dbrps: dbrps(db),
  script,
  status: 'enabled',
})

async function create(server: TestServer, id: string, db: string, script: string): Promise<void> {
  expect(await server.json('POST', '/tasks', task(id, db, script))).toMatchObject({
    status: 200,
    body: { executing: true, error: '' },
  })
}

type NodeStats = Record<string, Record<string, number | string>>

async function nodeStats(server: TestServer, id: string): Promise<NodeStats> {
  const { body } = await server.json('GET', `/tasks/${id}`)
  return (body.stats as { 'node-stats': NodeStats })['node-stats']
}

/** The values of an httpOut page. */
async function page(server: TestServer, id: string): Promise<unknown[][]> {
  const { body } = await server.json('GET', `/tasks/${id}/o`)
  return ((body.series ?? []) as { values: unknown[][] }[]).flatMap((s) => s.values)
}

describe('loopback', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.start({ shards: 2 })
  })
  afterAll(() => server.stop())

  it('carries points from task to task, exactly, and counts them', async () => {
    const target = ".database('b').retentionPolicy('rp')"
    await create(
      server,
      'from',
      'a',
      `stream|from().measurement('m')|kapacitorLoopback()${target}.measurement('n').tag('src', 'x')`,
    )
    await create(server, 'to', 'b', "stream|from().measurement('n').groupBy('src')|httpOut('o')")
    expect((await server.write('m v=9007199254740993i 1234567890123456789', 'db=a&rp=rp')).status).toBe(204)
    const text = await server.until(async () => {
      const reply = await fetch(`${server.url}/kapacitor/v1/tasks/to/o`)
      const body = await reply.text()
      return body.includes('"n"') ? body : undefined
    }, 'the point')
    expect(text).toContain('"tags":{"src":"x"}')
    expect(text).toContain('[["2009-02-13T23:31:30.123456789Z",9007199254740993]]')
    expect((await nodeStats(server, 'from')).kapacitor_loopback2).toMatchObject({ points_written: 1, errors: 0 })
  })

  it('refuses to feed a task with its own points', async () => {
    const reply = await server.json(
      'POST',
      '/tasks',
      task('self', 'a', "stream|from()|kapacitorLoopback().database('a').retentionPolicy('rp')"),
    )
    expect(reply).toMatchObject({ status: 500, body: { error: 'loop detected on dbrp: "a"."rp"' } })
  })

  it('of tasks that multiply each other’s points neither blocks nor grows without bound', async () => {
    const twice = (db: string): string => {
      const loop = `kapacitorLoopback().database('${db}').retentionPolicy('rp')`
      return `var s = stream|from() s|${loop} s|${loop}`
    }
    await create(server, 'ping', 'ping', twice('pong'))
    await create(server, 'pong', 'pong', twice('ping'))
    const lines = Array.from({ length: 500 }, (_, i) => `m,h=${i} v=1 ${i}`).join('\n')
    expect((await server.write(lines, 'db=ping&rp=rp')).status).toBe(204)
    await server.until(
      async () => {
        const { kapacitor_loopback2: a } = await nodeStats(server, 'ping')
        return Number(a.points_dropped ?? 0) > 0 || undefined
      },
      'a full queue',
      90_000,
    )
    // Other tasks and control still work.
    const started = Date.now()
    await create(server, 'other', 'other', "stream|from()|httpOut('o')")
    expect((await server.write('m v=5 1', 'db=other&rp=rp')).status).toBe(204)
    await server.until(async () => ((await page(server, 'other')).length > 0 ? true : undefined), 'the other task')
    expect(Date.now() - started).toBeLessThan(10_000)
    for (const id of ['ping', 'pong']) {
      expect((await server.json('PATCH', `/tasks/${id}`, { status: 'disabled' })).status).toBe(200)
    }
    expect(server.logs).toContain('too many points wait to be written back')
  }, 150_000)
})

describe('influxDBOut', () => {
  it('flushes when its task is disabled; the cluster comes from the configuration', async () => {
    const fake = await FakeInfluxDB.start()
    const config = `[[influxdb]]\nenabled = true\ndefault = true\nname = "main"\nurls = ["${fake.url}"]\ndisable-subscriptions = true\n[[influxdb]]\nname = "off"\n`
    const server = await TestServer.start({ config })
    try {
      await create(server, 't', 'db', "stream|from()|influxDBOut().database('out').tag('dc', 'x')")
      await server.write('m,h=a v=1,w=2i 5')
      expect((await server.json('PATCH', '/tasks/t', { status: 'disabled' })).status).toBe(200)
      expect(fake.lines).toEqual(['m,dc=x,h=a v=1,w=2i 5000000000'])
      const reply = await server.json('POST', '/tasks', task('bad', 'db', "stream|from()|influxDBOut().cluster('off')"))
      expect(reply).toMatchObject({
        status: 500,
        body: { error: 'failed to get InfluxDB client: no such InfluxDB config off' },
      })
    } finally {
      await server.stop()
      await fake.close()
    }
  })

  it('at the end of the server', async () => {
    const fake = await FakeInfluxDB.start()
    const server = await TestServer.start({
      config: `[[influxdb]]\nurls = ["${fake.url}"]\ndisable-subscriptions = true\n`,
    })
    try {
      await create(server, 't', 'db', "stream|from()|influxDBOut().database('out')")
      await server.write('m v=1 5')
      await server.stop()
      expect(fake.lines).toEqual(['m v=1 5000000000'])
    } finally {
      await server.stop()
      await fake.close()
    }
  })

  it.skipIf(noInfluxd !== '')(
    `into a real InfluxDB, through an outage ${noInfluxd}`,
    async () => {
      const influxd = await Influxd.start()
      const config = `[[influxdb]]\nurls = ["${influxd.url}"]\ndisable-subscriptions = true\n`
      const server = await TestServer.start({ config })
      try {
        const out = "influxDBOut().database('newdb').retentionPolicy('my rp').create().buffer(2).flushInterval(50ms)"
        await create(server, 't', 'db', `stream|from().groupBy('h')|window().period(10s).every(10s)|max('v')|${out}`)
        await create(
          server,
          'all',
          'db',
          `stream|from()|where(lambda: "s" == 'x y,="')|${out}.measurement('odd name').tag('k=', 'a b,c')`,
        )
        await server.write('m,h=a v=9007199254740993i 1000000001\nm,h=a v=1i 20000000000', 'db=db&rp=rp&precision=n')
        await server.write('m s="x y,=\\"",b=true,f=1.5,i=-3i 7', 'db=db&rp=rp&precision=n')
        const max = await server.until(async () => {
          const rows = await influxd.query('SELECT h, max FROM "my rp".m', 'newdb').catch(() => [])
          return rows.length > 0 ? rows : undefined
        }, 'the maximum')
        // Integers beyond 2^53 come back as text here; the window ends at the point that closes it.
        expect(max[0].slice(1)).toEqual(['a', '9007199254740993'])
        const odd = await server.until(async () => {
          const rows = await influxd.query('SELECT b, f, i, s, "k=" FROM "my rp"."odd name"', 'newdb').catch(() => [])
          return rows.length > 0 ? rows : undefined
        }, 'the odd point')
        expect(odd).toEqual([[7, true, 1.5, -3, 'x y,="', 'a b,c']])

        await influxd.pause()
        await server.write('m s="x y,=\\"",f=2 8', 'db=db&rp=rp&precision=n')
        await server.until(
          async () => (Number((await nodeStats(server, 'all')).influxdb_out3.write_errors) > 0 ? true : undefined),
          'a failed write',
        )
        await influxd.resume()
        const late = await server.until(async () => {
          const rows = await influxd.query('SELECT f FROM "my rp"."odd name" WHERE time = 8', 'newdb').catch(() => [])
          return rows.length > 0 ? rows : undefined
        }, 'the late point')
        expect(late).toEqual([[8, 2]])
        await server.until(async () => {
          const { influxdb_out3: stats } = await nodeStats(server, 'all')
          return stats.points_written === 2 || undefined
        }, 'the count of written points')
      } finally {
        await server.stop()
        await influxd.stop()
      }
    },
    60_000,
  )
})

describe('sideload', () => {
  it('loads at start and again when told to', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sideload-'))
    const server = await TestServer.start({ shards: 2 })
    try {
      writeFileSync(join(dir, 'a.yml'), 'limit: 10\nowner: alice\n')
      const load = `sideload().source('file://${dir}').order('{{.h}}.yml').field('limit', 0.0).tag('owner', 'nobody')`
      await create(
        server,
        't',
        'db',
        `stream|from().groupBy('h')|${load}|eval(lambda: "v" > "limit").as('over').keep('over', 'limit')|httpOut('o')`,
      )
      const rows = async (n: number): Promise<unknown[][]> =>
        server.until(async () => {
          const found = await page(server, 't')
          return found.filter((r) => String(r[0]).endsWith(`0${n}Z`)).length === 2 ? found : undefined
        }, `rows of second ${n}`)
      await server.write('m,h=a v=11 1\nm,h=b v=11 1')
      expect((await rows(1)).map((r) => r.slice(1)).sort()).toEqual([
        [0, true],
        [10, true],
      ])
      writeFileSync(join(dir, 'a.yml'), 'limit: 20\n')
      expect((await server.json('POST', '/sideload/reload')).status).toBe(204)
      await server.write('m,h=a v=11 2\nm,h=b v=11 2')
      expect((await rows(2)).map((r) => r.slice(1)).sort()).toEqual([
        [0, true],
        [20, false],
      ])
      writeFileSync(join(dir, 'a.yml'), 'limit: 30\n')
      server.child.kill('SIGHUP')
      await server.until(async () => {
        await server.write('m,h=a v=25 3\nm,h=b v=25 3')
        return (await rows(3)).some((r) => r[1] === 30) || undefined
      }, 'the reload on SIGHUP')
      writeFileSync(join(dir, 'a.yml'), '[')
      const failed = await server.json('POST', '/sideload/reload')
      expect(failed.status).toBe(500)
      expect(failed.body.error).toContain(`failed to update source "${dir}": `)
      const missing = await server.json(
        'POST',
        '/tasks',
        task('bad', 'db', "stream|from()|sideload().source('file:///nonexist')"),
      )
      expect(missing).toMatchObject({
        status: 500,
        body: {
          error: 'failed to update sideload cache for source "/nonexist": lstat /nonexist: no such file or directory',
        },
      })
    } finally {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  })
})

describe('autoscale', () => {
  let swarm: Server
  let replicas = 3
  beforeAll(async () => {
    swarm = createServer((req, res) => {
      let body = ''
      req.on('data', (part: Buffer) => {
        body += part.toString()
      })
      req.on('end', () => {
        const spec = { Name: 'web', Mode: { Replicated: { Replicas: replicas } } }
        if (req.method === 'POST') replicas = (JSON.parse(body) as typeof spec).Mode.Replicated.Replicas
        res.end(JSON.stringify({ ID: 'web', Version: { Index: 1 }, Spec: spec }))
      })
    })
    await new Promise<void>((resolve) => swarm.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    swarm.closeAllConnections()
    swarm.close()
  })

  it('scales a service and emits what it did', async () => {
    const { port } = swarm.address() as AddressInfo
    const server = await TestServer.start({
      shards: 2,
      config: `[[swarm]]\nenabled = true\nid = "s"\nservers = ["http://127.0.0.1:${port}"]\n`,
    })
    try {
      const scale = `swarmAutoscale().serviceName('web').outputServiceNameTag('service').min(2).max(6).increaseCooldown(10s).replicas(lambda: int("v"))`
      await create(server, 't', 'db', `stream|from()|${scale}|httpOut('o')`)
      await server.write('m v=9 2\nm v=5 3\nm v=6 5\nm v=6 13\nm v=0 15')
      const last = await server.until(async () => {
        const rows = await page(server, 't')
        return String(rows[0]?.[0]).endsWith('15Z') ? rows : undefined
      }, 'the last event')
      expect(last).toEqual([['1970-01-01T00:00:15Z', 2, 6]])
      expect(replicas).toBe(2)
      expect((await nodeStats(server, 't')).swarm_autoscale2).toMatchObject({
        increase_events: 2,
        decrease_events: 2,
        cooldown_drops: 1,
        errors: 0,
      })
      const unknown = await server.json(
        'POST',
        '/tasks',
        task('bad', 'db', "stream|from()|swarmAutoscale().cluster('x').serviceName('w').replicas(lambda: 1)"),
      )
      expect(unknown.body.error).toBe(
        'cannot use the swarmAutoscale node, could not create swarm client: unknown cluster "x"',
      )
    } finally {
      await server.stop()
    }
  })
})
