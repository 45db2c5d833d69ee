/**
 * The values that one sideload node takes from its source, converted once: path → a cell per key. Thread: shard worker.
 *
 *   one extent, charged to the shard's budget:
 *   slots    i32 × 2^k     file + 1, or 0; open addressing by the hash of the path
 *   paths    i32 × 2n      offset and length in `bytes`
 *   payload  8 bytes × (n + 1)·keys, kinds 1 byte × (n + 1)·keys      the last row holds the defaults
 *   bytes    paths and string values
 */
import { Column, encodeUtf8, setInt64 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { Duration, kindOf, type Value } from '../../columns/values.js'
import { formatFloatF, parseBool, parseFloat64, parseInt64 } from '../../go/go-format.js'
import type { Extent, StateAllocator } from '../../state/pages.js'
import { fnvOffset, fnvPrime, mixHash } from '../../transport/routes.js'

/** What main hands over (by structured clone): of every file the values of the node's keys, undefined where it lacks one. */
export interface SideloadData {
  readonly paths: readonly string[]
  readonly cells: readonly (readonly unknown[])[]
}

export interface SideloadKey {
  readonly name: string
  readonly isTag: boolean
  /** Its type is that of the loaded values. */
  readonly value: Value
}

/** Kind byte of a value that cannot be converted; the payload's first word tells its type. */
const Unusable = 255

const goTypes = ['float64', 'string', 'bool', '<nil>', 'map[string]interface {}', '[]interface {}'] as const

const expectedTypes: Partial<Record<Kind, string>> = {
  [Kind.Int]: 'int64',
  [Kind.Float]: 'float64',
  [Kind.String]: 'string',
  [Kind.Bool]: 'bool',
  [Kind.Duration]: 'time.Duration',
}

export function expectedType(key: SideloadKey): string {
  return expectedTypes[kindOf(key.value)] ?? 'interface {}'
}

export class SideloadTable {
  readonly files: number
  /** Cells by `row · keys + key`; strings point into its bytes. */
  readonly cells: Column
  private readonly mask: number
  private readonly slots: Int32Array
  private readonly pathRanges: Int32Array
  private readonly bytes: Uint8Array

  /** null: the budget refused. */
  static make(state: StateAllocator, data: SideloadData, keys: readonly SideloadKey[]): SideloadTable | null {
    const sizes = measure(data, keys)
    const extent = state.take(sizes.total)
    return extent === null ? null : new SideloadTable(state, extent, sizes, data, keys)
  }

  private constructor(
    private readonly state: StateAllocator,
    private readonly extent: Extent,
    sizes: Sizes,
    data: SideloadData,
    private readonly keys: readonly SideloadKey[],
  ) {
    const { sab, offset } = extent
    const n = data.paths.length
    const cells = (n + 1) * keys.length
    this.files = n
    this.mask = sizes.slots - 1
    let at = offset
    const payload = new Float64Array(sab, at, cells)
    const words = new Int32Array(sab, at, 2 * cells)
    at += 8 * cells
    this.slots = new Int32Array(sab, at, sizes.slots)
    at += 4 * sizes.slots
    this.pathRanges = new Int32Array(sab, at, 2 * n)
    at += 8 * n
    const kinds = new Uint8Array(sab, at, cells)
    at += cells
    this.bytes = new Uint8Array(sab, at, sizes.bytes)
    this.cells = new Column(kinds, payload, words)
    this.cells.bytes = this.bytes
    this.fill(data)
  }

  /** The file whose path is [0, length) of `path`, or -1. */
  find(path: Uint8Array, length: number): number {
    const { slots, mask, pathRanges, bytes } = this
    for (let s = hashOf(path, length) & mask; slots[s] !== 0; s = (s + 1) & mask) {
      const file = slots[s] - 1
      if (pathRanges[2 * file + 1] !== length) continue
      const o = pathRanges[2 * file]
      let i = 0
      while (i < length && bytes[o + i] === path[i]) i++
      if (i === length) return file
    }
    return -1
  }

  /** Whether a file has a key, be its value usable or not. */
  has(file: number, key: number): boolean {
    return this.cells.kinds[file * this.keys.length + key] !== Kind.Missing
  }

  /** The type of a value that cannot be converted, or '' when all is well. */
  unusable(file: number, key: number): string {
    const i = file * this.keys.length + key
    return this.cells.kinds[i] === Unusable ? goTypes[this.cells.i32[2 * i]] : ''
  }

  release(): void {
    this.state.give(this.extent)
  }

  private fill(data: SideloadData): void {
    let used = 0
    const put = (s: string): [number, number] => {
      const b = encodeUtf8(s)
      this.bytes.set(b, used)
      used += b.length
      return [used - b.length, b.length]
    }
    const path = { bytes: new Uint8Array(0) }
    data.paths.forEach((p, file) => {
      const [o, n] = put(p)
      this.pathRanges[2 * file] = o
      this.pathRanges[2 * file + 1] = n
      path.bytes = this.bytes.slice(o, o + n)
      let s = hashOf(path.bytes, n) & this.mask
      while (this.slots[s] !== 0) s = (s + 1) & this.mask
      this.slots[s] = file + 1
    })
    for (let file = 0; file < this.files; file++) {
      this.keys.forEach((key, k) => {
        const raw = data.cells[file][k]
        if (raw !== undefined) this.set(file, k, converted(raw, key.value), raw, put)
      })
    }
    this.keys.forEach((key, k) => {
      this.set(this.files, k, key.value, key.value, put)
    })
  }

  private set(
    row: number,
    key: number,
    v: Value | undefined,
    raw: unknown,
    put: (s: string) => [number, number],
  ): void {
    const { kinds, i32, f64 } = this.cells
    const i = row * this.keys.length + key
    if (v === undefined) {
      kinds[i] = Unusable
      i32[2 * i] = goTypes.indexOf(goTypeOf(raw))
      return
    }
    kinds[i] = kindOf(v)
    if (typeof v === 'string') {
      const [o, n] = put(v)
      i32[2 * i] = o
      i32[2 * i + 1] = n
    } else if (typeof v === 'number') f64[i] = v
    else if (typeof v === 'boolean') i32[2 * i] = v ? 1 : 0
    else if (typeof v === 'bigint') setInt64(i32, i, v)
    else if (v instanceof Duration) setInt64(i32, i, v.ns)
  }
}

interface Sizes {
  readonly slots: number
  readonly bytes: number
  readonly total: number
}

function measure(data: SideloadData, keys: readonly SideloadKey[]): Sizes {
  const n = data.paths.length
  let slots = 4
  while (slots < 2 * n) slots *= 2
  let bytes = 0
  for (const p of data.paths) bytes += Buffer.byteLength(p)
  const ofValue = (v: Value | undefined): void => {
    if (typeof v === 'string') bytes += Buffer.byteLength(v)
  }
  for (const row of data.cells) {
    keys.forEach((key, k) => {
      if (row[k] !== undefined) ofValue(converted(row[k], key.value))
    })
  }
  for (const key of keys) ofValue(key.value)
  const total = 9 * (n + 1) * keys.length + 4 * slots + 8 * n + bytes
  return { slots, bytes, total }
}

function hashOf(b: Uint8Array, length: number): number {
  let h = fnvOffset
  for (let i = 0; i < length; i++) h = Math.imul(h ^ b[i], fnvPrime)
  return mixHash(h)
}

function goTypeOf(raw: unknown): (typeof goTypes)[number] {
  if (typeof raw === 'number') return 'float64'
  if (typeof raw === 'string') return 'string'
  if (typeof raw === 'boolean') return 'bool'
  if (raw === null) return '<nil>'
  return Array.isArray(raw) ? '[]interface {}' : 'map[string]interface {}'
}

/** A loaded value as the type of the default; undefined when there is no way. All numbers are floats here. */
export function converted(raw: unknown, like: Value): Value | undefined {
  switch (typeof like) {
    case 'bigint': {
      if (typeof raw === 'number') {
        if (!Number.isInteger(raw) || Math.abs(raw) >= 2 ** 63) return undefined
        return BigInt(raw)
      }
      const v = typeof raw === 'string' ? parseInt64(raw) : undefined
      return typeof v === 'bigint' ? v : undefined
    }
    case 'number': {
      const v = typeof raw === 'string' ? parseFloat64(raw) : raw
      return typeof v === 'number' ? v : undefined
    }
    case 'boolean': {
      const v = typeof raw === 'string' ? parseBool(raw) : raw
      return typeof v === 'boolean' ? v : undefined
    }
    case 'string':
      if (typeof raw === 'number') return formatFloatF(raw)
      if (typeof raw === 'boolean') return String(raw)
      return typeof raw === 'string' ? raw : undefined
    default:
      return undefined
  }
}
