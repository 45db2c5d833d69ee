/** Sends the event to Kafka. A cluster `default` exists without configuration, as in the original. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { tlsOptions } from '../../config/tls.js'
import { ShardlineError } from '../../errors.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const kafka = defineHandler({
  kind: 'kafka',
  doc: 'Sends the event to Kafka.',
  script: { method: 'kafka', goType: 'KafkaHandler', failure: 'failed to create kafka handler' },
  goType: '*kafka.HandlerConfig',
  options: {
    cluster: text('Which [[kafka]] section to use, `default` for the one without an id.'),
    kafkaTopic: text('Topic.', { spec: 'topic' }),
    template: text('Template of the message.'),
  },
  section: {
    name: 'kafka',
    list: true,
    doc: 'A Kafka cluster.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      id: config.text('default', 'Name in scripts and handler specs.'),
      brokers: config.strings([], 'Addresses, `host:port`.'),
      timeout: config.duration('10s', 'Of one operation.'),
      'batch-size': config.integer(100, 'Messages that go out together.'),
      'batch-timeout': config.duration('1s', 'How long a message waits for others.'),
      'use-ssl': config.flag(false, 'Speak TLS.'),
      ...tlsOptions,
    },
  },
  isPending: true,
  create({ cluster }, env) {
    const sections = env.config()
    const isKnown = sections.length === 0 ? cluster === 'default' : sections.some((s) => s.id === cluster)
    if (!isKnown) throw new ShardlineError('bad-handler', `unknown cluster ${JSON.stringify(cluster)}`)
    return pending('kafka', env)
  },
})
