/**
 * Output rows that are assembled as packed rows: the cells that nodes below read by name are laid out as columns too.
 * Thread: shard worker.
 */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import { ChunkBuilder, type OutColumn } from '../../columns/chunk-builder.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { TextKind } from '../../columns/packed-lines.js'
import type { RowScratch } from '../../columns/row-scratch.js'
import { setCell } from '../kit/cells.js'
import type { RowLayout } from '../kit/row-store.js'
import { nameIs, PackedReader } from './merge-packed.js'

const decoder = new TextDecoder()

export class PackedOutput {
  readonly out: ChunkBuilder
  private readonly fieldNames: readonly Uint8Array[]
  private readonly tagNames: readonly Uint8Array[]
  private readonly withRest: boolean
  private readonly reader = new PackedReader()
  private readonly words = new Int32Array(2)
  private readonly float = new Float64Array(this.words.buffer)

  /** `layout` is what the nodes below want; without `tags` rows carry their group's tags only. */
  constructor(layout: RowLayout, options: { batch: boolean; tags: boolean }, emit: (chunk: Chunk) => void) {
    const tags = options.tags ? [...layout.tags, ...layout.dims] : []
    const fields = layout.rest?.fields === true
    const restTags = options.tags && layout.rest?.tags === true
    this.withRest = fields || restTags
    this.out = new ChunkBuilder(
      {
        fields: layout.fields,
        tags,
        batch: options.batch,
        groupTags: !options.tags,
        rest: this.withRest ? { fields, tags: restTags } : undefined,
      },
      emit,
      maxChunkRows,
    )
    this.fieldNames = layout.fields.map(encodeUtf8)
    this.tagNames = tags.map(encodeUtf8)
  }

  /** Adds a row of the builder's current name. */
  add(ms: number, sub: number, group: number, packed: RowScratch): void {
    const { out, reader, fieldNames, tagNames } = this
    const row = out.row(ms, sub, group)
    if (this.withRest) out.rest!.set(row, packed.bytes, 0, packed.length)
    if (fieldNames.length === 0 && tagNames.length === 0) return
    reader.open(packed.bytes, 0, packed.length)
    while (reader.nextTag()) {
      for (let k = 0; k < tagNames.length; k++) {
        // Of equal tag names the first counts.
        if (!nameIs(reader, tagNames[k]) || out.tags[k].column.kinds[row] !== Kind.Missing) continue
        out.tags[k].setString(row, reader.bytes, reader.valueAt, reader.valueEnd - reader.valueAt)
      }
    }
    while (reader.nextField()) {
      for (let k = 0; k < fieldNames.length; k++) if (nameIs(reader, fieldNames[k])) this.setField(out.fields[k], row)
    }
  }

  private setField(to: OutColumn, row: number): void {
    const { bytes, valueAt, valueEnd } = this.reader
    const kind = bytes[valueAt]
    const from = valueAt + 1
    if (kind === Kind.Null) to.setKind(row, Kind.Null)
    else if (kind === Kind.Bool) to.setBool(row, bytes[from] !== 0)
    else if (kind === Kind.String || kind === TextKind.Int || kind === TextKind.Float) {
      let at = from
      while (bytes[at] > 127) at++
      at++
      if (kind === Kind.String) to.setString(row, bytes, at, valueEnd - at)
      else {
        const text = decoder.decode(bytes.subarray(at, valueEnd))
        setCell(to, row, kind === TextKind.Int ? BigInt(text) : Number(text))
      }
    } else {
      const { words } = this
      words[0] = bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24)
      words[1] = bytes[from + 4] | (bytes[from + 5] << 8) | (bytes[from + 6] << 16) | (bytes[from + 7] << 24)
      if (kind === Kind.Float) to.setFloat(row, this.float[0])
      else to.setWords(row, kind, words[0], words[1])
    }
  }
}
