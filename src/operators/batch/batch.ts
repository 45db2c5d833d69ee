/** `batch`: the source of batch tasks; its queries are its children. Thread: shard worker. */
import type { Chunk } from '../../columns/chunk.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { Operator } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const batchDef: NodeDef = {
  method: 'batch',
  kind: 'batch',
  goType: 'BatchNode',
  doc: 'The source of a batch task.',
  accepts: 'batch',
  emits: 'batch',
  args: [],
  properties: [],
  chain: ['query'],
}

class BatchOperator extends Operator {
  receive(chunk: Chunk): void {
    this.emit(chunk)
  }
}

export const batchEntry: OperatorEntry = { def: batchDef, create: (_planned, ctx) => new BatchOperator(ctx) }
