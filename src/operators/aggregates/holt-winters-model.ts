/**
 * The Holt-Winters method with a damped trend and multiplicative seasons, as the original computes it (spec nodes 5.3). Every
 * digit depends on the order of its operations: evaluating a point of the simplex clamps and overwrites that very point.
 * Pure numbers. Thread: any.
 *
 *   parameters   α β γ φ l₀ b₀ s₀ … s₍ₘ₋₁₎
 */

/** Places of the parameters. */
const ALPHA = 0
const BETA = 1
const GAMMA = 2
const PHI = 3
const LEVEL = 4
const TREND = 5
const SEASONS = 6

const guesses = [0.3, 0.7]
const maxIterations = 1000
const epsilon = 1e-4
/** Powers of φ with small exponents are tabled per evaluation. */
const tableBits = 5
const tableSize = 1 << tableBits

export class HoltWinters {
  /** Fitted values of `count` observations, then the forecasts. */
  fitted: Float64Array = new Float64Array(64)
  private values: Float64Array = new Float64Array(0)
  private count = 0
  private season = 0
  private readonly squares = new Float64Array(64)
  private readonly powers = new Float64Array(tableSize)

  /**
   * Fits the model to values[0 … count) (NaN: missing, the first is not) and forecasts `ahead` more into `fitted`. `season` < 2:
   * none; else there must be as many values.
   */
  forecast(values: Float64Array, count: number, season: number, ahead: number): void {
    this.values = values
    this.count = count
    this.season = season < 2 ? 0 : season
    const start = this.start()
    let best: Float64Array | null = null
    let least = Number.POSITIVE_INFINITY
    for (const alpha of guesses) {
      for (const beta of guesses) {
        for (const gamma of guesses) {
          for (const phi of guesses) {
            start[ALPHA] = alpha
            start[BETA] = beta
            start[GAMMA] = gamma
            start[PHI] = phi
            const found = minimise((v) => this.error(v), start)
            if (best !== null && !(found.value < least)) continue
            least = found.value
            best = found.vertex
          }
        }
      }
    }
    if (this.fitted.length < count + ahead) this.fitted = new Float64Array(count + ahead)
    this.fit(best!, count + ahead, this.fitted)
  }

  /** First guesses of level, trend and seasons. */
  private start(): Float64Array {
    const { values: y, count, season: m } = this
    const start = new Float64Array(SEASONS + m)
    if (m === 0) {
      start[LEVEL] = 0.5 * y[0]
      start[TREND] = Number.isNaN(y[1]) ? 0 : 0.5 * (y[1] - y[0])
      return start
    }
    let level = 0
    for (let i = 0; i < m; i++) if (!Number.isNaN(y[i])) level += (1 / m) * y[i]
    let trend = 0
    for (let i = 0; i < m && m + i < count; i++) {
      if (!Number.isNaN(y[i]) && !Number.isNaN(y[m + i])) trend += (1 / (m * m)) * (y[m + i] - y[i])
    }
    start[LEVEL] = level
    start[TREND] = trend
    for (let i = 0; i < m; i++) start[SEASONS + i] = Number.isNaN(y[i]) ? 0 : y[i] / level
    return start
  }

  /** Sum of the squared errors of the values that are there; a fit that is no number is infinitely bad. */
  private error(parameters: Float64Array): number {
    const { values: y, count } = this
    if (this.fitted.length < count) this.fitted = new Float64Array(count)
    const fitted = this.fitted
    this.fit(parameters, count, fitted)
    let sum = 0
    for (let i = 0; i < count; i++) {
      if (Number.isNaN(y[i])) continue
      if (Number.isNaN(fitted[i])) return Number.POSITIVE_INFINITY
      const difference = fitted[i] - y[i]
      sum += difference * difference
    }
    return sum
  }

  /** Writes `n` values of the model. Clamps α … φ and leaves the last seasons in `p`. */
  private fit(p: Float64Array, n: number, out: Float64Array): void {
    for (let i = ALPHA; i <= PHI; i++) {
      if (p[i] > 1) p[i] = 1
      if (p[i] < 0) p[i] = 0
    }
    const m = this.season
    const alpha = p[ALPHA]
    const beta = p[BETA]
    const gamma = p[GAMMA]
    const phi = p[PHI]
    let level = p[LEVEL]
    let trend = p[TREND]
    let value = this.values[0]
    let damping = phi
    this.tablePowers(phi, n)
    let growing = true
    out[0] = value
    // The ring's place of time t is (2t − 2) mod m, the season of the result lies t mod m further.
    let at = 0
    let ahead = m === 0 ? 0 : 1 % m
    for (let t = 1; t < n; t++) {
      let season = 1
      let nextSeason = 1
      if (m !== 0) {
        season = p[SEASONS + at]
        const j = at + ahead
        nextSeason = p[SEASONS + (j >= m ? j - m : j)]
      }
      const damped = level + phi * trend
      const newLevel = alpha * (value / season) + (1 - alpha) * damped
      const newTrend = beta * (newLevel - level) + (1 - beta) * phi * trend
      const newSeason = gamma * (value / damped) + (1 - gamma) * season
      value = (newLevel + damping * newTrend) * nextSeason
      level = newLevel
      trend = newTrend
      if (growing) {
        const power = this.power(t)
        damping += power
        // Far too small to change the sum, and so are all that follow.
        growing = phi === 1 || power > damping * 1e-20
      }
      if (m !== 0) {
        p[SEASONS + at] = newSeason
        at += 2
        if (at >= m) at -= m
        if (++ahead === m) ahead = 0
      }
      out[t] = value
    }
  }

