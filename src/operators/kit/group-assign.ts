/**
 * Gives every row of a stream chunk its dense group id under one grouping. Thread: shard worker.
 *
 * The key bytes are those of state/grouping.ts; the hash is the router's of the same tags (transport/routes.ts), so a chunk that
 * carries hashes of exactly these tags is not hashed again. A grouping by measurement mixes the name in. Grouping by `*`
 * takes the tags from the bytes of the written line where nothing has changed them since, else it decodes all tags of a row.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { type Column, encodeUtf8 } from '../../columns/column.js'
import { compareBytewise } from '../../columns/json-encode.js'
import { LineRows } from '../../columns/line-rows.js'
import { LineTokens } from '../../columns/line-tokens.js'
import type { Grouping } from '../../state/grouping.js'
import { fnvOffset, fnvPrime, mixHash } from '../../transport/routes.js'
import { CellReader } from './cells.js'
import { RowGroups } from './select-rows.js'

/** A key's length prefix is 16 bits; longer values (the line limit is far below) are cut. */
const maxPart = 65535

export class GroupAssign {
  private key = new Uint8Array(1024)
  private hashes = new Uint32Array(0)
  private keyLength = 0
  private readonly cells = new CellReader()
  private readonly rowGroups = new RowGroups()
  private readonly columns: (Column | null)[] = []
  private nameText = ''
  private nameBytes: Uint8Array = new Uint8Array(0)
  private nameHash: number = fnvOffset

  private readonly tokens = new LineTokens()
  private readonly excludeBytes: readonly Uint8Array[]

  constructor(
    readonly grouping: Grouping,
    /** With `*`: tags that are left out. */
    private readonly exclude: readonly string[] = [],
    /** The tags of rows are those of their written lines (tagsAsWritten). */
    private readonly asWritten = false,
  ) {
    this.excludeBytes = exclude.map(encodeUtf8)
  }

  /** Writes the group of rows 0 … n to `out`; -1 where the budget refused. Returns the number of refused rows. */
  assign(chunk: Chunk, out: Int32Array, nowMs: number): number {
    this.setName(chunk.name)
    const dims = this.grouping.dims
    if (dims === null) return this.assignAll(chunk, out, nowMs)
    if (dims.length === 0) return this.assignOne(chunk.n, out, nowMs)
    this.cells.begin()
    this.columns.length = 0
    for (const d of dims) this.columns.push(this.cells.tag(chunk, d))
    const hashes = sameTags(chunk.hashedTags, dims) ? chunk.hashes : null
    if (this.grouping.byName) return this.assignNamed(chunk.n, hashes, out, nowMs)
    if (dims.length === 1 && this.columns[0] === null) return this.assignOne(chunk.n, out, nowMs)
    return this.grouping.assignColumns(this.columns, chunk.n, hashes ?? this.hashRows(chunk.n), nowMs, out)
  }

  /**
   * The group here that has the same id text as a group of another grouping, for barriers and deletes that pass a regrouping
   * node with the old group. -1: there is none (`create` makes it).
   */
  translate(info: GroupInfo, group: number, create: boolean, nowMs: number): number {
    if (info.byName !== this.grouping.byName) return -1
    const names = info.tagNames(group)
    const values = info.tagValues(group)
    const dims = this.grouping.dims
    if (dims !== null && (dims.length !== names.length || dims.some((d, i) => d !== names[i]))) return -1
    if (dims === null && names.some((n) => this.exclude.includes(n))) return -1
    this.setName(info.byName ? info.groupName(group) : '')
    let hash = fnvOffset
    for (let i = 0; i < names.length; i++) {
      if (dims === null) hash = this.addText(names[i], hash)
      hash = this.addText(values[i], hash)
    }
    const mixed = this.finish(hash)
    // Under `*` an empty tag is mostly one that the rows lack: their groups are others.
    if (create && (dims !== null || !values.includes(''))) {
      return this.grouping.lookup(this.key, this.keyLength, mixed, nowMs)
    }
    return this.grouping.find(this.key, this.keyLength, mixed)
  }

