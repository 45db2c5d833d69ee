/** Sends the message to HipChat. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { text } from '../handler-option.js'

export const hipChat = defineHandler({
  kind: 'hipchat',
  doc: 'Sends the message to HipChat.',
  script: { method: 'hipChat', goType: 'HipChatHandler' },
  goType: '*hipchat.HandlerConfig',
  options: {
    room: text('Room.'),
    token: text('Token.'),
  },
  section: {
    name: 'hipchat',
    doc: 'HipChat.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('', 'Address of the API.'),
      room: config.text('', 'Room where a handler names none.'),
      token: config.text('', 'Token where a handler has none.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('hipchat', env),
})
