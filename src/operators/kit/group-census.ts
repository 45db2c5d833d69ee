/**
 * How many groups have reached a node that keeps nothing of its own per group, or not for all of them: its
 * `working_cardinality`. One byte per group and grouping in pages. A census holds no group: an id that is freed and given to
 * another group counts once. Thread: shard worker.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { Pages } from '../../state/pages.js'
import type { OperatorContext } from '../operator.js'

export class GroupCensus {
  private readonly marks = new Map<GroupInfo, Pages<Uint8Array>>()
  private count = 0
  private shown = 0

  constructor(private readonly ctx: OperatorContext) {}

  /** Groups of a chunk's rows, or of its windows, empty ones included. */
  see(chunk: Chunk): void {
    const { windows, grouping } = chunk
    const groups = windows === null ? chunk.groups : windows.groups
    const n = windows === null ? chunk.n : windows.n
    const marks = this.marksOf(grouping)
    let last = -1
    for (let i = 0; i < n; i++) {
      const g = groups[i]
      if (g === last) continue
      last = g
      const page = marks.pages[g >> marks.shift]
      if (page === undefined || page[g & marks.mask] !== 1) this.mark(marks, g)
    }
    this.show()
  }

  seeOne(grouping: GroupInfo, group: number): void {
    this.mark(this.marksOf(grouping), group)
    this.show()
  }

  forget(grouping: GroupInfo, group: number): void {
    const marks = this.marks.get(grouping)
    if (marks === undefined || !marks.has(group) || marks.get(group) === 0) return
    marks.set(group, 0)
    this.count--
    this.show()
  }

  dispose(): void {
    for (const marks of this.marks.values()) marks.release()
    this.marks.clear()
  }

  private marksOf(grouping: GroupInfo): Pages<Uint8Array> {
    let marks = this.marks.get(grouping)
    if (marks === undefined) {
      marks = this.ctx.state.u8()
      this.marks.set(grouping, marks)
    }
    return marks
  }

  /** A group that the budget has no room for stays uncounted. */
  private mark(marks: Pages<Uint8Array>, group: number): void {
    if (group < 0 || !marks.ensure(group) || marks.get(group) === 1) return
    marks.set(group, 1)
    this.count++
  }

  private show(): void {
    if (this.count === this.shown) return
    this.shown = this.count
    this.ctx.stats.set('working_cardinality', this.count)
  }
}
