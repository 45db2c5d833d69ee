/**
 * Operators that change the groups of stream rows share this: assign new groups, drop what the budget refuses, and carry
 * barriers and deletes over. Thread: shard worker.
 *
 * The original passes barriers and deletes through a regrouping node with the old group. Here they reach the new group with
 * the same id text, if there is one, and end otherwise: no ghost groups appear downstream.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { Operator, type OperatorContext } from '../operator.js'
import { CellReader } from './cells.js'
import type { GroupAssign } from './group-assign.js'
import { RowSelector } from './select-rows.js'

export abstract class RegroupingOperator extends Operator {
  protected assign: GroupAssign | null = null
  private groups = new Int32Array(maxChunkRows)
  private kept = new Uint8Array(0)
  private readonly selector = new RowSelector()
  private readonly cells = new CellReader()

  constructor(
    ctx: OperatorContext,
    /** What is needed of the rows' tags downstream; null = all. */
    private readonly neededTags: readonly string[] | null = null,
  ) {
    super(ctx)
  }

  /** Emits the rows of `input` (which may be changed) under the groups of `assign`. Tags that were their group's stay theirs. */
  protected emitRegrouped(input: Chunk, assign: GroupAssign): void {
    if (this.groups.length < input.n) this.groups = new Int32Array(input.n)
    const refused = assign.assign(input, this.groups, this.ctx.now())
    this.cells.begin()
    const chunk = this.cells.withOwnTags(input, this.neededTags)
    chunk.groups = this.groups
    chunk.grouping = assign.grouping
    if (refused === 0) {
      this.emit(chunk)
      return
    }
    this.ctx.dropped('memory', refused)
    if (this.kept.length < chunk.n) this.kept = new Uint8Array(Math.max(chunk.n, maxChunkRows))
    for (let r = 0; r < chunk.n; r++) this.kept[r] = this.groups[r] < 0 ? 0 : 1
    const rest = this.selector.keep(chunk, this.kept)
    if (rest !== null) this.emit(rest)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    if (this.assign === null) return
    const g = this.assign.translate(grouping, group, true, this.ctx.now())
    if (g >= 0) this.emitBarrier(this.assign.grouping, g, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    if (this.assign === null) return
    const g = this.assign.translate(grouping, group, false, this.ctx.now())
    if (g < 0) return
    this.emitDelete(this.assign.grouping, g)
    this.assign.grouping.freeIfUnused(g)
  }

  override dispose(): void {
    this.assign?.grouping.dispose()
  }
}
