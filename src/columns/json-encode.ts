/**
 * JSON as Go's encoding/json writes it (spec nodes 1.6, alerts 10): map keys sorted bytewise, `<` `>` `&` U+2028 U+2029 escaped,
 * int64 in full, floats in shortest form, durations as integers, the missing marker as `{}`. NaN and infinities cannot be
 * encoded: they throw a ShardlineError with the original's text. Thread: any; boxed values only, so for edges where rows are few.
 */
import { ShardlineError } from '../errors.js'
import type { Chunk } from './chunk.js'
import type { Row } from './point.js'
import { formatRfc3339, nsOf, spanOf } from './time.js'
import { Duration, missing, Timestamp, type Value } from './values.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const needsEscape = /[\u0000-\u001f"\\<>&\u2028\u2029\ud800-\udfff]/

/** `out` followed by the quoted string. */
export function appendJsonString(out: string, s: string): string {
  return out + jsonString(s)
}

export function jsonString(s: string): string {
  if (!needsEscape.test(s)) return '"' + s + '"'
  let out = '"'
  let from = 0
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i)
    let escaped: string
    if (c >= 0xd800 && c <= 0xdfff) {
      const next = c < 0xdc00 && i + 1 < s.length ? s.charCodeAt(i + 1) : 0
      if (next >= 0xdc00 && next <= 0xdfff) {
        i++
        continue
      }
      escaped = '\\ufffd'
    } else if (c === 0x22) escaped = '\\"'
    else if (c === 0x5c) escaped = '\\\\'
    else if (c === 0x0a) escaped = '\\n'
    else if (c === 0x0d) escaped = '\\r'
    else if (c === 0x09) escaped = '\\t'
    else if (c < 0x20 || c === 0x3c || c === 0x3e || c === 0x26)
      escaped = '\\u00' + (c < 16 ? '0' : '') + c.toString(16)
    else if (c === 0x2028 || c === 0x2029) escaped = '\\u' + c.toString(16)
    else continue
    out += s.slice(from, i) + escaped
    from = i + 1
  }
  return out + s.slice(from) + '"'
}

/** Throws for NaN and infinities. */
export function jsonFloat(v: number): string {
  if (!Number.isFinite(v)) {
    const text = Number.isNaN(v) ? 'NaN' : v > 0 ? '+Inf' : '-Inf'
    throw new ShardlineError('json-unsupported-value', `json: unsupported value: ${text}`)
  }
  return v === 0 && Object.is(v, -0) ? '-0' : String(v)
}

/** One cell of a row. Throws as jsonFloat does. */
export function jsonValue(v: Value): string {
  switch (typeof v) {
    case 'string':
      return jsonString(v)
    case 'number':
      return jsonFloat(v)
    case 'bigint':
      return v.toString()
    case 'boolean':
      return v ? 'true' : 'false'
    case 'symbol':
      return '{}'
    default:
      if (v === null) return 'null'
      if (v instanceof Duration) return v.ns.toString()
      return jsonTime(v)
  }
}

function jsonTime(t: Timestamp): string {
  const span = spanOf(t.ns)
  return '"' + formatRfc3339(span.ms, span.sub) + '"'
}

/** Order of Go's sort.Strings: by UTF-8 bytes. UTF-16 order differs only where surrogates are involved. */
export function compareBytewise(a: string, b: string): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    let x = a.charCodeAt(i)
    let y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above U+FFFF: they sort behind U+E000 … U+FFFF.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000
    }
    return x - y
  }
  return a.length - b.length
}

export function jsonStringMap(map: ReadonlyMap<string, string>): string {
  const keys = [...map.keys()].sort(compareBytewise)
  let out = '{'
  for (let i = 0; i < keys.length; i++) {
    out += (i > 0 ? ',' : '') + jsonString(keys[i]) + ':' + jsonString(map.get(keys[i])!)
  }
  return out + '}'
}

/** `{"name","tags","columns","values"}`, each omitted when empty. */
export function encodeRow(row: Row): string {
  let out = '{'
  if (row.name !== '') out += '"name":' + jsonString(row.name)
  if (row.tags.size > 0) out += (out.length > 1 ? ',' : '') + '"tags":' + jsonStringMap(row.tags)
  if (row.columns.length > 0) {
    out += (out.length > 1 ? ',' : '') + '"columns":['
    for (let i = 0; i < row.columns.length; i++) out += (i > 0 ? ',' : '') + jsonString(row.columns[i])
    out += ']'
  }
  if (row.values.length > 0) {
    out += (out.length > 1 ? ',' : '') + '"values":['
    for (let r = 0; r < row.values.length; r++) {
      const cells = row.values[r]
      out += r > 0 ? ',[' : '['
      for (let i = 0; i < cells.length; i++) out += (i > 0 ? ',' : '') + jsonValue(cells[i])
      out += ']'
    }
    out += ']'
  }
  return out + '}'
}

