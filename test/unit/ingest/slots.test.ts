import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { SlotPool, SlotState } from '../../../src/ingest/slots.js'

test('the lowest free slot is taken first', () => {
  const pool = new SlotPool({ slots: 3, slotBytes: 64 })
  expect([pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()]).toEqual([0, 1, 2, -1])
  pool.discard(1)
  pool.seal(0, 0)
  expect(pool.freeSlots()).toBe(2)
  expect(pool.acquire()).toBe(0)
  expect(pool.acquire()).toBe(1)
})

test('a published slot is free after the last release, seen from an attached pool too', () => {
  const pool = new SlotPool({ slots: 2, slotBytes: 64 })
  const shard = SlotPool.attach(pool.shared)
  const slot = pool.acquire()
  pool.bytes[pool.offsetOf(slot)] = 7
  pool.seal(slot, 2)
  expect(shard.bytes[shard.offsetOf(slot)]).toBe(7)
  expect(shard.stateOf(slot)).toBe(SlotState.Published)
  shard.release(slot)
  expect(pool.stateOf(slot)).toBe(SlotState.Published)
  shard.release(slot)
  expect(pool.stateOf(slot)).toBe(SlotState.Free)
})

test('whenFreed wakes up when another thread releases', async () => {
  const pool = new SlotPool({ slots: 1, slotBytes: 64 })
  await pool.whenFreed()
  const slot = pool.acquire()
  pool.seal(slot, 1)
  let woken = false
  const waiting = pool.whenFreed().then(() => {
    woken = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(woken).toBe(false)
  // What release() does, from a thread of its own.
  const code = `const { workerData } = require('node:worker_threads')
    const c = new Int32Array(workerData)
    Atomics.sub(c, 5, 1); Atomics.store(c, 4, 0); Atomics.add(c, 0, 1); Atomics.notify(c, 0)`
  const worker = new Worker(code, { eval: true, workerData: pool.shared.control })
  await waiting
  expect(pool.acquire()).toBe(slot)
  await worker.terminate()
})
