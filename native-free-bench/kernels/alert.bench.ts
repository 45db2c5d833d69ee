/** Rows per second of the alert node: groups that stay OK, with and without the evaluation of the predicates. */
import type { Bench } from 'tinybench'
import { Chunk, maxChunkRows } from '../../src/columns/chunk.js'
import { Column } from '../../src/columns/column.js'
import { Kind } from '../../src/columns/kinds.js'
import type { CompiledLambda } from '../../src/lambda/lambda.js'
import { AlertOperator } from '../../src/operators/alert/alert.js'
import { alertDef } from '../../src/operators/alert/alert-def.js'
import { LevelPredicate, LevelRule } from '../../src/operators/alert/alert-levels.js'
import type { OperatorContext } from '../../src/operators/operator.js'
import type { PlannedNode } from '../../src/plan/task-plan.js'
import { Grouping } from '../../src/state/grouping.js'
import { ShardMemory, StateAllocator } from '../../src/state/pages.js'
import { TimerWheel } from '../../src/state/timer-wheel.js'
import { Lambda, PipelineNode } from '../../src/tickscript/node-def.js'
import { parse } from '../../src/tickscript/parser.js'

const groupCount = 94_000
const chunkCount = 48

function lambda(text: string): Lambda {
  const [statement] = parse(`var x = lambda: ${text}`).statements
  if (statement.type !== 'declaration' || statement.value.type !== 'lambda') throw new Error(`no lambda: ${text}`)
  return new Lambda(statement.value)
}

/** Rows of random groups; every value is below the thresholds. */
function chunks(grouping: Grouping): Chunk[] {
  let seed = 1
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed
  }
  const key = new Uint8Array(8)
  const view = new DataView(key.buffer)
  view.setUint16(0, 6, true)
  for (let g = 0; g < groupCount; g++) {
    view.setUint32(2, g, true)
    grouping.lookup(key, 8, Math.imul(g, 0x9e3779b1) >>> 0, 0)
  }
  return Array.from({ length: chunkCount }, () => {
    const n = maxChunkRows
    const chunk = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
    chunk.n = n
    const column = Column.alloc(n)
    for (let r = 0; r < n; r++) {
      chunk.groups[r] = random() % groupCount
      column.kinds[r] = Kind.Float
      column.f64[r] = random() % 50
    }
    chunk.setField('v', column)
    return chunk
  })
}

function operator(memory: ShardMemory): AlertOperator {
  const node = new PipelineNode(alertDef)
  node.id = 2
  for (const p of alertDef.properties) node.props[p.name] = p.default ?? null
  node.props.warn = lambda('"v" > 50')
  node.props.crit = lambda('"v" > 90')
  node.props.flapLow = 0.25
  node.props.flapHigh = 0.5
  const planned: PlannedNode = {
    node,
    index: 1,
    parents: [],
    children: [],
    needs: { fields: [], tags: [] },
    reads: [],
    groupedBy: ['h'],
    fusion: 'none',
  }
  const state = new StateAllocator(memory)
  const wheel = new TimerWheel()
  const ctx: OperatorContext = {
    taskId: 'bench',
    nodeName: 'alert2',
    nodeIndex: 1,
    shard: 0,
    shards: 1,
    stats: { add() {}, set() {} },
    state,
    outbox: { send() {} },
    now: () => 0,
    nowNs: () => 0n,
    closeAfterMs: 0,
    timers: (onTimer) => wheel.add(state, onTimer),
    grouping: (o) => new Grouping(state, o.dims, o.byName),
    error() {},
    log() {},
    dropped() {},
  }
  return new AlertOperator(planned, ctx)
}

/** Predicates whose outcomes are there already: what is left is the level rule and the state. */
function withoutEvaluation(op: AlertOperator): AlertOperator {
  const lambdaOf: CompiledLambda = {
    references: [],
    stateful: false,
    shared: false,
    errors: { count: 0, first: '' },
    test: (_chunk, _rows, n, _groups, out) => void out.fill(0, 0, n),
    testRow: () => 0,
    evaluate() {},
    evaluateBoxed: () => null,
    dropState() {},
    dispose() {},
  }
  const predicate = () => new LevelPredicate(lambdaOf, () => {})
  Object.assign(op, { rule: new LevelRule([null, null, predicate(), predicate()], [null, null, null, null]) })
  return op
}

/** What one operation stands for, and what bounds its rate. */
export const rowsPerOperation = maxChunkRows
export const boundBy = 'one status byte per row: memory bandwidth'

export function add(bench: Bench): void {
  const memory = new ShardMemory(1e9)
  const grouping = new Grouping(new StateAllocator(memory), ['h'], false)
  const input = chunks(grouping)
  const ready = withoutEvaluation(operator(memory))
  const whole = operator(memory)
  for (const [name, op] of [
    ['alert OK path, predicates ready', ready],
    ['alert OK path, two predicates evaluated', whole],
  ] as const) {
    let k = 0
    bench.add(`${name} (${maxChunkRows} rows)`, () => {
      op.receive(input[k++ % chunkCount])
    })
  }
}
