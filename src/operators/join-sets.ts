/**
 * Which messages of a join belong together (spec nodes 4.15): per group a list of sets in order of time, each with a place
 * per parent. Thread: shard worker. What a message holds is not known here (join-points.ts, join-batches.ts).
 *
 *   group   heads f64 per parent: rounded time of its latest message, -Infinity before the first (subs on demand)
 *           lists i32 ×2: first and last set + 1 · cursors i32 per parent: the set + 1 that it filled last
 *   set     ms f64 · sub i32 (on demand) · previous + 1 · next + 1 (the pool's link) · names i32 per parent: name id + 1 of
 *           its message, 0 without
 *
 * Of the sets of one time those with a message of a parent come before those without: messages take the first free place,
 * and sets leave from the front. So a message's set is beside its parent's cursor or a few steps on.
 */
import type { Pages, StateAllocator } from '../shard/pages.js'
import { type AnyPages, SlotPool } from './merge-slots.js'
import { NameTable } from './window-names.js'

const never = Number.NEGATIVE_INFINITY

export class JoinSets {
  readonly pool: SlotPool
  /** Name id + 1 of each parent's message. */
  readonly names: Pages<Int32Array>
  readonly table = new NameTable()
  private readonly ms: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly previous: Pages<Int32Array>
  private readonly heads: Pages<Float64Array>
  private readonly headSubs: Pages<Int32Array>
  private readonly lists: Pages<Int32Array>
  private readonly cursors: Pages<Int32Array>
  /** Groups that may have sets are below this. */
  private limit = 0

  /** `always` and `others` are the columns of what the sets hold. */
  constructor(
    state: StateAllocator,
    readonly parents: number,
    always: readonly AnyPages[],
    others: readonly AnyPages[],
    slotBytes: number,
  ) {
    this.ms = state.f64()
    this.subs = state.i32()
    this.previous = state.i32()
    this.names = state.i32(parents)
    this.heads = state.f64(parents)
    this.headSubs = state.i32(parents)
    this.lists = state.i32(2)
    this.cursors = state.i32(parents)
    const own = [this.ms, this.previous, this.names]
    this.pool = new SlotPool(state, [...own, ...always], [this.subs, ...others], 20 + 4 * parents + slotBytes)
  }

  /** Makes a group ready. False: the budget refused. */
  create(g: number): boolean {
    const { heads, lists, cursors, headSubs } = this
    if (!heads.ensure(g) || !lists.ensure(g) || !cursors.ensure(g)) return false
    for (let p = 0; p < this.parents; p++) heads.set(g, never, p)
    lists.clear(g)
    cursors.clear(g)
    if (headSubs.has(g)) headSubs.clear(g)
    if (g >= this.limit) this.limit = g + 1
    return true
  }

  /** The first set of the group, -1 without. */
  first(g: number): number {
    return this.lists.get(g, 0) - 1
  }

  next(set: number): number {
    return this.pool.next.get(set) - 1
  }

  msOf(set: number): number {
    return this.ms.get(set)
  }

  subOf(set: number): number {
    return this.subs.has(set) ? this.subs.get(set) : 0
  }

  /** Notes a parent's latest time. With `forward` it never goes back. */
  setHead(g: number, parent: number, ms: number, sub: number, forward: boolean): void {
    const { heads, headSubs } = this
    const page = heads.pages[g >> heads.shift]
    const o = (g & heads.mask) * this.parents + parent
    if (forward && (ms < page[o] || (ms === page[o] && sub < this.headSub(g, parent)))) return
    page[o] = ms
    // Refused: the head counts as a little earlier, which only lets sets wait longer.
    if (sub !== 0 && !headSubs.ensure(g)) return
    if (headSubs.has(g)) headSubs.set(g, sub, parent)
  }

  /**
   * The set that takes a message of `parent` at (ms, sub): the first at that time without one of it, made when there is none.
   * -1: the budget refused. Until `fill` the set is as it was.
   */
  place(g: number, parent: number, ms: number, sub: number): number {
    const list = this.lists.pages[g >> this.lists.shift]
    const o = (g & this.lists.mask) * 2
    const last = list[o + 1] - 1
    if (last < 0) return this.open(g, ms, sub, -1)
    let order = this.compare(last, ms, sub)
    if (order < 0) return this.open(g, ms, sub, last)
    let at = this.cursors.get(g, parent) - 1
    if (at >= 0) {
      order = this.compare(at, ms, sub)
      if (order > 0) return this.placeBefore(g, at, parent, ms, sub)
    } else at = list[o] - 1
    let before = this.previous.get(at) - 1
    for (; at >= 0; before = at, at = this.next(at)) {
      order = this.compare(at, ms, sub)
      if (order > 0) break
      if (order === 0 && this.names.get(at, parent) === 0) return at
    }
    return this.open(g, ms, sub, before)
  }

