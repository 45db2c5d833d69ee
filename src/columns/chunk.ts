/**
 * What flows along an edge inside a shard: up to `maxChunkRows` rows as columns.
 *
 * On a stream edge a chunk is `n` rows. On a batch edge it is `windows.n` windows; window w owns the rows
 * `windows.starts[w] … windows.ends[w]` and its group is `windows.groups[w]`.
 *
 * Where the cells of a row are:
 *   1. `fields` / `tags`: columns, by name. A column hides a cell of that name in `rest`, also where the column is Missing.
 *      After `from` these are the names the task reads (copies of cells that `rest` has too); later what operators added.
 *   2. `rest`: everything else, reachable per row but not decoded (the bytes of the written line, or a packed row).
 *      `restFields` / `restTags` switch the two halves of it off; `hiddenFields` / `hiddenTags` remove single names.
 *   3. When `groupTags` is set, the row's tags are those of its group (the aggregates' output), under `tags`.
 *
 * A chunk belongs to the operator that emits it and is valid only during the call: receivers copy what they keep and
 * never write to it, except through `derive()`, which shares the columns and lets the copy add, replace or hide names. Thread: any.
 */
import type { Column } from './column.js'
import { Kind } from './kinds.js'
import type { Point } from './point.js'

export const maxChunkRows = 8192

export interface NamedColumn {
  readonly name: string
  readonly column: Column
}

/** Undecoded cells of the rows of a chunk. `row` is the row number in the chunk that carries the source. */
export interface RestRows {
  /** Adds all tags of the row, except those already in `into`. */
  readTags(row: number, into: Map<string, string>): void
  /** Adds all fields of the row, except those already in `into`. */
  readFields(row: number, into: Map<string, import('./values.js').Value>): void
}

/** The groups of one task under one grouping: dense ids, see state/grouping.ts. */
export interface GroupInfo {
  /** Sorted tag names of a group; the same list for every group unless grouped by `*`. */
  tagNames(group: number): readonly string[]
  /** Value of each tag name, '' for an absent tag. */
  tagValues(group: number): readonly string[]
  /** Whether the measurement name is part of the key. */
  readonly byName: boolean
  /** The measurement name of a group when `byName`, else ''. */
  groupName(group: number): string
  /** The group id text of the original (spec nodes 1.4): '' for the nil group. */
  idText(group: number): string
  /** Operators that keep state for a group hold it until they drop the state. Absent where ids are never reused. */
  retain?(group: number): void
  release?(group: number): void
}

/** The windows (batches) of a batch-edge chunk. */
export interface Windows {
  n: number
  groups: Int32Array
  /** tmax of each window. */
  ms: Float64Array
  sub: Int32Array
  /** Row ranges [start, end). */
  starts: Int32Array
  ends: Int32Array
}

export class Chunk {
  n = 0
  /** Measurement: one per chunk; an operator whose rows change name starts a new chunk. */
  name = ''
  db = ''
  rp = ''
  ms: Float64Array
  sub: Int32Array
  /** Row → group in `grouping`. On a batch edge the rows' entries are undefined: use windows.groups. */
  groups: Int32Array
  grouping: GroupInfo
  fields: NamedColumn[] = []
  tags: NamedColumn[] = []
  rest: RestRows | null = null
  restFields = true
  restTags = true
  hiddenFields: readonly string[] = []
  hiddenTags: readonly string[] = []
  /** Rows carry exactly their group's tags (plus `tags`), nothing from `rest`. */
  groupTags = false
  windows: Windows | null = null
  /** Row r of this chunk is row restIndex[r] of `rest`; null when they are the same. */
  restIndex: Int32Array | null = null
  /** Per row the hash of the values of `hashedTags` (transport/routes.ts), as the router computed it; null when it did not. */
  hashes: Uint32Array | null = null
  hashedTags: readonly string[] | null = null

