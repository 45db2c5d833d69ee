/** A planned task: what main routes by and what every shard builds its operators from. Pure data and pipeline nodes. Thread: any. */

import type { Pipeline, PipelineNode } from '../tickscript/node-def.js'
import type { Partition } from '../transport/routes.js'

/** Which cells of a row something downstream looks at. null = all of them. */
export interface Needs {
  readonly fields: readonly string[] | null
  readonly tags: readonly string[] | null
}

export interface PlannedNode {
  readonly node: PipelineNode
  /** Position in TaskPlan.nodes and in the task's statistics. */
  readonly index: number
  readonly parents: PlannedNode[]
  readonly children: PlannedNode[]
  /** What this node's children (all together) need of the rows it emits. */
  readonly needs: Needs
  /** Names that nodes below look at in the rows it emits: columns (as a field and as a tag), whatever else is handed on. */
  readonly reads: readonly string[]
  /** Effective grouping of the rows this node receives: sorted tag names, '*', or [] for ungrouped. */
  readonly groupedBy: readonly string[] | '*'
  /** On a window: it keeps panes, and these children (all its children) run inside it. On such a child: 'inside'. */
  fusion: 'none' | 'window' | 'inside'
}

export interface TaskPlan {
  readonly pipeline: Pipeline
  readonly nodes: PlannedNode[]
  readonly partition: Partition
  /** Why the partition is what it is, for `explain`. */
  readonly partitionReason: string
  /** Names that must be encoded as columns (each as a tag and as a field). */
  readonly reads: readonly string[]
  /** Measurements of the from nodes; null = every measurement. */
  readonly measurements: readonly string[] | null
}
