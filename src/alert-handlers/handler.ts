/** What a handler kind is made of: one file per kind here, one line in registry.ts. Main thread. */

import type { AlertHandler } from '../alerts/handler-queue.js'
import type { Log } from '../log.js'
import type { HttpClient } from '../net/http-client.js'
import type { TlsFiles } from '../net/tls-files.js'
import type { ScriptValue } from '../tickscript/node-def.js'
import type { HandlerConfigs } from './http-endpoints.js'

export interface HandlerEnv {
  readonly configs: HandlerConfigs
  readonly http: HttpClient
  readonly log: Log
}

/** Values by the names of operators/alert-handlers.ts. */
export type HandlerProps = Readonly<Record<string, ScriptValue | null | undefined>>

export interface HandlerKind {
  readonly kind: string
  /** Stands before the text when a script's handler cannot be made. */
  readonly scriptFailure?: string
  /** What scripts are refused for, without these words. */
  checkScript?(props: HandlerProps): void
  /** Throws a ShardlineError for what stops the task's start. */
  create(props: HandlerProps, env: HandlerEnv): AlertHandler
}

/** Longest time of one delivery where the script sets none; the original would wait for ever. */
export const defaultDeadlineMs = 30_000

export function textOf(props: HandlerProps, name: string): string {
  const v = props[name]
  return typeof v === 'string' ? v : ''
}

export function listOf(props: HandlerProps, name: string): readonly ScriptValue[] {
  const v = props[name]
  return Array.isArray(v) ? v : []
}

export interface EventPost {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
  readonly tls?: TlsFiles
}

/** One request of a handler: its deadline is that of the delivery. Of the answer, what a log line can use. */
export async function postEvent(http: HttpClient, post: EventPost): Promise<{ status: number; text: string }> {
  const headers = { 'User-Agent': 'Go-http-client/1.1', ...post.headers }
  const limits = { deadlineMs: 0, maxAnswerBytes: 64 * 1024, longAnswer: 'cut' } as const
  const { status, body } = await http.send({ ...post, method: 'POST', headers, ...limits })
  return { status, text: body.toString() }
}
