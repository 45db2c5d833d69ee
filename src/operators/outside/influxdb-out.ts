/**
 * `influxDBOut`: writes points to InfluxDB. Thread: shard worker, which makes line protocol; main collects it per (database,
 * retention policy), writes and retries (sinks/influxdb-sink.ts). Fields that line protocol does not have (null, missing, not
 * finite) are left out, where the original spoils the whole request with them.
 */
import type { Chunk } from '../../columns/chunk.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { Out } from '../../transport/output.js'
import {
  durationField,
  durationOf,
  fail,
  flagField,
  intOf,
  pairs,
  pairsOf,
  textField,
  textOf,
  valueField,
} from '../kit/script-props.js'
import type { OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { LineSinkOperator } from './line-sink.js'
import type { TimeUnit } from './line-text.js'

export const influxDBOutDef: NodeDef = {
  method: 'influxDBOut',
  kind: 'influxdb_out',
  goType: 'InfluxDBOutNode',
  doc: 'Writes points to InfluxDB.',
  accepts: 'any',
  emits: 'none',
  args: [],
  counters: ['points_written', 'write_errors'],
  properties: [
    textField('cluster', 'Name of an InfluxDB configuration; empty is the default one.'),
    textField('database', "Database; empty is the point's own."),
    textField('retentionPolicy', "Retention policy; empty is the point's own."),
    textField('measurement', "Measurement; empty is the point's own."),
    textField('writeConsistency', 'Write consistency.'),
    textField('precision', 'Precision of times: ns, us, ms, s, m or h; empty is ns.'),
    valueField('buffer', 'int', 'Points per write.', 1000n),
    durationField('flushInterval', 'Longest time that points wait.', 10_000_000_000n),
    pairs('tag', 'A tag set on each point.', ['key', 'string'], ['value', 'string']),
    flagField('create', 'Creates the database and retention policy at start.'),
  ],
  validate(node) {
    if (durationOf(node, 'flushInterval') <= 0n) fail('influxdb-out', 'flushInterval must be greater than 0')
  },
  effects: () => ({ reads: [], wholeFields: true, wholeTags: true }),
}

const units: ReadonlyMap<string, { readonly unit: TimeUnit; readonly sent: string }> = new Map(
  Object.entries({
    '': { unit: 1, sent: 'ns' },
    ns: { unit: 1, sent: 'ns' },
    us: { unit: 1_000, sent: 'u' },
    µs: { unit: 1_000, sent: 'u' },
    μs: { unit: 1_000, sent: 'u' },
    ms: { unit: 1_000_000, sent: 'ms' },
    s: { unit: 1_000_000_000, sent: 's' },
    m: { unit: 60_000_000_000, sent: 'm' },
    h: { unit: 3_600_000_000_000, sent: 'h' },
  }),
)

export interface InfluxDBOutSettings {
  readonly cluster: string
  readonly db: string
  readonly rp: string
  readonly consistency: string
  /** As InfluxDB takes it. */
  readonly precision: string
  readonly bufferPoints: number
  readonly flushMs: number
  readonly create: boolean
}

/** The properties of an influxDBOut node, for main's side. */
export function influxDBOutSettings(node: PipelineNode): InfluxDBOutSettings {
  const flushMs = Number(durationOf(node, 'flushInterval')) / 1e6
  return {
    cluster: textOf(node, 'cluster'),
    db: textOf(node, 'database'),
    rp: textOf(node, 'retentionPolicy'),
    consistency: textOf(node, 'writeConsistency'),
    precision: units.get(textOf(node, 'precision'))?.sent ?? 'ns',
    bufferPoints: Math.max(1, Number(intOf(node, 'buffer'))),
    // Longer than a timer can run.
    flushMs: Math.min(Math.max(1, flushMs), 2 ** 31 - 1),
    create: node.props.create === true,
  }
}

export const influxDBErrorText = 'failed to write points to InfluxDB'

class InfluxDBOutOperator extends LineSinkOperator {
  /** The original notices a precision that there is not only when points come. */
  private readonly precisionError: string = ''

  constructor({ node }: PlannedNode, ctx: OperatorContext) {
    const precision = textOf(node, 'precision')
    super(ctx, {
      db: textOf(node, 'database'),
      rp: textOf(node, 'retentionPolicy'),
      frameType: Out.InfluxDBOut,
      measurement: textOf(node, 'measurement'),
      tags: pairsOf(node, 'tag').map(([k, v]) => [k, String(v)] as const),
      unit: units.get(precision)?.unit ?? 1,
      durations: 'text',
      batchesKeepName: false,
      errorText: influxDBErrorText,
    })
    if (!units.has(precision)) this.precisionError = `time: unknown unit "${precision}" in duration "1${precision}"`
  }

  override receive(chunk: Chunk): void {
    if (this.precisionError === '') {
      super.receive(chunk)
      return
    }
    this.ctx.error(influxDBErrorText, this.precisionError, chunk.windows?.n ?? chunk.n)
    this.ctx.dropped('error', chunk.n)
  }
}

export const influxDBOutEntry: OperatorEntry = {
  def: influxDBOutDef,
  create: (planned, ctx) => new InfluxDBOutOperator(planned, ctx),
}
