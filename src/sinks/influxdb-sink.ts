/**
 * The influxDBOut nodes of all tasks: one writer (influxdb-writer.ts) per run and node. Thread: main. A slow or dead InfluxDB
 * never holds up a shard: what it does not take waits here, bounded.
 *
 * Life of a task here: `prepare` (finds the clusters; throws what enabling the task must answer), `start`, frames, `stop`.
 */

import type { OutputFrame, RunningTask } from '../engine/engine-api.js'
import { errorText, ShardlineError } from '../errors.js'
import type { InfluxWriteTarget } from '../influxdb/write-target.js'
import type { Log } from '../log.js'
import { type InfluxDBOutSettings, influxDBOutSettings } from '../operators/outside/influxdb-out.js'
import type { TaskOutline } from '../plan/task-outline.js'
import { EarlyFrames } from './early-frames.js'
import { InfluxWriter } from './influxdb-writer.js'

export interface InfluxDBSinkOptions {
  /** The cluster of a name, '' for the default one. Throws when there is none. */
  readonly cluster: (name: string) => InfluxWriteTarget
  readonly log: Log
  /** Of each node. */
  readonly maxQueuedBytes?: number
  /** First and longest pause before a failed write is tried again. */
  readonly retryMs?: number
  readonly maxRetryMs?: number
}

interface Target {
  readonly node: string
  readonly settings: InfluxDBOutSettings
  readonly target: InfluxWriteTarget
}

export type PreparedInfluxDBOuts = ReadonlyMap<number, Target>

export class InfluxDBSink {
  private readonly writers = new Map<number, Map<number, InfluxWriter>>()
  private readonly early = new EarlyFrames()

  constructor(private readonly options: InfluxDBSinkOptions) {}

  /** Throws the errors that enabling a task answers with. */
  prepare(plan: TaskOutline): PreparedInfluxDBOuts {
    const targets = new Map<number, Target>()
    for (const { node, index } of plan.nodes) {
      if (node.def.method !== 'influxDBOut') continue
      const settings = influxDBOutSettings(node)
      try {
        targets.set(index, { node: node.name, settings, target: this.options.cluster(settings.cluster) })
      } catch (err) {
        throw new ShardlineError('no-influxdb', `failed to get InfluxDB client: ${errorText(err)}`)
      }
    }
    return targets
  }

  start(running: Pick<RunningTask, 'key' | 'id'>, plan: TaskOutline, targets: PreparedInfluxDBOuts): void {
    if (targets.size > 0) {
      const writers = new Map<number, InfluxWriter>()
      for (const [index, t] of targets) writers.set(index, this.writerOf(running.id, t, plan.nodes[index].node.quiet))
      this.writers.set(running.key, writers)
    }
    for (const f of this.early.take(running.key)) this.onFrame(f)
  }

  onFrame(frame: OutputFrame): void {
    const writers = this.writers.get(frame.taskKey)
    if (writers === undefined) this.early.keep(frame)
    else writers.get(frame.nodeIndex)?.add(frame.payload)
  }

  /** Writes what is left; gives up at the deadline. */
  async stop(taskKey: number, deadlineMs: number): Promise<void> {
    const writers = this.writers.get(taskKey)
    this.writers.delete(taskKey)
    this.early.take(taskKey)
    if (writers !== undefined) await Promise.all([...writers.values()].map((w) => w.end(deadlineMs)))
  }

  countersOf(taskKey: number, nodeIndex: number): Readonly<Record<string, number>> {
    const counters = this.writers.get(taskKey)?.get(nodeIndex)?.counters
    const shown: Record<string, number> = {}
    for (const [name, n] of Object.entries(counters ?? {})) if (n > 0) shown[name] = n
    return shown
  }

  close(): void {
    for (const writers of this.writers.values()) for (const w of writers.values()) w.close()
    this.writers.clear()
  }

  private writerOf(task: string, { node, settings, target }: Target, quiet: boolean): InfluxWriter {
    const { options } = this
    return new InfluxWriter({
      settings,
      target,
      maxQueuedBytes: options.maxQueuedBytes ?? 32 * 1024 * 1024,
      retryMs: options.retryMs ?? 500,
      maxRetryMs: options.maxRetryMs ?? 30_000,
      log: (msg, err, keys) => {
        if (!quiet) options.log.error(msg, { task, node, err, ...keys })
      },
    })
  }
}
