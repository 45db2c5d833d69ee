/** The demo's server: the real daemon as a child process on free ports in a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the server holds is given up, so it need not be waited for. */
const stopMs = 5000

const daemon = fileURLToPath(new URL('../daemon.js', import.meta.url))

/** What the view shows, at one moment. Counters since the start. */
export interface Sample {
  readonly atMs: number
  readonly accepted: number
  readonly delivered: number
  readonly processed: number
  readonly groups: number
  readonly dropped: Readonly<Record<string, number>>
  readonly shed: number
  readonly shards: readonly { shard: number; stateBytes: number; budgetBytes: number; ringEntries: number }[]
  readonly evictedGroups: number
  readonly rssBytes: number
  /** Alert messages that have fired since the last sample, `LEVEL message`. */
  readonly alerts: readonly string[]
}

export class DemoServer {
  /** How the process ended, null while it runs. */
  exited: string | null = null
  private alertOffset = 0

  private constructor(
    readonly directory: string,
    readonly url: string,
    readonly udpPort: number,
    private readonly child: ChildProcess,
  ) {
    child.once('exit', (code, signal) => {
      this.exited = signal ?? `exit code ${code}`
    })
  }

  get alertLog(): string {
    return path.join(this.directory, 'alerts.log')
  }

  static async start(): Promise<DemoServer> {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'shardline-demo-'))
    const httpPort = await freeTcpPort()
    const udpPort = await freeUdpPort()
    const config = path.join(directory, 'shardline.conf')
    writeFileSync(
      config,
      [
        `hostname = "localhost"`,
        `data_dir = "${directory}"`,
        `[http]\nbind-address = "127.0.0.1:${httpPort}"\nlog-enabled = false`,
        `[logging]\nfile = "${directory}/server.log"`,
        `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${udpPort}"\ndatabase = "toptraffic"\nretention-policy = "autogen"`,
        `read-buffer = 26214400\n`,
      ].join('\n'),
    )
    // A process group of its own: Ctrl-C in the terminal is for the demo, which then stops the server.
    const errors = openSync(path.join(directory, 'stderr.log'), 'w')
    const child = spawn(process.execPath, [daemon, '-config', config], {
      stdio: ['ignore', 'ignore', errors],
      detached: true,
    })
    closeSync(errors)
    const server = new DemoServer(directory, `http://127.0.0.1:${httpPort}`, udpPort, child)
    try {
      await server.listening()
    } catch (err) {
      await server.stop()
      throw err
    }
    return server
  }

  async define(id: string, script: string): Promise<void> {
    const res = await fetch(`${this.url}/kapacitor/v1/tasks`, {
      method: 'POST',
      body: JSON.stringify({ id, script, status: 'enabled' }),
    })
    if (!res.ok) throw new Error(`the task was refused: ${await res.text()}`)
  }

  async sample(task: string): Promise<Sample> {
    const res = await fetch(`${this.url}/metrics`)
    const metrics = parseMetrics(await res.text())
    const one = (name: string, labels: Record<string, string> = {}): number =>
      metrics.filter((m) => m.name === name && matches(m.labels, labels)).reduce((sum, m) => sum + m.value, 0)
    const dropped: Record<string, number> = {}
    for (const m of metrics) {
      if (m.name === 'shardline_task_points_dropped_total' && m.labels.task === task) dropped[m.labels.reason] = m.value
    }
    return {
      atMs: Date.now(),
      accepted: one('shardline_points_accepted_total'),
      delivered: one('shardline_task_points_delivered_total', { task }),
      processed: one('shardline_task_points_processed_total', { task }),
      groups: one('shardline_task_groups', { task }),
      dropped,
      shed: one('shardline_udp_datagrams_shed_total') + one('shardline_udp_kernel_drops_total'),
      shards: metrics
        .filter((m) => m.name === 'shardline_shard_state_bytes')
        .map((m) => {
          const shard = m.labels.shard
          return {
            shard: Number(shard),
            stateBytes: m.value,
            budgetBytes: one('shardline_shard_budget_bytes', { shard }),
            ringEntries: one('shardline_shard_ring_entries', { shard }),
          }
        }),
      evictedGroups: one('shardline_shard_evicted_groups_total'),
      rssBytes: one('shardline_process_resident_memory_bytes'),
      alerts: this.newAlerts(),
    }
  }

  async stop(): Promise<void> {
    if (this.exited === null) {
      const gone = new Promise((resolve) => this.child.once('exit', resolve))
      this.child.kill('SIGTERM')
      const late = setTimeout(() => this.child.kill('SIGKILL'), stopMs)
      await gone
      clearTimeout(late)
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  private async listening(): Promise<void> {
    const deadline = Date.now() + 20_000
    while (Date.now() < deadline) {
      if (this.exited !== null) throw new Error(`the server did not start: ${this.exited}\n${this.logTail()}`)
      const up = await fetch(`${this.url}/kapacitor/v1/ping`).then(
        (r) => r.status === 204,
        () => false,
      )
      if (up) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('the server did not answer within 20 s')
  }

  private newAlerts(): string[] {
    if (!existsSync(this.alertLog)) return []
    const size = statSync(this.alertLog).size
    if (size <= this.alertOffset) return []
    const buffer = Buffer.alloc(size - this.alertOffset)
    const fd = openSync(this.alertLog, 'r')
    const read = readSync(fd, buffer, 0, buffer.length, this.alertOffset)
    closeSync(fd)
    const text = buffer.toString('utf8', 0, read)
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    this.alertOffset += Buffer.byteLength(whole)
    return whole
      .split('\n')
      .filter((l) => l !== '')
      .map((l) => {
        const event = JSON.parse(l) as { level: string; message: string }
        return `${event.level.padEnd(8)} ${event.message}`
      })
  }

  /** The last lines of the server's log, for a failure. */
  logTail(): string {
    return ['server.log', 'stderr.log']
      .map((name) => path.join(this.directory, name))
      .map((file) => (existsSync(file) ? readFileSync(file, 'utf8').slice(-2000) : ''))
      .join('')
  }
}

interface Metric {
  readonly name: string
  readonly labels: Record<string, string>
  readonly value: number
}

function parseMetrics(text: string): Metric[] {
  const out: Metric[] = []
  for (const line of text.split('\n')) {
    const m = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)
    if (m === null) continue
    const labels: Record<string, string> = {}
    for (const l of (m[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[l[1]] = l[2]
    out.push({ name: m[1], labels, value: Number(m[3]) })
  }
  return out
}

function matches(have: Record<string, string>, want: Record<string, string>): boolean {
  return Object.entries(want).every(([k, v]) => have[k] === v)
}

function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const s = createServer()
    s.once('error', reject)
    s.listen(0, '127.0.0.1', () => {
      const address = s.address()
      s.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const s = createSocket('udp4')
    s.once('error', reject)
    s.bind(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })
}
