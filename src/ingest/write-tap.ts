/**
 * Copies of published points for those who record them. Thread: main. Costs one comparison per write while nobody listens; of
 * a point of a recorded measurement the name and the time are read once more, and what stands at unusual places is taken
 * apart as a whole.
 */
import { EscapeSet, isBlank, LineTokens, textAt } from '../columns/line-tokens.js'
import { type CheckedLine, checkLine, defaultTime, lineEnd } from './line-grammar.js'
import { asciiAt, unitNs } from './numbers.js'

/** Where a point was written to. */
export interface TapTarget {
  readonly db: string
  readonly rp: string
}

/** A body as its lines need to know it. `unit`: ns per unit of the precision. */
interface TappedBody extends TapTarget {
  readonly precision: string
  readonly unit: bigint
}

export interface TapListener {
  readonly dbrps: readonly TapTarget[]
  /** null: every measurement. */
  readonly measurements: readonly string[] | null
  /** The point without its time is b[start … end), valid during the call only. */
  point(to: TapTarget, b: Uint8Array, start: number, end: number, timeNs: bigint): void
  /** All points of a body were given. */
  flush(): void
}

const keyOf = (db: string, rp: string): string => `${db}\0${rp}`
const hash = 35
const lineFeed = 10
const blank = 32
const doubleQuote = 34
const comma = 44
const minus = 45
const zero = 48
const nine = 57
const backslash = 92

export class WriteTap {
  private readonly listeners = new Map<string, Set<TapListener>>()
  private readonly tokens = new LineTokens()
  private readonly checked: CheckedLine = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  private readonly now = new Int32Array(2)

  constructor(
    /** A listener failed. The points are published; whoever wrote them does not hear of it. */
    private readonly failed: (err: unknown) => void,
  ) {}

  /** Pairs of (db, rp) that someone listens to. */
  get size(): number {
    return this.listeners.size
  }

  wants(db: string, rp: string): boolean {
    return this.listeners.size > 0 && this.listeners.has(keyOf(db, rp))
  }

  add(listener: TapListener): void {
    for (const { db, rp } of listener.dbrps) {
      const found = this.listeners.get(keyOf(db, rp))
      if (found === undefined) this.listeners.set(keyOf(db, rp), new Set([listener]))
      else found.add(listener)
    }
  }

  remove(listener: TapListener): void {
    for (const { db, rp } of listener.dbrps) {
      const found = this.listeners.get(keyOf(db, rp))
      found?.delete(listener)
      if (found?.size === 0) this.listeners.delete(keyOf(db, rp))
    }
  }

  /** A body that was published. `nowNs` is the time of its lines without one. */
  published(db: string, rp: string, precision: string, nowNs: bigint, body: Uint8Array): void {
    const found = this.listeners.get(keyOf(db, rp))
    if (found === undefined) return
    defaultTime(nowNs, precision, this.now)
    try {
      // A listener may leave while it gets points.
      this.tell([...found], { db, rp, precision, unit: BigInt(unitNs(precision)) }, body)
    } catch (err) {
      this.failed(err)
    }
  }

  private tell(listeners: readonly TapListener[], source: TappedBody, body: Uint8Array): void {
    const names = namesOf(listeners)
    // The next bytes that can carry a line over a line feed.
    let quoteAt = -1
    let escapeAt = -1
    for (let pos = 0; pos < body.length; ) {
      let start = pos
      let end = next(body, lineFeed, pos)
      if (quoteAt < pos) quoteAt = next(body, doubleQuote, pos)
      if (escapeAt < pos) escapeAt = next(body, backslash, pos)
      const isPlain = quoteAt >= end && escapeAt >= end
      if (!isPlain) end = lineEnd(body, pos, body.length)
      pos = end + 1
      while (start < end && isBlank(body[start])) start++
      if (start >= end || body[start] === hash) continue
      if (body[end - 1] === lineFeed) end--
      if (escapeAt >= end && names !== null && !startsWithOne(body, start, end, names)) continue
      this.line(listeners, source, body, start, end)
    }
    for (const l of listeners) l.flush()
  }

  private line(listeners: readonly TapListener[], source: TappedBody, b: Uint8Array, start: number, end: number): void {
    const { tokens, checked } = this
    let name: string | null = null
    let time: bigint | null = null
    let fieldsEnd = end
    for (const l of listeners) {
      if (l.measurements !== null) {
        name ??= this.nameOf(b, start, end)
        if (!l.measurements.includes(name)) continue
      }
      if (time === null) {
        const digits = digitsStart(b, start, end)
        if (digits > 0) {
          time = BigInt(asciiAt(b, digits, end)) * source.unit
          fieldsEnd = digits - 1
        } else {
          if (checkLine(b, start, end, source.precision, checked) !== '') return
          tokens.readKey(b, start, end)
          fieldsEnd = tokens.readFields(b, tokens.keyEnd, end)
          time = int64(checked.hasTime ? checked.time : this.now)
        }
      }
      l.point(source, b, start, fieldsEnd, time)
    }
  }

  private nameOf(b: Uint8Array, start: number, end: number): string {
    this.tokens.readKey(b, start, end)
    return textAt(b, start, this.tokens.nameEnd, EscapeSet.Name)
  }
}

/** Where `byte` comes next, or the end. */
function next(b: Uint8Array, byte: number, from: number): number {
  const at = b.indexOf(byte, from)
  return at < 0 ? b.length : at
}

/** The measurements that some listener wants, as written without escapes; null: every line is to be looked at. */
function namesOf(listeners: readonly TapListener[]): Uint8Array[] | null {
  const names = new Set<string>()
  for (const l of listeners) {
    if (l.measurements === null) return null
    for (const m of l.measurements) names.add(m)
  }
  return [...names].map((n) => Buffer.from(n))
}

/** Whether the line, which has no escapes before its end, is of one of these measurements. */
function startsWithOne(b: Uint8Array, start: number, end: number, names: readonly Uint8Array[]): boolean {
  for (const n of names) {
    const behind = b[start + n.length]
    if (start + n.length >= end || (behind !== comma && behind !== blank)) continue
    let i = 0
    while (i < n.length && b[start + i] === n[i]) i++
    if (i === n.length) return true
  }
  return false
}

/**
 * Where the time of a valid line begins that ends in one, right behind a single blank; 0 for all others. A field's value
 * cannot look so: digits behind a blank at the end of a line are the time.
 */
function digitsStart(b: Uint8Array, start: number, end: number): number {
  let i = end
  while (i > start && b[i - 1] >= zero && b[i - 1] <= nine) i--
  if (i === end) return 0
  if (b[i - 1] === minus) i--
  return b[i - 1] === blank && !isBlank(b[i - 2]) && b[i - 2] !== backslash ? i : 0
}

function int64(words: Int32Array): bigint {
  return (BigInt(words[1]) << 32n) | BigInt(words[0] >>> 0)
}
