import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BodyTooLarge, RequestAborted } from '../../../src/http/body-errors.js'
import { BodyGate } from '../../../src/http/body-gate.js'
import { BodyPool } from '../../../src/http/body-pool.js'
import { BodyReader, type PausableSocket } from '../../../src/http/body-reader.js'

/** As the response of µWebSockets.js: whatever is asked of it after the end or an abort throws. */
class Socket implements PausableSocket {
  paused = false
  private open = true

  pause(): void {
    this.touch()
    this.paused = true
  }

  resume(): void {
    this.touch()
    this.paused = false
  }

  /** The answer is given, or the client is gone. A paused connection would stay so for its next request. */
  close(answered: boolean): void {
    this.touch()
    if (answered && this.paused) throw new Error('answered while paused')
    this.open = false
  }

  private touch(): void {
    if (!this.open) throw new Error('uWS.HttpResponse must not be accessed after an abort or the end')
  }
}

/** One request, from its head to its answer. */
class Exchange {
  readonly socket = new Socket()
  readonly reader: BodyReader
  body: Promise<Uint8Array> | undefined

  constructor(declaredBytes: number, limits = { hardLimitBytes: 1 << 20, timeoutMs: 0 }) {
    this.reader = new BodyReader(declaredBytes, this.socket, limits)
  }

  read(limitBytes = 1 << 20, gate?: BodyGate): this {
    this.body = this.reader.read(limitBytes, gate)
    // What becomes of it is looked at later.
    this.body.catch(() => undefined)
    return this
  }

  push(chunk: Uint8Array, reused = false): this {
    this.reader.push(chunk, reused)
    return this
  }

  end(): this {
    this.reader.end()
    return this
  }

  answer(): void {
    this.reader.answering()
    this.socket.close(true)
  }

  abort(): void {
    this.socket.close(false)
    this.reader.abort()
  }
}

const bytes = (n: number, value = 1): Uint8Array => new Uint8Array(n).fill(value)
const gateOf = (capBytes: number, waitMs = 10_000): BodyGate => new BodyGate({ capBytes, waitMs })
const at = (gate: BodyGate, ...declared: number[]): Exchange[] =>
  declared.map((n) => new Exchange(n).read(1 << 20, gate))
const paused = (exchanges: readonly Exchange[]): boolean[] => exchanges.map((e) => e.socket.paused)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the gate', () => {
  it('lets in, in the order they came, what fits; the rest is paused', () => {
    const gate = gateOf(400)
    const all = at(gate, 180, 180, 90, 30)
    expect(paused(all)).toEqual([false, true, true, true])
    expect([gate.heldBytes, gate.waitingRequests]).toEqual([180, 3])
    all[0].answer()
    expect(paused(all)).toEqual([false, false, false, false])
    for (const e of all.slice(1)) e.answer()
    expect([gate.heldBytes, gate.waitingRequests]).toEqual([0, 0])
  })

  it('is not locked by what paused sockets had already delivered', () => {
    const gate = gateOf(400)
    const all = at(gate, 240, 240, 240, 240)
    for (const e of all) e.push(bytes(120))
    for (const e of all) {
      expect(e.socket.paused).toBe(false)
      e.answer()
    }
    expect(gate.heldBytes).toBe(0)
  })

  it('lets in one body that is larger than the cap alone', () => {
    const gate = gateOf(40)
    const [large, next] = at(gate, 500, 20)
    expect(paused([large!, next!])).toEqual([false, true])
    large!.abort()
    expect(next!.socket.paused).toBe(false)
    next!.answer()
    expect(gate.heldBytes).toBe(0)
  })

  it('keeps a lane for small bodies that a large one does not fill', () => {
    const gate = gateOf(6400)
    const [large, second, small] = at(gate, 6400, 500, 100)
    expect(paused([large!, second!, small!])).toEqual([false, true, false])
    // Of unknown length: small until it has grown.
    const chunked = new Exchange(0).read(1 << 20, gate).push(bytes(3000))
    expect([chunked.socket.paused, gate.heldBytes]).toEqual([false, 9500])
    const [other] = at(gate, 100)
    expect(other!.socket.paused).toBe(false)
    for (const e of [large!, chunked, second!, small!, other!]) e.answer()
    expect([gate.heldBytes, gate.waitingRequests]).toEqual([0, 0])
  })

  it('does not touch a connection whose request was answered or aborted while it waited', async () => {
    const gate = gateOf(400)
    const [first, refused, gone, whole, last] = at(gate, 300, 300, 300, 300, 300)
    refused!.answer()
    gone!.abort()
    // A body that comes in one piece with its head is there although it waits.
    whole!.push(bytes(300)).end()
    expect(await whole!.body).toHaveLength(300)
    whole!.answer()
    expect(last!.socket.paused).toBe(true)
    first!.answer()
    expect(last!.socket.paused).toBe(false)
    last!.answer()
    await expect(gone!.body).rejects.toBeInstanceOf(RequestAborted)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([gate.heldBytes, gate.waitingRequests, vi.getTimerCount()]).toEqual([0, 0, 0])
  })

  it('refuses a body whose turn does not come in time', async () => {
    const gate = gateOf(400, 1000)
    const [first, second] = at(gate, 400, 400)
    const ended = expect(second!.body).rejects.toMatchObject({ code: 'body-crowded', status: 503 })
    await vi.advanceTimersByTimeAsync(999)
    expect(second!.socket.paused).toBe(true)
    await vi.advanceTimersByTimeAsync(1)
    await ended
    second!.answer()
    first!.answer()
    const impatient = gateOf(400, 0)
    const [admitted, refused] = at(impatient, 400, 400)
    await expect(refused!.body).rejects.toMatchObject({ status: 503 })
    refused!.answer()
    admitted!.answer()
    expect(impatient.heldBytes).toBe(0)
  })
})