  /** The parent's message, of this measurement name, is in the set. */
  fill(g: number, set: number, parent: number, name: string): void {
    this.names.set(set, this.table.take(name) + 1, parent)
    this.cursors.set(g, set + 1, parent)
  }

  has(set: number, parent: number): boolean {
    return this.names.get(set, parent) !== 0
  }

  isComplete(set: number): boolean {
    const { names, parents } = this
    const page = names.pages[set >> names.shift]
    const o = (set & names.mask) * parents
    for (let p = 0; p < parents; p++) if (page[o + p] === 0) return false
    return true
  }

  /** The first parent that has a message in the set; -1 without. */
  lowest(set: number): number {
    for (let p = 0; p < this.parents; p++) if (this.has(set, p)) return p
    return -1
  }

  nameOf(set: number, parent: number): string {
    return this.table.nameOf(this.names.get(set, parent) - 1)
  }

  /** Removes a set that `fill` has not touched or whose content has been freed. */
  remove(g: number, set: number): void {
    const { lists, cursors, names, previous, pool } = this
    const before = previous.get(set) - 1
    const after = pool.next.get(set) - 1
    if (before >= 0) pool.next.set(before, after + 1)
    else lists.set(g, after + 1, 0)
    if (after >= 0) previous.set(after, before + 1)
    else lists.set(g, before + 1, 1)
    for (let p = 0; p < this.parents; p++) {
      const name = names.get(set, p)
      if (name === 0) continue
      this.table.give(name - 1)
      if (cursors.get(g, p) === set + 1) cursors.set(g, 0, p)
    }
    pool.give(set)
  }

  /** Some parent may still bring a message for the time of this set. */
  mayBeMissing(g: number, set: number): boolean {
    const { heads, parents } = this
    const page = heads.pages[g >> heads.shift]
    const o = (g & heads.mask) * parents
    const ms = this.ms.get(set)
    for (let p = 0; p < parents; p++) {
      if (page[o + p] < ms) return true
      if (page[o + p] === ms && this.headSub(g, p) <= this.subOf(set)) return true
    }
    return false
  }

  isAt(set: number, ms: number, sub: number): boolean {
    return this.ms.get(set) === ms && this.subOf(set) === sub
  }

  /**
   * Drops the first sets of the groups whose first sets are the oldest, until `drop` has reported about `bytes`. `drop` frees
   * and removes a set.
   */
  evict(bytes: number, drop: (g: number, set: number) => number): number {
    let freed = 0
    while (freed < bytes && this.pool.live > 0) {
      const fronts: number[] = []
      for (let g = 0; g < this.limit; g++) {
        const set = this.lists.has(g) ? this.first(g) : -1
        if (set >= 0) fronts.push(this.ms.get(set))
      }
      if (fronts.length === 0) break
      fronts.sort((a, b) => a - b)
      const cut = fronts[fronts.length >> 2]
      for (let g = 0; g < this.limit && freed < bytes; g++) {
        const set = this.lists.has(g) ? this.first(g) : -1
        if (set >= 0 && this.ms.get(set) <= cut) freed += drop(g, set)
      }
    }
    return freed
  }

  dispose(): void {
    this.pool.dispose()
    for (const p of [this.heads, this.headSubs, this.lists, this.cursors]) p.release()
    this.limit = 0
  }

  private headSub(g: number, parent: number): number {
    return this.headSubs.has(g) ? this.headSubs.get(g, parent) : 0
  }

  /** Below 0: the set is earlier than the instant. */
  private compare(set: number, ms: number, sub: number): number {
    const d = this.ms.get(set) - ms
    return d !== 0 ? d : this.subOf(set) - sub
  }

  /** `place` for an instant before the cursor `at`. */
  private placeBefore(g: number, from: number, parent: number, ms: number, sub: number): number {
    let at = from
    while (at >= 0 && this.compare(at, ms, sub) > 0) at = this.previous.get(at) - 1
    if (at < 0 || this.compare(at, ms, sub) < 0 || this.has(at, parent)) return this.open(g, ms, sub, at)
    for (;;) {
      const before = this.previous.get(at) - 1
      if (before < 0 || this.compare(before, ms, sub) !== 0 || this.has(before, parent)) return at
      at = before
    }
  }

  /** A new set behind `after` (-1: in front). */
  private open(g: number, ms: number, sub: number, after: number): number {
    const { pool, lists, previous } = this
    const set = pool.take()
    if (set < 0) return -1
    if (sub !== 0 && !this.subs.ensure(set)) {
      pool.give(set)
      return -1
    }
    this.ms.set(set, ms)
    if (this.subs.has(set)) this.subs.set(set, sub)
    this.names.clear(set)
    const next = after < 0 ? lists.get(g, 0) : pool.next.get(after)
    previous.set(set, after + 1)
    pool.next.set(set, next)
    if (after < 0) lists.set(g, set + 1, 0)
    else pool.next.set(after, set + 1)
    if (next === 0) lists.set(g, set + 1, 1)
    else previous.set(next - 1, set + 1)
    return set
  }
}
