/** Sends the event to Alerta. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { duration, list, text } from '../handler-option.js'

export const alerta = defineHandler({
  kind: 'alerta',
  doc: 'Sends the event to Alerta.',
  script: { method: 'alerta', goType: 'AlertaHandler' },
  goType: '*alerta.HandlerConfig',
  options: {
    token: text('Token.'),
    tokenPrefix: text('Word before the token.'),
    resource: text('Template.'),
    event: text('Template.'),
    environment: text('Template.'),
    group: text('Template.'),
    value: text('Template.'),
    origin: text('Origin.'),
    services: list('Templates of the affected services.', { spec: 'service' }),
    timeout: duration('Time after which Alerta expires the alert.'),
  },
  section: {
    name: 'alerta',
    doc: 'Alerta.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      url: config.text('', 'Address of the API.'),
      token: config.text('', 'Token.'),
      'token-prefix': config.text('', 'Word before the token; empty: Bearer.'),
      environment: config.text('', 'Environment.'),
      origin: config.text('', 'Origin; empty: Kapacitor.'),
      timeout: config.duration('0s', 'No effect, as in the original.'),
      'insecure-skip-verify': config.flag(false, 'Do not verify certificates.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('alerta', env),
})
