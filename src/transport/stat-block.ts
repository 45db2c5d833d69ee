/**
 * The statistics block: one SharedArrayBuffer of Float64 cells. Every cell has one writing thread; readers sum.
 *
 *   | shard 0: own cells, task regions | shard 1: … | … | main: own cells, task regions |
 *
 * A task's region has the same offset in every part. In a region: the task's cells (TaskCell), then per node its counters,
 * then one cell per edge. Aligned 64-bit stores do not tear; a reader may see counters of slightly different moments. Thread: any.
 */

import type { EdgeStatsView, NodeStatsView, TaskStatsView } from './stats-view.js'

/** Reasons an operator may give. */
export type DropReason = 'late' | 'memory' | 'error' | 'filtered'

/** Reasons a row delivered to a task was not processed: the operators' and those of the rings and the task's end. */
export const dropReasons = ['late', 'memory', 'error', 'filtered', 'shed', 'stopped', 'crash'] as const
export type TaskDropReason = (typeof dropReasons)[number]

/** Cells at the start of a task's region. `delivered`, `shed` and `crash` are written by main, the others by the shards. */
export const TaskCell = {
  delivered: 0,
  processed: 1,
  groups: 2,
  stateBytes: 3,
  evictedRows: 4,
  evictedGroups: 5,
  evictedBytes: 6,
  refusedFrames: 7,
  drops: 8,
} as const
export const taskCells = TaskCell.drops + dropReasons.length

/** Cells of a shard as a whole, at the start of its part. */
export const ShardCell = {
  stateBytes: 0,
  budgetBytes: 1,
  groups: 2,
  evictedGroups: 3,
  evictedRows: 4,
  processedRows: 5,
  entries: 6,
  heapBytes: 7,
  segmentBytes: 8,
  refusedFrames: 9,
  blockedMs: 10,
  restarts: 11,
  /** What the shard remembers: all of it goes with the tasks and tables it belongs to. */
  tasks: 12,
  routes: 13,
  schemas: 14,
  alertStates: 15,
} as const
const shardCells = 24

/** Counters every node has, in the order of their cells. */
export const commonCounters = ['errors', 'working_cardinality', 'avg_exec_time_ns'] as const
/** Of several shards the value shown is the largest, not the sum. */
const largest = new Set(['avg_exec_time_ns'])

export interface NodeLayout {
  readonly name: string
  readonly offset: number
  readonly counters: readonly string[]
  /** Cell of the bytes of state that the node's operator holds. */
  readonly state: number
}

export interface EdgeLayout {
  readonly parent: number
  readonly child: number
  readonly offset: number
}

/** Where the cells of a task are, relative to its region. The same on main and on every shard. */
export interface TaskLayout {
  readonly nodes: readonly NodeLayout[]
  readonly edges: readonly EdgeLayout[]
  readonly cells: number
}

/** Counters of one node on one shard. A name that the node does not declare (NodeDef.counters) is not kept. */
export class NodeCells {
  private readonly index = new Map<string, number>()

  constructor(
    private readonly cells: Float64Array,
    layout: NodeLayout,
    base: number,
  ) {
    layout.counters.forEach((name, i) => {
      this.index.set(name, base + layout.offset + i)
    })
  }

  add(name: string, n: number): void {
    const i = this.index.get(name)
    if (i !== undefined) this.cells[i] += n
  }

  set(name: string, v: number): void {
    const i = this.index.get(name)
    if (i !== undefined) this.cells[i] = v
  }
}

/** A writer's part of the block: absolute cell numbers into `cells`. */
export class StatPart {
  constructor(
    readonly cells: Float64Array,
    readonly shard: number,
  ) {}

  static of(sab: SharedArrayBuffer, part: number, cellsPerPart: number): StatPart {
    return new StatPart(new Float64Array(sab, part * cellsPerPart * 8, cellsPerPart), part)
  }

  set(cell: number, v: number): void {
    this.cells[cell] = v
  }

  add(cell: number, n: number): void {
    this.cells[cell] += n
  }

  /** Adds to a cell of the task whose region starts at `offset`. */
  addTask(offset: number, cell: number, n: number): void {
    this.cells[offset + cell] += n
  }

  drop(offset: number, reason: TaskDropReason | DropReason, n: number): void {
    this.cells[offset + TaskCell.drops + dropReasons.indexOf(reason)] += n
  }

  node(offset: number, layout: NodeLayout): NodeCells {
    return new NodeCells(this.cells, layout, offset)
  }

  /** The function that counts what passes an edge. */
  edge(offset: number, layout: EdgeLayout): (n: number) => void {
    const cells = this.cells
    const i = offset + layout.offset
    return (n) => {
      cells[i] += n
    }
  }
}

/** Main's view: hands out regions and sums the parts. */
export class StatBlock {
  readonly sab: SharedArrayBuffer
  readonly main: StatPart
  private readonly parts: StatPart[] = []
  private free: { offset: number; cells: number }[]

