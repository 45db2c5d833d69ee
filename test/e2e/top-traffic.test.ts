/**
 * The three scripts of a busy ingress (top IPs, top stores, both combined) on a real server: points over UDP and HTTP, alerts
 * in a file, at an HTTP sink, on the standard input of a program, and the counts in `show`.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, TestServer } from './server.js'
import { expectedEvents, type ModelEvent, type ModelPoint } from './top-traffic-model.js'

const startSecond = 1_611_111_060

const alert = (what: string, more: string): string => `
    |alert()
        .flapping(0.25, 0.5)
        .history(21)
        .warn(lambda: "totalCount" > 17500)
        .crit(lambda: "totalCount" > 22500)
        .message('''Observed {{ index .Fields "totalCount" }} requests to ${what} within the last minute.''')
        .stateChangesOnly(5m)${more}
`
const counts = (name: string, measurement: string, groups: string): string => `dbrp "toptraffic"."autogen"

var ${name} = stream
    |from()
        .groupBy(${groups})
        .measurement('${measurement}')
    |barrier()
        .period(1h)
        .delete(TRUE)
    |window()
        .period(1m)
        .every(5s)
        .align()
    |sum('count')
        .as('totalCount')
`

/** Three loud groups among quiet ones: they rise, stay, fall, and one of them flaps. */
function traffic(): ModelPoint[] {
  const points: ModelPoint[] = []
  for (let t = 0; t < 600; t++) {
    const second = startSecond + t
    for (let g = 0; g < 12; g++) points.push({ group: String(g), second, count: 1 + (g % 3) })
    points.push({ group: 'loud', second, count: t < 60 || t > 420 ? 2 : t < 200 ? 310 : 390 })
    points.push({ group: 'wave', second, count: t % 200 < 100 ? 400 : 2 })
    if (t % 97 === 5) points.push({ group: 'burst', second, count: 30_000 })
    if (t > 100 && t < 300 && t % 5 === 0) {
      points.push({ group: 'flap', second, count: Math.floor(t / 10) % 2 === 0 ? 25_000 : 3 })
    }
  }
  return points
}

const line = (measurement: string, p: ModelPoint): string => {
  const role = `role=ingress,uri=/path/to/some/product-${p.count}`
  const ip = `ip=10.0.0.${p.group}`
  const id = `id=12345678${p.group}`
  const tags =
    measurement === 'combined' ? `${role},${id},${ip}` : measurement === 'ips' ? `${ip},${role}` : `${id},${role}`
  return `${measurement},${tags} count=${p.count} ${p.second}000000000`
}

interface Received {
  readonly level: string
  readonly time: string
  readonly message: string
}

