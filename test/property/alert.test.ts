/** The alert operator against a plain model of spec alerts 3 to 5, on random scripts and values, in one group and in many. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AlertProps, alertBench, seconds } from '../unit/operators/alert-bench.js'

interface Script {
  readonly levels: readonly (number | null)[]
  readonly resets: readonly (number | null)[]
  readonly flapping: { low: number; high: number } | null
  readonly history: number
  readonly stateChangesOnly: boolean
  readonly intervalS: number
  readonly noRecoveries: boolean
}

interface Expected {
  readonly t: number
  readonly level: number
  readonly durationNs: bigint
}

const maxDuration = 0x7fffffffffffffffn
const zeroNs = -62135596800n * 1_000_000_000n

/** One group, everything boxed, history as an array with the newest at `index`. */
class Model {
  private readonly history: number[]
  private index = 0
  private flapping = false
  private first = zeroNs
  private last = zeroNs

  constructor(private readonly s: Script) {
    this.history = new Array<number>(Math.max(2, s.history)).fill(0)
  }

  percentChange(): number {
    const h = this.history.length
    const step = (1.2 - 0.8) / (h - 1)
    let changes = 0
    let weight = 0.8
    for (let i = 0; i < h - 1; i++) {
      const c = (this.index + i) % h
      if (this.history[c] !== this.history[(c + h - 1) % h]) changes += weight
      weight += step
    }
    return changes / (h - 1)
  }

  private level(v: number): number {
    const { levels, resets } = this.s
    const current = this.history[this.index]
    const holds = (l: number) => levels[l] !== null && v > levels[l]
    for (let l = 3; l > Math.max(current - 1, 0); l--) if (holds(l)) return l
    if (levels[current] !== null && resets[current] !== null && !(v < resets[current])) return current
    for (let l = current; l > 0; l--) if (holds(l)) return l
    return 0
  }

  point(t: number, v: number): Expected | null {
    const { s, history } = this
    const ns = BigInt(t) * 1_000_000_000n
    const level = this.level(v)
    const changed = history[this.index] !== level
    this.index = (this.index + 1) % history.length
    history[this.index] = level
    if (s.flapping !== null) {
      const p = this.percentChange()
      if (this.flapping && p < s.flapping.low) this.flapping = false
      else if (!this.flapping && p > s.flapping.high) this.flapping = true
    }
    const expired = !changed && s.intervalS !== 0 && ns - this.last >= BigInt(s.intervalS) * 1_000_000_000n
    if (this.flapping || (s.stateChangesOnly && !changed && !expired)) return null
    if (level === 0 && !changed) return null
    this.last = ns
    if (history[(this.index + history.length - 1) % history.length] === 0) this.first = ns
    if (s.noRecoveries && level === 0) return null
    const d = this.last - this.first
    return { t, level, durationNs: d > maxDuration ? maxDuration : d }
  }
}

const threshold = fc.option(fc.integer({ min: 1, max: 9 }), { nil: null })
const script: fc.Arbitrary<Script> = fc.record({
  levels: fc.tuple(fc.constant(null), threshold, threshold, threshold),
  resets: fc.tuple(fc.constant(null), threshold, threshold, threshold),
  flapping: fc.option(
    fc.record({ low: fc.constantFrom(-0.5, 0.1, 0.25, 0.4), high: fc.constantFrom(-0.1, 0.2, 0.3, 0.5, 0.9) }),
    { nil: null },
  ),
  history: fc.constantFrom(0, 2, 3, 5, 8, 21),
  stateChangesOnly: fc.boolean(),
  intervalS: fc.constantFrom(0, 2, 5),
  noRecoveries: fc.boolean(),
})

function propsOf(s: Script): AlertProps {
  const props: AlertProps = { history: BigInt(s.history), noRecoveries: s.noRecoveries }
  const names = ['', 'info', 'warn', 'crit']
  for (let l = 1; l < 4; l++) {
    if (s.levels[l] !== null) props[names[l]] = `"v" > ${s.levels[l]}`
    if (s.resets[l] !== null) props[`${names[l]}Reset`] = `"v" < ${s.resets[l]}`
  }
  if (s.flapping !== null) props.flapping = [s.flapping.low, s.flapping.high]
  // The interval matters with stateChangesOnly alone: without it every level passes anyway.
  if (s.stateChangesOnly) props.stateChangesOnly = s.intervalS === 0 ? [] : [seconds(s.intervalS)]
  return props
}

describe('alert operator', () => {
  it('sends what the model sends', () => {
    fc.assert(
      fc.property(
        script,
        fc.array(fc.record({ g: fc.nat(3), v: fc.integer({ min: 0, max: 10 }), skip: fc.nat(3) }), {
          minLength: 1,
          maxLength: 80,
        }),
        fc.constantFrom(1, 7, 1024),
        (s, points, rowsPerChunk) => {
          const given = s.stateChangesOnly ? s : { ...s, intervalS: 0 }
          const models = [0, 1, 2, 3].map(() => new Model(given))
          const b = alertBench(propsOf(s), { dims: ['h'], rowsPerChunk })
          const expected: string[] = []
          const lines: string[] = []
          let t = 0
          for (const p of points) {
            t += p.skip
            lines.push(`m,h=${p.g} v=${p.v} @${t}`)
            const e = models[p.g].point(t, p.v)
            if (e !== null) expected.push(`h=${p.g} ${e.t} ${e.level} ${e.durationNs}`)
          }
          b.feed.rows(b.op, lines)
          const got = b.events().map((e) => `${e.group} ${e.timeNs / 1_000_000_000n} ${e.level} ${e.durationNs}`)
          expect(got).toEqual(expected)
          expect(b.out.out.length).toBe(expected.length)
        },
      ),
      { numRuns: 300 },
    )
  })

  it.each([
    [5, '1 9 1 9 1 9 1 1 1 1 1 1 1 9 9', '0 .425 .2 .7 .725 .725 .725 .75 .525 .475 0 0 0 .425 .225'],
    [21, '1 9 1 9 1 9 1 9 1 9 1 9 1 9', '0 .081 .040 .140 .157 .255 .270 .366 .379 .473 .484 .576 .585 .675'],
  ])('the model gives the recorded shares of change for history %d', (history, values, shares) => {
    const model = new Model({
      levels: [null, null, null, 8],
      resets: [null, null, null, null],
      flapping: null,
      history,
      stateChangesOnly: false,
      intervalS: 0,
      noRecoveries: false,
    })
    const recorded = shares.split(' ').map(Number)
    values.split(' ').forEach((v, t) => {
      model.point(t, Number(v))
      // Recorded shares are cut to three digits.
      expect(Math.abs(model.percentChange() - recorded[t])).toBeLessThan(0.0011)
    })
  })
})
