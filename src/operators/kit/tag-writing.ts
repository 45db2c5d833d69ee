/**
 * Operators that set or remove tags (eval, default, delete) share this: where a tag of the grouping changes, rows get new
 * groups. Thread: shard worker.
 *
 *   stream edge   dimensions stay those of the incoming grouping (without removed tags); their values are the row's new tags
 *   batch edge    default and delete change the group's own tags, so a defaulted tag becomes a dimension
 *
 * Barriers and deletes pass with the group of the same id text, as in regroup.ts.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { groupTagsOf } from '../../columns/json-encode.js'
import { Grouping } from '../../state/grouping.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import { Operator, type OperatorContext } from '../operator.js'
import { incomingGrouping, type NodeGrouping } from './dimensions.js'
import { GroupAssign } from './group-assign.js'
import { RowSelector } from './select-rows.js'

/** For effects: the grouping of stream rows downstream when one of `tags` may be a dimension, else undefined. */
export function regroupedByTags(
  node: PipelineNode,
  tags: readonly string[],
  change: 'set' | 'remove' = 'set',
): NodeGrouping | undefined {
  if (tags.length === 0) return undefined
  const incoming = incomingGrouping(node)
  const { dims, byName } = incoming
  if (dims === '*') {
    return change === 'set' ? incoming : { dims, exclude: [...(incoming.exclude ?? []), ...tags], byName }
  }
  if (!dims.some((d) => tags.includes(d))) return undefined
  return change === 'set' ? incoming : { dims: dims.filter((d) => !tags.includes(d)), byName }
}

export abstract class TagWritingOperator extends Operator {
  /** By incoming grouping: how to assign the new groups, or null when none of its dimensions changes. */
  private readonly assigns = new Map<GroupInfo, GroupAssign | null>()
  private groups = new Int32Array(maxChunkRows)
  private kept = new Uint8Array(0)
  private readonly refusals = new RowSelector()

  constructor(
    ctx: OperatorContext,
    private readonly written: readonly string[],
    private readonly change: 'set' | 'remove',
  ) {
    super(ctx)
  }

  /** The dimensions on a batch edge, after the change. Default: as they were. */
  protected batchDims(dims: readonly string[]): readonly string[] {
    return dims
  }

  /** Changes the tags of a batch's group. Only called when batchGroups() is true. */
  protected changeGroupTags(_tags: Map<string, string>): void {}

  /** Whether the tags of batch groups change too. */
  protected batchGroups(): boolean {
    return false
  }

