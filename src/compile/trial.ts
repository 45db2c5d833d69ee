/**
 * How much memory the nodes of a plan take per group and per row that they buffer, asked of the operators themselves: each is
 * made alone, fed a small made-up input, and what it has put into its pages is counted entry by entry, without the rounding
 * of pages. Thread: any.
 *
 * The input: some groups with some rows each, spread over the window of a window node; numbers for fields, texts of
 * `assumedTextBytes` for tags; whole points have `assumedFields` fields and one more tag.
 */
import { Chunk, type RestRows, type Windows } from '../columns/chunk.js'
import { Column, encodeUtf8 } from '../columns/column.js'
import { Kind } from '../columns/kinds.js'
import { Duration, type Value } from '../columns/values.js'
import type { Operator } from '../operators/operator.js'
import { entryOf } from '../operators/registry.js'
import { createFusedWindow } from '../operators/window/fused-window.js'
import { panesOf } from '../operators/window/fusing.js'
import type { PlannedNode, TaskPlan } from '../plan/task-plan.js'
import { Grouping } from '../state/grouping.js'
import { Pages, ShardMemory, StateAllocator, type Typed, type TypedConstructor } from '../state/pages.js'
import { Lambda } from '../tickscript/node-def.js'
import { DryRun } from './dry-context.js'

export interface StateEstimate {
  readonly bytesPerGroup: number
  /** Of one row that is kept until its window, its partner or its turn comes. */
  readonly bytesPerRow: number
}

export const assumedTextBytes = 16
export const assumedFields = 4

/** What the second half of the groups adds is free of what a node needs once, such as the first hash table. */
const fewGroups = 32
const manyGroups = 64
/** Rows are kept in blocks: both numbers are multiples of a block's size. */
const fewRows = 8
const manyRows = 16
const startMs = 1_600_000_000_000

/** Per node of the plan; null where a node cannot be tried. A fused window's part contains its functions'. */
export function estimateState(plan: TaskPlan): (StateEstimate | null)[] {
  return plan.nodes.map(estimateNode)
}

function estimateNode(planned: PlannedNode): StateEstimate | null {
  if (planned.fusion === 'inside' || planned.parents.length === 0) return { bytesPerGroup: 0, bytesPerRow: 0 }
  const [few, many] = rowCounts(planned)
  const half = trial(planned, fewGroups, few)
  const whole = trial(planned, manyGroups, few)
  const longer = few === many ? whole : trial(planned, manyGroups, many)
  if (half === null || whole === null || longer === null) return null
  const bytesPerRow = few === many ? 0 : Math.max(0, (longer - whole) / (manyGroups * (many - few)))
  const perGroup = (whole - half) / (manyGroups - fewGroups) - bytesPerRow * few
  return { bytesPerGroup: Math.max(0, Math.round(perGroup)), bytesPerRow: Math.round(bytesPerRow) }
}

/** Count windows keep no more rows than they are long. */
function rowCounts({ node, fusion }: PlannedNode): [number, number] {
  if (fusion === 'window') {
    // All panes are to be in use, wherever in the period the first row falls.
    const rows = 2 * panesOf(node)
    return [rows, rows]
  }
  const period = Number(node.props.periodCount ?? 0n)
  if (period <= 0 || period >= manyRows) return [fewRows, manyRows]
  return period === 1 ? [0, 1] : [Math.floor(period / 2), period]
}

/** Bytes that the operator holds after the input; null when it cannot be made or run. */
function trial(planned: PlannedNode, groups: number, rows: number): number | null {
  const input = new TrialInput(planned, groups)
  const run = new TrialRun(input.groupCount)
  const calmed = calmLambdas(planned)
  try {
    const operator = makeOperator(planned, run)
    if (operator === null) return null
    feed(operator, planned, input, rows)
    const bytes = run.bytes
    operator.dispose()
    return bytes
  } catch {
    // Whatever an operator does not like about the made-up input is no fault of the task.
    return null
  } finally {
    calmed()
  }
}

function makeOperator(planned: PlannedNode, run: TrialRun): Operator | null {
  if (planned.fusion === 'window') {
    const children = planned.children.map((child) => ({ planned: child, ctx: run.context(child) }))
    return createFusedWindow(planned, run.context(planned), children).window
  }
  return entryOf(planned.node.def).create?.(planned, run.context(planned)) ?? null
}

