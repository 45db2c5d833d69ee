/**
 * What flatten and combine share: the points of a group that follow each other with equal rounded time are one set,
 * which is handed on as soon as the time changes (spec nodes 4.13, 4.14). Thread: shard worker.
 *
 * Stream edge: a set waits in a row store for the next time of its group; it stays at the end of the task. Batch edge:
 * a set ends with its batch too, so nothing waits between batches.
 *
 * Sets are handed to `useSets` as the windows of a chunk of the rows in `layout`; the time of a window is the rounded
 * one.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import { GroupKeepingOperator } from '../kit/group-keeping.js'
import { builderOptions, type RowLayout, RowStore } from '../kit/row-store.js'
import { GroupNames } from '../kit/window-groups.js'
import type { OperatorContext } from '../operator.js'
import { type Rounder, toleranceOf } from './merge-time.js'

/** The groups of one grouping with their waiting rows and the rounded time of these. */
class PendingSets extends GroupNames {
  readonly rows: RowStore
  readonly ms: Pages<Float64Array>
  readonly sub: Pages<Int32Array>

  constructor(state: StateAllocator, grouping: GroupInfo, layout: RowLayout) {
    super(state, grouping)
    this.rows = new RowStore(state, layout)
    this.ms = state.f64()
    this.sub = state.i32()
  }

  override add(group: number, name: string): boolean {
    return this.ms.ensure(group) && this.sub.ensure(group) && super.add(group, name)
  }

  override remove(group: number): void {
    this.rows.clear(group)
    super.remove(group)
  }

  override dispose(): void {
    super.dispose()
    this.rows.dispose()
    this.ms.release()
    this.sub.release()
  }
}

export abstract class CollectingOperator extends GroupKeepingOperator<PendingSets> {
  private readonly rounder: Rounder
  private readonly sets: ChunkBuilder
  private readonly made: PendingSets[] = []
  /** The windows being handed on are the last sets of their batches. */
  protected endsBatch = false

  constructor(
    planned: PlannedNode,
    ctx: OperatorContext,
    protected readonly layout: RowLayout,
  ) {
    super(ctx)
    this.rounder = toleranceOf(planned.node)
    this.sets = new ChunkBuilder({ ...builderOptions(layout), batch: true }, (c) => this.useSets(c))
  }

  /** Takes sets; the chunk is valid during the call. */
  protected abstract useSets(sets: Chunk): void

  /** A batch begins and ends around its sets. */
  protected abstract beginBatch(chunk: Chunk, window: number): void
  protected abstract endBatch(): void

  /** Hands on what `useSets` has made. */
  protected abstract flush(): void

  receive(chunk: Chunk): void {
    const space = this.spaceOf(chunk.grouping)
    space.rows.bind(chunk)
    if (chunk.windows === null) {
      this.takeRows(chunk, space)
      this.sets.flush()
    } else this.takeBatches(chunk, space)
    this.flush()
    this.showCardinality()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const rows = this.knows(grouping, group) ? this.spaceOf(grouping).rows.count(group) : 0
    super.evictGroup(grouping, group)
    if (rows > 0) this.ctx.stats.add('evicted_rows', rows)
  }

  override evictRows(bytes: number): number {
    let freed = 0
    for (const { rows } of this.made) {
      if (freed >= bytes) break
      freed += rows.evict(bytes - freed, (_group, n) => this.ctx.stats.add('evicted_rows', n))
    }
    return freed
  }

  protected knows(grouping: GroupInfo, group: number): boolean {
    return this.made.some((s) => s.grouping === grouping && s.has(group))
  }

  /** Hands the waiting set of a group on. */
  protected finish(space: PendingSets, group: number): void {
    const { rows, ms, sub, grouping } = space
    if (rows.count(group) === 0) return
    this.sets.begin(space.nameOf(group), '', '', grouping)
    this.addSet(space, group, ms.get(group), sub.get(group))
  }

  /** Hands the waiting set of a group on at once, if it is older than an instant. */
  protected finishBefore(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    const space = this.spaceOf(grouping)
    if (!space.has(group)) return
    const at = space.ms.get(group)
    if (at > ms || (at === ms && space.sub.get(group) >= sub)) return
    this.finish(space, group)
    this.sets.flush()
    this.flush()
  }

  protected override makeSpace(grouping: GroupInfo): PendingSets {
    const space = new PendingSets(this.ctx.state, grouping, this.layout)
    this.made.push(space)
    return space
  }

  override dispose(): void {
    super.dispose()
    this.made.length = 0
  }

  private takeRows(chunk: Chunk, space: PendingSets): void {
    const { rounder } = this
    const { rows, ms, sub } = space
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      if (!space.has(g) && !space.add(g, chunk.name)) {
        this.ctx.dropped('memory', 1)
        continue
      }
      rounder.round(chunk.ms[r], chunk.sub[r])
      if (rows.count(g) > 0 && (ms.get(g) !== rounder.ms || sub.get(g) !== rounder.sub)) this.finish(space, g)
      ms.set(g, rounder.ms)
      sub.set(g, rounder.sub)
      if (!rows.append(g, r)) this.ctx.dropped('memory', 1)
    }
  }

  private takeBatches(chunk: Chunk, space: PendingSets): void {
    const { rounder, sets } = this
    const { rows } = space
    const w = chunk.windows!
    for (let i = 0; i < w.n; i++) {
      const g = w.groups[i]
      if (!space.has(g) && !space.add(g, chunk.name)) {
        this.ctx.dropped('memory', w.ends[i] - w.starts[i])
        continue
      }
      this.beginBatch(chunk, i)
      sets.begin(chunk.name, '', '', chunk.grouping)
      let ms = 0
      let sub = 0
      for (let r = w.starts[i]; r < w.ends[i]; r++) {
        rounder.round(chunk.ms[r], chunk.sub[r])
        if (rows.count(g) > 0 && (ms !== rounder.ms || sub !== rounder.sub)) this.addSet(space, g, ms, sub)
        ms = rounder.ms
        sub = rounder.sub
        if (!rows.append(g, r)) this.ctx.dropped('memory', 1)
      }
      sets.flush()
      if (rows.count(g) > 0) {
        this.endsBatch = true
        this.addSet(space, g, ms, sub)
        sets.flush()
        this.endsBatch = false
      }
      this.endBatch()
    }
  }

  private addSet(space: PendingSets, group: number, ms: number, sub: number): void {
    this.sets.beginWindow(group, ms, sub)
    space.rows.copyTo(group, space.grouping, this.sets)
    this.sets.endWindow()
    space.rows.clear(group)
  }
}
