/** Go's text of a time span (`time.Duration.String`): `0s`, `764ns`, `93.317µs`, `1.5ms`, `2.04s`, `5m0s`, `1h30m0s`. Thread: any. */
const units: readonly (readonly [bigint, string, number])[] = [
  [1_000n, 'ns', 0],
  [1_000_000n, 'µs', 3],
  [1_000_000_000n, 'ms', 6],
]

/** `ns` as a number is cut to whole nanoseconds. */
export function goDuration(ns: bigint | number): string {
  const value = typeof ns === 'bigint' ? ns : BigInt(Math.trunc(ns))
  if (value === 0n) return '0s'
  const sign = value < 0n ? '-' : ''
  const abs = value < 0n ? -value : value
  for (const [below, unit, digits] of units) {
    if (abs < below) return `${sign}${decimal(abs, digits)}${unit}`
  }
  const minutes = abs / 60_000_000_000n
  const seconds = `${decimal(abs % 60_000_000_000n, 9)}s`
  if (minutes === 0n) return sign + seconds
  const hours = minutes / 60n
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`
}

/** value / 10^digits without trailing zeros. */
function decimal(value: bigint, digits: number): string {
  if (digits === 0) return String(value)
  const scale = 10n ** BigInt(digits)
  const frac = String(value % scale)
    .padStart(digits, '0')
    .replace(/0+$/, '')
  return frac === '' ? String(value / scale) : `${value / scale}.${frac}`
}
