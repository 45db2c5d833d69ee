/**
 * Finds the column of a field or tag in a chunk wherever the cells are: a column, the group's tags, or the undecoded rest
 * (then it is decoded into a scratch column, the slow way; what a node declares in `effects.reads` comes as a column).
 * Thread: shard worker. Scratch columns are valid until the reader's next `begin`.
 */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { encodeUtf8, setInt64 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { kindOf, missing, type Value } from '../../columns/values.js'
import { Grouping } from '../../state/grouping.js'
import { RowGroups } from './select-rows.js'

/** Writes a boxed value. For rows that are few. */
export function setCell(out: OutColumn, row: number, v: Value): void {
  if (v === missing) {
    out.setKind(row, Kind.Missing)
    return
  }
  if (v === null) out.setKind(row, Kind.Null)
  else if (typeof v === 'string') {
    const bytes = encodeUtf8(v)
    out.setString(row, bytes, 0, bytes.length)
  } else if (typeof v === 'number') out.setFloat(row, v)
  else if (typeof v === 'boolean') out.setBool(row, v)
  else {
    out.setKind(row, kindOf(v))
    setInt64(out.column.i32, row, typeof v === 'bigint' ? v : v.ns)
  }
}

function groupTagNames(chunk: Chunk): Iterable<string> {
  const { grouping, windows } = chunk
  if (grouping instanceof Grouping && grouping.dims !== null) return grouping.dims
  const groups = windows === null ? chunk.groups : windows.groups
  const n = windows === null ? chunk.n : windows.n
  const names = new Set<string>()
  for (let i = 0; i < n; i++) {
    if (i > 0 && groups[i] === groups[i - 1]) continue
    for (const name of grouping.tagNames(groups[i])) names.add(name)
  }
  return names
}

/** An OutColumn with room for `rows` rows, all Missing. */
export function clearedColumn(column: OutColumn, rows: number): OutColumn {
  if (column.column.capacity < rows) column.resize(Math.max(rows, maxChunkRows), 0)
  column.reset(rows)
  return column
}

export class CellReader {
  private readonly pool: OutColumn[] = []
  private used = 0
  private readonly rowGroups = new RowGroups()

  begin(): void {
    this.used = 0
  }

  /** null: no row of the chunk can have this field. */
  field(chunk: Chunk, name: string): Column | null {
    const c = chunk.field(name)
    if (c !== null) return c
    const rest = chunk.rest
    if (rest === null || !chunk.restFields || chunk.hiddenFields.includes(name)) return null
    const out = this.take(chunk.n)
    const cells = new Map<string, Value>()
    for (let r = 0; r < chunk.n; r++) {
      cells.clear()
      rest.readFields(chunk.restIndex === null ? r : chunk.restIndex[r], cells)
      const v = cells.get(name)
      if (v !== undefined) setCell(out, r, v)
    }
    return out.column
  }

  tag(chunk: Chunk, name: string): Column | null {
    const c = chunk.tag(name)
    if (c !== null || chunk.hiddenTags.includes(name)) return c
    if (chunk.groupTags) return this.groupTag(chunk, name)
    const rest = chunk.rest
    if (rest === null || !chunk.restTags) return null
    const out = this.take(chunk.n)
    const cells = new Map<string, string>()
    for (let r = 0; r < chunk.n; r++) {
      cells.clear()
      rest.readTags(chunk.restIndex === null ? r : chunk.restIndex[r], cells)
      const v = cells.get(name)
      if (v !== undefined) setCell(out, r, v)
    }
    return out.column
  }

  /** The chunk with the tags of its groups as columns, for rows that leave these groups. `needed`: names, null for all. */
  withOwnTags(chunk: Chunk, needed: readonly string[] | null): Chunk {
    if (!chunk.groupTags) return chunk
    const out = chunk.derive()
    for (const name of groupTagNames(chunk)) {
      if (needed !== null && !needed.includes(name)) continue
      const column = this.tag(chunk, name)
      if (column !== null) out.setTag(name, column)
    }
    out.groupTags = false
    out.restTags = false
    return out
  }

  private groupTag(chunk: Chunk, name: string): Column | null {
    const grouping = chunk.grouping
    const groups = this.rowGroups.of(chunk)
    const out = this.take(chunk.n)
    if (grouping instanceof Grouping && grouping.dims !== null) {
      const at = grouping.dims.indexOf(name)
      if (at < 0) return null
      const skip = at + (grouping.byName ? 1 : 0)
      for (let r = 0; r < chunk.n; r++) {
        if (r > 0 && groups[r] === groups[r - 1]) out.repeatString(r, r - 1)
        else {
          const [page, start] = grouping.keyBytes(groups[r])
          let o = start
          for (let i = 0; i < skip; i++) o += 2 + (page[o] | (page[o + 1] << 8))
          out.setString(r, page, o + 2, page[o] | (page[o + 1] << 8))
        }
      }
      return out.column
    }
    for (let r = 0; r < chunk.n; r++) {
      const i = grouping.tagNames(groups[r]).indexOf(name)
      if (i >= 0) setCell(out, r, grouping.tagValues(groups[r])[i])
    }
    return out.column
  }

  private take(rows: number): OutColumn {
    if (this.used === this.pool.length) this.pool.push(new OutColumn('', Math.max(rows, 256)))
    return clearedColumn(this.pool[this.used++], rows)
  }
}
