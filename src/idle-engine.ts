/** An engine without shards: takes writes and counts them, runs no task. For the API alone. Main thread. */
import { ShardlineError } from './errors.js'
import type { Engine, EngineStatsView, WriteRequest, WriteResult } from './route/engine-api.js'

export function idleEngine(): Engine {
  return {
    shards: 1,
    write: (_request: WriteRequest): WriteResult => ({ status: 204, points: 0, error: '' }),
    startTask: () => Promise.reject(new ShardlineError('no-engine', 'this server runs no tasks', 500)),
    stopTask: () => Promise.resolve(),
    mirrorTopicState() {},
    onOutput() {},
    onTaskFailed() {},
    stats: (): EngineStatsView => ({
      shards: [],
      acceptedPoints: 0,
      unmatchedPoints: 0,
      routedPoints: 0,
      rejectedRequests: 0,
      overloadedRequests: 0,
      slotsInUse: 0,
      slots: 0,
      ingress: [],
    }),
    close: () => Promise.resolve(),
  }
}
