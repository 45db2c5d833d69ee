/**
 * Definitions of nodes that scripts may name but that do not run yet: their calls, properties and define-time checks are
 * complete, so that a script's own mistakes are reported first. Thread: any.
 */
import { Duration } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import type { ArgDef, ArgType, NodeDef, PipelineNode, PropertyDef, ScriptValue } from '../tickscript/node-def.js'

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

/** A method of two arguments that may be called again and again; the pairs are kept in order. */
function pairs(name: string, doc: string, ...args: ArgDef[]): PropertyDef {
  return {
    ...method(name, doc, ...args),
    apply(node, values) {
      node.props[name] = [...listOf(node.props[name]), values]
    },
  }
}

function listOf(value: ScriptValue | null | undefined): ScriptValue[] {
  return Array.isArray(value) ? value : []
}

type Later = Omit<NodeDef, 'unsupported'>

function reject(text: string): never {
  throw new ShardlineError('invalid-node', text)
}

const prefixProperties: readonly PropertyDef[] = [
  method('as', 'Prefix of the fields of each input, in order.', many('as', 'string')),
  field('delimiter', 'string', 'Stands between prefix and field name.', '.'),
  field('tolerance', 'duration', 'Times are rounded to multiples of this before they are compared.'),
]

/** `.as()` of join and combine; `inputs` is how many names are wanted, `delimiterText` what the text says of a bad one. */
function checkPrefixes(node: PipelineNode, inputs: number, wanted: string, delimiterText: string | null): void {
  const kind = node.def.kind
  const names = listOf(node.props.as)
  const { delimiter } = node.props
  if (names.length === 0) reject(`a call to ${kind}.as() is required to specify the output stream prefixes.`)
  if (names.length !== inputs) reject(`number of prefixes specified by ${kind}.as() must match the number of ${wanted}`)
  const seen = new Set<ScriptValue>()
  for (const name of names) {
    if (name === '') reject(`must provide a prefix name for the ${kind} node, see .as() property method`)
    if (delimiterText !== null && String(name).includes(String(delimiter))) {
      reject(`cannot use name ${String(name)} as field prefix, it contains the delimiter ${delimiterText}`)
    }
    if (seen.has(name)) reject('cannot use the same prefix name see .as() property method')
    seen.add(name)
  }
}

const combining: Later[] = [
  {
    method: 'union',
    kind: 'union',
    goType: 'UnionNode',
    doc: 'Merges several inputs into one, in order of time.',
    accepts: 'any',
    emits: 'same',
    args: [many('others', 'node')],
    linksArgsFirst: true,
    properties: [field('rename', 'string', 'New measurement name; empty keeps the names.')],
  },
  {
    method: 'join',
    kind: 'join',
    goType: 'JoinNode',
    doc: 'Joins points of several inputs that have the same time and group.',
    accepts: 'any',
    emits: 'same',
    args: [many('others', 'node')],
    properties: [
      ...prefixProperties,
      method('on', 'Joins on these tags only.', many('on', 'string')),
      field('streamName', 'string', 'Measurement name of the result.'),
      field('fill', 'any', "'none', 'null' or a number for what an input lacks."),
      field('deleteAll', 'bool', 'Deletes a group in all inputs.'),
    ],
    validate(node) {
      const { delimiter } = node.props
      checkPrefixes(node, node.parents.length, 'joined streams', delimiter === '' ? null : `"${String(delimiter)}"\t`)
    },
  },
  {
    method: 'combine',
    kind: 'combine',
    goType: 'CombineNode',
    doc: 'Combines points of one group and time with each other.',
    accepts: 'any',
    emits: 'stream',
    args: [many('expressions', 'lambda')],
    properties: [...prefixProperties, field('max', 'int', 'Most combinations of one time.', 1_000_000n)],
    validate(node) {
      const expressions = listOf(node.props.expressions).length
      checkPrefixes(node, expressions, 'combine expressions', String(node.props.delimiter))
    },
  },
  {
    method: 'flatten',
    kind: 'flatten',
    goType: 'FlattenNode',
    doc: 'Flattens points of one time into one point.',
    accepts: 'any',
    emits: 'same',
    args: [],
    properties: [
      method('on', 'Tags whose values become part of the field names.', many('on', 'string')),
      field('delimiter', 'string', 'Stands between the parts of a field name.', '.'),
      field('tolerance', 'duration', 'Times are rounded to multiples of this before they are compared.'),
      {
        ...method('dropOriginalFieldName', 'Field names are the tag values alone.', many('drop', 'bool')),
        apply(node, values) {
          node.props.dropOriginalFieldName = values.length === 0 || values[0] === true
        },
      },
    ],
  },
]

const tracking: Later[] = [
  {
    method: 'sideload',
    kind: 'sideload',
    goType: 'SideloadNode',
    doc: 'Adds fields and tags from files.',
    accepts: 'any',
    emits: 'same',
    args: [],
    properties: [
      field('source', 'string', 'Directory as a file URL.'),
      method('order', 'Templates of the file names, the first found wins.', many('order', 'string')),
      pairs('field', 'A field to load and its default.', arg('name', 'string'), arg('value', 'any')),
      pairs('tag', 'A tag to load and its default.', arg('name', 'string'), arg('value', 'string')),
    ],
  },
]

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
  ...[combining, tracking, autoscalers, batch]
    .flat()
    .map((def) => ({ ...def, unsupported: `${def.method} is not supported yet` })),
]
