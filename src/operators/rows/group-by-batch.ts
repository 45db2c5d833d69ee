/**
 * `groupBy` on batches: distributes the points of batches with the same end time into batches of the new groups (spec
 * nodes 4.5). Thread: shard worker.
 *
 * All groups' batches of one end time accumulate; they are emitted when a batch with another end time, or a barrier
 * with another time, arrives. What is left when the task ends is lost. Each batch's points are sorted by time.
 *
 *   group   rows in a row store · place in `order` + 1, 0 without rows
 *   order   i32: the groups with rows, in order of their first point (0: given up since)
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages } from '../../state/pages.js'
import { CellReader } from '../kit/cells.js'
import { dimensionsOf, listOf, stringsOf } from '../kit/dimensions.js'
import { GroupAssign } from '../kit/group-assign.js'
import { builderOptions, layoutOf, RowStore } from '../kit/row-store.js'
import { RowGroups, RowSelector } from '../kit/select-rows.js'
import { GroupNames } from '../kit/window-groups.js'
import { Operator, type OperatorContext } from '../operator.js'

interface Regrouped {
  readonly assign: GroupAssign
  readonly names: GroupNames
}

export class GroupByBatchOperator extends Operator {
  private readonly dims: readonly string[] | null
  private readonly exclude: readonly string[]
  private readonly byMeasurement: boolean
  private readonly rows: RowStore
  private readonly out: ChunkBuilder
  private readonly order: Pages<Int32Array>
  private readonly places: Pages<Int32Array>
  private readonly reader = new CellReader()
  private readonly rowGroups = new RowGroups()
  private readonly inWindows = new RowSelector()
  private readonly sorted = new RowSelector()
  private regrouped: Regrouped | null = null
  private groups = new Int32Array(0)
  private sortedRows = new Int32Array(0)
  private kept = new Uint8Array(0)
  private count = 0
  /** End time of what accumulates; NaN before the first batch. */
  private ms = Number.NaN
  private sub = 0
  private cardinality = 0

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { props } = planned.node
    const dims = dimensionsOf(listOf(props.tags))
    this.dims = dims === '*' ? null : dims
    this.exclude = stringsOf(props.exclude)
    this.byMeasurement = props.byMeasurement === true
    // The dimensions of the rows handed out are the new ones.
    const layout = layoutOf(planned, dims)
    this.rows = new RowStore(ctx.state, layout)
    this.out = new ChunkBuilder({ ...builderOptions(layout), batch: true }, (c) => this.emit(this.inOrder(c)))
    this.order = ctx.state.i32()
    this.places = ctx.state.i32()
  }

  receive(chunk: Chunk): void {
    this.reader.begin()
    const input = this.reader.withOwnTags(this.withinWindows(chunk), null)
    const { assign } = this.regroupedFor(input.grouping)
    const w = input.windows!
    if (this.groups.length < input.n) this.groups = new Int32Array(Math.max(input.n, 1024))
    const source = input.derive()
    source.groups = this.rowGroups.of(input)
    assign.assign(source, this.groups, this.ctx.now())
    this.rows.bind(input)
    for (let i = 0; i < w.n; i++) {
      this.moveTo(w.ms[i], w.sub[i])
      for (let r = w.starts[i]; r < w.ends[i]; r++) {
        if (!this.add(this.groups[r], input.name, r)) this.ctx.dropped('memory', 1)
      }
    }
    this.out.flush()
    this.showCardinality()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    const { assign } = this.regroupedFor(grouping)
    this.moveTo(ms, sub)
    this.out.flush()
    const g = assign.translate(grouping, group, true, this.ctx.now())
    if (g >= 0) this.emitBarrier(assign.grouping, g, ms, sub)
    this.showCardinality()
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    const { assign } = this.regroupedFor(grouping)
    const g = assign.translate(grouping, group, false, this.ctx.now())
    if (g < 0) return
    this.forget(g)
    this.emitDelete(assign.grouping, g)
    assign.grouping.freeIfUnused(g)
    this.showCardinality()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    if (this.regrouped === null || grouping !== this.regrouped.assign.grouping) return
    this.countEvicted(this.forget(group))
    this.showCardinality()
  }

  override evictRows(bytes: number): number {
    return this.rows.evict(bytes, (_group, n) => this.countEvicted(n))
  }

  override dispose(): void {
    this.rows.dispose()
    this.order.release()
    this.places.release()
    this.regrouped?.names.dispose()
    this.regrouped?.assign.grouping.dispose()
  }

  /** Emits what has accumulated when the end time changes. */
  private moveTo(ms: number, sub: number): void {
    if (ms === this.ms && sub === this.sub) return
    if (this.count > 0) this.emitAll()
    this.ms = ms
    this.sub = sub
  }

  private emitAll(): void {
    const { assign, names } = this.regrouped!
    const { grouping } = assign
    for (let i = 0; i < this.count; i++) {
      const g = this.order.get(i) - 1
      if (g < 0) continue
      // Without rows: they were all evicted.
      if (this.rows.count(g) > 0) {
        this.out.begin(names.nameOf(g), '', '', grouping)
        this.out.beginWindow(g, this.ms, this.sub)
        this.rows.copyTo(g, grouping, this.out)
        this.out.endWindow()
        this.rows.clear(g)
      }
      this.places.set(g, 0)
      names.remove(g)
    }
    this.count = 0
  }

  /** False: the budget refused. */
  private add(group: number, name: string, row: number): boolean {
    const { names } = this.regrouped!
    if (group < 0) return false
    if (names.has(group)) return this.rows.append(group, row)
    if (!this.places.ensure(group) || !this.order.ensure(this.count) || !this.rows.append(group, row)) return false
    if (!names.add(group, name)) {
      this.rows.clear(group)
      return false
    }
    this.order.set(this.count++, group + 1)
    this.places.set(group, this.count)
    return true
  }

  /** Returns the rows dropped. */
  private forget(group: number): number {
    const { names } = this.regrouped!
    if (!names.has(group)) return 0
    const rows = this.rows.count(group)
    this.rows.clear(group)
    this.order.set(this.places.get(group) - 1, 0)
    this.places.set(group, 0)
    names.remove(group)
    return rows
  }

  /** The chunk with each window's rows in order of time. */
  private inOrder(chunk: Chunk): Chunk {
    const { ms, sub, n } = chunk
    const w = chunk.windows!
    let sorted = true
    for (let i = 0; i < w.n && sorted; i++) {
      for (let r = w.starts[i] + 1; r < w.ends[i] && sorted; r++)
        sorted = ms[r - 1] < ms[r] || (ms[r - 1] === ms[r] && sub[r - 1] <= sub[r])
    }
    if (sorted) return chunk
    if (this.sortedRows.length < n) this.sortedRows = new Int32Array(n)
    const rows = this.sortedRows.subarray(0, n)
    for (let r = 0; r < n; r++) rows[r] = r
    for (let i = 0; i < w.n; i++) {
      // Equal times keep their order.
      rows.subarray(w.starts[i], w.ends[i]).sort((a, b) => ms[a] - ms[b] || sub[a] - sub[b] || a - b)
    }
    return this.sorted.select(chunk, rows, n)
  }

  /** The chunk without rows that belong to no window: they have no group. */
  private withinWindows(chunk: Chunk): Chunk {
    const w = chunk.windows!
    let rows = 0
    for (let i = 0; i < w.n; i++) rows += w.ends[i] - w.starts[i]
    if (rows === chunk.n) return chunk
    if (this.kept.length < chunk.n) this.kept = new Uint8Array(chunk.n)
    this.kept.fill(0)
    for (let i = 0; i < w.n; i++) this.kept.fill(1, w.starts[i], w.ends[i])
    return this.inWindows.keep(chunk, this.kept) ?? chunk
  }

  /** By name once and for all, or the reverse: the incoming grouping decides, and it does not change. */
  private regroupedFor(grouping: GroupInfo): Regrouped {
    if (this.regrouped === null) {
      const byName = this.byMeasurement || grouping.byName
      const own = this.ctx.grouping({ dims: this.dims, byName })
      this.regrouped = { assign: new GroupAssign(own, this.exclude), names: new GroupNames(this.ctx.state, own) }
    }
    return this.regrouped
  }

  private countEvicted(rows: number): void {
    if (rows > 0) this.ctx.stats.add('evicted_rows', rows)
  }

  private showCardinality(): void {
    const n = this.regrouped?.names.size ?? 0
    if (n === this.cardinality) return
    this.cardinality = n
    this.ctx.stats.set('working_cardinality', n)
  }
}
