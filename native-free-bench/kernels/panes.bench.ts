/**
 * Pane updates of a fused window: chunks of 8192 rows over 94,000 groups in random order, one int field. Also the base of
 * window.bench.ts. A task's rate in rows/s is maxChunkRows × its operations per second; bytes per group: `paneBytes`.
 */
import type { Bench } from 'tinybench'
import { Chunk, maxChunkRows } from '../../src/columns/chunk.js'
import { Column, setSafeInt } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { Duration } from '../../src/columns/values.js'
import { influxqlEntries } from '../../src/operators/influxql/influxql-defs.js'
import { Edge, Operator, type OperatorContext } from '../../src/operators/operator.js'
import { createFusedWindow } from '../../src/operators/window/fused-window.js'
import { windowDef } from '../../src/operators/window/window.js'
import type { PlannedNode } from '../../src/plan/task-plan.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { TimerWheel } from '../../src/state/timer-wheel.js'
import { type NodeDef, PipelineNode, type ScriptValue } from '../../src/tickscript/node-def.js'

export const groupCount = 94_000
export const startMs = 1_500_001_200_000

export function kernelContext(memory: ShardMemory): OperatorContext {
  const state = new StateAllocator(memory)
  const wheel = new TimerWheel()
  const context = {
    taskId: 'kernel',
    nodeName: 'kernel',
    nodeIndex: 0,
    shard: 0,
    shards: 1,
    stats: { add: () => undefined, set: () => undefined },
    state,
    outbox: { send: () => undefined },
    now: () => startMs,
    nowNs: () => BigInt(startMs) * 1_000_000n,
    closeAfterMs: 0,
    timers: (onTimer: (group: number, nowMs: number) => void) => wheel.add(state, onTimer),
    grouping: (o: { dims: readonly string[] | null; byName: boolean }) => new Grouping(state, o.dims, o.byName),
    error: () => undefined,
    log: () => undefined,
    dropped: (reason: string, n: number) => {
      throw new Error(`${n} rows dropped: ${reason}`)
    },
    topicStates: { get: () => undefined },
    server: { hostname: 'kernel', clusterId: '', serverId: '' },
  }
  return context as unknown as OperatorContext
}

export function planned(def: NodeDef, props: Record<string, ScriptValue>, args: ScriptValue[] = []): PlannedNode {
  const node = new PipelineNode(def)
  for (const p of def.properties) node.props[p.name] = p.default ?? null
  def.construct?.(node, args)
  Object.assign(node.props, props)
  const needs = { fields: ['v'], tags: [] }
  return { node, index: 0, parents: [], children: [], needs, reads: [], groupedBy: ['h'], fusion: 'none' }
}

export const seconds = (s: number): Duration => new Duration(BigInt(s) * 1_000_000_000n)

/** The last operator of a kernel. */
export class Sink extends Operator {
  rows = 0

  receive(chunk: Chunk): void {
    this.rows += chunk.n
  }
}

export function link(parent: Operator, child: Operator): void {
  parent.edges.push(new Edge(child, 0, () => undefined))
}

/** Rows of random groups at one time; the time is moved by `moveTo`. */
export function randomChunks(count: number, kind: number): Chunk[] {
  const grouping = {
    tagNames: () => [],
    tagValues: () => [],
    byName: false,
    groupName: () => '',
    idText: () => '',
  }
  let seed = 1
  const chunks: Chunk[] = []
  for (let k = 0; k < count; k++) {
    const n = maxChunkRows
    const chunk = new Chunk(grouping, new Float64Array(n).fill(startMs), new Int32Array(n), new Int32Array(n))
    chunk.n = n
    chunk.name = 'm'
    const column = Column.alloc(n)
    for (let r = 0; r < n; r++) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      chunk.groups[r] = seed % groupCount
      column.kinds[r] = kind
      if (kind === Kind.Int) setSafeInt(column.i32, r, seed & 1023)
      else column.f64[r] = seed & 1023
    }
    chunk.setField('v', column)
    chunks.push(chunk)
  }
  // All chunks belong to one grouping.
  for (const c of chunks) c.grouping = grouping
  return chunks
}

export function fusedWindow(memory: ShardMemory, period: number, every: number, methods: readonly string[]): Operator {
  const window = planned(windowDef, { period: seconds(period), every: seconds(every), align: true })
  const children = methods.map((m) => {
    const { def } = influxqlEntries.find((e) => e.def.method === m)!
    return { planned: planned(def, {}, ['v']), ctx: kernelContext(memory) }
  })
  const fused = createFusedWindow(window, kernelContext(memory), children)
  for (const o of fused.outputs) {
    link(fused.window, o)
    link(o, new Sink(kernelContext(memory)))
  }
  return fused.window
}

/** State bytes per group of a fused window whose panes are all in use. */
export function paneBytes(period: number, every: number, methods: readonly string[]): number {
  const memory = new ShardMemory(2e9)
  const op = fusedWindow(memory, period, every, methods)
  const chunk = randomChunks(1, Kind.Int)[0]
  for (let t = 0; t < period; t += every) {
    chunk.ms.fill(startMs + t * 1000)
    for (let g = 0; g < groupCount; g += maxChunkRows) {
      chunk.n = Math.min(maxChunkRows, groupCount - g)
      for (let r = 0; r < chunk.n; r++) chunk.groups[r] = g + r
      op.receive(chunk, 0)
    }
  }
  return memory.used / groupCount
}

const chunkCount = 64

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = maxChunkRows
export const boundBy = 'cache misses of random groups, one to three lines of a record per row'

export function add(bench: Bench): void {
  for (const [name, kind, methods] of [
    ['sum of ints', Kind.Int, ['sum']],
    ['sum of floats', Kind.Float, ['sum']],
    ['count, mean, spread of ints', Kind.Int, ['count', 'mean', 'spread']],
  ] as const) {
    const op = fusedWindow(new ShardMemory(2e9), 60, 5, methods)
    const chunks = randomChunks(chunkCount, kind)
    for (const c of chunks) op.receive(c, 0)
    let k = 0
    bench.add(`panes: ${name}`, () => {
      op.receive(chunks[k++ % chunkCount], 0)
    })
  }
  // Time goes on: each group opens a pane every two rows or so and emits with it.
  const op = fusedWindow(new ShardMemory(2e9), 60, 5, ['sum'])
  const chunks = randomChunks(chunkCount, Kind.Int)
  let k = 0
  bench.add('panes: sum of ints, time passing', () => {
    const chunk = chunks[k % chunkCount]
    chunk.ms.fill(startMs + Math.floor(k++ / 24) * 5000)
    op.receive(chunk, 0)
  })
}
