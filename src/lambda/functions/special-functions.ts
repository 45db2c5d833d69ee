/**
 * erf, gamma and the Bessel functions in double precision. Sources: Abramowitz & Stegun, Handbook of Mathematical Functions
 * (7.1.6 and 7.1.14 for erf, 6.1.34 and 6.1.40 for gamma, 9.1.46, 9.1.88, 9.1.89, 9.2.5 – 9.2.10 and 9.12 for Bessel). Thread: any.
 */

const twoOverSqrtPi = 1.1283791670955126
const euler = 0.5772156649015329

/** Σ form of erf for |x| below 2.5: all terms positive, no cancellation. */
function erfSeries(x: number): number {
  const xx = x * x
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-18; n++) {
    term *= (2 * xx) / (2 * n + 1)
    sum += term
  }
  return twoOverSqrtPi * Math.exp(-xx) * sum
}

/** Continued fraction of erfc for x ≥ 1, evaluated from the far end. */
function erfcFraction(x: number): number {
  const depth = Math.ceil(20 + 220 / (x * x))
  let f = x
  for (let k = depth; k >= 1; k--) f = x + k / 2 / f
  // exp(-x²) with x split in two: the rounding of x² would cost digits.
  const head = Math.fround(x)
  const exp = Math.exp(-head * head) * Math.exp(-(x - head) * (x + head))
  return exp / (f * Math.sqrt(Math.PI))
}

export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  if (a < 1.5) return x === 0 ? x : erfSeries(x)
  return Math.sign(x) * (1 - erfcFraction(a))
}

export function erfc(x: number): number {
  if (Number.isNaN(x)) return x
  if (x < 0.5) return 1 - erf(x)
  if (x > 27.5) return 0
  return x < 1.5 ? erfcMiddle(x) : erfcFraction(x)
}

/** 1 − erf loses at most two bits here; Taylor around the nearer of 0.75 and 1.25 keeps them. */
function erfcMiddle(x: number): number {
  const c = x < 1 ? 0.75 : 1.25
  const base = x < 1 ? 0.28884436634648486 : 0.07709987174354177
  const h = x - c
  // Derivatives of erfc: −2/√π · e^(−c²) · H_n(c) · (−1)^n.
  let hermite0 = 1
  let hermite1 = 2 * c
  let power = h
  let sum = power
  for (let n = 1; n < 40; n++) {
    power *= -h / (n + 1)
    const term = power * hermite1
    sum += term
    const next = 2 * c * hermite1 - 2 * n * hermite0
    hermite0 = hermite1
    hermite1 = next
  }
  return base - twoOverSqrtPi * Math.exp(-c * c) * sum
}

/** Stirling's series of ln Γ, x ≥ 15: terms of the Bernoulli numbers over 2k(2k−1)x^(2k−1). */
const stirling = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]

export function gamma(x: number): number {
  if (Number.isNaN(x) || x === Infinity) return x
  if (x === -Infinity) return Number.NaN
  if (x === 0) return Object.is(x, -0) ? -Infinity : Infinity
  if (x < 0) {
    if (Number.isInteger(x)) return Number.NaN
    if (x < -184) return Math.floor(x) % 2 === 0 ? 0 : -0
    // sin πx from the distance to the nearest integer, where π times it is accurate.
    const near = Math.round(x)
    const sine = Math.sin(Math.PI * (x - near)) * (near % 2 === 0 ? 1 : -1)
    return Math.PI / (sine * gamma(1 - x))
  }
  if (x > 171.61447887182297) return Infinity
  if (Number.isInteger(x) && x <= 171) {
    let f = 1
    for (let k = 2; k < x; k++) f *= k
    return f
  }
  // Raised to y ≥ 15, where the series converges to the last bit.
  let product = 1
  let y = x
  while (y < 15) {
    product *= y
    y += 1
  }
  let series = 0
  const yy = 1 / (y * y)
  for (let k = stirling.length - 1; k >= 0; k--) series = series * yy + stirling[k]
  // y^(y − 1/2) in two factors: the whole power overflows before Γ does.
  const half = y ** (y / 2 - 0.25)
  return (Math.sqrt(2 * Math.PI) * half * Math.exp(-y) * half * Math.exp(series / y)) / product
}

