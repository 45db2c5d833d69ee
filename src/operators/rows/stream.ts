/** `stream`: the source of a stream task. Hands the rows of each batch to all `from` nodes. Thread: shard worker. */
import type { Chunk } from '../../columns/chunk.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { Operator } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const streamDef: NodeDef = {
  method: 'stream',
  kind: 'stream',
  goType: 'StreamNode',
  doc: 'The source of a stream task: every point written to one of the task’s databases and retention policies.',
  accepts: 'stream',
  emits: 'stream',
  args: [],
  properties: [],
  chain: ['from'],
  effects: () => ({ reads: [], grouping: { dims: [], byName: false } }),
}

export class StreamOperator extends Operator {
  receive(chunk: Chunk): void {
    this.emit(chunk)
  }
}

export const streamEntry: OperatorEntry = { def: streamDef, create: (_planned, ctx) => new StreamOperator(ctx) }
