/** Where a task's cells are in the statistics block. The same on main and on every shard: both plan the task for themselves. Thread: any. */
import {
  commonCounters,
  type EdgeLayout,
  type NodeLayout,
  type TaskLayout,
  taskCells,
} from '../transport/stat-block.js'
import type { TaskOutline } from './task-outline.js'

export function taskLayout(plan: TaskOutline): TaskLayout {
  let offset = taskCells
  const nodes: NodeLayout[] = []
  for (const p of plan.nodes) {
    const counters = [...new Set([...commonCounters, ...(p.node.def.counters ?? [])])]
    const state = offset + counters.length
    nodes.push({ name: p.node.name, offset, counters, state })
    offset = state + 1
  }
  const edges: EdgeLayout[] = []
  for (const p of plan.nodes) {
    for (const child of p.children) edges.push({ parent: p.index, child: child.index, offset: offset++ })
  }
  return { nodes, edges, cells: (offset + 7) & ~7 }
}
