/**
 * How rows find their shard. A route is (which tables, which partition key); tasks with equal routes share one, so a row is
 * hashed once per distinct partition key, not once per task. Thread: main.
 */
export type Partition =
  /** Hash of the values of these sorted tags; '' for an absent one. */
  | { readonly kind: 'tags'; readonly tags: readonly string[] }
  /** Hash of all tags except these: grouping by `*`, and stateless chains. */
  | { readonly kind: 'series'; readonly exclude: readonly string[] }
  /** Everything on one shard. */
  | { readonly kind: 'pinned'; readonly shard: number }

export interface Route {
  readonly id: number
  readonly db: string
  readonly rp: string
  /** null: every measurement. */
  readonly measurement: string | null
  readonly partition: Partition
}

/** What a task asks of the router, once per (db, rp). */
export interface Subscription {
  readonly db: string
  readonly rp: string
  /** null: every measurement. */
  readonly measurements: readonly string[] | null
  readonly partition: Partition
  /** Tags and fields to encode as columns. */
  readonly reads: readonly string[]
}

export function samePartition(a: Partition, b: Partition): boolean {
  if (a.kind === 'tags' && b.kind === 'tags') return a.tags.join('\0') === b.tags.join('\0')
  if (a.kind === 'series' && b.kind === 'series') return a.exclude.join('\0') === b.exclude.join('\0')
  return a.kind === 'pinned' && b.kind === 'pinned' && a.shard === b.shard
}

/**
 * FNV-1a over bytes, then a final mix so that the low bits are good for shards and buckets. Of a partition key: the values in
 * tag order, each followed by a 0 byte ('series': key, '=', value, 0 of each present tag sorted by key).
 */
export const fnvOffset = 0x811c9dc5 | 0
export const fnvPrime = 0x01000193

export function mixHash(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Shard of a mixed hash: the high bits, so that group tables inside a shard still see all low bits. */
export function shardOf(hash: number, shards: number): number {
  return Math.floor((hash / 4294967296) * shards)
}

const hashEncoder = new TextEncoder()

function hashText(h: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i], fnvPrime)
  return h
}

/** The mixed hash of a row's partition key, from its tags. The scanner computes the same over the written bytes. */
export function hashPartition(partition: Partition, tags: ReadonlyMap<string, string>): number {
  let h = fnvOffset
  if (partition.kind === 'tags') {
    for (const tag of partition.tags) h = Math.imul(hashText(h, hashEncoder.encode(tags.get(tag) ?? '')), fnvPrime)
  } else if (partition.kind === 'series') {
    const keys = [...tags.keys()].filter((k) => tags.get(k) !== '' && !partition.exclude.includes(k))
    const pairs = keys.map((k) => ({ key: hashEncoder.encode(k), value: hashEncoder.encode(tags.get(k)) }))
    return hashSeriesTags(pairs.sort((a, b) => compareBytes(a.key, b.key)))
  }
  return mixHash(h)
}

/** The mixed hash of present tags, sorted by key. */
export function hashSeriesTags(tags: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): number {
  let h = fnvOffset
  for (const t of tags) h = Math.imul(hashText(Math.imul(hashText(h, t.key) ^ 61, fnvPrime), t.value), fnvPrime)
  return mixHash(h)
}

/** Bytewise order, as the original sorts tag keys. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}