  constructor(
    readonly shards: number,
    readonly cellsPerPart = 262_144,
  ) {
    this.sab = new SharedArrayBuffer((shards + 1) * cellsPerPart * 8)
    for (let i = 0; i <= shards; i++) this.parts.push(StatPart.of(this.sab, i, cellsPerPart))
    this.main = this.parts[shards]
    this.free = [{ offset: shardCells, cells: cellsPerPart - shardCells }]
  }

  /** A zeroed region; -1 when the block is full. */
  allocate(cells: number): number {
    const i = this.free.findIndex((f) => f.cells >= cells)
    if (i < 0) return -1
    const f = this.free[i]
    const offset = f.offset
    f.offset += cells
    f.cells -= cells
    if (f.cells === 0) this.free.splice(i, 1)
    for (const p of this.parts) p.cells.fill(0, offset, offset + cells)
    return offset
  }

  /** Takes a region back, once no shard writes to it any more. */
  release(offset: number, cells: number): void {
    this.free.push({ offset, cells })
    this.free.sort((a, b) => a.offset - b.offset)
    const merged: { offset: number; cells: number }[] = []
    for (const f of this.free) {
      const last = merged[merged.length - 1]
      if (last !== undefined && last.offset + last.cells === f.offset) last.cells += f.cells
      else merged.push({ ...f })
    }
    this.free = merged
  }

  shard(shard: number, cell: number): number {
    return this.parts[shard].cells[cell]
  }

  setShard(shard: number, cell: number, v: number): void {
    this.parts[shard].cells[cell] = v
  }

  /** Zeroes what describes the state of a shard that has lost it: gauges, not counters. */
  resetShard(shard: number, offsets: readonly { offset: number; layout: TaskLayout }[]): void {
    const cells = this.parts[shard].cells
    cells[ShardCell.stateBytes] = 0
    cells[ShardCell.groups] = 0
    for (const { offset, layout } of offsets) {
      cells[offset + TaskCell.groups] = 0
      cells[offset + TaskCell.stateBytes] = 0
      for (const n of layout.nodes) {
        cells[offset + n.state] = 0
        const i = n.counters.indexOf('working_cardinality')
        if (i >= 0) cells[offset + n.offset + i] = 0
      }
    }
  }

  /** Sum of one task cell over all parts. */
  sum(offset: number, cell: number): number {
    let n = 0
    for (const p of this.parts) n += p.cells[offset + cell]
    return n
  }

  /** Rows that the source of a stream task has collected: it has no incoming edge, but gives every row to every child. */
  sourceRows(offset: number, layout: TaskLayout): number {
    let rows = 0
    for (const e of layout.edges) {
      if (isSource(layout, layout.nodes[e.parent], e.parent)) rows = Math.max(rows, this.sum(offset, e.offset))
    }
    return rows
  }

  taskView(offset: number, layout: TaskLayout, throughput: number): TaskStatsView {
    const edges: EdgeStatsView[] = []
    const collected = new Array<number>(layout.nodes.length).fill(0)
    const emitted = new Array<number>(layout.nodes.length).fill(0)
    for (const e of layout.edges) {
      const processed = this.sum(offset, e.offset)
      collected[e.child] += processed
      emitted[e.parent] += processed
      edges.push({ parent: layout.nodes[e.parent].name, child: layout.nodes[e.child].name, processed })
    }
    layout.nodes.forEach((node, n) => {
      if (isSource(layout, node, n)) collected[n] = this.sourceRows(offset, layout)
    })
    const nodes: NodeStatsView[] = layout.nodes.map((node, n) => {
      const counters: Record<string, number> = { collected: collected[n], emitted: emitted[n] }
      node.counters.forEach((name, i) => {
        counters[name] = largest.has(name) ? this.max(offset, node.offset + i) : this.sum(offset, node.offset + i)
      })
      return { name: node.name, counters, stateBytes: this.sum(offset, node.state) }
    })
    const dropped: Record<string, number> = {}
    let drops = 0
    dropReasons.forEach((reason, i) => {
      dropped[reason] = this.sum(offset, TaskCell.drops + i)
      drops += dropped[reason]
    })
    // Shards write after main: reading theirs first keeps the difference from going below zero.
    const processed = this.sum(offset, TaskCell.processed)
    const delivered = this.sum(offset, TaskCell.delivered)
    const stateBytes: number[] = []
    for (let s = 0; s < this.shards; s++) stateBytes.push(this.parts[s].cells[offset + TaskCell.stateBytes])
    return {
      throughput,
      nodes,
      edges,
      delivered,
      processed,
      inRing: delivered - processed - drops,
      dropped,
      stateBytes,
      groups: this.sum(offset, TaskCell.groups),
    }
  }

  private max(offset: number, cell: number): number {
    let v = 0
    for (const p of this.parts) v = Math.max(v, p.cells[offset + cell])
    return v
  }
}

function isSource(layout: TaskLayout, node: { readonly name: string }, n: number): boolean {
  return node.name.startsWith('stream') && !layout.edges.some((e) => e.child === n)
}
