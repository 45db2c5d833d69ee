import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { allClosed, Closing } from '../../src/closing.js'
import { type Log, silentLog } from '../../src/log.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const never = (): Promise<void> => new Promise(() => undefined)

it('takes every step, last opened first, also behind one that throws, rejects or hangs', async () => {
  const errors: unknown[] = []
  const log: Log = { ...silentLog, error: (_msg, keys) => errors.push(`${keys?.service}: ${keys?.err}`) }
  const closing = new Closing(log)
  const order: string[] = []
  const step = (name: string, close: () => Promise<void> | void): void =>
    closing.add(name, () => {
      order.push(name)
      return close()
    })
  step('lock', () => undefined)
  step('store', never)
  step('engine', never)
  step('outputs', async () => {
    throw new Error('no disk')
  })
  step('udp', () => {
    throw new Error('no socket')
  })
  step('http', async () => undefined)
  const closed = expect(closing.close(1000)).rejects.toThrow('failed to close udp, outputs, engine, store')
  await vi.advanceTimersByTimeAsync(1250)
  await closed
  expect(order).toEqual(['http', 'udp', 'outputs', 'engine', 'store', 'lock'])
  expect(errors).toEqual([
    'udp: no socket',
    'outputs: no disk',
    'engine: it takes too long',
    'store: it takes too long',
  ])
  expect(vi.getTimerCount()).toBe(0)
  await closing.close(1000)
})

it('waits for all before it tells of the first that failed', async () => {
  let done = false
  const slow = new Promise<void>((resolve) => setTimeout(resolve, 100)).then(() => {
    done = true
  })
  const closed = expect(allClosed([Promise.reject(new Error('one')), slow, Promise.reject(new Error('two'))]))
  const told = closed.rejects.toThrow('one')
  await vi.advanceTimersByTimeAsync(100)
  await told
  expect(done).toBe(true)
})
