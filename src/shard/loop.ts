/**
 * The loop of a shard: takes batch references from its ring, hands their rows to the tasks, and does everything else between
 * two chunks: control, timers, eviction, statistics. Thread: shard worker.
 *
 * Order. Control messages posted before an entry was published are handled before it; a drain waits for the entries published
 * before it; a task sees entries published after its start only. Before an entry the timers advance to its stamp, and to
 * main's tick only when the ring was found empty after the tick was read: no timer overtakes an accepted point.
 *
 * Slots. An entry's slot is held until its release, which comes with the end of its processing, also when that throws.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { BatchSchema } from '../columns/batch-layout.js'
import type { Chunk } from '../columns/chunk.js'
import { encodeUtf8 } from '../columns/column.js'
import { errorText } from '../errors.js'
import { collectGarbage } from '../state/garbage.js'
import { ShardMemory } from '../state/pages.js'
import { TimerWheel } from '../state/timer-wheel.js'
import { TopicMirror } from '../state/topic-mirror.js'
import type { FromShard, ShardInit, TaskSpec, ToShard } from '../transport/messages.js'
import { Out } from '../transport/output.js'
import { OutputWriter } from '../transport/output-ring.js'
import { emptyEntry, RingConsumer, type RingEntry } from '../transport/ring.js'
import type { Route } from '../transport/routes.js'
import { SlotHolds } from '../transport/slots.js'
import { ShardCell, StatPart } from '../transport/stat-block.js'
import { BatchSource, SlotViews } from './batch-source.js'
import type { LogLevel, ShardEnv } from './context.js'
import { Evictor } from './eviction.js'
import { TableMerge } from './table-merge.js'
import type { BuildTask, ShardTask } from './task.js'
import { TimeShare } from './time-share.js'
import { Turn } from './turn.js'

const maxSleepMs = 50
const publishEveryMs = 200

/** A task on this shard. `task` is null once it has failed: its rows are counted as `stopped` until main stops it. */
interface Running {
  readonly spec: TaskSpec
  readonly fromSeq: number
  task: ShardTask | null
  failing: boolean
  /** Time it took lately, see TimeShare. */
  busyMs: number
}

interface RouteTasks {
  readonly route: Route
  readonly tasks: Running[]
}

export class ShardLoop {
  readonly env: ShardEnv
  readonly memory: ShardMemory
  private readonly port: MessagePort
  private readonly ring: RingConsumer
  private readonly source: BatchSource
  private readonly output: OutputWriter
  private readonly stats: StatPart
  private readonly wheel = new TimerWheel()
  private readonly turn = new Turn(() => this.output.blockedMs)
  private readonly evictor: Evictor
  private readonly holds: SlotHolds
  private readonly room: Int32Array
  private readonly topics = new TopicMirror(() => this.output.written)
  private readonly schemas = new Map<number, BatchSchema>()
  private readonly tasks = new Map<number, Running>()
  private readonly routes = new Map<number, RouteTasks>()
  /** Live tasks, for eviction. */
  private live: ShardTask[] = []
  private failed: Running[] = []
  private waiting: (ToShard & { afterSeq: number })[] = []
  private readonly entry: RingEntry = emptyEntry()
  private readonly next: RingEntry = emptyEntry()
  private readonly merge: TableMerge<Running>
  private handledControls = 0
  private seq = 0
  private stopped = false
  private publishedMs = 0
  private readonly share = new TimeShare(performance.now())
  /** A task alone on a shard has nobody to make room for. */
  private get sheds(): boolean {
    return this.init.taskPolicy === 'shed' && this.live.length > 1
  }