/** Filters would keep the input away from the state behind them: they are off for the time of a trial. */
function calmLambdas({ node }: PlannedNode): () => void {
  const { where } = node.props
  if (node.def.method !== 'from' || !(where instanceof Lambda)) return () => {}
  const { pos } = where.node
  node.props.where = new Lambda({ type: 'lambda', expression: { type: 'bool', value: true, pos }, pos })
  return () => {
    node.props.where = where
  }
}

/** Counts entries instead of pages. */
class TrialRun extends DryRun {
  readonly allocators: CountingAllocator[] = []

  constructor(private readonly groupCount: number) {
    super()
  }

  override allocator(): StateAllocator {
    const allocator = new CountingAllocator(this.memory)
    this.allocators.push(allocator)
    return allocator
  }

  get bytes(): number {
    let bytes = 0
    for (const { columns, heaps } of this.allocators) {
      for (const { entries, entryBytes } of columns) {
        // Some ask for memory only where a page is missing: what some groups have, all have.
        if (entries > 0) bytes += Math.max(entries, this.groupCount) * entryBytes
      }
      for (const heap of heaps) bytes += heap.liveBytes
    }
    return bytes
  }
}

class CountingPages<T extends Typed> extends Pages<T> {
  entries = 0
  readonly entryBytes: number

  constructor(owner: StateAllocator, type: TypedConstructor<T>, stride: number) {
    super(owner, type, stride)
    this.entryBytes = stride * type.BYTES_PER_ELEMENT
  }

  override ensure(i: number): boolean {
    if (!super.ensure(i)) return false
    if (i >= this.entries) this.entries = i + 1
    return true
  }
}

class CountingAllocator extends StateAllocator {
  readonly columns: { readonly entries: number; readonly entryBytes: number }[] = []
  readonly heaps: { readonly liveBytes: number }[] = []

  override heap(heap: { readonly liveBytes: number }): void {
    this.heaps.push(heap)
  }

  override f64(stride = 1): Pages<Float64Array> {
    return this.counted(Float64Array, stride)
  }

  override i32(stride = 1): Pages<Int32Array> {
    return this.counted(Int32Array, stride)
  }

  override u32(stride = 1): Pages<Uint32Array> {
    return this.counted(Uint32Array, stride)
  }

  override u16(stride = 1): Pages<Uint16Array> {
    return this.counted(Uint16Array, stride)
  }

  override u8(stride = 1): Pages<Uint8Array> {
    return this.counted(Uint8Array, stride)
  }

  private counted<T extends Typed>(type: TypedConstructor<T>, stride: number): Pages<T> {
    const pages = new CountingPages(this, type, stride)
    this.columns.push(pages)
    return pages
  }
}

/** Feeds the operator `rows` rows of each group through its first input. */
function feed(operator: Operator, planned: PlannedNode, input: TrialInput, rows: number): void {
  const { period } = planned.node.props
  const windowMs =
    planned.node.def.method === 'window' && period instanceof Duration ? Number(period.ns / 1_000_000n) : 0
  const stepMs = windowMs > 0 ? windowMs / rows : 1000
  if (planned.parents[0].node.edge === 'batch') {
    operator.receive(input.windows(rows, stepMs), 0)
    return
  }
  for (let i = 0; i < rows; i++) operator.receive(input.rows(startMs + Math.floor(i * stepMs), i), 0)
}

/** Chunks of made-up rows as the planned node would receive them. */
class TrialInput {
  private readonly grouping: Grouping
  private readonly groupIds: number[] = []
  private readonly fieldNames: readonly string[]
  private readonly tagNames: readonly string[]
  private readonly rest: RestRows | null
  private readonly name: string

  constructor(
    private readonly planned: PlannedNode,
    private readonly groups: number,
  ) {
    const { node, needs, groupedBy } = planned
    const effects = node.def.effects?.(node)
    const asked = effects?.grouping?.dims ?? []
    const dims = groupedBy === '*' ? ['tag'] : groupedBy
    this.tagNames = [...new Set([...dims, ...(asked === '*' ? ['tag'] : asked)])]
    const reads = [...(effects?.reads ?? []), ...(needs.fields ?? [])].filter((name) => !this.tagNames.includes(name))
    this.fieldNames = [...new Set(reads.length === 0 ? ['value'] : reads)]
    const whole = needs.fields === null || needs.tags === null
    this.rest = whole || effects?.wholeFields === true || effects?.wholeTags === true ? new WholeRows() : null
    let source = planned
    while (source.node.def.method !== 'from' && source.parents.length > 0) source = source.parents[0]
    this.name = String(source.node.props.measurement ?? '') || 'measurement'
    this.grouping = new Grouping(new StateAllocator(new ShardMemory(8 << 20)), groupedBy === '*' ? null : dims, false)
    for (let g = 0; g < groups; g++) this.groupIds.push(this.groupOf(g, dims, groupedBy === '*'))
  }

