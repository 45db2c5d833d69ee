/** Sends the event to OpsGenie (v1). Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { list } from '../handler-option.js'

export const opsGenie = defineHandler({
  kind: 'opsgenie',
  doc: 'Sends the event to OpsGenie (v1).',
  script: { method: 'opsGenie', goType: 'OpsGenieHandler' },
  goType: '*opsgenie.HandlerConfig',
  options: {
    teams: list('Teams.', { spec: 'teams-list' }),
    recipients: list('Receivers.', { spec: 'recipients-list' }),
  },
  section: {
    name: 'opsgenie',
    doc: 'OpsGenie, version 1.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      'api-key': config.text('', 'Key of the API.'),
      teams: config.strings([], 'Teams where a handler names none.'),
      recipients: config.strings([], 'Receivers where a handler names none.'),
      url: config.text('https://api.opsgenie.com/v1/json/alert', 'Address of the API.'),
      recovery_url: config.text('https://api.opsgenie.com/v1/json/alert/note', 'Address for recoveries.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('opsgenie', env),
})
