/** What follows the life of tasks beside alerts: httpOut pages and httpPost requests. Main thread. */
import type { TaskPlan } from '../plan/task-plan.js'
import type { Engine } from '../route/engine-api.js'
import { Out } from '../shard/output.js'
import type { HttpOutViews } from './http-out-views.js'
import type { HttpPostSink, PreparedHttpPosts } from './http-post-sink.js'
import type { TaskObserver } from './task-runner.js'

export function httpOutObserver(views: HttpOutViews): TaskObserver {
  return {
    started: (running, _task, plan) => views.register(running, plan),
    stopped(_task, _deleted, running) {
      if (running !== undefined) views.unregister(running.key)
    },
  }
}

/** How long the stop of a task waits for requests that its last rows asked for. */
const drainMs = 5000

export function httpPostObserver(sink: HttpPostSink, engine: Engine): TaskObserver {
  const prepared = new Map<string, PreparedHttpPosts>()
  engine.onOutput(Out.HttpPost, (frame) => sink.onFrame(frame))
  return {
    starting(task, plan: TaskPlan) {
      prepared.set(task.id, sink.prepare(plan))
      return []
    },
    started(running, task) {
      sink.start(running, prepared.get(task.id) ?? new Map())
    },
    async stopped(task, deleted, running) {
      const targets = prepared.get(task.id)
      prepared.delete(task.id)
      if (running === undefined) return
      if (!deleted && targets !== undefined && targets.size > 0) {
        let timer: NodeJS.Timeout | undefined
        const deadline = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, drainMs)
        })
        await Promise.race([sink.idle(running.key), deadline])
        clearTimeout(timer)
      }
      sink.stop(running.key)
    },
  }
}
