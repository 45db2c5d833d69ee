/**
 * Turns bodies of line protocol into batches in slots. Thread: main.
 *
 *   begin → append (once per body or datagram) … → finish → the engine publishes the batches, or `discard`
 *
 * An append is all or nothing: one bad line, or a lack of slots, takes back every row of it. The slot being filled:
 *
 *   | copied runs of the body →        | batches (at finish) |   free   | ← unescaped copies |
 *   0                            slotPos                           extra             slotBytes
 *
 * Raw bytes are copied in runs of consecutive lines that some task reads; lines of other tables are validated, counted and
 * left behind, like comments and blanks. Rows wait in stages, `stagedBytes` is what their batches will take at most; it always fits.
 */
import type { BatchStage } from './batch-stage.js'
import { StagePool } from './batch-stage.js'
import { type PreparedBatch, type SlotViews, writeBatch } from './batch-write.js'
import { defaultTime } from './line-grammar.js'
import { LineScanner, notPlain } from './line-scanner.js'
import { ExactLines, LineResult } from './line-slow.js'
import { unitNs } from './numbers.js'
import type { SlotPool } from './slots.js'
import type { Scope, Table, Tables } from './tables.js'

export type { PreparedBatch } from './batch-write.js'

/** A filled slot, still FILLING. `refs`: shards that have rows in it; `bytes`: how much of it is in use. */
export interface PreparedSlot {
  readonly slot: number
  readonly refs: number
  readonly bytes: number
  readonly batches: readonly PreparedBatch[]
}

/** To be published (then tell `published`) or given to `discard`; until then its tables are not forgotten. */
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
}

export class LineWriter {
  /** Why the last append failed. */
  error = ''
  private readonly pool: SlotPool
  private readonly tables: Tables
  private readonly shards: number
  private readonly maxLineBytes: number
  private readonly views: SlotViews
  private readonly scanner: LineScanner
  private readonly exact: ExactLines
  private readonly stages = new StagePool()
  private active: BatchStage[] = []

  private scope!: Scope
  private precision = 'n'
  /** Some line may have to be staged. */
  private needsSlot = false
  private slot = -1
  private slotPos = 0
  private stagedBytes = 0
  private filled: PreparedSlot[] = []
  private points = 0
  private unmatched = 0
  private counted: Table[] = []
  private countedPoints: number[] = []

  private runStart = 0
  /** State at the start of the current append. */
  private mark = 0
  private markSlotPos = 0
  private markExtra = 0
  private markStaged = 0
  private markFilled = 0
  private markCommitted = false
  private touched: BatchStage[] = []
  private pendingTables: Table[] = []
  private appendPoints = 0
  private appendUnmatched = 0

  constructor(opts: LineWriterOptions) {
    this.pool = opts.pool
    this.tables = opts.tables
    this.shards = opts.shards
    this.maxLineBytes = opts.maxLineBytes ?? opts.pool.slotBytes >> 2
    const data = opts.pool.shared.data
    this.views = {
      u8: opts.pool.bytes,
      i32: new Int32Array(data),
      u32: new Uint32Array(data),
      f64: new Float64Array(data),
    }
    const stageOf = (table: Table): BatchStage => this.stageOf(table)
    this.scanner = new LineScanner(opts.tables, stageOf)
    this.exact = new ExactLines(opts.tables, stageOf, this.scanner.place)
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
    const result = this.append(body, 0, body.length)
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
    this.points = 0
    this.unmatched = 0
    this.counted = []
    this.countedPoints = []
    this.filled = []
    this.needsSlot = this.tables.hasRoutes(db, rp)
    return !this.needsSlot || this.openSlot()
  }

