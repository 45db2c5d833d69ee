/**
 * `union`: merges several parents in order of time, ties in the order of the parents (spec nodes 4.16). Thread: shard
 * worker.
 *
 * The mark is the earliest of the parents' low marks: the time of the first message that waits, else of the last that
 * did. What is not after the mark is emitted. A parent that has never sent anything holds all others back.
 *
 * Invariant between calls: no waiting message is at or before the mark, so some parent's queue is empty, and a message
 * behind others of its parent changes nothing. One that is first and before all other marks goes straight on.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { layoutOf } from '../kit/row-store.js'
import { RowSelector } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { commonGrouping, OwnGroups } from './merge-groups.js'
import { type UnionLayout, UnionQueues } from './union-queues.js'

export const unionDef: NodeDef = {
  method: 'union',
  kind: 'union',
  goType: 'UnionNode',
  doc: 'Merges several inputs into one, in order of time. A message waits until every input has reached its time.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'others', type: 'node', variadic: true }],
  linksArgsFirst: true,
  properties: [
    {
      name: 'rename',
      doc: 'Measurement name of the result; empty keeps the names.',
      form: 'field',
      args: [{ name: 'rename', type: 'string' }],
      default: '',
    },
  ],
  effects: () => ({ reads: [], pinned: 'merges its inputs in order of time over all groups' }),
  counters: ['evicted_rows'],
}

/** No message yet: before every instant. */
const never = Number.NEGATIVE_INFINITY

/** Runs of rows that pass are gathered from this length on, and copied below. */
const minRun = 64

