/**
 * A whole script on one shard without threads: planned and built as a shard does it, fed with text rows, with a manual clock.
 * Every node's output can be collected.
 */
import { type AlertEvent, decodeAlertFrame } from '../../../src/alert-handlers/event-frame.js'
import { buildTask } from '../../../src/compile/instantiate.js'
import type { ShardEnv } from '../../../src/shard/context.js'
import type { ShardTask } from '../../../src/shard/task.js'
import { Turn } from '../../../src/shard/turn.js'
import { ShardMemory } from '../../../src/state/pages.js'
import { TimerWheel } from '../../../src/state/timer-wheel.js'
import { TopicMirror } from '../../../src/state/topic-mirror.js'
import type { TaskSpec } from '../../../src/transport/messages.js'
import { Out } from '../../../src/transport/output.js'
import { StatPart } from '../../../src/transport/stat-block.js'
import { Collector, connect, type Feed, Harness, parseRow } from './harness.js'

export interface ScriptOptions {
  readonly startMs?: number
  readonly shard?: number
  readonly shards?: number
  readonly deadman?: TaskSpec['deadman']
  /** Names that the written rows have as columns. */
  readonly reads?: readonly string[]
  readonly budgetBytes?: number
  readonly vars?: TaskSpec['vars']
  readonly closeAfterMs?: number
}

export class ScriptTask {
  readonly task: ShardTask
  readonly wheel = new TimerWheel()
  readonly events: AlertEvent[] = []
  readonly errors: Record<string, string>[] = []
  private readonly memory: ShardMemory
  private readonly feed: Feed
  private readonly harness = new Harness()
  private readonly collectors = new Map<string, Collector>()

  constructor(script: string, options: ScriptOptions = {}) {
    const { shard = 0, shards = 1, startMs = 0 } = options
    this.memory = new ShardMemory(options.budgetBytes ?? 64 * 1024 * 1024)
    this.wheel.advance(startMs)
    const env: ShardEnv = {
      shard,
      shards,
      memory: this.memory,
      wheel: this.wheel,
      outbox: {
        send: (type, _key, _node, payload) => {
          if (type !== Out.Alert) return
          const frame = decodeAlertFrame(payload, 'task')
          if (frame.kind === 'event') this.events.push(frame.event)
        },
      },
      stats: StatPart.of(new SharedArrayBuffer(65536 * 8), 0, 65536),
      topics: new TopicMirror(() => 0),
      server: { hostname: 'h', clusterId: '', serverId: '' },
      closeAfterMs: options.closeAfterMs ?? 0,
      turn: new Turn(() => 0),
      now: () => this.wheel.nowMs,
      log: (_key, _node, _level, _msg, keys) => this.errors.push(keys),
      enter: () => {},
      fail: (_key, err) => {
        throw err
      },
    }
    const spec: TaskSpec = {
      key: 1,
      id: 'task',
      taskMaster: 'main',
      type: 'stream',
      script,
      vars: options.vars ?? {},
      dbrps: [{ db: 'db', rp: 'rp' }],
      statsOffset: 0,
      routes: [],
      deadman: options.deadman,
    }
    this.task = buildTask(spec, env)
    this.feed = this.harness.feed({ reads: options.reads })
  }

  get usedBytes(): number {
    return this.memory.used
  }

  /** Names of the nodes, in the order they are planned. */
  get nodes(): string[] {
    return this.task.runtime.plan.nodes.map((n) => n.node.name)
  }

  write(...lines: string[]): void {
    for (const line of lines) this.task.deliver(this.feed.chunk([parseRow(line)]))
  }

  /** Moves the clock: fires timers. */
  advance(nowMs: number): void {
    this.wheel.advance(nowMs)
  }

  /** What a node has emitted since the last call; from the first call on. */
  output(node: string): string[] {
    let c = this.collectors.get(node)
    if (c === undefined) {
      c = new Collector(this.harness)
      this.collectors.set(node, c)
      connect(this.task.operators[this.nodes.indexOf(node)]!, c)
    }
    return c.take()
  }
}
