/** One HTTP request to the API of a cluster, on a connection of its own. Thread: main. */
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { errorText, ShardlineError } from '../errors.js'
import type { Resource } from '../operators/autoscale.js'

/** A cluster whose resources can be scaled. Counts are what the cluster wants, not what runs. */
export interface ScaleCluster {
  get(resource: Resource, signal: AbortSignal): Promise<number>
  set(resource: Resource, count: number, signal: AbortSignal): Promise<void>
}

export interface ApiTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly insecureSkipVerify: boolean
}

export interface ApiAnswer {
  readonly status: number
  readonly text: string
}

const maxAnswerBytes = 4 * 1024 * 1024

export function callApi(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  tls: ApiTls,
  signal: AbortSignal,
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const failed = (err: unknown): void => {
      const text = signal.aborted ? 'the cluster did not answer in time' : errorText(err)
      reject(new ShardlineError('cluster-call', `${method} ${url}: ${text}`, 500))
    }
    const bytes = Buffer.from(body)
    const all: Record<string, string> = { 'User-Agent': 'Shardline', ...headers }
    if (bytes.length > 0) all['Content-Length'] = String(bytes.length)
    const onAnswer = (res: IncomingMessage): void => {
      textOf(res).then((text) => resolve({ status: res.statusCode ?? 0, text }), failed)
    }
    const target = new URL(url)
    const options = { method, headers: all, signal, agent: false } as const
    const req =
      target.protocol === 'https:'
        ? httpsRequest(target, { ...options, ...filesOf(tls) }, onAnswer)
        : httpRequest(target, options, onAnswer)
    req.on('error', failed)
    req.end(bytes)
  })
}

function filesOf(tls: ApiTls): Record<string, unknown> {
  const read = (path: string): Buffer | undefined => (path === '' ? undefined : readFileSync(path))
  return { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key), rejectUnauthorized: !tls.insecureSkipVerify }
}

async function textOf(res: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of res) {
    const chunk = part as Buffer
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new Error(`answer is longer than ${maxAnswerBytes} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString()
}

/** The error of an answer that is none of the good ones. */
export function refused(what: string, answer: ApiAnswer): ShardlineError {
  return new ShardlineError('cluster-call', `${what}: status ${answer.status}: ${messageOf(answer.text)}`, 500)
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
  throw new ShardlineError('cluster-call', `${what}: answer is not a JSON object`, 500)
}

/** A count somewhere in an answer. */
export function countOf(what: string, value: unknown): number {
  // Kubernetes leaves out zeros.
  if (value === undefined) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new ShardlineError('cluster-call', `${what}: answer has no count`, 500)
}
