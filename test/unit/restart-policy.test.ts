import { expect, it } from 'vitest'
import { RestartPolicy } from '../../src/restart-policy.js'

const times = { firstPauseMs: 50, longestPauseMs: 300, healthyMs: 1000, patience: 3 }

it('pauses longer after each death of a row, up to a cap, and gives up after some', () => {
  const policy = new RestartPolicy(times)
  const seen: [number, boolean, boolean][] = []
  let nowMs = 5000
  for (let i = 0; i < 6; i++) {
    policy.started(nowMs)
    nowMs += 10
    seen.push([policy.died(nowMs), policy.givesUp, policy.givesUpAll])
  }
  expect(seen).toEqual([
    [0, false, false],
    [50, false, false],
    [100, false, false],
    [200, true, false],
    [300, true, true],
    [300, true, true],
  ])
})

it('forgets the row once a thread has lived', () => {
  const policy = new RestartPolicy(times)
  policy.started(0)
  policy.died(10)
  policy.started(20)
  expect(policy.died(30)).toBe(50)
  policy.started(100)
  expect(policy.died(1100)).toBe(0)
  expect(policy.inARow).toBe(1)
})
