/** Sends an SNMP trap. Thread: any; deliveries on main. */
import * as config from '../../config/option.js'
import { defineHandler, pending } from '../handler.js'
import { rows, text } from '../handler-option.js'

export const snmpTrap = defineHandler({
  kind: 'snmptrap',
  doc: 'Sends an SNMP trap.',
  script: { method: 'snmpTrap', goType: 'SNMPTrapHandler' },
  goType: '*snmptrap.HandlerConfig',
  options: {
    trapOid: text('OID of the trap.', { script: 'argument' }),
    data: rows('Adds a variable: OID, type, value template.', ['oid', 'type', 'value'], { spec: 'data-list' }),
  },
  section: {
    name: 'snmptrap',
    doc: 'SNMP traps.',
    options: {
      enabled: config.flag(false, 'Use it.'),
      addr: config.text('localhost:162', 'Receiver, `host:port`.'),
      community: config.text('kapacitor', 'Community.'),
      retries: config.integer(1, 'Attempts after the first.'),
    },
  },
  isPending: true,
  create: (_options, env) => pending('snmptrap', env),
})
