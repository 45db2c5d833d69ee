/**
 * The data plane as main sees it: takes writes, turns them into batches in slots, publishes them to the shards in order, runs
 * tasks on the shards. Thread: main.
 *
 * A write is parsed as a whole, then places in the rings are looked up, then everything is published without a break: 204
 * means published in order, and 400 or 503 that nothing was. A write that finds no room waits in line (waiting-writers.ts) or,
 * for a source that may be shed, makes room by dropping the oldest entries of its own kind.
 */

import { Piscina } from 'piscina'
import { allClosed } from '../closing.js'
import { within } from '../deadline.js'
import { errorText, ShardlineError } from '../errors.js'
import { LineWriter, type Prepared } from '../ingest/line-writer.js'
import { Tables } from '../ingest/tables.js'
import type { UdpSink } from '../ingest/udp-service.js'
import { WriteTap } from '../ingest/write-tap.js'
import type { Log } from '../log.js'
import { RestartPolicy } from '../restart-policy.js'
import type { MirroredStates } from '../state/topic-mirror.js'
import type { FromShard } from '../transport/messages.js'
import { Out } from '../transport/output.js'
import { Source } from '../transport/ring.js'
import { SlotPool } from '../transport/slots.js'
import { ShardCell, StatBlock } from '../transport/stat-block.js'
import type {
  Engine,
  EngineStatsView,
  OutputFrame,
  RunningTask,
  ShardStatsView,
  StartTask,
  WriteRequest,
  WriteResult,
} from './engine-api.js'
import { type CompiledEngineOptions, compileOptions, type EngineOptions, httpBytesHeld } from './engine-options.js'
import { RoomSignal } from './room.js'
import { SchemaFeed } from './schema-feed.js'
import { ShardHandle } from './shard-handle.js'
import { TaskRuns } from './task-runs.js'
import { overloaded, type Waiter, WaitingWriters } from './waiting-writers.js'

const tickEveryMs = 50

type FrameHandler = (frame: OutputFrame) => void

export class ShardlineEngine implements Engine {
  readonly shards: number
  /** Gives copies of published points to recordings. */
  readonly tap: WriteTap
  private readonly options: CompiledEngineOptions
  private readonly log: Log
  private readonly pool: SlotPool
  private readonly tables: Tables
  private readonly writer: LineWriter
  private readonly statBlock: StatBlock
  private readonly room = new RoomSignal()
  private readonly handles: ShardHandle[] = []
  private readonly runs: TaskRuns
  private readonly waiting: WaitingWriters
  private readonly piscina: Piscina
  private readonly frameHandlers: FrameHandler[] = []
  private readonly restartHandlers: ((shard: number) => void)[] = []
  private readonly schemaFeed = new SchemaFeed(this.handles)
  /** By shard. */
  private readonly restarts: RestartPolicy[] = []
  private readonly pauses = new Set<NodeJS.Timeout>()
  private readonly ready: { resolve: () => void; reject: (err: Error) => void }[] = []
  private readonly ticker: NodeJS.Timeout
  private readonly endClock: () => void
  private stamp = 0
  private closing = false
  private closed: Promise<void> | null = null
  /** Bytes in use of each slot. */
  private readonly slotBytes: Float64Array
  /** UDP may publish once per waiter that was served, so neither starves. */
  private udpTurn = true
  private accepted = 0
  private unmatched = 0
  private rejected = 0
  private overloadedRequests = 0
  private shedRows = 0

  static async start(options: EngineOptions): Promise<ShardlineEngine> {
    const engine = new ShardlineEngine(compileOptions(options))
    try {
      await engine.startShards()
    } catch (err) {
      await engine.destroy()
      throw err
    }
    return engine
  }

