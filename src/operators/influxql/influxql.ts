/**
 * The InfluxQL functions that reduce (spec nodes 5): count … bottom, on batch and on stream input. Thread: shard worker.
 *
 * Batch input needs no rows kept: each window of a chunk is reduced where it is; chosen rows are gathered from the same chunk.
 * Stream input keeps the rows of consecutively equal time per group and reduces them as one window when the time changes; the
 * last of them stay until then, also over barriers and at the end.
 */

import type { Chunk, GroupInfo, Windows } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages } from '../../state/pages.js'
import { type Aggregate, PointTime, type Reduce, Result, type RowSet } from '../aggregates/aggregate.js'
import { CellReader } from '../kit/cells.js'
import { builderOptions, type RowLayout, RowStore } from '../kit/row-store.js'
import { GroupNames } from '../kit/window-groups.js'
import { Operator, type OperatorContext } from '../operator.js'
import { RowErrors, typeFixedBy } from './influxql-errors.js'
import { inputLayout } from './influxql-layout.js'
import { PickedRows } from './influxql-output.js'

/** Pending rows of stream input: the shared time and the kind that the first usable row fixed. */
interface Pending {
  readonly rows: RowStore
  readonly ms: Pages<Float64Array>
  readonly sub: Pages<Int32Array>
  readonly kinds: Pages<Uint8Array>
}

interface Space {
  readonly groups: GroupNames
  readonly pending: Pending
}

interface MutableRowSet extends RowSet {
  chunk: Chunk
  column: Column
  kind: number
  rows: Int32Array
  n: number
  keys: (Column | null)[]
}

export class InfluxqlOperator extends Operator {
  private readonly field: string
  private readonly keys: readonly string[]
  private readonly pointTimes: boolean
  private readonly reduce: Reduce
  private readonly errors: RowErrors
  private readonly reader = new CellReader()
  /** Its columns outlive the reductions that happen while rows are collected. */
  private readonly streamReader = new CellReader()
  private readonly result = new Result()
  private readonly values: ChunkBuilder
  private readonly picked: PickedRows
  private readonly spaces = new Map<GroupInfo, Space>()
  private space: Space | null = null
  private readonly layout: RowLayout
  private readonly pendingOut: ChunkBuilder
  private readonly set: MutableRowSet
  private cardinality = 0

  constructor(
    private readonly aggregate: Aggregate,
    planned: PlannedNode,
    ctx: OperatorContext,
  ) {
    super(ctx)
    const { props } = planned.node
    this.field = String(props.field)
    const as = String(props.as ?? aggregate.method)
    this.keys = aggregate.keys?.(planned.node) ?? []
    this.pointTimes = props.usePointTimes === true
    this.reduce = aggregate.create(planned.node)
    this.errors = new RowErrors(ctx, aggregate.kind ?? aggregate.method, this.field)
    const batch = aggregate.shape === 'series'
    this.values = new ChunkBuilder({ fields: [as], groupTags: true, batch }, (c) => this.emit(c))
    this.picked = new PickedRows(aggregate, this.field, as, (c) => this.emit(c))
    this.layout = inputLayout(aggregate, planned, this.field, as, this.keys)
    this.pendingOut = new ChunkBuilder({ ...builderOptions(this.layout), batch: true }, (c) =>
      this.reduceWindows(c, null),
    )
    this.set = {
      chunk: undefined as unknown as Chunk,
      column: undefined as unknown as Column,
      kind: Kind.Missing,
      rows: new Int32Array(256),
      n: 0,
      keys: [],
    }
  }

  receive(chunk: Chunk): void {
    const space = this.spaceOf(chunk.grouping)
    if (chunk.windows === null) {
      this.collect(chunk, space)
      this.pendingOut.flush()
    } else this.reduceWindows(chunk, space.groups)
    this.errors.report()
    this.showCardinality()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    const { groups } = this.spaceOf(grouping)
    if (!groups.has(group)) groups.add(group, 'barrier')
    super.barrier(grouping, group, ms, sub, port)
    this.showCardinality()
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    if (!this.forget(grouping, group)) return
    this.emitDelete(grouping, group)
    this.showCardinality()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const rows = this.spaces.get(grouping)?.pending.rows.count(group) ?? 0
    if (!this.forget(grouping, group)) return
    if (rows > 0) this.ctx.stats.add('evicted_rows', rows)
    this.showCardinality()
  }

