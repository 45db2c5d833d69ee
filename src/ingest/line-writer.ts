/**
 * Turns bodies of line protocol into batches in slots. Thread: main.
 *
 *   begin → append (once per body or datagram) … → finish → the engine publishes the batches, or `discard`
 *
 * An append is all or nothing: one bad line, or a lack of slots, takes back every row of it. This file walks over the lines;
 * slot-fill.ts owns the bytes and rows, point-tally.ts the counts, line-scanner.ts and line-slow.ts read a line. Lines of tables
 * that no task reads are validated, counted and left behind, like comments and blanks.
 */

import type { SlotPool } from '../transport/slots.js'
import type { BatchStage } from './batch-stage.js'
import { defaultTime } from './line-grammar.js'
import { LineScanner, notPlain } from './line-scanner.js'
import { ExactLines, LineResult } from './line-slow.js'
import { unitNs } from './numbers.js'
import { PointTally } from './point-tally.js'
import { type PreparedSlot, SlotFill } from './slot-fill.js'
import type { Scope, Table } from './table.js'
import type { Tables } from './tables.js'

export type { PreparedBatch } from './batch-write.js'
export type { PreparedSlot } from './slot-fill.js'

/** To be published (then tell `published`) or given to `discard`; until then its schemas are not forgotten. */
export interface Prepared {
  readonly kind: 'prepared'
  /** Neither published nor discarded yet. */
  open: boolean
  readonly slots: readonly PreparedSlot[]
  /** Points accepted. */
  readonly points: number
  /** Those of them that no task reads; they are in no batch. */
  readonly unmatched: number
  readonly tables: readonly Table[]
  readonly tablePoints: readonly number[]
}

export interface ParseFailure {
  readonly kind: 'failure'
  /** All lines' texts, joined by LF. */
  readonly error: string
}

export const AppendResult = { Ok: 0, Failed: 1, NoSlot: 2 } as const
export type AppendResult = (typeof AppendResult)[keyof typeof AppendResult]

export interface LineWriterOptions {
  readonly pool: SlotPool
  readonly tables: Tables
  readonly shards: number
  /** Longest line accepted; a quarter of a slot by default. */
  readonly maxLineBytes?: number
  /** Most batches that one set can be published with. */
  readonly maxBatches?: number
}

export class LineWriter {
  /** Why the last append failed. */
  error = ''
  private readonly pool: SlotPool
  private readonly tables: Tables
  private readonly maxLineBytes: number
  private readonly maxBatches: number
  private readonly scanner: LineScanner
  private readonly exact: ExactLines
  private readonly fill: SlotFill
  private readonly tally = new PointTally()
  private scope!: Scope
  private precision = 'n'
  /** Some line may have to be staged. */
  private needsSlot = false

  constructor(opts: LineWriterOptions) {
    this.pool = opts.pool
    this.tables = opts.tables
    this.maxLineBytes = opts.maxLineBytes ?? opts.pool.slotBytes >> 2
    this.maxBatches = opts.maxBatches ?? Number.POSITIVE_INFINITY
    const stageOf = (table: Table): BatchStage => this.fill.stageOf(table)
    this.scanner = new LineScanner(opts.tables, stageOf)
    this.exact = new ExactLines(opts.tables, stageOf, this.scanner.place)
    this.fill = new SlotFill(opts.pool, opts.shards, this.scanner.place)
  }

  /** One whole request. `nowNs` is the time of lines without one, before truncation to the precision. */
  scan(
    body: Uint8Array,
    db: string,
    rp: string,
    precision: string,
    nowNs: bigint,
  ): Prepared | ParseFailure | 'no-slot' {
    if (!this.begin(db, rp, precision, nowNs)) return 'no-slot'
    let result: AppendResult
    try {
      result = this.append(body, 0, body.length)
    } catch (err) {
      this.discard(this.finish())
      throw err
    }
    const prepared = this.finish()
    if (result === AppendResult.Ok) return prepared
    return result === AppendResult.NoSlot ? 'no-slot' : { kind: 'failure', error: this.error }
  }

  /** Opens a set of batches for one (db, rp). False: a slot would be needed and none is free. */
  begin(db: string, rp: string, precision: string, nowNs: bigint): boolean {
    this.scope = this.tables.scope(db, rp)
    this.scanner.scope = this.scope
    this.precision = precision
    this.scanner.unit = unitNs(precision)
    defaultTime(nowNs, precision, this.scanner.defaultTime)
    this.tally.reset()
    this.needsSlot = this.tables.hasRoutes(db, rp)
    return !this.needsSlot || this.fill.open()
  }

  /** Adds the lines at [start, end) of `b`, all or none. Failed: see `error`. NoSlot: try again when slots are free. */
  append(b: Uint8Array, start: number, end: number): AppendResult {
    const { fill } = this
    if (!fill.isOpen && this.needsSlot && !fill.open()) return AppendResult.NoSlot
    fill.save()
    const { isShared } = fill
    let result = this.appendLines(b, start, end)
    if (result === AppendResult.NoSlot && isShared) {
      // Earlier appends share the slot: they keep it, and this one starts over in a slot of its own.
      fill.close()
      if (!fill.open()) return AppendResult.NoSlot
      fill.save()
      result = this.appendLines(b, start, end)
    }
    return result
  }

