/** What follows the life of tasks for nodes that reach outside: loopback, InfluxDB, sideload, autoscale. Main thread. */
import type { Engine } from '../route/engine-api.js'
import { Out } from '../shard/output.js'
import type { AutoscaleSink, PreparedAutoscales } from './autoscale-sink.js'
import type { InfluxDBSink, PreparedInfluxDBOuts } from './influxdb-sink.js'
import type { LoopbackSink } from './loopback-sink.js'
import type { SideloadSources } from './sideload-sources.js'
import type { TaskObserver } from './task-runner.js'

/** How long the stop of a task waits for its last points; a deleted task is not worth as long a wait. */
const drainMs = 5000
const deletedDrainMs = 1000

export function loopbackObserver(sink: LoopbackSink, engine: Engine): TaskObserver {
  engine.onOutput(Out.Loopback, (frame) => sink.onFrame(frame))
  return {
    starting(task, plan) {
      sink.check(plan, task.dbrps)
      return []
    },
    started: (running, _task, plan) => sink.start(running.key, plan),
    async stopped(_task, deleted, running) {
      if (running === undefined) return
      if (!deleted) await within(sink.idle(running.key), drainMs)
      sink.stop(running.key)
    },
    countersOf: (taskKey, nodeIndex) => sink.countersOf(taskKey, nodeIndex),
  }
}

export function influxDBObserver(sink: InfluxDBSink, engine: Engine): TaskObserver {
  const prepared = new Map<string, PreparedInfluxDBOuts>()
  engine.onOutput(Out.InfluxDBOut, (frame) => sink.onFrame(frame))
  return {
    starting(task, plan) {
      prepared.set(task.id, sink.prepare(plan))
      return []
    },
    started(running, task, plan) {
      sink.start({ key: running.key, id: task.taskId ?? task.id }, plan, prepared.get(task.id) ?? new Map())
    },
    async stopped(task, deleted, running) {
      prepared.delete(task.id)
      if (running !== undefined) await sink.stop(running.key, deleted ? deletedDrainMs : drainMs)
    },
    countersOf: (taskKey, nodeIndex) => sink.countersOf(taskKey, nodeIndex),
  }
}

export function sideloadObserver(sources: SideloadSources): TaskObserver {
  return {
    prepare: (task, plan, nodeData) => sources.prepare(task.id, plan, nodeData),
    started: (running, task) => sources.started(task.id, running),
    stopped: (task) => sources.stopped(task.id),
  }
}

export function autoscaleObserver(sink: AutoscaleSink, engine: Engine): TaskObserver {
  const prepared = new Map<string, PreparedAutoscales>()
  engine.onOutput(Out.Autoscale, (frame) => sink.onFrame(frame))
  return {
    starting(task, plan) {
      prepared.set(task.id, sink.prepare(plan))
      return []
    },
    started: (running, task) => sink.start(running, prepared.get(task.id) ?? new Map()),
    stopped(task, _deleted, running) {
      prepared.delete(task.id)
      if (running !== undefined) sink.stop(running.key)
    },
  }
}

/** Resolves with the promise, or at the deadline. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
