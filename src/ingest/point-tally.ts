/**
 * Points per table of a set of appends, each of which counts wholly or not at all. Thread: main.
 * Invariant between appends: `pending` of every table is 0.
 */
import type { Table } from './table.js'

export class PointTally {
  points = 0
  /** Those of them that no task reads. */
  unmatched = 0
  tables: Table[] = []
  /** By the index of the table in `tables`; a table stands there once per append that had points of it. */
  tablePoints: number[] = []
  private pendingPoints = 0
  private pendingUnmatched = 0
  private readonly pendingTables: Table[] = []

  reset(): void {
    this.points = 0
    this.unmatched = 0
    this.tables = []
    this.tablePoints = []
  }

  add(table: Table, matched: boolean): void {
    if (table.pending++ === 0) this.pendingTables.push(table)
    this.pendingPoints++
    if (!matched) this.pendingUnmatched++
  }

  commit(): void {
    this.points += this.pendingPoints
    this.unmatched += this.pendingUnmatched
    for (const table of this.pendingTables) {
      this.tables.push(table)
      this.tablePoints.push(table.pending)
    }
    this.rollback()
  }

  rollback(): void {
    for (const table of this.pendingTables) table.pending = 0
    this.pendingTables.length = 0
    this.pendingPoints = 0
    this.pendingUnmatched = 0
  }
}
