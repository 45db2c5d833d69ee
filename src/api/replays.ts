/** /kapacitor/v1/replays: replay recordings, list, get, delete (spec http-cli 6.4). Thread: main. */
import { ShardlineError } from '../errors.js'
import { decodeMembers, type JsonMembers } from '../go/json-members.js'
import { basePath } from '../http/api.js'
import type { Router } from '../http/router.js'
import type { ReplayManager } from '../recordings/replay-manager.js'
import type { ReplayClock } from '../recordings/replay-record.js'
import { replayListItem, replayView } from '../recordings/replay-view.js'
import { listParams, pageOf } from '../tasks/list-params.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { requestStruct } from './request-struct.js'

const path = `${basePath}/replays`
const prefix = `${path}/`
const maxRequestBytes = 1 << 20

const common = ['id', 'task', 'recording-time', 'clock']
const replayStruct = requestStruct('client.CreateReplayOptions', [...common, 'recording'])
const batchStruct = requestStruct('client.ReplayBatchOptions', [...common, 'start', 'stop'])
const queryStruct = requestStruct('client.ReplayQueryOptions', [...common, 'query', 'cluster'])

export function addReplays(router: Router, replays: ReplayManager, tasks: TaskManager): void {
  router.add('GET', path, (call) => {
    const params = listParams(call.query)
    const page = pageOf(replays.list(), (r) => r.id, params)
    call.json(200, { replays: page.map((r) => replayListItem(r, params.fields)) })
  })
  router.add('POST', path, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), replayStruct)
    const request = {
      id: raw.string('id'),
      task: raw.string('task'),
      recording: raw.string('recording'),
      recordingTime: raw.boolean('recording-time'),
      clock: clockOf(raw),
    }
    call.json(201, replayView(await replays.create(request)))
  })
  router.add('POST', `${path}/batch`, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), batchStruct)
    clockOf(raw)
    const task = taskOf(tasks, raw.string('task'))
    if (task.type === 'stream') {
      throw new ShardlineError('wrong-task-type', `cannot replay batch against stream task: ${task.id}`)
    }
    throw new ShardlineError('not-supported', 'replays of batch tasks are not supported yet')
  })
  router.add('POST', `${path}/query`, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), queryStruct)
    clockOf(raw)
    taskOf(tasks, raw.string('task'))
    if (raw.string('query') === '') throw new ShardlineError('no-query', 'must provide query')
    throw new ShardlineError('not-supported', 'replays of queries are not supported yet')
  })
  router.add('GET', prefix, (call) => {
    const replay = replays.get(call.rest(prefix))
    if (replay === undefined) {
      throw new ShardlineError('no-replay', 'could not find replay: no replay exists', 404)
    }
    call.json(replay.status === 'running' ? 202 : 200, replayView(replay))
  })
  router.add('DELETE', prefix, async (call) => {
    await replays.delete(call.rest(prefix))
    call.empty(204)
  })
}

function taskOf(tasks: TaskManager, id: string): { readonly id: string; readonly type: string } {
  const task = tasks.get(id)?.record
  if (task === undefined) throw new ShardlineError('no-task', 'task load: no task exists')
  return task
}

function clockOf(raw: JsonMembers): ReplayClock {
  if (raw.get('clock') === undefined) return 'fast'
  const clock = raw.string('clock')
  if (clock === 'fast' || clock === 'real') return clock
  throw new ShardlineError('bad-clock', `unknown Clock ${clock}`)
}
