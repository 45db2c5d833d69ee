/** Sends the event to VictorOps. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const victorOps = defineHandler({
  kind: 'victorops',
  doc: 'Sends the event to VictorOps.',
  script: { method: 'victorOps', goType: 'VictorOpsHandler' },
  goType: '*victorops.HandlerConfig',
  options: {
    routingKey: text('Routing key.'),
  },
  section: {
    name: 'victorops',
    doc: 'VictorOps.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      'api-key': config.text('', 'Key of the API.'),
      'routing-key': config.text('', 'Routing key where a handler has none.'),
      url: config.text('https://alert.victorops.com/integrations/generic/20131114/alert', 'Address of the API.'),
      'json-data': config.flag(false, 'Send the data as an object, not as text.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('victorops', env),
})
