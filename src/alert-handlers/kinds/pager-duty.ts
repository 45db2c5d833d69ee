/** Sends the event to PagerDuty (v1). Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const pagerDuty = defineHandler({
  kind: 'pagerduty',
  doc: 'Sends the event to PagerDuty (v1).',
  script: { method: 'pagerDuty', goType: 'PagerDutyHandler' },
  goType: '*pagerduty.HandlerConfig',
  options: {
    serviceKey: text('Service key.'),
  },
  section: {
    name: 'pagerduty',
    doc: 'PagerDuty, version 1.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('https://events.pagerduty.com/generic/2010-04-15/create_event.json', 'Address of the API.'),
      'service-key': config.text('', 'Service key where a handler has none.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('pagerduty', env),
})
