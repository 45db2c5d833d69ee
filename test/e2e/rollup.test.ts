/**
 * Interface counters rolled up to daily means of their derivatives, through clears and rolls of the counters: posted as
 * JSON and written back as line protocol, against a recalculation of every series.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handledPoints, script } from './scripts.js'
import { TestServer } from './server.js'
import { Sink } from './sink.js'

const pollSeconds = 150
const day = 86_400
/** Noon, so that the first day is a half one. */
const startSecond = 1_491_825_600 + day / 2
const days = 3

interface Poll {
  readonly second: number
  readonly octets: readonly [number, number]
}

const hosts = ['10.0.0.1', '10.0.0.2', 'core\\ switch']
const interfaces = ['eth0', 'eth1', 'Gi1/0/1']

/** Cumulative counters; some are cleared, one rolls over at 2^32, one host is silent for a while. */
function polls(series: number): Poll[] {
  const list: Poll[] = []
  let octets: [number, number] = [series * 1e6, 2 ** 32 - 1_000_000 * (series + 1)]
  for (let i = 0; i * pollSeconds < days * day; i++) {
    const rate = 1000 * (series + 1) + ((i * 37) % 211)
    octets = [octets[0] + rate * pollSeconds, (octets[1] + 2 * rate * pollSeconds) % 2 ** 32]
    if (i % 400 === 100 + series) octets = [0, octets[1]]
    if (series === 4 && i > 500 && i < 1100) continue
    list.push({ second: startSecond + i * pollSeconds, octets })
  }
  return list
}

/** [end of the day, mean] of each day that a later value closes. */
function dailyMeans(list: readonly Poll[], which: 0 | 1): [number, number][] {
  const rates = list.slice(1).flatMap((p, i): [number, number][] => {
    const rate = (p.octets[which] - list[i].octets[which]) / (p.second - list[i].second)
    return rate < 0 ? [] : [[p.second, rate]]
  })
  const means: [number, number][] = []
  let open: number[] = []
  let end = 0
  for (const [second, rate] of rates) {
    const itsEnd = second - (second % day) + day
    if (end !== 0 && itsEnd !== end) {
      means.push([end, open.reduce((a, b) => a + b, 0) / open.length])
      open = []
    }
    end = itsEnd
    open.push(rate)
  }
  return means
}

