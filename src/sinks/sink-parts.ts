/**
 * What follows the runs whose nodes reach out of the shards: pages, posts, points for InfluxDB and for the way back, sideload
 * sources, clusters. One RunPart per run and kind of node. Thread: main.
 */
import { within } from '../deadline.js'
import type { Engine } from '../engine/engine-api.js'
import { noCounters, type RunFollower, type RunInfo, type RunPart } from '../engine/run-part.js'
import type { PlannedNode } from '../plan/task-plan.js'
import { Out } from '../transport/output.js'
import type { AutoscaleSink, PreparedAutoscales } from './autoscale/autoscale-sink.js'
import type { HttpOutViews } from './http-out-views.js'
import type { HttpPostSink, PreparedHttpPosts } from './http-post-sink.js'
import type { InfluxDBSink, PreparedInfluxDBOuts } from './influxdb-sink.js'
import type { LoopbackSink } from './loopback-sink.js'
import type { SideloadSources } from './sideload-sources.js'

/** Parts for the runs that have a node of the method. */
function following(method: string, part: (run: RunInfo) => RunPart): RunFollower {
  const isOne = ({ node }: PlannedNode): boolean => node.def.method === method
  return { partOf: (run) => (run.plan.nodes.some(isOne) ? part(run) : null) }
}

export function httpOutPages(views: HttpOutViews): RunFollower {
  return following('httpOut', ({ key, plan }) => ({
    async prepare() {},
    started: (running) => views.register(running, plan),
    // Rows live on the shards: those of the dead one are gone.
    shardRestarted() {},
    async draining() {},
    stopped: () => views.unregister(key),
    countersOf: () => noCounters,
  }))
}

export function httpPosts(sink: HttpPostSink, engine: Engine): RunFollower {
  engine.onOutput(Out.HttpPost, (frame) => sink.onFrame(frame))
  return following('httpPost', ({ key, plan }) => {
    let targets: PreparedHttpPosts
    return {
      async prepare() {
        targets = sink.prepare(plan)
      },
      started: (running) => sink.start(running, targets),
      // Requests under way are still made; who asked for their codes is gone (RunningTask.reply).
      shardRestarted() {},
      async draining(deadlineMs) {
        await within(sink.idle(key), deadlineMs)
      },
      stopped: () => sink.stop(key),
      countersOf: (nodeIndex) => sink.countersOf(key, nodeIndex),
    }
  })
}

export function loopbacks(sink: LoopbackSink, engine: Engine): RunFollower {
  engine.onOutput(Out.Loopback, (frame) => sink.onFrame(frame))
  return following('kapacitorLoopback', ({ key, plan, dbrps }) => ({
    async prepare() {
      sink.check(plan, dbrps)
    },
    started: () => sink.start(key, plan),
    shardRestarted() {},
    async draining(deadlineMs) {
      await within(sink.idle(key), deadlineMs)
    },
    stopped: () => sink.stop(key),
    countersOf: (nodeIndex) => sink.countersOf(key, nodeIndex),
  }))
}

export function influxDBOuts(sink: InfluxDBSink, engine: Engine): RunFollower {
  engine.onOutput(Out.InfluxDBOut, (frame) => sink.onFrame(frame))
  return following('influxDBOut', ({ key, taskId, plan }) => {
    let targets: PreparedInfluxDBOuts
    return {
      async prepare() {
        targets = sink.prepare(plan)
      },
      started: () => sink.start({ key, id: taskId }, plan, targets),
      shardRestarted() {},
      draining: (deadlineMs) => sink.stop(key, deadlineMs),
      stopped() {},
      countersOf: (nodeIndex) => sink.countersOf(key, nodeIndex),
    }
  })
}

export function sideloads(sources: SideloadSources): RunFollower {
  return following('sideload', ({ key, plan }) => ({
    prepare: ({ nodeData }) => sources.prepare(key, plan, nodeData),
    started: (running) => sources.started(running),
    // The next thread gets the values of the last reload with the task.
    shardRestarted() {},
    async draining() {},
    stopped: () => sources.stopped(key),
    countersOf: () => noCounters,
  }))
}

export function autoscales(sink: AutoscaleSink, engine: Engine): RunFollower {
  engine.onOutput(Out.Autoscale, (frame) => sink.onFrame(frame))
  const part = ({ key, plan }: RunInfo): RunPart => {
    let clusters: PreparedAutoscales
    return {
      async prepare() {
        clusters = sink.prepare(plan)
      },
      started: (running) => sink.start(running, clusters),
      // As with httpPost: calls under way are made, their answers go nowhere.
      shardRestarted() {},
      async draining() {},
      stopped: () => sink.stop(key),
      countersOf: () => noCounters,
    }
  }
  return { partOf: (run) => (sink.isFor(run.plan) ? part(run) : null) }
}