export class UnionOperator extends Operator {
  private readonly parents: number
  private readonly rename: string
  private readonly groups: OwnGroups
  private readonly queues: UnionQueues
  private readonly out: ChunkBuilder
  private readonly selector = new RowSelector()
  private rows = new Int32Array(0)
  private readonly lowMs: Float64Array
  private readonly lowSub: Int32Array
  private markMs = never
  private markSub = 0
  /** What is at the mark passes it. */
  private atMark = false

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { node } = planned
    this.parents = node.parents.length
    this.rename = String(node.props.rename ?? '')
    this.groups = new OwnGroups(ctx, commonGrouping(node), this.rename)
    const { layout, groupTags } = unionLayout(planned)
    const rest = layout.rest === null ? undefined : { fields: layout.rest.fields, tags: layout.rest.tags }
    const { fields, tags } = layout
    this.out = new ChunkBuilder({ fields, tags, rest, groupTags, batch: node.edge === 'batch' }, (c) => this.emit(c))
    const { grouping } = this.groups
    this.queues = new UnionQueues(ctx.state, this.parents, { layout, grouping, rename: this.rename, out: this.out })
    this.lowMs = new Float64Array(this.parents).fill(never)
    this.lowSub = new Int32Array(this.parents)
  }

  receive(chunk: Chunk, port: number): void {
    const { groups, n } = chunk.windows ?? chunk
    const ids = this.groups.ofAll(chunk.grouping, groups, n)
    if (this.passes(chunk, ids, port)) return
    this.queues.bind(chunk)
    if (chunk.windows === null) this.takeRows(chunk, ids, port)
    else this.takeWindows(chunk, ids, port)
    this.out.flush()
    this.countLost()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    const g = this.groups.of(grouping, group)
    if (g < 0) return
    const first = this.queues.isEmpty(port)
    if (!this.queues.addBarrier(port, g, ms, sub)) return
    if (first) this.settle()
    this.out.flush()
    this.countLost()
  }

  /** Forwarded at once, ahead of what waits. */
  override deleteGroup(grouping: GroupInfo, group: number): void {
    const g = this.groups.find(grouping, group)
    this.groups.forget(grouping, group)
    if (g < 0) return
    this.emitDelete(this.groups.grouping, g)
    this.groups.grouping.freeIfUnused(g)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    if (grouping === this.groups.grouping) this.queues.evictGroup(group)
    else this.groups.forget(grouping, group)
  }

  override evictRows(bytes: number): number {
    return this.queues.evict(bytes, (parent, rows) => {
      if (rows > 0) this.ctx.stats.add('evicted_rows', rows)
      if (!this.queues.isEmpty(parent)) this.setLow(parent, this.queues.headMs(parent), this.queues.headSub(parent))
    })
  }

  /** Emits all that waits, in order of time. */
  override stop(): void {
    for (;;) {
      this.markMs = never
      for (let p = 0; p < this.parents; p++) {
        if (!this.queues.isEmpty(p)) this.lowerMark(this.queues.headMs(p), this.queues.headSub(p))
      }
      if (!this.emitToMark(0, this.parents)) break
    }
    this.out.flush()
    this.countLost()
  }

  override dispose(): void {
    this.queues.dispose()
    this.groups.dispose()
  }

  /** Hands the whole chunk on, if every message of it is before all other marks. */
  private passes(chunk: Chunk, ids: Int32Array, port: number): boolean {
    const { ms, sub, n } = chunk.windows ?? chunk
    if (!this.queues.isEmpty(port) || !this.findOtherMark(port)) return false
    for (let i = 0; i < n; i++) if (ids[i] < 0 || !this.passesMark(ms[i], sub[i])) return false
    if (n === 0) return true
    this.setLow(port, ms[n - 1], sub[n - 1])
    const out = this.renamed(chunk)
    if (chunk.windows === null) out.groups = ids
    else out.windows = { ...chunk.windows, groups: ids }
    this.emit(out)
    return true
  }

  private takeRows(chunk: Chunk, ids: Int32Array, port: number): void {
    const { ms, sub, n, groups } = chunk
    const { queues } = this
    for (let r = 0; r < n; ) {
      if (queues.isEmpty(port)) {
        const from = r
        if (this.findOtherMark(port)) while (r < n && ids[r] >= 0 && this.passesMark(ms[r], sub[r])) r++
        if (r > from) {
          this.passRun(chunk, ids, from, r)
          this.setLow(port, ms[r - 1], sub[r - 1])
          continue
        }
        this.takeRow(chunk, ids, port, r)
        r++
      } else {
        for (; r < n; r++) if (ids[r] < 0 || !queues.addPoint(port, ids[r], r, groups[r])) this.refused(1)
      }
    }
  }

  /** The first of its parent, at or after the mark: emits what is up to it, and the row in its turn if that comes. */
  private takeRow(chunk: Chunk, ids: Int32Array, port: number, r: number): void {
    const { queues } = this
    const ms = chunk.ms[r]
    const sub = chunk.sub[r]
    // Also for one that is refused: its time has been reached.
    this.setLow(port, ms, sub)
    if (ids[r] < 0) {
      this.refused(1)
      this.settle()
      return
    }
    let waits = true
    while (this.findMark()) {
      let any = this.emitToMark(0, port)
      if (waits && !this.isAfterMark(ms, sub)) {
        queues.begin(chunk.name, chunk.db, chunk.rp)
        queues.pass(ids[r], r, chunk.groups[r])
        waits = false
        any = true
      }
      if (this.emitToMark(port + 1, this.parents)) any = true
      if (!any) break
    }
    if (waits && !queues.addPoint(port, ids[r], r, chunk.groups[r])) this.refused(1)
  }

  private passRun(chunk: Chunk, ids: Int32Array, from: number, to: number): void {
    const { queues } = this
    if (to - from < minRun) {
      queues.begin(chunk.name, chunk.db, chunk.rp)
      for (let r = from; r < to; r++) queues.pass(ids[r], r, chunk.groups[r])
      return
    }
    this.out.flush()
    if (this.rows.length < to - from) this.rows = new Int32Array(Math.max(to - from, 1024))
    for (let r = from; r < to; r++) this.rows[r - from] = r
    const source = this.renamed(chunk)
    source.groups = ids
    this.emit(this.selector.select(source, this.rows, to - from))
  }

  private takeWindows(chunk: Chunk, ids: Int32Array, port: number): void {
    const { queues } = this
    const w = chunk.windows!
    for (let i = 0; i < w.n; i++) {
      const first = queues.isEmpty(port)
      if (first) this.setLow(port, w.ms[i], w.sub[i])
      if (ids[i] < 0 || !queues.addBatch(port, ids[i], i)) this.refused(w.ends[i] - w.starts[i])
      if (first) this.settle()
    }
  }

  private renamed(chunk: Chunk): Chunk {
    const out = chunk.derive()
    out.grouping = this.groups.grouping
    if (this.rename !== '') out.name = this.rename
    return out
  }

  /** Emits until nothing moves any more. */
  private settle(): void {
    while (this.findMark() && this.emitToMark(0, this.parents));
  }

  /** Sets the mark to the earliest low mark. False: a parent has not sent anything yet. */
  private findMark(): boolean {
    this.markMs = Number.POSITIVE_INFINITY
    this.markSub = 0
    for (let p = 0; p < this.parents; p++) {
      if (!this.queues.isEmpty(p)) this.setLow(p, this.queues.headMs(p), this.queues.headSub(p))
      if (this.lowMs[p] === never) return false
      this.lowerMark(this.lowMs[p], this.lowSub[p])
    }
    return true
  }

  /** Emits what is first in the queues of these parents and not after the mark. False: nothing. */
  private emitToMark(from: number, to: number): boolean {
    const { queues } = this
    let any = false
    for (let p = from; p < to; p++) {
      while (!queues.isEmpty(p)) {
        const ms = queues.headMs(p)
        const sub = queues.headSub(p)
        if (this.isAfterMark(ms, sub)) break
        const barrierGroup = queues.emitFirst(p)
        if (barrierGroup >= 0) {
          this.out.flush()
          this.emitBarrier(this.groups.grouping, barrierGroup, ms, sub)
        }
        any = true
      }
    }
    return any
  }

  /**
   * Sets the mark to the earliest low mark of the other parents. A message at the mark passes too, unless another waits
   * there. False: one of the parents has not sent anything yet.
   */
  private findOtherMark(port: number): boolean {
    this.markMs = Number.POSITIVE_INFINITY
    this.markSub = 0
    for (let p = 0; p < this.parents; p++) {
      if (p === port) continue
      if (this.lowMs[p] === never) return false
      this.lowerMark(this.lowMs[p], this.lowSub[p])
    }
    this.atMark = true
    for (let p = 0; p < this.parents; p++) {
      if (p === port || this.lowMs[p] !== this.markMs || this.lowSub[p] !== this.markSub) continue
      if (!this.queues.isEmpty(p)) this.atMark = false
    }
    return true
  }

  private passesMark(ms: number, sub: number): boolean {
    if (ms !== this.markMs) return ms < this.markMs
    return sub < this.markSub || (sub === this.markSub && this.atMark)
  }

  private isAfterMark(ms: number, sub: number): boolean {
    return ms > this.markMs || (ms === this.markMs && sub > this.markSub)
  }

  private isBeforeMark(ms: number, sub: number): boolean {
    return ms < this.markMs || (ms === this.markMs && sub < this.markSub)
  }

  private lowerMark(ms: number, sub: number): void {
    if (this.markMs !== never && !this.isBeforeMark(ms, sub)) return
    this.markMs = ms
    this.markSub = sub
  }

  private setLow(parent: number, ms: number, sub: number): void {
    this.lowMs[parent] = ms
    this.lowSub[parent] = sub
  }

  private refused(rows: number): void {
    this.ctx.dropped('memory', rows)
  }

  private countLost(): void {
    if (this.queues.lost === 0) return
    this.ctx.stats.add('evicted_rows', this.queues.lost)
    this.queues.lost = 0
  }
}

/** Cells to keep. Where only tags of the group are wanted, they are read from the group. */
function unionLayout(planned: PlannedNode): { layout: UnionLayout; groupTags: boolean } {
  const { fields, tags, dims, rest } = layoutOf(planned)
  const groupTags = tags.length === 0 && rest?.tags !== true
  return { layout: { fields, tags: groupTags ? [] : [...tags, ...dims], rest }, groupTags }
}

export const unionEntry: OperatorEntry = { def: unionDef, create: (planned, ctx) => new UnionOperator(planned, ctx) }
