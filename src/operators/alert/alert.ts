/**
 * `alert`: gives each point (or batch) of a group a level, decides whether an event is due, renders it and hands it to main
 * (spec alerts 3 to 8). Thread: shard worker.
 *
 * Rows of a group that stays OK cost one status byte: all predicates are evaluated over the chunk beforehand and such rows
 * are skipped. Event frames leave in row order; the rows that produced events are handed on once per chunk.
 */

import { FrameWriter, type InhibitorState } from '../../alert-handlers/event-frame.js'
import { InhibitionTable } from '../../alert-handlers/inhibition.js'
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { rowOfPoint, rowOfWindow } from '../../columns/json-encode.js'
import type { Row } from '../../columns/point.js'
import { nsOf, type Span, spanOf } from '../../columns/time.js'
import { Duration, type Value } from '../../columns/values.js'
import { compileLambda } from '../../lambda/compile.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Grouping } from '../../state/grouping.js'
import { Lambda, type PipelineNode } from '../../tickscript/node-def.js'
import { Out } from '../../transport/output.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'
import { type Annotation, Annotator } from './alert-annotate.js'
import {
  alertDef,
  anonymousTopic,
  type InhibitCall,
  inhibitCalls,
  levelNames,
  predicateProps,
  resetProps,
  textProp,
} from './alert-def.js'
import { LevelPredicate, LevelRule } from './alert-levels.js'
import { AlertRenderer } from './alert-render.js'
import { AlertState, type FlappingOptions, inhibitingBit, knownBit } from './alert-state.js'

/** What main hands to the node with the task: what the configuration adds to the script (OperatorContext.nodeData). */
export interface AlertNodeData {
  /** A `global` handler with `state-changes-only` is set on the node. */
  readonly stateChangesOnly: boolean
  /** The node has handlers of its own topic, whether the script gives them or not. */
  readonly anonymous: boolean
}

function flappingOf(node: PipelineNode): FlappingOptions | null {
  const { flapLow, flapHigh, history } = node.props
  if (typeof flapLow !== 'number' || typeof flapHigh !== 'number') return null
  const size = typeof history === 'bigint' ? Number(history) : 21
  return { low: flapLow, high: flapHigh, history: Math.min(Math.max(size, 2), 30_000) }
}

const noOutcomes = new Uint8Array(0)