  /** Takes back what failed, or threw. */
  private appendLines(b: Uint8Array, start: number, end: number): AppendResult {
    try {
      const result = this.scanLines(b, start, end)
      if (result === AppendResult.Ok) this.tally.commit()
      else this.rollback()
      return result
    } catch (err) {
      this.dropBegunRow()
      this.rollback()
      throw err
    }
  }

  /** What was appended since `begin`. */
  finish(): Prepared {
    const { tally } = this
    const prepared: Prepared = {
      kind: 'prepared',
      open: true,
      slots: this.fill.take(),
      points: tally.points,
      unmatched: tally.unmatched,
      tables: tally.tables,
      tablePoints: tally.tablePoints,
    }
    const { schemas } = this.tables
    for (const { batches } of prepared.slots) for (const b of batches) schemas.hold(b.schema)
    return prepared
  }

  /** Counts the points of a published set. */
  published(prepared: Prepared): void {
    for (let i = 0; i < prepared.tables.length; i++) prepared.tables[i].points += prepared.tablePoints[i]
    this.close(prepared)
  }

  /** Frees the slots of a set that will not be published. */
  discard(prepared: Prepared): void {
    for (const s of prepared.slots) this.pool.discard(s.slot)
    this.close(prepared)
  }

  private close(prepared: Prepared): void {
    if (!prepared.open) return
    prepared.open = false
    const { schemas } = this.tables
    for (const { batches } of prepared.slots) for (const b of batches) schemas.release(b.schema)
  }

  private rollback(): void {
    this.tally.rollback()
    this.fill.rollback()
  }

  /** What the scanner has written of a row that it did not finish. */
  private dropBegunRow(): void {
    const stage = this.scanner.table?.stage
    if (stage != null && stage.rows < stage.capacity) stage.clear(stage.rows, stage.rows + 1)
  }

  private scanLines(b: Uint8Array, start: number, end: number): AppendResult {
    const { scanner, exact, fill, tally } = this
    const { place } = scanner
    scanner.open(b)
    // The fast path relies on an LF ahead of it.
    let plainEnd = end
    while (plainEnd > start && b[plainEnd - 1] !== 10) plainEnd--
    fill.startRun(start)
    let pos = start
    while (pos < end) {
      let next: number
      let table: Table
      let lineBytes: number
      const extra = place.extra
      const plain = pos < plainEnd ? scanner.scanLine(pos) : notPlain
      if (plain !== notPlain) {
        next = plain
        table = scanner.table
        lineBytes = scanner.lineLength
      } else {
        place.extra = extra
        this.dropBegunRow()
        const verdict = exact.check(b, pos, end, this.precision)
        next = exact.next
        if (verdict === LineResult.Blank) {
          fill.skipLine(b, pos, next)
          pos = next
          continue
        }
        if (verdict === LineResult.Invalid) return this.collectErrors(b, end)
        lineBytes = exact.end - exact.start
        const staged = exact.stage(b, this.scope, scanner.defaultTime)
        table = exact.table
        if (staged === LineResult.Full) {
          if (table.stage !== null) fill.dropRow(table.stage, extra)
          if (!fill.next(b, pos)) return this.fullAt(b, pos, end)
          continue
        }
      }
      if (lineBytes > this.maxLineBytes) {
        if (table.stage !== null) fill.dropRow(table.stage, extra)
        return this.tooLong(b, pos, end)
      }
      const stage = table.stage
      const matched = stage !== null && table.matched
      if (!matched) fill.skipLine(b, pos, next)
      else if (!fill.keepRow(stage, next)) {
        fill.dropRow(stage, extra)
        if (!fill.next(b, pos)) return this.fullAt(b, pos, end)
        continue
      }
      tally.add(table, matched)
      if (fill.batches > this.maxBatches) return this.tooManyBatches()
      pos = next
    }
    fill.copyRun(b, end)
    return AppendResult.Ok
  }

  /** From the invalid line that `exact` holds to the end: the texts of all invalid lines. */
  private collectErrors(b: Uint8Array, end: number): AppendResult {
    const { exact } = this
    const errors = [exact.error]
    let pos = exact.next
    while (pos < end) {
      if (exact.check(b, pos, end, this.precision) === LineResult.Invalid) errors.push(exact.error)
      pos = exact.next
    }
    this.error = errors.join('\n')
    return AppendResult.Failed
  }

  private tooLong(b: Uint8Array, pos: number, end: number): AppendResult {
    this.exact.check(b, pos, end, this.precision)
    const bytes = this.exact.end - this.exact.start
    const head = this.exact.headText(b)
    this.exact.error = `unable to parse '${head}...': line too long: ${bytes} bytes, allowed are ${this.maxLineBytes}`
    return this.collectErrors(b, end)
  }

  /** Each batch is of a table: a request of so many measurements would fit in no ring. */
  private tooManyBatches(): AppendResult {
    if (this.tally.points > 0) return AppendResult.NoSlot
    this.error = `request makes more than ${this.maxBatches} batches: one for each measurement that a task reads`
    return AppendResult.Failed
  }

  /** No further slot: the line fits in none, or none is free. */
  private fullAt(b: Uint8Array, pos: number, end: number): AppendResult {
    if (this.fill.isOpen && !this.fill.hasRows) return this.tooLong(b, pos, end)
    if (this.fill.fullSlots < this.pool.slots) return AppendResult.NoSlot
    this.error = `request too large: it does not fit in ${this.pool.slots} slots of ${this.pool.slotBytes} bytes`
    return AppendResult.Failed
  }
}