  constructor(grouping: GroupInfo, ms: Float64Array, sub: Int32Array, groups: Int32Array) {
    this.grouping = grouping
    this.ms = ms
    this.sub = sub
    this.groups = groups
  }

  field(name: string): Column | null {
    for (const f of this.fields) if (f.name === name) return f.column
    return null
  }

  tag(name: string): Column | null {
    for (const t of this.tags) if (t.name === name) return t.column
    return null
  }

  /** A chunk over the same rows and columns whose lists may be changed without touching this one. */
  derive(): Chunk {
    const c = new Chunk(this.grouping, this.ms, this.sub, this.groups)
    c.n = this.n
    c.name = this.name
    c.db = this.db
    c.rp = this.rp
    c.fields = this.fields.slice()
    c.tags = this.tags.slice()
    c.rest = this.rest
    c.restFields = this.restFields
    c.restTags = this.restTags
    c.hiddenFields = this.hiddenFields
    c.hiddenTags = this.hiddenTags
    c.groupTags = this.groupTags
    c.windows = this.windows
    c.restIndex = this.restIndex
    c.hashes = this.hashes
    c.hashedTags = this.hashedTags
    return c
  }

  setField(name: string, column: Column): void {
    const i = this.fields.findIndex((f) => f.name === name)
    if (i >= 0) this.fields[i] = { name, column }
    else this.fields.push({ name, column })
  }

  setTag(name: string, column: Column): void {
    const i = this.tags.findIndex((f) => f.name === name)
    if (i >= 0) this.tags[i] = { name, column }
    else this.tags.push({ name, column })
  }

  /** Removes a field by name: from the columns and from what `rest` shows. */
  hideField(name: string): void {
    this.fields = this.fields.filter((f) => f.name !== name)
    if (this.restFields && !this.hiddenFields.includes(name)) this.hiddenFields = [...this.hiddenFields, name]
  }

  hideTag(name: string): void {
    this.tags = this.tags.filter((f) => f.name !== name)
    if (!this.hiddenTags.includes(name)) this.hiddenTags = [...this.hiddenTags, name]
  }

  /** All tags of a row. `group` is the row's group (windows.groups[w] on a batch edge). */
  tagsOf(row: number, group: number): Map<string, string> {
    const out = new Map<string, string>()
    for (const { name, column } of this.tags) {
      if (column.kinds[row] !== 0) out.set(name, column.stringAt(row))
    }
    if (this.groupTags) {
      const names = this.grouping.tagNames(group)
      const values = this.grouping.tagValues(group)
      for (let i = 0; i < names.length; i++) {
        if (!out.has(names[i]) && !this.hiddenTags.includes(names[i]) && !this.tag(names[i]))
          out.set(names[i], values[i])
      }
    } else if (this.rest !== null && this.restTags) {
      const all = new Map<string, string>()
      this.rest.readTags(this.restIndex ? this.restIndex[row] : row, all)
      for (const [k, v] of all) if (!this.hiddenTags.includes(k) && !this.tag(k)) out.set(k, v)
    }
    return out
  }

  /** All fields of a row. */
  fieldsOf(row: number): Point['fields'] {
    const out: Point['fields'] = new Map()
    for (const { name, column } of this.fields) {
      if (column.kinds[row] !== Kind.Missing || (column.markers && column.i32[2 * row] === 1))
        out.set(name, column.get(row))
    }
    if (this.rest !== null && this.restFields) {
      const all: Point['fields'] = new Map()
      this.rest.readFields(this.restIndex ? this.restIndex[row] : row, all)
      for (const [k, v] of all) if (!this.hiddenFields.includes(k) && !this.field(k)) out.set(k, v)
    }
    return out
  }

  /** Boxes one row. `group` as in tagsOf. */
  point(row: number, group: number): Point {
    return {
      name: this.name,
      db: this.db,
      rp: this.rp,
      ms: this.ms[row],
      sub: this.sub[row],
      tags: this.tagsOf(row, group),
      fields: this.fieldsOf(row),
    }
  }
}
