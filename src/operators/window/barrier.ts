/**
 * `barrier`: tells the nodes behind it that no older data will come for a group, after a time without data (idle) or
 * periodically (period); drops what is older than its last barrier. Thread: shard worker.
 *
 * State per group, in pages:
 *   times f64 ×5   last barrier ms (NaN: the group is not known), sub · last data ms, sub · clock at the last accepted row
 *                  (idle) or due time (period)
 *
 * The clock is main's stamp of what is being processed, so a barrier never overtakes a point that was accepted earlier.
 * A barrier and its delete are one step. A row only notes the clock; the idle timer looks at the note when it fires.
 */
import { type Chunk, type GroupInfo, maxChunkRows } from '../../columns/chunk.js'
import { type Span, spanOf } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Grouping } from '../../state/grouping.js'
import type { Pages } from '../../state/pages.js'
import type { TimerSet } from '../../state/timer-wheel.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { GroupHold } from '../kit/group-hold.js'
import { RowGroups, RowSelector } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const barrierDef: NodeDef = {
  method: 'barrier',
  kind: 'barrier',
  goType: 'BarrierNode',
  doc: 'Emits barriers per group: no older data will follow. With delete(TRUE) the group is then forgotten.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    {
      name: 'idle',
      doc: 'A barrier after this time without data; its time is that of the last data plus idle.',
      form: 'field',
      args: [{ name: 'idle', type: 'duration' }],
      default: new Duration(0n),
    },
    {
      name: 'period',
      doc: 'A barrier at the current time, every period.',
      form: 'field',
      args: [{ name: 'period', type: 'duration' }],
      default: new Duration(0n),
    },
    {
      name: 'delete',
      doc: 'Forget the group after each barrier.',
      form: 'field',
      args: [{ name: 'delete', type: 'bool' }],
      default: false,
    },
  ],
  validate(node) {
    const idleNs = nsOfProp(node, 'idle')
    const periodNs = nsOfProp(node, 'period')
    if (idleNs !== 0n && periodNs !== 0n)
      throw new ShardlineError('barrier-both', 'cannot specify both idle and period')
    if (periodNs === 0n && idleNs <= 0n) throw new ShardlineError('barrier-idle', 'idle must be greater than zero')
    if (idleNs === 0n && periodNs <= 0n) throw new ShardlineError('barrier-period', 'period must be greater than zero')
  },
  effects: () => ({ reads: [], stateful: true }),
}

function nsOfProp(node: PipelineNode, name: string): bigint {
  const v = node.props[name]
  return v instanceof Duration ? v.ns : 0n
}

/** Places in `times`; an instant's sub follows its ms. */
const atBarrier = 0
const atData = 2
const atClock = 4
const stride = 5
/** No barrier yet: below every instant. */
const never = -Infinity

