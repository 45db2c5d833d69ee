/** The UDP input of the real server: its counters under several readers, and the death of its thread. */
import { createSocket } from 'node:dgram'
import { afterEach, expect, it } from 'vitest'
import { freePort, TestServer, taskBody } from './server.js'

const preload = new URL('../fixtures/fragile-thread.mjs', import.meta.url).href
const client = createSocket('udp4')
client.unref()
let server: TestServer

async function start(): Promise<{ port: number; send: (text: string) => Promise<void> }> {
  const port = await freePort()
  server = await TestServer.start({
    config: `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${port}"\ndatabase = "db"\nretention-policy = "rp"`,
    env: { NODE_OPTIONS: `--import ${preload}` },
  })
  const send = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      client.send(text, port, '127.0.0.1', (err) => (err ? reject(err) : resolve()))
    })
  return { port, send }
}

const scrape = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text()
const value = (metrics: string, name: string): number =>
  Number(new RegExp(`^shardline_udp_${name}\\{bind="[^"]*"\\} (\\S+)$`, 'm').exec(metrics)?.[1])
const until = (name: string, wanted: number): Promise<unknown> =>
  server.until(async () => (value(await scrape(), name) === wanted ? true : undefined), `${name} of ${wanted}`)

afterEach(async () => {
  expect(await server.stop()).toBe(0)
})

it('scrapes that come together all see the same counters', async () => {
  const { send } = await start()
  for (let i = 0; i < 50; i++) await send(`m v=${i}`)
  await until('datagrams_total', 50)
  for (let round = 0; round < 5; round++) {
    const texts = await Promise.all(Array.from({ length: 8 }, scrape))
    for (const name of ['datagrams_total', 'points_received_total', 'points_published_total']) {
      expect(texts.map((text) => value(text, name))).toEqual(Array(8).fill(50))
    }
    const vars = await Promise.all(Array.from({ length: 4 }, () => server.json('GET', '/debug/vars')))
    for (const { body } of vars) expect(JSON.stringify(body)).toContain('"points_rx":50')
  }
})

it('a thread that dies is replaced, which metrics and stats show', async () => {
  const { send } = await start()
  await server.json('POST', '/tasks', taskBody('t'))
  await send('m v=1i 1')
  await until('points_published_total', 1)
  expect((await server.runCli(['stats', 'ingress'])).stdout).not.toContain('UDP')
  await send('die')
  await until('receiver_restarts_total', 1)
  await until('receiving', 1)
  await send('m v=2i 2')
  await until('points_published_total', 2)
  expect(value(await scrape(), 'datagrams_total')).toBe(2)
  expect(server.logs).toMatch(
    /lvl=error msg="UDP receiver failed" service=udp err="killed by a datagram" bind=\S+ restart-in=0ms/,
  )
  expect((await server.runCli(['stats', 'ingress'])).stdout).toMatch(
    /\nThe UDP listener at 127\.0\.0\.1:\d+ receives again: its thread was restarted 1 times, see the log\.\n$/,
  )
})
