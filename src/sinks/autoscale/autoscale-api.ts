/** Requests to the API of a cluster, and what its answers say. Thread: main. */
import { ShardlineError } from '../../errors.js'
import type { HttpClient, HttpRequest } from '../../net/http-client.js'
import type { Resource } from '../../operators/outside/autoscale.js'

/** A cluster whose resources can be scaled. Counts are what the cluster wants, not what runs. */
export interface ScaleCluster {
  get(resource: Resource, signal: AbortSignal): Promise<number>
  set(resource: Resource, count: number, signal: AbortSignal): Promise<void>
}

/** The deadline is that of the signal. */
export type ApiRequest = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body' | 'tls'> & {
  readonly signal: AbortSignal
}

export interface ApiAnswer {
  readonly status: number
  readonly text: string
}

export async function callApi(http: HttpClient, request: ApiRequest): Promise<ApiAnswer> {
  const { status, body } = await http.send({ ...request, deadlineMs: 0 })
  return { status, text: body.toString() }
}

/** The error of an answer that is none of the good ones. */
export function refused(what: string, answer: ApiAnswer): ShardlineError {
  return new ShardlineError('cluster-call', `${what}: status ${answer.status}: ${messageOf(answer.text)}`)
}

/** The message in a JSON error, else the text. */
function messageOf(text: string): string {
  try {
    const parsed = JSON.parse(text) as { message?: unknown } | null
    if (typeof parsed?.message === 'string') return parsed.message
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err
  }
  return text.slice(0, 500).trim()
}

/** The object of a JSON answer. */
export function objectOf(what: string, answer: ApiAnswer): Record<string, unknown> {
  try {
    const value = JSON.parse(answer.text) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err
  }
  throw new ShardlineError('cluster-call', `${what}: answer is not a JSON object`)
}

/** A count somewhere in an answer. */
export function countOf(what: string, value: unknown): number {
  // Kubernetes leaves out zeros.
  if (value === undefined) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new ShardlineError('cluster-call', `${what}: answer has no count`)
}
