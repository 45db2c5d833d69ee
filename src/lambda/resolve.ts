/**
 * References of one expression resolved against a chunk: one column per name, or none (spec tickscript 7.2). A field wins
 * over nothing, a tag likewise, both present in a row is a collision, and the earlier results of an eval count only where
 * the row has neither. Usually one candidate column has cells and is used as it is; otherwise the rows are merged into a
 * column of this resolver. The tags of chunks that carry only their group's tags are written out from the grouping. Thread: any.
 */
import type { Chunk, NamedColumn } from '../columns/chunk.js'
import { Column } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import { toBytes } from './text.js'

/** Kind of a cell whose name is both a field and a tag; only in columns merged here. */
export const collision = 15

/** Where the cells of a name may come from; null: not from there. */
interface Candidates {
  field: Column | null
  tag: Column | null
  earlier: Column | null
}

export class Resolver {
  /** Column per reference; null: missing in every row. */
  readonly columns: (Column | null)[]
  private readonly scratch: (Scratch | null)[]
  private readonly fieldHints: Int32Array
  private readonly tagHints: Int32Array
  /** Of the reference being bound. */
  private readonly candidates: Candidates = { field: null, tag: null, earlier: null }

  constructor(readonly names: readonly string[]) {
    this.columns = names.map(() => null)
    this.scratch = names.map(() => null)
    this.fieldHints = new Int32Array(names.length)
    this.tagHints = new Int32Array(names.length)
  }

  bind(chunk: Chunk, rows: Int32Array | null, n: number, scope: readonly NamedColumn[]): void {
    const candidates = this.candidates
    for (let j = 0; j < this.names.length; j++) {
      const name = this.names[j]
      const field = find(chunk.fields, name, this.fieldHints, j)
      let tag = find(chunk.tags, name, this.tagHints, j)
      if (tag === null && chunk.groupTags) tag = this.groupTag(j, chunk, rows, n)
      const earlier = scope.length === 0 ? null : last(scope, name)
      if (tag === null && earlier === null) this.columns[j] = field
      else if (field === null && earlier === null) this.columns[j] = tag
      else {
        candidates.field = field
        candidates.tag = tag
        candidates.earlier = earlier
        this.columns[j] = this.pick(j, rows, n)
      }
    }
  }

  /** The column for the reference that has `candidates`. */
  private pick(j: number, rows: Int32Array | null, n: number): Column | null {
    const { candidates } = this
    const { field, tag, earlier } = candidates
    const f = field !== null && hasCells(field, rows, n) ? field : null
    const t = tag !== null && hasCells(tag, rows, n) ? tag : null
    const e = earlier !== null && hasCells(earlier, rows, n) ? earlier : null
    if (f === null && t === null) return e
    if (f === null && e === null) return t
    if (t === null && e === null) return f
    const own = f ?? t
    if (own !== null && (f === null || t === null) && !hasGaps(own, rows, n)) return own
    candidates.field = f
    candidates.tag = t
    candidates.earlier = e
    return this.merge(j, rows, n)
  }

  private merge(j: number, rows: Int32Array | null, n: number): Column {
    const { field, tag, earlier } = this.candidates
    const into = this.scratchOf(j, rows, n)
    for (let i = 0; i < n; i++) {
      const r = rows === null ? i : rows[i]
      const inField = field !== null && field.kinds[r] !== Kind.Missing
      const inTag = tag !== null && tag.kinds[r] !== Kind.Missing
      if (inField && inTag) into.column.kinds[r] = collision
      else {
        const from = inField ? field : inTag ? tag : earlier
        if (from === null || from.kinds[r] === Kind.Missing) into.column.kinds[r] = Kind.Missing
        else into.copy(r, from)
      }
    }
    return into.column
  }

