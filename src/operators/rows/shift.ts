/** `shift`: moves the times of rows and batches. Barriers pass with the time they had. Thread: shard worker. */
import { type Chunk, maxChunkRows } from '../../columns/chunk.js'
import { type Span, spanOf } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const shiftDef: NodeDef = {
  method: 'shift',
  kind: 'shift',
  goType: 'ShiftNode',
  doc: 'Moves the times of points and batches by a duration, which may be negative.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'shift', type: 'duration' }],
  properties: [],
  construct(node, args) {
    node.props.shift = args[0]
  },
  check(node) {
    if (!(node.props.shift instanceof Duration) || node.props.shift.ns === 0n)
      throw new ShardlineError('shift-zero', 'invalid shift value: must be non zero duration')
  },
  effects: () => ({ reads: [] }),
}

export class ShiftOperator extends Operator {
  private readonly span: Span
  private ms = new Float64Array(maxChunkRows)
  private sub = new Int32Array(maxChunkRows)

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { shift } = planned.node.props
    this.span = spanOf(shift instanceof Duration ? shift.ns : 0n)
  }

  receive(chunk: Chunk): void {
    if (this.ms.length < chunk.n) {
      this.ms = new Float64Array(chunk.n)
      this.sub = new Int32Array(chunk.n)
    }
    const out = chunk.derive()
    this.move(chunk.ms, chunk.sub, chunk.n, this.ms, this.sub)
    out.ms = this.ms
    out.sub = this.sub
    if (chunk.windows !== null) {
      const w = chunk.windows
      const ms = new Float64Array(w.n)
      const sub = new Int32Array(w.n)
      this.move(w.ms, w.sub, w.n, ms, sub)
      out.windows = { ...w, ms, sub }
    }
    this.emit(out)
  }

  private move(ms: Float64Array, sub: Int32Array, n: number, toMs: Float64Array, toSub: Int32Array): void {
    const { span } = this
    for (let r = 0; r < n; r++) {
      const s = sub[r] + span.sub
      const carry = s >= 1_000_000 ? 1 : 0
      toMs[r] = ms[r] + span.ms + carry
      toSub[r] = s - carry * 1_000_000
    }
  }
}

export const shiftEntry: OperatorEntry = { def: shiftDef, create: (planned, ctx) => new ShiftOperator(planned, ctx) }
