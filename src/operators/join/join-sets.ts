/**
 * Which messages of a join belong together (spec nodes 4.15): per group a list of sets in order of time, each with a
 * place per parent. Thread: shard worker. What a message holds is not known here (join-points.ts, join-batches.ts).
 *
 * A group and a set are one record of doubles each, because their parts are used together and the groups come in any
 * order:
 *
 *   group   first set + 1 · last set + 1 · per parent: the set + 1 that it filled last (its cursor) · per parent:
 *           rounded time of its latest message in ms, -Infinity before the first (its head)
 *   set     ms · previous + 1 · next + 1 · per parent: name id + 1 of its message, 0 without
 *   subs    of heads and sets: i32 in pages of their own, where some are not 0
 *
 * Of the sets of one time those with a message of a parent come before those without: messages take the first free
 * place, and sets leave from the front. So a message's set is beside its parent's cursor or a few steps on.
 */
import type { Pages, StateAllocator } from '../../state/pages.js'
import { NameTable } from '../kit/window-names.js'
import { type AnyPages, SlotPool } from './merge-slots.js'

const never = Number.NEGATIVE_INFINITY

const FIRST = 0
const LAST = 1
const CURSORS = 2

const MS = 0
const PREVIOUS = 1
const NEXT = 2
const NAMES = 3

