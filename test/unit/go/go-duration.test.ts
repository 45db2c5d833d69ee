import { expect, it } from 'vitest'
import { goDuration } from '../../../src/go/go-duration.js'

it.each<[bigint | number, string]>([
  [0n, '0s'],
  [764n, '764ns'],
  [93_317, '93.317µs'],
  [1_500_000, '1.5ms'],
  [2_040_000_000, '2.04s'],
  [999_999_999n, '999.999999ms'],
  [300_000_000_000n, '5m0s'],
  [5_400_000_000_000n, '1h30m0s'],
  [90_061_000_000_001n, '25h1m1.000000001s'],
  [-1_500_000_000n, '-1.5s'],
  [9223372036854775807n, '2562047h47m16.854775807s'],
  [1.9, '1ns'],
])('%s ns prints as %s', (ns, text) => {
  expect(goDuration(ns)).toBe(text)
})
