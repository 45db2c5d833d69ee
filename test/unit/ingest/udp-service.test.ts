import { createSocket } from 'node:dgram'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { dropsIn } from '../../../src/ingest/kernel-drops.js'
import { LineWriter, type Prepared } from '../../../src/ingest/line-writer.js'
import { Tables } from '../../../src/ingest/tables.js'
import { splitAddress, UdpListener, type UdpSink, type UdpStats } from '../../../src/ingest/udp-service.js'
import { type Log, silentLog } from '../../../src/log.js'
import { SlotPool } from '../../../src/transport/slots.js'
import { readPrepared } from '../../property/batch-reader.js'

// Threads run the built code.
const workerUrl = new URL('../../../dist/src/ingest/udp-receive.js', import.meta.url)
const fragileUrl = new URL('../../fixtures/fragile-receiver.mjs', import.meta.url)
const client = createSocket('udp4')
const open: UdpListener[] = []

beforeAll(() => client.unref())
afterEach(async () => {
  delete process.env.SHARDLINE_TEST_STAYS_DOWN
  for (const l of open.splice(0)) await l.close()
})

class Sink implements UdpSink {
  readonly pool = new SlotPool({ slots: 8, slotBytes: 1 << 16 })
  readonly tables = new Tables()
  readonly writer = new LineWriter({ pool: this.pool, tables: this.tables, shards: 1 })
  readonly lines: string[] = []
  room = true
  /** Of one publication. */
  failure: Error | null = null
  refused = 0
  private waiting: (() => void)[] = []
  private watch: (() => void) | null = null

  constructor() {
    const partition = { kind: 'tags', tags: ['t'] } as const
    this.tables.setRoutes([{ id: 1, db: 'udp', rp: 'rp', measurement: null, partition }], () => ['v'])
  }

  publish(prepared: Prepared): boolean {
    const { failure } = this
    this.failure = null
    if (failure !== null) throw failure
    if (!this.room) {
      this.refused++
      this.watch?.()
      return false
    }
    this.lines.push(...readPrepared(this.pool, prepared, 1).map((r) => r.line))
    this.writer.published(prepared)
    this.writer.discard(prepared)
    this.watch?.()
    return true
  }

  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  giveRoom(): void {
    this.room = true
    for (const w of this.waiting.splice(0)) w()
  }

  nowNs(): bigint {
    return 42n
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      await new Promise<void>((resolve) => {
        this.watch = resolve
      })
    }
  }
}

async function listen(
  sink: UdpSink,
  more: { buffer?: number; readBufferBytes?: number; workerUrl?: URL; log?: Log } = {},
): Promise<UdpListener> {
  const listener = await UdpListener.open(
    {
      bindAddress: '127.0.0.1:0',
      database: 'udp',
      retentionPolicy: 'rp',
      buffer: more.buffer ?? 1000,
      readBufferBytes: more.readBufferBytes ?? 0,
      workerUrl: more.workerUrl ?? workerUrl,
      restartTimes: { firstPauseMs: 5, longestPauseMs: 40, healthyMs: 60_000, patience: 5 },
    },
    sink,
    more.log ?? silentLog,
  )
  open.push(listener)
  return listener
}

function send(listener: UdpListener, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.send(body, listener.port, '127.0.0.1', (err) => (err ? reject(err) : resolve()))
  })
}

it('datagrams arrive as batches; a bad line drops its own datagram only', async () => {
  const sink = new Sink()
  const listener = await listen(sink, { readBufferBytes: 262144 })
  expect(listener.readBufferBytes).toBeGreaterThan(0)
  await send(listener, 'm,t=a v=1 1\nm,t=b v=2 2')
  await send(listener, 'm,t=c v=3 3\nbad')
  await send(listener, 'm,t=d v=4')
  await sink.until(() => sink.lines.length >= 3)
  expect(sink.lines).toEqual(['m,t=a v=1 1', 'm,t=b v=2 2', 'm,t=d v=4'])
  const stats = await listener.currentStats()
  expect(stats).toMatchObject({ datagramsRx: 3, pointsRx: 3, pointsTx: 3, pointsParseFail: 1, shedDatagrams: 0 })
  expect(stats.bytesRx).toBe(23 + 15 + 9)
  expect(sink.tables.ingress()).toEqual([{ db: 'udp', rp: 'rp', measurement: 'm', points: 3 }])
})

it('without room datagrams wait in the ring, which sheds the oldest', async () => {
  const sink = new Sink()
  sink.room = false
  const listener = await listen(sink, { buffer: 16 })
  for (let i = 0; i < 40; i++) await send(listener, `m,t=a v=1 ${i}`)
  await sink.until(() => sink.refused > 0)
  let stats = await listener.currentStats()
  while (stats.datagramsRx < 40) {
    await new Promise((resolve) => setImmediate(resolve))
    stats = await listener.currentStats()
  }
  sink.giveRoom()
  while (stats.shedDatagrams + sink.lines.length < 40) {
    await new Promise((resolve) => setImmediate(resolve))
    stats = await listener.currentStats()
  }
  expect(stats.shedDatagrams + sink.lines.length).toBe(40)
  // 16, but for those that came while the oldest was being read.
  expect(sink.lines.length).toBeGreaterThan(0)
  expect(sink.lines.length).toBeLessThanOrEqual(16)
  const numbers = sink.lines.map((l) => Number(l.split(' ')[2]))
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  expect(numbers[0]).toBeGreaterThan(0)
  expect(sink.pool.freeSlots()).toBe(sink.pool.slots)
})

