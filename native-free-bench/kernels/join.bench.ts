/**
 * Joins of two streams over 50,000 groups in random order, one float field each: half of the chunks open sets, the other half
 * complete and emit them.
 */
import type { Bench } from 'tinybench'
import { Chunk, maxChunkRows } from '../../src/columns/chunk.js'
import { Column, encodeUtf8 } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import { evaluateScript } from '../../src/compile/evaluate-script.js'
import type { Operator } from '../../src/operators/operator.js'
import { entryOf } from '../../src/operators/registry.js'
import { planTask } from '../../src/plan/plan.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { fnvOffset, fnvPrime, mixHash } from '../../src/transport/routes.js'
import { kernelContext, link, Sink, startMs } from './panes.bench.js'

export const rowsPerOperation = maxChunkRows
export const boundBy =
  'cache misses of random groups (own id, its record, heads and lists, the set), then the copying of cells in and out'

export const joinGroups = 50_000

/** The operator of the first node of a method, as the planner prepares it, in front of a sink. */
export function operatorOf(script: string, method: string): Operator {
  const { pipeline } = evaluateScript(script, {})
  const { nodes } = planTask(pipeline, { taskId: 'kernel', shards: 1 })
  const planned = nodes.find((n) => n.node.def.method === method)!
  const memory = new ShardMemory(2e9)
  const op = entryOf(planned.node.def).create!(planned, kernelContext(memory))
  link(op, new Sink(kernelContext(memory)))
  return op
}

/** A grouping by `h` with groups h0, h1, … */
export function hosts(groups: number): Grouping {
  const grouping = new Grouping(new StateAllocator(new ShardMemory(1e9)), ['h'], false)
  for (let g = 0; g < groups; g++) {
    const text = encodeUtf8(`h${g}`)
    const key = Uint8Array.of(text.length, 0, ...text)
    let h = fnvOffset as number
    for (const b of key) h = Math.imul(h ^ b, fnvPrime)
    grouping.lookup(key, key.length, mixHash(h), startMs)
  }
  return grouping
}

/** Chunks that go through all groups in a random order; row r of all chunks is group order[r % groups]. */
export function chunksOf(grouping: Grouping, name: string, order: Int32Array, count: number): Chunk[] {
  const n = maxChunkRows
  return Array.from({ length: count }, (_, k) => {
    const chunk = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    chunk.n = n
    chunk.name = name
    const column = Column.alloc(n)
    for (let r = 0; r < n; r++) {
      chunk.groups[r] = order[(k * n + r) % order.length]
      column.kinds[r] = Kind.Float
      column.f64[r] = r
    }
    chunk.setField('v', column)
    return chunk
  })
}

export function shuffled(n: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  let seed = 1
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    const j = seed % (i + 1)
    const t = order[i]
    order[i] = order[j]
    order[j] = t
  }
  return order
}

const sources = `var a = stream|from().measurement('a').groupBy('h')
var b = stream|from().measurement('b').groupBy('h')
`

/** Both parents go through all groups at one second after the other; a parent's chunks come `lag` at a time. */
function run(bench: Bench, name: string, script: string, lag: number): void {
  const op = operatorOf(sources + script, 'join')
  const order = shuffled(joinGroups)
  const chunkCount = 64
  const parents = ['a', 'b'].map((m) => chunksOf(hosts(joinGroups), m, order, chunkCount))
  let k = 0
  bench.add(`join: ${name}`, () => {
    // Turns of `lag` chunks of one parent, then as many of the other.
    const turn = Math.floor(k / lag)
    const port = turn & 1
    const at = (turn >> 1) * lag + (k % lag)
    k++
    const chunk = parents[port][at % chunkCount]
    const first = at * maxChunkRows
    for (let r = 0; r < maxChunkRows; r++) chunk.ms[r] = startMs + Math.floor((first + r) / joinGroups) * 1000
    op.receive(chunk, port)
  })
}

export function add(bench: Bench): void {
  const projected = '|eval(lambda: "a.v" + "b.v").as(\'x\')'
  run(bench, 'a chunk of each parent in turn', `a|join(b).as('a', 'b')${projected}`, 1)
  run(bench, 'all groups of each parent in turn', `a|join(b).as('a', 'b')${projected}`, 6)
  run(bench, 'all groups in turn, tolerance and fill', `a|join(b).as('a', 'b').tolerance(1s).fill(0.0)${projected}`, 6)
  run(bench, 'all groups in turn, whole points', `a|join(b).as('a', 'b')|httpOut('o')`, 6)
}
