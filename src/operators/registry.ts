/** Every pipeline node, one line each. A new node is one file in this folder and its line here. */
import type { NodeDef } from '../tickscript/node-def.js'
import { alertEntry } from './alert.js'
import { barrierEntry } from './barrier.js'
import { batchEntry } from './batch.js'
import { changeDetectEntry } from './change-detect.js'
import { combineEntry } from './combine.js'
import { defaultEntry } from './default.js'
import { deleteEntry } from './delete.js'
import { derivativeEntry } from './derivative.js'
import { ec2AutoscaleEntry } from './ec2-autoscale.js'
import { evalEntry } from './eval.js'
import { flattenEntry } from './flatten.js'
import { fromEntry } from './from.js'
import { groupByEntry } from './group-by.js'
import { httpOutEntry } from './http-out.js'
import { httpPostEntry } from './http-post.js'
import { influxDBOutEntry } from './influxdb-out.js'
import { influxqlEntries } from './influxql-defs.js'
import { joinEntry } from './join.js'
import { k8sAutoscaleEntry } from './k8s-autoscale.js'
import { kapacitorLoopbackEntry } from './kapacitor-loopback.js'
import { logEntry } from './log.js'
import { noopEntry } from './noop.js'
import { queryEntry } from './query.js'
import type { OperatorEntry } from './registry-types.js'
import { sampleEntry } from './sample.js'
import { shiftEntry } from './shift.js'
import { sideloadEntry } from './sideload.js'
import { stateCountEntry } from './state-count.js'
import { stateDurationEntry } from './state-duration.js'
import { deadmanEntry, statsEntry } from './stats.js'
import { streamEntry } from './stream.js'
import { swarmAutoscaleEntry } from './swarm-autoscale.js'
import { transformEntries } from './transform-defs.js'
import { trickleEntry } from './trickle.js'
import { unionEntry } from './union.js'
import { whereEntry } from './where.js'
import { windowEntry } from './window.js'

export const operatorEntries: readonly OperatorEntry[] = [
  streamEntry,
  fromEntry,
  whereEntry,
  evalEntry,
  groupByEntry,
  barrierEntry,
  windowEntry,
  joinEntry,
  unionEntry,
  combineEntry,
  flattenEntry,
  ...influxqlEntries,
  ...transformEntries,
  derivativeEntry,
  changeDetectEntry,
  stateDurationEntry,
  stateCountEntry,
  sampleEntry,
  shiftEntry,
  defaultEntry,
  deleteEntry,
  logEntry,
  httpOutEntry,
  httpPostEntry,
  sideloadEntry,
  influxDBOutEntry,
  kapacitorLoopbackEntry,
  k8sAutoscaleEntry,
  swarmAutoscaleEntry,
  ec2AutoscaleEntry,
  alertEntry,
  statsEntry,
  deadmanEntry,
  noopEntry,
  trickleEntry,
  batchEntry,
  queryEntry,
]

/** What scripts are evaluated with. */
export const operatorRegistry: readonly NodeDef[] = operatorEntries.map((e) => e.def)

const byDef = new Map(operatorEntries.map((e) => [e.def, e]))

export function entryOf(def: NodeDef): OperatorEntry {
  const entry = byDef.get(def)
  if (entry === undefined) throw new Error(`${def.method} is not in the operator registry`)
  return entry
}