  private constructor(options: CompiledEngineOptions) {
    this.options = options
    this.log = options.log
    this.shards = options.shards
    this.tap = new WriteTap((err) => this.log.error('recording of points failed', { err: errorText(err) }))
    this.pool = new SlotPool({ slots: options.slots, slotBytes: options.slotBytes, shards: options.shards })
    this.slotBytes = new Float64Array(options.slots)
    this.tables = new Tables({
      onSchema: (schema) => this.schemaFeed.add(schema),
      onForget: (schema) => this.schemaFeed.forget(schema),
    })
    this.writer = new LineWriter({
      pool: this.pool,
      tables: this.tables,
      shards: options.shards,
      maxBatches: options.ringEntries * options.shards,
    })
    this.statBlock = new StatBlock(options.shards)
    const shared = {
      shards: options.shards,
      slots: this.pool.shared,
      ringEntries: options.ringEntries,
      stats: this.statBlock.sab,
      statCells: this.statBlock.cellsPerPart,
      room: this.room.sab,
      stateBytes: options.stateBytes,
      statePolicy: options.statePolicy,
      taskPolicy: options.taskPolicy,
      idleGroupMs: options.idleGroupMs,
      inspectPort: options.inspectPort,
      closeAfterMs: options.closeAfterMs,
      server: options.server,
    }
    for (let s = 0; s < options.shards; s++) {
      const events = {
        message: (m: FromShard) => this.fromShard(m),
        frame: (type: number, key: number, node: number, payload: Uint8Array) =>
          this.frame(s, type, key, node, payload),
        died: (shard: number, err: unknown) => this.died(shard, err),
        frameFailed: (err: unknown) => this.log.error('handler of a shard’s frame failed', { err: errorText(err) }),
      }
      this.restarts.push(new RestartPolicy())
      this.handles.push(new ShardHandle(s, this.pool, shared, events, options.outputBytes))
    }
    this.runs = new TaskRuns(this.handles, this.statBlock, this.tables, options, this.log)
    this.waiting = new WaitingWriters(
      options.waitingBytes,
      (w) => this.attemptWaiting(w),
      () => this.room.wait(this.mostSlotsHeld() >> 1),
      (w, why) => {
        if (why === 'late') this.overloadedRequests++
        if (w.prepared !== null) this.writer.discard(w.prepared)
      },
    )
    this.piscina = new Piscina({
      filename: options.shardThread,
      minThreads: options.shards,
      maxThreads: options.shards,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A shard's task never returns, so its thread must not wait for another one.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: options.resourceLimits,
    })
    this.piscina.on('error', (err) => this.log.error('thread without a shard failed', { err: errorText(err) }))
    this.stamp = options.clock.now()
    this.endClock = options.clock.onMoved(() => this.tick(true))
    this.ticker = setInterval(() => this.tick(false), tickEveryMs)
  }

  // Writes

  write(request: WriteRequest): WriteResult | Promise<WriteResult> {
    if (this.closing) return overloaded()
    const waiter: Waiter = { request, prepared: null, triedWith: -1, nowNs: 0n }
    const sheds = request.source === 'udp' && this.options.udpPolicy !== 'block'
    if (this.waiting.length === 0 || sheds) {
      let result = this.attempt(waiter)
      if (result === null && sheds && this.options.udpPolicy === 'drop-oldest') {
        while (result === null && this.shedOldest()) result = this.attempt(waiter)
      }
      if (result !== null) return result
    }
    if (sheds) {
      if (waiter.prepared !== null) this.writer.discard(waiter.prepared)
      this.overloadedRequests++
      return overloaded()
    }
    const promise = this.waiting.add(waiter, this.options.writeWaitMs)
    if (promise !== null) return promise
    if (waiter.prepared !== null) this.writer.discard(waiter.prepared)
    this.overloadedRequests++
    return overloaded()
  }

  /** What the UDP listeners write through: datagrams of one drain share batches. */
  udpSink(): UdpSink {
    return {
      writer: this.writer,
      tap: this.tap,
      publish: (prepared) => {
        if (this.waiting.length > 0 && !this.udpTurn) return false
        const impossible = this.impossible(prepared)
        if (impossible !== null) {
          // Cannot happen within a drain's bound on bytes and the smallest ring; dropping beats retrying forever.
          this.log.error('datagrams dropped', { err: impossible })
          this.writer.discard(prepared)
          return true
        }
        if (!this.fits(prepared, Source.udp)) return false
        this.udpTurn = false
        this.publish(prepared, Source.udp)
        return true
      },
      whenRoom: () => this.udpRoom(),
      nowNs: () => this.nowNs(),
    }
  }

  // Tasks

  newKey(): number {
    return this.runs.newKey()
  }

