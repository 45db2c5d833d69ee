/**
 * A real server: the built daemon as a process of its own, with a temporary directory, a free loopback port and collected
 * logs. `npm test` builds first.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const root = resolve(import.meta.dirname, '../..')
/** Another build may be tested, for example while this one is being made again. */
const dist = process.env.SHARDLINE_TEST_DIST ?? join(root, 'dist')
const daemon = join(dist, 'src/daemon.js')
const cli = join(dist, 'src/cli.js')

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export interface ServerOptions {
  readonly implementation?: 'uws' | 'node'
  readonly shards?: number
  /** Appended to the configuration file. */
  readonly config?: string
  readonly env?: Record<string, string>
  readonly args?: readonly string[]
  /** A directory of an earlier server, to start again with its state. */
  readonly dir?: string
}

export interface ProcessResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class TestServer {
  logs = ''
  private constructor(
    readonly dir: string,
    readonly port: number,
    readonly child: ChildProcess,
    private readonly ownsDir: boolean,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.logs += text
      })
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'shardline-e2e-'))
    const port = await freePort()
    const file = join(dir, 'shardline.conf')
    writeFileSync(
      file,
      `hostname = "localhost"
data_dir = ${JSON.stringify(dir)}
[http]
bind-address = "127.0.0.1:${port}"
server = "${options.implementation ?? 'uws'}"
[engine]
shards = ${options.shards ?? 1}
shard-memory = "96mb"
slots = 16
[logging]
file = "STDOUT"
level = "DEBUG"
${options.config?.includes('[replay]') ? '' : `[replay]\ndir = ${JSON.stringify(join(dir, 'replay'))}`}
${options.config ?? ''}
`,
    )
    const child = spawn(process.execPath, [daemon, '-config', file, ...(options.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TZ: 'UTC', ...options.env },
    })
    const server = new TestServer(dir, port, child, options.dir === undefined)
    await server.untilListening()
    return server
  }

  private async untilListening(): Promise<void> {
    const deadline = Date.now() + 20_000
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break
      try {
        if ((await fetch(`${this.url}/kapacitor/v1/ping`)).status > 0) return
      } catch (err) {
        if (!(err instanceof TypeError)) throw err
      }
      await sleep(25)
    }
    this.child.kill('SIGKILL')
    throw new Error(`the server does not listen:\n${this.logs}`)
  }

  /** Asks it to end; gives the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal)
      await once(this.child, 'close')
    }
    if (this.ownsDir) rmSync(this.dir, { recursive: true, force: true })
    return this.child.exitCode
  }

  /** As a crash does. The directory stays for the next start. */
  async crash(): Promise<void> {
    this.child.kill('SIGKILL')
    await once(this.child, 'close')
  }

  async json(method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const reply = await fetch(`${this.url}/kapacitor/v1${path}`, {
      method,
      ...(text === undefined ? {} : { body: text }),
    })
    const answer = await reply.text()
    return { status: reply.status, body: answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>) }
  }

  async write(lines: string, query = 'db=db&rp=rp&precision=s'): Promise<{ status: number; text: string }> {
    const reply = await fetch(`${this.url}/write?${query}`, { method: 'POST', body: lines })
    return { status: reply.status, text: await reply.text() }
  }

  /** Repeats `probe` until it gives something. */
  async until<T>(probe: () => Promise<T | undefined> | T | undefined, what: string, withinMs = 20_000): Promise<T> {
    const deadline = Date.now() + withinMs
    for (;;) {
      const found = await probe()
      if (found !== undefined) return found
      if (Date.now() > deadline) throw new Error(`${what} did not happen; logs:\n${this.tail()}`)
      await sleep(20)
    }
  }

  /** The end of the log, without the requests of those who wait. */
  private tail(): string {
    const lines = this.logs.split('\n').filter((l) => !/msg="http request".* method=GET .* status=200 /.test(l))
    return lines.slice(-60).join('\n')
  }

  runCli(args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> {
    return run(cli, args, { KAPACITOR_URL: this.url, ...env })
  }
}

export const runDaemon = (args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> =>
  run(daemon, args, env)
export const runCli = (args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> =>
  run(cli, args, env)

async function run(file: string, args: readonly string[], env: Record<string, string>): Promise<ProcessResult> {
  const { KAPACITOR_URL: _url, ...inherited } = process.env
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, TZ: 'UTC', ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}

export const passScript = "stream|from().measurement('m')|httpOut('o')"

export const taskBody = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  id,
  type: 'stream',
  dbrps: [{ db: 'db', rp: 'rp' }],
  script: passScript,
  status: 'enabled',
  ...more,
})
