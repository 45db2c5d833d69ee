/**
 * Clients that do what they like: bodies of all sizes, cut heads and bodies, wrong lengths, several requests at once, leaving
 * at any moment. The server lives, holds nothing of theirs afterwards, and logs no mistake of its own.
 */
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { TestServer } from '../e2e/server.js'
import { implementations } from '../unit/http/serve.js'

const clients = 20
const requestsEach = 25

const line = 'm,a=x v=1 1\n'
const bodies: readonly (Uint8Array | null)[] = [
  null,
  null,
  ...[100, 60_000, 300_000, 1_900_000, 3_000_000].map((n) => Buffer.from(line.repeat(Math.ceil(n / line.length)))),
  gzipSync(line.repeat(40_000)),
  gzipSync(Buffer.alloc(8 << 20)),
]
const methods = ['GET', 'POST', 'POST', 'POST', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'BREW']
const paths = [
  '/write?db=d',
  '/write?db=d',
  '/kapacitor/v1/write?db=d&precision=constructor',
  '/kapacitor/v1/ping',
  '/kapacitor/v1/tasks',
  '/kapacitor/v1/debug/vars',
  '/kapacitor/v1preview/logs',
  '/kapacitor//v1/ping',
  '/metrics',
  '/nope',
]

/** The same numbers in each run. */
class Dice {
  constructor(private state: number) {}

  below(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.state / 2 ** 32) * n)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  oneIn(n: number): boolean {
    return this.below(n) === 0
  }
}

function request(dice: Dice): Buffer {
  const head = [`${dice.pick(methods)} ${dice.pick(paths)} HTTP/1.1`, 'Host: x']
  if (dice.oneIn(3)) head.push('Accept-Encoding: gzip')
  if (dice.oneIn(5)) head.push('Content-Encoding: gzip')
  const body = dice.pick(bodies)
  const parts: Uint8Array[] = []
  if (body !== null && dice.oneIn(4)) {
    head.push('Transfer-Encoding: chunked')
    parts.push(Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n'))
  } else if (body !== null) {
    head.push(`Content-Length: ${dice.oneIn(10) ? body.length + 50 : body.length}`)
    parts.push(body)
  }
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), ...parts])
}

async function connection(port: number, dice: Dice): Promise<void> {
  const socket = createConnection(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // Whatever the server makes of it.
  socket.on('error', () => undefined)
  socket.resume()
  if (dice.oneIn(20)) socket.pause()
  const all = Buffer.concat(Array.from({ length: 1 + dice.below(3) }, () => request(dice)))
  const end = dice.oneIn(3) ? dice.below(all.length) : all.length
  for (let at = 0; at < end; ) {
    const size = dice.pick([20_000, 65_536, 1_000_000])
    socket.write(all.subarray(at, Math.min(end, at + size)))
    at += size
    if (dice.oneIn(8)) await sleep(dice.below(30))
  }
  await sleep(dice.below(50))
  if (dice.oneIn(3)) socket.resetAndDestroy()
  else socket.destroy()
  await closed
}

it.each(implementations)('nothing is left of wild clients, over %s', { timeout: 120_000 }, async (implementation) => {
  const server = await TestServer.start({
    implementation,
    env: {
      SHARDLINE_HTTP_BODY_TIMEOUT: '1s',
      SHARDLINE_ENGINE_WAITING_BYTES: '1mb',
      SHARDLINE_ENGINE_WRITE_TIMEOUT: '500ms',
      SHARDLINE_ENGINE_MAX_BODY_SIZE: '2mb',
      SHARDLINE_LOGGING_LEVEL: 'ERROR',
    },
  })
  const run = async (seed: number): Promise<void> => {
    const dice = new Dice(seed)
    for (let i = 0; i < requestsEach; i++) await connection(server.port, dice)
  }
  await Promise.all(Array.from({ length: clients }, (_, i) => run(i + 1)))
  const metrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text()
  const isIdle = (text: string): boolean =>
    ['http_body_bytes', 'http_bodies_waiting', 'slots_in_use'].every((name) => text.includes(`\nshardline_${name} 0\n`))
  await server.until(async () => (isIdle(await metrics()) ? true : undefined), 'the end of all requests', 60_000)
  expect((await server.write(line)).status).toBe(204)
  expect(await server.stop()).toBe(0)
  expect(server.logs).not.toContain('lvl=error')
})
