/** A recording as it is stored. Its points are a file beside the store. Thread: main. */
import type { JsonObject } from '../go/lossless-json.js'
import { numberMember, statusMember, textMember, type WorkStatus } from '../storage/record-db.js'
import type { TaskType } from '../tasks/task-record.js'

export interface RecordingRecord {
  readonly id: string
  readonly type: TaskType
  /** Of the creation; of the end once it has ended. */
  readonly dateNs: bigint
  readonly error: string
  readonly status: WorkStatus
  readonly progress: number
}

export const extensions: Readonly<Record<TaskType, string>> = { stream: '.srpl', batch: '.brpl' }

export function decodeRecording(raw: JsonObject): RecordingRecord {
  return {
    id: textMember(raw, 'id'),
    type: textMember(raw, 'type') === 'batch' ? 'batch' : 'stream',
    dateNs: BigInt(numberMember(raw, 'dateNs').text),
    error: textMember(raw, 'error'),
    status: statusMember(raw),
    progress: numberMember(raw, 'progress').toFloat(),
  }
}