  constructor(
    private readonly init: ShardInit,
    private readonly buildTask: BuildTask,
  ) {
    this.port = init.port
    this.ring = new RingConsumer(init.ring, init.ringEntries, init.seq)
    const views = new SlotViews(init.slots)
    this.source = new BatchSource(views, init.shard, init.shards)
    this.merge = new TableMerge((maxRows) => new BatchSource(views, init.shard, init.shards, maxRows))
    this.output = new OutputWriter(init.output)
    this.stats = StatPart.of(init.stats, init.shard, init.statCells)
    this.holds = new SlotHolds(init.slots, init.shard)
    this.room = new Int32Array(init.room)
    this.memory = new ShardMemory(init.stateBytes)
    this.evictor = new Evictor(this.memory, init.statePolicy)
    this.handledControls = init.controls
    this.seq = init.seq
    this.wheel.advance(init.startMs)
    this.stats.set(ShardCell.budgetBytes, init.stateBytes)
    this.env = {
      shard: init.shard,
      shards: init.shards,
      memory: this.memory,
      wheel: this.wheel,
      outbox: { send: (type, key, node, payload) => this.send(type, key, node, payload) },
      stats: this.stats,
      topics: this.topics,
      server: init.server,
      closeAfterMs: init.closeAfterMs,
      now: () => this.wheel.nowMs,
      log: (key, node, level, msg, keys) => this.log(key, node, level, msg, keys),
      enter: (key) => this.enter(key),
      turn: this.turn,
      fail: (key, err) => this.fail(key, err),
    }
  }

  /** Runs until main sends `shutdown`. */
  run(): void {
    for (const m of this.init.first) this.handle(m)
    while (!this.stopped) {
      const signal = this.ring.signal()
      if (!this.step()) this.ring.sleep(signal, maxSleepMs)
    }
    for (const r of this.tasks.values()) r.task?.dispose()
  }

  /** One entry, or what there is to do without one. False: nothing is left to do now. */
  step(): boolean {
    const controlled = this.handleControls(this.ring.controls())
    if (this.stopped) return true
    // Read before take(), see RingConsumer.tick().
    const tick = this.ring.tick()
    if (!this.evictor.mayTake(performance.now())) {
      this.publish(false)
      return controlled
    }
    if (this.ring.take(this.entry)) {
      const { entry } = this
      this.signalRoom()
      this.handleControls(entry.controls)
      this.advance(entry.stamp)
      if (entry.more > 0) this.processGroup(entry)
      else {
        try {
          this.process(entry, null)
        } finally {
          this.release(entry.slot)
        }
      }
      this.finish(entry.stamp)
      return true
    }
    this.finish(tick)
    this.advance(tick)
    this.publish(false)
    return controlled
  }

  /**
   * Hands the rows of a batch to the tasks that take them. Tasks in `merged` get them in the order of the lines instead, see
   * table-merge.ts.
   */
  private process(entry: RingEntry, merged: ReadonlySet<Running> | null): void {
    const { source } = this
    source.open(entry.slot, entry.offset, this.schemaOf(entry))
    let rows = 0
    while (source.nextRoute()) {
      const route = this.routes.get(source.routeId)
      if (route === undefined) continue
      rows += source.rows
      if (merged !== null && route.tasks.every((t) => merged.has(t))) continue
      for (let from = 0; from < source.rows; ) {
        const chunk = source.load(from, route.route)
        for (const running of route.tasks)
          if (entry.seq > running.fromSeq && (merged === null || !merged.has(running))) this.deliver(running, chunk)
        from += chunk.n
        this.settle()
      }
    }
    this.stats.add(ShardCell.processedRows, rows)
    this.stats.add(ShardCell.entries, 1)
  }

  /** The batches of several tables of one slot: a task that reads more than one of them gets their rows as they were written. */
  private processGroup(first: RingEntry): void {
    const group: RingEntry[] = [{ ...first }]
    try {
      while (this.ring.take(this.next, first.seq + first.more)) {
        group.push({ ...this.next })
      }
      this.signalRoom()
      const { merge } = this
      for (const entry of group) {
        const schema = this.schemaOf(entry)
        merge.add(entry, schema, (routeId) => this.routes.get(routeId))
      }
      const merged = merge.merged()
      for (const entry of group) this.process(entry, merged)
      for (const running of merged) {
        merge.each(running, (chunk) => {
          this.deliver(running, chunk)
          this.settle()
        })
      }
    } finally {
      this.merge.close()
      for (const entry of group) this.release(entry.slot)
    }
  }

  private schemaOf(entry: RingEntry): BatchSchema {
    const schema = this.schemas.get(entry.schema)
    if (schema === undefined) throw new Error(`shard ${this.init.shard}: unknown schema ${entry.schema}`)
    return schema
  }

  /** Main reads this when the thread dies, to name the task that was running. 0: none. */
  private enter(key: number): void {
    this.ring.enter(key)
    if (key !== 0) this.turn.begin()
  }

