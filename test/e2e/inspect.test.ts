/** `[engine] inspect-port`: a debugger reaches the thread of each shard. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { WebSocket } from 'undici'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort, TestServer, taskBody } from './server.js'

let server: TestServer
let port: number
beforeAll(async () => {
  port = await freePair()
  server = await TestServer.start({ shards: 2, config: '', env: { SHARDLINE_ENGINE_INSPECT_PORT: String(port) } })
})
afterAll(() => server.stop())

/** The first of two free ports that follow each other. */
async function freePair(): Promise<number> {
  for (;;) {
    const first = await freePort()
    const probe = createServer().listen(first + 1, '127.0.0.1')
    const isFree = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ])
    probe.close()
    if (isFree) return first
  }
}

/** As much of the DevTools protocol as is needed. */
class Debugger {
  private next = 1
  readonly events: { method: string; params: Record<string, unknown> }[] = []
  private readonly answers = new Map<number, (result: Record<string, unknown>) => void>()

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as {
        id?: number
        method?: string
        result?: Record<string, unknown>
        params?: Record<string, unknown>
      }
      if (message.id !== undefined) this.answers.get(message.id)?.(message.result ?? {})
      else if (message.method !== undefined) this.events.push({ method: message.method, params: message.params ?? {} })
    })
  }

  static async connect(url: string): Promise<Debugger> {
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Debugger(socket)
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.next++
    return new Promise((resolve) => {
      this.answers.set(id, resolve)
      this.socket.send(JSON.stringify({ id, method, params }))
    })
  }

  /** The files of the functions that it is stopped in. */
  stack(): string[] {
    const paused = this.events.find((e) => e.method === 'Debugger.paused')?.params.callFrames
    const frames = paused as { location: { scriptId: string } }[]
    const urlOf = (id: string): string => String(this.events.find((e) => e.params.scriptId === id)?.params.url ?? '')
    return frames.map((f) => urlOf(f.location.scriptId))
  }

  async close(): Promise<void> {
    const closed = once(this.socket as never, 'close')
    this.socket.close()
    await closed
  }
}

const target = async (shard: number): Promise<string> => {
  const list = (await (await fetch(`http://127.0.0.1:${port + shard}/json`)).json()) as {
    webSocketDebuggerUrl: string
  }[]
  return list[0].webSocketDebuggerUrl
}

it('stops the shards while the server answers, and lets them go on', async () => {
  expect(await target(1)).toContain(String(port + 1))
  const script = "stream|from().measurement('m')|where(lambda: \"v\" > 1)|httpOut('o')"
  await server.json('POST', '/tasks', taskBody('t', { script }))
  const debuggers = [await Debugger.connect(await target(0)), await Debugger.connect(await target(1))]
  for (const d of debuggers) {
    await d.send('Debugger.enable')
    expect(d.events.some((e) => /\/shard\/worker\.js$/.test(String(e.params.url)))).toBe(true)
    await d.send('Debugger.pause')
  }
  await server.until(
    () => (debuggers.every((d) => d.events.some((e) => e.method === 'Debugger.paused')) ? true : undefined),
    'both shards are stopped',
  )
  expect((await server.write('m v=5 1')).status).toBe(204)
  expect((await fetch(`${server.url}/kapacitor/v1/ping`)).status).toBe(204)
  const stacks = debuggers.map((d) => d.stack())
  for (const d of debuggers) {
    await d.send('Debugger.disable')
    await d.close()
  }
  for (const stack of stacks) expect(stack).toContainEqual(expect.stringMatching(/\/shard\/loop\.js$/))
  await server.until(async () => {
    const page = await server.json('GET', '/tasks/t/o')
    return JSON.stringify(page.body).includes('5') ? true : undefined
  }, 'the point that was written meanwhile')
})
