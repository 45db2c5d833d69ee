/** Sends the event to PagerDuty (v2). Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { rows, text } from '../handler-option.js'

export const pagerDuty2 = defineHandler({
  kind: 'pagerduty2',
  doc: 'Sends the event to PagerDuty (v2).',
  script: { method: 'pagerDuty2', goType: 'PagerDuty2Handler' },
  goType: '*pagerduty2.HandlerConfig',
  options: {
    routingKey: text('Routing key.'),
    serviceKey: text('The same by its old name.', { spec: null }),
    link: rows('Adds a link with an optional text.', ['href', 'text'], { spec: 'links' }),
  },
  section: {
    name: 'pagerduty2',
    doc: 'PagerDuty, version 2.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('https://events.pagerduty.com/v2/enqueue', 'Address of the API.'),
      'routing-key': config.text('', 'Routing key where a handler has none.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('pagerduty2', env),
})