  /** Emits rows whose tags have been written, under their new groups. May change `chunk`. */
  protected emitRows(chunk: Chunk): void {
    if (this.written.length > 0) chunk.hashes = null
    if (chunk.windows !== null) {
      this.emitWindows(chunk)
      return
    }
    const assign = this.written.length === 0 ? null : this.assignFor(chunk.grouping, chunk.groups[0], false)
    if (assign === null) {
      this.emit(chunk)
      return
    }
    if (this.groups.length < chunk.n) this.groups = new Int32Array(chunk.n)
    const refused =
      assign.grouping.dims === null
        ? this.assignOwnNames(chunk, assign)
        : assign.assign(chunk, this.groups, this.ctx.now())
    chunk.groups = this.groups
    chunk.grouping = assign.grouping
    if (refused === 0) this.emit(chunk)
    else this.emitAccepted(chunk, refused)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, _port: number): void {
    const assign = this.written.length === 0 ? null : this.assignFor(grouping, group, this.batchGroups())
    if (assign === null) {
      this.emitBarrier(grouping, group, ms, sub)
      return
    }
    const g = assign.translate(grouping, group, true, this.ctx.now())
    if (g >= 0) this.emitBarrier(assign.grouping, g, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number, _port: number): void {
    const assign = this.written.length === 0 ? null : this.assignFor(grouping, group, this.batchGroups())
    if (assign === null) {
      this.emitDelete(grouping, group)
      return
    }
    const g = assign.translate(grouping, group, false, this.ctx.now())
    if (g < 0) return
    this.emitDelete(assign.grouping, g)
    assign.grouping.freeIfUnused(g)
  }

  override dispose(): void {
    for (const a of this.assigns.values()) a?.grouping.dispose()
    this.assigns.clear()
  }

  private emitWindows(chunk: Chunk): void {
    const windows = chunk.windows!
    const assign = this.batchGroups() ? this.assignFor(chunk.grouping, windows.groups[0], true) : null
    if (assign === null) {
      this.emit(chunk)
      return
    }
    const groups = new Int32Array(windows.n)
    const { dims } = assign.grouping
    for (let w = 0; w < windows.n; w++) {
      const tags = groupTagsOf(chunk, windows.groups[w])
      this.changeGroupTags(tags)
      const name = chunk.grouping.groupName(windows.groups[w])
      const now = this.ctx.now()
      groups[w] =
        dims === null
          ? assign.groupOfTags(name, tags, now)
          : assign.groupOf(
              name,
              dims.map((d) => tags.get(d) ?? ''),
              now,
            )
    }
    if (groups.includes(-1)) {
      // A window is never dropped for want of its new group: what cannot be grouped leaves as an error.
      let refused = 0
      for (let w = 0; w < windows.n; w++) if (groups[w] < 0) refused += windows.ends[w] - windows.starts[w]
      this.ctx.dropped('memory', refused)
    }
    const accepted = { ...windows, groups }
    if (groups.includes(-1)) compactWindows(accepted)
    chunk.windows = accepted
    chunk.grouping = assign.grouping
    this.emit(chunk)
  }

  private emitAccepted(chunk: Chunk, refused: number): void {
    this.ctx.dropped('memory', refused)
    if (this.kept.length < chunk.n) this.kept = new Uint8Array(Math.max(chunk.n, maxChunkRows))
    for (let r = 0; r < chunk.n; r++) this.kept[r] = this.groups[r] < 0 ? 0 : 1
    const rest = this.refusals.keep(chunk, this.kept)
    if (rest !== null) this.emit(rest)
  }

  /** Grouped by `*`: the names are those of the row's group, the values the row's new tags. */
  private assignOwnNames(chunk: Chunk, assign: GroupAssign): number {
    let refused = 0
    for (let r = 0; r < chunk.n; r++) {
      const old = chunk.groups[r]
      const tags = groupTagsOf(chunk, old)
      for (const name of this.written) {
        if (!tags.has(name)) continue
        const column = chunk.tag(name)
        if (this.change === 'remove') tags.delete(name)
        else if (column !== null && column.kinds[r] !== 0) tags.set(name, column.stringAt(r))
      }
      const g = assign.groupOfTags(chunk.grouping.groupName(old), tags, this.ctx.now())
      this.groups[r] = g
      if (g < 0) refused++
    }
    return refused
  }

  private assignFor(grouping: GroupInfo, group: number, batch: boolean): GroupAssign | null {
    const known = this.assigns.get(grouping)
    if (known !== undefined) return known
    const dims = grouping instanceof Grouping ? grouping.dims : grouping.tagNames(group)
    let assign: GroupAssign | null = null
    if (batch || dims === null || dims.some((d) => this.written.includes(d))) {
      const after = dims === null ? null : batch ? this.batchDims(dims) : this.streamDims(dims)
      assign = new GroupAssign(this.ctx.grouping({ dims: after, byName: grouping.byName }))
    }
    this.assigns.set(grouping, assign)
    return assign
  }

  private streamDims(dims: readonly string[]): readonly string[] {
    return this.change === 'set' ? dims : dims.filter((d) => !this.written.includes(d))
  }
}

function compactWindows(w: NonNullable<Chunk['windows']>): void {
  let k = 0
  const pick = { ms: w.ms.slice(), sub: w.sub.slice(), starts: w.starts.slice(), ends: w.ends.slice() }
  for (let i = 0; i < w.n; i++) {
    if (w.groups[i] < 0) continue
    w.groups[k] = w.groups[i]
    pick.ms[k] = w.ms[i]
    pick.sub[k] = w.sub[i]
    pick.starts[k] = w.starts[i]
    pick.ends[k] = w.ends[i]
    k++
  }
  Object.assign(w, pick, { n: k })
}
