import { expect, it } from 'vitest'
import { LogLimit } from '../../src/log-limit.js'

it('lets ten lines through at once, then one a second, and counts those it held back', () => {
  let ms = 5000
  const limit = new LogLimit(() => ms)
  const passed = (lines: number): number => Array.from({ length: lines }, () => limit.may()).filter((may) => may).length
  expect(passed(25)).toBe(10)
  ms += 999
  expect(passed(1)).toBe(0)
  ms += 1
  expect(passed(2)).toBe(1)
  expect(limit.suppressed()).toEqual({ suppressed: 17 })
  expect(limit.suppressed()).toEqual({})
  // An hour of silence earns ten lines, no more.
  ms += 3_600_000
  expect(passed(100)).toBe(10)
  expect(limit.suppressed()).toEqual({ suppressed: 90 })
})