  /** Adds the lines at [start, end) of `b`, all or none. Failed: see `error`. NoSlot: try again when slots are free. */
  append(b: Uint8Array, start: number, end: number): AppendResult {
    if (this.slot < 0 && this.needsSlot && !this.openSlot()) return AppendResult.NoSlot
    this.setMark()
    let result = this.scanLines(b, start, end)
    if (result === AppendResult.NoSlot && this.markCommitted) {
      // Earlier appends share the slot: they keep it, and this one starts over in a slot of its own.
      this.rollback()
      this.closeSlot()
      if (!this.openSlot()) return AppendResult.NoSlot
      this.setMark()
      result = this.scanLines(b, start, end)
    }
    if (result === AppendResult.Ok) this.commit()
    else this.rollback()
    return result
  }

  /** What was appended since `begin`. */
  finish(): Prepared {
    this.closeSlot()
    const prepared: Prepared = {
      kind: 'prepared',
      open: true,
      slots: this.filled,
      points: this.points,
      unmatched: this.unmatched,
      tables: this.counted,
      tablePoints: this.countedPoints,
    }
    this.filled = []
    for (const t of prepared.tables) t.held++
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
    for (const t of prepared.tables) t.held--
  }

  private scanLines(b: Uint8Array, start: number, end: number): AppendResult {
    const { scanner, exact } = this
    const { place } = scanner
    scanner.open(b)
    // The fast path relies on an LF ahead of it.
    let plainEnd = end
    while (plainEnd > start && b[plainEnd - 1] !== 10) plainEnd--
    this.startRun(start)
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
        const stage = scanner.table?.stage
        if (stage != null && stage.rows < stage.capacity) stage.clear(stage.rows, stage.rows + 1)
        const verdict = exact.check(b, pos, end, this.precision)
        next = exact.next
        if (verdict === LineResult.Blank) {
          this.skipRun(b, pos, next)
          pos = next
          continue
        }
        if (verdict === LineResult.Invalid) return this.collectErrors(b, end)
        lineBytes = exact.end - exact.start
        const staged = exact.stage(b, this.scope, scanner.defaultTime)
        table = exact.table
        if (staged === LineResult.Full) {
          this.dropRow(table.stage!, extra)
          if (!this.nextSlot(b, pos)) return this.fullAt(b, pos, end)
          continue
        }
      }
      if (lineBytes > this.maxLineBytes) {
        if (table.stage !== null) this.dropRow(table.stage, extra)
        return this.tooLong(b, pos, end)
      }
      if (table.pending++ === 0) this.pendingTables.push(table)
      const stage = table.stage
      if (stage === null || !table.matched) {
        this.appendUnmatched++
        this.skipRun(b, pos, next)
      } else {
        const bytes = this.stagedBytes + stage.rowBytes + (stage.rows === 0 ? stage.fixedBytes : 0)
        if (this.slotPos + (next - this.runStart) + bytes > place.extra) {
          table.pending--
          this.dropRow(stage, extra)
          if (!this.nextSlot(b, pos)) return this.fullAt(b, pos, end)
          continue
        }
        this.stagedBytes = bytes
        if (stage.markId !== this.mark) {
          stage.markId = this.mark
          stage.markRows = stage.rows
          this.touched.push(stage)
        }
        stage.rows++
      }
      this.appendPoints++
      pos = next
    }
    this.copyRun(b, end)
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

  /** No further slot: the line fits in none, or none is free. */
  private fullAt(b: Uint8Array, pos: number, end: number): AppendResult {
    if (this.slot >= 0 && this.stagedBytes === 0) return this.tooLong(b, pos, end)
    if (this.filled.length < this.pool.slots) return AppendResult.NoSlot
    this.error = `request too large: it does not fit in ${this.pool.slots} slots of ${this.pool.slotBytes} bytes`
    return AppendResult.Failed
  }

  private stageOf(table: Table): BatchStage {
    let { stage } = table
    if (stage === null) {
      stage = this.stages.take()
      stage.attach(table, this.shards)
      table.stage = stage
      this.active.push(stage)
    } else stage.grow()
    return stage
  }

  private dropRow(stage: BatchStage, extra: number): void {
    stage.clear(stage.rows, stage.rows + 1)
    this.scanner.place.extra = extra
  }

  private openSlot(): boolean {
    this.slot = this.pool.acquire()
    if (this.slot < 0) return false
    const base = this.pool.offsetOf(this.slot)
    const { place } = this.scanner
    place.slot = this.views.u8.subarray(base, base + this.pool.slotBytes)
    place.extra = this.pool.slotBytes
    place.floor = 0
    this.slotPos = 0
    this.stagedBytes = 0
    return true
  }

  /** Writes the staged rows as batches behind the raw bytes and adds the slot to the filled ones. */
  private closeSlot(): void {
    if (this.slot < 0) return
    const base = this.pool.offsetOf(this.slot)
    const batches: PreparedBatch[] = []
    let at = (this.slotPos + 7) & ~7
    for (const stage of this.active) {
      if (stage.rows > 0) at = writeBatch(stage, this.views, this.slot, base, at, this.shards, batches)
      this.stages.give(stage)
    }
    this.active = []
    if (batches.length === 0) this.pool.discard(this.slot)
    else {
      let refs = 0
      for (let s = 0; s < this.shards; s++) if (batches.some((x) => x.shardRows[s] > 0)) refs++
      const bytes = at + this.pool.slotBytes - this.scanner.place.extra
      this.filled.push({ slot: this.slot, refs, bytes, batches })
    }
    this.slot = -1
    this.slotPos = 0
    // A scan that needs no slot must not find rows to copy: the last slot belongs to the shards by now.
    this.stagedBytes = 0
  }

  /** Closes the slot before the line at `pos` and opens another one. False when the append cannot go on here. */
  private nextSlot(b: Uint8Array, pos: number): boolean {
    if (this.markCommitted) return false
    // Not even alone in a slot.
    if (this.stagedBytes === 0) return false
    this.copyRun(b, pos)
    this.closeSlot()
    this.touched.length = 0
    if (!this.openSlot()) return false
    this.startRun(pos)
    return true
  }

  private startRun(pos: number): void {
    this.runStart = pos
    this.scanner.place.delta = this.slotPos - pos
    this.scanner.place.floor = this.slotPos
  }

  private copyRun(b: Uint8Array, end: number): void {
    const n = end - this.runStart
    // Nothing staged: nothing points into the run.
    if (n > 0 && this.stagedBytes > 0) {
      this.scanner.place.slot.set(b.subarray(this.runStart, end), this.slotPos)
      this.slotPos += n
    }
    this.startRun(end)
  }

  /** Leaves the line [pos, next) out of the run. */
  private skipRun(b: Uint8Array, pos: number, next: number): void {
    if (this.slot < 0) return
    if (pos > this.runStart) this.copyRun(b, pos)
    this.startRun(next)
  }

  private setMark(): void {
    this.mark++
    this.markSlotPos = this.slotPos
    this.markExtra = this.scanner.place.extra
    this.markStaged = this.stagedBytes
    this.markFilled = this.filled.length
    this.markCommitted = this.stagedBytes > 0
    this.touched.length = 0
    this.appendPoints = 0
    this.appendUnmatched = 0
  }

  private commit(): void {
    this.points += this.appendPoints
    this.unmatched += this.appendUnmatched
    for (const t of this.pendingTables) {
      if (t.pending > 0) {
        this.counted.push(t)
        this.countedPoints.push(t.pending)
      }
      t.pending = 0
    }
    this.pendingTables.length = 0
  }

  private rollback(): void {
    for (const t of this.pendingTables) t.pending = 0
    this.pendingTables.length = 0
    while (this.filled.length > this.markFilled) {
      this.pool.discard(this.filled.pop()!.slot)
      // The slot in which the append began went with it: what is open now belongs to the append alone.
      this.markSlotPos = 0
      this.markExtra = this.pool.slotBytes
      this.markStaged = 0
    }
    for (const s of this.touched) {
      s.clear(s.markRows, s.rows)
      s.rows = s.markRows
    }
    this.slotPos = this.markSlotPos
    this.stagedBytes = this.markStaged
    this.scanner.place.extra = this.markExtra
  }
}
