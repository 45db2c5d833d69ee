/**
 * The exact path: one line by the letter of line-grammar.ts, staged cell by cell. Thread: main.
 * For lines with escaped keys, odd blanks, exponents and whatever else the fast path does not take, and for all errors.
 */
import { decodeUtf8 } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import { boolAt, EscapeSet, isBlank, LineTokens, textAt } from '../columns/line-tokens.js'
import { compareBytes, hashSeriesTags } from '../transport/routes.js'
import type { BatchStage } from './batch-stage.js'
import { type CheckedLine, checkLine, lineEnd } from './line-grammar.js'
import type { Placement } from './line-scanner.js'
import { asciiAt, setBigInt } from './numbers.js'
import type { Scope, Table } from './table.js'
import type { Tables } from './tables.js'

/** What a stretch of bytes up to an LF turned out to be. */
export const LineResult = { Blank: 0, Staged: 1, Invalid: 2, Full: 3 } as const
export type LineResult = (typeof LineResult)[keyof typeof LineResult]

export class ExactLines {
  /** Behind the line scanned last, its LF included. */
  next = 0
  /** The line without leading blanks and without LF. */
  start = 0
  end = 0
  /** Table of a staged line. */
  table!: Table
  /** Text for an invalid one. */
  error = ''
  private readonly checked: CheckedLine = { fieldsStart: 0, hasTime: false, time: new Int32Array(2) }
  private readonly tokens = new LineTokens()
  private bytes: Uint8Array = new Uint8Array(0)

  constructor(
    private readonly tables: Tables,
    private readonly stageOf: (table: Table) => BatchStage,
    private readonly place: Placement,
  ) {}

  /** Finds and judges the line at `pos`: Blank, Invalid, or Staged for a valid one, which is not staged yet. */
  check(b: Uint8Array, pos: number, end: number, precision: string): LineResult {
    this.end = lineEnd(b, pos, end)
    this.next = this.end + 1
    this.start = pos
    while (this.start < this.end && isBlank(b[this.start])) this.start++
    if (this.start >= this.end || b[this.start] === 35) return LineResult.Blank
    // Only a line that ran into the end of the body, quoted or after a backslash, can end in an LF.
    if (b[this.end - 1] === 10) this.end--
    const reason = checkLine(b, this.start, this.end, precision, this.checked)
    if (reason === '') return LineResult.Staged
    this.error = `unable to parse '${decodeUtf8(b, this.start, this.end - this.start)}': ${reason}`
    return LineResult.Invalid
  }

  /** The first bytes of the line as text. */
  headText(b: Uint8Array): string {
    return decodeUtf8(b, this.start, Math.min(64, this.end - this.start))
  }

  /** Writes the line that `check` found valid as the next row of its table's stage. */
  stage(b: Uint8Array, scope: Scope, defaultTime: Int32Array): LineResult {
    const { tokens, start, end } = this
    this.bytes = b
    tokens.readKey(b, start, end)
    const table = this.tables.byName(scope, textAt(b, start, tokens.nameEnd, EscapeSet.Name))
    this.table = table
    scope.last = table
    if (!table.matched) return LineResult.Staged
    tokens.readFields(b, tokens.keyEnd, end)
    let stage = table.stage
    if (stage === null || stage.rows === stage.capacity) stage = this.stageOf(table)
    const row = stage.rows
    const time = this.checked.hasTime ? this.checked.time : defaultTime
    stage.times[2 * row] = time[0]
    stage.times[2 * row + 1] = time[1]
    stage.lineStarts[row] = start + this.place.delta
    stage.lineLengths[row] = end - start
    for (let i = 0; i < tokens.tagCount; i++) {
      const t = 4 * i
      const column = table.tagColumns.get(textAt(b, tokens.tags[t], tokens.tags[t + 1], EscapeSet.Tag))
      if (column === undefined) continue
      if (!this.putText(tokens.tags[t + 2], tokens.tags[t + 3], EscapeSet.Tag, stage.tags[column], row))
        return LineResult.Full
    }
    for (let i = 0; i < tokens.fieldCount; i++) {
      const f = 5 * i
      const column = table.fieldColumns.get(textAt(b, tokens.fields[f], tokens.fields[f + 1], EscapeSet.Name))
      if (column !== undefined && !this.putField(f, stage, column, row)) return LineResult.Full
    }
    if (table.seriesExcludes.length > 0) this.hashSeries(b, table, stage, row)
    return LineResult.Staged
  }

  private putField(f: number, stage: BatchStage, column: number, row: number): boolean {
    const b = this.bytes
    const { fields } = this.tokens
    const from = fields[f + 2]
    const to = fields[f + 3]
    const kind = fields[f + 4]
    stage.kinds[column][row] = kind
    if (kind === Kind.String) return this.putText(from, to, EscapeSet.String, stage.i32[column], row)
    if (kind === Kind.Bool) stage.i32[column][2 * row] = boolAt(b, from) ? 1 : 0
    else if (kind === Kind.Int) setBigInt(stage.i32[column], 2 * row, BigInt(asciiAt(b, from, to)))
    else stage.f64[column][row] = Number(asciiAt(b, from, to))
    return true
  }

  private putText(from: number, to: number, set: EscapeSet, refs: Int32Array, row: number): boolean {
    const { bytes: b, place } = this
    let escaped = false
    for (let i = from; i < to && !escaped; i++) escaped = b[i] === 92
    if (!escaped) {
      refs[2 * row] = from + place.delta
      refs[2 * row + 1] = to - from
      return true
    }
    const at = place.extra - (to - from)
    if (at < place.floor) return false
    refs[2 * row] = at
    refs[2 * row + 1] = set.unescapeInto(b, from, to, place.slot, at)
    place.extra = at
    return true
  }

  /** As LineScanner.hashSeries: over the unescaped bytes, whatever text they make. */
  private hashSeries(b: Uint8Array, table: Table, stage: BatchStage, row: number): void {
    const { tokens } = this
    const pairs: { name: string; key: Uint8Array; value: Uint8Array }[] = []
    for (let i = 0; i < tokens.tagCount; i++) {
      const t = 4 * i
      const key = unescaped(b, tokens.tags[t], tokens.tags[t + 1])
      const value = unescaped(b, tokens.tags[t + 2], tokens.tags[t + 3])
      pairs.push({ name: decodeUtf8(key, 0, key.length), key, value })
    }
    pairs.sort((x, y) => compareBytes(x.key, y.key))
    for (const [s, exclude] of table.seriesExcludes.entries())
      stage.seriesHashes[s][row] = hashSeriesTags(pairs.filter((p) => !exclude.includes(p.name)))
  }
}

function unescaped(b: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from)
  return out.subarray(0, EscapeSet.Tag.unescapeInto(b, from, to, out, 0))
}