  /** One for rows without grouping. */
  get groupCount(): number {
    const asked = this.planned.node.def.effects?.(this.planned.node).grouping?.dims.length ?? 0
    return new Set(this.groupIds).size === 1 && asked === 0 ? 1 : this.groups
  }

  rows(ms: number, seed: number): Chunk {
    const { groups } = this
    const chunk = this.chunk(groups, seed, (r) => r)
    for (let r = 0; r < groups; r++) {
      chunk.ms[r] = ms
      chunk.groups[r] = this.groupIds[r]
    }
    return chunk
  }

  /** One window per group. */
  windows(rows: number, stepMs: number): Chunk {
    const { groups } = this
    const chunk = this.chunk(groups * rows, 0, (r) => Math.floor(r / rows))
    const windows: Windows = {
      n: groups,
      groups: Int32Array.from(this.groupIds),
      ms: new Float64Array(groups).fill(startMs + rows * stepMs),
      sub: new Int32Array(groups),
      starts: Int32Array.from({ length: groups }, (_, g) => g * rows),
      ends: Int32Array.from({ length: groups }, (_, g) => (g + 1) * rows),
    }
    for (let r = 0; r < chunk.n; r++) chunk.ms[r] = startMs + (r % rows) * stepMs
    chunk.windows = windows
    return chunk
  }

  private chunk(n: number, seed: number, groupOfRow: (row: number) => number): Chunk {
    const chunk = new Chunk(this.grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    chunk.n = n
    chunk.name = this.name
    const { database, retentionPolicy } = this.planned.node.props
    chunk.db = typeof database === 'string' ? database : ''
    chunk.rp = typeof retentionPolicy === 'string' ? retentionPolicy : ''
    chunk.rest = this.rest
    // Far apart, so that one of them meets almost any condition.
    for (const name of this.fieldNames)
      chunk.setField(
        name,
        numbers(n, (r) => ((r + seed) % 2 === 0 ? 1e12 : -1e12)),
      )
    for (const name of this.tagNames)
      chunk.setTag(
        name,
        texts(n, (r) => textOf(groupOfRow(r))),
      )
    return chunk
  }

  private groupOf(g: number, dims: readonly string[], star: boolean): number {
    const parts = dims.flatMap((name) => (star ? [name, textOf(g)] : [textOf(g)])).map((text) => encodeUtf8(text))
    const key = Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length, 0]), part]))
    // Any hash will do: nobody else looks these groups up.
    return this.grouping.lookup(key, key.length, dims.length === 0 ? 0 : g, startMs)
  }
}

function textOf(g: number): string {
  return `g${String(g).padStart(assumedTextBytes - 1, '0')}`
}

function numbers(n: number, value: (row: number) => number): Column {
  const column = Column.alloc(n)
  for (let r = 0; r < n; r++) {
    column.kinds[r] = Kind.Float
    column.f64[r] = value(r)
  }
  return column
}

function texts(n: number, value: (row: number) => string): Column {
  const column = Column.alloc(n)
  column.bytes = new Uint8Array(n * assumedTextBytes)
  for (let r = 0; r < n; r++) {
    column.kinds[r] = Kind.String
    column.bytes.set(encodeUtf8(value(r)), r * assumedTextBytes)
    column.i32[2 * r] = r * assumedTextBytes
    column.i32[2 * r + 1] = assumedTextBytes
  }
  return column
}

/** The cells of whole points that nobody names. */
class WholeRows implements RestRows {
  readTags(_row: number, into: Map<string, string>): void {
    into.set('other_tag', textOf(0))
  }

  readFields(_row: number, into: Map<string, Value>): void {
    for (let i = 0; i < assumedFields; i++) into.set(`other_field_${i}`, i)
  }
}
