/** Sends the message to Microsoft Teams. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const teams = defineHandler({
  kind: 'teams',
  doc: 'Sends the message to Microsoft Teams.',
  script: { method: 'teams', goType: 'TeamsHandler' },
  goType: '*teams.HandlerConfig',
  options: {
    channelURL: text('Webhook.', { spec: 'channel-url' }),
  },
  section: {
    name: 'teams',
    doc: 'Microsoft Teams.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      'channel-url': config.text('', 'Webhook where a handler names none.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('teams', env),
})