  /** φ to the powers 0 … tableSize − 1, and to the powers of two up to n. */
  private tablePowers(phi: number, n: number): void {
    const { squares, powers } = this
    let square = phi
    for (let bit = 0; bit < 31 && 2 ** bit <= Math.max(n, tableSize); bit++) {
      squares[bit] = square
      square *= square
    }
    powers[0] = 1
    // The factors of a power are multiplied from the lowest bit up: the highest is the last.
    for (let t = 1; t < tableSize; t++) {
      const bit = 31 - Math.clz32(t)
      powers[t] = powers[t - (1 << bit)] * squares[bit]
    }
  }

  private power(t: number): number {
    let power = this.powers[t & (tableSize - 1)]
    let rest = t >> tableBits
    for (let bit = tableBits; rest !== 0; bit++, rest >>= 1) if ((rest & 1) === 1) power *= this.squares[bit]
    return power
  }
}

/**
 * Nelder and Mead's simplex method: reflection 1, expansion 2, contraction ½. `f` may change the vertex it is given. The vertex
 * is the best one before a last evaluation of `f`, which gives the value.
 */
function minimise(f: (vertex: Float64Array) => number, start: Float64Array): { vertex: Float64Array; value: number } {
  const n = start.length
  const simplex = firstSimplex(start)
  const values = new Float64Array(n + 1)
  for (let i = 0; i <= n; i++) values[i] = f(simplex[i])
  const centre = new Float64Array(n)
  const reflected = new Float64Array(n)
  const other = new Float64Array(n)
  for (let round = 0; round < maxIterations; round++) {
    let worst = 0
    let best = 0
    for (let i = 0; i <= n; i++) {
      if (values[i] > values[worst]) worst = i
      if (values[i] < values[best]) best = i
    }
    let second = best
    for (let i = 0; i <= n; i++) if (values[i] > values[second] && values[i] < values[worst]) second = i
    const bad = simplex[worst]
    for (let k = 0; k < n; k++) {
      let sum = 0
      for (let i = 0; i <= n; i++) if (i !== worst) sum += simplex[i][k]
      centre[k] = sum / n
      reflected[k] = centre[k] + (centre[k] - bad[k])
    }
    const atReflected = f(reflected)
    if (atReflected < values[second] && atReflected >= values[best]) {
      bad.set(reflected)
      values[worst] = atReflected
    }
    if (atReflected < values[best]) {
      for (let k = 0; k < n; k++) other[k] = centre[k] + 2 * (reflected[k] - centre[k])
      const atOther = f(other)
      const further = atOther < atReflected
      bad.set(further ? other : reflected)
      values[worst] = further ? atOther : atReflected
    }
    if (atReflected >= values[second]) {
      const outside = atReflected < values[worst]
      for (let k = 0; k < n; k++) {
        other[k] = outside ? centre[k] + 0.5 * (reflected[k] - centre[k]) : centre[k] - 0.5 * (centre[k] - bad[k])
      }
      const atOther = f(other)
      if (atOther < values[worst]) {
        bad.set(other)
        values[worst] = atOther
      } else {
        shrink(simplex, best)
        // Only these two are evaluated again, the others keep the values of before.
        values[worst] = f(simplex[worst])
        values[second] = f(simplex[second])
      }
    }
    if (deviation(values) < epsilon) break
  }
  let best = 0
  for (let i = 0; i <= n; i++) if (values[i] < values[best]) best = i
  const vertex = simplex[best].slice()
  return { vertex, value: f(simplex[best]) }
}

function firstSimplex(start: Float64Array): Float64Array[] {
  const n = start.length
  const own = (Math.sqrt(n + 1) - 1 + n) / (n * Math.SQRT2)
  const others = (Math.sqrt(n + 1) - 1) / (n * Math.SQRT2)
  const simplex = [start.slice()]
  for (let i = 0; i < n; i++) simplex.push(start.map((v, k) => (k === i ? own : others) + v))
  return simplex
}

/** Moves all vertices halfway to the best. */
function shrink(simplex: Float64Array[], best: number): void {
  const to = simplex[best]
  for (const vertex of simplex) {
    if (vertex === to) continue
    for (let k = 0; k < to.length; k++) vertex[k] = to[k] + (vertex[k] - to[k]) / 2
  }
}

function deviation(values: Float64Array): number {
  let sum = 0
  for (const v of values) sum += v
  const mean = sum / values.length
  let squares = 0
  for (const v of values) squares += ((v - mean) * (v - mean)) / (values.length - 1)
  return Math.sqrt(squares)
}
