/**
 * How long the event loop of main is held up by what a server does: a real server in a process of its own, one phase after the
 * other, with as many alerting groups as there are. `max` and `p99` are of the phase alone, without the distance of the timer
 * that measures.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Progress, record, Table } from './report.js'

export interface DelayOptions {
  readonly groups: number
  readonly shards: number
  /** Of the phases that write as fast as they can. */
  readonly seconds: number
}

const linesPerBody = 5000
const writers = 3
/** Of the timer whose delay the server measures. */
const timerMs = 10

const script = `stream
    |from()
        .measurement('m')
        .groupBy('id')
    |alert()
        .id('{{ index .Tags "id" }}')
        .crit(lambda: "v" > 0)
        .details('')
        .topic('shared')
        .log('/dev/null')
`

class BenchServer {
  private constructor(
    private readonly dir: string,
    private readonly url: string,
    private readonly child: ReturnType<typeof spawn>,
  ) {}

  static async start(shards: number): Promise<BenchServer> {
    const dir = mkdtempSync(join(tmpdir(), 'shardline-delay-'))
    const port = await freePort()
    const lines = [
      `data_dir = ${JSON.stringify(dir)}`,
      `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false`,
      `[engine]\nshards = ${shards}\nshard-memory = "512mb"`,
      '[logging]\nfile = "STDERR"\nlevel = "ERROR"',
      `[replay]\ndir = ${JSON.stringify(join(dir, 'replay'))}`,
    ]
    const file = join(dir, 'shardline.conf')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const daemon = fileURLToPath(new URL('../src/daemon.js', import.meta.url))
    const child = spawn(process.execPath, [daemon, '-config', file], { stdio: 'ignore' })
    const server = new BenchServer(dir, `http://127.0.0.1:${port}`, child)
    const until = performance.now() + 30_000
    while (!(await server.answers())) {
      if (child.exitCode !== null || performance.now() > until) throw new Error('the server does not start')
      await sleep(50)
    }
    return server
  }

  async api(method: string, path: string, body?: unknown): Promise<void> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const reply = await fetch(`${this.url}/kapacitor/v1${path}`, init)
    await reply.arrayBuffer()
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status}`)
  }

  define(id: string): Promise<void> {
    const dbrps = [{ db: 'db', rp: 'rp' }]
    return this.api('POST', '/tasks', { id, type: 'stream', dbrps, script, status: 'enabled' })
  }

  async write(body: Uint8Array): Promise<void> {
    const reply = await fetch(`${this.url}/write?db=db&rp=rp`, { method: 'POST', body: new Uint8Array(body) })
    await reply.arrayBuffer()
  }

  /** As fast as it takes them. */
  async flood(bodies: readonly Uint8Array[], seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1000
    let next = 0
    const writer = async (): Promise<void> => {
      while (performance.now() < until) await this.write(bodies[next++ % bodies.length] ?? new Uint8Array())
    }
    await Promise.all(Array.from({ length: writers }, writer))
  }

  /** Since it was last asked, ms. */
  async delay(): Promise<{ readonly p99: number; readonly max: number }> {
    const text = await (await fetch(`${this.url}/metrics`)).text()
    const value = (name: string): number => {
      const found = new RegExp(`^shardline_nodejs_eventloop_lag_${name}_seconds (.*)$`, 'm').exec(text)
      return Math.max(0, Number(found?.[1]) * 1000 - timerMs)
    }
    return { p99: value('p99'), max: value('max') }
  }

  async stop(): Promise<void> {
    this.child.kill()
    if (this.child.exitCode === null) await once(this.child, 'exit')
    rmSync(this.dir, { recursive: true, force: true })
  }

  private async answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/kapacitor/v1/ping`)).status === 204
    } catch {
      return false
    }
  }
}

export async function runDelay({ groups, shards, seconds }: DelayOptions, progress: Progress): Promise<void> {
  const table = new Table(
    `Delay of main, ${groups.toLocaleString('en-US')} alerting groups, ${shards} shard(s)`,
    ['phase', 'p99 ms', 'max ms'],
    ['every group changes its level, saturated', '10000.0', '10000.0'],
    progress,
  )
  const server = await BenchServer.start(shards)
  try {
    const phase = async (name: string, work: () => Promise<void>): Promise<void> => {
      progress.show(name)
      await server.delay()
      await work()
      const { p99, max } = await server.delay()
      table.row([name, p99.toFixed(1), max.toFixed(1)])
      record('delay', { phase: name, groups, shards, p99Ms: p99, maxMs: max })
    }
    const alerting = bodiesOf(groups, 1)
    const calm = bodiesOf(groups, 0)
    await server.define('a')
    await phase('every group changes its level, saturated', () => server.flood([...alerting, ...calm], seconds))
    for (const body of alerting) await server.write(body)
    await phase('every group keeps its level, saturated', () => server.flood(alerting, seconds))
    await phase('a second task with these states is enabled', () => server.define('b'))
    await phase('events of the topic are listed', () => server.api('GET', '/alerts/topics/shared/events'))
    await phase('it is deleted', () => server.api('DELETE', '/tasks/b'))
    await phase('the first is deleted while it is written to', async () => {
      const flooding = server.flood([...alerting, ...calm], 3)
      await sleep(500)
      await server.api('DELETE', '/tasks/a')
      await flooding
    })
    await phase('the topic is deleted', () => server.api('DELETE', '/alerts/topics/shared'))
    await phase('100,000 measurements that nobody reads', async () => {
      for (let i = 0; i < 100_000; i += linesPerBody) await server.write(linesOf(linesPerBody, (k) => `x${i + k} v=1`))
    })
    await phase('statistics of them', () => server.api('GET', '/debug/vars'))
  } finally {
    await server.stop()
  }
}

function linesOf(n: number, line: (i: number) => string): Uint8Array {
  return new TextEncoder().encode(Array.from({ length: n }, (_, i) => line(i)).join('\n'))
}

function bodiesOf(groups: number, v: number): Uint8Array[] {
  const bodies: Uint8Array[] = []
  for (let g = 0; g < groups; g += linesPerBody)
    bodies.push(linesOf(Math.min(linesPerBody, groups - g), (i) => `m,id=host-${g + i} v=${v}`))
  return bodies
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
