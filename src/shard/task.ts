/**
 * A task as the shard's loop sees it: the operators of one task on one shard. Thread: shard worker.
 *
 * compile/instantiate.ts exports `buildTask`, which the worker loads by name; an error thrown there is the task's start error.
 */
import type { Chunk } from '../columns/chunk.js'
import { Edge, type Operator } from '../operators/operator.js'
import type { PlannedNode } from '../plan/task-plan.js'
import type { Grouping } from '../state/grouping.js'
import type { TaskSpec } from '../transport/messages.js'
import type { ShardEnv, TaskRuntime } from './context.js'

export interface ShardTask {
  readonly key: number
  readonly runtime: TaskRuntime
  /** By node index; a node that runs inside another has no operator of its own. */
  readonly operators: readonly (Operator | undefined)[]
  /** The groupings that the runtime handed out; they may be evicted. */
  readonly groupings: readonly Grouping[]
  /** Rows of one measurement, ungrouped, on the source's stream edge. */
  deliver(chunk: Chunk): void
  /** A message from main to a node; the answer goes back. */
  control(node: number, body: unknown): unknown
  /** All earlier rows were processed: flush what the original flushes. */
  stop(): void
  /** Releases all state. */
  dispose(): void
}

export type BuildTask = (spec: TaskSpec, env: ShardEnv) => ShardTask

/** A task whose operators are made one per node; `create` may return undefined for a node that runs inside another. */
export class GraphTask implements ShardTask {
  readonly key: number
  readonly operators: (Operator | undefined)[] = []

  constructor(
    readonly runtime: TaskRuntime,
    create: (planned: PlannedNode, runtime: TaskRuntime) => Operator | undefined,
  ) {
    this.key = runtime.spec.key
    const { nodes } = runtime.plan
    try {
      for (const p of nodes) {
        const operator = create(p, runtime)
        if (operator !== undefined) runtime.instrument(operator)
        this.operators[p.index] = operator
      }
    } catch (err) {
      this.dispose()
      throw err
    }
    for (const p of nodes) this.connect(p)
  }

  get groupings(): readonly Grouping[] {
    return this.runtime.groupings
  }

  deliver(chunk: Chunk): void {
    this.operators[0]?.receive(chunk, 0)
  }

  control(node: number, body: unknown): unknown {
    return this.operators[node]?.control(body)
  }

  stop(): void {
    for (const o of this.operators) o?.stop()
  }

  dispose(): void {
    for (const o of this.operators) o?.dispose()
    this.runtime.dispose()
  }

  /** Ports count a child's parents; a node that is twice a parent has two of them. */
  private connect(parent: PlannedNode): void {
    const from = this.operators[parent.index]
    if (from === undefined) return
    const counters = this.runtime.edgeCounters(parent)
    const used = new Map<PlannedNode, number>()
    parent.children.forEach((child, i) => {
      const to = this.operators[child.index]
      const nth = used.get(child) ?? 0
      used.set(child, nth + 1)
      let port = -1
      for (let k = 0; k <= nth; k++) port = child.parents.indexOf(parent, port + 1)
      if (to !== undefined) from.edges.push(new Edge(to, port, counters[i]))
    })
  }
}
