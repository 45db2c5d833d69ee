/** One line of the operator registry: the node's definition and how a shard makes its operator. Thread: any. */
import type { PlannedNode } from '../plan/task-plan.js'
import type { NodeDef } from '../tickscript/node-def.js'
import type { Operator, OperatorContext } from './operator.js'

export interface OperatorEntry {
  readonly def: NodeDef
  /** Absent for nodes that are defined but not runnable yet (`def.unsupported`). */
  readonly create?: (planned: PlannedNode, ctx: OperatorContext) => Operator
}
