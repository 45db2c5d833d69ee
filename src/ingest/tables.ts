/**
 * The tables (db, rp, measurement) that lines were seen for, with the columns to encode and the routes to follow. Thread: main.
 *
 * Columns and routes of a table are worked out when it is first used after `setRoutes`. A table keeps its schema id as long
 * as its columns stay the same. At most `cap` tables are remembered; beyond, the longest unused ones are forgotten, those
 * without routes first.
 */
import { decodeUtf8 } from '../columns/column.js'
import { fnvOffset, fnvPrime, type Route } from '../route/routes.js'
import type { BatchSchema } from './batch-layout.js'
import { isPrivateDb, publicDb } from './private-db.js'
import { ShapeNode } from './shapes.js'

/** Names that the tasks reading a table want encoded, each as a tag and as a field. */
export type Reads = (db: string, rp: string, measurement: string) => readonly string[]

/** A route as the scanner follows it. */
export interface TableRoute {
  readonly route: Route
  /** 'tags': the columns of the partition tags, in tag order. */
  readonly columns: readonly number[]
  /** 'series': which of the table's series hashes this route uses; -1 otherwise. */
  readonly seriesHash: number
}

export interface TablesOptions {
  /** Most tables remembered. */
  readonly cap?: number
  /** A schema is about to be used for the first time. */
  readonly onSchema?: (schema: BatchSchema) => void
  /** A table was forgotten: its schema will not be used again. */
  readonly onForget?: (schema: BatchSchema) => void
}

export class Table {
  /** Points accepted, ever. */
  points = 0
  /** Points of the append being scanned. */
  pending = 0
  /** Prepared sets with rows of the table that are not published yet. */
  held = 0
  lastUsed = 0
  epoch = -1
  schema: BatchSchema | null = null
  routes: readonly TableRoute[] = []
  /** Distinct `exclude` lists of the 'series' routes; the scanner keeps one hash per row and list. */
  seriesExcludes: readonly (readonly string[])[] = []
  readonly tagColumns = new Map<string, number>()
  readonly fieldColumns = new Map<string, number>()
  /** Known sequences of tag and field keys; null until the first line after a change of columns. */
  shape: ShapeNode | null = null
  shapeEpoch = -1
  /** The table of the line after this one, last time. */
  follower: Table | null = null
  /** Staged rows of the slot being filled, see batch-stage.ts. */
  stage: import('./batch-stage.js').BatchStage | null = null

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
}

/** The tables of one (db, rp). */
export class Scope {
  readonly byName = new Map<string, Table>()
  /** Chains of tables by hash of the raw name. */
  readonly byHash = new Map<number, Table[]>()
  last: Table | null = null

  constructor(
    readonly db: string,
    readonly rp: string,
  ) {}
}

const encoder = new TextEncoder()
const maxShapeNodes = 1 << 17

export class Tables {
  private readonly cap: number
  private readonly onSchema: (schema: BatchSchema) => void
  private readonly onForget: (schema: BatchSchema) => void
  private readonly byDb = new Map<string, Map<string, Scope>>()
  private readonly routes = new Map<string, Route[]>()
  private reads: Reads = () => []
  private epoch = 0
  private tables = 0
  private nextTable = 1
  private nextSchema = 1
  private clock = 0
  private shapeNodes = 0
  private shapeEpoch = 0
  private forgetAt: number
  private pruneAt: number
  private scopeCount = 0
  private current: Scope | null = null

  constructor(opts: TablesOptions = {}) {
    this.cap = opts.cap ?? 100_000
    this.forgetAt = this.cap
    this.pruneAt = this.cap
    this.onSchema = opts.onSchema ?? (() => {})
    this.onForget = opts.onForget ?? (() => {})
  }

  /** Replaces the routes. Takes effect with the next line scanned. */
  setRoutes(routes: readonly Route[], reads: Reads): void {
    this.routes.clear()
    for (const r of routes) {
      const list = this.routes.get(scopeKey(r.db, r.rp))
      if (list === undefined) this.routes.set(scopeKey(r.db, r.rp), [r])
      else list.push(r)
    }
    this.reads = reads
    this.epoch++
  }

  /** Tables remembered now. */
  get size(): number {
    return this.tables
  }

  /** Pairs of (db, rp) remembered now. */
  get scopes(): number {
    return this.scopeCount
  }

  *[Symbol.iterator](): IterableIterator<Table> {
    for (const byRp of this.byDb.values()) for (const scope of byRp.values()) yield* scope.byName.values()
  }

  /** Points per table, for `ingress`. */
  ingress(): { db: string; rp: string; measurement: string; points: number }[] {
    const out: { db: string; rp: string; measurement: string; points: number }[] = []
    for (const t of this) {
      if (t.points > 0 && !isPrivateDb(t.scope.db))
        out.push({ db: t.scope.db, rp: t.scope.rp, measurement: t.name, points: t.points })
    }
    return out
  }

  hasRoutes(db: string, rp: string): boolean {
    return this.routes.has(scopeKey(db, rp))
  }

  scope(db: string, rp: string): Scope {
    this.clock++
    let byRp = this.byDb.get(db)
    if (byRp === undefined) {
      byRp = new Map()
      this.byDb.set(db, byRp)
    }
    let scope = byRp.get(rp)
    if (scope === undefined) {
      scope = new Scope(db, rp)
      byRp.set(rp, scope)
      if (++this.scopeCount >= this.pruneAt) {
        this.current = scope
        this.pruneScopes()
      }
    }
    this.current = scope
    return scope
  }

