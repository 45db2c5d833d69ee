/** Node definitions of the InfluxQL transformations. One line per function. Thread: any. */
import { ShardlineError } from '../../errors.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import type { OperatorEntry } from '../registry-types.js'
import { type Transformation, TransformOperator } from './transform.js'
import { cumulativeSum } from './transform-cumulative-sum.js'
import { difference } from './transform-difference.js'
import { elapsed } from './transform-elapsed.js'
import { movingAverage } from './transform-moving-average.js'

const transformations: readonly Transformation[] = [elapsed, difference, movingAverage, cumulativeSum]

function define(t: Transformation): NodeDef {
  return {
    method: t.method,
    kind: t.method,
    goType: 'InfluxQLNode',
    doc: t.doc,
    accepts: 'any',
    emits: 'same',
    args: [{ name: 'field', type: 'string' }, ...t.args],
    properties: [
      {
        name: 'as',
        doc: 'Name of the resulting field.',
        form: 'field',
        args: [{ name: 'as', type: 'string' }],
        default: t.method,
      },
      {
        name: 'usePointTimes',
        doc: 'No effect: the points keep their times anyway.',
        form: 'flag',
        args: [],
        default: false,
      },
    ],
    validate(node) {
      const text = t.problem?.(node) ?? null
      if (text !== null) throw new ShardlineError('invalid-tickscript', text)
    },
    effects: (node) => ({
      reads: [String(node.props.field)],
      needsFields: [String(node.props.field)],
      makesFields: [[String(node.props.as), t.result === 'cells' ? { like: String(node.props.field) } : t.result]],
      keepsFields: [],
      groupTagsOnly: true,
      stateful: node.edge !== 'batch',
    }),
  }
}

export const transformEntries: readonly OperatorEntry[] = transformations.map((t) => ({
  def: define(t),
  create: (planned, ctx) => new TransformOperator(t, planned, ctx),
}))
