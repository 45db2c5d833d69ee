/**
 * The fast path: one line of a known shape, without surprises. Thread: main.
 *
 * `scanLine` validates a line, looks up its table and writes its cells as the next row of the table's stage, or answers
 * `notPlain` having changed nothing but cells beyond the stage's rows (the caller clears them): line-slow.ts then decides.
 * It must agree with line-grammar.ts on everything it accepts. Every loop stops at LF, and the caller guarantees one before
 * the end of `bytes`.
 */
import { Kind } from '../columns/kinds.js'
import { EscapeSet } from '../columns/line-tokens.js'
import { fnvOffset, fnvPrime, mixHash } from '../transport/routes.js'
import type { BatchStage } from './batch-stage.js'
import { asciiAt, negate, pow10, setBigInt, setProduct } from './numbers.js'
import { matchesKey, ShapeFinder, type ShapeNode } from './shapes.js'
import type { Scope, Table } from './table.js'
import type { Tables } from './tables.js'

export const notPlain = -1

/** Bytes at which the loop over a tag value (bit 1) or a string (bit 2) stops. */
const stops = new Uint8Array(256)
for (const c of [10, 32, 44, 61, 92]) stops[c] |= 1
for (const c of [10, 34, 92]) stops[c] |= 2

const maxKeyBytes = 65000
const maxTags = 512

/** Where the bytes of the line go: filled in by line-writer.ts for each run of lines. */
export interface Placement {
  /** Slot offset minus position in the body, for bytes copied with the run. */
  delta: number
  /** The slot's bytes; unescaped copies are written below `extra`, downwards. */
  slot: Uint8Array
  extra: number
  /** Lowest `extra` may become; below, the slot is full. */
  floor: number
}

export class LineScanner {
  scope!: Scope
  /** ns per unit of the request's precision. */
  unit = 1
  readonly defaultTime = new Int32Array(2)
  readonly place: Placement = { delta: 0, slot: new Uint8Array(0), extra: 0, floor: 0 }
  /** Of the line scanned last. */
  table!: Table
  /** Length of the line scanned last without its LF. */
  lineLength = 0
  private readonly shapes: ShapeFinder
  /** Per tag of the line: value start, value end. */
  private readonly tagRanges = new Int32Array(2 * maxTags)

  constructor(
    private readonly tables: Tables,
    /** Gives a matched table a stage with room for a row. */
    private readonly stageOf: (table: Table) => BatchStage,
  ) {
    this.shapes = new ShapeFinder(() => tables.chargeShape())
  }

  open(bytes: Uint8Array): void {
    this.shapes.open(bytes)
  }

