/** Hands each event on to other topics of this process, where the previous level is looked up anew. Thread: any; deliveries on main. */
import { ShardlineError } from '../../errors.js'
import { defineHandler, queueCapacity } from '../handler.js'
import { list } from '../handler-option.js'

const distinct = (topics: readonly string[]): string[] => [...new Set(topics)]

export const publish = defineHandler({
  kind: 'publish',
  doc: 'Hands each event on to other topics.',
  script: null,
  goType: '*alert.PublishHandlerConfig',
  options: {
    topics: list('The topics.'),
  },
  targets: ({ topics }) => distinct(topics),
  create({ topics }, env) {
    const targets = distinct(topics)
    return {
      isInternal: true,
      maxBatch: queueCapacity,
      async deliver(batch, _signal, fail) {
        for (const d of batch) {
          let accepted = true
          for (const target of targets) accepted = env.collect(target, d.event, d.hops + 1) && accepted
          if (!accepted) fail(d, new ShardlineError('event-refused', 'a handler of the other topic refused it'))
        }
      },
    }
  },
})
