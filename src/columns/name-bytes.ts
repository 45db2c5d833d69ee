/**
 * Names of tags, fields and measurements as UTF-8. They are few and come again with every row, so their bytes are kept; but
 * some come from outside (`flatten` makes names of values), so what is kept is bounded. Thread: shard worker.
 */
import { encodeUtf8 } from './column.js'

const maxNames = 1024
const maxKeptLength = 1024

export class NameBytes {
  private readonly known = new Map<string, Uint8Array>()

  of(name: string): Uint8Array {
    let bytes = this.known.get(name)
    if (bytes !== undefined) return bytes
    bytes = encodeUtf8(name)
    if (name.length > maxKeptLength) return bytes
    if (this.known.size >= maxNames) this.known.clear()
    this.known.set(name, bytes)
    return bytes
  }
}