  /** The table of a name written without escapes, up to date. */
  byBytes(scope: Scope, bytes: Uint8Array, start: number, end: number): Table {
    let h = fnvOffset
    for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i], fnvPrime)
    const chain = scope.byHash.get(h)
    if (chain !== undefined) {
      for (const t of chain) if (sameBytes(t.raw, bytes, start, end)) return this.use(t)
    }
    return this.byName(scope, decodeUtf8(bytes, start, end - start))
  }

  /** The table of an unescaped name, up to date. */
  byName(scope: Scope, name: string): Table {
    let t = scope.byName.get(name)
    if (t === undefined) {
      if (this.tables >= this.forgetAt) this.forget()
      const raw = encoder.encode(name)
      let h = fnvOffset
      let clean = true
      for (const b of raw) {
        h = Math.imul(h ^ b, fnvPrime)
        if (b === 32 || b === 44 || b === 92 || b === 10) clean = false
      }
      t = new Table(this.nextTable++, scope, name, clean ? raw : null, h)
      scope.byName.set(name, t)
      if (clean) {
        const chain = scope.byHash.get(h)
        if (chain === undefined) scope.byHash.set(h, [t])
        else chain.push(t)
      }
      this.tables++
    }
    return this.use(t)
  }

  /** Brings a table up to date with the routes; to be called before a line of it is staged. */
  use(t: Table): Table {
    t.lastUsed = this.clock
    if (t.epoch !== this.epoch) this.refresh(t)
    if (t.shapeEpoch !== this.shapeEpoch || t.shape === null) {
      t.shapeEpoch = this.shapeEpoch
      t.shape = new ShapeNode(null, new Uint8Array(0), true)
    }
    return t
  }

  /** Room for one more shape node; when the memory for shapes is used up all tables learn theirs anew. */
  chargeShape(): boolean {
    if (++this.shapeNodes <= maxShapeNodes) return true
    this.shapeNodes = 0
    this.shapeEpoch++
    return false
  }

  private refresh(t: Table): void {
    t.epoch = this.epoch
    // Columns and the tags of series hashes are kept in the shapes.
    t.shape = null
    const { db, rp } = t.scope
    const routes = this.routesOf(t)
    const excludes: (readonly string[])[] = []
    t.seriesExcludes = excludes
    t.routes = []
    if (routes.length === 0) return
    const fields = [...new Set(this.reads(db, rp, t.name))].sort()
    const partitionTags = routes.flatMap((r) => (r.partition.kind === 'tags' ? r.partition.tags : []))
    this.setColumns(t, [...new Set([...fields, ...partitionTags])].sort(), fields)
    t.routes = routes.map((route) => {
      const p = route.partition
      let seriesHash = -1
      if (p.kind === 'series') {
        const key = p.exclude.join('\0')
        seriesHash = excludes.findIndex((e) => e.join('\0') === key)
        if (seriesHash < 0) seriesHash = excludes.push(p.exclude) - 1
      }
      return { route, columns: p.kind === 'tags' ? p.tags.map((k) => t.tagColumns.get(k)!) : [], seriesHash }
    })
  }

  private routesOf(t: Table): Route[] {
    const routes = this.routes.get(scopeKey(t.scope.db, t.scope.rp)) ?? []
    return routes.filter((r) => r.measurement === null || r.measurement === t.name)
  }

  private setColumns(t: Table, tags: readonly string[], fields: readonly string[]): void {
    const old = t.schema
    if (old !== null && sameNames(old.tags, tags) && sameNames(old.fields, fields)) return
    t.tagColumns.clear()
    t.fieldColumns.clear()
    for (const [i, name] of tags.entries()) t.tagColumns.set(name, i)
    for (const [i, name] of fields.entries()) t.fieldColumns.set(name, i)
    const { db, rp } = t.scope
    t.schema = { id: this.nextSchema++, table: t.id, db: publicDb(db), rp, name: t.name, tags, fields }
    this.onSchema(t.schema)
  }

  private forget(): void {
    const all = [...this].filter((t) => t.lastUsed !== this.clock && t.stage === null && t.held === 0)
    const rank = new Map(all.map((t) => [t, this.routesOf(t).length > 0 ? 1 : 0]))
    all.sort((a, b) => rank.get(a)! - rank.get(b)! || a.lastUsed - b.lastUsed)
    const n = Math.max(1, Math.floor(this.cap / 10))
    for (const t of all.slice(0, n)) {
      const { scope } = t
      scope.byName.delete(t.name)
      const chain = scope.byHash.get(t.rawHash)?.filter((x) => x !== t) ?? []
      if (chain.length > 0) scope.byHash.set(t.rawHash, chain)
      else scope.byHash.delete(t.rawHash)
      if (scope.last === t) scope.last = null
      t.follower = null
      t.epoch = -1
      this.tables--
      if (t.schema !== null) this.onForget(t.schema)
    }
    for (const x of this) x.follower = null
    this.forgetAt = Math.max(this.cap, this.tables + n)
    this.pruneScopes()
  }

  /** Forgets scopes without tables, but not the one in use. */
  private pruneScopes(): void {
    for (const [db, byRp] of this.byDb) {
      for (const [rp, scope] of byRp) {
        if (scope.byName.size > 0 || scope === this.current) continue
        byRp.delete(rp)
        this.scopeCount--
      }
      if (byRp.size === 0) this.byDb.delete(db)
    }
    this.pruneAt = this.scopeCount + this.cap
  }
}

function sameBytes(raw: Uint8Array | null, bytes: Uint8Array, start: number, end: number): boolean {
  if (raw === null || raw.length !== end - start) return false
  for (let i = 0; i < raw.length; i++) if (raw[i] !== bytes[start + i]) return false
  return true
}

function scopeKey(db: string, rp: string): string {
  return `${db}\0${rp}`
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
