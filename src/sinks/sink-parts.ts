/**
 * What follows the runs whose nodes reach out of the shards: pages, posts, points for InfluxDB and for the way back, sideload
 * sources, clusters. One RunPart per run and kind of node. Thread: main.
 */
import { within } from '../deadline.js'
import type { OutputFrame } from '../engine/engine-api.js'
import { noCounters, noFrames, type RunFollower, type RunInfo, type RunPart } from '../engine/run-part.js'
import type { OutlineNode } from '../plan/task-outline.js'
import { type FrameType, Out } from '../transport/output.js'
import type { AutoscaleSink, PreparedAutoscales } from './autoscale/autoscale-sink.js'
import type { HttpOutViews } from './http-out-views.js'
import type { HttpPostSink, PreparedHttpPosts } from './http-post-sink.js'
import type { InfluxDBSink, PreparedInfluxDBOuts } from './influxdb-sink.js'
import type { LoopbackSink } from './loopback-sink.js'
import type { SideloadSources } from './sideload-sources.js'

/** Parts for the runs that have a node of the method. */
function following(method: string, part: (run: RunInfo) => RunPart): RunFollower {
  const isOne = ({ node }: OutlineNode): boolean => node.def.method === method
  return { partOf: (run) => (run.plan.nodes.some(isOne) ? part(run) : null) }
}

/** The frames of one type go to a sink, which knows its runs by their keys. */
function framesOf(type: FrameType, sink: { onFrame(frame: OutputFrame): void }): Pick<RunPart, 'takes' | 'onFrame'> {
  return { takes: [type], onFrame: (frame) => sink.onFrame(frame) }
}

export function httpOutPages(views: HttpOutViews): RunFollower {
  return following('httpOut', ({ key, plan }) => ({
    ...noFrames,
    async prepare() {},
    started: (running) => views.register(running, plan),
    // Rows live on the shards: those of the dead one are gone.
    shardRestarted() {},
    async draining() {},
    stopped: () => views.unregister(key),
    countersOf: () => noCounters,
  }))
}

export function httpPosts(sink: HttpPostSink): RunFollower {
  const frames = framesOf(Out.HttpPost, sink)
  return following('httpPost', ({ key, plan }) => {
    let targets: PreparedHttpPosts
    return {
      ...frames,
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

export function loopbacks(sink: LoopbackSink): RunFollower {
  const frames = framesOf(Out.Loopback, sink)
  return following('kapacitorLoopback', ({ key, plan, dbrps }) => ({
    ...frames,
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

export function influxDBOuts(sink: InfluxDBSink): RunFollower {
  const frames = framesOf(Out.InfluxDBOut, sink)
  return following('influxDBOut', ({ key, taskId, plan }) => {
    let targets: PreparedInfluxDBOuts
    return {
      ...frames,
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
    ...noFrames,
    prepare: ({ nodeData }) => sources.prepare(key, plan, nodeData),
    started: (running) => sources.started(running),
    // The next thread gets the values of the last reload with the task.
    shardRestarted() {},
    async draining() {},
    stopped: () => sources.stopped(key),
    countersOf: () => noCounters,
  }))
}

export function autoscales(sink: AutoscaleSink): RunFollower {
  const frames = framesOf(Out.Autoscale, sink)
  const part = ({ key, plan }: RunInfo): RunPart => {
    let clusters: PreparedAutoscales
    return {
      ...frames,
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
