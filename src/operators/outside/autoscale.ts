/**
 * What k8sAutoscale, swarmAutoscale and ec2Autoscale share. Thread: shard worker; calls to the cluster are made on main
 * (sinks/autoscale/autoscale-sink.ts), one at a time per node.
 *
 * Rows, barriers and deletes go through one queue in order. While a call is out everything waits behind it, as in the
 * original; the shard does not. The state of a resource is keyed by its name alone and shared by all groups, so the task runs
 * on one shard.
 *
 *   frame   JSON ScaleCall
 */
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { type Column, encodeUtf8, setInt64 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { nsOf, spanOf } from '../../columns/time.js'
import { missing, Timestamp, type Value } from '../../columns/values.js'
import { errorText } from '../../errors.js'
import { compileLambda } from '../../lambda/compile.js'
import type { CompiledLambda } from '../../lambda/lambda.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Grouping } from '../../state/grouping.js'
import { Lambda, type PipelineNode } from '../../tickscript/node-def.js'
import { Out } from '../../transport/output.js'
import { CellReader, setCell } from '../kit/cells.js'
import { GroupHold } from '../kit/group-hold.js'
import { durationOf, intOf, textOf } from '../kit/script-props.js'
import { RowGroups } from '../kit/select-rows.js'
import { Operator, type OperatorContext } from '../operator.js'

/** What main is asked for. */
export interface ScaleCall {
  readonly request: number
  readonly op: 'get' | 'set'
  readonly resource: Resource
  /** Of 'set'. */
  readonly count: number
}

/** What main answers, always: after its deadline with an error. */
export interface ScaleAnswer {
  readonly what: 'scale'
  readonly request: number
  /** Of 'get'. */
  readonly count: number
  readonly error: string
}

/** Names a thing in a cluster. `namespace` and `kind` are Kubernetes'. */
export interface Resource {
  readonly name: string
  readonly namespace: string
  readonly kind: string
}

/** Where a node finds the name of its resource, and what it adds to its output. */
export interface AutoscaleTarget {
  /** '' = from `tag`. */
  readonly name: string
  readonly tag: string
  readonly namespace: string
  readonly kind: string
  /** Tags of the output, by name. */
  readonly outputTags: readonly { readonly tag: string; readonly part: keyof Resource }[]
}

/** Rows of one node that may wait; what comes beyond is dropped and counted. */
const maxHeldRows = 10_000
/** After a failed call the next points of the resource fail without one for so long. */
const retryMs = 1000
const maxFailures = 1000

interface ResourceState {
  current: bigint
  lastIncreaseNs: bigint | null
  lastDecreaseNs: bigint | null
}

interface Row {
  readonly kind: 'row'
  readonly grouping: GroupInfo
  readonly group: number
  readonly name: string
  readonly ns: bigint
  readonly resource: string
  readonly isBatch: boolean
  /** By index of the lambda's references; `clash` names one that is both a field and a tag. */
  readonly values: readonly Value[]
  readonly clash: string
}

type Held =
  | Row
  | {
      readonly kind: 'barrier'
      readonly grouping: GroupInfo
      readonly group: number
      readonly ms: number
      readonly sub: number
    }
  | { readonly kind: 'delete'; readonly grouping: GroupInfo; readonly group: number }

/** What the answer of the call under way is for. */
interface Waiting {
  readonly op: 'get' | 'set'
  readonly row: Row
  readonly request: number
  /** Of 'set'. */
  readonly to: bigint
  /** The row's group was evicted meanwhile: the answer counts, but nothing is emitted. */
  evicted: boolean
}

/** The columns that a row's values and name are taken from. */
interface RowColumns {
  readonly fields: readonly (Column | null)[]
  readonly tags: readonly (Column | null)[]
  readonly names: Column | null
}

export class AutoscaleOperator extends Operator {
  private readonly lambda: CompiledLambda
  private readonly currentField: string
  private readonly min: bigint
  private readonly max: bigint
  private readonly increaseCooldownNs: bigint
  private readonly decreaseCooldownNs: bigint
  private readonly states = new Map<string, ResourceState>()
  private readonly failures = new Map<string, { readonly untilMs: number; readonly text: string }>()
  private queue: Held[] = []
  private heldRows = 0
  private readonly heldOf = new Map<number, number>()
  private readonly hold: GroupHold
  private waiting: Waiting | null = null
  /** A call from before a crash of the shard must not answer one of ours. */
  private nextRequest = Math.floor(Math.random() * 2 ** 30)
  private readonly cells = new CellReader()
  private readonly rowGroups = new RowGroups()
  private readonly out: ChunkBuilder

  constructor(
    { node }: PlannedNode,
    ctx: OperatorContext,
    private readonly target: AutoscaleTarget,
  ) {
    super(ctx)
    this.hold = new GroupHold(ctx.state)
    this.lambda = compileLambda(replicasOf(node), {
      errorPrefix: 'could not compile replicas lambda: ',
      state: ctx.state,
      nowNs: ctx.nowNs,
    })
    this.currentField = textOf(node, 'currentField')
    this.min = intOf(node, 'min')
    this.max = intOf(node, 'max')
    this.increaseCooldownNs = durationOf(node, 'increaseCooldown')
    this.decreaseCooldownNs = durationOf(node, 'decreaseCooldown')
    const tags = target.outputTags.map((t) => t.tag)
    this.out = new ChunkBuilder({ fields: ['old', 'new'], tags, groupTags: true }, (c) => this.emit(c))
  }

  receive(chunk: Chunk): void {
    const { cells, lambda, target } = this
    cells.begin()
    const fields = lambda.references.map((name) => cells.field(chunk, name))
    const tags = lambda.references.map((name) => cells.tag(chunk, name))
    const from = { fields, tags, names: target.name === '' ? cells.tag(chunk, target.tag) : null }
    const groups = this.rowGroups.of(chunk)
    if (chunk.windows === null) {
      for (let r = 0; r < chunk.n; r++) this.take(this.rowOf(chunk, r, groups[r], from))
    } else {
      const { n, starts, ends } = chunk.windows
      for (let w = 0; w < n; w++)
        for (let r = starts[w]; r < ends[w]; r++) this.take(this.rowOf(chunk, r, groups[r], from))
    }
    this.out.flush()
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    if (this.waiting === null) this.emitBarrier(grouping, group, ms, sub)
    else this.keep({ kind: 'barrier', grouping, group, ms, sub })
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    if (this.waiting === null) this.forget(grouping, group)
    else this.keep({ kind: 'delete', grouping, group })
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    const mine = (h: Held): boolean => h.group === group && h.grouping === grouping
    this.queue = this.queue.filter((h) => !mine(h))
    this.heldRows -= this.heldOf.get(group) ?? 0
    this.heldOf.delete(group)
    if (this.waiting !== null && mine(this.waiting.row)) this.waiting.evicted = true
    if (this.hold.release(grouping, group)) this.lambda.dropState(group)
  }

  override control(message: unknown): unknown {
    const answer = message as ScaleAnswer
    const { waiting } = this
    if (answer?.what !== 'scale' || waiting === null || answer.request !== waiting.request) return undefined
    this.waiting = null
    const { row, evicted } = waiting
    if (answer.error !== '') this.callFailed(waiting, answer.error)
    else if (waiting.op === 'set') this.applied(waiting)
    else {
      this.states.set(row.resource, { current: BigInt(answer.count), lastIncreaseNs: null, lastDecreaseNs: null })
      if (!evicted) this.handle(row)
    }
    if (!evicted) this.releaseCaller(row)
    this.resume()
    return undefined
  }

  /** Rows behind a call whose answer will not come in time are lost, as queued points are in the original. */
  override stop(): void {
    const rows = this.queue.filter((h) => h.kind === 'row').length + (this.waiting === null ? 0 : 1)
    if (rows > 0) this.ctx.error('error handling point', 'the task stopped before the cluster answered', rows)
  }

  override dispose(): void {
    this.queue.length = 0
    this.hold.dispose()
    this.lambda.dispose()
  }

  // The queue

  private take(row: Row): void {
    if (this.lambda.stateful && !this.hold.hold(row.grouping, row.group)) {
      this.ctx.dropped('memory', 1)
      return
    }
    if (this.waiting === null) this.handle(row)
    else this.keep(row)
  }

  private keep(h: Held): void {
    if (this.heldRows >= maxHeldRows || !this.hold.hold(h.grouping, h.group)) {
      if (h.kind !== 'row') return
      this.ctx.dropped('memory', 1)
      this.report(h, 'too many points wait for the cluster')
      return
    }
    this.heldRows++
    this.heldOf.set(h.group, (this.heldOf.get(h.group) ?? 0) + 1)
    this.queue.push(h)
  }

  private resume(): void {
    let k = 0
    for (; k < this.queue.length && this.waiting === null; k++) {
      const h = this.queue[k]
      this.unkeep(h)
      if (h.kind === 'row') this.handle(h)
      else {
        this.out.flush()
        if (h.kind === 'barrier') this.emitBarrier(h.grouping, h.group, h.ms, h.sub)
        else this.forget(h.grouping, h.group)
      }
    }
    this.queue.splice(0, k)
    this.out.flush()
  }

  private unkeep(h: Held): void {
    this.heldRows--
    const left = this.heldOf.get(h.group)! - 1
    if (left > 0) this.heldOf.set(h.group, left)
    else this.heldOf.delete(h.group)
    // A row that goes on to call keeps its group again.
    if (left === 0 && !this.lambda.stateful) this.hold.release(h.grouping, h.group)
  }

  private forget(grouping: GroupInfo, group: number): void {
    if (this.hold.release(grouping, group)) this.lambda.dropState(group)
    this.emitDelete(grouping, group)
    if (grouping instanceof Grouping) grouping.freeIfUnused(group)
  }

  // One row

  private rowOf(chunk: Chunk, r: number, group: number, { fields, tags, names }: RowColumns): Row {
    const values: Value[] = []
    let clash = ''
    for (let i = 0; i < fields.length; i++) {
      const field = present(fields[i], r)
      const tag = present(tags[i], r)
      if (field !== null && tag !== null && clash === '') clash = this.lambda.references[i]
      values.push(field !== null ? field.get(r) : tag !== null ? tag.get(r) : missing)
    }
    const { target } = this
    const resource = target.name !== '' ? target.name : names !== null && names.kinds[r] !== 0 ? names.stringAt(r) : ''
    return {
      kind: 'row',
      grouping: chunk.grouping,
      group,
      name: chunk.name,
      ns: nsOf(chunk.ms[r], chunk.sub[r]),
      resource,
      isBatch: chunk.windows !== null,
      values,
      clash,
    }
  }

  private handle(row: Row): void {
    const { resource } = row
    if (resource === '') {
      this.report(row, 'could not determine the name of the resource')
      return
    }
    const state = this.states.get(resource)
    if (state === undefined) {
      if (!this.failedLately(row)) this.call(row, 'get', 0n)
      return
    }
    const wanted = this.wanted(row, state.current)
    if (wanted === null || wanted === state.current) return
    const increase = wanted > state.current
    const last = increase ? state.lastIncreaseNs : state.lastDecreaseNs
    const cooldownNs = increase ? this.increaseCooldownNs : this.decreaseCooldownNs
    if (last !== null && row.ns < last + cooldownNs) {
      this.ctx.stats.add('cooldown_drops', 1)
      return
    }
    if (!this.failedLately(row)) this.call(row, 'set', wanted)
  }

  /** What the expression gives, within the limits; null: it failed. */
  private wanted(row: Row, current: bigint): bigint | null {
    let v: Value
    try {
      if (row.clash !== '') throw new Error(`cannot have field and tags with same name "${row.clash}"`)
      v = this.lambda.evaluateBoxed((name) => this.lookup(row, name, current), row.group)
      if (typeof v !== 'bigint') throw new Error('expression does not return an int')
    } catch (err) {
      this.report(row, `failed to evaluate the replicas expression: ${errorText(err)}`)
      return null
    }
    if (this.max > 0n && v > this.max) v = this.max
    return v < this.min ? this.min : v
  }

  private lookup(row: Row, name: string, current: bigint): Value {
    if (name === 'time') return new Timestamp(row.ns)
    const v = row.values[this.lambda.references.indexOf(name)]
    return v === missing && name === this.currentField ? current : v
  }

  /** The cluster has taken the new count. */
  private applied({ row, to, evicted }: Waiting): void {
    const state = this.states.get(row.resource)
    if (state === undefined) return
    const from = state.current
    state.current = to
    if (to > from) state.lastIncreaseNs = row.ns
    else state.lastDecreaseNs = row.ns
    this.ctx.stats.add(to > from ? 'increase_events' : 'decrease_events', 1)
    if (evicted) return
    const { out } = this
    const { ms, sub } = spanOf(row.ns)
    out.begin(row.name, '', '', row.grouping)
    const r = out.row(ms, sub, row.group)
    const counts = [from, to]
    for (let i = 0; i < 2; i++) {
      out.fields[i].setKind(r, Kind.Int)
      setInt64(out.fields[i].column.i32, r, counts[i])
    }
    const resource = this.resource(row)
    this.target.outputTags.forEach(({ part }, i) => {
      setCell(out.tags[i], r, resource[part])
    })
    out.flush()
  }

  // Calls

  private resource(row: Row): Resource {
    return { name: row.resource, namespace: this.target.namespace, kind: this.target.kind }
  }

  private call(row: Row, op: 'get' | 'set', to: bigint): void {
    // Without it the group could be given away before the answer.
    this.hold.hold(row.grouping, row.group)
    const request = this.nextRequest++
    this.waiting = { op, row, request, to, evicted: false }
    const call: ScaleCall = { request, op, resource: this.resource(row), count: Number(to) }
    this.ctx.outbox.send(Out.Autoscale, this.ctx.nodeIndex, encodeUtf8(JSON.stringify(call)))
  }

  private callFailed({ op, row }: Waiting, err: string): void {
    const text =
      op === 'get'
        ? `could not determine initial scale for ${JSON.stringify(row.resource)}: ${err}`
        : `failed to apply scaling event: ${err}`
    if (this.failures.size >= maxFailures) this.failures.clear()
    this.failures.set(row.resource, { untilMs: this.ctx.now() + retryMs, text })
    this.report(row, text)
  }

  private failedLately(row: Row): boolean {
    const failure = this.failures.get(row.resource)
    if (failure === undefined) return false
    if (this.ctx.now() < failure.untilMs) {
      this.report(row, failure.text)
      return true
    }
    this.failures.delete(row.resource)
    return false
  }

  private releaseCaller(row: Row): void {
    if (this.lambda.stateful || this.heldOf.has(row.group) || this.waiting?.row === row) return
    this.hold.release(row.grouping, row.group)
  }

  private report(row: Row, err: string): void {
    this.ctx.error(row.isBatch ? 'error batch handling point' : 'error handling point', err)
  }
}

function present(column: Column | null, row: number): Column | null {
  return column === null || column.kinds[row] === Kind.Missing ? null : column
}

export function replicasOf(node: PipelineNode): Lambda {
  const l = node.props.replicas
  if (!(l instanceof Lambda)) throw new TypeError(`${node.name} has no expression`)
  return l
}
