/**
 * A table: what lines of one (db, rp, measurement) are encoded as and where they go. Thread: main. Tables (tables.ts) makes
 * them, brings them up to date with the routes and forgets them.
 */

import type { BatchSchema } from '../columns/batch-layout.js'
import type { BatchStage, StagedTable, TableRoute } from './batch-stage.js'
import type { ShapeNode } from './shapes.js'

/** Most tables that are ever seen are read by nobody: what those have costs memory. */
export const noColumns: ReadonlyMap<string, number> = new Map()

export class Table implements StagedTable {
  /** Points accepted while the table is remembered. */
  points = 0
  /** Points of the append being scanned. */
  pending = 0
  /** When a write had a line of it last, and when the search for stale tables came by last (clock of Tables). */
  lastUsed = 0
  seen = 0
  /** Index in the TableClock that holds it. */
  place = -1
  /** The next table of the scope with the same hash of the raw name. */
  sibling: Table | null = null
  forgotten = false
  epoch = -1
  schema: BatchSchema | null = null
  routes: readonly TableRoute[] = []
  /** Distinct `exclude` lists of the 'series' routes; the scanner keeps one hash per row and list. */
  seriesExcludes: readonly (readonly string[])[] = []
  /** By name; a table that no task reads has none. */
  tagColumns = noColumns
  fieldColumns = noColumns
  /** Known sequences of tag and field keys; null until the first line after a change of columns. */
  shape: ShapeNode | null = null
  shapeEpoch = -1
  /** The table of the line after this one, last time. */
  follower: Table | null = null
  /** Staged rows of the slot being filled, see batch-stage.ts. */
  stage: BatchStage | null = null

  constructor(
    readonly id: number,
    readonly scope: Scope,
    readonly name: string,
    /** Name bytes as written, when they need no escapes; null otherwise. */
    readonly raw: Uint8Array | null,
    readonly rawHash: number,
  ) {}

  get matched(): boolean {
    return this.routes.length > 0
  }

  /** Bytes of memory that the names take, roughly. */
  get nameBytes(): number {
    return 2 * this.name.length + (this.raw?.length ?? 0)
  }
}

/** The tables of one (db, rp). */
export class Scope {
  readonly byName = new Map<string, Table>()
  /** Chains of tables (`sibling`) by hash of the raw name. */
  private readonly byHash = new Map<number, Table>()
  last: Table | null = null

  constructor(
    readonly db: string,
    readonly rp: string,
  ) {}

  add(table: Table): void {
    this.byName.set(table.name, table)
    if (table.raw === null) return
    table.sibling = this.byHash.get(table.rawHash) ?? null
    this.byHash.set(table.rawHash, table)
  }

  remove(table: Table): void {
    this.byName.delete(table.name)
    if (this.last === table) this.last = null
    if (table.raw === null) return
    const first = this.byHash.get(table.rawHash)
    if (first !== table) {
      let before = first
      while (before !== undefined && before.sibling !== table) before = before.sibling ?? undefined
      if (before !== undefined) before.sibling = table.sibling
    } else if (table.sibling !== null) this.byHash.set(table.rawHash, table.sibling)
    else this.byHash.delete(table.rawHash)
    table.sibling = null
  }

  /** The table of a name written without escapes, if it is known. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): Table | undefined {
    let t = this.byHash.get(hash) ?? null
    while (t !== null && !sameBytes(t.raw, bytes, start, end)) t = t.sibling
    return t ?? undefined
  }
}

function sameBytes(raw: Uint8Array | null, bytes: Uint8Array, start: number, end: number): boolean {
  if (raw === null || raw.length !== end - start) return false
  for (let i = 0; i < raw.length; i++) if (raw[i] !== bytes[start + i]) return false
  return true
}

/** Steps of one search: it happens within a write. */
const maxSteps = 64

/**
 * Tables in a circle, with a hand that looks for stale ones: those not used since it came by last (the "second chance"
 * algorithm). Adding, removing and searching cost a bounded number of steps, however many tables there are.
 */
export class TableClock {
  private readonly tables: Table[] = []
  private hand = 0

  get size(): number {
    return this.tables.length
  }

  [Symbol.iterator](): IterableIterator<Table> {
    return this.tables.values()
  }

  add(table: Table): void {
    table.place = this.tables.length
    this.tables.push(table)
  }

  remove(table: Table): void {
    const last = this.tables.pop()
    if (last === undefined || last === table) return
    this.tables[table.place] = last
    last.place = table.place
  }

  /** null: there is none, or none within a few steps. A table used `now` is never stale. */
  stale(now: number): Table | null {
    const steps = Math.min(maxSteps, this.tables.length)
    for (let i = 0; i < steps; i++) {
      if (this.hand >= this.tables.length) this.hand = 0
      const table = this.tables[this.hand]
      // The hand stays: another table takes the place of one that is removed.
      if (table.lastUsed === table.seen && table.lastUsed !== now) return table
      table.seen = table.lastUsed
      this.hand++
    }
    return null
  }
}
