/**
 * window (spec nodes 4.6) over kept rows: every mode. Thread: shard worker. The form over panes is fused-window.ts.
 *
 * Rows stay in arrival order in a RowStore and leave from its front only (which of them: window-ring.ts). At most one batch is emitted per message; a batch
 * may be empty. A time window never passes a barrier on; a count window passes it on and does nothing else with it.
 */

import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { checkCloseAfter, closeAfterMs, closeAfterProperty, closedByTime } from '../kit/close-after.js'
import { builderOptions, layoutOf, type RowLayout, RowStore } from '../kit/row-store.js'
import { WindowGroups } from '../kit/window-groups.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { whyRows } from './fusing.js'
import { WindowCloser } from './window-closer.js'
import { ns, type WindowOptions, windowOptions } from './window-options.js'
import { WindowRing } from './window-ring.js'
import type { WindowSchedule } from './window-schedule.js'

interface Space {
  readonly groups: WindowGroups
  readonly rows: RowStore
  /** Time windows only. */
  readonly ring: WindowRing
  closer: WindowCloser | null
}

class WindowOperator extends Operator {
  private readonly layout: RowLayout
  private readonly out: ChunkBuilder
  private readonly spaces = new Map<GroupInfo, Space>()
  private space: Space | null = null
  private cardinality = 0
  private readonly schedule: WindowSchedule
  private readonly closeAfterMs: number

  constructor(
    planned: PlannedNode,
    ctx: OperatorContext,
    private readonly options: WindowOptions,
  ) {
    super(ctx)
    this.layout = layoutOf(planned)
    this.schedule = options.schedule
    this.closeAfterMs = options.periodCount === 0 && this.schedule.every.ns > 0n ? closeAfterMs(planned.node, ctx) : 0
    this.out = new ChunkBuilder({ ...builderOptions(this.layout), batch: true }, (c) => this.emit(c))
  }

  receive(chunk: Chunk): void {
    const space = this.spaceOf(chunk.grouping)
    space.rows.bind(chunk)
    if (this.options.periodCount > 0) this.countRows(chunk, space)
    else if (this.schedule.every.ns > 0n) this.timeRows(chunk, space)
    else this.everyRow(chunk, space)
    this.out.flush()
    this.showCardinality()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number, port: number): void {
    const space = this.spaceOf(grouping)
    const known = space.groups.has(group) || this.create(space, group, 'barrier', ms, sub)
    if (this.options.periodCount > 0) {
      super.barrier(grouping, group, ms, sub, port)
    } else if (known) {
      if (space.groups.isDue(group, ms, sub)) {
        if (this.schedule.every.ns > 0n) this.emitDue(space, group, ms, sub)
        else this.emitNow(space, group, ms, sub)
        space.closer?.restart(group)
        this.out.flush()
      }
      space.closer?.see(group, this.ctx.now() - ms)
    }
    this.showCardinality()
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    if (!this.forget(grouping, group)) return
    this.emitDelete(grouping, group)
    this.showCardinality()
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const rows = this.spaces.get(grouping)?.rows.count(group) ?? 0
    if (!this.forget(grouping, group)) return
    if (rows > 0) this.countEvicted(rows)
    this.showCardinality()
  }

  override evictRows(bytes: number): number {
    let freed = 0
    for (const { rows, ring } of this.spaces.values()) {
      if (freed >= bytes) break
      freed += rows.evict(bytes - freed, (group, n) => {
        if (this.options.periodCount === 0) ring.skip(group, n)
        this.countEvicted(n)
      })
    }
    return freed
  }

  override dispose(): void {
    for (const { groups, rows, ring, closer } of this.spaces.values()) {
      groups.dispose()
      rows.dispose()
      ring.dispose()
      closer?.dispose()
    }
    this.spaces.clear()
    this.space = null
  }

