/** Sends the event to ServiceNow. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const serviceNow = defineHandler({
  kind: 'servicenow',
  doc: 'Sends the event to ServiceNow.',
  script: { method: 'serviceNow', goType: 'ServiceNowHandler' },
  goType: '*servicenow.HandlerConfig',
  options: {
    uRL: text('Instance.', { spec: 'url' }),
    username: text('No effect, as in the original.', { script: 'none' }),
    password: text('No effect, as in the original.', { script: 'none' }),
    source: text('Source.'),
    node: text('Template.'),
    type: text('Template.'),
    resource: text('Template.'),
    metricName: text('Template.', { spec: 'metricname' }),
    messageKey: text('Template.', { spec: 'messagekey' }),
  },
  section: {
    name: 'servicenow',
    doc: 'ServiceNow.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('', 'Instance.'),
      source: config.text('Kapacitor', 'Source where a handler names none.'),
      username: config.text('', 'User.'),
      password: config.text('', 'Password.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('servicenow', env),
})
