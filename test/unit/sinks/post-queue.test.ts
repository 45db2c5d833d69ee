import { beforeEach, describe, expect, it } from 'vitest'
import { type PostJob, type PostLimits, PostQueue } from '../../../src/sinks/post-queue.js'

/** Requests that end when the test says so. */
class Requests {
  readonly underWay: { name: string; end: () => void }[] = []
  readonly order: string[] = []
  aborted = 0

  job(name: string, host: string, more: { chain?: string; bytes?: number } = {}): PostJob {
    return {
      chain: more.chain ?? name,
      bytes: more.bytes ?? 10,
      host: () => host,
      send: (signal) =>
        new Promise((resolve) => {
          this.order.push(name)
          const one = {
            name,
            end: () => {
              this.underWay.splice(this.underWay.indexOf(one), 1)
              resolve()
            },
          }
          this.underWay.push(one)
          signal.addEventListener('abort', () => {
            this.aborted++
            one.end()
          })
        }),
    }
  }

  /** Ends a request and lets the queue go on. */
  async end(name: string): Promise<void> {
    this.underWay.find((r) => r.name === name)!.end()
    await settled()
  }

  names(): string[] {
    return this.underWay.map((r) => r.name).sort()
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

let requests: Requests
let queue: PostQueue
beforeEach(() => {
  requests = new Requests()
})

function open(limits: Partial<PostLimits>, ...keys: number[]): void {
  queue = new PostQueue({ requests: 100, requestsPerTask: 100, requestsPerHost: 100, queuedBytes: 1000, ...limits })
  for (const key of keys) queue.open(key)
}
const offer = (key: number, name: string, host: string, more = {}): boolean =>
  queue.offer(key, requests.job(name, host, more))

describe('PostQueue', () => {
  it('keeps the order of a chain, and lets chains run side by side', async () => {
    open({}, 1)
    for (const [name, chain] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['a3', 'a'],
    ])
      offer(1, name, 'h', { chain })
    expect(requests.names()).toEqual(['a1', 'b1'])
    await requests.end('a1')
    await requests.end('a2')
    expect(requests.order).toEqual(['a1', 'b1', 'a2', 'a3'])
  })

  it('a host at its bound holds up no other host, of the same task or of others', async () => {
    open({ requestsPerHost: 2 }, 1, 2)
    for (let i = 0; i < 5; i++) offer(1, `mute${i}`, 'mute')
    offer(1, 'x', 'fine')
    offer(2, 'y', 'fine')
    expect(requests.names()).toEqual(['mute0', 'mute1', 'x', 'y'])
    await requests.end('mute0')
    expect(requests.names()).toEqual(['mute1', 'mute2', 'x', 'y'])
  })

  it('a task at its bound holds up no other task', async () => {
    open({ requestsPerTask: 2 }, 1, 2)
    for (let i = 0; i < 4; i++) offer(1, `a${i}`, `h${i}`)
    offer(2, 'b', 'h0')
    expect(requests.names()).toEqual(['a0', 'a1', 'b'])
    await requests.end('a1')
    expect(requests.names()).toEqual(['a0', 'a2', 'b'])
  })

  it('tasks that share a host take turns', async () => {
    open({ requestsPerHost: 1 }, 1, 2)
    for (let i = 0; i < 6; i++) offer(1, `a${i}`, 'h')
    for (let i = 0; i < 2; i++) offer(2, `b${i}`, 'h')
    while (requests.underWay.length > 0) await requests.end(requests.underWay[0].name)
    expect(requests.order).toHaveLength(8)
    expect(requests.order.indexOf('b1')).toBeLessThan(5)
  })

  it('the bound over all lets tasks take turns too', async () => {
    open({ requests: 1 }, 1, 2)
    for (let i = 0; i < 6; i++) offer(1, `a${i}`, 'h')
    offer(2, 'b', 'other')
    while (requests.underWay.length > 0) await requests.end(requests.underWay[0].name)
    expect(requests.order.indexOf('b')).toBeLessThan(3)
  })

  it('what is set aside for a host does not keep what the task could send elsewhere', async () => {
    open({ requestsPerTask: 2, requestsPerHost: 1 }, 1, 2)
    offer(2, 'theirs', 'busy')
    offer(1, 'a', 'one')
    offer(1, 'b', 'two')
    offer(1, 'c', 'busy')
    offer(1, 'd', 'three')
    expect(requests.names()).toEqual(['a', 'b', 'theirs'])
    await requests.end('a')
    expect(requests.names()).toEqual(['b', 'd', 'theirs'])
    await requests.end('theirs')
    await requests.end('b')
    expect(requests.names()).toEqual(['c', 'd'])
  })

  it('a task that fills the queue leaves room for others', () => {
    open({ requests: 1, queuedBytes: 1000 }, 1, 2)
    let taken = 0
    while (offer(1, `a${taken}`, 'h', { bytes: 50 })) taken++
    expect(taken).toBe(10)
    expect(offer(2, 'b', 'h', { bytes: 50 })).toBe(true)
    expect(queue.queuedBytes).toBe(550)
    expect(offer(2, 'c', 'h', { bytes: 250 })).toBe(false)
    expect(offer(2, 'd', 'h', { bytes: 200 })).toBe(true)
  })

  it('forgets a task: its requests are aborted, its room and its turns are free', async () => {
    open({ requestsPerHost: 1, queuedBytes: 1000 }, 1, 2)
    for (let i = 0; i < 5; i++) offer(1, `a${i}`, 'h')
    offer(2, 'b', 'h')
    let idle = false
    void queue.idle(1).then(() => {
      idle = true
    })
    queue.close(1)
    await settled()
    expect([requests.aborted, idle, queue.queuedBytes]).toEqual([1, true, 10])
    expect(requests.names()).toEqual(['b'])
    expect(offer(1, 'late', 'h')).toBe(false)
    await requests.end('b')
    await queue.idle()
    expect([requests.order, queue.queuedBytes]).toEqual([['a0', 'b'], 0])
  })

  it('ends with every request sent once, whatever the order of hosts, tasks and ends', async () => {
    let seed = 1
    const random = (n: number): number => {
      seed = (seed * 48271) % 2147483647
      return seed % n
    }
    for (let round = 0; round < 200; round++) {
      requests = new Requests()
      const keys = [1, 2, 3]
      open({ requests: 4, requestsPerTask: 2, requestsPerHost: 2, queuedBytes: 1e6 }, ...keys)
      const total = 30
      const byHost = new Map<string, number>()
      for (let i = 0; i < total; i++) {
        const name = `${i}:${random(4)}`
        offer(keys[random(3)], name, name.split(':')[1], { chain: `c${random(9)}` })
        if (random(3) === 0 && requests.underWay.length > 0) {
          await requests.end(requests.underWay[random(requests.underWay.length)].name)
        }
        byHost.clear()
        for (const r of requests.underWay) {
          const host = r.name.split(':')[1]
          byHost.set(host, (byHost.get(host) ?? 0) + 1)
        }
        expect(requests.underWay.length).toBeLessThanOrEqual(4)
        expect(Math.max(0, ...byHost.values())).toBeLessThanOrEqual(2)
      }
      while (requests.underWay.length > 0) {
        await requests.end(requests.underWay[random(requests.underWay.length)].name)
      }
      expect(new Set(requests.order).size).toBe(total)
      expect(queue.queuedBytes).toBe(0)
    }
  })
})
