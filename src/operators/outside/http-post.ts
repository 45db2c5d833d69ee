/**
 * `httpPost`: sends every point or batch to a URL and passes it on. Thread: shard worker; the requests themselves are made on
 * main (sinks/http-post-sink.ts), one at a time per node and group.
 *
 * Without codeField data passes at once. With it the rows of a group wait, in order, for the answers to their requests: a
 * bounded queue of boxed rows per group in flight (as few as HTTP is slow). Barriers and deletes wait in the same queue.
 *
 *   frame   i32 group (requests of one follow each other) · i32 request (-1: no answer wanted when all is well) ·
 *           i32 body bytes · i32 row bytes
 *           body: the result object as JSON and a newline
 *           row: the same as typed values (v8 serialisation), when a template on main needs them; else 0 bytes
 */
import { serialize } from 'node:v8'
import type { Chunk, GroupInfo } from '../../columns/chunk.js'
import { ChunkBuilder } from '../../columns/chunk-builder.js'
import { setInt64 } from '../../columns/column.js'
import { encodeRow, rowOfPoint, rowOfWindow } from '../../columns/json-encode.js'
import { Kind } from '../../columns/kinds.js'
import type { Point, Row } from '../../columns/point.js'
import { Duration, Timestamp, type Value } from '../../columns/values.js'
import { errorText, ShardlineError } from '../../errors.js'
import type { PlannedNode } from '../../plan/task-plan.js'
import { Grouping } from '../../state/grouping.js'
import type { NodeDef, PipelineNode } from '../../tickscript/node-def.js'
import { Out } from '../../transport/output.js'
import { setCell } from '../kit/cells.js'
import { listOf, stringsOf } from '../kit/dimensions.js'
import { GroupCensus } from '../kit/group-census.js'
import { GroupHold } from '../kit/group-hold.js'
import { Operator, type OperatorContext } from '../operator.js'
import type { OperatorEntry } from '../registry-types.js'

export const httpPostDef: NodeDef = {
  method: 'httpPost',
  kind: 'http_post',
  goType: 'HTTPPostNode',
  doc: 'POSTs each point or batch as JSON and passes it on.',
  accepts: 'any',
  emits: 'same',
  args: [{ name: 'url', type: 'string', variadic: true }],
  properties: [
    {
      name: 'endpoint',
      doc: 'A configured [[httppost]] endpoint instead of a URL.',
      form: 'method',
      args: [{ name: 'endpoint', type: 'string' }],
      apply(node, args) {
        node.props.endpoints = [...listOf(node.props.endpoints), ...args]
      },
    },
    {
      name: 'header',
      doc: 'A request header.',
      form: 'method',
      args: [
        { name: 'key', type: 'string' },
        { name: 'value', type: 'string' },
      ],
      apply(node, args) {
        node.props.headers = [...listOf(node.props.headers), [args[0], args[1]]]
      },
    },
    {
      name: 'codeField',
      doc: 'An int field with the status of the answer, added to the data that is passed on.',
      form: 'field',
      args: [{ name: 'codeField', type: 'string' }],
      default: '',
    },
    {
      name: 'captureResponse',
      doc: 'The body of an answer that is not 2xx becomes the error text.',
      form: 'flag',
      args: [],
      default: false,
    },
    {
      name: 'timeout',
      doc: 'The time a request may take; 0 is that of the configuration, 30 s (`[requests]`).',
      form: 'field',
      args: [{ name: 'timeout', type: 'duration' }],
      default: new Duration(0n),
    },
  ],
  construct(node, args) {
    node.props.urls = args
  },
  validate(node) {
    const { urls, endpoints, headers } = httpPostSettings(node)
    if (urls.length > 1) fail(`httpPost expects 0 or 1 arguments, got ${urls.length}`)
    if (endpoints.length > 1) fail(`httpPost expects 0 or 1 endpoints, got ${endpoints.length}`)
    if (urls.length === 0 && endpoints.length === 0) fail('must provide url or endpoint')
    if (urls.length > 0 && endpoints.length > 0) fail('only one endpoint and url may be specified')
    if (headers.some(([k]) => k.toLowerCase() === 'authenticate')) fail("cannot set 'authenticate' header")
  },
  effects(node) {
    const { codeField } = httpPostSettings(node)
    const makesFields = codeField === '' ? [] : [[codeField, 'int'] as const]
    return { reads: [], wholeFields: true, wholeTags: true, makesFields, stateful: true }
  },
}

function fail(text: string): never {
  throw new ShardlineError('http-post', text)
}

export interface HttpPostSettings {
  readonly urls: readonly string[]
  readonly endpoints: readonly string[]
  readonly headers: readonly (readonly [string, string])[]
  readonly codeField: string
  readonly captureResponse: boolean
  readonly timeoutMs: number
}

