/**
 * The handler kinds. A kind that TICKscript knows but that has no delivery yet is accepted as a service that is not enabled:
 * each event is logged and counted as failed. If the configuration enables such a service, tasks that use it do not start.
 * A Kafka cluster `default` exists without configuration, as in the original.
 */

import type { AlertHandler } from '../alerts/handler-queue.js'
import { errorText, ShardlineError } from '../errors.js'
import { defaultDeadlineMs, type HandlerEnv, type HandlerKind, type HandlerProps, textOf } from './handler.js'
import { execKind } from './kinds/exec.js'
import { logKind } from './kinds/log.js'
import { postKind } from './kinds/post.js'
import { slackKind } from './kinds/slack.js'
import { tcpKind } from './kinds/tcp.js'

const kinds = new Map<string, HandlerKind>(
  [logKind, execKind, postKind, tcpKind, slackKind].map((k) => [k.kind, k] as const),
)

/** Whether events of the kind really go out. */
export function isDelivered(kind: string): boolean {
  return kinds.has(kind)
}

/** As the script of a task has it; the texts of failures are those of starting the task. */
export function createScriptHandler(kind: string, props: HandlerProps, env: HandlerEnv): AlertHandler {
  const known = kinds.get(kind)
  known?.checkScript?.(props)
  const failure = known?.scriptFailure ?? (kind === 'kafka' ? 'failed to create kafka handler' : '')
  if (failure === '') return createHandler(kind, props, env)
  try {
    return createHandler(kind, props, env)
  } catch (err) {
    const code = err instanceof ShardlineError ? err.code : 'bad-handler'
    throw new ShardlineError(code, `${failure}: ${errorText(err)}`, 500)
  }
}

export function createHandler(kind: string, props: HandlerProps, env: HandlerEnv): AlertHandler {
  const known = kinds.get(kind)
  if (known !== undefined) return known.create(props, env)
  if (env.configs.enabledServices.has(kind)) {
    throw new ShardlineError('not-supported', `alert handler ${JSON.stringify(kind)} is not supported yet`, 500)
  }
  if (kind === 'kafka' && textOf(props, 'cluster') !== 'default') {
    throw new ShardlineError('bad-handler', `unknown cluster ${JSON.stringify(textOf(props, 'cluster'))}`, 500)
  }
  return {
    kind,
    maxBatch: 1,
    deadlineMs: defaultDeadlineMs,
    deliver: () => Promise.reject(new ShardlineError('service-disabled', 'service is not enabled', 500)),
  }
}
