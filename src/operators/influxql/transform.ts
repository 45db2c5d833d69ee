/**
 * The InfluxQL transformations (spec nodes 5.1): a row goes in and at most one comes out at once, on both edge types.
 * Thread: shard worker.
 *
 * On a stream a group's type is fixed by its first usable row for as long as the group lives; a batch starts anew. After a row
 * of another type the function is asked for output all the same, so most of them repeat their last row, old time included.
 *
 * Two passes per chunk: the first decides per row what is to be done (groups, types, errors), the second is the function's own
 * loop over the rows. In a batch all rows use slot 0 of the state; on a stream a row's slot is its group.
 */
import { Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { OutColumn } from '../../columns/chunk-builder.js'
import type { Column } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { ArgDef, PipelineNode } from '../../tickscript/node-def.js'
import { CellReader, clearedColumn } from '../kit/cells.js'
import { GroupKeepingOperator } from '../kit/group-keeping.js'
import { RowSelector } from '../kit/select-rows.js'
import { GroupNames } from '../kit/window-groups.js'
import type { OperatorContext } from '../operator.js'
import { RowErrors } from './influxql-errors.js'

/** What to do with a row. */
export const Step = { Skip: 0, Feed: 1, Repeat: 2 } as const

/** Rows of one chunk on their way through a function; all arrays by row number. */
export interface TransformRows {
  readonly chunk: Chunk
  readonly column: Column
  /** A Step per row. Rows that are fed are of one kind per slot. */
  readonly steps: Uint8Array
  /** State per row. */
  readonly slots: Int32Array
  /** Set to 1 where a row comes out. */
  readonly kept: Uint8Array
  /** Its time and value. */
  readonly ms: Float64Array
  readonly sub: Int32Array
  readonly out: OutColumn
}

/** What a function keeps, by slot. */
export interface TransformState {
  /** Makes a slot usable. False: the budget refused. */
  ensure(slot: number): boolean
  /** Back to the beginning; the slot may not be there. */
  clear(slot: number): void
  run(rows: TransformRows, from: number, to: number): void
  release(): void
}

export interface Transformation {
  readonly method: string
  readonly doc: string
  readonly kinds: 'numbers' | 'all'
  /** Type of the value: a fixed one, or that of the cells. */
  readonly result: 'int' | 'float' | 'cells'
  /** Beside the field. */
  readonly args: readonly ArgDef[]
  /** Define-time check of the arguments: a text, or null. */
  problem?(node: PipelineNode): string | null
  create(node: PipelineNode, state: StateAllocator): TransformState
}

/** Groups of a stream with the kind that fixed their type. */
class TransformGroups extends GroupNames {
  /** The name of all groups, null once there are several. */
  name: string | null = null
  readonly kinds: Pages<Uint8Array>

  constructor(
    memory: StateAllocator,
    grouping: GroupInfo,
    readonly state: TransformState,
  ) {
    super(memory, grouping)
    this.kinds = memory.u8()
  }

  override add(group: number, name: string): boolean {
    if (!this.kinds.ensure(group) || !this.state.ensure(group)) return false
    return this.addBatch(group, name)
  }

  /** A group of batches: nothing is kept between them. */
  addBatch(group: number, name: string): boolean {
    if (!super.add(group, name)) return false
    if (this.size === 1) this.name = name
    else if (this.name !== name) this.name = null
    return true
  }

  override remove(group: number): void {
    super.remove(group)
    if (this.kinds.has(group)) this.kinds.set(group, Kind.Missing)
    this.state.clear(group)
  }

  override dispose(): void {
    super.dispose()
    this.kinds.release()
    this.state.release()
  }
}

export class TransformOperator extends GroupKeepingOperator<TransformGroups> {
  private readonly field: string
  private readonly as: string
  private readonly errors: RowErrors
  private wrong = 0
  private readonly cells = new CellReader()
  private readonly selector = new RowSelector()
  private capacity = 0
  private steps = new Uint8Array(0)
  private kept = new Uint8Array(0)
  private ms = new Float64Array(0)
  private sub = new Int32Array(0)
  private zeros = new Int32Array(0)
  private rows = new Int32Array(0)
  private readonly noCells = new OutColumn('', 256)
  private readonly out: OutColumn

  constructor(
    private readonly transformation: Transformation,
    private readonly planned: PlannedNode,
    ctx: OperatorContext,
  ) {
    super(ctx)
    const { props } = planned.node
    this.field = String(props.field)
    this.as = String(props.as ?? transformation.method)
    this.errors = new RowErrors(ctx, transformation.method, this.field)
    this.out = new OutColumn(this.as, 256)
  }

  receive(chunk: Chunk): void {
    const { n } = chunk
    this.reserve(n)
    this.cells.begin()
    const column = this.cells.field(chunk, this.field) ?? clearedColumn(this.noCells, n).column
    const space = this.spaceOf(chunk.grouping)
    const slots = chunk.windows === null ? chunk.groups : this.zeros
    clearedColumn(this.out, n)
    const { steps, kept, ms, sub, out } = this
    const rows: TransformRows = { chunk, column, steps, slots, kept, ms, sub, out }
    kept.fill(0, 0, n)
    if (chunk.windows === null) {
      this.planStream(chunk, column, space)
      space.state.run(rows, 0, n)
    } else this.runBatches(rows, space)
    this.showCardinality()
    this.errors.report()
    if (this.wrong > 0) this.ctx.dropped('error', this.wrong)
    this.wrong = 0
    const result = this.result(chunk)
    if (chunk.windows !== null || space.name !== null) this.emitKept(result, space.name ?? '')
    else this.emitByName(result, space)
  }

  protected makeSpace(grouping: GroupInfo): TransformGroups {
    const { state } = this.ctx
    return new TransformGroups(state, grouping, this.transformation.create(this.planned.node, state))
  }

  private planStream(chunk: Chunk, column: Column, space: TransformGroups): void {
    const { steps } = this
    const { groups, n } = chunk
    const { kinds } = space
    let refused = 0
    for (let r = 0; r < n; r++) {
      const g = groups[r]
      if (!space.has(g) && !space.add(g, chunk.name)) {
        steps[r] = Step.Skip
        refused++
        continue
      }
      const page = kinds.pages[g >> kinds.shift]
      const kind = column.kinds[r]
      let fixed = page[g & kinds.mask]
      if (fixed === Kind.Missing) {
        fixed = this.typeFixedBy(kind)
        page[g & kinds.mask] = fixed
      }
      steps[r] = kind === fixed && kind !== Kind.Missing ? Step.Feed : this.stepAfterError(kind, fixed)
    }
    if (refused > 0) this.ctx.dropped('memory', refused)
  }

  private runBatches(rows: TransformRows, space: TransformGroups): void {
    const w = rows.chunk.windows!
    const { steps } = this
    const { kinds } = rows.column
    const state = space.state
    if (!state.ensure(0)) {
      for (let i = 0; i < w.n; i++) this.ctx.dropped('memory', w.ends[i] - w.starts[i])
      return
    }
    for (let i = 0; i < w.n; i++) {
      if (!space.has(w.groups[i])) space.addBatch(w.groups[i], rows.chunk.name)
      let fixed: number = Kind.Missing
      for (let r = w.starts[i]; r < w.ends[i]; r++) {
        if (fixed === Kind.Missing) fixed = this.typeFixedBy(kinds[r])
        steps[r] = kinds[r] === fixed && fixed !== Kind.Missing ? Step.Feed : this.stepAfterError(kinds[r], fixed)
      }
      state.clear(0)
      state.run(rows, w.starts[i], w.ends[i])
    }
  }

  /** A duration passes for an int until its value is looked at. */
  private typeFixedBy(kind: number): number {
    switch (kind) {
      case Kind.Int:
      case Kind.Float:
        return kind
      case Kind.String:
      case Kind.Bool:
        return this.transformation.kinds === 'all' ? kind : Kind.Missing
      case Kind.Duration:
        return Kind.Int
      default:
        return Kind.Missing
    }
  }

  private stepAfterError(kind: number, fixed: number): number {
    this.wrong++
    if (fixed === Kind.Missing) {
      this.errors.beforeType(kind)
      return Step.Skip
    }
    this.errors.wrongType(kind, fixed)
    return Step.Repeat
  }

  /** The rows in place, those that stay away included. */
  private result(chunk: Chunk): Chunk {
    const c = new Chunk(chunk.grouping, this.ms, this.sub, chunk.groups)
    c.n = chunk.n
    c.name = chunk.name
    c.restFields = false
    c.restTags = false
    c.groupTags = true
    c.windows = chunk.windows
    c.fields.push({ name: this.as, column: this.out.column })
    return c
  }

  private emitKept(result: Chunk, name: string): void {
    if (result.windows === null) result.name = name
    const rows = this.selector.keep(result, this.kept)
    if (rows !== null) this.emit(rows)
  }

  /** Rows of a stream go out under the name of the message that created their group: a chunk per run of one name. */
  private emitByName(result: Chunk, space: TransformGroups): void {
    const { kept, rows } = this
    let n = 0
    for (let r = 0; r <= result.n; r++) {
      if (r < result.n && kept[r] === 0) continue
      const name = r < result.n ? space.nameOf(result.groups[r]) : ''
      if (n > 0 && (r === result.n || name !== result.name)) {
        this.emit(this.selector.select(result, rows, n))
        n = 0
      }
      if (r === result.n) break
      result.name = name
      rows[n++] = r
    }
  }

  private reserve(n: number): void {
    if (this.capacity >= n && n > 0) return
    this.capacity = Math.max(n, maxChunkRows)
    this.steps = new Uint8Array(this.capacity)
    this.kept = new Uint8Array(this.capacity)
    this.ms = new Float64Array(this.capacity)
    this.sub = new Int32Array(this.capacity)
    this.zeros = new Int32Array(this.capacity)
    this.rows = new Int32Array(this.capacity)
  }
}
