/** /kapacitor/v1/recordings: record streams, list, get, delete (spec http-cli 6.3). Thread: main. */
import { ShardlineError } from '../errors.js'
import { decodeMembers } from '../go/json-members.js'
import { basePath } from '../http/api.js'
import type { Router } from '../http/router.js'
import type { RecordingManager } from '../recordings/recording-manager.js'
import { recordingListItem, recordingView } from '../recordings/recording-view.js'
import { listParams, pageOf } from '../tasks/list-params.js'
import { requestStruct } from './request-struct.js'
import { timeNs, zeroTime } from './times.js'

const path = `${basePath}/recordings`
const prefix = `${path}/`
const maxRequestBytes = 1 << 20

const streamStruct = requestStruct('client.RecordStreamOptions', ['id', 'task', 'stop'])
const batchStruct = requestStruct('client.RecordBatchOptions', ['id', 'task', 'start', 'stop'])
const queryStruct = requestStruct('client.RecordQueryOptions', ['id', 'query', 'type', 'cluster'])

export function addRecordings(router: Router, recordings: RecordingManager): void {
  router.add('GET', path, async (call) => {
    const params = listParams(call.query)
    const page = pageOf(recordings.list(), (r) => r.id, params)
    const items = await Promise.all(page.map((r) => recordingListItem(recordings, r, params.fields)))
    call.json(200, { recordings: items })
  })
  router.add('POST', `${path}/stream`, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), streamStruct)
    const request = { id: raw.string('id'), task: raw.string('task'), stopNs: timeNs(raw.get('stop')) }
    call.json(201, await recordingView(recordings, await recordings.recordStream(request)))
  })
  router.add('POST', `${path}/batch`, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), batchStruct)
    const startNs = timeNs(raw.get('start'))
    timeNs(raw.get('stop'))
    const request = { id: raw.string('id'), task: raw.string('task') }
    if (startNs === zeroTime) throw new ShardlineError('no-start', 'must provide start time')
    call.json(201, await recordingView(recordings, await recordings.recordBatch(request)))
  })
  router.add('POST', `${path}/query`, async (call) => {
    const raw = decodeMembers(await call.body(maxRequestBytes), queryStruct)
    if (raw.string('query') === '') throw new ShardlineError('no-query', 'must provide query')
    throw new ShardlineError('not-supported', 'recordings of queries are not supported yet')
  })
  router.add('GET', prefix, async (call) => {
    const recording = recordings.get(call.rest(prefix))
    if (recording === undefined) {
      throw new ShardlineError('no-recording', 'error finding recording: no recording exists')
    }
    call.json(recording.status === 'running' ? 202 : 200, await recordingView(recordings, recording))
  })
  router.add('DELETE', prefix, async (call) => {
    await recordings.delete(call.rest(prefix))
    call.empty(204)
  })
}
