/**
 * What a fused window knows of each group. Thread: shard worker.
 *
 *   record   newest f64 · state i32 · name i32 · per lane its open pane and its totals · padding to whole cache lines
 *   shelf    i32 × n: per lane the older panes (fused-window-lane.ts)
 *
 * A row that goes into the open pane touches the record only, one cache line for one field; an emission one or two lines of the
 * shelf as well, however many panes there are, because those that leave lie next to the one that comes.
 *
 *   newest   ring: start of the newest open slot, `steps` slots before the due time
 *            one pane: the due time while the pane is open (steps 1)
 *            no pane open (steps 0): closedBase − due time, which is far before any instant
 *   state    0: unknown; else known bit · emitted bit · steps
 *   dueSubs  i32, apart: only where the due time is not a whole millisecond
 *
 * Groups that are not known have NaN as newest, so that one comparison with it sends their rows to the slow path too.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { NameTable } from '../kit/window-names.js'
import { WordPages } from '../kit/word-pages.js'

/** Words of a record before its lanes. */
export const headerWords = 4
const STATE = 2
const NAME = 3

const stepsMask = 0xff
const knownBit = 0x100
const emittedBit = 0x200
/** Further back than any instant can be, and small enough for the difference to be exact. */
const closedBase = -1e15
const lineWords = 16

/** Records start where they cross as few cache lines as possible. */
function paddedWords(words: number): number {
  return words <= lineWords / 2 ? lineWords / 2 : (words + lineWords - 1) & -lineWords
}

export class PaneRecords extends WordPages {
  /** Groups known. */
  size = 0
  readonly stride: number
  readonly shelf: Pages<Int32Array>
  private readonly dueSubs: Pages<Int32Array>
  private readonly names = new NameTable()
  /** Of the group loaded: see `load`. */
  newest = 0
  isOpenNow = false
  dueMs = 0
  dueSub = 0
  /** Keeps the reads of `touch` alive. */
  touched = 0

  constructor(
    state: StateAllocator,
    readonly grouping: GroupInfo,
    /** 0: one pane. */
    private readonly slotMs: number,
    words: number,
    /** Words of the older panes; 0: there are none. */
    readonly shelfWords: number,
  ) {
    const stride = paddedWords(words)
    super(state.f64(stride / 2))
    this.stride = stride
    this.shelf = state.i32(Math.max(1, shelfWords))
    this.dueSubs = state.i32()
  }

  /** Position of a group's record in its page of words. */
  at(group: number): number {
    return (group & this.f64.mask) * this.stride
  }

  page(group: number): Int32Array {
    return this.words[group >> this.f64.shift]
  }

  /**
   * Brings near what rows [from, to) will need: the misses overlap here, they would not in what follows. `shelfWord` is the
   * place on the shelf that emissions are likely to touch, those of rows `lateMs` or more behind their newest pane.
   */
  touch({ groups, ms }: Chunk, from: number, to: number, lateMs: number, shelfWord: number): void {
    const { shelf, shelfWords, stride } = this
    const { pages, shift, mask } = this.f64
    // One page stays near by itself.
    if (pages.length < 2) return
    const width = stride >> 1
    let sum = 0
    for (let r = from; r < to; r++) {
      const g = groups[r]
      const page = pages[g >> shift]
      if (page === undefined) continue
      const o = (g & mask) * width
      if (o >= page.length || !(ms[r] - page[o] >= lateMs) || shelfWords === 0) continue
      sum ^= shelf.pages[g >> shelf.shift][(g & shelf.mask) * shelfWords + shelfWord]
    }
    this.touched = sum
  }

  has(group: number): boolean {
    const page = this.words[group >> this.f64.shift]
    if (page === undefined) return false
    // Beyond the end of a short first page this is undefined, which is not > 0.
    return page[this.at(group) + STATE] > 0
  }