/** Above this the asymptotic expansions have full precision for orders 0 and 1. */
const asymptoticFrom = 25

/** Hankel's expansion: amplitude terms P and Q of order n at x. */
function hankel(n: number, x: number): { p: number; q: number } {
  const mu = 4 * n * n
  let term = 1
  let p = 1
  let q = 0
  for (let k = 1; k < 40; k++) {
    const odd = 2 * k - 1
    const next = (term * (mu - odd * odd)) / (8 * k * x)
    if (Math.abs(next) > Math.abs(term) || Math.abs(next) < 1e-18) break
    term = next
    // Signs go + − − + in pairs.
    if (k % 2 === 1) q += k % 4 === 1 ? term : -term
    else p += k % 4 === 0 ? term : -term
  }
  return { p, q }
}

/** cos and sin of x − nπ/2 − π/4 from those of x, so that no digits of a large x are lost. */
function phase(n: number, x: number): { c: number; s: number } {
  const sin = Math.sin(x)
  const cos = Math.cos(x)
  return n === 0
    ? { c: (cos + sin) * Math.SQRT1_2, s: (sin - cos) * Math.SQRT1_2 }
    : { c: (sin - cos) * Math.SQRT1_2, s: -(sin + cos) * Math.SQRT1_2 }
}

/** J_0 … J_top at x > 0 by downward recurrence, normalised with 1 = J_0 + 2 Σ J_2k (Miller). */
function downward(top: number, x: number): Float64Array {
  let start = Math.max(top, Math.ceil(x)) + 30 + Math.ceil(6 * Math.cbrt(Math.max(x, top)))
  start += start % 2
  const j = new Float64Array(start + 2)
  j[start] = 1e-300
  let sum = 0
  for (let k = start; k > 0; k--) {
    j[k - 1] = ((2 * k) / x) * j[k] - j[k + 1]
    if (Math.abs(j[k - 1]) > 1e200) {
      for (let i = k - 1; i <= start; i++) j[i] *= 1e-200
    }
  }
  for (let k = start; k > 0; k -= 2) sum += j[k]
  const norm = 1 / (j[0] + 2 * sum)
  for (let k = 0; k <= start; k++) j[k] *= norm
  return j
}

export function j0(x: number): number {
  return besselJ(0, x)
}

export function j1(x: number): number {
  return besselJ(1, x)
}

function besselJ(n: 0 | 1, x: number): number {
  if (Number.isNaN(x)) return x
  if (!Number.isFinite(x)) return 0
  if (x === 0) return n === 0 ? 1 : 0
  const a = Math.abs(x)
  let v: number
  if (a >= asymptoticFrom) {
    const { p, q } = hankel(n, a)
    const { c, s } = phase(n, a)
    v = Math.sqrt(2 / (Math.PI * a)) * (p * c - q * s)
  } else if (a < 1) v = ascending(n, a)
  else v = downward(n, a)[n]
  return n === 1 && x < 0 ? -v : v
}

/** The power series (9.1.10): for small x, where it converges at once and recurrence would overflow. */
function ascending(n: number, x: number): number {
  let term = 1
  for (let k = 1; k <= n; k++) term *= x / 2 / k
  let sum = term
  const step = (-x * x) / 4
  for (let k = 1; Math.abs(term) > Math.abs(sum) * 1e-18; k++) {
    term *= step / (k * (k + n))
    sum += term
  }
  return sum
}

/** Recurrences take one step per order: higher ones would hold up the shard. */
const maxOrder = 10_000

/** Order n of an int argument; J_−n = (−1)^n J_n. NaN for orders above 10,000 that are not far above x. */
export function jn(n: number, x: number): number {
  if (Number.isNaN(x)) return x
  if (!Number.isFinite(x)) return 0
  const order = Math.abs(n)
  if (order > maxOrder) return order > 2 * Math.abs(x) ? 0 : Number.NaN
  const flip = (n < 0 ? order % 2 === 1 : false) !== (x < 0 && order % 2 === 1)
  const v = jnPositive(order, Math.abs(x))
  return flip ? -v : v
}