  override evictRows(bytes: number): number {
    let freed = 0
    for (const { pending } of this.spaces.values()) {
      if (freed >= bytes) break
      freed += pending.rows.evict(bytes - freed, (_group, n) => this.ctx.stats.add('evicted_rows', n))
    }
    return freed
  }

  override dispose(): void {
    for (const { groups, pending } of this.spaces.values()) {
      groups.dispose()
      pending.rows.dispose()
      for (const p of [pending.ms, pending.sub, pending.kinds]) p.release()
    }
    this.spaces.clear()
    this.space = null
  }

  /** Stream input: rows wait for the next time of their group. */
  private collect(chunk: Chunk, space: Space): void {
    const { groups } = space
    const { ms, sub, kinds, rows } = space.pending
    rows.bind(chunk)
    this.streamReader.begin()
    const column = this.streamReader.field(chunk, this.field)
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      if (!ready(space.pending, g) || (!groups.has(g) && !groups.add(g, chunk.name))) {
        this.ctx.dropped('memory', 1)
        continue
      }
      if (chunk.ms[r] !== ms.get(g) || chunk.sub[r] !== sub.get(g)) {
        this.finishPending(space, g)
        ms.set(g, chunk.ms[r])
        sub.set(g, chunk.sub[r])
        kinds.set(g, Kind.Missing)
      }
      const kind = column === null ? Kind.Missing : column.kinds[r]
      let fixed = kinds.get(g)
      if (fixed === Kind.Missing) {
        fixed = typeFixedBy(this.aggregate, kind)
        if (fixed === Kind.Missing) {
          this.errors.beforeType(kind)
          continue
        }
        kinds.set(g, fixed)
      }
      if (kind !== fixed) {
        this.errors.wrongType(kind, fixed)
        continue
      }
      if (!rows.append(g, r)) this.ctx.dropped('memory', 1)
      else if (groups.nameOf(g) !== chunk.name) groups.rename(g, chunk.name)
    }
  }

  /** Hands the waiting rows of a group to the reducer as one window. */
  private finishPending(space: Space, group: number): void {
    const { rows, ms, sub, kinds } = space.pending
    if (kinds.get(group) === Kind.Missing) return
    this.pendingOut.begin(space.groups.nameOf(group), '', '', space.groups.grouping)
    this.pendingOut.beginWindow(group, ms.get(group), sub.get(group))
    rows.copyTo(group, space.groups.grouping, this.pendingOut)
    this.pendingOut.endWindow()
    rows.clear(group)
    kinds.set(group, Kind.Missing)
  }

  /** Reduces every window of a chunk. `groups` holds the names of the outcome; null: the chunk's own name. */
  private reduceWindows(chunk: Chunk, groups: GroupNames | null): void {
    const windows = chunk.windows!
    this.reader.begin()
    const column = this.reader.field(chunk, this.field)
    const set = this.set
    set.chunk = chunk
    set.keys.length = 0
    for (const k of this.keys) set.keys.push(this.reader.field(chunk, k), this.reader.tag(chunk, k))
    if (column !== null) set.column = column
    this.picked.begin(chunk, column)
    for (let w = 0; w < windows.n; w++) {
      const g = windows.groups[w]
      let name = chunk.name
      if (groups !== null) {
        if (!groups.has(g) && !groups.add(g, chunk.name)) {
          this.ctx.dropped('memory', windows.ends[w] - windows.starts[w])
          continue
        }
        name = groups.nameOf(g)
      }
      this.usableRows(column, windows.starts[w], windows.ends[w])
      const { shape } = this.aggregate
      const typed = shape === 'series' && set.kind !== Kind.Missing
      if (set.n === 0 && this.aggregate.empty === undefined && !typed) continue
      this.result.reset()
      // Without any typed row, count is an int and sum a float.
      if (set.kind === Kind.Missing) set.kind = this.aggregate.empty === 'int' ? Kind.Int : Kind.Float
      this.reduce(set, this.result)
      if (shape === 'aggregate') this.emitValue(chunk, windows, w, name)
      else if (shape === 'series') this.emitSeries(chunk, windows, w, name)
      else this.picked.add(windows, w, name, this.result, this.pointTimes)
    }
    this.values.flush()
    this.picked.flush()
  }

  /** Fills the row set with the rows of the kind that the first usable row fixes; counts the others. */
  private usableRows(column: Column | null, from: number, to: number): void {
    const set = this.set
    set.n = 0
    set.kind = Kind.Missing
    if (column === null) {
      if (to > from) this.errors.beforeType(Kind.Missing, to - from)
      return
    }
    if (set.rows.length < to - from || set.rows.length > 65536 + 4 * (to - from))
      set.rows = new Int32Array(to - from + 256)
    const { kinds } = column
    const rows = set.rows
    let fixed: number = Kind.Missing
    let n = 0
    for (let r = from; r < to; r++) {
      const kind = kinds[r]
      if (fixed === Kind.Missing) {
        fixed = typeFixedBy(this.aggregate, kind)
        if (fixed === Kind.Missing) {
          this.errors.beforeType(kind)
          continue
        }
      }
      if (kind === fixed) rows[n++] = r
      else this.errors.wrongType(kind, fixed)
    }
    set.n = n
    set.kind = fixed
  }

  private emitValue(chunk: Chunk, windows: Windows, w: number, name: string): void {
    const { result, values } = this
    if (result.kind === Kind.Missing) return
    let ms = windows.ms[w]
    let sub = windows.sub[w]
    if (this.pointTimes && result.time !== PointTime.Shared) {
      ms = result.time === PointTime.Zero ? 0 : chunk.ms[result.time]
      sub = result.time === PointTime.Zero ? 0 : chunk.sub[result.time]
    }
    values.begin(name, '', '', chunk.grouping)
    const row = values.row(ms, sub, windows.groups[w])
    values.fields[0].setWords(row, result.kind, result.i32[0], result.i32[1])
  }

  private emitSeries(chunk: Chunk, windows: Windows, w: number, name: string): void {
    const { values } = this
    const { series } = this.result
    if (series.problem !== '') this.ctx.error('failed to emit batch', series.problem)
    values.begin(name, '', '', chunk.grouping)
    values.beginWindow(windows.groups[w], windows.ms[w], windows.sub[w])
    for (let i = 0; i < series.n; i++) {
      const row = values.row(series.ms[i], series.sub[i], windows.groups[w])
      values.fields[0].setFloat(row, series.values[i])
      values.raiseWindow(series.ms[i], series.sub[i])
    }
    values.endWindow()
  }

  private forget(grouping: GroupInfo, group: number): boolean {
    const space = this.spaces.get(grouping)
    if (space === undefined || !space.groups.has(group)) return false
    space.pending.rows.clear(group)
    if (space.pending.kinds.has(group)) space.pending.kinds.set(group, Kind.Missing)
    space.groups.remove(group)
    return true
  }

  private spaceOf(grouping: GroupInfo): Space {
    if (this.space !== null && this.space.groups.grouping === grouping) return this.space
    let space = this.spaces.get(grouping)
    if (space === undefined) {
      const { state } = this.ctx
      space = {
        groups: new GroupNames(state, grouping),
        pending: { rows: new RowStore(state, this.layout), ms: state.f64(), sub: state.i32(), kinds: state.u8() },
      }
      this.spaces.set(grouping, space)
    }
    this.space = space
    return space
  }

  private showCardinality(): void {
    let n = 0
    for (const { groups } of this.spaces.values()) n += groups.size
    if (n === this.cardinality) return
    this.cardinality = n
    this.ctx.stats.set('working_cardinality', n)
  }
}

function ready(p: Pending, group: number): boolean {
  return p.ms.ensure(group) && p.sub.ensure(group) && p.kinds.ensure(group)
}
