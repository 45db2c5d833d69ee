/**
 * A handler of a topic as the API defines it (spec alerts 11.2), its checks and its stored form. Thread: any. Numbers in options
 * are bigint (integers) or number.
 */
import { goJson } from '../columns/json-encode.js'
import { ShardlineError } from '../errors.js'

export type HandlerOptions = Readonly<Record<string, unknown>>

export interface HandlerSpec {
  readonly topic: string
  readonly id: string
  readonly kind: string
  readonly options: HandlerOptions
  /** '' = every event. */
  readonly match: string
}

/** Names in JSON. */
export const handlerSpecMembers = ['topic', 'id', 'kind', 'options', 'match']

/** Where specs survive a restart; a promise means committed. */
export interface HandlerSpecStore {
  load(): Iterable<HandlerSpec>
  /** One commit; `replaces` goes when it has another id. */
  put(spec: HandlerSpec, replaces?: HandlerSpec): Promise<void>
  delete(spec: HandlerSpec): Promise<void>
}

const topicPattern = /^[-:._\p{L}0-9]+$/u
const idPattern = /^[-._\p{L}0-9]+$/u
/** Of topic and id each; the store's keys are bounded. */
const maxIdBytes = 512

const bad = (text: string): ShardlineError =>
  new ShardlineError('bad-handler-spec', `invalid handler spec: ${text}`, 400)

export function checkHandlerSpec({ topic, id, kind }: HandlerSpec): void {
  if (!topicPattern.test(topic)) {
    throw bad(`topic must contain only letters, numbers, '-', '.', ':' and '_'. ${JSON.stringify(topic)}`)
  }
  if (!idPattern.test(id)) {
    throw bad(`handler ID must contain only letters, numbers, '-', '.' and '_'. ${JSON.stringify(id)}`)
  }
  for (const [what, text] of [
    ['topic', topic],
    ['handler ID', id],
  ] as const) {
    if (Buffer.byteLength(text) > maxIdBytes) throw bad(`${what} must not be longer than ${maxIdBytes} bytes`)
  }
  if (kind === '') throw bad('handler Kind must not be empty')
}

export function encodeHandlerSpec(spec: HandlerSpec): string {
  return goJson({ version: 1, ...spec })
}
