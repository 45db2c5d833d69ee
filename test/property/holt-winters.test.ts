/**
 * The Holt-Winters model against the text of the specification (nodes 5.3) written down plainly: ring indices with their
 * offsets, powers multiplied out bit by bit, vectors as arrays. Equal to the last digit.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HoltWinters } from '../../src/operators/aggregates/holt-winters-model.js'

/** φ^t as Go computes it for whole exponents. */
function power(x: number, n: number): number {
  let result = 1
  for (let square = x, i = n; i > 0; i = Math.floor(i / 2)) {
    if (i % 2 === 1) result *= square
    square *= square
  }
  return result
}

function fitted(y: readonly number[], m: number, p: number[], n: number): number[] {
  for (let i = 0; i < 4; i++) p[i] = Math.min(Math.max(p[i], 0), 1)
  const [alpha, beta, gamma, phi] = p
  let [, , , , l, b] = p
  let phiH = phi
  let offset = m - 1
  const out = [y[0]]
  for (let t = 1; t < n; t++) {
    const before = out[t - 1]
    const s = m === 0 ? 1 : p[6 + ((t - m + offset) % m)]
    const ahead = m === 0 ? 1 : p[6 + ((t - m + (t % m) + offset) % m)]
    const level = alpha * (before / s) + (1 - alpha) * (l + phi * b)
    const trend = beta * (level - l) + (1 - beta) * phi * b
    const season = gamma * (before / (l + phi * b)) + (1 - gamma) * s
    out.push((level + phiH * trend) * ahead)
    phiH += power(phi, t)
    l = level
    b = trend
    if (m !== 0) p[6 + ((t + offset++) % m)] = season
  }
  return out
}

function minimum(f: (p: number[]) => number, start: readonly number[]): { value: number; at: number[] } {
  const n = start.length
  const p = (Math.sqrt(n + 1) - 1 + n) / (n * Math.sqrt(2))
  const q = (Math.sqrt(n + 1) - 1) / (n * Math.sqrt(2))
  const points = [[...start], ...start.map((_, i) => start.map((v, k) => v + (k === i ? p : q)))]
  const values = points.map(f)
  for (let round = 0; round < 1000; round++) {
    const worst = values.indexOf(Math.max(...values))
    const best = values.indexOf(Math.min(...values))
    let second = best
    values.forEach((v, i) => {
      if (v > values[second] && v < values[worst]) second = i
    })
    const centre = start.map((_, k) => points.reduce((sum, v, i) => (i === worst ? sum : sum + v[k]), 0) / n)
    const reflected = centre.map((c, k) => c + (c - points[worst][k]))
    const r = f(reflected)
    const replace = (point: number[], value: number): void => {
      points[worst] = [...point]
      values[worst] = value
    }
    if (r >= values[best] && r < values[second]) replace(reflected, r)
    else if (r < values[best]) {
      const expanded = centre.map((c, k) => c + 2 * (reflected[k] - c))
      const e = f(expanded)
      if (e < r) replace(expanded, e)
      else replace(reflected, r)
    } else {
      const outside = r < values[worst]
      const contracted = centre.map((c, k) =>
        outside ? c + 0.5 * (reflected[k] - c) : c - 0.5 * (c - points[worst][k]),
      )
      const c = f(contracted)
      if (c < values[worst]) replace(contracted, c)
      else {
        points.forEach((v, i) => {
          if (i !== best) points[i] = v.map((x, k) => points[best][k] + (x - points[best][k]) / 2)
        })
        values[worst] = f(points[worst])
        values[second] = f(points[second])
      }
    }
    const mean = values.reduce((a, b) => a + b, 0) / (n + 1)
    if (Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2 / n, 0)) < 1e-4) break
  }
  const best = values.indexOf(Math.min(...values))
  const at = [...points[best]]
  return { value: f(points[best]), at }
}

function forecast(y: readonly number[], m: number, ahead: number): number[] {
  const there = (i: number): boolean => !Number.isNaN(y[i])
  let level = 0.5 * y[0]
  let trend = there(1) ? 0.5 * (y[1] - y[0]) : 0
  let seasons: number[] = []
  if (m > 0) {
    level = 0
    for (let i = 0; i < m; i++) if (there(i)) level += (1 / m) * y[i]
    trend = 0
    for (let i = 0; i < m && m + i < y.length; i++)
      if (there(i) && there(m + i)) trend += (1 / (m * m)) * (y[m + i] - y[i])
    seasons = Array.from({ length: m }, (_, i) => (there(i) ? y[i] / level : 0))
  }
  const error = (p: number[]): number => {
    const fit = fitted(y, m, p, y.length)
    let sum = 0
    for (let i = 0; i < y.length; i++) {
      if (!there(i)) continue
      if (Number.isNaN(fit[i])) return Number.POSITIVE_INFINITY
      sum += (fit[i] - y[i]) * (fit[i] - y[i])
    }
    return sum
  }
  let best: { value: number; at: number[] } | null = null
  for (const a of [0.3, 0.7])
    for (const b of [0.3, 0.7])
      for (const g of [0.3, 0.7])
        for (const f of [0.3, 0.7]) {
          const found = minimum(error, [a, b, g, f, level, trend, ...seasons])
          if (best === null || found.value < best.value) best = found
        }
  return fitted(y, m, best!.at, y.length + ahead)
}

const valueArb = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 200 }).map((v) => v / 4) },
  { weight: 1, arbitrary: fc.constant(Number.NaN) },
)
const seriesArb = fc.record({
  first: fc.integer({ min: 1, max: 50 }),
  rest: fc.array(valueArb, { minLength: 1, maxLength: 30 }),
  season: fc.integer({ min: 0, max: 6 }),
  ahead: fc.integer({ min: 1, max: 40 }),
})

describe('every digit is that of the plain text', () => {
  it('short series, with gaps, with and without seasons', () => {
    const model = new HoltWinters()
    fc.assert(
      fc.property(seriesArb, ({ first, rest, season, ahead }) => {
        const y = [first, ...rest]
        const m = season >= 2 && season <= y.length ? season : 0
        model.forecast(Float64Array.from(y), y.length, m, ahead)
        expect([...model.fitted.subarray(0, y.length + ahead)]).toEqual(forecast(y, m, ahead))
      }),
      { numRuns: 25 },
    )
  })

  it('a long one, in which the powers of the damping matter', () => {
    const y = Array.from({ length: 150 }, (_, i) => 100 + 3 * i + 10 * Math.sin(i / 4))
    const model = new HoltWinters()
    for (const m of [0, 12]) {
      model.forecast(Float64Array.from(y), y.length, m, 30)
      expect([...model.fitted.subarray(0, 180)]).toEqual(forecast(y, m, 30))
    }
  })
})

it('continues a straight line', () => {
  const model = new HoltWinters()
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 50, max: 100 }), (slope, from) => {
      const y = Float64Array.from({ length: 24 }, (_, i) => from + slope * i)
      model.forecast(y, 24, 0, 3)
      for (let i = 0; i < 3; i++) {
        const expected = from + slope * (24 + i)
        expect(Math.abs(model.fitted[24 + i] - expected) / expected).toBeLessThan(0.1)
      }
    }),
    { numRuns: 10 },
  )
})
