import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nsOf, spanOf, truncateTo, zeroTimeNs } from '../../../src/columns/time.js'

it('truncates to multiples that are shifted by an offset', () => {
  const out = { ms: 0, sub: 0 }
  const spans = fc.oneof(
    fc.bigInt({ min: 1n, max: 10n ** 12n }),
    fc.integer({ min: 1, max: 100_000 }).map((ms) => BigInt(ms) * 1_000_000n),
  )
  const instants = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })
  const offsets = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n }))
  fc.assert(
    fc.property(instants, spans, offsets, (t, d, offset) => {
      const at = spanOf(t)
      truncateTo(at.ms, at.sub, spanOf(d), spanOf(offset), out)
      const from = t - zeroTimeNs - offset
      expect(nsOf(out.ms, out.sub)).toBe(t - (((from % d) + d) % d))
      expect(out.sub >= 0 && out.sub < 1_000_000).toBe(true)
    }),
  )
})
