/**
 * Scripts that ask for far too much, sent to a real server while it is pinged: each is answered, with what it asks for or with an
 * error that has a code, and no ping waits longer than 250 ms for the main thread.
 *
 * The time in which the system gave the processors to others is not main's: it is taken from what a ping took.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

const longestPingMs = 250
const seed = 20_261

/** Marsaglia's xorshift; numbers from `min` to `max`. */
function randomOf(start: number): (min: number, max: number) => number {
  let state = start
  return (min, max) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return min + ((state >>> 0) % (max - min + 1))
  }
}

const random = randomOf(seed)
const huge = (): string => '9'.repeat(random(7, 18))
const times = (n: number, text: (i: number) => string): string => Array.from({ length: n }, (_, i) => text(i)).join('')
const data = "var data = stream|from().measurement('m').groupBy('h')\n"
const windowed = `${data}data|window().period(1m).every(1m)`

/** By name; what is sent to define. */
const scripts: Readonly<Record<string, string>> = {
  combine: `${data}data|combine(${times(5, () => 'lambda: TRUE,').slice(0, -1)}).as('a','b','c','d','e').max(100000000)`,
  movingAverage: `${windowed}|movingAverage('v', ${random(1_000_000, 2_000_000)})`,
  'movingAverage of too many': `${windowed}|movingAverage('v', ${huge()})`,
  top: `${windowed}|top(${huge()}, 'v')`,
  bottom: `${windowed}|bottom(${huge()}, 'v', 'h')`,
  periodCount: `${data}data|window().periodCount(${huge()}).everyCount(1)|median('v')`,
  history: `${data}data|alert().crit(lambda: "v" > 1).flapping(0.1, 0.5).history(${huge()})`,
  holtWinters: `${windowed}|holtWinters('v', ${random(1000, 99_999)}, ${random(2, 2000)}, 1s)`,
  'holtWinters of too many': `${windowed}|holtWinters('v', ${huge()}, ${huge()}, 1s)`,
  'every 1ns': `var e = 1u / 1000\n${data}data|window().period(${random(1, 520)}w).every(e)|sum('v')`,
  'every 1u in rows': `${data}data|window().period(${random(1, 520)}w).every(1u).align().fillPeriod()`,
  'barriers and stats each 1u': `${data}data|barrier().period(1u)|window().period(1h).every(1u)\ndata|stats(1u)|log()`,
  'doubling strings': `var a0 = 'x'\n${times(40, (i) => `var a${i + 1} = a${i} + a${i}\n`)}${data}data|log()`,
  'doubling lists': `var a0 = ['x']\n${times(40, (i) => `var a${i + 1} = [a${i}, a${i}]\n`)}${data}data|groupBy(a40)`,
  'doubling lambdas': `var a0 = lambda: "x" > 1\n${times(40, (i) => `var a${i + 1} = lambda: a${i} AND a${i}\n`)}${data}data|where(a40)`,
  'many large lambdas': `var a0 = lambda: "x" > 1\n${times(14, (i) => `var a${i + 1} = lambda: a${i} OR a${i}\n`)}${data}data${times(random(200, 400), () => '|where(a14)')}`,
  'regular expression of nested repetitions': `${data}data|where(lambda: "s" =~ /((a{1,30}){1,30}b?){1,30}/)`,
  'long regular expression': `${data}data|where(lambda: "s" =~ /${times(random(20_000, 40_000), () => '(a|b)*')}/)`,
  'many regular expressions': `${data}data${times(random(300, 600), () => '|where(lambda: "s" =~ /(x{1,30}){1,30}/)')}`,
  'regular expression of a long string': `var a0 = 'x'\n${times(17, (i) => `var a${i + 1} = a${i} + a${i}\n`)}var b = '' + regexReplace(/(x|y){0,900}z/, a17, 'q')\n${data}data|log()`,
  'deep nesting': `${data}data|where(lambda: ${'('.repeat(random(190, 100_000))}"v"`,
  'deep chain of operators': `${data}data|where(lambda: ${times(random(2000, 20_000), () => '"v" + ')}1 > 2)`,
  'as many nodes as there may be': `${data}data${times(1990, () => '|where(lambda: "v" > 1)')}`,
  'more nodes than there may be': `${data}data${times(random(3000, 20_000), () => '|where(lambda: "v" > 1)')}`,
  'each node another tag': `${data}data${times(1900, (i) => `|groupBy('t${i}')`)}|sum('v')`,
  'each node writes a tag': `${data}data${times(1900, (i) => `|eval(lambda: 'a').as('t${i}').tags('t${i}').keep()`)}|groupBy(*)|sum('v')`,
  'many vars': `${times(random(20_000, 40_000), (i) => `var v${i} = ${i} + 1\n`)}${data}data|log()`,
  'too long': `${data}data|log()\n${'// nothing\n'.repeat(200_000)}`,
  'a template that calls itself': `${data}data|alert().crit(lambda: TRUE).message('{{ define "x" }}{{ template "x" }}{{ template "x" }}{{ end }}{{ template "x" }}')`,
  'templates that call each other twice': `${data}data|alert().crit(lambda: TRUE).details('${times(60, (i) => `{{ define "x${i + 1}" }}{{ template "x${i}" . }}{{ template "x${i}" . }}{{ end }}`)}{{ define "x0" }}x{{ end }}{{ template "x60" . }}')`,
  'nested template': `${data}data|alert().crit(lambda: TRUE).id('${'{{ if true }}'.repeat(random(1000, 20_000))}')`,
  'wide numbers in templates': `${data}data|alert().crit(lambda: TRUE).message('{{ printf "%${huge()}d" 1 }}{{ printf "%.${huge()}f" 1.0 }}')`,
}

