import { describe, expect, test } from 'vitest'
import { BodyGate } from '../../../src/api/body-gate.js'
import { BodyPool } from '../../../src/api/body-pool.js'
import { BodyReader } from '../../../src/api/body-reader.js'
import { BodyTooLarge, RequestAborted } from '../../../src/api/http.js'

class Socket {
  paused = false
  pause(): void {
    this.paused = true
  }
  resume(): void {
    this.paused = false
  }
}

const bytes = (n: number, value = 1): Uint8Array => new Uint8Array(n).fill(value)

describe('the gate', () => {
  test('admits in order of arrival while lengths fit, the rest is paused', () => {
    const gate = new BodyGate(100)
    const sockets = Array.from({ length: 4 }, () => new Socket())
    const readers = [60, 60, 30, 10].map((n, i) => new BodyReader(gate, n, sockets[i]!, 1000))
    expect(sockets.map((s) => s.paused)).toEqual([false, true, true, true])
    expect([gate.heldBytes, gate.waitingRequests]).toEqual([60, 3])
    readers[0]!.release()
    expect(sockets.map((s) => s.paused)).toEqual([false, false, false, false])
    for (const r of readers) r.release()
    expect([gate.heldBytes, gate.waitingRequests]).toEqual([0, 0])
  })

  test('what paused sockets had already delivered cannot lock it', () => {
    const gate = new BodyGate(100)
    const sockets = Array.from({ length: 4 }, () => new Socket())
    const readers = sockets.map((socket) => new BodyReader(gate, 80, socket, 1000))
    for (const r of readers) r.push(bytes(40), false)
    for (const [i, r] of readers.entries()) {
      expect(sockets[i]!.paused).toBe(false)
      r.release()
    }
    expect(gate.heldBytes).toBe(0)
  })

  test('one request larger than the cap is admitted alone', () => {
    const gate = new BodyGate(10)
    const [large, small] = [new Socket(), new Socket()]
    const first = new BodyReader(gate, 500, large, 1000)
    const second = new BodyReader(gate, 1, small, 1000)
    expect([large.paused, small.paused]).toEqual([false, true])
    first.abort()
    expect(small.paused).toBe(false)
    second.release()
    second.release()
    expect(gate.heldBytes).toBe(0)
  })
})

describe('a body', () => {
  const reader = (declared: number, hardLimit = 1000) =>
    new BodyReader(new BodyGate(10_000), declared, new Socket(), hardLimit)

  test.each([0, 6, 10])('is put together from chunks whose memory is reused (%i bytes declared)', async (declared) => {
    const r = reader(declared)
    const chunk = bytes(3, 1)
    r.push(chunk, true)
    chunk.fill(2)
    r.push(chunk, true)
    chunk.fill(9)
    r.end()
    expect([...(await r.read(100))]).toEqual([1, 1, 1, 2, 2, 2])
  })

  test('beyond the limit it fails, before the rest has come', async () => {
    await expect(reader(2000).read(5000)).rejects.toBeInstanceOf(BodyTooLarge)
    await expect(reader(500).read(100)).rejects.toBeInstanceOf(BodyTooLarge)
    const chunked = reader(0)
    const read = chunked.read(5)
    chunked.push(bytes(6), false)
    await expect(read).rejects.toBeInstanceOf(BodyTooLarge)
  })

  test('of a client that leaves it fails; later chunks are ignored', async () => {
    const r = reader(10)
    const read = r.read(100)
    r.push(bytes(3), false)
    r.abort()
    r.push(bytes(3), false)
    await expect(read).rejects.toBeInstanceOf(RequestAborted)
  })
})

describe('the memory of bodies', () => {
  const read = async (gate: BodyGate, value: number): Promise<Uint8Array> => {
    const r = new BodyReader(gate, 40_000, new Socket(), 1 << 20)
    r.push(bytes(30_000, value), true)
    r.push(bytes(10_000, value), true)
    r.end()
    const body = await r.read(1 << 20)
    expect([body.byteLength, body.every((b) => b === value)]).toEqual([40_000, true])
    r.recycle()
    r.recycle()
    r.release()
    return body
  }

  test('is used again once, and only after it was given back', async () => {
    const gate = new BodyGate(1 << 20)
    const first = await read(gate, 1)
    expect(gate.pool.keptBytes).toBe(65_536)
    const second = await read(gate, 2)
    expect(second.buffer).toBe(first.buffer)
    const held = gate.pool.take(40_000)
    expect(gate.pool.keptBytes).toBe(0)
    expect((await read(gate, 3)).buffer).not.toBe(held.buffer)
  })

  test('of an aborted or answered request is not given back', async () => {
    const gate = new BodyGate(1 << 20)
    for (const end of ['abort', 'release'] as const) {
      const r = new BodyReader(gate, 40_000, new Socket(), 1 << 20)
      r.push(bytes(40_000), true)
      r.end()
      await r.read(1 << 20)
      r[end]()
      r.recycle()
    }
    expect(gate.pool.keptBytes).toBe(0)
  })

  test('is bounded', () => {
    const pool = new BodyPool(200_000)
    const buffers = Array.from({ length: 5 }, () => pool.take(60_000))
    for (const b of buffers) pool.give(b)
    pool.give(new Uint8Array(10))
    pool.give(pool.take(8 << 20))
    expect(pool.keptBytes).toBe(3 * 65_536)
  })
})
