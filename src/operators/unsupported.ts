/**
 * Definitions of nodes that scripts may name but that do not run yet: their calls, properties and define-time checks are
 * complete, so that a script's own mistakes are reported first. Thread: any.
 */
import { Duration } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
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

function reject(text: string): never {
  throw new ShardlineError('invalid-node', text)
}

const tracking: Later[] = []

function autoscale(prefix: string, goPrefix: string, resource: string, properties: PropertyDef[]): Later {
  const lower = resource.charAt(0).toLowerCase() + resource.slice(1)
  return {
    method: `${prefix}Autoscale`,
    kind: `${prefix}_autoscale`,
    goType: `${goPrefix}AutoscaleNode`,
    doc: 'Scales a resource of a cluster.',
    accepts: 'any',
    emits: 'stream',
    args: [],
    counters: ['increase_events', 'decrease_events', 'cooldown_drops'],
    properties: [
      field('cluster', 'string', 'Name of a cluster configuration.'),
      field('min', 'int', 'Fewest replicas.', 1n),
      field('max', 'int', 'Most replicas; 0 is no limit.'),
      field('replicas', 'lambda', 'Wanted number of replicas.'),
      field('currentField', 'string', 'Name of the current number in the expression.'),
      field('increaseCooldown', 'duration', 'Shortest time between increases.'),
      field('decreaseCooldown', 'duration', 'Shortest time between decreases.'),
      field(`${lower}Name`, 'string', 'Name of the resource.'),
      field(`${lower}NameTag`, 'string', 'Tag that names the resource.'),
      ...properties,
    ],
    validate(node) {
      if ((node.props[`${lower}Name`] === '') === (node.props[`${lower}NameTag`] === '')) {
        reject(`must specify exactly one of ${resource}Name or ${resource}NameTag`)
      }
      const kind = node.props.kind
      if (kind !== undefined && !['deployments', 'replicasets', 'replicationcontrollers'].includes(String(kind))) {
        reject(`invalid Kind, must be 'deployments', 'replicasets' or 'replicationcontrollers', got ${String(kind)}`)
      }
      if ((node.props.min as bigint) < 1n) reject(`min must be >= 1, got ${String(node.props.min)}`)
      if (node.props.replicas === null) reject('must provide a replicas lambda expression')
    },
  }
}

const autoscalers: Later[] = [
  autoscale('k8s', 'K8s', 'Resource', [
    field('namespace', 'string', 'Namespace; empty is default.'),
    field('kind', 'string', 'deployments, replicasets or replicationcontrollers.', 'deployments'),
    field('namespaceTag', 'string', 'Tag for the namespace.', 'namespace'),
    field('kindTag', 'string', 'Tag for the kind.', 'kind'),
    field('resourceTag', 'string', 'Tag for the resource.', 'resource'),
  ]),
  autoscale('swarm', 'Swarm', 'Service', [field('outputServiceNameTag', 'string', 'Tag for the service.')]),
  autoscale('ec2', 'Ec2', 'Group', [field('outputGroupNameTag', 'string', 'Tag for the group.')]),
]

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
  ...[tracking, autoscalers, batch]
    .flat()
    .map((def) => ({ ...def, unsupported: `${def.method} is not supported yet` })),
]
