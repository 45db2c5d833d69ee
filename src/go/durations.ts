/**
 * Reads durations as Go does (`1h30m`, `1.5s`): configuration, environment, flags. The way back is go/go-duration.ts.
 * Values are int64 nanoseconds as bigint; `durationMs` is for settings where milliseconds are enough. Thread: any.
 */
const unitNs: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    ns: 1n,
    us: 1_000n,
    µs: 1_000n,
    μs: 1_000n,
    ms: 1_000_000n,
    s: 1_000_000_000n,
    m: 60_000_000_000n,
    h: 3_600_000_000_000n,
  }),
)

/** Parses a Go duration; throws an Error with Go's text. */
export function parseGoDuration(text: string): bigint {
  const m = /^([-+]?)(.*)$/s.exec(text)!
  const rest = m[2]
  if (rest === '0') return 0n
  const part = /(\d*)(?:\.(\d*))?([a-zµμ]*)/gy
  let total = 0n
  let at = 0
  if (rest === '') throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
  while (at < rest.length) {
    part.lastIndex = at
    const p = part.exec(rest)
    if (p === null || (p[1] === '' && (p[2] ?? '') === '')) {
      throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
    }
    if (p[3] === '') throw new Error(`time: missing unit in duration ${JSON.stringify(text)}`)
    const unit = unitNs.get(p[3])
    if (unit === undefined) {
      throw new Error(`time: unknown unit ${JSON.stringify(p[3])} in duration ${JSON.stringify(text)}`)
    }
    total += BigInt(p[1] === '' ? 0 : p[1]) * unit
    const fraction = p[2] ?? ''
    if (fraction !== '') total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length)
    at = part.lastIndex
  }
  return m[1] === '-' ? -total : total
}

/** As far as timers go (24 days): a longer time would be over at once. */
export function timerMs(ms: number): number {
  return Math.min(ms, 2 ** 31 - 1)
}

export function durationMs(text: string): number {
  return Number(parseGoDuration(text)) / 1e6
}
