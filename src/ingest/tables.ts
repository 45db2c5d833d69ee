/**
 * The tables (db, rp, measurement) that lines were seen for, with the columns to encode and the routes to follow. Thread: main.
 *
 * Columns and routes of a table are worked out when it is first used after `setRoutes`; a table that loses its last route
 * loses its schema at once. Names come from outside, so tables are bounded in number and in bytes of their names: beyond, the
 * longest unused ones are forgotten, those without routes first. Where all are in use, lines that no task reads share one
 * table that is never listed; a table that a task reads is made in any case (a write's batches are bounded, see LineWriter).
 */

import type { BatchSchema } from '../columns/batch-layout.js'
import { decodeUtf8 } from '../columns/column.js'
import { fnvOffset, fnvPrime, type Route } from '../transport/routes.js'
import { isPrivateDb, publicDb } from './private-db.js'
import { Schemas } from './schemas.js'
import { ShapeNode } from './shapes.js'
import { noColumns, Scope, Table, TableClock } from './table.js'

/** Names that the tasks reading a table want encoded, each as a tag and as a field. */
export type Reads = (db: string, rp: string, measurement: string) => readonly string[]

export interface TablesOptions {
  /** Most tables remembered, and bytes of their names. */
  readonly cap?: number
  readonly nameBytes?: number
  /** A schema is about to be used for the first time. */
  readonly onSchema?: (schema: BatchSchema) => void
  /** A schema will not be used again: no batch of it waits to be published. */
  readonly onForget?: (schema: BatchSchema) => void
}

const maxShapeNodes = 1 << 17
/** No name that can be written to. */
const nowhereDb = '\0'
const noKey = new Uint8Array(0)
/** No shape epoch. */
const sharedShape = -2
const noRoutes: readonly Route[] = []

export class Tables {
  readonly schemas: Schemas
  private readonly cap: number
  private readonly maxNameBytes: number
  private readonly byDb = new Map<string, Map<string, Scope>>()
  private readonly routes = new Map<string, Route[]>()
  private reads: Reads = () => []
  private epoch = 0
  /** Tables that some task reads, and the others. */
  private readonly read = new TableClock()
  private readonly unread = new TableClock()
  private nameBytes = 0
  private nextTable = 1
  private clock = 0
  private shapeNodes = 0
  private shapeEpoch = 0
  private scopeCount = 0
  private current: Scope | null = null
  /** Scopes of databases that only one run reads. */
  private readonly privateScopes = new Set<Scope>()
  /** The scope of writes to private databases whose run has ended, and the table of lines that find no room for their own. */
  private readonly nowhere = new Scope(nowhereDb, '')
  private readonly rest = new Table(0, this.nowhere, '', null, 0)

  constructor(opts: TablesOptions = {}) {
    this.cap = opts.cap ?? 100_000
    this.maxNameBytes = opts.nameBytes ?? 16 * 1024 * 1024
    this.schemas = new Schemas(opts.onSchema ?? (() => {}), opts.onForget ?? (() => {}))
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
    for (const t of [...this.read]) if (this.routesOf(t.scope, t.name).length === 0) this.refresh(t)
    for (const s of this.privateScopes) if (!this.hasRoutes(s.db, s.rp)) this.forgetScope(s)
  }

  /** Tables remembered now. */
  get size(): number {
    return this.read.size + this.unread.size
  }

  /** Pairs of (db, rp) remembered now. */
  get scopes(): number {
    return this.scopeCount
  }

  *[Symbol.iterator](): IterableIterator<Table> {
    yield* this.read
    yield* this.unread
  }

  /** Points per table, for `ingress`. */
  ingress(): { db: string; rp: string; measurement: string; points: number }[] {
    const out: { db: string; rp: string; measurement: string; points: number }[] = []
    for (const byRp of this.byDb.values()) {
      for (const { db, rp, byName } of byRp.values()) {
        if (isPrivateDb(db)) continue
        for (const t of byName.values()) if (t.points > 0) out.push({ db, rp, measurement: t.name, points: t.points })
      }
    }
    return out
  }

  hasRoutes(db: string, rp: string): boolean {
    return this.routes.has(scopeKey(db, rp))
  }

  scope(db: string, rp: string): Scope {
    this.clock++
    const { current } = this
    if (current !== null) {
      if (current.db === db && current.rp === rp) return current
      this.current = null
      if (current.byName.size === 0) this.removeScope(current)
    }
    const isPrivate = isPrivateDb(db)
    if (isPrivate && !this.hasRoutes(db, rp)) return this.nowhere
    let byRp = this.byDb.get(db)
    if (byRp === undefined) {
      byRp = new Map()
      this.byDb.set(db, byRp)
    }
    let scope = byRp.get(rp)
    if (scope === undefined) {
      scope = new Scope(db, rp)
      byRp.set(rp, scope)
      this.scopeCount++
      this.nameBytes += 2 * (db.length + rp.length)
      if (isPrivate) this.privateScopes.add(scope)
    }
    this.current = scope
    return scope
  }

