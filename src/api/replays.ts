/** /kapacitor/v1/replays: replay recordings, list, get, delete (spec http-cli 6.4). Main thread. */
import { ShardlineError } from '../errors.js'
import { listParams } from '../tasks/list-params.js'
import { isObject, type Json, type JsonObject, JsonSyntaxError, parseLosslessJson } from '../tasks/lossless-json.js'
import type { ReplayManager } from '../tasks/replay-manager.js'
import type { ReplayClock } from '../tasks/replay-record.js'
import { replayListItem, replayView } from '../tasks/replay-view.js'
import type { TaskManager } from '../tasks/task-manager.js'
import { invalidJson, stringOf } from '../tasks/task-request.js'
import { basePath } from './api.js'
import type { Call } from './call.js'
import type { Router } from './router.js'

const path = `${basePath}/replays`
const prefix = `${path}/`
const maxRequestBytes = 1 << 20

export function addReplays(router: Router, replays: ReplayManager, tasks: TaskManager): void {
  router.add('GET', path, (call) => {
    const params = listParams(call.query)
    const found = replays.list().filter((r) => params.matches(r.id))
    const page = params.limit <= 0 ? [] : found.slice(params.offset, params.offset + params.limit)
    call.json(200, { replays: page.map((r) => replayListItem(r, params.fields)) })
  })
  router.add('POST', path, async (call) => {
    const raw = await bodyOf(call)
    const request = {
      id: stringOf(raw.id),
      task: stringOf(raw.task),
      recording: stringOf(raw.recording),
      recordingTime: flagOf(raw['recording-time']),
      clock: clockOf(raw.clock),
    }
    call.json(201, replayView(await replays.create(request)))
  })
  router.add('POST', `${path}/batch`, async (call) => {
    const raw = await bodyOf(call)
    clockOf(raw.clock)
    const task = taskOf(tasks, stringOf(raw.task))
    if (task.type === 'stream') {
      throw new ShardlineError('wrong-task-type', `cannot replay batch against stream task: ${task.id}`)
    }
    throw new ShardlineError('not-supported', 'replays of batch tasks are not supported yet', 501)
  })
  router.add('POST', `${path}/query`, async (call) => {
    const raw = await bodyOf(call)
    clockOf(raw.clock)
    taskOf(tasks, stringOf(raw.task))
    if (stringOf(raw.query) === '') throw new ShardlineError('no-query', 'must provide query')
    throw new ShardlineError('not-supported', 'replays of queries are not supported yet', 501)
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
  if (task === undefined) throw new ShardlineError('no-task', 'task load: no task exists', 404)
  return task
}

/** The texts are those of Go's decoder, as far as they are about syntax. */
async function bodyOf(call: Call): Promise<JsonObject> {
  const text = Buffer.from(await call.body(maxRequestBytes)).toString()
  try {
    const raw = parseLosslessJson(text)
    if (isObject(raw)) return raw
    if (raw === null) return {}
  } catch (err) {
    if (err instanceof JsonSyntaxError) throw new ShardlineError('invalid-json', syntaxText(text, err))
    throw err
  }
  throw invalidJson()
}

function syntaxText(text: string, err: JsonSyntaxError): string {
  if (text.trim() === '') return 'EOF'
  const at = Number(/\d+$/.exec(err.message)?.[0])
  if (at >= text.length) return 'unexpected EOF'
  return `invalid character ${JSON.stringify(text[at]).replace(/^"|"$/g, "'")} looking for beginning of value`
}

function flagOf(value: Json | undefined): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw invalidJson()
  return value
}

function clockOf(value: Json | undefined): ReplayClock {
  if (value === undefined || value === null) return 'fast'
  const clock = stringOf(value)
  if (clock === 'fast' || clock === 'real') return clock
  throw new ShardlineError('bad-clock', `unknown Clock ${clock}`)
}