it('close takes in what has arrived', async () => {
  const sink = new Sink()
  const listener = await listen(sink)
  for (let i = 0; i < 200; i++) await send(listener, `m,t=a v=1 ${i}`)
  let stats = await listener.currentStats()
  while (stats.datagramsRx < 200) {
    await new Promise((resolve) => setImmediate(resolve))
    stats = await listener.currentStats()
  }
  await listener.close()
  expect(sink.lines).toEqual(Array.from({ length: 200 }, (_, i) => `m,t=a v=1 ${i}`))
})

/** Asks until the answer fits. */
async function statsWhen(listener: UdpListener, fits: (s: UdpStats) => boolean): Promise<UdpStats> {
  for (;;) {
    const stats = await listener.currentStats()
    if (fits(stats)) return stats
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

describe('a receiving thread that dies', () => {
  it('gets a successor at the same address, and what it had received is written', async () => {
    const sink = new Sink()
    const listener = await listen(sink, { workerUrl: fragileUrl })
    const { port } = listener
    sink.room = false
    for (let i = 0; i < 20; i++) await send(listener, `m,t=a v=1 ${i}`)
    await statsWhen(listener, (s) => s.datagramsRx === 20)
    await send(listener, 'die')
    await statsWhen(listener, (s) => s.receiverRestarts === 1)
    expect(listener.port).toBe(port)
    for (let i = 20; i < 30; i++) await send(listener, `m,t=a v=1 ${i}`)
    const waiting = await statsWhen(listener, (s) => s.datagramsRx === 30)
    expect(waiting).toMatchObject({ receiving: 1, receiverRestarts: 1, waiting: 30, shedDatagrams: 0 })
    sink.giveRoom()
    await sink.until(() => sink.lines.length >= 30)
    expect(sink.lines).toEqual(Array.from({ length: 30 }, (_, i) => `m,t=a v=1 ${i}`))
    await send(listener, 'die')
    await statsWhen(listener, (s) => s.receiverRestarts === 2)
    expect(await statsWhen(listener, (s) => s.waiting === 0)).toMatchObject({ pointsTx: 30, datagramsRx: 30 })
  })

  it('again and again is tried at longer and longer intervals, until it comes back', async () => {
    const pauses: unknown[] = []
    const log: Log = { ...silentLog, error: (_msg, keys) => pauses.push(keys?.['restart-in']), with: () => log }
    const sink = new Sink()
    const listener = await listen(sink, { workerUrl: fragileUrl, log })
    process.env.SHARDLINE_TEST_STAYS_DOWN = '1'
    await send(listener, 'die')
    const down = await statsWhen(listener, () => pauses.length >= 6)
    expect(pauses.slice(0, 6)).toEqual(['0ms', '5ms', '10ms', '20ms', '40ms', '40ms'])
    expect(down).toMatchObject({ receiving: 0, receiverRestarts: 0 })
    delete process.env.SHARDLINE_TEST_STAYS_DOWN
    await statsWhen(listener, (s) => s.receiving === 1)
    await send(listener, 'm,t=a v=1 1')
    await sink.until(() => sink.lines.length === 1)
  })

  it('does not keep a listener from closing', async () => {
    const listener = await listen(new Sink(), { workerUrl: fragileUrl })
    process.env.SHARDLINE_TEST_STAYS_DOWN = '1'
    await send(listener, 'die')
    await statsWhen(listener, (s) => s.receiving === 0)
    await listener.close()
    expect(await listener.currentStats()).toMatchObject({ receiving: 0, waiting: 0 })
  })
})

it('datagrams that cannot be published are counted and do not stop the listener', async () => {
  const sink = new Sink()
  const listener = await listen(sink)
  sink.failure = new Error('stumbled')
  await send(listener, 'm,t=a v=1 1')
  await statsWhen(listener, (s) => s.txFail === 1)
  await send(listener, 'm,t=a v=1 2')
  await sink.until(() => sink.lines.length === 1)
  expect(sink.lines).toEqual(['m,t=a v=1 2'])
  expect(await listener.currentStats()).toMatchObject({ txFail: 1, pointsTx: 1, waiting: 0 })
})

it('an address in use is an error with the address in it', async () => {
  const first = await listen(new Sink())
  const opts = { database: 'd', retentionPolicy: '', buffer: 10, readBufferBytes: 0, workerUrl }
  const second = UdpListener.open({ ...opts, bindAddress: `127.0.0.1:${first.port}` }, new Sink(), silentLog)
  await expect(second).rejects.toThrow(`listen udp 127.0.0.1:${first.port}: bind EADDRINUSE`)
})

it('addresses', () => {
  expect(splitAddress(':9100')).toEqual({ host: '0.0.0.0', port: 9100 })
  expect(splitAddress('[::1]:9100')).toEqual({ host: '::1', port: 9100 })
  expect(splitAddress('localhost:1')).toEqual({ host: '127.0.0.1', port: 1 })
  for (const bad of ['9100', 'host:', 'host:x', 'host:70000'])
    expect(() => splitAddress(bad)).toThrow('invalid bind address')
})

it('drops are read from the socket that is bound to the address', () => {
  const head =
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops'
  const row = (local: string, drops: number): string =>
    `  100: ${local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 100 2 0000000000000000 ${drops}`
  const text = [head, row('0100007F:238C', 7), row('00000000:238C', 9), row('0100007F:238D', 11), ''].join('\n')
  expect(dropsIn(text, '127.0.0.1', 9100)).toBe(7)
  expect(dropsIn(text, '0.0.0.0', 9100)).toBe(9)
  expect(dropsIn(text, null, 9100)).toBe(16)
})
