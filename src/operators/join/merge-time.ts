/**
 * Rounding of times to a tolerance (spec nodes 1.1), as join, flatten and combine compare them. Thread: any.
 * Spans of whole milliseconds, nearly all there are, need no BigInt.
 */
import { round, type Span, spanOf, zeroTimeMs } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import type { PipelineNode } from '../../tickscript/node-def.js'

export class Rounder {
  ms = 0
  sub = 0
  private readonly spanMs: number

  constructor(private readonly span: Span) {
    this.spanMs = span.ns > 0n && span.sub === 0 ? span.ms : 0
  }

  /** Leaves the nearest multiple in `ms` and `sub`; exact halves go later. */
  round(ms: number, sub: number): void {
    const { spanMs } = this
    if (spanMs > 0) {
      const abs = ms + zeroTimeMs
      const rem = ((abs % spanMs) + spanMs) % spanMs
      this.ms = 2 * sub < (spanMs - 2 * rem) * 1e6 ? ms - rem : ms - rem + spanMs
      this.sub = 0
    } else if (this.span.ns <= 0n) {
      this.ms = ms
      this.sub = sub
    } else round(ms, sub, this.span, this)
  }
}

/** Rounds to the node's `.tolerance()`. */
export function toleranceOf(node: PipelineNode): Rounder {
  const { tolerance } = node.props
  return new Rounder(spanOf(tolerance instanceof Duration ? tolerance.ns : 0n))
}
