import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { WriteResult } from '../../../src/engine/engine-api.js'
import { type Waiter, WaitingWriters } from '../../../src/engine/waiting-writers.js'

const written: WriteResult = { status: 204, points: 1, error: '' }
const waiterOf = (text: string): Waiter => ({
  request: { db: 'd', rp: '', precision: 'n', body: Buffer.from(text), source: 'http' },
  prepared: null,
  triedWith: -1,
  nowNs: 0n,
})

class Line {
  readonly tried: string[] = []
  readonly left: [string, string][] = []
  readonly writers = new WaitingWriters(
    1000,
    (w) => this.attempt(String(w.request.body)),
    async () => {
      await turn()
      if (this.failingRoom) {
        this.failingRoom = false
        throw new Error('no signal')
      }
    },
    (w, why) => this.left.push([String(w.request.body), why]),
  )
  hasRoom = true
  failingRoom = false

  add(text: string): Promise<WriteResult> {
    const promise = this.writers.add(waiterOf(text), 60_000)
    if (promise === null) throw new Error('refused')
    return promise
  }

  private attempt(text: string): WriteResult | null {
    this.tried.push(text)
    if (text === 'bad') throw new Error('stumbled')
    return this.hasRoom ? written : null
  }
}

it('a write whose attempt throws fails alone, and holds nobody up', async () => {
  const line = new Line()
  const outcomes = await Promise.allSettled(['a', 'bad', 'b', 'bad', 'c'].map((text) => line.add(text)))
  expect(outcomes.map((o) => (o.status === 'fulfilled' ? o.value.status : o.reason.message))).toEqual([
    204,
    'stumbled',
    204,
    'stumbled',
    204,
  ])
  expect(line.left).toEqual([
    ['bad', 'failed'],
    ['bad', 'failed'],
  ])
  expect([line.writers.length, line.writers.bytes]).toEqual([0, 0])
  expect((await line.add('d')).status).toBe(204)
})

it('goes on when even waiting fails', async () => {
  const line = new Line()
  line.hasRoom = false
  line.failingRoom = true
  const first = line.add('a')
  const second = line.add('b')
  await expect(first).rejects.toThrow('no signal')
  line.hasRoom = true
  expect((await second).status).toBe(204)
  expect([line.writers.length, line.writers.bytes]).toEqual([0, 0])
})
