import { describe, expect, it } from 'vitest'
import { logb } from '../../../src/lambda/functions/math.js'
import * as special from '../../../src/lambda/functions/special-functions.js'
import ref from '../../fixtures/special-functions.json' with { type: 'json' }
import { value } from './helpers.js'

const exact: [string, number][] = [
  ['gamma(5.0)', 24],
  ['erf(0.5)', 0.5204998778130465],
  ['j0(1.0)', 0.7651976865579666],
  ['j1(1.0)', 0.4400505857449335],
  ['jn(2, 1.0)', 0.11490348493190049],
  ['y0(1.0)', 0.08825696421567697],
  ['yn(2, 1.0)', -1.6506826068162543],
  ['erf(0.75)', 0.7111556336535152],
  ['erfc(3.5)', 7.430983723414128e-7],
  ['gamma(0.75)', 1.2254167024651774],
  ['j0(3.5)', -0.3801277399872634],
  ['y1(0.75)', -1.0375945507692854],
  ['yn(2, 0.75)', -2.629746032665655],
]

describe('digits', () => {
  it.each(exact)('%s', (text, expected) => {
    const v = value(text) as number
    expect(Math.abs(v - expected)).toBeLessThanOrEqual(Math.abs(expected) * 5e-16)
  })
})

type Point = Record<string, number | null>

/** Near a zero of an oscillating function the absolute error counts. */
const checks: [string, (x: number) => number, number][] = [
  ['erf', special.erf, 0],
  ['erfc', special.erfc, 0],
  ['gamma', special.gamma, 0],
  ['gneg', (x) => special.gamma(-x), 0],
  ['j0', special.j0, 0.1],
  ['j1', special.j1, 0.1],
  ['j2', (x) => special.jn(2, x), 0.1],
  ['j7', (x) => special.jn(7, x), 0.1],
  ['y0', special.y0, 0.1],
  ['y1', special.y1, 0.1],
  ['y2', (x) => special.yn(2, x), 0.1],
  ['y7', (x) => special.yn(7, x), 0.1],
]

describe('special functions against 40-digit references', () => {
  it.each(checks)('%s', (name, fn, scale) => {
    for (const p of ref as Point[]) {
      const expected = p[name]
      if (expected === null) continue
      const got = fn(p.x!)
      if (Math.abs(expected) < 1e-300) continue
      const size = Math.max(Math.abs(expected), scale / Math.sqrt(Math.max(1, p.x!)))
      expect(Math.abs(got - expected) / size, `${name}(${p.x}) = ${got}, not ${expected}`).toBeLessThan(1e-14)
    }
  })

  it('answers at the edges', () => {
    expect(special.gamma(-2)).toBeNaN()
    expect(special.gamma(172)).toBe(Infinity)
    expect(special.gamma(171.5)).toBeGreaterThan(9e307)
    expect(special.y0(-1)).toBeNaN()
    expect(special.y1(0)).toBe(-Infinity)
    expect(special.j0(Infinity)).toBe(0)
    expect(special.jn(-3, 2)).toBeCloseTo(-special.jn(3, 2), 15)
    expect(special.erfc(-1)).toBeCloseTo(1.842700792949715, 14)
    expect(special.erf(Number.NaN)).toBeNaN()
    expect(special.jn(1000, 0.5)).toBe(0)
    expect(special.yn(200, 0.5)).toBe(-Infinity)
    expect(special.jn(2 ** 53, 3)).toBe(0)
    expect(special.jn(2 ** 53, 2 ** 60)).toBeNaN()
    expect(special.yn(-(2 ** 53), 2 ** 60)).toBeNaN()
    expect(Math.abs(special.jn(9999, 10_000))).toBeLessThan(0.1)
  })
})

describe('other math', () => {
  it.each([
    ['logb(10.0)', 3],
    ['mod(-7.5, 2.0)', -1.5],
    ['log(exp(1.0))', 1],
    ['pow10(3)', 1000],
    ['pow10(-400)', 0],
    ['cbrt(-27.0)', -3],
    ['hypot(3.0, 4.0)', 5],
    ['max(1.0, 2.0)', 2],
    ['min(1.0, -1.0 / 0.0)', -Infinity],
    ['pow(1.0, 1.0 / 0.0)', 1],
    ['trunc(-7.5)', -7],
    ['sqrt(-1.0)', Number.NaN],
    ['max(1.0, sqrt(-1.0))', Number.NaN],
  ])('%s', (text, expected) => {
    expect(value(text)).toBe(expected)
  })

  it('logb is exact at powers of two', () => {
    for (let e = -1074; e <= 1023; e++) {
      expect(logb(2 ** e)).toBe(e)
      if (e > -1022) expect(logb(2 ** e * (1 - 2 ** -53))).toBe(e - 1)
    }
  })
})
