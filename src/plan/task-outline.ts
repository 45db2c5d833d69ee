/**
 * What the main thread knows of a planned task: it routes by it, counts by it, and opens what the nodes reach. A TaskPlan is
 * one, but main never makes plans (compile/compiler.ts): its outlines come as data, without what only shards need. Thread: any.
 */

import type { Pipeline, PipelineNode } from '../tickscript/node-def.js'
import type { Partition } from '../transport/routes.js'

export interface OutlineNode {
  readonly node: PipelineNode
  /** Position in TaskOutline.nodes and in the task's statistics. */
  readonly index: number
  readonly children: readonly OutlineNode[]
}

export interface TaskOutline {
  readonly pipeline: Pick<Pipeline, 'type'>
  readonly nodes: readonly OutlineNode[]
  readonly partition: Partition
  /** Names that must be encoded as columns (each as a tag and as a field). */
  readonly reads: readonly string[]
  /** Measurements of the from nodes; null = every measurement. */
  readonly measurements: readonly string[] | null
}
