/** Sends the message to Pushover. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const pushover = defineHandler({
  kind: 'pushover',
  doc: 'Sends the message to Pushover.',
  script: { method: 'pushover', goType: 'PushoverHandler' },
  goType: '*pushover.HandlerConfig',
  options: {
    userKey: text('User or group.'),
    device: text('Device.'),
    title: text('Title.'),
    uRL: text('Link.', { spec: 'url' }),
    uRLTitle: text('Text of the link.', { spec: 'url-title' }),
    sound: text('Sound.'),
  },
  section: {
    name: 'pushover',
    doc: 'Pushover.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      token: config.text('', 'Token of the application.'),
      'user-key': config.text('', 'User or group where a handler names none.'),
      url: config.text('https://api.pushover.net/1/messages.json', 'Address of the API.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('pushover', env),
})
