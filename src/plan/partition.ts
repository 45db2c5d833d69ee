/**
 * The partition key of a task: the tags all of whose equal values must meet on one shard. It is the intersection of the
 * effective grouping tags at every operator that keeps state; a tag that the task itself writes or removes upstream of a
 * grouping leaves the key, because main hashes what was written, not what the task makes of it. Thread: any.
 */
import { fnvOffset, fnvPrime, mixHash, type Partition, shardOf } from '../transport/routes.js'

/** A set of tags: these, or (for grouping by `*`) all tags except these. */
export type TagSet =
  | { readonly all: false; readonly tags: readonly string[] }
  | { readonly all: true; readonly except: readonly string[] }

export const everyTag: TagSet = { all: true, except: [] }
export const noTags: TagSet = { all: false, tags: [] }

export function without(set: TagSet, tags: readonly string[]): TagSet {
  if (tags.length === 0) return set
  if (set.all) return { all: true, except: [...new Set([...set.except, ...tags])].sort() }
  const gone = new Set(tags)
  return { all: false, tags: set.tags.filter((t) => !gone.has(t)) }
}

export function intersect(a: TagSet, b: TagSet): TagSet {
  if (a.all) return without(b, a.except)
  if (b.all) return without(a, b.except)
  const common = new Set(b.tags)
  return { all: false, tags: a.tags.filter((t) => common.has(t)) }
}

export function describe(set: TagSet): string {
  if (!set.all) return set.tags.length === 0 ? '(none)' : set.tags.join(', ')
  return set.except.length === 0 ? 'every tag' : `every tag except ${set.except.join(', ')}`
}

/** The partition of a non-empty key. */
export function partitionOf(key: TagSet): Partition {
  return key.all ? { kind: 'series', exclude: key.except } : { kind: 'tags', tags: [...key.tags].sort() }
}

/** The whole task on one shard, chosen by the hash of its id so that tasks spread. */
export function pinnedTo(taskId: string, shards: number): Partition {
  let h = fnvOffset
  for (const b of new TextEncoder().encode(taskId)) h = Math.imul(h ^ b, fnvPrime)
  return { kind: 'pinned', shard: shardOf(mixHash(h), shards) }
}