  /** A group that is due at (ms, sub), without a pane. False: the budget refused. */
  add(group: number, name: string, ms: number, sub: number): boolean {
    const { f64, stride } = this
    if (!f64.has(group)) {
      const p = group >> f64.shift
      const known = f64.pages[p]?.length ?? 0
      if (!this.ensure(group)) return false
      const page = f64.pages[p]
      for (let o = known; o < page.length; o += stride / 2) page[o] = Number.NaN
    }
    if (this.shelfWords > 0 && !this.shelf.ensure(group)) return false
    if (sub !== 0 && !this.dueSubs.ensure(group)) return false
    const page = this.page(group)
    const o = this.at(group)
    page[o + STATE] = knownBit
    page[o + NAME] = this.names.take(name)
    this.size++
    this.grouping.retain?.(group)
    this.close(group, ms, sub)
    return true
  }

  remove(group: number): void {
    const page = this.page(group)
    const o = this.at(group)
    this.f64.pages[group >> this.f64.shift][o >> 1] = Number.NaN
    page[o + STATE] = 0
    this.names.give(page[o + NAME])
    this.size--
    this.grouping.release?.(group)
  }

  nameOf(group: number): string {
    return this.names.nameOf(this.page(group)[this.at(group) + NAME])
  }

  /** Marks that a batch of the group has been emitted. False: it had been. */
  markEmitted(group: number): boolean {
    const page = this.page(group)
    const o = this.at(group) + STATE
    if ((page[o] & emittedBit) !== 0) return false
    page[o] |= emittedBit
    return true
  }

  /** Whether those below know the group. */
  hasEmitted(group: number): boolean {
    return this.has(group) && (this.page(group)[this.at(group) + STATE] & emittedBit) !== 0
  }

  isOpen(group: number): boolean {
    return (this.page(group)[this.at(group) + STATE] & stepsMask) !== 0
  }

  /** Puts a group's times into `newest`, `isOpenNow`, `dueMs`, `dueSub`; they stay until the next load. False: it is not known. */
  load(group: number): boolean {
    const p = group >> this.f64.shift
    const page = this.words[p]
    if (page === undefined) return false
    const o = this.at(group)
    const state = page[o + STATE]
    // Beyond the end of a short first page this is undefined, which is not > 0.
    if (!(state > 0)) return false
    const newest = this.f64.pages[p][o >> 1]
    const steps = state & stepsMask
    this.newest = newest
    this.isOpenNow = steps !== 0
    this.dueMs = steps === 0 ? closedBase - newest : this.slotMs === 0 ? newest : newest + steps * this.slotMs
    // Nearly always there is none at all.
    this.dueSub = this.dueSubs.pages.length > 0 && this.dueSubs.has(group) ? this.dueSubs.get(group) : 0
    return true
  }

  /** Whether an instant is at or after the due time of the group loaded. */
  isDueAt(ms: number, sub: number): boolean {
    return ms > this.dueMs || (ms === this.dueMs && sub >= this.dueSub)
  }

  /** No pane is open; due at (ms, sub), which counts as loaded. False: the budget refused the page of `sub`, which is lost. */
  close(group: number, ms: number, sub: number): boolean {
    this.set(group, closedBase - ms, 0)
    this.isOpenNow = false
    this.dueMs = ms
    this.dueSub = sub
    if (sub !== 0 && !this.dueSubs.ensure(group)) return false
    if (this.dueSubs.pages.length > 0 && this.dueSubs.has(group)) this.dueSubs.set(group, sub)
    return true
  }

  /** The newest pane is the one of `slot` (ring), due at `dueMs`; that counts as loaded. */
  open(group: number, slot: number, dueMs: number): void {
    this.newest = this.slotMs === 0 ? dueMs : slot
    this.isOpenNow = true
    this.dueMs = dueMs
    if (this.slotMs === 0) this.set(group, dueMs, 1)
    else this.set(group, slot, (dueMs - slot) / this.slotMs)
  }

  override release(): void {
    super.release()
    this.shelf.release()
    this.dueSubs.release()
    this.size = 0
  }

  private set(group: number, newest: number, steps: number): void {
    const p = group >> this.f64.shift
    const o = this.at(group)
    this.f64.pages[p][o >> 1] = newest
    const page = this.words[p]
    page[o + STATE] = (page[o + STATE] & ~stepsMask) | steps
  }
}
