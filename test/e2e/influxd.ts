/** A real InfluxDB 1.x as a process of its own, where the machine has one (Debian's package `influxdb`). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './server.js'

/** Why tests that need it cannot run, or '' when they can. */
export const noInfluxd: string = spawnSync('influxd', ['version']).error === undefined ? '' : 'influxd is not installed'

export class Influxd {
  private constructor(
    private readonly dir: string,
    readonly port: number,
    private child: ChildProcess,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  static async start(): Promise<Influxd> {
    const dir = mkdtempSync(join(tmpdir(), 'influxd-'))
    const port = await freePort()
    const rpc = await freePort()
    writeFileSync(
      join(dir, 'influxdb.conf'),
      `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
dir = "${dir}/meta"
[data]
dir = "${dir}/data"
wal-dir = "${dir}/wal"
[http]
bind-address = "127.0.0.1:${port}"
log-enabled = false
[logging]
level = "error"
`,
    )
    const influxd = new Influxd(dir, port, spawnIn(dir))
    await influxd.untilUp()
    return influxd
  }

  /** Rows of the first series of a statement's result, times in ns. */
  async query(q: string, db = ''): Promise<unknown[][]> {
    const reply = await fetch(`${this.url}/query?${new URLSearchParams({ q, db, epoch: 'ns' })}`, { method: 'POST' })
    const text = await reply.text()
    if (!reply.ok) throw new Error(text)
    // Integers beyond 2^53 stay text.
    const exact = text.replace(/([[,:])(-?\d{16,})(?=[,\]}])/g, '$1"$2"')
    const { results } = JSON.parse(exact) as { results: { error?: string; series?: { values: unknown[][] }[] }[] }
    if (results[0].error !== undefined) throw new Error(results[0].error)
    return results[0].series?.[0].values ?? []
  }

  /** Ends the process; the data stay. */
  async pause(): Promise<void> {
    this.child.kill('SIGTERM')
    await once(this.child, 'exit')
  }

  async resume(): Promise<void> {
    this.child = spawnIn(this.dir)
    await this.untilUp()
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.pause()
    rmSync(this.dir, { recursive: true, force: true })
  }

  private async untilUp(): Promise<void> {
    const deadline = Date.now() + 20_000
    for (;;) {
      const up = await fetch(`${this.url}/ping`).then(
        (r) => r.status === 204,
        () => false,
      )
      if (up) return
      if (Date.now() > deadline || this.child.exitCode !== null) throw new Error('influxd does not start')
      await sleep(50)
    }
  }
}

function spawnIn(dir: string): ChildProcess {
  return spawn('influxd', ['-config', join(dir, 'influxdb.conf')], { stdio: 'ignore' })
}