  startTask(task: StartTask): Promise<RunningTask> {
    if (this.closing) return Promise.reject(new ShardlineError('closing', 'the engine is closing'))
    return this.runs.start(task)
  }

  failTask(key: number, error: string): void {
    this.runs.fail(key, error)
  }

  stopTask(key: number, mode: 'drain' | 'discard'): Promise<void> {
    return this.runs.stop(key, mode)
  }

  mirrorTopicStates(states: MirroredStates): void {
    for (const h of this.handles) h.post({ type: 'topicStates', states })
  }

  forgetTopicStates(topic: string): void {
    for (const h of this.handles) h.post({ type: 'topicGone', topic })
  }

  outputRead(): readonly number[] {
    return this.handles.map((h) => h.output.read)
  }

  topicStatesSent(read: readonly number[]): void {
    for (const h of this.handles) h.post({ type: 'topicStatesSent', read: read[h.shard] ?? 0 })
  }

  onFrame(handler: FrameHandler): void {
    this.frameHandlers.push(handler)
  }

  onTaskFailed(handler: (key: number, id: string, error: string) => void): void {
    this.runs.onFailed(handler)
  }

  onShardRestarted(handler: (shard: number) => void): void {
    this.restartHandlers.push(handler)
  }

  stats(): EngineStatsView {
    const shards = this.handles.map((h): ShardStatsView => {
      const cell = (c: number): number => this.statBlock.shard(h.shard, c)
      return {
        shard: h.shard,
        ringEntries: h.ring.length,
        ringCapacity: h.ring.capacity,
        stateBytes: cell(ShardCell.stateBytes),
        budgetBytes: this.options.stateBytes,
        groups: cell(ShardCell.groups),
        evictedGroups: cell(ShardCell.evictedGroups),
        evictedRows: cell(ShardCell.evictedRows),
        processedRows: cell(ShardCell.processedRows),
        lagMs: Math.max(0, this.stamp - h.ring.doneStamp()),
        restarts: h.restarts,
        refusedFrames: cell(ShardCell.refusedFrames),
        known: {
          tasks: cell(ShardCell.tasks),
          routes: cell(ShardCell.routes),
          schemas: cell(ShardCell.schemas),
          alertStates: cell(ShardCell.alertStates),
        },
      }
    })
    return {
      shards,
      acceptedPoints: this.accepted,
      unmatchedPoints: this.unmatched,
      routedPoints: this.accepted - this.unmatched,
      rejectedRequests: this.rejected,
      overloadedRequests: this.overloadedRequests,
      shedRows: this.shedRows,
      waitingRequests: this.waiting.length,
      waitingBytes: this.waiting.bytes,
      known: {
        runs: this.runs.size,
        routes: this.runs.routes,
        schemas: this.tables.schemas.size,
        tables: this.tables.size,
        scopes: this.tables.scopes,
      },
      slotsInUse: this.pool.slots - this.pool.freeSlots(),
      slots: this.pool.slots,
      ingress: this.tables.ingress(),
    }
  }

  close(deadlineMs: number): Promise<void> {
    this.closed ??= this.end(deadlineMs)
    return this.closed
  }

  private async end(deadlineMs: number): Promise<void> {
    this.closing = true
    this.waiting.close()
    const until = performance.now() + deadlineMs
    try {
      // Every stop waits for what was published before, so this drains the rings too.
      await within(allClosed(this.runs.keys().map((key) => this.runs.stop(key, 'drain'))), deadlineMs)
      const ended = allClosed(this.handles.map((h) => h.shutdown()))
      await within(ended, Math.max(50, until - performance.now()))
      await within(allClosed(this.handles.map((h) => h.drained())), Math.max(50, until - performance.now()))
    } finally {
      await this.destroy()
    }
  }

  // Publishing

