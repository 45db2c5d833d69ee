import { expect, it } from 'vitest'
import { TopicMirror } from '../../../src/state/topic-mirror.js'

/** `write` stands for a frame that goes into the output ring. */
function setup(start = 0) {
  let written = start
  const mirror = new TopicMirror(() => written)
  const write = (): number => {
    written = (written + 64) | 0
    return written
  }
  return { mirror, write, level: (id: string) => mirror.get('t', id)?.level ?? 0 }
}

it('has what main has told, and nothing that is OK', () => {
  const { mirror, level } = setup()
  expect(mirror.has('t')).toBe(false)
  mirror.set('t', 'a', 3, 1n)
  expect([mirror.has('t'), level('a'), level('b')]).toEqual([true, 3, 0])
  mirror.set('t', 'a', 0, 2n)
  expect([mirror.has('t'), level('a')]).toEqual([false, 0])
})

it('has what was sent at once, until main has handled it', () => {
  const { mirror, write, level } = setup()
  const first = write()
  mirror.sent('t', 'a', 3, 1n)
  const second = write()
  mirror.sent('t', 'b', 2, 2n)
  expect([mirror.has('t'), level('a'), level('b')]).toEqual([true, 3, 2])
  mirror.settle(first - 8)
  expect([level('a'), level('b')]).toEqual([3, 2])
  // The event of a was inhibited: main's state is still what it was.
  mirror.settle(first)
  expect([level('a'), level('b')]).toEqual([0, 2])
  mirror.set('t', 'b', 2, 2n)
  mirror.settle(second)
  expect([level('b'), mirror.get('t', 'b')?.timeNs]).toEqual([2, 2n])
  mirror.set('t', 'b', 0, 3n)
  expect(mirror.has('t')).toBe(false)
})

it('lets no older state of main win over an event under way', () => {
  const { mirror, write, level } = setup()
  const first = write()
  mirror.sent('t', 'a', 3, 1n)
  const second = write()
  mirror.sent('t', 'a', 0, 2n)
  mirror.set('t', 'a', 3, 1n)
  mirror.settle(first)
  expect(level('a')).toBe(0)
  // Another shard's event came later at main.
  mirror.set('t', 'a', 1, 9n)
  mirror.settle(second)
  expect(level('a')).toBe(1)
})

it('counts bytes modulo 2^32', () => {
  const { mirror, write, level } = setup(0x7fffffe0)
  const first = write()
  expect(first).toBeLessThan(0)
  mirror.sent('t', 'a', 3, 1n)
  mirror.settle(0x7fffffe0)
  expect(level('a')).toBe(3)
  mirror.settle(first)
  expect(level('a')).toBe(0)
})
