/** Recordings as the API shows them: the whole object, or chosen fields in a list. Thread: main. */
import { Timestamp } from '../columns/values.js'
import { linkSegment } from '../go/url-path.js'
import { chosenFields, type FieldViews } from '../tasks/list-fields.js'
import type { RecordingManager } from './recording-manager.js'
import type { RecordingRecord } from './recording-record.js'

interface Shown {
  readonly recording: RecordingRecord
  readonly size: number
}

const fields: FieldViews<Shown> = {
  link: ({ recording }) => recordingLink(recording),
  id: ({ recording }) => recording.id,
  type: ({ recording }) => recording.type,
  size: ({ size }) => size,
  date: ({ recording }) => new Timestamp(recording.dateNs),
  error: ({ recording }) => recording.error,
  status: ({ recording }) => recording.status,
  progress: ({ recording }) => recording.progress,
}

function recordingLink({ id }: RecordingRecord): unknown {
  return { rel: 'self', href: `/kapacitor/v1/recordings/${linkSegment(id)}` }
}

export async function recordingView(recordings: RecordingManager, recording: RecordingRecord): Promise<unknown> {
  const shown = { recording, size: await recordings.sizeOf(recording) }
  return Object.fromEntries(Object.entries(fields).map(([name, view]) => [name, view(shown)]))
}

export async function recordingListItem(
  recordings: RecordingManager,
  recording: RecordingRecord,
  wanted: readonly string[],
): Promise<Map<string, unknown>> {
  const size = wanted.length === 0 || wanted.includes('size') ? await recordings.sizeOf(recording) : -1
  return chosenFields(fields, wanted, { recording, size })
}