  /** Scans the line at `start`; returns the position behind its LF, or `notPlain`. */
  scanLine(start: number): number {
    const b = this.shapes.bytes
    const view = this.shapes.view
    const wordsEnd = b.length
    const table = this.tableAt(start)
    if (table === null) return notPlain
    this.table = table
    const matched = table.matched
    let stage: BatchStage | null = null
    let row = 0
    if (matched) {
      stage = table.stage
      if (stage === null || stage.rows === stage.capacity) stage = this.stageOf(table)
      row = stage.rows
    }
    const { delta } = this.place
    let node: ShapeNode = table.shape!
    let p = this.nameEnd
    let escaped = false
    let tagCount = 0
    const ranges = this.tagRanges
    while (b[p] === 44) {
      p++
      let child = node.tagChild
      if (child === null || p + 4 * child.words.length > wordsEnd || !matchesKey(child, view, p)) {
        child = this.shapes.find(table, node, true, p)
        if (child === null) return notPlain
      }
      node = child
      p += child.length
      const from = p
      let c = b[p]
      // An '=' as the first byte of a value is legal; leave it to the exact rules.
      while ((stops[c] & 1) === 0) c = b[++p]
      let valueEscaped = false
      while (c === 92) {
        const next = b[p + 1]
        if (next === 92 || next === 10) return notPlain
        valueEscaped = true
        p += 2
        c = b[p]
        while ((stops[c] & 1) === 0) c = b[++p]
      }
      if ((c !== 44 && c !== 32) || p === from || tagCount === maxTags) return notPlain
      ranges[2 * tagCount] = from
      ranges[2 * tagCount + 1] = p
      tagCount++
      if (child.column >= 0) {
        const refs = stage!.tags[child.column]
        if (valueEscaped) {
          const length = this.unescaped(from, p, EscapeSet.Tag)
          if (length < 0) return notPlain
          refs[2 * row] = this.place.extra
          refs[2 * row + 1] = length
        } else {
          refs[2 * row] = delta + from
          refs[2 * row + 1] = p - from
        }
      }
      escaped ||= valueEscaped
    }
    if (p - start > maxKeyBytes) return notPlain
    const lastTag = node
    // Here b[p] is the blank behind the key part.
    let c: number
    do {
      p++
      let child = node.fieldChild
      if (child === null || p + 4 * child.words.length > wordsEnd || !matchesKey(child, view, p)) {
        child = this.shapes.find(table, node, false, p)
        if (child === null) return notPlain
      }
      node = child
      p += child.length
      const column = child.column
      const from = p
      c = b[p]
      if ((c >= 48 && c <= 57) || c === 45 || c === 46) {
        const negative = c === 45
        if (negative) c = b[++p]
        let digits = p
        let mantissa = 0
        let fraction = -1
        if (column >= 0) {
          while (c >= 48 && c <= 57) {
            mantissa = mantissa * 10 + (c - 48)
            c = b[++p]
          }
          digits = p - digits
          if (c === 46) {
            const dot = p
            c = b[++p]
            while (c >= 48 && c <= 57) {
              mantissa = mantissa * 10 + (c - 48)
              c = b[++p]
            }
            fraction = p - dot - 1
            digits += fraction
          }
        } else {
          while (c >= 48 && c <= 57) c = b[++p]
          digits = p - digits
          if (c === 46) {
            const dot = p
            c = b[++p]
            while (c >= 48 && c <= 57) c = b[++p]
            fraction = p - dot - 1
            digits += fraction
          }
        }
        if (digits === 0) return notPlain
        if (c === 105) {
          if (fraction >= 0 || digits > 18) return notPlain
          c = b[++p]
          if (column >= 0) {
            const i32 = stage!.i32[column]
            if (digits <= 15) {
              setProduct(i32, 2 * row, mantissa, 1, 0)
              if (negative) negate(i32, 2 * row)
            } else setBigInt(i32, 2 * row, BigInt(asciiAt(b, from, p - 1)))
            stage!.kinds[column][row] = Kind.Int
          }
        } else if (c === 101 || c === 69) {
          const to = this.exponent(p)
          if (to < 0) return notPlain
          const v = Number(asciiAt(b, from, to))
          if (!Number.isFinite(v)) return notPlain
          p = to
          c = b[p]
          if (column >= 0) {
            stage!.f64[column][row] = v
            stage!.kinds[column][row] = Kind.Float
          }
        } else {
          if (p - from >= 25) return notPlain
          if (column >= 0) {
            let v: number
            // Both operands are exact, so the one rounding of the division is the right one.
            if (digits <= 15) v = fraction > 0 ? mantissa / pow10[fraction] : mantissa
            else v = Number(asciiAt(b, negative ? from + 1 : from, p))
            stage!.f64[column][row] = negative ? -v : v
            stage!.kinds[column][row] = Kind.Float
          }
        }
      } else if (c === 34) {
        c = b[++p]
        while ((stops[c] & 2) === 0) c = b[++p]
        let valueEscaped = false
        while (c === 92) {
          if (b[p + 1] === 10) return notPlain
          valueEscaped = true
          p += 2
          c = b[p]
          while ((stops[c] & 2) === 0) c = b[++p]
        }
        if (c !== 34) return notPlain
        if (column >= 0) {
          const i32 = stage!.i32[column]
          if (valueEscaped) {
            const length = this.unescaped(from + 1, p, EscapeSet.String)
            if (length < 0) return notPlain
            i32[2 * row] = this.place.extra
            i32[2 * row + 1] = length
          } else {
            i32[2 * row] = delta + from + 1
            i32[2 * row + 1] = p - from - 1
          }
          stage!.kinds[column][row] = Kind.String
        }
        c = b[++p]
      } else {
        p = this.boolean(p)
        if (p < 0) return notPlain
        c = b[p]
        if (column >= 0) {
          stage!.i32[column][2 * row] = b[from] === 116 || b[from] === 84 ? 1 : 0
          stage!.kinds[column][row] = Kind.Bool
        }
      }
    } while (c === 44)
    let timed = false
    let head = 0
    let tail = 0
    let tailDigits = 0
    if (c === 32) {
      c = b[++p]
      const from = p
      while (c >= 48 && c <= 57 && p - from < 10) {
        head = head * 10 + (c - 48)
        c = b[++p]
      }
      const second = p
      while (c >= 48 && c <= 57) {
        tail = tail * 10 + (c - 48)
        c = b[++p]
      }
      tailDigits = p - second
      timed = p > from
      if (tailDigits > 9) return notPlain
      while (c === 32) c = b[++p]
    }
    if (c !== 10) return notPlain
    if (timed) {
      const scale = pow10[tailDigits]
      if ((head * scale + tail) * this.unit > 9.223372036854771e18) return notPlain
      if (matched) {
        // Only one of the two factors differs from 1 for all sensible times; both would need 128 bits.
        if (this.unit === 1) setProduct(stage!.times, 2 * row, head, scale, tail)
        else if (head * scale < 4.5e15) setProduct(stage!.times, 2 * row, head * scale + tail, this.unit, 0)
        else return notPlain
      }
    } else if (matched) {
      stage!.times[2 * row] = this.defaultTime[0]
      stage!.times[2 * row + 1] = this.defaultTime[1]
    }
    this.lineLength = p - start
    if (matched) {
      stage!.lineStarts[row] = delta + start
      stage!.lineLengths[row] = p - start
      if (table.seriesExcludes.length > 0) this.hashSeries(table, stage!, row, lastTag, escaped)
    }
    return p + 1
  }

