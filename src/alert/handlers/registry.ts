/**
 * The handler kinds. A kind that TICKscript knows but that has no delivery yet is accepted as a service that is not enabled:
 * each event is logged and counted as failed. If the configuration enables such a service, tasks that use it do not start.
 */
import { ShardlineError } from '../../errors.js'
import type { AlertHandler } from '../handler-queue.js'
import { execKind } from './exec.js'
import { defaultDeadlineMs, type HandlerEnv, type HandlerKind, type HandlerProps, textOf } from './handler.js'
import { logKind } from './log.js'
import { postKind } from './post.js'
import { slackKind } from './slack.js'
import { tcpKind } from './tcp.js'

const kinds = new Map<string, HandlerKind>(
  [logKind, execKind, postKind, tcpKind, slackKind].map((k) => [k.kind, k] as const),
)

/** Whether events of the kind really go out. */
export function isDelivered(kind: string): boolean {
  return kinds.has(kind)
}

export function createHandler(kind: string, props: HandlerProps, env: HandlerEnv): AlertHandler {
  const known = kinds.get(kind)
  if (known !== undefined) return known.create(props, env)
  if (env.configs.enabledServices.has(kind)) {
    throw new ShardlineError('not-supported', `alert handler ${JSON.stringify(kind)} is not supported yet`, 500)
  }
  if (kind === 'kafka') {
    throw new ShardlineError('bad-handler', `unknown cluster ${JSON.stringify(textOf(props, 'cluster'))}`, 500)
  }
  return {
    kind,
    maxBatch: 1,
    deadlineMs: defaultDeadlineMs,
    deliver: () => Promise.reject(new ShardlineError('service-disabled', 'service is not enabled', 500)),
  }
}
