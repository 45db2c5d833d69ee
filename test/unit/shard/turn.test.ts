/** A task that multiplies what it gets without end. */
import { describe, expect, it } from 'vitest'
import { Turn } from '../../../src/shard/turn.js'

describe('a turn', () => {
  it('ends with a failure of the node that still emits after eight seconds', () => {
    let nowMs = 100
    const turn = new Turn(
      () => 0,
      () => nowMs,
    )
    const emit = (n: number) => {
      for (let i = 0; i < n; i++) turn.check('union3')
    }
    emit(10_000)
    turn.begin()
    nowMs += 7999
    emit(10_000)
    nowMs += 1
    expect(() => emit(10_000)).toThrow('union3: what follows from one chunk of points takes more than 8s')
    turn.begin()
    emit(10_000)
  })

  it('leaves out the time that the shard waits for main', () => {
    let nowMs = 0
    let blockedMs = 5000
    const turn = new Turn(
      () => blockedMs,
      () => nowMs,
    )
    turn.begin()
    nowMs += 12_000
    blockedMs += 6000
    for (let i = 0; i < 2000; i++) turn.check('alert2')
    nowMs += 2000
    blockedMs += 2000
    for (let i = 0; i < 2000; i++) turn.check('alert2')
    nowMs += 6000
    expect(() => {
      for (let i = 0; i < 2000; i++) turn.check('alert2')
    }).toThrow('alert2: what follows')
  })
})
