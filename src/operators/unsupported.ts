/**
 * Definitions of nodes that scripts may name but that do not run yet: their calls, properties and define-time checks are
 * complete, so that a script's own mistakes are reported first. Thread: any.
 */
import { Duration } from '../columns/values.js'
import type { ArgDef, ArgType, NodeDef, PropertyDef, ScriptValue } from '../tickscript/node-def.js'

function arg(name: string, type: ArgType): ArgDef {
  return { name, type }
}

function many(name: string, type: ArgType): ArgDef {
  return { name, type, variadic: true }
}

const zeroValues: Partial<Record<ArgType, ScriptValue>> = {
  string: '',
  int: 0n,
  float: 0,
  bool: false,
  duration: new Duration(0n),
}

function field(name: string, type: ArgType, doc: string, value?: ScriptValue): PropertyDef {
  return { name, doc, form: 'field', args: [arg(name, type)], default: value ?? zeroValues[type] ?? null }
}

function flag(name: string, doc: string): PropertyDef {
  return { name, doc, form: 'flag', args: [], default: false }
}

function method(name: string, doc: string, ...args: ArgDef[]): PropertyDef {
  return { name, doc, form: 'method', args }
}

type Later = Omit<NodeDef, 'unsupported'>

const batch: Later[] = [
  {
    method: 'query',
    kind: 'query',
    goType: 'QueryNode',
    doc: 'Queries InfluxDB at intervals.',
    accepts: 'batch',
    emits: 'batch',
    args: [arg('query', 'string')],
    counters: ['batches_queried', 'points_queried'],
    properties: [
      field('period', 'duration', 'Width of the time range queried.'),
      field('every', 'duration', 'Query interval.'),
      flag('align', 'Queries at multiples of the interval.'),
      field('cron', 'string', 'Schedule in place of the interval.'),
      field('offset', 'duration', 'How far the range lies behind the query.'),
      flag('alignGroup', 'Aligns the times of GROUP BY with the range.'),
      method('groupBy', 'Tags and time to group by.', many('dimensions', 'any')),
      flag('groupByMeasurement', 'The measurement is part of the group.'),
      field('fill', 'any', 'Value of empty intervals.'),
      field('cluster', 'string', 'Name of an InfluxDB configuration.'),
    ],
  },
]

/** The source of batch tasks: a script may name it, its query does not run yet. */
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

export const unsupportedDefs: readonly NodeDef[] = [
  batchDef,
  ...[batch].flat().map((def) => ({ ...def, unsupported: `${def.method} is not supported yet` })),
]
