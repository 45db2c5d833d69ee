/** Lookups per second in a grouping of 94 000 groups: keys in random order and in the order of their groups. */
import type { Bench } from 'tinybench'
import { Column } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { fnvOffset, fnvPrime, mixHash } from '../../src/transport/routes.js'

const groupCount = 94_000
const batchRows = 8192
const batchCount = 48

interface Batch {
  readonly column: Column
  readonly hashes: Uint32Array
}

/** Values of 7 to 12 bytes. */
function batches(order: (i: number) => number): Batch[] {
  const encoder = new TextEncoder()
  const out: Batch[] = []
  let i = 0
  for (let b = 0; b < batchCount; b++) {
    const column = Column.alloc(batchRows)
    const hashes = new Uint32Array(batchRows)
    const bytes = new Uint8Array(new SharedArrayBuffer(batchRows * 16))
    let at = 0
    for (let r = 0; r < batchRows; r++) {
      const id = order(i++)
      const value = encoder.encode(`10.${id >> 16}.${(id >> 8) & 255}.${id & 255}`)
      let h = fnvOffset
      for (const byte of value) h = Math.imul(h ^ byte, fnvPrime)
      hashes[r] = mixHash(Math.imul(h, fnvPrime))
      bytes.set(value, at)
      column.kinds[r] = Kind.String
      column.i32[2 * r] = at
      column.i32[2 * r + 1] = value.length
      at += value.length
    }
    column.bytes = bytes
    out.push({ column, hashes })
  }
  return out
}

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = batchRows
export const boundBy = 'cache misses: bucket, record and key of a random group'

export function add(bench: Bench): void {
  let seed = 1
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed % groupCount
  }
  for (const [name, order] of [
    ['random order', random],
    ['group order', (i: number) => i % groupCount],
  ] as const) {
    const work = batches(order)
    const out = new Int32Array(batchRows)
    let next = 0
    const many = new Grouping(new StateAllocator(new ShardMemory(1e9)), ['ip'], false)
    const columns: (Column | null)[] = [null]
    bench.add(`grouping: ${batchRows} rows assigned by column, 94k groups, ${name}`, () => {
      const b = work[next++ % batchCount]
      columns[0] = b.column
      many.assignColumns(columns, batchRows, b.hashes, 1_700_000_000_000, out)
    })
    const single = new Grouping(new StateAllocator(new ShardMemory(1e9)), ['ip'], false)
    const key = new Uint8Array(32)
    bench.add(`grouping: ${batchRows} lookups one by one, 94k groups, ${name}`, () => {
      const { column, hashes } = work[next++ % batchCount]
      const { i32, bytes } = column
      for (let r = 0; r < batchRows; r++) {
        const start = i32[2 * r]
        const n = i32[2 * r + 1]
        key[0] = n
        for (let i = 0; i < n; i++) key[2 + i] = bytes[start + i]
        out[r] = single.lookup(key, n + 2, hashes[r], 1_700_000_000_000)
      }
    })
  }
}
