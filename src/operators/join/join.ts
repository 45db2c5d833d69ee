/**
 * `join`: joins messages of several parents that have the same group and the same rounded time (spec nodes 4.15).
 * Thread: shard worker.
 *
 * This file owns the rule by which sets are settled; join-sets.ts has the sets, join-points.ts and join-batches.ts
 * what they hold, join-matches.ts the queues of `.on()`. Groups are the operator's own (merge-groups.ts). A set is
 * settled when it is complete, or when every parent has passed its time; a barrier passes time too. Deletes free the
 * group and go on.
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { Pages } from '../../state/pages.js'
import type { TimerSet } from '../../state/timer-wheel.js'
import type { NodeDef } from '../../tickscript/node-def.js'
import { checkCloseAfter, closeAfterMs, closeAfterProperty, closedByTime } from '../kit/close-after.js'
import { stringsOf } from '../kit/dimensions.js'
import { GroupHold } from '../kit/group-hold.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { JoinBatches } from './join-batches.js'
import type { JoinContent } from './join-content.js'
import { type Arrival, JoinMatches, type MatchSink, noArrival } from './join-matches.js'
import { checkFill, type JoinPlan, joinPlan, joinSources } from './join-plan.js'
import { JoinPoints } from './join-points.js'
import { JoinSets } from './join-sets.js'
import { commonGrouping, OwnGroups } from './merge-groups.js'
import { checkPrefixes, namesProperty, prefixProperties } from './merge-prefixes.js'
import { type Rounder, toleranceOf } from './merge-time.js'

export const joinDef: NodeDef = {
  method: 'join',
  kind: 'join',
  goType: 'JoinNode',
  doc:
    'Joins points of several inputs that have the same time and group into one point, whose fields are named after `.as()`. ' +
    'Batches are joined when their end times are equal, then point by point.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'others', type: 'node', variadic: true }],
  properties: [
    ...prefixProperties,
    namesProperty('on', 'Joins on these tags only: inputs may be grouped by more.'),
    {
      name: 'streamName',
      doc: 'Measurement name of the result; empty: that of the first input present.',
      form: 'field',
      args: [{ name: 'streamName', type: 'string' }],
      default: '',
    },
    {
      name: 'fill',
      doc: "What stands for the fields of an input that lacks a point: 'null' or a number. 'none': such points are left out.",
      form: 'field',
      args: [{ name: 'fill', type: 'any' }],
      default: null,
    },
    {
      name: 'deleteAll',
      doc: 'A delete of any group forgets the times of all groups of `.on()`.',
      form: 'field',
      args: [{ name: 'deleteAll', type: 'bool' }],
      default: false,
    },
    closeAfterProperty(
      'A point (or batch) that has waited so long for its partners is joined without them, with `.fill()`, or left out. ' +
        'Default: `[engine] close-after`; 0 waits until they are past its time, as in the original.',
    ),
  ],
  validate(node) {
    checkCloseAfter(node)
    const delimiter = String(node.props.delimiter)
    checkPrefixes(node, node.parents.length, 'joined streams', delimiter === '' ? null : `"${delimiter}"\t`)
  },
  check: checkFill,
  effects(node) {
    const on = stringsOf(node.props.on)
    return {
      reads: [],
      fieldsFrom: (parent, name) => joinSources(node, parent, name),
      groupTagsOnly: true,
      stateful: true,
      stateTags: on.length > 0 ? on : undefined,
    }
  },
  counters: ['evicted_rows', closedByTime],
}

export class JoinOperator extends Operator implements MatchSink {
  private readonly plan: JoinPlan
  private readonly rounder: Rounder
  private readonly groups: OwnGroups
  private readonly hold: GroupHold
  private readonly content: JoinContent
  private readonly sets: JoinSets
  private readonly matches: JoinMatches | null
  private readonly arrival = noArrival()
  /** By set: main's clock when its first message came (with closeAfter). */
  private readonly came: Pages<Float64Array>
  private readonly closeAfterMs: number
  /** By group, for its first set. */
  private readonly timers: TimerSet | null
  private cardinality = 0

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { node } = planned
    const { state } = ctx
    this.plan = joinPlan(planned)
    this.rounder = toleranceOf(node)
    const shape = commonGrouping(node)
    this.groups = new OwnGroups(ctx, shape)
    this.hold = new GroupHold(state)
    const { grouping } = this.groups
    const emit = (chunk: Chunk): void => this.emit(chunk)
    this.content =
      node.edge === 'batch'
        ? new JoinBatches(this.plan, grouping, toleranceOf(node), state, emit)
        : new JoinPoints(this.plan, grouping, state, emit)
    this.closeAfterMs = closeAfterMs(node, ctx)
    this.timers = this.closeAfterMs > 0 ? ctx.timers((g, nowMs) => this.fire(g, nowMs)) : null
    this.came = state.f64()
    const { always, others, slotBytes } = this.content
    this.sets =
      this.timers === null
        ? new JoinSets(state, this.plan.parents, always, others, slotBytes)
        : new JoinSets(state, this.plan.parents, [...always, this.came], others, slotBytes + 8)
    this.content.attach(this.sets)
    this.matches =
      this.plan.on.length === 0
        ? null
        : new JoinMatches(
            ctx,
            {
              plan: this.plan,
              byName: shape.byName,
              content: this.content,
              sets: this.sets,
              groups: this.groups,
              closeAfterMs: this.closeAfterMs,
            },
            this,
          )
  }

  receive(chunk: Chunk, port: number): void {
    const { content, matches, hold } = this
    content.bind(chunk, port)
    const edge = chunk.windows ?? chunk
    const { groups, ms, sub, n } = edge
    const { arrival } = this
    arrival.parent = port
    arrival.name = chunk.name
    arrival.cameMs = this.ctx.now()
    if (matches !== null) {
      for (let i = 0; i < n; i++) {
        this.arrive(ms[i], sub[i], i)
        matches.receive(chunk.grouping, groups[i], arrival)
      }
    } else {
      const ids = this.groups.ofAll(chunk.grouping, groups, n)
      for (let i = 0; i < n; i++) {
        const g = ids[i]
        if (g < 0 || (!hold.has(g) && !this.create(g))) {
          this.refused(content.rowsOf(i))
          continue
        }
        this.arrive(ms[i], sub[i], i)
        this.collect(g, arrival)
      }
    }
    content.flush()
    this.showCardinality()
  }

  /** Entry `index` of the bound chunk is the one that comes. */
  private arrive(ms: number, sub: number, index: number): void {
    const { arrival, rounder } = this
    rounder.round(ms, sub)
    arrival.ms = rounder.ms
    arrival.sub = rounder.sub
    arrival.index = index
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    const g = this.groups.of(grouping, group)
    if (g < 0 || (!this.hold.has(g) && !this.create(g))) return
    this.rounder.round(ms, sub)
    this.sets.setHead(g, port, this.rounder.ms, this.rounder.sub, true)
    this.settle(g)
    this.content.flush()
    this.emitBarrier(this.groups.grouping, g, ms, sub)
    this.showCardinality()
  }

  override deleteGroup(grouping: GroupInfo, group: number, port: number): void {
    this.matches?.deleteGroup(grouping, group, port)
    const g = this.groups.find(grouping, group)
    this.groups.forget(grouping, group)
    if (g < 0 || !this.hold.has(g)) return
    this.forget(g)
    this.emitDelete(this.groups.grouping, g)
    this.groups.grouping.freeIfUnused(g)
    this.showCardinality()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.matches?.evictGroup(grouping, group)
    if (grouping !== this.groups.grouping) this.groups.forget(grouping, group)
    else if (this.hold.has(group)) {
      this.evicted(this.forget(group))
      this.showCardinality()
    }
  }

  override evictRows(bytes: number): number {
    let freed = this.matches?.evict(bytes) ?? 0
    if (freed >= bytes) return freed
    freed += this.sets.evict(bytes - freed, (g, set) => {
      const rows = this.drop(g, set)
      this.evicted(rows)
      return rows * this.content.rowBytes
    })
    return freed
  }

  /** Settles all sets, as if every parent had passed them. */
  override stop(): void {
    this.matches?.stop()
    for (let g = 0; g < this.groups.grouping.capacity; g++) {
      if (!this.hold.has(g)) continue
      for (let set = this.sets.first(g); set >= 0; set = this.sets.first(g)) {
        this.content.emit(g, set)
        this.drop(g, set)
      }
    }
    this.content.flush()
  }

  override dispose(): void {
    this.matches?.dispose()
    this.timers?.dispose()
    this.sets.dispose()
    this.content.dispose()
    this.hold.dispose()
    this.groups.dispose()
  }

  collect(g: number, { parent, ms, sub, name, index, message, cameMs }: Arrival): void {
    const { sets, content } = this
    if (!this.hold.has(g) && !this.create(g)) {
      if (message < 0) this.refused(content.rowsOf(index))
      else this.evicted(content.rowsOfMessage(message))
      return
    }
    const set = sets.place(g, parent, ms, sub)
    let ok = set >= 0
    if (ok) {
      if (this.timers !== null && sets.lowest(set) < 0) this.came.set(set, cameMs)
      ok = message < 0 ? content.put(set, parent, index) : content.send(message, parent, set)
      if (ok) sets.fill(g, set, parent, name)
      else if (sets.lowest(set) < 0) sets.remove(g, set)
    }
    // A waiting message was delivered earlier: it is given up, not refused.
    if (!ok && message < 0) this.refused(content.rowsOf(index))
    else if (!ok) this.evicted(content.rowsOfMessage(message))
    // Also for a refused message: the others must not wait for what will not come.
    sets.setHead(g, parent, ms, sub, false)
    this.settle(g)
  }

  refused(rows: number): void {
    this.ctx.dropped('memory', rows)
  }

  evicted(rows: number): void {
    if (rows > 0) this.ctx.stats.add('evicted_rows', rows)
  }

  private settle(g: number): void {
    this.settleSets(g)
    if (this.timers === null) return
    const first = this.sets.first(g)
    if (first < 0) this.timers.clear(g)
    else this.timers.set(g, this.came.get(first) + this.closeAfterMs)
  }

  /** The first sets of a group that have waited long enough are settled as if every parent had passed them. */
  private fire(g: number, nowMs: number): void {
    const { sets, content } = this
    if (!this.hold.has(g)) return
    let closed = 0
    for (let set = sets.first(g); set >= 0; set = sets.first(g)) {
      if (this.came.get(set) + this.closeAfterMs > nowMs) break
      content.emit(g, set)
      this.drop(g, set)
      closed++
    }
    if (closed > 0) this.ctx.stats.add(closedByTime, closed)
    this.settle(g)
    content.flush()
  }

  /** Emits and removes the sets that wait for nothing any more, in order of time. */
  private settleSets(g: number): void {
    const { sets, content } = this
    for (;;) {
      const oldest = sets.first(g)
      if (oldest < 0) return
      const ms = sets.msOf(oldest)
      const sub = sets.subOf(oldest)
      const strict = sets.mayBeMissing(g, oldest)
      for (let set = oldest; set >= 0 && sets.isAt(set, ms, sub); set = sets.first(g)) {
        if (strict && !sets.isComplete(set)) break
        content.emit(g, set)
        this.drop(g, set)
      }
      // Younger sets, complete or not, wait for the next message.
      if (strict) return
    }
  }

  /** Removes a set with all it holds; returns the rows. */
  private drop(g: number, set: number): number {
    let rows = 0
    for (let p = 0; p < this.plan.parents; p++) if (this.sets.has(set, p)) rows += this.content.free(set, p)
    this.sets.remove(g, set)
    return rows
  }

  private create(g: number): boolean {
    return this.sets.create(g) && this.hold.hold(this.groups.grouping, g)
  }

  private forget(g: number): number {
    let rows = 0
    for (let set = this.sets.first(g); set >= 0; set = this.sets.first(g)) rows += this.drop(g, set)
    this.timers?.clear(g)
    this.hold.release(this.groups.grouping, g)
    return rows
  }

  private showCardinality(): void {
    if (this.hold.size === this.cardinality) return
    this.cardinality = this.hold.size
    this.ctx.stats.set('working_cardinality', this.cardinality)
  }
}

export const joinEntry: OperatorEntry = { def: joinDef, create: (planned, ctx) => new JoinOperator(planned, ctx) }
