/** Sends the message to Discord. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { tlsOptions } from '../../config/tls.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const discord = defineHandler({
  kind: 'discord',
  doc: 'Sends the message to Discord.',
  script: { method: 'discord', goType: 'DiscordHandler' },
  goType: '*discord.HandlerConfig',
  options: {
    workspace: text('Which [[discord]] section to use.'),
    username: text('Name shown as the sender.'),
    avatarURL: text('Picture of the sender.', { spec: 'avatar-url' }),
    embedTitle: text('Title template.'),
  },
  section: {
    name: 'discord',
    list: true,
    doc: 'A Discord workspace.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      default: config.flag(false, 'Used where a handler names no workspace.'),
      workspace: config.text('', 'Name in scripts and handler specs.'),
      url: config.text('', 'Webhook.'),
      username: config.text('', 'Name shown as the sender.'),
      'avatar-url': config.text('', 'Picture of the sender.'),
      'embed-title': config.text('', 'No effect, as in the original.'),
      timestamp: config.flag(false, 'Send the time of the event.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
      ...tlsOptions,
    },
  },
  isPending: true,
  create: (_options, env) => pending('discord', env),
})
