/** Every pipeline node, one line each. A new node is one file in this folder and its line here. */
import type { NodeDef } from '../tickscript/node-def.js'
import { alertEntry } from './alert.js'
import { barrierEntry } from './barrier.js'
import { defaultEntry } from './default.js'
import { deleteEntry } from './delete.js'
import { derivativeEntry } from './derivative.js'
import { evalEntry } from './eval.js'
import { fromEntry } from './from.js'
import { groupByEntry } from './group-by.js'
import { httpOutEntry } from './http-out.js'
import { httpPostEntry } from './http-post.js'
import { influxqlEntries } from './influxql-defs.js'
import { joinEntry } from './join.js'
import { logEntry } from './log.js'
import type { OperatorEntry } from './registry-types.js'
import { sampleEntry } from './sample.js'
import { shiftEntry } from './shift.js'
import { streamEntry } from './stream.js'
import { batchDef, unsupportedDefs } from './unsupported.js'
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
  ...influxqlEntries,
  derivativeEntry,
  sampleEntry,
  shiftEntry,
  defaultEntry,
  deleteEntry,
  logEntry,
  httpOutEntry,
  httpPostEntry,
  alertEntry,
  { def: batchDef },
  ...unsupportedDefs.map((def) => ({ def })),
]

/** What scripts are evaluated with: runnable nodes first, so that they win over definitions that wait. */
export const operatorRegistry: readonly NodeDef[] = operatorEntries.map((e) => e.def)

const byDef = new Map(operatorEntries.map((e) => [e.def, e]))

export function entryOf(def: NodeDef): OperatorEntry {
  const entry = byDef.get(def)
  if (entry === undefined) throw new Error(`${def.method} is not in the operator registry`)
  return entry
}
