/**
 * One operator with several parents, as a script plans it: a feed per parent in front, a collector behind. The rows that go
 * in are written as in harness.ts.
 */
import type { Chunk, GroupInfo } from '../../../src/columns/chunk.js'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import type { Operator } from '../../../src/operators/operator.js'
import { entryOf } from '../../../src/operators/registry.js'
import { planTask } from '../../../src/plan/plan.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { Collector, connect, type Feed, type FeedOptions, Harness, type TestContext } from './harness.js'

/** Notes the group of every row (batch), too. */
export class GroupCollector extends Collector {
  readonly groups: string[] = []
  /** Of the last chunk or barrier. */
  grouping: GroupInfo | null = null

  override receive(chunk: Chunk, port: number): void {
    super.receive(chunk, port)
    this.grouping = chunk.grouping
    const { groups, n } = chunk.windows ?? chunk
    for (let i = 0; i < n; i++) this.groups.push(chunk.grouping.idText(groups[i]))
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    super.barrier(grouping, group, ms, sub)
    this.grouping = grouping
  }
}

export interface ScriptBench {
  readonly harness: Harness
  readonly plan: TaskPlan
  readonly planned: PlannedNode
  readonly ctx: TestContext
  readonly op: Operator
  readonly out: GroupCollector
  /** One per parent, in the order of the parents. */
  readonly feeds: Feed[]
  /** Feeds rows to the parent whose measurement they have: `parents` in the order of the parents. */
  rows(parents: readonly string[], lines: readonly string[]): void
}

export interface ScriptOptions {
  /** Per parent; the last one also for the others. Default: ungrouped. */
  readonly feeds?: readonly FeedOptions[]
  readonly budgetBytes?: number
  readonly harness?: Harness
}

export function planOf(script: string, shards = 4): TaskPlan {
  const { pipeline } = evaluateScript(script, {})
  return planTask(pipeline, { taskId: 't', shards })
}

/** The operator of the first node of that method. */
export function scriptBench(script: string, method: string, options: ScriptOptions = {}): ScriptBench {
  const plan = planOf(script)
  const planned = plan.nodes.find((n) => n.node.def.method === method)
  if (planned === undefined) throw new Error(`no ${method} in the script`)
  planned.node.def.check?.(planned.node, { dbrps: null })
  const harness = options.harness ?? new Harness(options.budgetBytes)
  const ctx = harness.context(planned.node.name)
  const op = entryOf(planned.node.def).create!(planned, ctx)
  const out = new GroupCollector(harness)
  connect(op, out)
  const feeds = planned.parents.map((_, p) =>
    harness.feed(options.feeds?.[Math.min(p, options.feeds.length - 1)] ?? {}),
  )
  const rows = (parents: readonly string[], lines: readonly string[]): void => {
    for (const line of lines) {
      const port = parents.indexOf(line.slice(0, line.search(/[ ,]/)))
      feeds[port].rows(op, [line], port)
    }
  }
  return { harness, plan, planned, ctx, op, out, feeds, rows }
}
