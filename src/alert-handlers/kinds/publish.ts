/** Hands each event on to other topics of this process, where the previous level is looked up anew. */

import type { AlertHandler } from '../../alerts/handler-queue.js'
import { queueCapacity } from '../../alerts/handler-queue.js'
import type { TopicService } from '../../alerts/topics.js'
import { ShardlineError } from '../../errors.js'
import { defaultDeadlineMs, type HandlerProps, listOf } from '../handler.js'

/** Topics that events of the handler go to. */
export function publishTargets(props: HandlerProps): string[] {
  return [...new Set(listOf(props, 'topics').map(String))]
}

export function createPublish(props: HandlerProps, topics: TopicService): AlertHandler {
  const targets = publishTargets(props)
  return {
    kind: 'publish',
    internal: true,
    maxBatch: queueCapacity,
    deadlineMs: defaultDeadlineMs,
    async deliver(batch, _signal, fail) {
      for (const d of batch) {
        let accepted = true
        for (const target of targets) accepted = topics.collect(target, d.event, d.hops + 1) && accepted
        if (!accepted) fail(d, new ShardlineError('event-refused', 'a handler of the other topic refused it', 500))
      }
    },
  }
}
