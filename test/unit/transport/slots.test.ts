import { expect, it } from 'vitest'
import { SlotHolds, SlotPool } from '../../../src/transport/slots.js'

it('the lowest free slot is taken first', () => {
  const pool = new SlotPool({ slots: 3, slotBytes: 64 })
  expect([pool.acquire(), pool.acquire(), pool.acquire(), pool.acquire()]).toEqual([0, 1, 2, -1])
  pool.discard(1)
  pool.seal(0)
  expect(pool.freeSlots()).toBe(2)
  expect(pool.acquire()).toBe(0)
  expect(pool.acquire()).toBe(1)
})

it('a published slot is free when no shard holds it any more', () => {
  const pool = new SlotPool({ slots: 2, slotBytes: 64, shards: 2 })
  const slot = pool.acquire()
  pool.holdsOf(0).add(slot)
  pool.holdsOf(1).add(slot)
  pool.holdsOf(1).add(slot)
  pool.seal(slot)
  // As the shards see it.
  const [a, b] = [new SlotHolds(pool.shared, 0), new SlotHolds(pool.shared, 1)]
  expect([a.count(), b.count()]).toEqual([1, 1])
  a.release(slot)
  b.release(slot)
  expect(pool.isFree(slot)).toBe(false)
  expect([pool.freeSlots(), pool.freeAtLeast()]).toEqual([1, 1])
  expect([a.count(), b.count()]).toEqual([0, 1])
  b.release(slot)
  expect(pool.isFree(slot)).toBe(true)
  expect([pool.freeSlots(), pool.freeAtLeast()]).toEqual([2, 2])
})

it('a slot that shards release before it is sealed is not free before', () => {
  const pool = new SlotPool({ slots: 1, slotBytes: 64 })
  const slot = pool.acquire()
  pool.holdsOf(0).add(slot)
  pool.holdsOf(0).release(slot)
  expect(pool.acquire()).toBe(-1)
  pool.seal(slot)
  expect(pool.acquire()).toBe(slot)
})

it('a shard whose thread has died holds what is still in its ring, and no slot of the others', () => {
  const pool = new SlotPool({ slots: 3, slotBytes: 64, shards: 2 })
  const bytes = Float64Array.of(10, 20, 30)
  for (let s = 0; s < 3; s++) {
    pool.acquire()
    for (const shard of [0, 1]) pool.holdsOf(shard).add(s)
    pool.holdsOf(1).add(s)
    pool.seal(s)
  }
  expect(pool.holdsOf(1).bytes(bytes)).toBe(60)
  pool.holdsOf(1).recount(Int32Array.of(0, 1, 0))
  expect(pool.holdsOf(1).bytes(bytes)).toBe(20)
  expect(pool.holdsOf(0).count()).toBe(3)
  for (let s = 0; s < 3; s++) pool.holdsOf(0).release(s)
  expect([0, 1, 2].map((s) => pool.isFree(s))).toEqual([true, false, true])
})
