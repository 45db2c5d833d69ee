/**
 * Instants without BigInt on the data path: whole milliseconds since the epoch in a double (`ms`, exact) and the
 * remaining nanoseconds in an int (`sub`, 0 … 999 999). ns = ms · 1e6 + sub; (ms, sub) orders lexicographically.
 * Alignment counts from 0001-01-01T00:00:00Z, as in the original. Thread: any.
 */

/** Milliseconds from 0001-01-01T00:00:00Z to the Unix epoch. */
export const zeroTimeMs = 62135596800000

/** Zero time in ns relative to the epoch (negative; year 1 UTC, outside int64). */
export const zeroTimeNs = -62135596800n * 1_000_000_000n

/** A span split like an instant; `sub` has 0 … 999 999 and `ms` carries the sign. */
export interface Span {
  readonly ms: number
  readonly sub: number
  readonly ns: bigint
}

export function spanOf(ns: bigint): Span {
  let ms = ns / 1_000_000n
  let sub = ns - ms * 1_000_000n
  if (sub < 0n) {
    sub += 1_000_000n
    ms -= 1n
  }
  return { ms: Number(ms), sub: Number(sub), ns }
}

export function nsOf(ms: number, sub: number): bigint {
  return BigInt(ms) * 1_000_000n + BigInt(sub)
}

/** Splits an int64 (two words) into `ms`; `subOf` gives the rest. No BigInt. */
export function msOf(lo: number, hi: number): number {
  const ns = hi * 4294967296 + (lo >>> 0)
  let ms = Math.floor(ns / 1e6)
  // The double quotient may be off by one near a boundary; the exact remainder decides (arithmetic modulo 2^32).
  const rem = (lo - Math.imul(ms | 0, 1_000_000)) | 0
  if (rem < 0) ms--
  else if (rem >= 1_000_000) ms++
  return ms
}

export function subOf(lo: number, ms: number): number {
  return (lo - Math.imul(ms | 0, 1_000_000)) | 0
}

/** a modulo b in [0, b), for whole numbers below 2^52. Doubles have no fast `%`: it is a call of the C library. */
export function modulo(a: number, b: number): number {
  const rest = a - Math.floor(a / b) * b
  // The quotient may have been rounded up to a whole number.
  return rest < 0 ? rest + b : rest
}

/** trunc(t, d) of spec nodes 1.1 for d > 0, result in [ms, sub]. d that is whole milliseconds needs no BigInt. */
export function truncate(ms: number, sub: number, d: Span, out: { ms: number; sub: number }): void {
  if (d.ns <= 0n) {
    out.ms = ms
    out.sub = sub
  } else if (d.sub === 0) {
    out.ms = ms - modulo(ms + zeroTimeMs, d.ms)
    out.sub = 0
  } else {
    const abs = nsOf(ms, sub) - zeroTimeNs
    const rem = ((abs % d.ns) + d.ns) % d.ns
    const s = spanOf(nsOf(ms, sub) - rem)
    out.ms = s.ms
    out.sub = s.sub
  }
}

/** The latest instant at or before t that is a multiple of d away from the zero time plus `offset`, for d > 0. */
export function truncateTo(ms: number, sub: number, d: Span, offset: Span, out: { ms: number; sub: number }): void {
  const below = sub < offset.sub
  truncate(ms - offset.ms - (below ? 1 : 0), sub - offset.sub + (below ? 1_000_000 : 0), d, out)
  const above = out.sub + offset.sub >= 1_000_000
  out.ms += offset.ms + (above ? 1 : 0)
  out.sub += offset.sub - (above ? 1_000_000 : 0)
}

/** round(t, d) of spec nodes 1.1: nearest multiple, exact halves go later. */
export function round(ms: number, sub: number, d: Span, out: { ms: number; sub: number }): void {
  if (d.ns <= 0n) {
    out.ms = ms
    out.sub = sub
    return
  }
  const t = nsOf(ms, sub)
  const abs = t - zeroTimeNs
  const rem = ((abs % d.ns) + d.ns) % d.ns
  const s = spanOf(rem + rem < d.ns ? t - rem : t + (d.ns - rem))
  out.ms = s.ms
  out.sub = s.sub
}

/** RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut. Years 0001 … 9999. */
export function formatRfc3339(ms: number, sub: number): string {
  const iso = new Date(ms).toISOString()
  const base = iso.slice(0, -5)
  const frac = iso.slice(-4, -1) + String(sub).padStart(6, '0')
  const cut = frac.replace(/0+$/, '')
  return cut === '' ? `${base}Z` : `${base}.${cut}Z`
}

/** Nanoseconds since the epoch of a text that formatRfc3339 wrote. */
export function rfc3339Ns(text: string): bigint {
  const dot = text.indexOf('.')
  const ms = Date.parse(dot < 0 ? text : `${text.slice(0, dot)}Z`)
  const nanos = dot < 0 ? '0' : text.slice(dot + 1, -1).padEnd(9, '0')
  return BigInt(ms) * 1_000_000n + BigInt(nanos)
}