/** Its rows double with each union: from the second point on, without end. */
const endless = `var s0 = stream|from().measurement('m')\n${times(60, (i) => `var s${i + 1} = s${i}|union(s${i}, s${i})\n`)}s60|where(lambda: "v" < 0)|log()`

/** Time in which a process's first thread was ready to run and did not; 0 where the system does not tell. */
function waitedMs(pid: number | 'self'): number {
  const id = pid === 'self' ? process.pid : pid
  try {
    return Number(readFileSync(`/proc/${id}/task/${id}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/** Pings as long as it is open, one after the other. */
class Pinger {
  longestMs = 0
  count = 0
  private open = true
  private readonly done: Promise<void>

  constructor(private readonly server: TestServer) {
    this.done = this.run()
  }

  async close(): Promise<void> {
    this.open = false
    await this.done
  }

  private async run(): Promise<void> {
    const pid = this.server.child.pid!
    while (this.open) {
      const others = waitedMs(pid) + waitedMs('self')
      const start = performance.now()
      const reply = await fetch(`${this.server.url}/kapacitor/v1/ping`)
      expect(reply.status).toBe(204)
      const tookMs = performance.now() - start - (waitedMs(pid) + waitedMs('self') - others)
      this.longestMs = Math.max(this.longestMs, tookMs)
      this.count++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

describe('expensive scripts', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.start({ config: '[task]\nscript-timeout = "3s"' })
  })
  afterAll(() => server.stop())

  /** The answer to a request; one that is refused has a code. */
  async function ask(method: string, path: string, body?: unknown): Promise<number> {
    const reply = await fetch(`${server.url}/kapacitor/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await reply.text()
    // Too large a body, and with node:http too long a URL, are answered without one.
    if (reply.status >= 400 && reply.status !== 413 && reply.status !== 431) {
      expect({ path, text, code: reply.headers.get('x-shardline-error') }).toEqual({
        path,
        text: expect.stringContaining('"error"'),
        code: expect.stringMatching(/^[a-z-]+$/),
      })
    }
    return reply.status
  }

  /** While `requests` are made no ping waits for long. */
  async function responsive(requests: () => Promise<void>): Promise<void> {
    const pinger = new Pinger(server)
    try {
      await requests()
    } finally {
      await pinger.close()
    }
    expect(pinger.count).toBeGreaterThan(0)
    expect(pinger.longestMs).toBeLessThan(longestPingMs)
    expect(server.child.exitCode).toBeNull()
  }

  it.each(Object.entries(scripts))('%s', async (_name, script) => {
    await responsive(async () => {
      const defined = await ask('POST', '/tasks', taskBody('t', { script, status: 'disabled' }))
      if (defined === 200) {
        await ask('GET', '/tasks/t?explain=json')
        await ask('GET', '/tasks/t')
        const enabled = await ask('PATCH', '/tasks/t', { status: 'enabled' })
        if (enabled === 200) expect((await server.write('m,h=a v=1,s="x" 1\nm,h=a v=2 100')).status).toBe(204)
        expect(await ask('DELETE', '/tasks/t')).toBe(204)
      }
      await ask('POST', '/templates', { id: 'p', script })
      await ask('GET', '/templates')
      await ask('DELETE', '/templates/p')
    })
  })

  it('bodies that are no requests, and patterns of lists', async () => {
    await responsive(async () => {
      await ask('POST', '/tasks', `{"vars": ${'['.repeat(500_000)}${']'.repeat(500_000)}}`)
      await ask('POST', '/tasks', taskBody('t', { script: 'x'.repeat(3 << 20) }))
      await ask('POST', '/tasks', taskBody('t', { script: '\n"\\'.repeat(1 << 19) }))
      for (const pattern of ['*a'.repeat(4000), `[${'a-z'.repeat(4000)}]*`, '[', '?'.repeat(15_000)]) {
        await ask('GET', `/tasks?pattern=${encodeURIComponent(pattern)}`)
      }
    })
  })

  it('a task whose rows double without end is stopped with an error, its shard goes on', async () => {
    await ask('POST', '/tasks', taskBody('other', { script: "stream|from().measurement('n')|httpOut('o')" }))
    await responsive(async () => {
      expect(await ask('POST', '/tasks', taskBody('endless', { script: endless }))).toBe(200)
      expect((await server.write('m v=1 1\nm v=2 2\nm v=3 3')).status).toBe(204)
      const error = await server.until(
        async () => {
          const { body } = await server.json('GET', '/tasks/endless')
          return body.executing === false ? body.error : undefined
        },
        'the failure of the task',
        60_000,
      )
      expect(error).toMatch(/^\w+: what follows from one chunk of points takes more than 8s$/)
      expect(await ask('DELETE', '/tasks/endless')).toBe(204)
    })
    expect((await server.write('n v=1 1')).status).toBe(204)
    await server.until(async () => {
      const { body } = await server.json('GET', '/tasks/other/o')
      return Array.isArray(body.series) && body.series.length > 0 ? true : undefined
    }, 'the page of the other task')
  })
})
