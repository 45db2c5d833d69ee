/**
 * The stream scripts of the original's getting-started guide, as its reader types them: the threshold, the quotes, the
 * running mean, and the services of datacenters with every handler.
 */
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { handledPoints, script } from './scripts.js'
import { type ProcessResult, TestServer } from './server.js'

interface AlertData {
  readonly id: string
  readonly message: string
  readonly time: string
  readonly duration: number
  readonly level: string
  readonly previousLevel: string
  readonly data: { series: { name: string; tags?: Record<string, string>; columns: string[]; values: unknown[][] }[] }
}

const quiet = { code: 0, stdout: '', stderr: '' }
const startSecond = 1_500_000_000
const iso = (second: number): string => new Date(second * 1000).toISOString().replace('.000Z', 'Z')

/** What the script's `sigma` gives for each value in turn. */
function sigmas(values: readonly number[]): number[] {
  let n = 0
  let mean = 0
  let m2 = 0
  return values.map((x) => {
    n++
    const d = x - mean
    mean += d / n
    m2 += d * (x - mean)
    const variance = n < 2 ? 0 : m2 / (n - 1)
    return variance === 0 ? 0 : Math.abs(x - mean) / Math.sqrt(variance)
  })
}

describe('getting started', () => {
  let server: TestServer
  let sink: Server
  let sinkPort = 0
  let log = ''
  let turn = 0
  const posts: { path: string; body: Record<string, unknown> }[] = []

  beforeAll(async () => {
    sink = createServer((req, res) => {
      let body = ''
      req.setEncoding('utf8').on('data', (t: string) => {
        body += t
      })
      req.on('end', () => {
        posts.push({ path: req.url ?? '', body: JSON.parse(body) as Record<string, unknown> })
        res.end('ok')
      })
    }).listen(0, '127.0.0.1')
    await once(sink, 'listening')
    const address = sink.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    sinkPort = address.port
    server = await TestServer.start({
      shards: 2,
      // PagerDuty and VictorOps stay as they are in a new configuration: not enabled.
      config: `
[[slack]]
enabled = true
url = "http://127.0.0.1:${sinkPort}/slack"
`,
      env: { KAPACITOR_DEFAULT_RETENTION_POLICY: 'autogen' },
    })
  })
  afterAll(async () => {
    sink.close()
    await server.stop()
  })
  beforeEach(() => {
    log = join(server.dir, `alerts-${++turn}.log`)
  })

  const cli = (...args: string[]): Promise<ProcessResult> => server.runCli(args)

  function tick(name: string, replace: Record<string, string>): string {
    const file = join(server.dir, `${name}.tick`)
    writeFileSync(file, script(name, replace))
    return file
  }

  const events = (n: number): Promise<AlertData[]> =>
    server.until(() => {
      if (!existsSync(log)) return n === 0 ? [] : undefined
      const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean)
      return lines.length < n ? undefined : lines.map((l) => JSON.parse(l) as AlertData)
    }, `${n} alerts`)

  const processed = async (id: string, n: number): Promise<void> => {
    await server.until(
      async () => ((await handledPoints(server.url, id)) === n ? true : undefined),
      `${n} points of ${id}`,
    )
  }

  const write = async (lines: readonly string[], db = 'kapacitor_example'): Promise<void> => {
    expect(await server.write(lines.join('\n'), `db=${db}&precision=s`)).toEqual({ status: 204, text: '' })
  }
  const cpu = (idle: number, second: number): string => `cpu,cpu=cpu-total,host=server1 usage_idle=${idle} ${second}`

  it('alerts on a threshold, tells what it does, and takes a new script', async () => {
    const file = tick('cpu_alert', { '/tmp/alerts.log': log })
    const defined = await cli(
      ...['define', 'cpu_alert', '-type', 'stream', '-tick', file],
      ...['-dbrp', 'kapacitor_example.autogen'],
    )
    expect(defined).toEqual(quiet)
    // Defined is not enabled: nothing happens yet.
    await write([cpu(10, startSecond)])
    expect((await cli('show', 'cpu_alert')).stdout).toContain('Status: disabled\nExecuting: false\n')
    expect(await cli('enable', 'cpu_alert')).toEqual(quiet)

    const idles = [95, 69.9, 40, 70, 99, 12.5]
    await write(idles.map((v, i) => cpu(v, startSecond + 1 + i)))
    const got = await events(4)
    expect(got.map((e) => [e.time, e.level, e.previousLevel, e.duration / 1e9])).toEqual([
      [iso(startSecond + 2), 'CRITICAL', 'OK', 0],
      [iso(startSecond + 3), 'CRITICAL', 'CRITICAL', 1],
      [iso(startSecond + 4), 'OK', 'CRITICAL', 2],
      [iso(startSecond + 6), 'CRITICAL', 'OK', 0],
    ])
    expect(got[0]).toMatchObject({ id: 'cpu:nil', message: 'cpu:nil is CRITICAL' })
    expect(got[0].data.series).toEqual([
      {
        name: 'cpu',
        tags: { cpu: 'cpu-total', host: 'server1' },
        columns: ['time', 'usage_idle'],
        values: [[iso(startSecond + 2), 69.9]],
      },
    ])

    const shown = (await cli('show', 'cpu_alert')).stdout
    expect(shown).toContain('Databases Retention Policies: ["kapacitor_example"."autogen"]\n')
    expect(shown).toContain('        // Whenever we get an alert write it to a file.\n')
    expect(shown).toContain('from1 -> alert2 [processed="6"];')
    expect(shown).toMatch(/alert2 \[alerts_inhibited="0" alerts_triggered="4" .* crits_triggered="3" errors="0" /)

    // "really sensitive": the same task with another script, reloaded because it is enabled.
    writeFileSync(file, script('cpu_alert', { '/tmp/alerts.log': log, '<  70': '< 100' }))
    expect(await cli('define', 'cpu_alert', '-tick', file)).toEqual(quiet)
    await write([cpu(99, startSecond + 10)])
    expect((await events(5))[4]).toMatchObject({ time: iso(startSecond + 10), level: 'CRITICAL' })
    expect(await cli('delete', 'tasks', 'cpu_alert')).toEqual(quiet)
  })

  it('tries a task on what it has recorded, before it is enabled', async () => {
    const file = tick('cpu_alert', { '/tmp/alerts.log': log })
    expect(await cli('define', 'cpu_alert', '-tick', file, '-dbrp', 'kapacitor_example.autogen')).toEqual(quiet)
    const recorded = cli('record', 'stream', '-task', 'cpu_alert', '-duration', '20s')
    await server.until(async () => {
      const { body } = await server.json('GET', '/recordings')
      return (body.recordings as { status: string }[]).some((r) => r.status === 'running') ? true : undefined
    }, 'the recording')
    // The time of the points counts: the first one beyond the twenty seconds ends it.
    const now = Math.floor(Date.now() / 1000)
    await write([90, 60, 80, 10].map((idle, i) => cpu(idle, now + i)))
    await write([`mem,host=server1 free=1 ${now + 1}`, cpu(5, now + 120)])
    const { code, stdout } = await recorded
    expect(code).toBe(0)
    const rid = stdout.trim()
    expect((await cli('list', 'recordings', rid)).stdout).toMatch(
      /^ID +Type +Status +Size +Date.*\n\S+ stream +finished +\d+ B /,
    )

    const replayed = async (): Promise<void> => {
      expect((await cli('replay', '-recording', rid, '-task', 'cpu_alert')).code).toBe(0)
    }
    await replayed()
    const levels = (list: readonly AlertData[]): string[] => list.map((e) => e.level)
    expect(levels(await events(3))).toEqual(['CRITICAL', 'OK', 'CRITICAL'])
    writeFileSync(file, script('cpu_alert', { '/tmp/alerts.log': log, '<  70': '< 100' }))
    expect(await cli('define', 'cpu_alert', '-tick', file)).toEqual(quiet)
    await replayed()
    // The second replay knows nothing of the levels of the first.
    expect(levels((await events(7)).slice(3))).toEqual(['CRITICAL', 'CRITICAL', 'CRITICAL', 'CRITICAL'])
    expect((await cli('list', 'tasks')).stdout).toMatch(/cpu_alert stream +disabled +false/)
    expect(await cli('delete', 'tasks', 'cpu_alert')).toEqual(quiet)
  })

  it('takes the same as a batch task', async () => {
    const file = tick('cpu_alert_batch', { '/tmp/alerts.log': log })
    const defined = await cli(
      ...['define', 'batch_cpu_alert', '-type', 'batch', '-tick', file],
      ...['-dbrp', 'kapacitor_example.autogen'],
    )
    expect(defined).toEqual(quiet)
    expect((await cli('list', 'tasks')).stdout).toMatch(/batch_cpu_alert batch +disabled +false/)
    expect(await cli('delete', 'tasks', 'batch_cpu_alert')).toEqual(quiet)
  })

  it('tells a field from a string by its quotes', async () => {
    for (const name of ['quotes_double', 'quotes_single']) {
      expect(await cli('define', name, '-tick', tick(name, {}), '-dbrp', 'telegraf.autogen')).toEqual(quiet)
      expect(await cli('enable', name)).toEqual(quiet)
    }
    await write(
      ['server1', 'server2', 'server1'].map((h, i) => `cpu,host=${h} usage_idle=${i} ${startSecond + i}`),
      'telegraf',
    )
    await processed('quotes_double', 3)
    await processed('quotes_single', 3)
    expect((await server.json('GET', '/tasks/quotes_double/data')).body.series).toBeNull()
    expect((await server.json('GET', '/tasks/quotes_single/data')).body.series).toEqual([
      { name: 'cpu', tags: { host: 'server1' }, columns: ['time', 'usage_idle'], values: [[iso(startSecond + 2), 2]] },
    ])
    // There is no field "server1": each point is an error that `show` counts, and says so.
    expect((await cli('show', 'quotes_double')).stdout).toMatch(/from1 \[.* errors="3" /)
    expect((await cli('show', 'quotes_single')).stdout).toMatch(/from1 \[.* errors="0" /)
    expect(await cli('delete', 'tasks', 'quotes_*')).toEqual(quiet)
  })

  it('compares with the running mean and deviation', async () => {
    const file = tick('cpu_sigma', { '/tmp/alerts.log': log })
    await cli('define', 'cpu_alert', '-tick', file, '-dbrp', 'kapacitor_example.autogen')
    expect(await cli('enable', 'cpu_alert')).toEqual(quiet)
    const idles = Array.from({ length: 60 }, (_, i) => (i === 30 || i === 31 || i === 50 ? 5 : 90 + ((i * 7) % 5)))
    const loud = sigmas(idles).map((s) => s > 3)
    // An event while it is loud, and one for each recovery.
    const wanted = idles.flatMap((_, i) =>
      loud[i] ? [[iso(startSecond + i), 'CRITICAL']] : loud[i - 1] ? [[iso(startSecond + i), 'OK']] : [],
    )
    expect(wanted.length).toBeGreaterThanOrEqual(4)
    await write(idles.map((v, i) => cpu(v, startSecond + i)))
    await processed('cpu_alert', idles.length)
    expect((await events(wanted.length)).map((e) => [e.time, e.level])).toEqual(wanted)
    await cli('delete', 'tasks', 'cpu_alert')
  })

  it('watches the 95th percentile of each service and tells everybody', async () => {
    const program = join(server.dir, 'custom_alert_handler.sh')
    const told = join(server.dir, 'told.log')
    writeFileSync(program, `#!/bin/sh\ncat >> "${told}"\n`)
    chmodSync(program, 0o755)
    const file = tick('cpu_by_service', {
      '/tmp/alerts.log': log,
      'https://alerthandler.example.com': `http://127.0.0.1:${sinkPort}/post`,
      '/bin/custom_alert_handler.sh': program,
    })
    expect(await cli('define', 'cpu_alert', '-tick', file, '-dbrp', 'kapacitor_example.autogen')).toEqual(quiet)
    expect(await cli('enable', 'cpu_alert')).toEqual(quiet)

    const minutes = 40
    const perMinute = 20
    const at = startSecond - (startSecond % 60)
    const lines: string[] = []
    const used: Record<string, number[][]> = { 'web/dc1': [], 'web/dc2': [], 'db/dc1': [] }
    for (let m = 0; m <= minutes; m++) {
      for (const values of Object.values(used)) values.push([])
      for (let i = 0; i < perMinute; i++) {
        const second = at + m * 60 + i * 3
        for (const [where, values] of Object.entries(used)) {
          const loud = where === 'db/dc1' && m === 30
          const idle = loud ? 2 : 80 + ((m * 13 + i * 7) % 10)
          values[m].push(100 - idle)
          const [service, datacenter] = where.split('/')
          lines.push(`cpu,datacenter=${datacenter},host=h${i},service=${service} usage_idle=${idle} ${second}`)
        }
      }
    }
    await write(lines)
    await processed('cpu_alert', lines.length)

    const wanted: string[] = []
    for (const [where, values] of Object.entries(used)) {
      // The last minute stays open.
      const p95 = values.slice(0, minutes).map((v) => v.sort((a, b) => a - b)[Math.floor(v.length * 0.95 + 0.5) - 1])
      let previous = 'OK'
      sigmas(p95).forEach((s, m) => {
        const level = s > 3 ? 'CRITICAL' : s > 2.5 ? 'WARNING' : 'OK'
        if (level !== 'OK' || previous !== 'OK') wanted.push(`cpu/${where} is ${level} cpu-95th:${p95[m]}`)
        previous = level
      })
    }
    expect(wanted.some((t) => t.includes('CRITICAL'))).toBe(true)
    const messages = (list: readonly { message: string }[]): string[] => list.map((e) => e.message).sort()
    expect(messages(await events(wanted.length))).toEqual(wanted.sort())

    const lists = await server.until(() => {
      const of = (path: string): Record<string, unknown>[] => posts.filter((p) => p.path === path).map((p) => p.body)
      const all = [of('/post'), of('/slack')]
      return all.every((l) => l.length >= wanted.length) ? all : undefined
    }, 'the posts')
    expect(messages(lists[0] as unknown as AlertData[])).toEqual(wanted)
    expect(lists[1].map((b) => b.channel)).toEqual(wanted.map(() => '#alerts'))
    const stdin = await server.until(() => {
      const lines = existsSync(told) ? readFileSync(told, 'utf8').split('\n').filter(Boolean) : []
      return lines.length >= wanted.length ? lines.map((l) => JSON.parse(l) as AlertData) : undefined
    }, 'the program')
    expect(messages(stdin)).toEqual(wanted)
    await cli('delete', 'tasks', 'cpu_alert')
  })
})
