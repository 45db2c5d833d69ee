/**
 * `stats`: a stream of how many points a node has put on its first child edge, one point per group known there, every
 * interval. Also the definition of `deadman`, which is made of it. Thread: shard worker.
 *
 * Only a watched edge counts per group: `watch` puts a tap on it. Counters in pages, per grouping: f64 per group.
 *
 * Groups of the points are the watched ones under a grouping of this node's own, so that the ungrouped zero (sent while there
 * is no group) and the groups that come later are told apart by all nodes below. Ticks are timers of the shard: their times
 * are main's clock, and everything accepted before a tick has been counted.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { encodeUtf8, setSafeInt } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { round, type Span, spanOf, truncate } from '../../columns/time.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Grouping } from '../../state/grouping.js'
import type { Pages, StateAllocator } from '../../state/pages.js'
import type { TimerSet } from '../../state/timer-wheel.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { fnvOffset, fnvPrime, mixHash } from '../../transport/routes.js'
import { GroupNames } from '../kit/window-groups.js'
import { Edge, Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const statsDef: NodeDef = {
  method: 'stats',
  kind: 'stats',
  goType: 'StatsNode',
  doc: 'A stream of how many points a node has emitted, per group: field emitted, a running total.',
  accepts: 'any',
  emits: 'stream',
  observes: true,
  args: [{ name: 'interval', type: 'duration' }],
  properties: [{ name: 'align', doc: 'Times are multiples of the interval.', form: 'flag', args: [], default: false }],
  check(node) {
    if (intervalOf(node) <= 0n) throw new ShardlineError('stats-interval', 'stats node must have positive interval')
  },
  effects: () => ({
    reads: [],
    keepsFields: [],
    makesFields: [['emitted', 'int']],
    groupTagsOnly: true,
    pinned: 'counts the points of all groups',
  }),
}

export const deadmanDef: NodeDef = {
  method: 'deadman',
  kind: 'alert',
  goType: 'AlertNode',
  doc: 'Alerts when a node emits no more points per interval than a threshold, per group.',
  accepts: 'any',
  emits: 'stream',
  observes: true,
  args: [
    { name: 'threshold', type: 'float' },
    { name: 'interval', type: 'duration' },
    { name: 'expressions', type: 'lambda', variadic: true },
  ],
  properties: [],
}

function intervalOf(node: PipelineNode): bigint {
  const v = node.props.interval
  return v instanceof Duration ? v.ns : 0n
}

/** Shorter intervals tick once a millisecond. */
const shortestNs = 1_000_000n

class EdgeCounts extends GroupNames {
  readonly counts: Pages<Float64Array>
  /** Groups that may be known are below this. */
  limit = 0

  constructor(state: StateAllocator, grouping: GroupInfo) {
    super(state, grouping)
    this.counts = state.f64()
  }

  override add(group: number, name: string): boolean {
    if (!this.counts.ensure(group) || !super.add(group, name)) return false
    this.counts.set(group, 0)
    if (group >= this.limit) this.limit = group + 1
    return true
  }

  override dispose(): void {
    super.dispose()
    this.counts.release()
  }
}

/** Stands on the watched edge in front of the child. */
class Tap extends Operator {
  constructor(
    private readonly stats: StatsOperator,
    private readonly child: Operator,
  ) {
    super(stats.ctx)
  }

  receive(chunk: Chunk, port: number): void {
    this.stats.count(chunk)
    this.child.receive(chunk, port)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    this.child.barrier(grouping, group, ms, sub, port)
  }

  override deleteGroup(grouping: GroupInfo, group: number, port: number): void {
    this.stats.evictGroup(grouping, group)
    this.child.deleteGroup(grouping, group, port)
  }
}