  /** Hands a chunk to one task and closes its accounts. */
  private deliver(running: Running, chunk: Chunk): void {
    const { task, spec } = running
    const rows = chunk.n
    if (task === null || running.failing) {
      this.stats.drop(spec.statsOffset, 'stopped', rows)
      return
    }
    if (this.sheds && this.share.isOver(running.busyMs, this.live.length) && this.writersWait()) {
      this.stats.drop(spec.statsOffset, 'shed', rows)
      return
    }
    const { runtime } = task
    const start = performance.now()
    this.enter(spec.key)
    runtime.begin(rows)
    try {
      task.deliver(chunk)
    } catch (err) {
      runtime.abandon()
      this.fail(spec.key, err)
    }
    runtime.end()
    this.enter(0)
    const ms = performance.now() - start
    running.busyMs += ms
    this.share.add(ms)
  }

  /** Main has found no room and waits for it. */
  private writersWait(): boolean {
    return Atomics.load(this.room, 1) !== 0
  }

  /** Between chunks. */
  private settle(): void {
    if (this.failed.length > 0) this.disposeFailed()
    this.evictor.relieve(this.live)
  }

  /** No entry is in hand: all that the ring has passed is done or was dropped. */
  private finish(stamp: number): void {
    this.seq = this.ring.passed()
    this.ring.done(this.seq, stamp)
    if (this.waiting.length > 0) this.handleWaiting()
    this.publish(false)
  }

  private release(slot: number): void {
    this.holds.release(slot)
    this.signalRoom()
  }

  /** Wakes main when it waits for room and this shard has done what it waits for, or has nothing left to do. */
  private signalRoom(): void {
    // Pairs with the store of the second word in RoomSignal.wait(): main that is about to wait is seen, or sees the room.
    const wanted = Atomics.load(this.room, 1)
    if (wanted === 0 || (this.ring.length > 0 && this.holds.count() >= wanted)) return
    Atomics.add(this.room, 0, 1)
    Atomics.notify(this.room, 0)
  }

  private advance(nowMs: number): void {
    if (nowMs <= this.wheel.nowMs) return
    this.wheel.advance(nowMs)
    this.settle()
  }

  // Control

  /** Handles messages until `upTo` have been handled in all. */
  private handleControls(upTo: number): boolean {
    let any = false
    while (((upTo - this.handledControls) | 0) > 0) {
      const received = receiveMessageOnPort(this.port)
      // The number is raised after the message was posted, so it is there.
      if (received === undefined) break
      this.handledControls = (this.handledControls + 1) | 0
      this.handle(received.message as ToShard)
      any = true
    }
    return any
  }

  private handle(m: ToShard): void {
    switch (m.type) {
      case 'schemas':
        for (const schema of m.schemas) this.schemas.set(schema.id, schema)
        break
      case 'forget':
        if (m.afterSeq > this.seq) this.waiting.push(m)
        else for (const id of m.schemas) this.schemas.delete(id)
        break
      case 'start':
        this.start(m.task, m.fromSeq)
        break
      case 'stop':
        if (m.mode === 'drain' && m.afterSeq > this.seq) this.waiting.push(m)
        else this.stop(m.key, m.mode)
        break
      case 'control':
        this.control(m)
        break
      case 'topicStates':
        this.topics.setAll(m.states)
        break
      case 'topicGone':
        this.topics.forget(m.topic)
        break
      case 'topicStatesSent':
        this.topics.settle(m.read)
        break
      case 'shutdown':
        this.publish(true)
        this.stopped = true
        break
    }
  }

  private handleWaiting(): void {
    const due = this.waiting.filter((m) => m.afterSeq <= this.seq)
    if (due.length === 0) return
    this.waiting = this.waiting.filter((m) => m.afterSeq > this.seq)
    for (const m of due) this.handle(m)
  }

  private start(spec: TaskSpec, fromSeq: number): void {
    const { shard } = this.init
    let task: ShardTask
    this.enter(spec.key)
    try {
      task = this.buildTask(spec, this.env)
    } catch (err) {
      this.post({ type: 'started', shard, key: spec.key, error: errorText(err) })
      return
    } finally {
      this.enter(0)
    }
    const running: Running = { spec, fromSeq, task, failing: false, busyMs: 0 }
    this.tasks.set(spec.key, running)
    this.live = [...this.live, task]
    for (const route of spec.routes) {
      const known = this.routes.get(route.id)
      if (known === undefined) this.routes.set(route.id, { route, tasks: [running] })
      else known.tasks.push(running)
    }
    this.post({ type: 'started', shard, key: spec.key, error: null })
  }

