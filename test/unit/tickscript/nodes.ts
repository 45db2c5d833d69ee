/** A small set of nodes with every kind of argument and property. */
import { Duration } from '../../../src/columns/values.js'
import { ShardlineError } from '../../../src/errors.js'
import { evaluateConstant } from '../../../src/lambda/constant.js'
import { operatorRegistry } from '../../../src/operators/registry.js'
import { type EvaluateOptions, type Evaluation, evaluate } from '../../../src/tickscript/evaluate.js'
import type { ArgType, HandlerDef, NodeDef, PropertyDef } from '../../../src/tickscript/node-def.js'
import { parse } from '../../../src/tickscript/parser.js'

const field = (name: string, type: ArgType): Omit<PropertyDef, 'apply'> => ({
  name,
  doc: '',
  form: 'field',
  args: [{ name, type }],
})
const flag = (name: string): PropertyDef => ({ name, doc: '', form: 'flag', args: [], default: false })

function node(method: string, more: Partial<NodeDef> = {}): NodeDef {
  const goType = `${method.charAt(0).toUpperCase()}${method.slice(1)}Node`
  return {
    method,
    kind: method,
    goType,
    doc: '',
    accepts: 'any',
    emits: 'same',
    args: [],
    properties: [],
    ...more,
  }
}

const slack: HandlerDef = {
  kind: 'slack',
  method: 'slack',
  goType: 'SlackHandler',
  doc: '',
  args: [],
  properties: [field('channel', 'string'), field('topic', 'string'), field('uRL', 'string')],
}
const post: HandlerDef = {
  kind: 'post',
  method: 'post',
  goType: 'AlertHTTPPostHandler',
  doc: '',
  args: [{ name: 'url', type: 'string', variadic: true }],
  properties: [],
  validate(call) {
    if ((call.props.url as string[]).length > 1) throw new ShardlineError('tickscript', 'too many urls')
  },
}

const own: readonly NodeDef[] = [
  node('later', { args: [{ name: 'n', type: 'int' }], unsupported: 'later is not supported yet' }),
  node('stream', { accepts: 'stream', emits: 'stream', chain: ['from'] }),
  node('from', {
    accepts: 'stream',
    properties: [
      { ...field('measurement', 'string'), default: '' },
      { name: 'where', doc: '', form: 'method', args: [{ name: 'lambda', type: 'lambda' }] },
      { name: 'groupBy', doc: '', form: 'method', args: [{ name: 'dimensions', type: 'any', variadic: true }] },
      flag('groupByMeasurement'),
      field('truncate', 'duration'),
    ],
    validate(n) {
      if (n.props.measurement === 'bad') throw new ShardlineError('tickscript', 'measurement is bad')
    },
  }),
  node('window', {
    accepts: 'stream',
    emits: 'batch',
    edgeError: 'cannot Window batch edge',
    properties: [field('period', 'duration'), field('every', 'duration'), field('periodCount', 'int'), flag('align')],
  }),
  node('where', { args: [{ name: 'lambda', type: 'lambda' }] }),
  node('eval', {
    args: [{ name: 'expressions', type: 'lambda', variadic: true }],
    properties: [{ name: 'as', doc: '', form: 'method', args: [{ name: 'as', type: 'string', variadic: true }] }],
    validate(n) {
      if (n.props.as === undefined) throw new ShardlineError('tickscript', 'as is missing')
    },
  }),
  node('percentile', {
    goType: 'InfluxQLNode',
    emits: 'stream',
    args: [
      { name: 'field', type: 'string' },
      { name: 'percentile', type: 'float' },
    ],
  }),
  node('sample', {
    args: [{ name: 'rate', type: 'any' }],
    construct(n, [rate]) {
      if (typeof rate !== 'bigint' && !(rate instanceof Duration)) {
        throw new ShardlineError('tickscript', 'must pass int64 or duration to new sample node')
      }
      n.props.rate = rate
    },
  }),
  node('log', { properties: [field('level', 'string')] }),
  node('httpOut', { kind: 'http_out', goType: 'HTTPOutNode', args: [{ name: 'endpoint', type: 'string' }] }),
  node('union', { args: [{ name: 'others', type: 'node', variadic: true }], linksArgsFirst: true }),
  node('join', { args: [{ name: 'others', type: 'node', variadic: true }] }),
  node('derivative', {
    args: [{ name: 'field', type: 'string' }],
    properties: [field('unit', 'duration'), flag('nonNegative')],
  }),
  node('stats', {
    accepts: 'any',
    emits: 'stream',
    observes: true,
    args: [{ name: 'interval', type: 'duration' }],
    properties: [flag('align')],
  }),
  node('deadman', {
    kind: 'alert',
    goType: 'AlertNode',
    observes: true,
    args: [
      { name: 'threshold', type: 'float' },
      { name: 'interval', type: 'duration' },
      { name: 'expressions', type: 'lambda', variadic: true },
    ],
  }),
  node('alert', {
    properties: [
      field('crit', 'lambda'),
      field('id', 'string'),
      field('message', 'string'),
      field('topic', 'string'),
      {
        name: 'stateChangesOnly',
        doc: '',
        form: 'method',
        args: [{ name: 'maxInterval', type: 'duration', optional: true }],
        apply(n, args) {
          n.props.stateChangesOnly = true
          n.props.maxInterval = args[0] ?? null
        },
      },
    ],
    handlers: [slack, post],
  }),
]

/** Ours, and the real ones for every other method. */
export const nodes: readonly NodeDef[] = [
  ...own,
  ...operatorRegistry.filter((def) => !own.some((o) => o.method === def.method)),
]

export function run(script: string, options: Partial<EvaluateOptions> = {}): Evaluation {
  return evaluate(parse(script), { registry: nodes, constant: evaluateConstant, ...options })
}

export function errorOf(script: string, options: Partial<EvaluateOptions> = {}): string {
  try {
    run(script, options)
  } catch (err) {
    if (!(err instanceof ShardlineError)) throw err
    return err.message
  }
  return 'none'
}
