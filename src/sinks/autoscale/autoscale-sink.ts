/**
 * Makes the calls of autoscale nodes to their clusters. Thread: main. A node has one call out at a time and always gets an
 * answer: after the deadline an error.
 */

import type { OutputFrame, RunningTask } from '../../engine/engine-api.js'
import { errorText, ShardlineError } from '../../errors.js'
import { textOf } from '../../operators/kit/script-props.js'
import type { ScaleAnswer, ScaleCall } from '../../operators/outside/autoscale.js'
import type { TaskOutline } from '../../plan/task-outline.js'
import { EarlyFrames } from '../early-frames.js'
import type { ScaleCluster } from './autoscale-api.js'
import { autoscaleMethods } from './autoscale-clusters.js'

export interface AutoscaleSinkOptions {
  /** The cluster of an id for a node's method. Throws when there is none. */
  readonly cluster: (method: string, id: string) => ScaleCluster
  /** Of one answer, which may take two requests. */
  readonly timeoutMs?: number
}

export type PreparedAutoscales = ReadonlyMap<number, ScaleCluster>

interface Run {
  readonly running: Pick<RunningTask, 'key' | 'reply'>
  readonly clusters: PreparedAutoscales
  readonly abort: AbortController
}

const clientNames: Readonly<Record<string, string>> = {
  k8sAutoscale: 'kubernetes',
  swarmAutoscale: 'swarm',
  ec2Autoscale: 'ec2',
}

export class AutoscaleSink {
  private readonly runs = new Map<number, Run>()
  private readonly early = new EarlyFrames()

  constructor(private readonly options: AutoscaleSinkOptions) {}

  isFor(plan: TaskOutline): boolean {
    return plan.nodes.some(({ node }) => autoscaleMethods.includes(node.def.method))
  }

  /** Throws the errors that enabling a task answers with. */
  prepare(plan: TaskOutline): PreparedAutoscales {
    const clusters = new Map<number, ScaleCluster>()
    for (const { node, index } of plan.nodes) {
      const { method } = node.def
      if (!autoscaleMethods.includes(method)) continue
      try {
        clusters.set(index, this.options.cluster(method, textOf(node, 'cluster')))
      } catch (err) {
        const what = `cannot use the ${method} node, could not create ${clientNames[method]} client`
        throw new ShardlineError('no-cluster', `${what}: ${errorText(err)}`)
      }
    }
    return clusters
  }

  start(running: Pick<RunningTask, 'key' | 'reply'>, clusters: PreparedAutoscales): void {
    if (clusters.size > 0) this.runs.set(running.key, { running, clusters, abort: new AbortController() })
    for (const f of this.early.take(running.key)) this.onFrame(f)
  }

  onFrame(frame: OutputFrame): void {
    const run = this.runs.get(frame.taskKey)
    if (run === undefined) {
      this.early.keep(frame)
      return
    }
    const cluster = run.clusters.get(frame.nodeIndex)
    if (cluster === undefined) return
    const { shard, life, nodeIndex } = frame
    const call = JSON.parse(Buffer.from(frame.payload).toString()) as ScaleCall
    void this.answer(run, cluster, call).then((answer) => {
      if (!run.abort.signal.aborted) run.running.reply({ shard, life, nodeIndex }, answer)
    })
  }

  /** Calls under way end without an answer. */
  stop(taskKey: number): void {
    this.runs.get(taskKey)?.abort.abort()
    this.runs.delete(taskKey)
    this.early.take(taskKey)
  }

  close(): void {
    for (const key of [...this.runs.keys()]) this.stop(key)
  }

  private async answer(run: Run, cluster: ScaleCluster, call: ScaleCall): Promise<ScaleAnswer> {
    const { request } = call
    const deadline = new AbortController()
    const stop = (): void => deadline.abort(run.abort.signal.reason)
    const late = (): void => deadline.abort(new Error('the cluster did not answer in time'))
    run.abort.signal.addEventListener('abort', stop, { once: true })
    const timer = setTimeout(late, this.options.timeoutMs ?? 10_000)
    const { signal } = deadline
    try {
      let { count } = call
      if (call.op === 'get') count = await cluster.get(call.resource, signal)
      else await cluster.set(call.resource, count, signal)
      return { what: 'scale', request, count, error: '' }
    } catch (err) {
      return { what: 'scale', request, count: 0, error: errorText(err) || 'unknown error' }
    } finally {
      clearTimeout(timer)
      run.abort.signal.removeEventListener('abort', stop)
    }
  }
}