describe('top traffic', () => {
  let server: TestServer
  let slack: Server
  let udpPort = 0
  const slackBodies: { text: string; channel: string; attachments: { color: string; text: string }[] }[] = []
  const points = traffic()

  beforeAll(async () => {
    slack = createServer((req, res) => {
      let body = ''
      req.setEncoding('utf8').on('data', (t: string) => {
        body += t
      })
      req.on('end', () => {
        slackBodies.push(JSON.parse(body))
        res.end('ok')
      })
    }).listen(0, '127.0.0.1')
    await once(slack, 'listening')
    const address = slack.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    udpPort = await freePort()
    server = await TestServer.start({
      shards: 2,
      config: `
[[slack]]
enabled = true
url = "http://127.0.0.1:${address.port}/hook"
channel = "#alerts"
[[udp]]
enabled = true
bind-address = "127.0.0.1:${udpPort}"
database = "toptraffic"
retention-policy = "autogen"
`,
    })
    const program = join(server.dir, 'invoker.sh')
    writeFileSync(program, `#!/bin/sh\ncat >> "${server.dir}/stdin.log"\n`)
    chmodSync(program, 0o755)

    const define = async (id: string, script: string): Promise<void> => {
      const file = join(server.dir, `${id}.tick`)
      writeFileSync(file, script)
      const defined = await server.runCli(['define', id, '-tick', file])
      expect(defined).toEqual({ code: 0, stdout: '', stderr: '' })
      expect(await server.runCli(['enable', id])).toEqual({ code: 0, stdout: '', stderr: '' })
    }
    const who = '{{ index .Tags "ip" }}'
    const store = '{{ index .Tags "id" }}'
    await define(
      'top_combined',
      `${counts('streamCounts', 'combined', "'ip', 'id'")}
streamCounts${alert(`${store} for ${who}`, `.noRecoveries().slack().channel('#ops-noise').log('${server.dir}/combined-a1.log')`)}
streamCounts${alert(`${store} for ${who}`, `.exec('${program}').log('${server.dir}/combined-a2.log')`)}
streamCounts
    |httpOut('counts')
`,
    )
    await define('top_ips', `${counts('ips', 'ips', "'ip'")}\nips${alert(who, `.log('${server.dir}/ips.log')`)}`)
    await define(
      'top_stores',
      `${counts('stores', 'stores', "'id'")}\nstores${alert(store, `.noRecoveries().log('${server.dir}/stores.log')`)}`,
    )
    await send()
  })

  afterAll(async () => {
    slack.close()
    await server.stop()
  })

  const processed = async (id: string): Promise<number> => {
    const task = await server.json('GET', `/tasks/${id}`)
    const m = /stream0 -> from1 \[processed="(\d+)"/.exec(String(task.body.dot))
    return Number(m?.[1] ?? 0)
  }

  const accepted = async (): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    return Number(/^shardline_points_accepted_total (\d+)$/m.exec(text)?.[1] ?? 0)
  }

  /** The first half over UDP, in datagrams of several lines; the second half over HTTP. */
  async function send(): Promise<void> {
    const half = Math.floor(points.length / 2)
    const measurements = ['combined', 'ips', 'stores']
    const socket = createSocket('udp4')
    const first = points.slice(0, half).flatMap((p) => measurements.map((m) => line(m, p)))
    // A burst at a time, so that the kernel's buffer never decides about the result.
    const burst = 500
    for (let i = 0; i < first.length; i += 10) {
      const datagram = first.slice(i, i + 10).join('\n')
      await new Promise<void>((resolve, reject) =>
        socket.send(datagram, udpPort, '127.0.0.1', (err) => (err === null ? resolve() : reject(err))),
      )
      const sent = Math.min(i + 10, first.length)
      if (sent % burst === 0) {
        await server.until(async () => ((await accepted()) >= sent ? true : undefined), `${sent} points over UDP`)
      }
    }
    socket.close()
    for (const id of ['top_combined', 'top_ips', 'top_stores']) {
      await server.until(async () => ((await processed(id)) === half ? true : undefined), `${id} over UDP`)
    }
    const second = points.slice(half).flatMap((p) => measurements.map((m) => line(m, p)))
    for (let i = 0; i < second.length; i += 999) {
      const reply = await server.write(second.slice(i, i + 999).join('\n'), 'db=toptraffic&rp=autogen')
      expect(reply).toEqual({ status: 204, text: '' })
    }
    for (const id of ['top_combined', 'top_ips', 'top_stores']) {
      await server.until(async () => ((await processed(id)) === points.length ? true : undefined), `${id} over HTTP`)
    }
  }

  const wanted = (noRecoveries: boolean): ModelEvent[] => [...expectedEvents(points, noRecoveries).values()].flat()

  /** Events of a file as [time, level, message], sorted: the order between groups is free. */
  async function events(file: string, n: number): Promise<string[]> {
    const path = join(server.dir, file)
    return server.until(() => {
      if (!existsSync(path)) return undefined
      const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
      if (lines.length < n) return undefined
      return lines
        .map((l) => JSON.parse(l) as Received)
        .map((e) => `${e.time} ${e.level} ${e.message}`)
        .sort()
    }, `${n} events in ${file}`)
  }

  const texts = (list: readonly ModelEvent[], what: (g: string) => string): string[] =>
    list
      .map((e) => {
        const time = new Date(e.second * 1000).toISOString().replace('.000Z', 'Z')
        return `${time} ${e.level} Observed ${e.total} requests to ${what(e.group)} within the last minute.`
      })
      .sort()

  it('has events of every kind in its input', () => {
    const all = wanted(false)
    expect(new Set(all.map((e) => e.level))).toEqual(new Set(['OK', 'WARNING', 'CRITICAL']))
    expect(all.length).toBeGreaterThan(10)
    expect(wanted(true).length).toBeLessThan(all.length)
  })

  it('logs what the row-by-row rule gives, with and without recoveries', async () => {
    const both = (g: string): string => `12345678${g} for 10.0.0.${g}`
    expect(await events('combined-a1.log', wanted(true).length)).toEqual(texts(wanted(true), both))
    expect(await events('combined-a2.log', wanted(false).length)).toEqual(texts(wanted(false), both))
    expect(await events('ips.log', wanted(false).length)).toEqual(texts(wanted(false), (g) => `10.0.0.${g}`))
    expect(await events('stores.log', wanted(true).length)).toEqual(texts(wanted(true), (g) => `12345678${g}`))
  })

  it('gives the same events to the program on its standard input', async () => {
    await events('stdin.log', wanted(false).length)
    const sorted = (file: string): string[] => readFileSync(join(server.dir, file), 'utf8').split('\n').sort()
    expect(sorted('stdin.log')).toEqual(sorted('combined-a2.log'))
  })

  it('posts them to Slack', async () => {
    const n = wanted(true).length
    await server.until(() => (slackBodies.length >= n ? true : undefined), `${n} posts`)
    expect(slackBodies).toHaveLength(n)
    const colors = new Set(slackBodies.map((b) => b.attachments[0].color))
    expect(colors).toEqual(new Set(['warning', 'danger']))
    expect(new Set(slackBodies.map((b) => b.channel))).toEqual(new Set(['#ops-noise']))
  })

  it('serves the last count of every group', async () => {
    const reply = await server.json('GET', '/tasks/top_combined/counts')
    const series = reply.body.series as { tags: Record<string, string>; values: [string, number][] }[]
    const groups = new Set(points.map((p) => p.group))
    expect(series).toHaveLength(groups.size)
    const quiet = series.find((s) => s.tags.id === '123456781')
    expect(quiet?.values[0][1]).toBe(60 * 2)
  })

  it('shows the right counts', async () => {
    const shown = await server.runCli(['show', 'top_combined'])
    expect(shown.code).toBe(0)
    expect(shown.stdout).toContain(`stream0 -> from1 [processed="${points.length}"];`)
    expect(shown.stdout).toContain(`from1 -> barrier2 [processed="${points.length}"];`)
    const all = wanted(false)
    const of = (level: string): number => all.filter((e) => e.level === level).length
    expect(shown.stdout).toMatch(
      new RegExp(
        `alert5 \\[alerts_inhibited="0" alerts_triggered="${wanted(true).length}" .* crits_triggered="${of('CRITICAL')}" ` +
          `errors="0" infos_triggered="0" oks_triggered="0" warns_triggered="${of('WARNING')}" working_cardinality="16" \\];`,
      ),
    )
    expect(shown.stdout).toMatch(
      new RegExp(`alert6 \\[alerts_inhibited="0" alerts_triggered="${all.length}" .* oks_triggered="${of('OK')}" `),
    )
  })
})
