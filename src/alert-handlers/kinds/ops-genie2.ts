/** Sends the event to OpsGenie (v2). Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { list, text } from '../handler-option.js'

export const opsGenie2 = defineHandler({
  kind: 'opsgenie2',
  doc: 'Sends the event to OpsGenie (v2).',
  script: { method: 'opsGenie2', goType: 'OpsGenie2Handler' },
  goType: '*opsgenie2.HandlerConfig',
  options: {
    teams: list('Teams.', { spec: 'teams-list' }),
    recipients: list('Receivers.', { spec: 'recipients-list' }),
    recoveryAction: text('notes or close.', { spec: 'recovery_action' }),
  },
  section: {
    name: 'opsgenie2',
    doc: 'OpsGenie, version 2.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      'api-key': config.text('', 'Key of the API.'),
      teams: config.strings([], 'Teams where a handler names none.'),
      recipients: config.strings([], 'Receivers where a handler names none.'),
      url: config.text('https://api.opsgenie.com/v2/alerts', 'Address of the API.'),
      recovery_action: config.text('notes', 'What a recovery does: notes or close.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('opsgenie2', env),
})