export class StatsOperator extends Operator {
  private readonly span: Span
  private readonly tick: Span
  private readonly align: boolean
  private readonly timers: TimerSet
  private readonly spaces = new Map<GroupInfo, EdgeCounts>()
  private readonly out: ChunkBuilder
  /** Of the points' groups: without the name, and with it. */
  private readonly groupings: [Grouping | null, Grouping | null] = [null, null]
  private key = new Uint8Array(256)
  private keyLength = 0
  private readonly due = { ms: 0, sub: 0 }
  /** The time of the next point; with `align` the first one has that of the start. */
  private readonly stamp = { ms: 0, sub: 0 }

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const ns = intervalOf(planned.node)
    this.span = spanOf(ns)
    this.tick = spanOf(ns < shortestNs ? shortestNs : ns)
    this.align = planned.node.props.align === true
    this.out = new ChunkBuilder({ fields: ['emitted'], groupTags: true }, (chunk) => this.emit(chunk))
    this.timers = ctx.timers(() => this.fire())
  }

  /** Starts: counts what `observed` puts on its first child edge, and tells it. Only on the shard that has the rows. */
  watch(observed: Operator): void {
    const { stamp, due, ctx } = this
    const now = ctx.now()
    stamp.ms = Math.floor(now)
    stamp.sub = Math.round((now - stamp.ms) * 1e6)
    Object.assign(due, stamp)
    if (this.align) truncate(stamp.ms, stamp.sub, this.span, due)
    this.moveOn()
    if (!this.setTimer()) throw new ShardlineError('memory', `no memory left for ${ctx.nodeName}`)
    if (!this.align) Object.assign(stamp, due)
    const edge = observed.edges[0]
    if (edge === undefined) throw new Error(`${observed.ctx.nodeName} has no child to count for`)
    observed.edges[0] = new Edge(new Tap(this, edge.child), edge.port, edge.count)
  }

  /** It has no parents. */
  receive(): void {}

  count(chunk: Chunk): void {
    const space = this.spaceOf(chunk.grouping)
    const { counts } = space
    const w = chunk.windows
    const groups = w === null ? chunk.groups : w.groups
    const n = w === null ? chunk.n : w.n
    let lost = 0
    for (let i = 0; i < n; i++) {
      const g = groups[i]
      const points = w === null ? 1 : w.ends[i] - w.starts[i]
      if (!space.has(g) && !space.add(g, '')) {
        lost += points
        continue
      }
      counts.pages[g >> counts.shift][g & counts.mask] += points
    }
    if (lost > 0) this.ctx.error('cannot count points', 'no memory left for another group', lost)
  }

  /** Also when a delete passes the edge: the group starts from 0 if it comes again. */
  override evictGroup(grouping: GroupInfo, group: number): void {
    const space = this.spaces.get(grouping)
    if (space?.has(group)) space.remove(group)
  }

  override dispose(): void {
    for (const space of this.spaces.values()) space.dispose()
    this.spaces.clear()
    this.timers.dispose()
  }

  private fire(): void {
    const at = { ...this.stamp }
    if (this.align) round(at.ms, at.sub, this.span, at)
    this.moveOn()
    Object.assign(this.stamp, this.due)
    this.setTimer()
    this.emitCounts(at.ms, at.sub)
  }

  private emitCounts(ms: number, sub: number): void {
    let none = true
    for (const space of this.spaces.values()) {
      for (let g = 0; g < space.limit; g++) {
        if (!space.has(g)) continue
        none = false
        this.encode(space.grouping, g)
        this.emitCount(space.grouping.byName, space.counts.get(g), ms, sub)
      }
    }
    if (none) {
      this.keyLength = 0
      this.emitCount(false, 0, ms, sub)
    }
    this.out.flush()
  }

  private emitCount(byName: boolean, count: number, ms: number, sub: number): void {
    const { out, key, keyLength } = this
    const i = byName ? 1 : 0
    this.groupings[i] ??= this.ctx.grouping({ dims: null, byName })
    const grouping = this.groupings[i]
    let hash = fnvOffset
    for (let k = 0; k < keyLength; k++) hash = Math.imul(hash ^ key[k], fnvPrime)
    const group = grouping.lookup(key, keyLength, mixHash(hash), this.ctx.now())
    if (group < 0) {
      this.ctx.error('cannot emit statistics', 'no memory left for another group')
      return
    }
    out.begin('stats', '', '', grouping)
    const row = out.row(ms, sub, group)
    const { column } = out.fields[0]
    column.kinds[row] = Kind.Int
    setSafeInt(column.i32, row, count)
  }

  /** The key of a group among those of this node: its name is that of the points. */
  private encode(from: GroupInfo, group: number): void {
    this.keyLength = 0
    if (from.byName) this.addText('stats')
    const names = from.tagNames(group)
    const values = from.tagValues(group)
    for (let i = 0; i < names.length; i++) {
      this.addText(names[i])
      this.addText(values[i])
    }
  }

  private addText(text: string): void {
    const bytes = encodeUtf8(text)
    const need = this.keyLength + 2 + bytes.length
    if (need > this.key.length) {
      const key = new Uint8Array(need * 2)
      key.set(this.key)
      this.key = key
    }
    this.key[this.keyLength] = bytes.length & 255
    this.key[this.keyLength + 1] = bytes.length >> 8
    this.key.set(bytes, this.keyLength + 2)
    this.keyLength = need
  }

  private moveOn(): void {
    this.due.ms += this.tick.ms
    this.due.sub += this.tick.sub
    if (this.due.sub >= 1_000_000) {
      this.due.sub -= 1_000_000
      this.due.ms++
    }
  }

  private setTimer(): boolean {
    return this.timers.set(0, this.due.ms + this.due.sub / 1e6)
  }

  private spaceOf(grouping: GroupInfo): EdgeCounts {
    let space = this.spaces.get(grouping)
    if (space === undefined) {
      space = new EdgeCounts(this.ctx.state, grouping)
      this.spaces.set(grouping, space)
    }
    return space
  }
}

export const statsEntry: OperatorEntry = { def: statsDef, create: (planned, ctx) => new StatsOperator(planned, ctx) }
/** The evaluation takes it apart: no node of a pipeline is one. */
export const deadmanEntry: OperatorEntry = { def: deadmanDef }