  /** Time windows with every > 0: an emission comes before the row that causes it. */
  private timeRows(chunk: Chunk, space: Space): void {
    const { groups, closer } = space
    const now = this.ctx.now()
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      if (!groups.has(g) && !this.create(space, g, chunk.name, chunk.ms[r], chunk.sub[r])) {
        this.ctx.dropped('memory', 1)
        continue
      }
      if (groups.isDue(g, chunk.ms[r], chunk.sub[r])) {
        this.emitDue(space, g, chunk.ms[r], chunk.sub[r])
        closer?.restart(g)
      }
      this.store(space, g, r)
      closer?.see(g, now - chunk.ms[r])
    }
  }

  /** Time windows with every = 0: each row that is not late emits what is within the period before it, itself included. */
  private everyRow(chunk: Chunk, space: Space): void {
    const { groups } = space
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      if (!groups.has(g) && !this.create(space, g, chunk.name, chunk.ms[r], chunk.sub[r])) {
        this.ctx.dropped('memory', 1)
        continue
      }
      this.store(space, g, r)
      if (groups.isDue(g, chunk.ms[r], chunk.sub[r])) this.emitNow(space, g, chunk.ms[r], chunk.sub[r])
    }
  }

  private store(space: Space, group: number, row: number): void {
    const count = space.rows.count(group)
    if (space.rows.append(group, row)) space.ring.insert(group, count)
    else this.ctx.dropped('memory', 1)
  }

  private countRows(chunk: Chunk, space: Space): void {
    const { groups, rows } = space
    const { periodCount, everyCount } = this.options
    for (let r = 0; r < chunk.n; r++) {
      const g = chunk.groups[r]
      if (!groups.has(g) && !this.create(space, g, chunk.name, 0, 0)) {
        this.ctx.dropped('memory', 1)
        continue
      }
      if (!rows.append(g, r)) {
        this.ctx.dropped('memory', 1)
        continue
      }
      if (rows.count(g) > periodCount) rows.dropFront(g)
      const left = groups.dueMs.get(g) - 1
      groups.dueMs.set(g, left > 0 ? left : everyCount)
      if (left <= 0) this.emitRows(space, g, chunk.ms[r], chunk.sub[r])
    }
  }

  private emitDue(space: Space, group: number, ms: number, sub: number): void {
    const { groups, rows, ring } = space
    const dueMs = groups.dueMs.get(group)
    const dueSub = groups.dueSub(group)
    this.schedule.start(dueMs, dueSub)
    ring.purge(group, rows, this.schedule.ms, this.schedule.sub, false)
    this.emitRows(space, group, dueMs, dueSub)
    this.schedule.after(ms, sub)
    groups.setDue(group, this.schedule.ms, this.schedule.sub)
  }

  private emitNow(space: Space, group: number, ms: number, sub: number): void {
    this.schedule.start(ms, sub)
    space.ring.purge(group, space.rows, this.schedule.ms, this.schedule.sub, true)
    this.emitRows(space, group, ms, sub)
    space.groups.setDue(group, ms, sub)
  }

  private emitRows(space: Space, group: number, ms: number, sub: number): void {
    const { groups, rows } = space
    this.out.begin(groups.nameOf(group), '', '', groups.grouping)
    this.out.beginWindow(group, ms, sub)
    rows.copyTo(group, groups.grouping, this.out)
    this.out.endWindow()
  }

  private create(space: Space, group: number, name: string, ms: number, sub: number): boolean {
    if (this.options.periodCount > 0) {
      const { fillPeriod, periodCount, everyCount } = this.options
      return space.groups.addDue(group, name, fillPeriod ? periodCount : everyCount, 0)
    }
    if (!space.ring.add(group) || space.closer?.open(group) === false) return false
    this.schedule.first(ms, sub)
    return space.groups.addDue(group, name, this.schedule.ms, this.schedule.sub)
  }

  private forget(grouping: GroupInfo, group: number): boolean {
    const space = this.spaces.get(grouping)
    if (space === undefined || !space.groups.has(group)) return false
    space.rows.clear(group)
    space.groups.remove(group)
    space.closer?.forget(group)
    return true
  }

  private spaceOf(grouping: GroupInfo): Space {
    if (this.space !== null && this.space.groups.grouping === grouping) return this.space
    let space = this.spaces.get(grouping)
    if (space === undefined) {
      space = {
        groups: new WindowGroups(this.ctx.state, grouping),
        rows: new RowStore(this.ctx.state, this.layout),
        ring: new WindowRing(this.ctx.state),
        closer: null,
      }
      if (this.closeAfterMs > 0) space.closer = this.closerOf(space)
      this.spaces.set(grouping, space)
    }
    this.space = space
    return space
  }

  private closerOf(space: Space): WindowCloser {
    const { groups } = space
    return new WindowCloser(this.ctx, this.closeAfterMs, {
      dueOf: (group) => groups.dueMs.get(group) + (groups.dueSub(group) > 0 ? 1 : 0),
      close: (group) => this.closeDue(space, group),
    })
  }

  /** The window of a group ends without a message: as if a barrier came at its due time, but an empty one is not emitted. */
  private closeDue(space: Space, group: number): boolean {
    if (!this.purgeDue(space, group)) return false
    this.ctx.stats.add(closedByTime, 1)
    this.emitDue(space, group, space.groups.dueMs.get(group), space.groups.dueSub(group))
    this.out.flush()
    return this.purgeDue(space, group)
  }

  /** Drops the rows that are too old for the window that is due next. False: none is left, and the ring begins anew. */
  private purgeDue({ groups, rows, ring }: Space, group: number): boolean {
    this.schedule.start(groups.dueMs.get(group), groups.dueSub(group))
    ring.purge(group, rows, this.schedule.ms, this.schedule.sub, false)
    if (rows.count(group) > 0) return true
    ring.add(group)
    return false
  }

  private countEvicted(rows: number): void {
    this.ctx.stats.add('evicted_rows', rows)
    this.ctx.stats.add('evicted_windows', 1)
  }

  private showCardinality(): void {
    let n = 0
    for (const { groups } of this.spaces.values()) n += groups.size
    if (n === this.cardinality) return
    this.cardinality = n
    this.ctx.stats.set('working_cardinality', n)
  }
}

