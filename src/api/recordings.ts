/** /kapacitor/v1/recordings: record streams, list, get, delete (spec http-cli 6.3). Main thread. */
import { ShardlineError } from '../errors.js'
import { listParams } from '../tasks/list-params.js'
import type { RecordingManager } from '../tasks/recording-manager.js'
import { recordingListItem, recordingView } from '../tasks/recording-view.js'
import { decodeObject, stringOf } from '../tasks/task-request.js'
import { basePath } from './api.js'
import type { Router } from './router.js'
import { timeNs, zeroTime } from './times.js'

const path = `${basePath}/recordings`
const prefix = `${path}/`
const maxRequestBytes = 1 << 20

export function addRecordings(router: Router, recordings: RecordingManager): void {
  router.add('GET', path, async (call) => {
    const params = listParams(call.query)
    const found = recordings.list().filter((r) => params.matches(r.id))
    const page = params.limit <= 0 ? [] : found.slice(params.offset, params.offset + params.limit)
    const items = await Promise.all(page.map((r) => recordingListItem(recordings, r, params.fields)))
    call.json(200, { recordings: items })
  })
  router.add('POST', `${path}/stream`, async (call) => {
    const raw = decodeObject(await call.body(maxRequestBytes))
    const request = { id: stringOf(raw.id), task: stringOf(raw.task), stopNs: timeNs(raw.stop) }
    call.json(201, await recordingView(recordings, await recordings.recordStream(request)))
  })
  router.add('POST', `${path}/batch`, async (call) => {
    const raw = decodeObject(await call.body(maxRequestBytes))
    if (timeNs(raw.start) === zeroTime) throw new ShardlineError('no-start', 'must provide start time')
    const request = { id: stringOf(raw.id), task: stringOf(raw.task) }
    call.json(201, await recordingView(recordings, await recordings.recordBatch(request)))
  })
  router.add('POST', `${path}/query`, async (call) => {
    const raw = decodeObject(await call.body(maxRequestBytes))
    if (stringOf(raw.query) === '') throw new ShardlineError('no-query', 'must provide query')
    throw new ShardlineError('not-supported', 'recordings of queries are not supported yet', 501)
  })
  router.add('GET', prefix, async (call) => {
    const recording = recordings.get(call.rest(prefix))
    if (recording === undefined) {
      throw new ShardlineError('no-recording', 'error finding recording: no recording exists', 500)
    }
    call.json(recording.status === 'running' ? 202 : 200, await recordingView(recordings, recording))
  })
  router.add('DELETE', prefix, async (call) => {
    await recordings.delete(call.rest(prefix))
    call.empty(204)
  })
}
