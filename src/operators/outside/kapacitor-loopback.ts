/**
 * `kapacitorLoopback`: feeds points back into this server's write path. Thread: shard worker; main writes the lines
 * (sinks/loopback-sink.ts), in the order they came, and counts them. Line protocol carries int64 and ns exactly; null, missing
 * and not finite fields are left out, durations become integers of ns.
 */
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { Out } from '../../transport/output.js'
import { fail, pairs, pairsOf, textField, textOf } from '../kit/script-props.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { LineSinkOperator } from './line-sink.js'

export const kapacitorLoopbackDef: NodeDef = {
  method: 'kapacitorLoopback',
  kind: 'kapacitor_loopback',
  goType: 'KapacitorLoopbackNode',
  doc: 'Writes points back into this server.',
  accepts: 'any',
  emits: 'none',
  args: [],
  counters: ['points_written'],
  properties: [
    textField('database', 'Database.'),
    textField('retentionPolicy', 'Retention policy.'),
    textField('measurement', "Measurement; empty is the point's own. Batches keep theirs."),
    pairs('tag', 'A tag set on each point.', ['key', 'string'], ['value', 'string']),
  ],
  validate(node) {
    if (textOf(node, 'database') === '') fail('loopback', 'must specify a database')
    if (textOf(node, 'retentionPolicy') === '') fail('loopback', 'must specify a retention policy')
  },
  effects: () => ({ reads: [], wholeFields: true, wholeTags: true }),
}

export const loopbackErrorText = 'failed to write point over loopback'

/** Where a loopback node writes to. */
export function loopbackTarget(node: PipelineNode): { db: string; rp: string } {
  return { db: textOf(node, 'database'), rp: textOf(node, 'retentionPolicy') }
}

class KapacitorLoopbackOperator extends LineSinkOperator {
  constructor({ node }: PlannedNode, ctx: OperatorContext) {
    super(ctx, {
      ...loopbackTarget(node),
      frameType: Out.Loopback,
      measurement: textOf(node, 'measurement'),
      tags: pairsOf(node, 'tag').map(([k, v]) => [k, String(v)] as const),
      unit: 1,
      durations: 'ns',
      batchesKeepName: true,
      errorText: loopbackErrorText,
    })
  }
}

export const kapacitorLoopbackEntry: OperatorEntry = {
  def: kapacitorLoopbackDef,
  create: (planned, ctx) => new KapacitorLoopbackOperator(planned, ctx),
}
