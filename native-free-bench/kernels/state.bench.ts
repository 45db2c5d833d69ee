/**
 * Nodes that keep a little per group: chunks of 8192 rows over 94,000 groups in random order, one field. Bytes per group:
 * `groupBytes`. The stats row is the tap that counts a watched edge, with an empty child.
 */
import type { Bench } from 'tinybench'
import { Kind } from '../../src/columns/kinds.js'
import { evaluateScript } from '../../src/compile/evaluate-script.js'
import { StatsOperator, statsDef } from '../../src/operators/alert/stats.js'
import { transformEntries } from '../../src/operators/influxql/transform-defs.js'
import type { Operator } from '../../src/operators/operator.js'
import type { OperatorEntry } from '../../src/operators/registry-types.js'
import { changeDetectEntry } from '../../src/operators/rows/change-detect.js'
import { stateCountEntry } from '../../src/operators/rows/state-count.js'
import { stateDurationEntry } from '../../src/operators/rows/state-duration.js'
import { streamEntry } from '../../src/operators/rows/stream.js'
import { ShardMemory } from '../../src/state/pages.js'
import type { ScriptValue } from '../../src/tickscript/node-def.js'
import {
  groupCount,
  kernelContext,
  link,
  planned,
  randomChunks,
  rowsPerOperation,
  Sink,
  seconds,
} from './panes.bench.js'

export { rowsPerOperation }
export const boundBy =
  'cache misses of random groups: what changeDetect, difference and stateCount cost more than the stats tap is their own work'

function predicate(): ScriptValue {
  const { pipeline } = evaluateScript('stream|from()|where(lambda: "v" > 500)', {})
  return pipeline.nodes.find((n) => n.def.method === 'where')!.props.lambda!
}

const transformation = (method: string): OperatorEntry => transformEntries.find((e) => e.def.method === method)!

const cases: readonly (readonly [string, OperatorEntry, () => ScriptValue[]])[] = [
  ['stateDuration', stateDurationEntry, () => [predicate()]],
  ['stateCount', stateCountEntry, () => [predicate()]],
  ['changeDetect', changeDetectEntry, () => ['v']],
  ['elapsed', transformation('elapsed'), () => ['v', seconds(1)]],
  ['difference', transformation('difference'), () => ['v']],
  ['movingAverage(10)', transformation('movingAverage'), () => ['v', 10n]],
  ['cumulativeSum', transformation('cumulativeSum'), () => ['v']],
]

function operator(memory: ShardMemory, entry: OperatorEntry, args: ScriptValue[]): Operator {
  const { def } = entry
  const node = planned(def, {}, args)
  if (def.construct === undefined) {
    def.args.forEach((arg, i) => {
      node.node.props[arg.name] = args[i]
    })
  }
  const op = entry.create!(node, kernelContext(memory))
  link(op, new Sink(kernelContext(memory)))
  return op
}

/** A source whose edge is counted. */
function watched(memory: ShardMemory): Operator {
  const source = streamEntry.create!(planned(streamEntry.def, {}), kernelContext(memory))
  link(source, new Sink(kernelContext(memory)))
  const stats = new StatsOperator(planned(statsDef, { interval: seconds(3600) }), kernelContext(memory))
  stats.watch(source)
  return source
}

const chunkCount = 64

/** Every group once; the state that they then have, by node. */
export function groupBytes(): Record<string, number> {
  const out: Record<string, number> = {}
  const measure = (name: string, make: (memory: ShardMemory) => Operator): void => {
    const memory = new ShardMemory(2e9)
    const op = make(memory)
    const [chunk] = randomChunks(1, Kind.Float)
    for (let g = 0; g < groupCount; g += chunk.groups.length) {
      chunk.n = Math.min(chunk.groups.length, groupCount - g)
      for (let r = 0; r < chunk.n; r++) chunk.groups[r] = g + r
      op.receive(chunk, 0)
    }
    out[name] = memory.used / groupCount
  }
  for (const [name, entry, args] of cases) measure(name, (memory) => operator(memory, entry, args()))
  measure('stats', watched)
  return out
}

export function add(bench: Bench): void {
  const run = (name: string, kind: Kind, op: Operator): void => {
    const chunks = randomChunks(chunkCount, kind)
    let k = 0
    bench.add(`state: ${name}`, () => {
      const chunk = chunks[k++ % chunkCount]
      // Of one time a difference would take the first only.
      chunk.ms.fill(chunk.ms[0] + 10_000)
      op.receive(chunk, 0)
    })
  }
  for (const [name, entry, args] of cases) {
    run(`${name}, floats`, Kind.Float, operator(new ShardMemory(2e9), entry, args()))
    if (name !== 'elapsed') run(`${name}, ints`, Kind.Int, operator(new ShardMemory(2e9), entry, args()))
  }
  run('stats tap', Kind.Float, watched(new ShardMemory(2e9)))
}
