/** Sends the event to Sensu. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { anyPairs, list, text } from '../handler-option.js'

export const sensu = defineHandler({
  kind: 'sensu',
  doc: 'Sends the event to Sensu.',
  script: { method: 'sensu', goType: 'SensuHandler' },
  goType: '*sensu.HandlerConfig',
  options: {
    source: text('Template.'),
    handlers: list('Sensu handlers.'),
    metadata: anyPairs('Adds a key to the event.'),
  },
  section: {
    name: 'sensu',
    doc: 'Sensu.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      addr: config.text('', 'Address of the client socket, `host:port`.'),
      source: config.text('Kapacitor', 'Source where a handler names none.'),
      handlers: config.strings([], 'Sensu handlers where a handler names none.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('sensu', env),
})
