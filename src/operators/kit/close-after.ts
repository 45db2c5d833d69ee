/**
 * `.closeAfter(d)` of windows and joins, and `[engine] close-after`, its default: what waits for a next point is closed by main's
 * clock when none comes. Thread: any.
 */
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PipelineNode, PropertyDef } from '../../tickscript/node-def.js'
import type { OperatorContext } from '../operator.js'

export function closeAfterProperty(doc: string): PropertyDef {
  return { name: 'closeAfter', doc, form: 'field', args: [{ name: 'after', type: 'duration' }], default: null }
}

export function checkCloseAfter({ props }: PipelineNode): void {
  if (props.closeAfter instanceof Duration && props.closeAfter.ns < 0n) {
    throw new ShardlineError('invalid-tickscript', 'closeAfter must not be negative')
  }
}

/** In ms; 0: only a next point closes anything. */
export function closeAfterMs({ props }: PipelineNode, ctx: OperatorContext): number {
  return props.closeAfter instanceof Duration ? Number(props.closeAfter.ns) / 1e6 : ctx.closeAfterMs
}

/** Counter of what was closed so. */
export const closedByTime = 'closed_by_time'