  /** End of the measurement found by `tableAt`. */
  private nameEnd = 0

  private tableAt(start: number): Table | null {
    const b = this.shapes.bytes
    const { scope } = this
    const { last } = scope
    const guess = last === null ? null : last.follower
    if (guess !== null) {
      const raw = guess.raw!
      let i = 0
      while (i < raw.length && b[start + i] === raw[i]) i++
      const c = b[start + i]
      if (i === raw.length && (c === 44 || c === 32)) {
        this.nameEnd = start + i
        const table = this.tables.use(guess)
        // It may have been forgotten meanwhile.
        if (table !== guess) last!.follower = table.raw === null ? null : table
        scope.last = table
        return table
      }
    }
    let p = start
    let c = b[p]
    // '#' opens a comment, ',' misses the measurement, blanks lead: all for the exact rules.
    if (c <= 32 || c === 35 || c === 44) return null
    while (c !== 44 && c !== 32 && c !== 10 && c !== 92) c = b[++p]
    if (c === 10 || c === 92) return null
    this.nameEnd = p
    const table = this.tables.byBytes(scope, b, start, p)
    if (last !== null) last.follower = table.raw === null ? null : table
    scope.last = table
    return table
  }

  /** Writes an unescaped copy below `extra`. -1: the slot is full. */
  private unescaped(from: number, to: number, set: EscapeSet): number {
    const { place } = this
    const at = place.extra - (to - from)
    if (at < place.floor) return -1
    place.extra = at
    return set.unescapeInto(this.shapes.bytes, from, to, place.slot, at)
  }

  /** End of the exponent whose 'e' is at `p`, -1 when there is none. */
  private exponent(p: number): number {
    const b = this.shapes.bytes
    p++
    if (b[p] === 43 || b[p] === 45) p++
    const from = p
    while (b[p] >= 48 && b[p] <= 57) p++
    return p > from ? p : -1
  }

  /** End of the boolean at `p`, -1 when it is none. */
  private boolean(p: number): number {
    const b = this.shapes.bytes
    const c = b[p]
    if (c !== 116 && c !== 84 && c !== 102 && c !== 70) return -1
    let to = p + 1
    while (b[to] > 57 && to - p < 6) to++
    if (to === p + 1) return to
    const text = asciiAt(b, p, to)
    return text === 'true' ||
      text === 'false' ||
      text === 'True' ||
      text === 'False' ||
      text === 'TRUE' ||
      text === 'FALSE'
      ? to
      : -1
  }

  private hashSeries(table: Table, stage: BatchStage, row: number, lastTag: ShapeNode, escaped: boolean): void {
    const b = this.shapes.bytes
    const sorted = lastTag.sortedTags()
    for (let s = 0; s < table.seriesExcludes.length; s++) {
      const skip = table.seriesExcludes[s]
      let h = fnvOffset
      for (let t = 0; t < sorted.length; t++) {
        const tag = sorted[t]
        if (skip.length > 0 && tag.isNamed(skip)) continue
        const { key } = tag
        for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key[i], fnvPrime)
        h = Math.imul(h ^ 61, fnvPrime)
        const to = this.tagRanges[2 * tag.ordinal + 1]
        for (let i = this.tagRanges[2 * tag.ordinal]; i < to; i++) {
          let c = b[i]
          if (escaped && c === 92 && i + 1 < to && isTagEscape(b[i + 1])) c = b[++i]
          h = Math.imul(h ^ c, fnvPrime)
        }
        h = Math.imul(h, fnvPrime)
      }
      stage.seriesHashes[s][row] = mixHash(h)
    }
  }
}

function isTagEscape(c: number): boolean {
  return c === 44 || c === 32 || c === 61
}
