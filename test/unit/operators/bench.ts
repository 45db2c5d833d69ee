/** One operator with a feed in front and a collector behind. */
import type { Chunk } from '../../../src/columns/chunk.js'
import type { Operator } from '../../../src/operators/operator.js'
import type { OperatorEntry } from '../../../src/operators/registry-types.js'
import type { PlannedNode } from '../../../src/plan/task-plan.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { Collector, connect, type Feed, type FeedOptions, Harness, type TestContext } from './harness.js'

/** A collector that also notes the group of every row (or batch). */
class GroupCollector extends Collector {
  readonly seen: string[] = []
  readonly chunks: Chunk[] = []

  override receive(chunk: Chunk, port: number): void {
    super.receive(chunk, port)
    this.chunks.push(chunk)
    const groups = chunk.windows === null ? chunk.groups : chunk.windows.groups
    const n = chunk.windows === null ? chunk.n : chunk.windows.n
    for (let i = 0; i < n; i++) this.seen.push(chunk.grouping.idText(groups[i]))
  }
}

export interface TestBench {
  readonly harness: Harness
  readonly ctx: TestContext
  readonly op: Operator
  readonly out: GroupCollector
  readonly feed: Feed
  /** Groups of the rows that came out so far. */
  groups(): string[]
}

export function bench(entry: OperatorEntry, planned: PlannedNode, feed: FeedOptions = {}, budget?: number): TestBench {
  const harness = new Harness(budget)
  const ctx = harness.context(planned.node.name)
  const op = entry.create!(planned, ctx)
  const out = new GroupCollector(harness)
  connect(op, out)
  return { harness, ctx, op, out, feed: harness.feed(feed), groups: () => out.seen }
}

/** Calls a property of a node as the script would. */
export function call(planned: PlannedNode, property: string, ...args: ScriptValue[]): void {
  const def = planned.node.def.properties.find((p) => p.name === property)
  if (def?.apply === undefined) throw new Error(`no method property ${property}`)
  def.apply(planned.node, args)
}

/** Takes what is left of the budget: nothing can grow any more. */
export function useUpBudget(b: Pick<TestBench, 'harness'>): void {
  while (b.harness.memory.take(4096) !== null);
}