  private stop(key: number, mode: 'drain' | 'discard'): void {
    const { shard } = this.init
    const running = this.tasks.get(key)
    if (running !== undefined) {
      if (mode === 'drain' && running.task !== null && !running.failing) {
        this.enter(key)
        try {
          running.task.stop()
        } catch (err) {
          this.log(key, 0, 'error', 'task failed while stopping', { task: running.spec.id, err: errorText(err) })
        }
        this.enter(0)
      }
      this.dispose(running)
      this.tasks.delete(key)
      this.waiting = this.waiting.filter((m) => m.type !== 'stop' || m.key !== key)
      for (const [id, route] of this.routes) {
        const i = route.tasks.indexOf(running)
        if (i >= 0) route.tasks.splice(i, 1)
        if (route.tasks.length === 0) this.routes.delete(id)
      }
    }
    this.post({ type: 'stopped', shard, key })
  }

  private control(m: ToShard & { type: 'control' }): void {
    const { shard } = this.init
    const running = this.tasks.get(m.key)
    let body: unknown
    let error: string | null = null
    this.enter(m.key)
    try {
      if (running?.task == null) error = 'the task does not run'
      else body = running.task.control(m.node, m.body)
    } catch (err) {
      // A request gets the error as its answer; a mere message that fails is a failure of the task.
      error = errorText(err)
      if (m.request < 0) this.fail(m.key, err)
    }
    this.enter(0)
    if (m.request >= 0) this.post({ type: 'reply', shard, request: m.request, body, error })
    this.settle()
  }

  /** Stops a task here and tells main, which stops it on the other shards. Its operators may still be on the stack. */
  private fail(key: number, err: unknown): void {
    const running = this.tasks.get(key)
    if (running === undefined || running.failing) return
    running.failing = true
    this.failed.push(running)
    this.post({ type: 'failed', shard: this.init.shard, key, error: errorText(err) })
  }

  private disposeFailed(): void {
    const failed = this.failed
    this.failed = []
    for (const r of failed) this.dispose(r)
  }

  private dispose(running: Running): void {
    const { task } = running
    if (task === null) return
    running.task = null
    this.live = this.live.filter((t) => t !== task)
    this.evictor.forget(task.key)
    task.runtime.publish()
    try {
      task.dispose()
    } catch (err) {
      this.log(task.key, 0, 'error', 'state of a stopped task was not released', { err: errorText(err) })
    }
    if (this.memory.droppedBytes > 0) collectGarbage(this.memory)
  }

  // Reports

  private publish(now: boolean): void {
    const ms = performance.now()
    if (!now && ms - this.publishedMs < publishEveryMs) return
    this.publishedMs = ms
    const { stats, memory } = this
    const fade = this.share.settle(ms)
    for (const r of this.tasks.values()) r.busyMs *= fade
    let groups = 0
    for (const t of this.live) {
      t.runtime.publish()
      groups += t.runtime.groups
    }
    stats.set(ShardCell.groups, groups)
    stats.set(ShardCell.tasks, this.tasks.size)
    stats.set(ShardCell.routes, this.routes.size)
    stats.set(ShardCell.schemas, this.schemas.size)
    stats.set(ShardCell.alertStates, this.topics.size)
    stats.set(ShardCell.stateBytes, memory.used)
    stats.set(ShardCell.segmentBytes, memory.segmentBytes)
    stats.set(ShardCell.refusedFrames, this.output.refused)
    stats.set(ShardCell.blockedMs, this.output.blockedMs)
    if (memory.droppedBytes > 0) collectGarbage(memory)
    if (this.init.idleGroupMs > 0) this.evictor.sweepIdle(this.live, this.wheel.nowMs, this.init.idleGroupMs)
  }

  private send(type: number, key: number, node: number, payload: Uint8Array): void {
    this.output.send(type, key, node, payload)
  }

  private log(key: number, node: number, level: LogLevel, msg: string, keys: Record<string, string>): void {
    this.send(Out.Log, key, node, encodeUtf8(JSON.stringify({ level, msg, keys })))
  }

  private post(m: FromShard): void {
    this.port.postMessage(m)
  }
}