/** The properties of an httpPost node, for the operator and for main's side. */
export function httpPostSettings(node: PipelineNode): HttpPostSettings {
  const { props } = node
  const headers: [string, string][] = []
  for (const h of listOf(props.headers)) {
    const [k, v] = stringsOf(h)
    if (k !== undefined && v !== undefined) headers.push([k, v])
  }
  return {
    urls: stringsOf(props.urls),
    endpoints: stringsOf(props.endpoints),
    headers,
    codeField: typeof props.codeField === 'string' ? props.codeField : '',
    captureResponse: props.captureResponse === true,
    timeoutMs: props.timeout instanceof Duration ? Number(props.timeout.ns) / 1e6 : 0,
  }
}

/** What main answers. `error` is null for 2xx. `dropped`: the request was not made because main's queue is full. */
export interface HttpPostAnswer {
  readonly what: 'answer'
  readonly group: number
  readonly request: number
  readonly code: number
  readonly error: { readonly msg: string; readonly err: string } | null
  readonly dropped: boolean
}

/** A row whose cells survive serialisation: durations and times are tagged. */
export interface TypedRow {
  readonly name: string
  readonly tags: Map<string, string>
  readonly columns: string[]
  readonly values: unknown[][]
}

export function typedRow(row: Row): TypedRow {
  return { ...row, values: row.values.map((cells) => cells.map(plainCell)) }
}

function plainCell(v: Value): unknown {
  if (v instanceof Duration) return { duration: v.ns }
  if (v instanceof Timestamp) return { time: v.ns }
  return typeof v === 'symbol' ? { missing: true } : v
}

/** Held rows of one node at most; what comes beyond is dropped and counted. */
const maxHeldRows = 10_000

/** A row, or the rows of a batch, that one request posts. */
interface HeldRows {
  readonly kind: 'rows'
  request: number
  /** -1 while the answer is outstanding. */
  code: number
  readonly grouping: GroupInfo
  readonly points: readonly Point[]
  readonly name: string
  /** tmax of a batch, null for a point. */
  readonly batch: { readonly ms: number; readonly sub: number } | null
}

type Held =
  | HeldRows
  | { readonly kind: 'barrier'; readonly grouping: GroupInfo; readonly ms: number; readonly sub: number }
  | { readonly kind: 'delete'; readonly grouping: GroupInfo }

export class HttpPostOperator extends Operator {
  private readonly codeField: string
  private readonly typed: boolean
  /** Requests of all groups follow each other. */
  private readonly oneLane: boolean
  private readonly held = new Map<number, Held[]>()
  private heldRows = 0
  private nextRequest = 0
  private frame = new Uint8Array(4096)
  private readonly hold: GroupHold
  private readonly census: GroupCensus
  private readonly points: ChunkBuilder
  private readonly batches: ChunkBuilder

  constructor(planned: PlannedNode, ctx: OperatorContext) {
    super(ctx)
    const settings = httpPostSettings(planned.node)
    this.codeField = settings.codeField
    this.oneLane = isBelowUnion(planned.node)
    this.typed = settings.endpoints.length > 0 || settings.urls.some((u) => u.includes('{{'))
    this.hold = new GroupHold(ctx.state)
    this.census = new GroupCensus(ctx)
    this.points = new ChunkBuilder({}, (c) => this.emit(c))
    this.batches = new ChunkBuilder({ batch: true }, (c) => this.emit(c))
  }

  receive(chunk: Chunk): void {
    this.census.see(chunk)
    const { windows } = chunk
    const n = windows === null ? chunk.n : windows.n
    const groups = windows === null ? chunk.groups : windows.groups
    for (let i = 0; i < n; i++) {
      const row = windows === null ? rowOfPoint(chunk, i, groups[i]) : rowOfWindow(chunk, i)
      if (this.codeField === '') this.post(row, this.oneLane ? 0 : groups[i], -1)
      else this.holdRow(chunk, i, groups[i], row)
    }
    if (this.codeField === '') this.emit(chunk)
  }

