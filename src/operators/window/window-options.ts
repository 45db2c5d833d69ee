/** The properties of a window node, as the operators and the planner want them. Thread: any. */
import { spanOf } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import { WindowSchedule } from './window-schedule.js'

export interface WindowOptions {
  readonly schedule: WindowSchedule
  readonly periodCount: number
  readonly everyCount: number
  readonly fillPeriod: boolean
}

/** 0 where no duration was given. */
export function ns(v: unknown): bigint {
  return v instanceof Duration ? v.ns : 0n
}

export function windowOptions(node: PipelineNode): WindowOptions {
  const { period, every, align, alignOffset, fillPeriod, periodCount, everyCount } = node.props
  const offset = spanOf(ns(alignOffset))
  return {
    schedule: new WindowSchedule(spanOf(ns(period)), spanOf(ns(every)), align === true, fillPeriod === true, offset),
    periodCount: Number(periodCount ?? 0n),
    everyCount: Number(everyCount ?? 0n),
    fillPeriod: fillPeriod === true,
  }
}