/** The result object. A null entry is an empty slot; null instead of the list prints `{"series":null}`. */
export function encodeResult(rows: readonly (Row | null)[] | null): string {
  if (rows === null) return '{"series":null}'
  let out = '{"series":['
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    out += (i > 0 ? ',' : '') + (row === null ? 'null' : encodeRow(row))
  }
  return out + ']}'
}

/** The row of one point of a stream edge: all its tags; `time`, then its fields sorted. `group` as in Chunk.tagsOf. */
export function rowOfPoint(chunk: Chunk, row: number, group: number): Row {
  const fields = chunk.fieldsOf(row)
  const names = [...fields.keys()].sort(compareBytewise)
  const cells: Value[] = [new Timestamp(nsOf(chunk.ms[row], chunk.sub[row]))]
  for (const name of names) cells.push(fields.get(name)!)
  return { name: chunk.name, tags: chunk.tagsOf(row, group), columns: ['time', ...names], values: [cells] }
}

/** The tags of a group: those of a batch's begin message. */
export function groupTagsOf(chunk: Chunk, group: number): Map<string, string> {
  const names = chunk.grouping.tagNames(group)
  const values = chunk.grouping.tagValues(group)
  const tags = new Map<string, string>()
  for (let i = 0; i < names.length; i++) tags.set(names[i], values[i])
  return tags
}

/**
 * The row of one window of a batch edge: group tags; the columns are the fields and the other tags of the first point, so
 * what only later points have is lost. A field and a tag of one name are two columns, both with the field. An empty window has
 * neither columns nor values.
 */
export function rowOfWindow(chunk: Chunk, window: number): Row {
  const windows = chunk.windows!
  const group = windows.groups[window]
  const start = windows.starts[window]
  const end = windows.ends[window]
  const tags = groupTagsOf(chunk, group)
  const row: Row = { name: chunk.name, tags, columns: [], values: [] }
  if (start === end) return row
  const columns = [...chunk.fieldsOf(start).keys()]
  for (const k of chunk.tagsOf(start, group).keys()) if (!tags.has(k)) columns.push(k)
  columns.sort(compareBytewise)
  row.columns = ['time', ...columns]
  for (let r = start; r < end; r++) {
    const fields = chunk.fieldsOf(r)
    const pointTags = chunk.tagsOf(r, group)
    const cells: Value[] = [new Timestamp(nsOf(chunk.ms[r], chunk.sub[r]))]
    for (const c of columns) {
      const v = fields.get(c)
      cells.push(v !== undefined ? v : (pointTags.get(c) ?? null))
    }
    row.values.push(cells)
  }
  return row
}

/** What goJson accepts beside plain objects and arrays. `undefined` members are left out; maps are sorted by key. */
export type JsonInput = unknown

/** Go's json.Marshal of a plain value; bigint as integer, members in the order of the object. */
export function goJson(value: JsonInput): string {
  return writeJson(value, '', '')
}

/** Go's json.MarshalIndent with `indent` blanks. */
export function goJsonIndent(value: JsonInput, indent = 4): string {
  return writeJson(value, ' '.repeat(indent), '\n')
}

function writeJson(value: JsonInput, step: string, newline: string): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return jsonString(value)
  if (typeof value === 'number') return jsonFloat(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value === missing) return '{}'
  if (value instanceof Duration) return value.ns.toString()
  if (value instanceof Timestamp) return jsonTime(value)
  const inner = newline === '' ? '' : newline + step
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return '[' + inner + value.map((v) => writeJson(v, step, inner)).join(',' + inner) + newline + ']'
  }
  const colon = newline === '' ? ':' : ': '
  const entries: [string, unknown][] =
    value instanceof Map
      ? [...value].sort((a, b) => compareBytewise(String(a[0]), String(b[0])))
      : Object.entries(value as object).filter((e) => e[1] !== undefined)
  if (entries.length === 0) return '{}'
  const members = entries.map(([k, v]) => jsonString(String(k)) + colon + writeJson(v, step, inner))
  return '{' + inner + members.join(',' + inner) + newline + '}'
}
