/**
 * `query`: asks InfluxDB at intervals. Its definition and every check of a task's start are here; a task that starts fails with
 * a clear error, because queries are not sent yet. Thread: shard worker.
 */
import { Duration } from '../../columns/values.js'
import { ShardlineError, TaskFailure } from '../../errors.js'
import { parseInfluxql } from '../../influxql/influxql-parser.js'
import type { NodeDef, PipelineNode, StartContext } from '../../tickscript/node-def.js'
import { TimeDimension } from '../../tickscript/script-values.js'
import { goTypeOf, listOf } from '../kit/dimensions.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { checkCron } from './cron.js'

const zero = new Duration(0n)
const fills = ['null', 'none', 'previous', 'linear']

const fault = (text: string): ShardlineError => new ShardlineError('query', text)
const nsOf = (node: PipelineNode, name: string): bigint => {
  const v = node.props[name]
  return v instanceof Duration ? v.ns : 0n
}

/** Spec batch 1.2, in the order of the checks: text, dimensions, fill, schedule, sources. */
function checkStart(node: PipelineNode, context: StartContext): void {
  const statements = parsed(String(node.props.query))
  if (statements.length !== 1) {
    throw fault(`query must be a single select statement, got ${statements.length} statements`)
  }
  const [statement] = statements
  if (statement.kind !== 'select') throw fault(`query is not a select statement "${statement.text}"`)
  checkDimensions(node)
  const { fill } = node.props
  if (typeof fill === 'string' && fill !== '' && !fills.includes(fill)) throw fault(`unexpected fill option ${fill}`)
  checkSchedule(node)
  for (const { db, rp } of context.dbrps === null ? [] : statement.sources) {
    if (!context.dbrps?.some((d) => d.db === db && d.rp === rp)) {
      throw fault(`batch query is not allowed to request data from "${db}"."${rp}"`)
    }
  }
}

function parsed(query: string): ReturnType<typeof parseInfluxql> {
  try {
    return parseInfluxql(query)
  } catch (err) {
    if (err instanceof ShardlineError) throw fault(`failed to parse InfluxQL query: ${err.message}`)
    throw err
  }
}

function checkDimensions(node: PipelineNode): void {
  let times = 0
  for (const d of listOf(node.props.groupBy) as readonly unknown[]) {
    if (d instanceof Duration || d instanceof TimeDimension) times++
    else if (typeof d !== 'string' && goTypeOf(d as never) !== '*ast.StarNode') {
      throw fault(`invalid dimension type:${goTypeOf(d as never)}, must be string or time.Duration`)
    }
  }
  if (times > 1) throw fault('groupBy cannot have more than one time dimension')
}

function checkSchedule(node: PipelineNode): void {
  const every = nsOf(node, 'every')
  const cron = String(node.props.cron ?? '')
  if (every !== 0n && cron !== '') throw fault("must not set both 'every' and 'cron' properties")
  if (every === 0n && cron === '') throw fault("must define one of 'every' or 'cron'")
  if (every < 0n) throw fault("'every' duration must must non-negative")
  if (cron !== '') checkCron(cron)
}

export const queryDef: NodeDef = {
  method: 'query',
  kind: 'query',
  goType: 'QueryNode',
  doc: 'Queries InfluxDB at intervals. Tasks with a query can be defined and checked; they do not run yet.',
  accepts: 'batch',
  emits: 'batch',
  args: [{ name: 'query', type: 'string' }],
  counters: ['batches_queried', 'points_queried'],
  properties: [
    { name: 'period', doc: 'Width of the time range queried.', form: 'field', args: duration('period'), default: zero },
    { name: 'every', doc: 'Query interval.', form: 'field', args: duration('every'), default: zero },
    { name: 'align', doc: 'Queries at multiples of the interval.', form: 'flag', args: [], default: false },
    {
      name: 'cron',
      doc: 'Schedule in place of the interval.',
      form: 'field',
      args: [{ name: 'cron', type: 'string' }],
      default: '',
    },
    {
      name: 'offset',
      doc: 'How far the range lies behind the query.',
      form: 'field',
      args: duration('offset'),
      default: zero,
    },
    { name: 'alignGroup', doc: 'Aligns the times of GROUP BY with the range.', form: 'flag', args: [], default: false },
    {
      name: 'groupBy',
      doc: 'Tags and time to group by.',
      form: 'method',
      args: [{ name: 'dimensions', type: 'any', variadic: true }],
      apply: (node, args) => {
        node.props.groupBy = args
      },
    },
    {
      name: 'groupByMeasurement',
      doc: 'The measurement is part of the group.',
      form: 'flag',
      args: [],
      default: false,
    },
    {
      name: 'fill',
      doc: 'Value of empty intervals.',
      form: 'field',
      args: [{ name: 'fill', type: 'any' }],
      default: null,
    },
    {
      name: 'cluster',
      doc: 'Name of an InfluxDB configuration.',
      form: 'field',
      args: [{ name: 'cluster', type: 'string' }],
      default: '',
    },
  ],
  check: checkStart,
  effects: () => ({ reads: [], pinned: 'asks InfluxDB for all groups' }),
}

function duration(name: string): NodeDef['args'] {
  return [{ name, type: 'duration' }]
}

/** Stops its task at the first tick: as in the original, a query that cannot be asked is an error after the start. */
class QueryOperator extends Operator {
  constructor(ctx: OperatorContext) {
    super(ctx)
    const timers = ctx.timers(() => {
      throw new TaskFailure(ctx.nodeName, 'InfluxDB not configured, cannot query InfluxDB for batch query')
    })
    timers.set(0, ctx.now() + 1)
  }

  receive(): void {}
}

export const queryEntry: OperatorEntry = { def: queryDef, create: (_planned, ctx) => new QueryOperator(ctx) }