  /** The group of explicit values, in the order of the grouping's dims. */
  groupOf(name: string, values: readonly string[], nowMs: number): number {
    this.setName(name)
    let hash = fnvOffset
    for (const v of values) hash = this.addText(v, hash)
    return this.grouping.lookup(this.key, this.keyLength, this.finish(hash), nowMs)
  }

  /** The group of explicit tags under a grouping by `*`. A tag that an earlier group lacked is among them, empty. */
  groupOfTags(name: string, tags: ReadonlyMap<string, string>, nowMs: number): number {
    this.setName(name)
    return this.lookupTags(tags, nowMs)
  }

  private assignOne(n: number, out: Int32Array, nowMs: number): number {
    if (n === 0) return 0
    let hash = fnvOffset
    for (let i = 0; i < this.grouping.dims!.length; i++) hash = this.addPart(this.key, 0, 0, hash)
    const g = this.grouping.lookup(this.key, this.keyLength, this.finish(hash), nowMs)
    out.fill(g, 0, n)
    return g < 0 ? n : 0
  }

  /** The hash of the key of each row, column by column. */
  private hashRows(n: number): Uint32Array {
    if (this.hashes.length < n) this.hashes = new Uint32Array(Math.max(n, maxChunkRows))
    const { hashes, columns } = this
    const last = columns.length - 1
    for (let k = 0; k <= last; k++) {
      const c = columns[k]
      for (let r = 0; r < n; r++) {
        let h = k === 0 ? fnvOffset : hashes[r] | 0
        if (c !== null && c.kinds[r] !== 0) {
          const { bytes } = c
          const start = c.i32[2 * r]
          const end = start + Math.min(c.i32[2 * r + 1], maxPart)
          for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i], fnvPrime)
        }
        h = Math.imul(h, fnvPrime)
        hashes[r] = k === last ? mixHash(h) : h
      }
    }
    return hashes
  }

  /** By measurement: the parts of one row are written behind the name. */
  private assignNamed(n: number, given: Uint32Array | null, out: Int32Array, nowMs: number): number {
    const { columns, grouping } = this
    const count = columns.length
    const hashes = given ?? this.hashRows(n)
    this.beginKey()
    const prefix = this.keyLength
    let key = this.key
    let refused = 0
    for (let r = 0; r < n; r++) {
      let at = prefix
      for (let i = 0; i < count; i++) {
        const c = columns[i]
        const has = c !== null && c.kinds[r] !== 0
        const length = has ? Math.min(c.i32[2 * r + 1], maxPart) : 0
        if (at + 2 + length > key.length) {
          this.growKey(at + 2 + length)
          key = this.key
        }
        key[at] = length
        key[at + 1] = length >> 8
        at += 2
        if (has) {
          const offset = c.i32[2 * r]
          for (let k = 0; k < length; k++) key[at + k] = c.bytes[offset + k]
          at += length
        }
      }
      const g = grouping.lookup(key, at, this.withName(hashes[r]), nowMs)
      out[r] = g
      if (g < 0) refused++
    }
    return refused
  }

  private assignAll(chunk: Chunk, out: Int32Array, nowMs: number): number {
    const groups = this.rowGroups.of(chunk)
    const { rest, restIndex } = chunk
    const lines = this.asWritten && rest instanceof LineRows ? rest : null
    let refused = 0
    for (let r = 0; r < chunk.n; r++) {
      this.beginKey()
      const mixed = lines === null ? -1 : this.lineKey(lines, restIndex === null ? r : restIndex[r])
      let g: number
      if (mixed >= 0) g = this.grouping.lookup(this.key, this.keyLength, mixed, nowMs)
      else {
        this.beginKey()
        g = this.lookupTags(chunk.tagsOf(r, groups[r]), nowMs)
      }
      out[r] = g
      if (g < 0) refused++
    }
    return refused
  }

  /** The key of a line's tags and its hash; -1 where they are not in order, twice there, or escaped. */
  private lineKey(lines: LineRows, row: number): number {
    const { tokens, excludeBytes } = this
    const bytes = lines.lineBytes
    const start = lines.lineStart(row)
    tokens.readKey(bytes, start, start + lines.lineLength(row))
    for (let i = tokens.nameEnd; i < tokens.keyEnd; i++) if (bytes[i] === 92) return -1
    const { tags, tagCount } = tokens
    let hash = fnvOffset
    for (let i = 0; i < tagCount; i++) {
      const o = 4 * i
      const from = tags[o]
      const to = tags[o + 1]
      if (i > 0 && compareRanges(bytes, tags[o - 4], tags[o - 3], from, to) >= 0) return -1
      if (tags[o + 2] === tags[o + 3]) continue
      if (excludeBytes.length > 0 && excludeBytes.some((e) => sameAs(e, bytes, from, to))) continue
      hash = this.addPart(bytes, from, to - from, hash)
      hash = this.addPart(bytes, tags[o + 2], tags[o + 3] - tags[o + 2], hash)
    }
    return this.finish(hash)
  }

  private lookupTags(tags: ReadonlyMap<string, string>, nowMs: number): number {
    const names: string[] = []
    for (const k of tags.keys()) if (!this.exclude.includes(k)) names.push(k)
    names.sort(compareBytewise)
    let hash = fnvOffset
    for (const k of names) {
      hash = this.addText(k, hash)
      hash = this.addText(tags.get(k)!, hash)
    }
    return this.grouping.lookup(this.key, this.keyLength, this.finish(hash), nowMs)
  }

  private setName(name: string): void {
    if (this.grouping.byName && name !== this.nameText) {
      this.nameText = name
      this.nameBytes = encodeUtf8(name)
      let h = fnvOffset
      for (const b of this.nameBytes) h = Math.imul(h ^ b, fnvPrime)
      this.nameHash = h
    }
    this.beginKey()
  }

  private beginKey(): void {
    this.keyLength = 0
    if (this.grouping.byName) this.addPart(this.nameBytes, 0, this.nameBytes.length, 0)
  }

  private addText(s: string, hash: number): number {
    const b = encodeUtf8(s)
    return this.addPart(b, 0, b.length, hash)
  }

  /** Appends [u16 length, bytes] to the key; returns the hash over the bytes and a 0. */
  private addPart(src: Uint8Array, offset: number, length: number, hash: number): number {
    if (length > maxPart) length = maxPart
    const at = this.keyLength
    if (at + 2 + length > this.key.length) this.growKey(at + 2 + length)
    const key = this.key
    key[at] = length
    key[at + 1] = length >> 8
    for (let i = 0; i < length; i++) {
      const b = src[offset + i]
      key[at + 2 + i] = b
      hash = Math.imul(hash ^ b, fnvPrime)
    }
    this.keyLength = at + 2 + length
    return Math.imul(hash, fnvPrime)
  }

  private finish(hash: number): number {
    return this.withName(mixHash(hash))
  }

  private withName(mixed: number): number {
    return this.grouping.byName ? mixHash(mixed ^ this.nameHash) : mixed
  }

  private growKey(need: number): void {
    const key = new Uint8Array(Math.max(need, this.key.length * 2))
    key.set(this.key)
    this.key = key
  }
}

function sameTags(a: readonly string[] | null, b: readonly string[]): boolean {
  return a !== null && a.length === b.length && a.every((t, i) => t === b[i])
}

function compareRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const n = Math.min(aEnd - a, bEnd - b)
  for (let i = 0; i < n; i++) if (bytes[a + i] !== bytes[b + i]) return bytes[a + i] - bytes[b + i]
  return aEnd - a - (bEnd - b)
}

function sameAs(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[from + i]) return false
  return true
}