describe('rollup', () => {
  let server: TestServer
  let sink: Sink
  const all = hosts.flatMap((host, h) =>
    interfaces.map((name, i) => ({ host, name, polls: polls(h * interfaces.length + i) })),
  )

  beforeAll(async () => {
    sink = await Sink.start()
    server = await TestServer.start({
      shards: 2,
      config: `[[influxdb]]\nenabled = true\ndefault = true\nname = "default"\nurls = ["${sink.url}"]\ndisable-subscriptions = true`,
    })
    const file = join(server.dir, 'rollup.tick')
    writeFileSync(file, script('rollup', { 'http://telegraf:8186': sink.url }))
    expect(await server.runCli(['define', 'rollup', '-tick', file])).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await server.runCli(['enable', 'rollup'])).toEqual({ code: 0, stdout: '', stderr: '' })
    const lines = all.flatMap((s) =>
      s.polls.map((p) => ({
        second: p.second,
        text: `interface,agent_host=${s.host},ifDescr=${s.name} ifInOctets=${p.octets[0]}i,ifOutOctets=${p.octets[1]}i ${p.second}`,
      })),
    )
    lines.sort((a, b) => a.second - b.second)
    for (let i = 0; i < lines.length; i += 5000) {
      const body = lines
        .slice(i, i + 5000)
        .map((l) => l.text)
        .join('\n')
      expect(await server.write(body, 'db=telegraf&rp=autogen&precision=s')).toEqual({ status: 204, text: '' })
    }
    await server.until(
      async () => ((await handledPoints(server.url, 'rollup')) === lines.length ? true : undefined),
      'all points',
    )
  })
  afterAll(async () => {
    await server.stop()
    await sink.close()
  })

  const wanted = (which: 0 | 1): { where: string; second: number; mean: number }[] =>
    all
      .flatMap((s) =>
        dailyMeans(s.polls, which).map(([second, mean]) => ({
          where: `${s.host.replace('\\ ', ' ')} ${s.name}`,
          second,
          mean,
        })),
      )
      .sort(byPlace)
  const byPlace = (a: { where: string; second: number }, b: { where: string; second: number }): number =>
    a.where === b.where ? a.second - b.second : a.where < b.where ? -1 : 1

  function same(got: { where: string; second: number; mean: number }[], which: 0 | 1): void {
    const want = wanted(which)
    expect(got.map((g) => [g.where, g.second])).toEqual(want.map((w) => [w.where, w.second]))
    // The order in which a window's panes are added may differ from the recalculation's.
    for (const [i, g] of got.entries()) expect(g.mean / want[i].mean).toBeCloseTo(1, 12)
  }

  it('posts one mean per interface and day', async () => {
    const bodies = await server.until(() => {
      const list = sink.at('/daily')
      return list.length >= wanted(0).length ? list : undefined
    }, 'the posts')
    const got = bodies.map((b) => {
      const [series] = JSON.parse(b).series as [{ tags: Record<string, string>; values: [[string, number]] }]
      const [[time, mean]] = series.values
      return { where: `${series.tags.agent_host} ${series.tags.ifDescr}`, second: Date.parse(time) / 1000, mean }
    })
    same(got.sort(byPlace), 0)
  })

  it('writes the others back as points', async () => {
    const lines = await server.until(() => {
      const writes = sink.requests.filter((r) => r.path === '/write' && r.query.get('db') === 'longterm')
      const lines = writes.flatMap((r) => r.body.split('\n').filter(Boolean))
      return lines.length >= wanted(1).length ? lines : undefined
    }, 'the writes')
    const got = lines.map((l) => {
      const m = /^interface_daily,agent_host=(.*),ifDescr=(\S+) out_mean=(\S+) (\d+)000000000$/.exec(l)
      if (m === null) throw new Error(`not as expected: ${l}`)
      return { where: `${m[1].replace('\\ ', ' ')} ${m[2]}`, second: Number(m[4]), mean: Number(m[3]) }
    })
    same(got.sort(byPlace), 1)
  })

  it("answers the thread's own script with the rate of every series", async () => {
    const file = join(server.dir, 'derivative.tick')
    writeFileSync(file, script('derivative'))
    await server.runCli(['define', 'rates', '-tick', file, '-dbrp', 'db.rp'])
    expect(await server.runCli(['enable', 'rates'])).toEqual({ code: 0, stdout: '', stderr: '' })
    const values = [100, 400, 50, 80]
    await server.write(values.map((v, i) => `m,h=a,i=1 value=${v}i ${i * 10 + 10}`).join('\n'))
    await server.write(values.map((v, i) => `m,h=a,i=2 value=${v * 2} ${i * 10 + 10}`).join('\n'))
    const rates = await server.until(async () => {
      const { body } = await server.json('GET', '/tasks/rates/rates')
      const series = body.series as { tags: Record<string, string>; values: [string, number][] }[] | null
      const latest = series?.map((s) => [s.tags.i, ...s.values[0]]).sort()
      return latest?.length === 2 && latest.every((s) => s[1] === '1970-01-01T00:00:40Z') ? latest : undefined
    }, 'the rates')
    expect(rates.map((r) => r[2])).toEqual([3, 6])
    const shown = (await server.runCli(['show', 'rates'])).stdout
    // Eight points; the first and the cleared one of each series give nothing.
    expect(shown).toContain('from1 -> derivative2 [processed="8"];')
    expect(shown).toContain('derivative2 -> http_out3 [processed="4"];')
  })
})