  /** The table of a name written without escapes, up to date. */
  byBytes(scope: Scope, bytes: Uint8Array, start: number, end: number): Table {
    let h = fnvOffset
    for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i], fnvPrime)
    const t = scope.find(h, bytes, start, end)
    return t === undefined ? this.byName(scope, decodeUtf8(bytes, start, end - start)) : this.use(t)
  }

  /** The table of an unescaped name, up to date. */
  byName(scope: Scope, name: string): Table {
    return this.use(scope.byName.get(name) ?? this.make(scope, name) ?? this.rest)
  }

  /** Brings a table up to date with the routes; to be called before a line of it is staged. The answer takes its place. */
  use(t: Table): Table {
    t.lastUsed = this.clock
    if (t.epoch !== this.epoch) {
      if (t.forgotten) return this.byName(t.scope, t.name)
      this.refresh(t)
    }
    if (t.shapeEpoch !== this.shapeEpoch || t.shape === null) this.giveShape(t)
    return t
  }

  /** Room for one more shape node; when the memory for shapes is used up all tables learn theirs anew. */
  chargeShape(): boolean {
    if (++this.shapeNodes <= maxShapeNodes) return true
    this.shapeNodes = 0
    this.shapeEpoch++
    return false
  }

  /** Tables that no task reads share their shapes while each has had one line: most of those never have another. */
  private giveShape(t: Table): void {
    if (t !== this.rest && !t.matched && t.shape === null) {
      t.shape = this.use(this.rest).shape
      t.shapeEpoch = sharedShape
    } else {
      t.shape = new ShapeNode(null, noKey, true)
      t.shapeEpoch = this.shapeEpoch
    }
  }

  /** null: there is no room for a table that no task reads. */
  private make(scope: Scope, name: string): Table | null {
    if (scope === this.nowhere) return null
    const isRead = this.routesOf(scope, name).length > 0
    if (!this.makeRoom(isRead) && !isRead) return null
    // Short ones share a buffer of the pool.
    const raw = Buffer.from(name)
    let h = fnvOffset
    let clean = true
    for (const b of raw) {
      h = Math.imul(h ^ b, fnvPrime)
      if (b === 32 || b === 44 || b === 92 || b === 10) clean = false
    }
    const t = new Table(this.nextTable++, scope, name, clean ? raw : null, h)
    t.seen = this.clock
    scope.add(t)
    this.nameBytes += t.nameBytes
    this.unread.add(t)
    return t
  }

  private makeRoom(forRead: boolean): boolean {
    while (this.size >= this.cap || this.nameBytes >= this.maxNameBytes) {
      const t = this.unread.stale(this.clock) ?? (forRead ? this.read.stale(this.clock) : null)
      if (t === null) return false
      this.forget(t)
    }
    return true
  }

  private refresh(t: Table): void {
    t.epoch = this.epoch
    // Columns and the tags of series hashes are kept in the shapes.
    t.shape = null
    const { db, rp } = t.scope
    const routes = this.routesOf(t.scope, t.name)
    if (t.matched !== routes.length > 0 && t !== this.rest) {
      const [from, to] = t.matched ? [this.read, this.unread] : [this.unread, this.read]
      from.remove(t)
      to.add(t)
    }
    const excludes: (readonly string[])[] = []
    t.seriesExcludes = excludes
    t.routes = []
    if (routes.length === 0) {
      this.dropSchema(t)
      return
    }
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

  private routesOf({ db, rp }: Scope, name: string): readonly Route[] {
    const routes = this.routes.get(scopeKey(db, rp))
    return routes?.filter((r) => r.measurement === null || r.measurement === name) ?? noRoutes
  }

  private setColumns(t: Table, tags: readonly string[], fields: readonly string[]): void {
    const old = t.schema
    if (old !== null && sameNames(old.tags, tags) && sameNames(old.fields, fields)) return
    this.dropSchema(t)
    t.tagColumns = new Map(tags.map((name, i) => [name, i]))
    t.fieldColumns = new Map(fields.map((name, i) => [name, i]))
    const { db, rp } = t.scope
    t.schema = this.schemas.add({ table: t.id, db: publicDb(db), rp, name: t.name, tags, fields })
  }

  private dropSchema(t: Table): void {
    if (t.schema === null) return
    this.schemas.retire(t.schema)
    t.schema = null
    t.tagColumns = noColumns
    t.fieldColumns = noColumns
  }

  private forget(t: Table): void {
    const { scope } = t
    if (t.matched) this.read.remove(t)
    else this.unread.remove(t)
    scope.remove(t)
    this.nameBytes -= t.nameBytes
    this.dropSchema(t)
    t.routes = []
    t.shape = null
    t.follower = null
    // Other tables may still name it as their follower: `use` then finds its successor.
    t.forgotten = true
    t.epoch = -1
    if (scope.byName.size === 0 && scope !== this.current) this.removeScope(scope)
  }

  private forgetScope(scope: Scope): void {
    if (scope === this.current) this.current = null
    if (scope.byName.size === 0) this.removeScope(scope)
    for (const t of [...scope.byName.values()]) this.forget(t)
  }

  private removeScope(scope: Scope): void {
    const { db, rp } = scope
    const byRp = this.byDb.get(db)
    if (byRp?.get(rp) !== scope) return
    byRp.delete(rp)
    if (byRp.size === 0) this.byDb.delete(db)
    this.scopeCount--
    this.nameBytes -= 2 * (db.length + rp.length)
    this.privateScopes.delete(scope)
  }
}

function scopeKey(db: string, rp: string): string {
  return `${db}\0${rp}`
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
