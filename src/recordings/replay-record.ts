/** A replay as it is stored. Thread: main. */
import { type JsonObject, plainJson } from '../go/lossless-json.js'
import { numberMember, statusMember, textMember, type WorkStatus } from '../storage/record-db.js'

export type ReplayClock = 'fast' | 'real'

export interface ReplayRecord {
  readonly id: string
  readonly task: string
  readonly recording: string
  readonly recordingTime: boolean
  readonly clock: ReplayClock
  /** Of the creation; of the end once it has ended. */
  readonly dateNs: bigint
  readonly error: string
  readonly status: WorkStatus
  readonly progress: number
  /** As the API shows them; {} until the end. */
  readonly stats: unknown
}

export function decodeReplay(raw: JsonObject): ReplayRecord {
  return {
    id: textMember(raw, 'id'),
    task: textMember(raw, 'task'),
    recording: textMember(raw, 'recording'),
    recordingTime: raw.recordingTime === true,
    clock: textMember(raw, 'clock') === 'real' ? 'real' : 'fast',
    dateNs: BigInt(numberMember(raw, 'dateNs').text),
    error: textMember(raw, 'error'),
    status: statusMember(raw),
    progress: numberMember(raw, 'progress').toFloat(),
    stats: plainJson(raw.stats ?? {}),
  }
}
