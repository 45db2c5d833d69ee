/** `noop`: takes the rows of a node that only `stats` watches. Not in scripts. Thread: shard worker. */
import type { Chunk } from '../../columns/chunk.js'
import { ShardlineError } from '../../errors.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { Operator } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const noopDef: NodeDef = {
  method: 'noop',
  kind: 'noop',
  goType: 'NoOpNode',
  doc: 'Takes the rows of a watched node that nothing else reads.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [],
  check(node) {
    const [parent] = node.parents
    if (parent.edge !== 'none') return
    const text = `cannot add child no edge expected: ${parent.name}:noedge -> ${node.name}:noedge`
    throw new ShardlineError('no-edge', text)
  },
  effects: () => ({ reads: [] }),
}

class NoopOperator extends Operator {
  receive(chunk: Chunk): void {
    this.emit(chunk)
  }
}

export const noopEntry: OperatorEntry = { def: noopDef, create: (_planned, ctx) => new NoopOperator(ctx) }