function reject(text: string, status = 400): never {
  throw new ShardlineError(status === 400 ? 'invalid-tickscript' : 'task-start', text, status)
}

function count(node: PipelineNode, name: string): bigint {
  const v = node.props[name]
  return typeof v === 'bigint' ? v : 0n
}

/** Counts beyond this cannot be held in a window anyway. */
const maxCount = 2n ** 31n - 1n

export const windowDef: NodeDef = {
  method: 'window',
  kind: 'window',
  goType: 'WindowNode',
  doc:
    'Collects the points of each group and emits them as a batch, by time (`.period`, `.every`) or by number ' +
    '(`.periodCount`, `.everyCount`). A time window emits when a point or a barrier arrives at or after its due time; the ' +
    'point that causes it belongs to the next window. With `.every(0s)` each point emits the period before it.',
  accepts: 'stream',
  emits: 'batch',
  edgeError: 'cannot Window batch edge',
  args: [],
  properties: [
    duration('period', 'Length of a window.'),
    duration('every', 'How often the window is emitted; 0 emits on every point.'),
    {
      name: 'align',
      doc: 'Due times are multiples of `every`, counted from year 1, or from the optional offset after it.',
      form: 'method',
      args: [{ name: 'offset', type: 'duration', variadic: true, optional: true }],
      apply(node, args) {
        if (args.length > 1) reject('reflect: Call with too many input arguments')
        node.props.align = true
        node.props.alignOffset = args[0] ?? null
      },
      default: false,
    },
    flag('fillPeriod', 'The first emission waits until a whole period has passed.'),
    int('periodCount', 'Number of points in a window.'),
    int('everyCount', 'Emit after so many points.'),
    closeAfterProperty(
      'A window by time with points in it is emitted so long after its due time although no point or barrier comes. ' +
        'Default: `[engine] close-after`; 0 waits for one, as in the original.',
    ),
  ],
  validate(node) {
    checkCloseAfter(node)
    const { closeAfter } = node.props
    const byTime = count(node, 'periodCount') === 0n && ns(node.props.every) > 0n
    if (ns(closeAfter) > 0n && !byTime) reject('closeAfter is for windows by time, with every greater than zero')
    if (count(node, 'periodCount') < 0n) reject('periodCount must not be negative')
    if (count(node, 'everyCount') < 0n) reject('everyCount must be greater than zero')
    if (ns(node.props.period) < 0n) reject('period must not be negative')
    if (ns(node.props.every) < 0n) reject('every must not be negative')
    if (count(node, 'periodCount') > maxCount || count(node, 'everyCount') > maxCount)
      reject(`periodCount and everyCount must not be greater than ${maxCount}`)
    if (count(node, 'periodCount') === 0n) return
    if (ns(node.props.period) !== 0n) reject('cannot specify both period and periodCount')
    if (node.props.align === true) reject('can only align windows based off time, not count')
    if (count(node, 'everyCount') === 0n) reject('everyCount must be greater than zero')
  },
  check(node) {
    if (ns(node.props.period) === 0n && count(node, 'periodCount') === 0n)
      reject('window node must have either a non zero period or non zero period count', 500)
  },
  effects: () => ({ reads: [], stateful: true }),
  keepsPanes: (node, children) => whyRows(node, children) === null,
  counters: ['evicted_rows', 'evicted_windows', closedByTime],
}

function duration(name: string, doc: string) {
  return {
    name,
    doc,
    form: 'field' as const,
    args: [{ name: 'duration', type: 'duration' as const }],
    default: new Duration(0n),
  }
}

function flag(name: string, doc: string) {
  return { name, doc, form: 'flag' as const, args: [], default: false }
}

function int(name: string, doc: string) {
  return { name, doc, form: 'field' as const, args: [{ name: 'count', type: 'int' as const }], default: 0n }
}

export const windowEntry: OperatorEntry = {
  def: windowDef,
  create: (planned, ctx) => new WindowOperator(planned, ctx, windowOptions(planned.node)),
}