  /** One try at a write; null: there is no room now. */
  private attempt(w: Waiter): WriteResult | null {
    if (w.prepared === null) {
      const { request } = w
      // Who has waited must not miss a release; too low a number for who has not only means one try more.
      const free = w.triedWith < 0 ? this.pool.freeAtLeast() : this.pool.freeSlots()
      if (free <= w.triedWith) return null
      w.nowNs = this.nowNs()
      const scanned = this.writer.scan(request.body, request.db, request.rp, request.precision, w.nowNs)
      if (scanned === 'no-slot') {
        if (free === this.pool.slots) return this.reject(`request does not fit into ${free} slots`)
        w.triedWith = free
        return null
      }
      if (scanned.kind === 'failure') return this.reject(scanned.error)
      w.prepared = scanned
    }
    const { prepared } = w
    const impossible = this.impossible(prepared)
    if (impossible !== null) {
      this.writer.discard(prepared)
      w.prepared = null
      return this.reject(impossible)
    }
    if (!this.fits(prepared, Source[w.request.source])) return null
    w.prepared = null
    this.publish(prepared, Source[w.request.source])
    if (this.tap.size > 0) {
      const { db, rp, precision, body } = w.request
      this.tap.published(db, rp, precision, w.nowNs, body)
    }
    return { status: 204, points: prepared.points, error: '' }
  }

  private attemptWaiting(w: Waiter): WriteResult | null {
    const result = this.attempt(w)
    if (result !== null) this.udpTurn = true
    return result
  }

  private reject(error: string): WriteResult {
    this.rejected++
    return { status: 400, points: 0, error }
  }

  /** Why the batches could never be published, or null. */
  private impossible(prepared: Prepared): string | null {
    const { ringEntries } = this.options
    for (const h of this.handles) {
      const entries = entriesOf(prepared, h.shard)
      if (entries > ringEntries) return `request makes ${entries} batches, a ring takes ${ringEntries}`
    }
    return null
  }

  /** Whether every shard has ring places for its entries and stays within its share of the slots. */
  private fits(prepared: Prepared, source: number): boolean {
    if (prepared.slots.length === 0) return true
    const { maxSlotsHeld } = this.options
    let bytes = 0
    for (const s of prepared.slots) bytes += s.bytes
    for (const h of this.handles) {
      const entries = entriesOf(prepared, h.shard)
      if (entries === 0) continue
      if (entries > h.ring.free) return false
      const held = this.shards === 1 ? 0 : h.slotsHeld()
      if (held > 0 && held + prepared.slots.length > maxSlotsHeld) return false
      if (source !== Source.http) continue
      const heldBytes = h.bytesHeld(this.slotBytes)
      if (heldBytes > 0 && heldBytes + bytes > httpBytesHeld) return false
    }
    return true
  }

  private mostSlotsHeld(): number {
    let most = 0
    for (const h of this.handles) most = Math.max(most, h.slotsHeld())
    return most
  }

  private publish(prepared: Prepared, source: number): void {
    const stamp = this.currentStamp()
    this.schemaFeed.flush()
    for (const { slot, bytes, batches } of prepared.slots) {
      this.slotBytes[slot] = bytes
      // Counted first: a shard may have processed the rows before this thread goes on.
      for (const batch of batches) this.runs.countDelivered(batch)
      for (const h of this.handles) {
        let more = 0
        for (const batch of batches) if (batch.shardRows[h.shard] > 0) more++
        for (const batch of batches) if (batch.shardRows[h.shard] > 0) h.publish(batch, source, stamp, --more)
      }
      this.pool.seal(slot)
    }
    for (const h of this.handles) if (entriesOf(prepared, h.shard) > 0) h.ring.wake()
    this.accepted += prepared.points
    this.unmatched += prepared.unmatched
    this.writer.published(prepared)
  }

  /** Drops the oldest sheddable entry of every ring. False: there was none. */
  private shedOldest(): boolean {
    let any = false
    for (const h of this.handles) {
      const dropped = h.dropOldest(Source.udp, (batch, seq) => {
        this.shedRows += this.runs.countShed(batch, h.shard, seq)
      })
      any ||= dropped
    }
    return any
  }

  /** Room for datagrams: by waiting a little, then by the policy. */
  private async udpRoom(): Promise<void> {
    const room = this.room.wait()
    if (this.options.udpPolicy !== 'drop-oldest') return room
    const patienceMs = 50
    // A quarter of the slots at once: each round of shedding costs the datagrams their patience.
    if (
      (await within(
        room.then(() => true),
        patienceMs,
      )) === true
    )
      return
    const wanted = Math.max(1, this.pool.slots >> 2)
    while (this.pool.freeSlots() < wanted && this.shedOldest());
    this.room.signal()
  }

