/** Sends the message to Talk. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'

export const talk = defineHandler({
  kind: 'talk',
  doc: 'Sends the message to Talk.',
  script: { method: 'talk', goType: 'TalkHandler' },
  goType: '*talk.HandlerConfig',
  options: {},
  takesAnyOptions: true,
  section: {
    name: 'talk',
    doc: 'Talk.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('', 'Webhook.'),
      author_name: config.text('', 'Name shown as the sender.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('talk', env),
})
