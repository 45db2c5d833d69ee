/** Publishes the message over MQTT. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { tlsOptions } from '../../config/tls.js'
import { defineHandler, pending } from '../handler.js'
import { bool, type HandlerOption, integer, text } from '../handler-option.js'

/** Words of handler specs by their number; the second `exactly-one` is the original's own word. */
const qualities = ['at-most-once', 'at-least-once', 'exactly-one']

const qos: HandlerOption<bigint> = {
  ...integer('Quality of service, 0 to 2.', 0n),
  decode(name, value, faults) {
    const level = typeof value === 'string' ? qualities.indexOf(value) : Number(value)
    if (level >= 0 && level <= 2) return BigInt(Math.trunc(level))
    faults.push(`error decoding '${name}': invalid QoS`)
    return undefined
  },
}

export const mqtt = defineHandler({
  kind: 'mqtt',
  doc: 'Publishes the message over MQTT.',
  script: { method: 'mqtt', goType: 'MQTTHandler' },
  goType: '*mqtt.HandlerConfig',
  options: {
    brokerName: text('Which [[mqtt]] section to use.'),
    topic: text('Topic template.', { script: 'both' }),
    qos,
    retained: bool('Whether the broker keeps the message.'),
  },
  section: {
    name: 'mqtt',
    list: true,
    doc: 'An MQTT broker.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      name: config.text('default', 'Name in scripts and handler specs.'),
      default: config.flag(false, 'Used where a handler names none.'),
      url: config.text('', 'Address, `tcp://host:1883`.'),
      'client-id': config.text('', 'Id of this client; empty: the name.'),
      username: config.text('', 'User.'),
      password: config.text('', 'Password.'),
      ...tlsOptions,
    },
  },
  isPending: true,
  create: (_options, env) => pending('mqtt', env),
})
