/**
 * The slot that is being filled, the full ones before it, and a savepoint to go back to. Thread: main.
 *
 *   | copied runs of the body →        | batches (at `close`) |   free   | ← unescaped copies |
 *   0                                used                           place.extra         slotBytes
 *
 * Raw bytes are copied in *runs* of consecutive lines that some task reads; the run that is open starts at `runStart` of the
 * body. Rows wait in stages. Invariant: used + open run + `stagedBytes` (what the stages' batches will take at most) ≤ place.extra.
 */

import type { SlotPool } from '../transport/slots.js'
import { type BatchStage, StagePool } from './batch-stage.js'
import { BatchWriter, type PreparedBatch } from './batch-write.js'
import type { Placement } from './line-scanner.js'
import type { Table } from './table.js'

/** A filled slot, still FILLING. `refs`: shards that have rows in it; `bytes`: how much of it is in use. */
export interface PreparedSlot {
  readonly slot: number
  readonly refs: number
  readonly bytes: number
  readonly batches: readonly PreparedBatch[]
}

const closed = -1

export class SlotFill {
  /** Batches begun since `take`. */
  batches = 0
  private slot = closed
  private used = 0
  private runStart = 0
  private stagedBytes = 0
  private full: PreparedSlot[] = []
  /** Stages with rows in the open slot. */
  private active: BatchStage[] = []
  private readonly stages = new StagePool()
  private readonly writer: BatchWriter
  private readonly savepoint = { id: 0, used: 0, extra: 0, stagedBytes: 0, full: 0, batches: 0 }
  /** Stages that have had rows since the savepoint; each keeps in `markRows` how many it had then. */
  private readonly touched: BatchStage[] = []

  constructor(
    private readonly pool: SlotPool,
    private readonly shards: number,
    /** Shared with the scanner, which writes unescaped copies there. */
    private readonly place: Placement,
  ) {
    this.writer = new BatchWriter(pool.shared.data, shards)
  }

  get isOpen(): boolean {
    return this.slot !== closed
  }

  /** Rows wait in the open slot. */
  get hasRows(): boolean {
    return this.stagedBytes > 0
  }

  /** Rows from before the savepoint wait in the open slot. */
  get isShared(): boolean {
    return this.savepoint.stagedBytes > 0
  }

  get fullSlots(): number {
    return this.full.length
  }

  /** False: no slot is free. */
  open(): boolean {
    this.slot = this.pool.acquire()
    if (this.slot === closed) return false
    const base = this.pool.offsetOf(this.slot)
    this.place.slot = this.pool.bytes.subarray(base, base + this.pool.slotBytes)
    this.place.extra = this.pool.slotBytes
    this.place.floor = 0
    this.used = 0
    this.stagedBytes = 0
    return true
  }

  /** Writes the staged rows as batches behind the raw bytes; the slot is full, or free again if it has no rows. */
  close(): void {
    if (!this.isOpen) return
    const base = this.pool.offsetOf(this.slot)
    const batches: PreparedBatch[] = []
    let at = (this.used + 7) & ~7
    for (const stage of this.active) {
      if (stage.rows > 0) {
        const { batch, end } = this.writer.write(stage, this.slot, base, at)
        batches.push(batch)
        at = end
      }
      this.stages.give(stage)
    }
    this.active = []
    if (batches.length === 0) this.pool.discard(this.slot)
    else {
      let refs = 0
      for (let s = 0; s < this.shards; s++) if (batches.some((x) => x.shardRows[s] > 0)) refs++
      const bytes = at + this.pool.slotBytes - this.place.extra
      this.full.push({ slot: this.slot, refs, bytes, batches })
    }
    this.slot = closed
    this.used = 0
    // A scan that needs no slot must not find rows to copy: the last slot belongs to the shards by now.
    this.stagedBytes = 0
  }

  /** Closes the slot before the line at `pos` and opens another one. False when the append cannot go on in one. */
  next(b: Uint8Array, pos: number): boolean {
    // A slot with earlier appends cannot be taken back, and a line that does not fit alone fits nowhere.
    if (this.isShared || !this.hasRows) return false
    this.copyRun(b, pos)
    this.close()
    this.touched.length = 0
    if (!this.open()) return false
    this.startRun(pos)
    return true
  }

  /** Closes the slot; hands over the full ones and forgets them. */
  take(): readonly PreparedSlot[] {
    this.close()
    const { full } = this
    this.full = []
    this.batches = 0
    return full
  }

  /** The table's stage in the open slot, with room for a row. */
  stageOf(table: Table): BatchStage {
    let { stage } = table
    if (stage === null) {
      stage = this.stages.take()
      stage.attach(table, this.shards)
      table.stage = stage
      this.active.push(stage)
      this.batches++
    } else stage.grow()
    return stage
  }

  /** Keeps the row written behind the stage's rows, of the line that ends before `next`. False: the slot is full. */
  keepRow(stage: BatchStage, next: number): boolean {
    const bytes = this.stagedBytes + stage.rowBytes + (stage.rows === 0 ? stage.fixedBytes : 0)
    if (this.used + (next - this.runStart) + bytes > this.place.extra) return false
    this.stagedBytes = bytes
    if (stage.markId !== this.savepoint.id) {
      stage.markId = this.savepoint.id
      stage.markRows = stage.rows
      this.touched.push(stage)
    }
    stage.rows++
    return true
  }

  /** Undoes a row that was written but not kept; `extra` is where the unescaped copies stood before it. */
  dropRow(stage: BatchStage, extra: number): void {
    stage.clear(stage.rows, stage.rows + 1)
    this.place.extra = extra
  }

  startRun(pos: number): void {
    this.runStart = pos
    this.place.delta = this.used - pos
    this.place.floor = this.used
  }

  /** Copies the open run up to `end`, where the next one starts. */
  copyRun(b: Uint8Array, end: number): void {
    const n = end - this.runStart
    // Without staged rows nothing points into the run.
    if (n > 0 && this.hasRows) {
      this.place.slot.set(b.subarray(this.runStart, end), this.used)
      this.used += n
    }
    this.startRun(end)
  }

  /** Leaves the line [pos, next) out of the run. */
  skipLine(b: Uint8Array, pos: number, next: number): void {
    if (!this.isOpen) return
    if (pos > this.runStart) this.copyRun(b, pos)
    this.startRun(next)
  }

  save(): void {
    const { savepoint } = this
    savepoint.id++
    savepoint.used = this.used
    savepoint.extra = this.place.extra
    savepoint.stagedBytes = this.stagedBytes
    savepoint.full = this.full.length
    savepoint.batches = this.batches
    this.touched.length = 0
  }

  /** Takes back every row since `save`, and the slots filled since then. */
  rollback(): void {
    const { savepoint } = this
    while (this.full.length > savepoint.full) {
      const filled = this.full.pop()
      if (filled !== undefined) this.pool.discard(filled.slot)
      // The slot of the savepoint went with it: what is open now has rows since then only.
      savepoint.used = 0
      savepoint.extra = this.pool.slotBytes
      savepoint.stagedBytes = 0
    }
    for (const s of this.touched) {
      s.clear(s.markRows, s.rows)
      s.rows = s.markRows
    }
    this.used = savepoint.used
    this.batches = savepoint.batches
    this.stagedBytes = savepoint.stagedBytes
    this.place.extra = savepoint.extra
  }
}