  override barrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    this.census.seeOne(grouping, group)
    const queue = this.held.get(group)
    if (queue === undefined) this.emitBarrier(grouping, group, ms, sub)
    else queue.push({ kind: 'barrier', grouping, ms, sub })
  }

  override deleteGroup(grouping: GroupInfo, group: number): void {
    this.census.forget(grouping, group)
    const queue = this.held.get(group)
    if (queue === undefined) this.emitDelete(grouping, group)
    else queue.push({ kind: 'delete', grouping })
  }

  override evictGroup(grouping: GroupInfo, group: number): void {
    this.census.forget(grouping, group)
    const queue = this.held.get(group)
    if (queue === undefined || !this.hold.release(grouping, group)) return
    this.held.delete(group)
    let rows = 0
    for (const h of queue) if (h.kind === 'rows') rows += h.points.length
    this.heldRows -= rows
    this.ctx.dropped('memory', rows)
  }

  /** Rows still waiting pass with code 0: the answer is not known, and the data is passed on in every case. */
  override stop(): void {
    for (const [group, queue] of [...this.held]) {
      for (const h of queue) if (h.kind === 'rows' && h.code < 0) h.code = 0
      this.release(group, queue)
    }
  }

  override control(message: unknown): unknown {
    const answer = message as HttpPostAnswer
    if (answer.what !== 'answer') return undefined
    if (answer.error !== null) this.report(answer.error.msg, answer.error.err)
    const queue = answer.request < 0 ? undefined : this.held.get(answer.group)
    if (queue === undefined) return undefined
    for (const h of queue) if (h.kind === 'rows' && h.request === answer.request) h.code = answer.code
    this.release(answer.group, queue)
    return undefined
  }

  override dispose(): void {
    this.held.clear()
    this.hold.dispose()
    this.census.dispose()
  }

  private report(msg: string, err: string): void {
    this.ctx.error(msg, err)
  }

  /** Sends the request; false when the row has no JSON. */
  private post(row: Row, group: number, request: number): boolean {
    let body: string
    try {
      body = `{"series":[${encodeRow(row)}]}\n`
    } catch (err) {
      this.report('failed to POST data', errorText(err))
      return false
    }
    const typed = this.typed ? serialize(typedRow(row)) : null
    const need = 16 + body.length * 3 + (typed?.length ?? 0)
    if (need > this.frame.length) this.frame = new Uint8Array(need * 2)
    const frame = this.frame
    const { written } = encoder.encodeInto(body, frame.subarray(16))
    if (typed !== null) frame.set(typed, 16 + written)
    const head = new DataView(frame.buffer)
    head.setInt32(0, group, true)
    head.setInt32(4, request, true)
    head.setInt32(8, written, true)
    head.setInt32(12, typed?.length ?? 0, true)
    this.ctx.outbox.send(Out.HttpPost, this.ctx.nodeIndex, frame.subarray(0, 16 + written + (typed?.length ?? 0)))
    return true
  }

  private holdRow(chunk: Chunk, index: number, group: number, row: Row): void {
    const { windows } = chunk
    const from = windows === null ? index : windows.starts[index]
    const to = windows === null ? index + 1 : windows.ends[index]
    if (this.heldRows + (to - from) > maxHeldRows || !this.hold.hold(chunk.grouping, group)) {
      this.ctx.dropped('memory', to - from)
      this.report('failed to POST data', 'too many rows wait for answers')
      return
    }
    const points: Point[] = []
    for (let r = from; r < to; r++) points.push(chunk.point(r, group))
    const request = this.nextRequest++
    const sent = this.post(row, group, request)
    const batch = windows === null ? null : { ms: windows.ms[index], sub: windows.sub[index] }
    let queue = this.held.get(group)
    if (queue === undefined) {
      queue = []
      this.held.set(group, queue)
    }
    const { grouping, name } = chunk
    queue.push({ kind: 'rows', request, code: sent ? -1 : 0, grouping, points, name, batch })
    this.heldRows += points.length
    if (!sent) this.release(group, queue)
  }

  /** Passes on what stands at the head of a group's queue, up to the first row without an answer. */
  private release(group: number, queue: Held[]): void {
    let deleted: GroupInfo | null = null
    let k = 0
    for (; k < queue.length; k++) {
      const h = queue[k]
      if (h.kind === 'rows') {
        if (h.code < 0) break
        this.heldRows -= h.points.length
        if (h.batch === null) this.addPoint(h.points[0], h.grouping, group, h.code)
        else this.addBatch(h, h.batch, group)
        continue
      }
      this.flush()
      if (h.kind === 'barrier') this.emitBarrier(h.grouping, group, h.ms, h.sub)
      else {
        this.emitDelete(h.grouping, group)
        deleted = h.grouping
      }
    }
    this.flush()
    if (k < queue.length) {
      queue.splice(0, k)
      return
    }
    const last = queue[queue.length - 1]
    this.held.delete(group)
    this.hold.release(last.grouping, group)
    if (deleted instanceof Grouping) deleted.freeIfUnused(group)
  }

  private flush(): void {
    this.points.flush()
    this.batches.flush()
  }

  private addPoint(p: Point, grouping: GroupInfo, group: number, code: number): void {
    this.points.begin(p.name, p.db, p.rp, grouping)
    this.addRow(this.points, p, group, code)
  }

  private addBatch({ points, name, grouping, code }: HeldRows, tmax: { ms: number; sub: number }, group: number): void {
    this.batches.begin(name, '', '', grouping)
    this.batches.beginWindow(group, tmax.ms, tmax.sub)
    for (const p of points) this.addRow(this.batches, p, group, code)
    this.batches.endWindow()
  }

  private addRow(to: ChunkBuilder, p: Point, group: number, code: number): void {
    const r = to.row(p.ms, p.sub, group)
    for (const [k, v] of p.fields) setCell(to.field(k), r, v)
    for (const [k, v] of p.tags) setCell(to.tag(k), r, v)
    const column = to.field(this.codeField)
    column.setKind(r, Kind.Int)
    setInt64(column.column.i32, r, BigInt(code))
  }
}

/** There rows of one series may be of different groups, and keep the order of the union. */
function isBelowUnion(node: PipelineNode): boolean {
  const above = new Set(node.parents)
  for (const n of above) {
    if (n.def.method === 'union') return true
    for (const parent of n.parents) above.add(parent)
  }
  return false
}

const encoder = new TextEncoder()

export const httpPostEntry: OperatorEntry = {
  def: httpPostDef,
  create: (planned, ctx) => new HttpPostOperator(planned, ctx),
}