export class AlertOperator extends Operator {
  private readonly rule: LevelRule
  private readonly state: AlertState
  private readonly renderer: AlertRenderer
  private readonly annotator: Annotator
  private readonly frames = new FrameWriter()
  private readonly flapping: boolean
  private readonly interval: Span
  private readonly noRecoveries: boolean
  private readonly all: boolean
  private readonly category: string
  private readonly inhibits: readonly InhibitCall[]
  /** Of a node that inhibits events like its own: its inhibitors that are on. Main has those of all nodes. */
  private readonly ownInhibitors: InhibitionTable | null
  private readonly topic: string
  private readonly anonymous: string
  private readonly stateChangesOnly: boolean
  private zeros = noOutcomes
  /** Rows or windows of the current chunk that produced an event. */
  private emitted: number[] = []
  private notes: Annotation[] = []
  private groups = 0

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const { node } = planned
    const { props } = node
    this.renderer = new AlertRenderer(node, ctx)
    this.annotator = new Annotator(node, ctx)
    const flapping = flappingOf(node)
    this.flapping = flapping !== null
    this.state = new AlertState(ctx.state, flapping)
    this.rule = new LevelRule(
      predicateProps.map((p, l) => this.predicate(node, p, l, 'error evaluating expression for level')),
      resetProps.map((p, l) => this.predicate(node, p, l, 'error evaluating reset expression for current level')),
    )
    const given = ctx.nodeData as AlertNodeData | undefined
    this.stateChangesOnly = props.stateChangesOnly === true || given?.stateChangesOnly === true
    this.interval = spanOf(props.maxInterval instanceof Duration ? props.maxInterval.ns : 0n)
    this.noRecoveries = props.noRecoveries === true
    this.all = props.all === true
    this.category = textProp(node, 'category', '')
    this.inhibits = inhibitCalls(node)
    this.ownInhibitors = this.inhibits.some((i) => i.category === this.category) ? new InhibitionTable() : null
    this.topic = textProp(node, 'topic', '')
    const anonymous = given?.anonymous ?? node.handlers.length > 0
    this.anonymous = anonymous ? anonymousTopic(ctx.taskId, ctx.nodeName, ctx.taskMaster) : ''
  }

  receive(chunk: Chunk): void {
    this.rule.begin()
    if (chunk.windows === null) this.receiveRows(chunk)
    else this.receiveWindows(chunk)
    if (this.emitted.length === 0) return
    const { emitted, notes } = this
    this.emitted = []
    this.notes = []
    if (this.edges.length === 0) return
    this.emit(
      chunk.windows === null
        ? this.annotator.stream(chunk, emitted, notes)
        : this.annotator.batch(chunk, emitted, notes),
    )
  }

  /** Behind annotated batches the groups are others, one per level: they have no barriers and leave by being idle. */
  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    if (!this.annotator.regroups) this.emitBarrier(grouping, group, ms, sub)
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.evictGroup(grouping, group)
    if (!this.annotator.regroups) this.emitDelete(grouping, group)
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const status = this.state.statusOf(group)
    if ((status & knownBit) === 0) return
    if ((status & inhibitingBit) !== 0) this.sendInhibit(grouping, group, false)
    this.state.clear(group)
    if (grouping instanceof Grouping) grouping.release(group)
    this.ctx.stats.set('working_cardinality', --this.groups)
  }

  override dispose(): void {
    this.rule.dispose()
    this.state.dispose()
    this.annotator.dispose()
  }

  private predicate(node: PipelineNode, prop: string, level: number, message: string): LevelPredicate | null {
    const lambda = prop === '' ? null : node.props[prop]
    if (!(lambda instanceof Lambda)) return null
    const { ctx } = this
    const compiled = compileLambda(lambda, {
      errorPrefix: `Failed to compile stateful expression for ${prop}: `,
      state: ctx.state,
      nowNs: ctx.nowNs,
    })
    const extra = { level: levelNames[level] }
    return new LevelPredicate(compiled, (text, n) => ctx.error(message, text, n, extra))
  }

  private receiveRows(chunk: Chunk): void {
    const { n, groups } = chunk
    if (!this.rule.vectorised) {
      for (let r = 0; r < n; r++) this.row(chunk, r, groups[r])
      return
    }
    const zeros = this.zerosFor(n)
    const crit = this.rule.outcomes(chunk, 3) ?? zeros
    const warn = this.rule.outcomes(chunk, 2) ?? zeros
    const info = this.rule.outcomes(chunk, 1) ?? zeros
    const idle = this.state.idleStatus
    const { pages, shift, mask } = this.state.status
    for (let r = 0; r < n; r++) {
      const g = groups[r]
      if ((crit[r] | warn[r] | info[r]) === 0) {
        const page = pages[g >> shift]
        if (page !== undefined && page[g & mask] === idle) continue
      }
      this.row(chunk, r, g)
    }
  }

  private zerosFor(n: number): Uint8Array {
    if (this.zeros.length < n) this.zeros = new Uint8Array(Math.max(n, 8192))
    return this.zeros
  }

  private row(chunk: Chunk, row: number, group: number): void {
    const { state } = this
    if (!this.prepare(chunk, row, group)) return
    const current = state.status.get(group) & 3
    const level = this.rule.level(chunk, row, current)
    if (level === 0 && state.status.get(group) === state.idleStatus) return
    if (!state.ensure(group)) {
      this.ctx.dropped('memory', 1)
      return
    }
    const ms = chunk.ms[row]
    const sub = chunk.sub[row]
    const changed = level !== current
    state.addEvent(group, level)
    if (this.flapping && state.isFlapping(group)) return
    if (this.stateChangesOnly && !changed && !this.expired(group, ms, sub)) return
    if (level === 0 && !changed) return
    this.triggered(chunk.grouping, group, ms, sub, level)
    if (this.noRecoveries && level === 0) return
    this.event(chunk, { at: row, row, group, level, ms, sub })
  }

  private receiveWindows(chunk: Chunk): void {
    const windows = chunk.windows!
    for (let w = 0; w < windows.n; w++) {
      if (windows.starts[w] < windows.ends[w]) this.window(chunk, w)
    }
  }

  private window(chunk: Chunk, w: number): void {
    const { state } = this
    const windows = chunk.windows!
    const group = windows.groups[w]
    const start = windows.starts[w]
    if (!this.prepare(chunk, start, group)) return
    const current = state.status.get(group) & 3
    let low = 3
    let high = -1
    let highest = start
    for (let r = start; r < windows.ends[w]; r++) {
      const l = this.rule.level(chunk, r, current)
      if (l < low) low = l
      if (l > high) {
        high = l
        highest = r
      }
    }
    const level = this.all ? low : high
    if (level === 0 && state.status.get(group) === state.idleStatus) return
    if (!state.ensure(group)) {
      this.ctx.dropped('memory', windows.ends[w] - start)
      return
    }
    const atEnd = this.all || level === 0
    const ms = atEnd ? windows.ms[w] : chunk.ms[highest]
    const sub = atEnd ? windows.sub[w] : chunk.sub[highest]
    const changed = level !== current
    state.addEvent(group, level)
    if (level === 0) {
      if (!changed) return
    } else {
      if (this.flapping && state.isFlapping(group)) return
      if (this.stateChangesOnly && !changed && !this.expired(group, ms, sub)) return
    }
    this.triggered(chunk.grouping, group, ms, sub, level)
    if (this.noRecoveries && level === 0) return
    this.event(chunk, { at: w, row: highest, group, level, ms, sub })
  }

  /** Makes a group known at its first row: restores its level. False: no memory, the row is dropped. */
  private prepare(chunk: Chunk, row: number, group: number): boolean {
    const { state } = this
    if ((state.statusOf(group) & knownBit) !== 0) return true
    if (!state.add(group)) {
      this.ctx.dropped('memory', 1)
      return false
    }
    if (chunk.grouping instanceof Grouping) chunk.grouping.retain(group)
    this.ctx.stats.set('working_cardinality', ++this.groups)
    this.restore(chunk, row, group)
    return true
  }

  private restore(chunk: Chunk, row: number, group: number): void {
    const states = this.ctx.topicStates
    if (states === undefined) return
    const anonymous = this.anonymous !== '' && states.has(this.anonymous)
    const named = this.topic !== '' && states.has(this.topic)
    if (!anonymous && !named) return
    const id = this.renderer.renderId(chunk, row, group)
    const own = anonymous ? states.get(this.anonymous, id) : undefined
    const shared = named ? states.get(this.topic, id) : undefined
    const stored = own ?? shared
    if (stored === undefined) return
    if (own !== undefined && this.topic !== '' && shared?.level !== own.level) {
      this.sync(this.anonymous, this.topic, id)
      if (shared !== undefined) states.sent(this.topic, id, own.level, own.timeNs)
    } else if (own === undefined && this.anonymous !== '') {
      this.sync(this.topic, this.anonymous, id)
      states.sent(this.anonymous, id, stored.level, stored.timeNs)
    }
    if (!this.state.ensure(group)) return
    const at = spanOf(stored.timeNs)
    this.state.addEvent(group, stored.level)
    this.triggered(chunk.grouping, group, at.ms, at.sub, stored.level)
  }

  /** The topics of the node take the event's state. */
  private stored(id: string, level: number, timeNs: bigint): void {
    const states = this.ctx.topicStates
    if (this.anonymous !== '') states?.sent(this.anonymous, id, level, timeNs)
    if (this.topic !== '') states?.sent(this.topic, id, level, timeNs)
  }

  private sync(from: string, to: string, id: string): void {
    this.ctx.outbox.send(Out.Alert, this.ctx.nodeIndex, this.frames.restore(from, to, id))
  }

  private expired(group: number, ms: number, sub: number): boolean {
    return this.interval.ns !== 0n && this.state.expired(group, ms, sub, this.interval.ms, this.interval.sub)
  }

  private triggered(grouping: GroupInfo, group: number, ms: number, sub: number, level: number): void {
    this.state.triggered(group, ms, sub)
    if (this.inhibits.length === 0) return
    const on = level !== 0
    if (((this.state.status.get(group) & inhibitingBit) !== 0) !== on) this.sendInhibit(grouping, group, on)
  }

  private sendInhibit(grouping: GroupInfo, group: number, on: boolean): void {
    this.state.setInhibiting(group, on)
    const names = grouping.tagNames(group)
    const values = grouping.tagValues(group)
    const inhibitors: InhibitorState[] = this.inhibits.map(({ category, tags }) => ({
      category,
      tags: tags.map((t) => [t, names.includes(t) ? values[names.indexOf(t)] : ''] as const),
    }))
    this.ownInhibitors?.apply(0, 0, 0, { on, group, inhibitors })
    this.ctx.outbox.send(Out.Inhibit, this.ctx.nodeIndex, this.frames.inhibit(on, group, inhibitors))
  }

  private event(chunk: Chunk, { at, row, group, level, ms, sub }: Occasion): void {
    const timeNs = nsOf(ms, sub)
    const durationNs = this.state.durationNs(group)
    const rendered = this.renderer.render(chunk, row, group, { level, timeNs, durationNs })
    const head = {
      ...rendered,
      level,
      recoverable: !this.noRecoveries,
      ms,
      sub,
      timeNs,
      durationNs,
      acceptedMs: this.ctx.now(),
      name: chunk.name,
      category: this.category,
    }
    const isPoint = chunk.windows === null
    const series = [isPoint ? rowOfPoint(chunk, row, group) : rowOfWindow(chunk, at)]
    const frame = this.frames.event(head, series, isPoint ? null : rowOfFields(chunk.fieldsOf(row)))
    this.ctx.outbox.send(Out.Alert, this.ctx.nodeIndex, frame)
    if (this.ownInhibitors?.isInhibited(head) !== true) this.stored(rendered.id, level, timeNs)
    this.emitted.push(at)
    this.notes.push({ level, id: rendered.id, message: rendered.message, durationNs })
  }
}

/** Of what and when an event is. */
interface Occasion {
  /** The row, or the window on a batch edge. */
  readonly at: number
  /** The row whose fields the event shows. */
  readonly row: number
  readonly group: number
  readonly level: number
  readonly ms: number
  readonly sub: number
}

function rowOfFields(fields: ReadonlyMap<string, Value>): Row {
  return { name: '', tags: new Map(), columns: [...fields.keys()], values: [[...fields.values()]] }
}

export const alertEntry: OperatorEntry = { def: alertDef, create: (planned, ctx) => new AlertOperator(planned, ctx) }