  /** The tag of the rows' groups as a column, null when the grouping has no such tag or it was hidden. */
  private groupTag(j: number, chunk: Chunk, rows: Int32Array | null, n: number): Column | null {
    const name = this.names[j]
    if (chunk.hiddenTags.includes(name)) return null
    const into = this.scratchOf(j, rows, n)
    const { kinds, i32 } = into.column
    let any = false
    let lastGroup = -1
    let kind: number = Kind.Missing
    let offset = 0
    let length = 0
    for (let i = 0; i < n; i++) {
      const r = rows === null ? i : rows[i]
      const g = groupOf(chunk, r)
      if (g !== lastGroup) {
        lastGroup = g
        const at = g < 0 ? -1 : chunk.grouping.tagNames(g).indexOf(name)
        kind = at < 0 ? Kind.Missing : Kind.String
        if (at >= 0) {
          any = true
          offset = into.append(chunk.grouping.tagValues(g)[at])
          length = into.used - offset
        }
      }
      kinds[r] = kind
      i32[2 * r] = offset
      i32[2 * r + 1] = length
    }
    return any ? into.column : null
  }

  private scratchOf(j: number, rows: Int32Array | null, n: number): Scratch {
    let capacity = n
    if (rows !== null) for (let i = 0; i < n; i++) if (rows[i] >= capacity) capacity = rows[i] + 1
    let s = this.scratch[j]
    if (s === null || s.column.capacity < capacity) {
      s = new Scratch(Math.max(capacity, 64))
      this.scratch[j] = s
    }
    s.used = 0
    return s
  }
}

/** The group of a row: on a batch edge that of its window. */
export function groupOf(chunk: Chunk, row: number): number {
  const w = chunk.windows
  if (w === null) return chunk.groups[row]
  // Windows are in row order: the first that ends behind the row.
  let low = 0
  let high = w.n - 1
  while (low < high) {
    const mid = (low + high) >> 1
    if (w.ends[mid] > row) high = mid
    else low = mid + 1
  }
  return w.n > 0 && w.starts[low] <= row && row < w.ends[low] ? w.groups[low] : -1
}

/** A column with bytes of its own. */
class Scratch {
  readonly column: Column
  used = 0

  constructor(rows: number) {
    this.column = Column.alloc(rows)
    this.column.bytes = new Uint8Array(256)
  }

  copy(row: number, from: Column): void {
    this.column.copyCell(row, from, row)
    if (from.kinds[row] !== Kind.String) return
    const offset = from.i32[2 * row]
    const length = from.i32[2 * row + 1]
    this.reserve(length)
    for (let i = 0; i < length; i++) this.column.bytes[this.used + i] = from.bytes[offset + i]
    this.column.i32[2 * row] = this.used
    this.used += length
  }

  append(s: string): number {
    const bytes = toBytes(s)
    this.reserve(bytes.length)
    this.column.bytes.set(bytes, this.used)
    this.used += bytes.length
    return this.used - bytes.length
  }

  private reserve(more: number): void {
    if (this.used + more <= this.column.bytes.length) return
    const grown = new Uint8Array(Math.max(this.column.bytes.length * 2, this.used + more))
    grown.set(this.column.bytes.subarray(0, this.used))
    this.column.bytes = grown
  }
}

/** Looks where the name was last time first: chunks of one edge have the same lists. */
function find(list: readonly NamedColumn[], name: string, hints: Int32Array, j: number): Column | null {
  const hint = hints[j]
  if (hint < list.length && list[hint].name === name) return list[hint].column
  for (let i = 0; i < list.length; i++) {
    if (list[i].name === name) {
      hints[j] = i
      return list[i].column
    }
  }
  return null
}

/** A later result of the same name replaces an earlier one. */
function last(scope: readonly NamedColumn[], name: string): Column | null {
  for (let i = scope.length - 1; i >= 0; i--) if (scope[i].name === name) return scope[i].column
  return null
}

function hasCells(c: Column, rows: Int32Array | null, n: number): boolean {
  const { kinds } = c
  if (rows === null) {
    for (let r = 0; r < n; r++) if (kinds[r] !== 0) return true
    return false
  }
  for (let i = 0; i < n; i++) if (kinds[rows[i]] !== 0) return true
  return false
}

function hasGaps(c: Column, rows: Int32Array | null, n: number): boolean {
  for (let i = 0; i < n; i++) if (c.kinds[rows === null ? i : rows[i]] === 0) return true
  return false
}
