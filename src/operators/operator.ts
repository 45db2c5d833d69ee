/**
 * The interface between the shard's loop and the operators (TICKscript nodes at run time). Thread: shard worker.
 *
 * Push model: a parent calls `receive(chunk, port)` of each child, one after the other, and the call returns when
 * everything that follows from the chunk has been done. Between calls an operator holds no unsent output, so control
 * messages (`barrier`, `deleteGroup`, timers, stop) are ordered with data simply by call order.
 *
 * State lives in paged columns from `ctx.state`, indexed by the dense group id; never in closures or per-group objects.
 * Rows and groups dropped are always counted through `ctx`.
 */
import type { Chunk, GroupInfo } from '../columns/chunk.js'
import type { Grouping } from '../state/grouping.js'
import type { StateAllocator } from '../state/pages.js'
import type { TimerSet } from '../state/timer-wheel.js'
import type { TopicStates } from '../state/topic-mirror.js'
import type { ServerInfo } from '../transport/messages.js'
import type { DropReason } from '../transport/stat-block.js'

/** Cells of one node in the statistics block; see transport/stat-block.ts for the layout. */
export interface NodeStats {
  /** Adds to a counter by its public name: errors, alerts_triggered, fields_defaulted … */
  add(name: string, n: number): void
  set(name: string, v: number): void
}

/** Messages from an operator to the main thread, framed into the shard's output ring. */
export interface Outbox {
  /** `type` is a constant of transport/output.ts; the payload is copied. Blocks (backpressure) while the ring is full. */
  send(type: number, nodeIndex: number, payload: Uint8Array): void
}

/** What the loop gives each operator. One per operator instance (task × node × shard). */
export interface OperatorContext {
  readonly taskId: string
  /** `main`, or the id of the replay that runs the task. */
  readonly taskMaster?: string
  /** `window2`: kind and id, as in DOT and logs. */
  readonly nodeName: string
  /** Position in the task's node list: identifies the node in messages and statistics. */
  readonly nodeIndex: number
  readonly shard: number
  readonly shards: number
  readonly stats: NodeStats
  readonly state: StateAllocator
  readonly outbox: Outbox
  /** Stored alert states that are not OK, for restore. Absent: none. */
  readonly topicStates?: TopicStates
  readonly server?: ServerInfo
  /** What main hands to this node with the task (RunStart.nodeData). */
  readonly nodeData?: unknown
  /** Main's clock at the entry being processed, ms since the epoch. The only clock an operator may read. */
  now(): number
  /** `[engine] close-after`, ms; 0: never (close-after.ts). */
  readonly closeAfterMs: number
  /** Times for the lambda function now(): that clock in ns, each time later, and no time twice in a task. */
  readonly nowNs: () => bigint
  /** Timers of this operator, one per group at most. */
  timers(onTimer: (group: number, nowMs: number) => void): TimerSet
  /** A new grouping (for nodes that assign groups); `dims` sorted, null for `*`. The runtime evicts idle groups of it. */
  grouping(opts: { dims: readonly string[] | null; byName: boolean }): Grouping
  /** Counts `n` recoverable errors and logs one rate-limited line `msg` with `err` (unless the node is quiet). */
  error(msg: string, err: string, n?: number, extra?: Record<string, string>): void
  /** Counts errors without a line. */
  log(level: 'debug' | 'info' | 'error', msg: string, keys: Record<string, string>): void
  /** Rows dropped here and why (late, memory, …): part of delivered = processed + dropped. */
  dropped(reason: DropReason, n: number): void
}

/** An edge to a child: counts what passes (points on stream edges, windows on batch edges). */
export class Edge {
  collected = 0
  constructor(
    readonly child: Operator,
    readonly port: number,
    /** Adds to the shared counter of this edge; called with each emission, also of what is not counted. */
    readonly count: (n: number) => void,
  ) {}
}

export abstract class Operator {
  readonly edges: Edge[] = []

  constructor(readonly ctx: OperatorContext) {}

  /** Rows (stream edge) or windows (batch edge) from parent number `port`. The chunk is valid during the call only. */
  abstract receive(chunk: Chunk, port: number): void

  /** No data older than (ms, sub) will follow for the group. Default: pass on. */
  barrier(grouping: GroupInfo, group: number, ms: number, sub: number, _port: number): void {
    this.emitBarrier(grouping, group, ms, sub)
  }

  /** Forget the group. Stateful operators drop their state first, then pass it on. Default: pass on. */
  deleteGroup(grouping: GroupInfo, group: number, _port: number): void {
    this.emitDelete(grouping, group)
  }

  /** The budget or the idle TTL takes the group away: drop its state silently; nothing is sent. */
  evictGroup(_grouping: GroupInfo, _group: number): void {}

  /** Free about `bytes` of buffered rows, oldest first; returns the bytes freed. Called between chunks only. */
  evictRows(_bytes: number): number {
    return 0
  }

  /** The task stops after all earlier rows were processed: flush what the original flushes. */
  stop(): void {}

  /** Releases pages, timers, groupings that this operator owns. */
  dispose(): void {}

  /** An answer from main (httpPost codes, httpOut reads …). */
  control(_message: unknown): unknown {
    return undefined
  }

  protected emit(chunk: Chunk): void {
    const n = chunk.windows === null ? chunk.n : chunk.windows.n
    if (n === 0) return
    for (const e of this.edges) {
      e.count(n)
      e.child.receive(chunk, e.port)
    }
  }

  protected emitBarrier(grouping: GroupInfo, group: number, ms: number, sub: number): void {
    for (const e of this.edges) {
      e.count(0)
      e.child.barrier(grouping, group, ms, sub, e.port)
    }
  }

  protected emitDelete(grouping: GroupInfo, group: number): void {
    for (const e of this.edges) {
      e.count(0)
      e.child.deleteGroup(grouping, group, e.port)
    }
  }
}