export class JoinSets {
  readonly pool: SlotPool
  readonly table = new NameTable()
  private readonly sets: Pages<Float64Array>
  private readonly subs: Pages<Int32Array>
  private readonly groups: Pages<Float64Array>
  private readonly headSubs: Pages<Int32Array>
  private readonly setWords: number
  private readonly groupWords: number
  /** Offset of the heads in a group's record. */
  private readonly heads: number
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
    this.setWords = NAMES + parents
    this.groupWords = CURSORS + 2 * parents
    this.heads = CURSORS + parents
    this.sets = state.f64(this.setWords)
    this.subs = state.i32()
    this.groups = state.f64(this.groupWords)
    this.headSubs = state.i32(parents)
    this.pool = new SlotPool(state, [this.sets, ...always], [this.subs, ...others], 8 * this.setWords + slotBytes)
  }

  /** Makes a group ready. False: the budget refused. */
  create(g: number): boolean {
    const { groups, headSubs } = this
    if (!groups.ensure(g)) return false
    groups.clear(g)
    for (let p = 0; p < this.parents; p++) groups.set(g, never, this.heads + p)
    if (headSubs.has(g)) headSubs.clear(g)
    if (g >= this.limit) this.limit = g + 1
    return true
  }

  /** The first set of the group, -1 without. */
  first(g: number): number {
    const { groups } = this
    return groups.pages[g >> groups.shift][(g & groups.mask) * this.groupWords + FIRST] - 1
  }

  msOf(set: number): number {
    const { sets } = this
    return sets.pages[set >> sets.shift][(set & sets.mask) * this.setWords + MS]
  }

  subOf(set: number): number {
    return this.subs.has(set) ? this.subs.get(set) : 0
  }

  /** Notes a parent's latest time. With `forward` it never goes back. */
  setHead(g: number, parent: number, ms: number, sub: number, forward: boolean): void {
    const { groups, headSubs } = this
    const page = groups.pages[g >> groups.shift]
    const o = (g & groups.mask) * this.groupWords + this.heads + parent
    if (forward && (ms < page[o] || (ms === page[o] && sub < this.headSub(g, parent)))) return
    page[o] = ms
    // Refused: the head counts as a little earlier, which only lets sets wait longer.
    if (sub !== 0 && !headSubs.ensure(g)) return
    if (headSubs.has(g)) headSubs.set(g, sub, parent)
  }

  /**
   * The set that takes a message of `parent` at (ms, sub): the first at that time without one of it, made when there
   * is none. -1: the budget refused. Until `fill` the set is as it was.
   */
  place(g: number, parent: number, ms: number, sub: number): number {
    const { groups } = this
    const page = groups.pages[g >> groups.shift]
    const o = (g & groups.mask) * this.groupWords
    const last = page[o + LAST] - 1
    if (last < 0) return this.open(g, ms, sub, -1)
    if (this.compare(last, ms, sub) < 0) return this.open(g, ms, sub, last)
    let at = page[o + CURSORS + parent] - 1
    if (at < 0) at = page[o + FIRST] - 1
    else if (this.compare(at, ms, sub) > 0) return this.placeBefore(g, at, parent, ms, sub)
    let before = this.word(at, PREVIOUS) - 1
    for (; at >= 0; before = at, at = this.word(at, NEXT) - 1) {
      const order = this.compare(at, ms, sub)
      if (order > 0) break
      if (order === 0 && this.word(at, NAMES + parent) === 0) return at
    }
    return this.open(g, ms, sub, before)
  }

  /** The parent's message, of this measurement name, is in the set. */
  fill(g: number, set: number, parent: number, name: string): void {
    this.setWord(set, NAMES + parent, this.table.take(name) + 1)
    const { groups } = this
    groups.pages[g >> groups.shift][(g & groups.mask) * this.groupWords + CURSORS + parent] = set + 1
  }

  has(set: number, parent: number): boolean {
    return this.word(set, NAMES + parent) !== 0
  }

  isComplete(set: number): boolean {
    const { sets, parents } = this
    const page = sets.pages[set >> sets.shift]
    const o = (set & sets.mask) * this.setWords + NAMES
    for (let p = 0; p < parents; p++) if (page[o + p] === 0) return false
    return true
  }

  /** The first parent that has a message in the set; -1 without. */
  lowest(set: number): number {
    for (let p = 0; p < this.parents; p++) if (this.has(set, p)) return p
    return -1
  }

  nameOf(set: number, parent: number): string {
    return this.table.nameOf(this.word(set, NAMES + parent) - 1)
  }

  /** Removes a set whose content has been freed. */
  remove(g: number, set: number): void {
    const { groups, sets } = this
    const group = groups.pages[g >> groups.shift]
    const go = (g & groups.mask) * this.groupWords
    const page = sets.pages[set >> sets.shift]
    const o = (set & sets.mask) * this.setWords
    const before = page[o + PREVIOUS] - 1
    const after = page[o + NEXT] - 1
    if (before >= 0) this.setWord(before, NEXT, after + 1)
    else group[go + FIRST] = after + 1
    if (after >= 0) this.setWord(after, PREVIOUS, before + 1)
    else group[go + LAST] = before + 1
    for (let p = 0; p < this.parents; p++) {
      const name = page[o + NAMES + p]
      if (name === 0) continue
      this.table.give(name - 1)
      if (group[go + CURSORS + p] === set + 1) group[go + CURSORS + p] = 0
    }
    this.pool.give(set)
  }

  /** Some parent may still bring a message for the time of this set. */
  mayBeMissing(g: number, set: number): boolean {
    const { groups, parents } = this
    const page = groups.pages[g >> groups.shift]
    const o = (g & groups.mask) * this.groupWords + this.heads
    const ms = this.msOf(set)
    for (let p = 0; p < parents; p++) {
      if (page[o + p] < ms) return true
      if (page[o + p] === ms && this.headSub(g, p) <= this.subOf(set)) return true
    }
    return false
  }

  isAt(set: number, ms: number, sub: number): boolean {
    return this.msOf(set) === ms && this.subOf(set) === sub
  }

  /**
   * Drops the first sets of the groups whose first sets are the oldest, until `drop` has reported about `bytes`.
   * `drop` frees and removes a set.
   */
  evict(bytes: number, drop: (g: number, set: number) => number): number {
    let freed = 0
    while (freed < bytes && this.pool.live > 0) {
      const fronts: number[] = []
      for (let g = 0; g < this.limit; g++) {
        const set = this.groups.has(g) ? this.first(g) : -1
        if (set >= 0) fronts.push(this.msOf(set))
      }
      if (fronts.length === 0) break
      fronts.sort((a, b) => a - b)
      const cut = fronts[fronts.length >> 2]
      for (let g = 0; g < this.limit && freed < bytes; g++) {
        const set = this.groups.has(g) ? this.first(g) : -1
        if (set >= 0 && this.msOf(set) <= cut) freed += drop(g, set)
      }
    }
    return freed
  }

  dispose(): void {
    this.pool.dispose()
    this.groups.release()
    this.headSubs.release()
    this.limit = 0
  }

  private word(set: number, k: number): number {
    const { sets } = this
    return sets.pages[set >> sets.shift][(set & sets.mask) * this.setWords + k]
  }

  private setWord(set: number, k: number, v: number): void {
    const { sets } = this
    sets.pages[set >> sets.shift][(set & sets.mask) * this.setWords + k] = v
  }

  private headSub(g: number, parent: number): number {
    return this.headSubs.has(g) ? this.headSubs.get(g, parent) : 0
  }

  /** Below 0: the set is earlier than the instant. */
  private compare(set: number, ms: number, sub: number): number {
    const d = this.msOf(set) - ms
    return d !== 0 ? d : this.subOf(set) - sub
  }

  /** `place` for an instant before that of the set `from`. */
  private placeBefore(g: number, from: number, parent: number, ms: number, sub: number): number {
    let at = from
    while (at >= 0 && this.compare(at, ms, sub) > 0) at = this.word(at, PREVIOUS) - 1
    if (at < 0 || this.compare(at, ms, sub) < 0 || this.has(at, parent)) return this.open(g, ms, sub, at)
    for (;;) {
      const before = this.word(at, PREVIOUS) - 1
      if (before < 0 || this.compare(before, ms, sub) !== 0 || this.has(before, parent)) return at
      at = before
    }
  }

  /** A new set behind `after` (-1: in front). */
  private open(g: number, ms: number, sub: number, after: number): number {
    const set = this.pool.take()
    if (set < 0) return -1
    if (sub !== 0 && !this.subs.ensure(set)) {
      this.pool.give(set)
      return -1
    }
    if (this.subs.has(set)) this.subs.set(set, sub)
    const { groups, sets } = this
    const group = groups.pages[g >> groups.shift]
    const go = (g & groups.mask) * this.groupWords
    const page = sets.pages[set >> sets.shift]
    const o = (set & sets.mask) * this.setWords
    const next = after < 0 ? group[go + FIRST] : this.word(after, NEXT)
    page[o + MS] = ms
    page[o + PREVIOUS] = after + 1
    page[o + NEXT] = next
    for (let p = 0; p < this.parents; p++) page[o + NAMES + p] = 0
    if (after < 0) group[go + FIRST] = set + 1
    else this.setWord(after, NEXT, set + 1)
    if (next === 0) group[go + LAST] = set + 1
    else this.setWord(next - 1, PREVIOUS, set + 1)
    return set
  }
}