function jnPositive(n: number, x: number): number {
  if (n === 0) return j0(x)
  if (n === 1) return j1(x)
  if (x === 0) return 0
  if (x < 1) return n > 400 ? 0 : ascending(n, x)
  if (n <= x && x >= asymptoticFrom) return forward(n, x, j0(x), j1(x))
  // Far above x the function is below the smallest double.
  if (n > 2 * x + 1000) return 0
  return downward(n, x)[n]
}

/** f_(k+1) = 2k/x · f_k − f_(k−1), stable upward while k ≤ x, always for Y. */
function forward(n: number, x: number, f0: number, f1: number): number {
  let a = f0
  let b = f1
  for (let k = 1; k < n; k++) {
    const next = ((2 * k) / x) * b - a
    a = b
    b = next
    if (!Number.isFinite(b)) return b
  }
  return b
}

export function y0(x: number): number {
  return besselY(0, x)
}

export function y1(x: number): number {
  return besselY(1, x)
}

function besselY(n: 0 | 1, x: number): number {
  if (x < 0 || Number.isNaN(x)) return Number.NaN
  if (x === Infinity) return 0
  if (x === 0) return -Infinity
  if (x >= asymptoticFrom) {
    const { p, q } = hankel(n, x)
    const { c, s } = phase(n, x)
    return Math.sqrt(2 / (Math.PI * x)) * (p * s + q * c)
  }
  const log = Math.log(x / 2) + euler
  if (x < 1) return n === 0 ? smallY0(x, log) : smallY1(x, log)
  const j = downward(2, x)
  if (n === 0) {
    let sum = 0
    for (let k = 2; k < j.length; k += 2) sum += ((k / 2) % 2 === 0 ? -1 : 1) * (j[k] / (k / 2))
    return (2 / Math.PI) * (log * j[0] + 2 * sum)
  }
  // The derivative of the sum above: Y_1 = −Y_0'.
  let sum = 0
  for (let k = 2; k + 1 < j.length; k += 2) {
    const slope = (j[k - 1] - j[k + 1]) / 2
    sum += ((k / 2) % 2 === 0 ? -1 : 1) * (slope / (k / 2))
  }
  return (2 / Math.PI) * (log * j[1] - j[0] / x - 2 * sum)
}

/** Series with harmonic numbers (9.1.13). */
function smallY0(x: number, log: number): number {
  const step = (-x * x) / 4
  let term = 1
  let harmonic = 0
  let sum = 0
  for (let k = 1; k < 30; k++) {
    term *= step / (k * k)
    harmonic += 1 / k
    sum -= term * harmonic
  }
  return (2 / Math.PI) * (log * ascending(0, x) + sum)
}

/** Series with harmonic numbers (9.1.11). */
function smallY1(x: number, log: number): number {
  const step = (-x * x) / 4
  let term = x / 2
  let harmonic = 0
  let sum = 0
  for (let k = 0; k < 30; k++) {
    sum += term * (2 * harmonic + 1 / (k + 1))
    harmonic += 1 / (k + 1)
    term *= step / ((k + 1) * (k + 2))
  }
  return (2 * log * ascending(1, x) - 2 / x - sum) / Math.PI
}

/** As jn; Y_−n = (−1)^n Y_n. */
export function yn(n: number, x: number): number {
  if (x < 0 || Number.isNaN(x)) return Number.NaN
  if (x === Infinity) return 0
  const order = Math.abs(n)
  const flip = n < 0 && order % 2 === 1
  if (x === 0) return flip ? Infinity : -Infinity
  if (order > maxOrder) return order > 2 * x ? (flip ? Infinity : -Infinity) : Number.NaN
  const v = order === 0 ? y0(x) : order === 1 ? y1(x) : forward(order, x, y0(x), y1(x))
  return flip ? -v : v
}