export class BarrierOperator extends Operator {
  private readonly span: Span
  /** The span in ms, fraction included: timers count in ms. */
  private readonly spanMs: number
  private readonly idle: boolean
  private readonly deletes: boolean
  private readonly times: Pages<Float64Array>
  private readonly hold: GroupHold
  private readonly timers: TimerSet
  private grouping: GroupInfo | null = null
  private kept = new Uint8Array(maxChunkRows)
  private readonly selector = new RowSelector()
  private readonly rowGroups = new RowGroups()

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { node } = planned
    const idleNs = nsOfProp(node, 'idle')
    this.idle = idleNs !== 0n
    this.span = spanOf(this.idle ? idleNs : nsOfProp(node, 'period'))
    this.spanMs = this.span.ms + this.span.sub / 1e6
    this.deletes = node.props.delete === true
    this.times = ctx.state.f64(stride)
    this.hold = new GroupHold(ctx.state)
    this.timers = ctx.timers((group, nowMs) => this.fire(group, nowMs))
  }

  receive(chunk: Chunk): void {
    const n = chunk.n
    const now = this.ctx.now()
    this.grouping = chunk.grouping
    if (this.kept.length < n) this.kept = new Uint8Array(n)
    const groups = this.rowGroups.of(chunk)
    const { kept, times } = this
    const { pages, shift, mask } = times
    let late = 0
    let refused = 0
    for (let r = 0; r < n; r++) {
      const g = groups[r]
      kept[r] = 1
      const ms = chunk.ms[r]
      let t = pages[g >> shift]
      const o = (g & mask) * stride
      // Not greater than NaN, nor than what lies beyond a short first page: the group is new then.
      if (t === undefined || !(ms > t[o])) {
        if (!this.hold.has(g) && !this.create(chunk.grouping, g, now)) {
          kept[r] = 0
          refused++
          continue
        }
        t = pages[g >> shift]
        if (ms < t[o] || (ms === t[o] && chunk.sub[r] < t[o + 1])) {
          kept[r] = 0
          late++
          continue
        }
      }
      if (this.idle) {
        t[o + atData] = ms
        t[o + atData + 1] = chunk.sub[r]
        t[o + atClock] = now
      }
    }
    if (chunk.windows !== null) this.holdWindows(chunk, now)
    if (late > 0) this.ctx.dropped('late', late)
    if (refused > 0) this.ctx.dropped('memory', refused)
    const out = late + refused === 0 ? chunk : this.selector.keep(chunk, kept)
    if (out !== null) this.emit(out)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    const now = this.ctx.now()
    this.grouping = grouping
    if (!this.hold.has(group) && !this.create(grouping, group, now)) return
    const lastMs = this.times.get(group, atBarrier)
    if (ms < lastMs || (ms === lastMs && sub < this.times.get(group, atBarrier + 1))) return
    if (this.idle) {
      this.times.set(group, ms, atData)
      this.times.set(group, sub, atData + 1)
      this.times.set(group, now, atClock)
      this.raise(group, ms, sub)
    }
    this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.forget(grouping, group)
    this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.forget(grouping, group)
  }

  override dispose(): void {
    this.times.release()
    this.hold.dispose()
    this.timers.dispose()
  }

  /** Groups of windows without rows exist too. */
  private holdWindows(chunk: Chunk, now: number): void {
    const w = chunk.windows!
    for (let i = 0; i < w.n; i++) {
      if (!this.hold.has(w.groups[i])) this.create(chunk.grouping, w.groups[i], now)
    }
  }

  private create(grouping: GroupInfo, group: number, now: number): boolean {
    if (!this.ensureTimes(group)) return false
    if (!this.timers.set(group, now + this.spanMs)) return false
    if (!this.hold.hold(grouping, group)) {
      this.timers.clear(group)
      return false
    }
    this.times.clear(group)
    this.times.set(group, never, atBarrier)
    this.times.set(group, never, atData)
    this.times.set(group, this.idle ? now : now + this.spanMs, atClock)
    this.ctx.stats.set('working_cardinality', this.hold.size)
    return true
  }

  private ensureTimes(group: number): boolean {
    const { times } = this
    if (times.has(group)) return true
    const p = group >> times.shift
    const known = times.pages[p]?.length ?? 0
    if (!times.ensure(group)) return false
    times.pages[p].fill(Number.NaN, known)
    return true
  }

  private forget(grouping: GroupInfo, group: number): void {
    if (!this.hold.release(grouping, group)) return
    this.timers.clear(group)
    this.times.set(group, Number.NaN, atBarrier)
    this.ctx.stats.set('working_cardinality', this.hold.size)
  }

  private fire(group: number, nowMs: number): void {
    const grouping = this.grouping
    if (grouping === null || !this.hold.has(group)) return
    const fired = this.idle ? this.fireIdle(grouping, group, nowMs) : this.firePeriod(grouping, group, nowMs)
    if (!fired || !this.deletes) return
    this.forget(grouping, group)
    this.emitDelete(grouping, group)
    if (grouping instanceof Grouping) grouping.freeIfUnused(group)
  }

  /** False: data came since the timer was set, or there is none to count from. */
  private fireIdle(grouping: GroupInfo, group: number, nowMs: number): boolean {
    const due = this.times.get(group, atClock) + this.spanMs
    if (due > nowMs) {
      this.timers.set(group, due)
      return false
    }
    this.times.set(group, nowMs, atClock)
    this.timers.set(group, nowMs + this.spanMs)
    let ms = this.times.get(group, atData)
    if (ms === never) return false
    ms += this.span.ms
    let sub = this.times.get(group, atData + 1) + this.span.sub
    if (sub >= 1_000_000) {
      sub -= 1_000_000
      ms++
    }
    this.times.set(group, ms, atData)
    this.times.set(group, sub, atData + 1)
    this.raise(group, ms, sub)
    this.emitBarrier(grouping, group, ms, sub)
    return true
  }

  private firePeriod(grouping: GroupInfo, group: number, nowMs: number): boolean {
    // Ticks that were missed are skipped; the phase stays.
    const due = this.times.get(group, atClock)
    const next = due + this.spanMs * (Math.floor((nowMs - due) / this.spanMs) + 1)
    this.times.set(group, next, atClock)
    this.timers.set(group, next)
    const ms = Math.floor(nowMs)
    this.raise(group, ms, 0)
    this.emitBarrier(grouping, group, ms, 0)
    return true
  }

  private raise(group: number, ms: number, sub: number): void {
    this.times.set(group, ms, atBarrier)
    this.times.set(group, sub, atBarrier + 1)
  }
}

export const barrierEntry: OperatorEntry = {
  def: barrierDef,
  create: (planned, ctx) => new BarrierOperator(planned, ctx),
}