  private nowNs(): bigint {
    return BigInt(Math.floor(this.options.clock.now())) * 1_000_000n
  }

  /** Stamps never go back, whatever the clock does. */
  private currentStamp(): number {
    this.stamp = Math.max(this.stamp, this.options.clock.now())
    return this.stamp
  }

  private tick(wake: boolean): void {
    const stamp = this.currentStamp()
    for (const h of this.handles) {
      h.ring.tick(stamp)
      if (wake) h.ring.wake()
    }
    this.runs.sample()
    this.restartThreads()
  }

  // Shards

  private async startShards(): Promise<void> {
    const ready = this.handles.map(
      (h) =>
        new Promise<void>((resolve, reject) => {
          this.ready[h.shard] = { resolve, reject }
        }),
    )
    for (const h of this.handles) this.runShard(h.shard)
    await Promise.all(ready)
  }

  private fromShard(m: FromShard): void {
    if (m.type === 'ready') this.ready[m.shard].resolve()
    this.runs.handle(m)
  }

  private frame(shard: number, type: number, taskKey: number, nodeIndex: number, payload: Uint8Array): void {
    if (type === Out.Log) {
      this.logLine(payload)
      return
    }
    const life = this.handles[shard].restarts
    const frame = { type, shard, life, taskKey, taskId: this.runs.idOf(taskKey), nodeIndex, payload }
    for (const handle of this.frameHandlers) handle(frame)
  }

  private logLine(payload: Uint8Array): void {
    const { level, msg, keys } = JSON.parse(Buffer.from(payload).toString()) as {
      level: 'debug' | 'info' | 'error'
      msg: string
      keys: Record<string, string>
    }
    this.log[level](msg, keys)
  }

  private died(shard: number, err: unknown): void {
    const h = this.handles[shard]
    const text = errorText(err)
    this.ready[shard].reject(new ShardlineError('shard-start', `shard ${shard}: ${text}`))
    const culprit = h.ring.takeCurrentKey()
    h.restarts++
    if (this.closing) {
      this.runs.answerFor(shard)
      return
    }
    this.log.error('shard crashed', { shard, err: text, task: this.runs.idOf(culprit) })
    const policy = this.restarts[shard]
    const pauseMs = policy.died(performance.now())
    this.runs.afterCrash(shard, culprit, `shard ${shard} crashed: ${text}`)
    if (policy.givesUp) {
      const error = `shard ${shard} has crashed ${policy.inARow} times in a row, the last time with: ${text}`
      this.runs.giveUp(shard, policy.givesUpAll, error)
    }
    for (const handler of this.restartHandlers) handler(shard)
    const pause = setTimeout(() => {
      this.pauses.delete(pause)
      this.runShard(shard)
    }, pauseMs)
    this.pauses.add(pause)
    this.room.signal()
  }

  /** Piscina replaces threads no longer once one of them could not load: then a start waits for nobody and is made again. */
  private restartThreads(): void {
    const { piscina } = this
    if (piscina.queueSize === 0 || piscina.threads.length >= this.shards) return
    for (const h of this.handles) h.giveUpStart(new Error('its thread could not be loaded'))
  }

  /** Starts a shard's thread; a later one with all that the ones before it knew and that is still so. */
  private runShard(shard: number): void {
    this.restarts[shard].started(performance.now())
    const handle = this.handles[shard]
    const schemas = this.schemaFeed.startOf(handle, this.tables.schemas.values())
    handle.run(this.piscina, this.stamp, [...schemas, ...this.runs.startsOn(shard)])
  }

  private async destroy(): Promise<void> {
    this.closing = true
    clearInterval(this.ticker)
    this.endClock()
    this.schemaFeed.close()
    for (const pause of this.pauses) clearTimeout(pause)
    for (const h of this.handles) h.close()
    this.runs.close()
    this.room.signal()
    await this.piscina.destroy()
  }
}

function entriesOf(prepared: Prepared, shard: number): number {
  let n = 0
  for (const { batches } of prepared.slots) for (const b of batches) if (b.shardRows[shard] > 0) n++
  return n
}
