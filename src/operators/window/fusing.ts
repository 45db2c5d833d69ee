/**
 * Which windows keep panes (accumulators of slots of time) instead of rows, and how many. Thread: any: main plans, shards build.
 * The rule is that of docs/architecture.md, Planning.
 */
import type { PipelineNode } from '../../tickscript/node-def.js'
import { aggregateOf } from '../influxql/influxql-defs.js'
import { fusible } from './fused-window-output.js'
import { windowOptions } from './window-options.js'
import type { WindowSchedule } from './window-schedule.js'

/** More panes than this cost more than rows in usual windows. */
const maxPanes = 128
export interface PaneShape {
  /** Panes of the ring, or 1. */
  readonly panes: number
  /** Length of a slot; 0: one pane. */
  readonly slotMs: number
}

/** null: the window keeps rows. */
export function shapeOf(schedule: WindowSchedule): PaneShape | null {
  const { period, every, align, offset } = schedule
  if (every.ns <= 0n || period.ns <= 0n) return null
  if (period.ns <= every.ns) return { panes: 1, slotMs: 0 }
  if (!align || period.sub !== 0 || every.sub !== 0 || offset.sub !== 0) return null
  let a = period.ms
  let b = every.ms
  while (b !== 0) [a, b] = [b, a % b]
  return period.ms / a <= maxPanes ? { panes: period.ms / a, slotMs: a } : null
}

/** How many panes a group has at most when the window keeps panes. */
export function panesOf(window: PipelineNode): number {
  return shapeOf(windowOptions(window).schedule)?.panes ?? 0
}

/** Why a window keeps rows instead of panes; null when it does not. */
export function whyRows(window: PipelineNode, children: readonly PipelineNode[]): string | null {
  if (children.length === 0) return 'nothing reads it'
  const reader = children.find((c) => aggregateOf(c) === undefined || fusible[c.def.method] === undefined)
  if (reader !== undefined) return `${reader.name} needs the rows`
  const { periodCount, schedule } = windowOptions(window)
  if (periodCount !== 0) return 'it is counted in rows'
  if (shapeOf(schedule) !== null) return null
  const { period, every, align, offset } = schedule
  if (every.ns <= 0n) return 'it emits on every row'
  if (period.ns <= 0n) return 'it has no period'
  if (!align) return 'it slides without being aligned'
  if (period.sub !== 0 || every.sub !== 0 || offset.sub !== 0) return 'it is not a whole number of milliseconds'
  return `it would need more than ${maxPanes} panes`
}