describe('a body', () => {
  it.each([0, 6, 10])('is put together from chunks whose memory is reused (%i bytes declared)', async (declared) => {
    const e = new Exchange(declared).read(100)
    const chunk = bytes(3, 1)
    e.push(chunk, true)
    chunk.fill(2)
    e.push(chunk, true)
    chunk.fill(9)
    e.end()
    expect([...(await e.body!)]).toEqual([1, 1, 1, 2, 2, 2])
  })

  it('beyond the limit fails, before the rest has come', async () => {
    const limits = { hardLimitBytes: 1000, timeoutMs: 0 }
    await expect(new Exchange(2000, limits).read(5000).body).rejects.toBeInstanceOf(BodyTooLarge)
    await expect(new Exchange(500, limits).read(100).body).rejects.toBeInstanceOf(BodyTooLarge)
    await expect(new Exchange(0).read(5).push(bytes(6)).body).rejects.toBeInstanceOf(BodyTooLarge)
    await expect(new Exchange(0, limits).read(5000).push(bytes(1001)).body).rejects.toBeInstanceOf(BodyTooLarge)
  })

  it('of a client that leaves fails; later chunks are ignored', async () => {
    const e = new Exchange(10).read(100).push(bytes(3))
    e.abort()
    e.push(bytes(3))
    await expect(e.body).rejects.toBeInstanceOf(RequestAborted)
    await expect(e.reader.read(100)).rejects.toBeInstanceOf(RequestAborted)
  })

  it('that comes too slowly is ended with 408, counted from when it was let in', async () => {
    const gate = gateOf(400)
    const limits = { hardLimitBytes: 1000, timeoutMs: 5000 }
    const slow = new Exchange(400, limits).read(1000, gate).push(bytes(10))
    const next = new Exchange(400, limits).read(1000, gate)
    const ended = expect(slow.body).rejects.toMatchObject({ code: 'body-late', status: 408 })
    await vi.advanceTimersByTimeAsync(5000)
    await ended
    slow.push(bytes(10))
    slow.answer()
    expect([next.socket.paused, gate.heldBytes]).toEqual([false, 400])
    await vi.advanceTimersByTimeAsync(4999)
    next.push(bytes(400)).end()
    expect(await next.body).toHaveLength(400)
    await vi.advanceTimersByTimeAsync(60_000)
    next.answer()
    expect(gate.heldBytes).toBe(0)
  })

  it('that nobody asks for is not kept, and cannot be asked for later', async () => {
    const e = new Exchange(0).push(bytes(5000)).end()
    await expect(e.reader.read(100_000)).rejects.toThrow('too late')
    e.answer()
  })

  it('does not come when its request is answered first', async () => {
    const e = new Exchange(10).read(100).push(bytes(3))
    e.answer()
    e.push(bytes(7)).end()
    await expect(e.body).rejects.toThrow('answered before')
  })
})

describe('the memory of bodies', () => {
  const read = async (gate: BodyGate, value: number): Promise<Uint8Array> => {
    const e = new Exchange(40_000).read(1 << 20, gate)
    e.push(bytes(30_000, value), true).push(bytes(10_000, value), true).end()
    const body = await e.body!
    expect([body.byteLength, body.every((b) => b === value)]).toEqual([40_000, true])
    e.reader.recycle()
    e.reader.recycle()
    e.answer()
    return body
  }

  it('is used again once, and only after it was given back', async () => {
    const gate = gateOf(1 << 20)
    const first = await read(gate, 1)
    expect(gate.pool.keptBytes).toBe(65_536)
    const second = await read(gate, 2)
    expect(second.buffer).toBe(first.buffer)
    const held = gate.pool.take(40_000)
    expect(gate.pool.keptBytes).toBe(0)
    expect((await read(gate, 3)).buffer).not.toBe(held.buffer)
  })

  it.each(['abort', 'answer'] as const)('is not given back after %s', async (end) => {
    const gate = gateOf(1 << 20)
    const e = new Exchange(40_000)
      .read(1 << 20, gate)
      .push(bytes(40_000), true)
      .end()
    await e.body
    e[end]()
    e.reader.recycle()
    expect(gate.pool.keptBytes).toBe(0)
  })

  it('is bounded', () => {
    const pool = new BodyPool(200_000)
    const buffers = Array.from({ length: 5 }, () => pool.take(60_000))
    for (const b of buffers) pool.give(b)
    pool.give(new Uint8Array(10))
    pool.give(pool.take(8 << 20))
    expect(pool.keptBytes).toBe(3 * 65_536)
  })
})
