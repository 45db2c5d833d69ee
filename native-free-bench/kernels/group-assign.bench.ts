/** Rows per second of group assignment over one tag and over two, with the router's hashes and without. */
import type { Bench } from 'tinybench'
import { Chunk, maxChunkRows } from '../../src/columns/chunk.js'
import { Column } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { GroupAssign } from '../../src/operators/kit/group-assign.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { fnvOffset, fnvPrime, mixHash } from '../../src/transport/routes.js'

const groupCount = 94_000
const chunkCount = 48

/** Values of 7 to 12 bytes in random order, as the bytes of written lines hold them. */
function randomChunks(tags: readonly string[]): Chunk[] {
  let seed = 1
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed
  }
  const none = new Grouping(new StateAllocator(new ShardMemory(1e9)), [], false)
  const chunks: Chunk[] = []
  for (let k = 0; k < chunkCount; k++) {
    const n = maxChunkRows
    const chunk = new Chunk(none, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    chunk.n = n
    const columns = tags.map(() => Column.alloc(n))
    const bytes = new Uint8Array(new SharedArrayBuffer(n * 64 * tags.length))
    const hashes = new Uint32Array(n)
    let at = 0
    for (let r = 0; r < n; r++) {
      const id = random() % groupCount
      let h = fnvOffset
      tags.forEach((_, i) => {
        const text = i === 0 ? `10.${id >> 16}.${(id >> 8) & 255}.${id & 255}` : `id${id % 7}`
        columns[i].kinds[r] = Kind.String
        columns[i].i32[2 * r] = at
        columns[i].i32[2 * r + 1] = text.length
        for (let j = 0; j < text.length; j++) {
          bytes[at++] = text.charCodeAt(j)
          h = Math.imul(h ^ text.charCodeAt(j), fnvPrime)
        }
        h = Math.imul(h, fnvPrime)
        at += 40
      })
      hashes[r] = mixHash(h)
    }
    tags.forEach((name, i) => {
      columns[i].bytes = bytes
      chunk.setTag(name, columns[i])
    })
    chunk.hashes = hashes
    chunk.hashedTags = tags
    chunks.push(chunk)
  }
  return chunks
}

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = maxChunkRows
export const boundBy = 'cache misses: bucket, record and key of a random group'

export function add(bench: Bench): void {
  const out = new Int32Array(maxChunkRows)
  for (const tags of [['ip'], ['id', 'ip']]) {
    for (const hashed of [true, false]) {
      const chunks = randomChunks(tags)
      for (const c of chunks) if (!hashed) c.hashedTags = null
      const assign = new GroupAssign(new Grouping(new StateAllocator(new ShardMemory(1e9)), tags, false))
      let k = 0
      bench.add(`group-assign: 94k groups by ${tags.join(', ')}${hashed ? '' : ', own hash'}`, () => {
        assign.assign(chunks[k++ % chunkCount], out, k)
      })
    }
  }
}
