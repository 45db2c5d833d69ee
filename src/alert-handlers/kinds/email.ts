/** Sends the details by e-mail. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { list } from '../handler-option.js'

export const email = defineHandler({
  kind: 'smtp',
  doc: 'Sends the details by e-mail.',
  script: { method: 'email', goType: 'EmailHandler' },
  goType: '*smtp.HandlerConfig',
  options: {
    to: list('Receivers, default from the configuration.', { script: 'both' }),
  },
  section: {
    name: 'smtp',
    doc: 'E-mail.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      host: config.text('localhost', 'Server.'),
      port: config.integer(25, 'Port.'),
      username: config.text('', 'User; empty: no authentication.'),
      password: config.text('', 'Password.'),
      from: config.text('', 'Sender.'),
      to: config.strings([], 'Receivers where a handler names none.'),
      'no-verify': config.flag(false, 'Do not verify the certificate.'),
      'idle-timeout': config.duration('30s', 'When an idle connection is closed.'),
      global: config.flag(false, 'Every alert without such a handler gets one.'),
      'state-changes-only': config.flag(false, 'With global: all alerts send changes of state only.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('smtp', env),
})
