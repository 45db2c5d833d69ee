/** /kapacitor/v1/tasks: list, create, get, update, delete, and the httpOut endpoints below a task. Thread: main. */

import { ShardlineError } from '../errors.js'
import { basePath } from '../http/api.js'
import { type Call, jsonType } from '../http/call.js'
import type { Router } from '../http/router.js'
import { listParams, pageOf } from '../tasks/list-params.js'
import type { TaskEntry, TaskManager } from '../tasks/task-manager.js'
import type { TaskRecord } from '../tasks/task-record.js'
import { decodeTaskRequest } from '../tasks/task-request.js'
import type { TaskRun } from '../tasks/task-run.js'
import { dotViewOf, scriptFormatOf, taskListItem, taskView, type ViewOptions } from '../tasks/task-view.js'

const path = `${basePath}/tasks`
const prefix = `${path}/`
/** Largest create or update request. */
const maxRequestBytes = 4 << 20

const defaultView: ViewOptions = { dotView: 'attributes', scriptFormat: 'formatted' }

/** The compact JSON of an httpOut endpoint, or null when the task has no such endpoint. */
export type ReadEndpoint = (taskId: string, endpoint: string) => Promise<Uint8Array | null>

/** The run of a task inside a replay that runs now. */
export type ReplayOf = (replayId: string) => { readonly task: TaskRecord; readonly run: TaskRun } | undefined

export function addTasks(
  router: Router,
  tasks: TaskManager,
  readEndpoint: ReadEndpoint,
  replayOf: ReplayOf = () => undefined,
): void {
  router.add('GET', path, (call) => list(call, tasks))
  router.add('POST', path, async (call) => {
    const request = decodeTaskRequest(await call.body(maxRequestBytes))
    call.json(200, await taskView(tasks, await tasks.create(request), defaultView))
  })
  router.add('GET', prefix, async (call) => {
    const id = idOf(call)
    const slash = id.indexOf('/')
    if (slash >= 0) {
      const page = await readEndpoint(id.slice(0, slash), id.slice(slash + 1))
      if (page !== null) {
        call.raw(200, jsonType, page)
        return
      }
    }
    const options = viewOptions(call)
    const entry = tasks.get(id)
    const replayed = inReplay(call, id, replayOf)
    if (entry === undefined) throw new ShardlineError('no-task', 'no task exists')
    if (call.query.has('explain')) await explained(call, tasks, entry.record)
    else call.json(200, await taskView(tasks, replayed ?? entry, options))
  })
  router.add('PATCH', prefix, async (call) => {
    const request = decodeTaskRequest(await call.body(maxRequestBytes))
    call.json(200, await taskView(tasks, await tasks.update(idOf(call), request), defaultView))
  })
  router.add('DELETE', prefix, async (call) => {
    await tasks.delete(idOf(call))
    call.empty(204)
  })
}

/** The plan of a task, whether it runs or not. */
async function explained(call: Call, tasks: TaskManager, record: TaskRecord): Promise<void> {
  const form = call.query.get('explain') ?? ''
  if (!['', 'json', 'text'].includes(form)) {
    throw new ShardlineError('bad-parameter', `invalid explain parameter ${JSON.stringify(form)}`)
  }
  if (form === 'text') call.raw(200, 'text/plain; charset=utf-8', await tasks.runner.explain(record, 'text'))
  else call.raw(200, jsonType, await tasks.runner.explain(record, 'json'))
}

function idOf(call: Call): string {
  const id = call.rest(prefix)
  if (id === '') throw new ShardlineError('no-task-id', 'must specify task id on path')
  return id
}

function viewOptions(call: Call): ViewOptions {
  return {
    scriptFormat: scriptFormatOf(call.query.get('script-format') ?? ''),
    dotView: dotViewOf(call.query.get('dot-view') ?? ''),
  }
}

/** undefined: the task as it runs live. */
function inReplay(call: Call, taskId: string, replayOf: ReplayOf): TaskEntry | undefined {
  const id = call.query.get('replay-id') ?? ''
  if (id === '') return undefined
  const replay = replayOf(id)
  if (replay === undefined) throw new ShardlineError('no-replay', `no running replay with ID: ${id}`)
  const { task, run } = replay
  if (task.id !== taskId) throw new ShardlineError('no-replay', `replay ${id} is not for task: ${taskId}`)
  return { record: task, run, error: '' }
}

async function list(call: Call, tasks: TaskManager): Promise<void> {
  const params = listParams(call.query)
  const options = viewOptions(call)
  const page = pageOf(tasks.list(), (t) => t.record.id, params)
  const items: unknown[] = []
  // One after the other: at most one script of a list waits for the compile thread.
  for (const entry of page) items.push(await taskListItem(tasks, entry, params.fields, options))
  call.json(200, { tasks: items })
}
