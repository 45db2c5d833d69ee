/** Starts a real engine on the built worker; its tasks are the probes of test/fixtures/probe-tasks.mjs. */
import { expect } from 'vitest'
import { ManualClock } from '../../../src/engine/clock.js'
import { ShardlineEngine } from '../../../src/engine/engine.js'
import type { RunningTask, StartTask, WriteResult } from '../../../src/engine/engine-api.js'
import type { EngineOptions } from '../../../src/engine/engine-options.js'
import type { Log } from '../../../src/log.js'
import type { TaskPlan } from '../../../src/plan/task-plan.js'
import type { Partition } from '../../../src/transport/routes.js'

export const MiB = 1024 * 1024
const fixture = (name: string): string => new URL(`../../fixtures/${name}`, import.meta.url).href

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly keys: Record<string, unknown>
}

export interface TaskOptions {
  readonly vars?: Record<string, unknown>
  readonly partition?: Partition
  readonly reads?: string[]
  readonly measurements?: string[]
  readonly dbrps?: { db: string; rp: string }[]
}

/** While closed, probes that carry it wait at each chunk. */
export class Gate {
  readonly sab = new SharedArrayBuffer(8)
  private readonly words = new Int32Array(this.sab)

  open(): void {
    Atomics.store(this.words, 0, 1)
    Atomics.notify(this.words, 0)
  }

  close(): void {
    Atomics.store(this.words, 0, 0)
  }

  get arrived(): number {
    return Atomics.load(this.words, 1)
  }

  /** Resolves when the n-th chunk stands at the gate. */
  async reached(n: number): Promise<void> {
    for (;;) {
      const seen = this.arrived
      if (seen >= n) return
      const w = Atomics.waitAsync(this.words, 1, seen)
      if (w.async) await w.value
    }
  }
}

export class TestEngine {
  readonly lines: LogLine[] = []
  readonly failures: string[] = []
  readonly clock: ManualClock
  engine!: ShardlineEngine

  private constructor(startMs: number) {
    this.clock = new ManualClock(startMs)
  }

  static async start(options: Partial<EngineOptions> = {}, startMs = 1_000_000): Promise<TestEngine> {
    const t = new TestEngine(startMs)
    const line =
      (level: string) =>
      (msg: string, keys: Record<string, unknown> = {}): void => {
        t.lines.push({ level, msg, keys })
      }
    const log: Log = { debug: line('debug'), info: line('info'), error: line('error'), with: () => log }
    t.engine = await ShardlineEngine.start({
      shards: 2,
      shardMemoryBytes: 72 * MiB,
      slots: 8,
      slotBytes: 64 * 1024,
      ringEntries: 64,
      clock: t.clock,
      log,
      shardThread: fixture('probe-tasks.mjs'),
      ...options,
    })
    t.engine.onTaskFailed((_key, id, error) => t.failures.push(`${id}: ${error}`))
    return t
  }

  async task(id: string, o: TaskOptions = {}): Promise<RunningTask> {
    const { probePlan } = (await import(fixture('probe-plan.mjs'))) as { probePlan: (o: TaskOptions) => TaskPlan }
    const task: StartTask = {
      key: this.engine.newKey(),
      id,
      type: 'stream',
      script: '',
      vars: (o.vars ?? {}) as StartTask['vars'],
      dbrps: o.dbrps ?? [{ db: 'd', rp: 'r' }],
      plan: probePlan(o),
      alertStates: () => [],
    }
    return this.engine.startTask(task)
  }

  write(lines: string, source: 'http' | 'udp' | 'loopback' = 'http'): WriteResult | Promise<WriteResult> {
    return this.engine.write({ db: 'd', rp: 'r', precision: 'ms', body: Buffer.from(lines), source })
  }

  /** Everything written so far has been processed by every shard. */
  async settled(task: RunningTask): Promise<void> {
    for (;;) {
      const s = task.stats()
      expect(s.inRing).toBeGreaterThanOrEqual(0)
      if (s.inRing === 0) return
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** What the probes of a task have seen, per shard. */
  async rows(task: RunningTask): Promise<string[][]> {
    return (await task.control(1, 'rows')) as string[][]
  }

  async close(): Promise<void> {
    await this.engine.close(5000)
  }
}
