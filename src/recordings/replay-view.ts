/** Replays as the API shows them: the whole object, or chosen fields in a list. Thread: main. */
import { Timestamp } from '../columns/values.js'
import { linkSegment } from '../go/url-path.js'
import { chosenFields, type FieldViews } from '../tasks/list-fields.js'
import type { ReplayRecord } from './replay-record.js'

const fields: FieldViews<ReplayRecord> = {
  link: ({ id }) => ({ rel: 'self', href: `/kapacitor/v1/replays/${linkSegment(id)}` }),
  id: ({ id }) => id,
  task: ({ task }) => task,
  recording: ({ recording }) => recording,
  'recording-time': ({ recordingTime }) => recordingTime,
  clock: ({ clock }) => clock,
  date: ({ dateNs }) => new Timestamp(dateNs),
  error: ({ error }) => error,
  status: ({ status }) => status,
  progress: ({ progress }) => progress,
  stats: ({ stats }) => stats,
}

export function replayView(replay: ReplayRecord): unknown {
  return Object.fromEntries(Object.entries(fields).map(([name, view]) => [name, view(replay)]))
}

export function replayListItem(replay: ReplayRecord, wanted: readonly string[]): Map<string, unknown> {
  return chosenFields(fields, wanted, replay)
}
