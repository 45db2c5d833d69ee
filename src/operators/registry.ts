/** Every pipeline node, one line each. A new node is one file in this folder and its line here. Thread: any. */
import type { NodeDef } from '../tickscript/node-def.js'
import { alertEntry } from './alert/alert.js'
import { deadmanEntry, statsEntry } from './alert/stats.js'
import { batchEntry } from './batch/batch.js'
import { queryEntry } from './batch/query.js'
import { influxqlEntries } from './influxql/influxql-defs.js'
import { transformEntries } from './influxql/transform-defs.js'
import { combineEntry } from './join/combine.js'
import { flattenEntry } from './join/flatten.js'
import { joinEntry } from './join/join.js'
import { unionEntry } from './join/union.js'
import { ec2AutoscaleEntry } from './outside/ec2-autoscale.js'
import { httpOutEntry } from './outside/http-out.js'
import { httpPostEntry } from './outside/http-post.js'
import { influxDBOutEntry } from './outside/influxdb-out.js'
import { k8sAutoscaleEntry } from './outside/k8s-autoscale.js'
import { kapacitorLoopbackEntry } from './outside/kapacitor-loopback.js'
import { sideloadEntry } from './outside/sideload.js'
import { swarmAutoscaleEntry } from './outside/swarm-autoscale.js'
import type { OperatorEntry } from './registry-types.js'
import { changeDetectEntry } from './rows/change-detect.js'
import { defaultEntry } from './rows/default.js'
import { deleteEntry } from './rows/delete.js'
import { derivativeEntry } from './rows/derivative.js'
import { evalEntry } from './rows/eval.js'
import { fromEntry } from './rows/from.js'
import { groupByEntry } from './rows/group-by.js'
import { logEntry } from './rows/log.js'
import { noopEntry } from './rows/noop.js'
import { sampleEntry } from './rows/sample.js'
import { shiftEntry } from './rows/shift.js'
import { stateCountEntry } from './rows/state-count.js'
import { stateDurationEntry } from './rows/state-duration.js'
import { streamEntry } from './rows/stream.js'
import { trickleEntry } from './rows/trickle.js'
import { whereEntry } from './rows/where.js'
import { barrierEntry } from './window/barrier.js'
import { windowEntry } from './window/window.js'

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
