/**
 * Builds the operators of a task on a shard from its spec. Thread: shard worker. The script is parsed, evaluated and planned
 * again, deterministically: what crosses threads is text and vars, never code.
 */
import { ShardlineError } from '../errors.js'
import { StatsOperator } from '../operators/alert/stats.js'
import type { Operator } from '../operators/operator.js'
import { entryOf } from '../operators/registry.js'
import { createFusedWindow } from '../operators/window/fused-window.js'
import { planTask } from '../plan/plan.js'
import type { PlannedNode, TaskPlan } from '../plan/task-plan.js'
import { type ShardEnv, TaskRuntime } from '../shard/context.js'
import { GraphTask, type ShardTask } from '../shard/task.js'
import type { TaskSpec } from '../transport/messages.js'
import { evaluateScript } from './evaluate-script.js'

export function buildTask(spec: TaskSpec, env: ShardEnv): ShardTask {
  const { pipeline } = evaluateScript(spec.script, spec.vars, { deadman: spec.deadman })
  for (const node of pipeline.nodes) node.def.check?.(node, { dbrps: spec.dbrps })
  const plan = planTask(pipeline, { taskId: spec.id, shards: env.shards })
  // Operators made by their fused window, waiting for their turn in node order.
  const inside = new Map<PlannedNode, Operator>()
  const task = new GraphTask(new TaskRuntime(env, spec, plan), (planned, runtime) => {
    const ready = inside.get(planned)
    if (ready !== undefined) return ready
    if (planned.fusion === 'window') {
      const fused = createFusedWindow(
        planned,
        runtime.context(planned),
        planned.children.map((child) => ({ planned: child, ctx: runtime.context(child) })),
      )
      planned.children.forEach((child, i) => {
        inside.set(child, fused.outputs[i])
      })
      return fused.window
    }
    const entry = entryOf(planned.node.def)
    if (entry.create === undefined) {
      throw new ShardlineError('not-runnable', `${planned.node.name}: ${planned.node.def.method} cannot run yet`)
    }
    return entry.create(planned, runtime.context(planned))
  })
  watchEdges(task, plan, env.shard)
  return task
}

/** Starts the nodes that watch others, on the one shard that runs the task. */
function watchEdges(task: GraphTask, { nodes, partition }: TaskPlan, shard: number): void {
  if (partition.kind !== 'pinned' || partition.shard !== shard) return
  for (const { node, index } of nodes) {
    const operator = task.operators[index]
    const watched = nodes.find((p) => p.node === node.observed)
    const target = watched === undefined ? undefined : task.operators[watched.index]
    if (operator instanceof StatsOperator && target !== undefined) operator.watch(target)
  }
}
