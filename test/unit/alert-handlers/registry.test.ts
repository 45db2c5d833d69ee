import { describe, expect, it } from 'vitest'
import { createSpecHandler, handlerDefs, handlerSections, scriptMethods } from '../../../src/alert-handlers/registry.js'
import { decodeOptions, specName } from '../../../src/alert-handlers/spec-options.js'
import { allSections, parseConfig } from '../../../src/config/load.js'
import { printDefaultConfig, printEffectiveConfig } from '../../../src/config/print.js'
import { type Props, services, useHandlers } from './rig.js'

const { parts, make, send } = useHandlers()

const def = (kind: string) => {
  const found = handlerDefs.find((d) => d.kind === kind)
  if (found === undefined) throw new Error(`no kind ${kind}`)
  return found
}

describe('kinds without deliveries', () => {
  const pending = handlerDefs.filter((d) => d.isPending === true).map((d) => d.kind)

  it.each(pending)('%s is accepted and fails per event like a service that is not enabled', async (kind) => {
    await expect(send(kind, { cluster: 'default' })).rejects.toThrow('service is not enabled')
  })

  it.each(pending)('%s does not start when the configuration enables the service', (kind) => {
    const section = { enabled: true }
    const { name, list } = def(kind).section!
    const enabled = services({ [name]: list === true ? [section] : section })
    expect(() => make(kind, { cluster: 'default' }, enabled)).toThrow(`"${kind}" is not supported yet`)
  })
})

describe('what stops the start of a task', () => {
  it.each<[string, string, Props]>([
    [
      'log',
      'failed to create log alert handler: log path must be absolute: a.log is not absolute',
      { path: 'a.log', mode: 0o600n },
    ],
    ['log', 'failed to create log alert handler: mode must be user writable', { path: '/a', mode: 0o400n }],
    ['post', 'Either URL or endpoint must be non-empty', { urls: [], endpoint: '' }],
    [
      'post',
      'failed to create HTTPPostService.Handler: An appropriately formatted url must be specified if an endpoint is not specified',
      { urls: [], endpoint: 'none' },
    ],
    ['kafka', 'failed to create kafka handler: unknown cluster "x"', { cluster: 'x' }],
  ])('%s: %s', (kind, text, props) => {
    let said = ''
    try {
      make(kind, props)
    } catch (err) {
      said = (err as Error).message
    }
    expect(said).toBe(text)
  })

  it('Kafka clusters are those of the configuration, or one called default', () => {
    const two = services({ kafka: [{ id: 'a' }, { id: 'b' }] })
    expect(() => make('kafka', { cluster: 'default' }, two)).toThrow('unknown cluster "default"')
    expect(make('kafka', { cluster: 'b' }, two).kind).toBe('kafka')
    expect(make('kafka', { cluster: 'default' }, services({ kafka: [{ brokers: [] }] })).kind).toBe('kafka')
  })
})

describe('options of handler specs', () => {
  it('have the names of the original', () => {
    const names = Object.fromEntries(
      handlerDefs.map((d) => [d.kind, Object.keys(d.options).flatMap((o) => specName(d, o) ?? [])]),
    )
    expect(names).toEqual({
      log: ['path', 'mode'],
      exec: ['prog', 'args', 'expand-args'],
      post: ['url', 'endpoint', 'headers', 'capture-response', 'timeout', 'skip-ssl-verification'],
      tcp: ['address'],
      slack: ['workspace', 'channel', 'username', 'icon-emoji'],
      smtp: ['to'],
      discord: ['workspace', 'username', 'avatar-url', 'embed-title'],
      telegram: ['chat-id', 'parse-mode', 'disable-web-page-preview', 'disable-notification'],
      teams: ['channel-url'],
      hipchat: ['room', 'token'],
      alerta: [
        'token',
        'token-prefix',
        'resource',
        'event',
        'environment',
        'group',
        'value',
        'origin',
        'service',
        'timeout',
      ],
      sensu: ['source', 'handlers', 'metadata'],
      pagerduty: ['service-key'],
      pagerduty2: ['routing-key', 'links'],
      opsgenie: ['teams-list', 'recipients-list'],
      opsgenie2: ['teams-list', 'recipients-list', 'recovery_action'],
      victorops: ['routing-key'],
      pushover: ['user-key', 'device', 'title', 'url', 'url-title', 'sound'],
      talk: [],
      servicenow: ['url', 'username', 'password', 'source', 'node', 'type', 'resource', 'metricname', 'messagekey'],
      kafka: ['cluster', 'topic', 'template'],
      mqtt: ['broker-name', 'topic', 'qos', 'retained'],
      snmptrap: ['trap-oid', 'data-list'],
      publish: ['topics'],
      aggregate: ['id', 'interval', 'topic', 'message'],
    })
  })

  it.each<[string, Props, Props]>([
    ['mqtt', { qos: 2n, retained: true }, { qos: 2n, retained: true, topic: '' }],
    ['mqtt', { QOS: 'exactly-one' }, { qos: 2n }],
    [
      'pagerduty2',
      { links: [{ href: 'h', text: 't' }, { href: 'i' }] },
      {
        link: [
          ['h', 't'],
          ['i', ''],
        ],
      },
    ],
    ['snmptrap', { 'data-list': [{ oid: '1', type: 's', value: 'v' }] }, { data: [['1', 's', 'v']] }],
    [
      'sensu',
      { metadata: { a: 1n, b: { c: 'd' } } },
      {
        metadata: [
          ['a', 1n],
          ['b', { c: 'd' }],
        ],
      },
    ],
    ['talk', { whatever: 1n }, {}],
  ])('%s %s are decoded', (kind, options, values) => {
    expect(decodeOptions(def(kind), options)).toMatchObject(values)
  })

  it.each<[string, Props, string]>([
    ['mqtt', { qos: 'exactly-once' }, "error decoding 'qos': invalid QoS"],
    ['pagerduty2', { links: [{ url: 'h' }] }, "'links[0]' has invalid keys: url"],
    ['snmptrap', { 'data-list': ['x'] }, "'data-list[0]' expected a map, got 'string'"],
    ['smtp', { to: 'a@b' }, "'to': source data must be an array or slice, got string"],
    ['alerta', { timeout: '1h' }, "'timeout' expected type 'time.Duration', got unconvertible type 'string'"],
    ['hipchat', { rooms: 'x' }, "'' has invalid keys: rooms"],
  ])('%s %j: %s', (kind, options, text) => {
    expect(() => createSpecHandler(kind, options, parts)).toThrow(text)
  })
})

describe('scripts', () => {
  it('have a method for every kind but those that only hand on', () => {
    const without = handlerDefs.filter((d) => d.script === null).map((d) => d.kind)
    expect(without).toEqual(['publish', 'aggregate'])
    expect(scriptMethods.map((m) => m.kind)).toEqual(handlerDefs.map((d) => d.kind).slice(0, -2))
  })
})

describe('sections of the configuration', () => {
  it('are printed and read again', () => {
    const text = printDefaultConfig(handlerSections)
    const { config, warnings } = parseConfig(text, {}, handlerSections)
    expect(warnings).toEqual([])
    expect(config).toEqual(parseConfig('', {}, handlerSections).config)
    const given = '[smtp]\nfrom = "a@b"\n[[httppost]]\nendpoint = "e"\nheaders = { a = "1" }\n'
    const once = parseConfig(given, {}, handlerSections).config
    expect(once.services.httppost).toMatchObject([{ endpoint: 'e', headers: { a: '1' } }])
    expect(parseConfig(printEffectiveConfig(once, handlerSections), {}, handlerSections).config).toEqual(once)
    const names = [...allSections(handlerSections)].map(([name]) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it('take variables of the environment and warn of unknown keys', () => {
    const { config, warnings } = parseConfig(
      '[[slack]]\nurl = "a"\nnope = 1\n',
      { KAPACITOR_SLACK_0_URL: 'b', KAPACITOR_SMTP_PORT: '2525' },
      handlerSections,
    )
    expect(config.services.slack).toMatchObject([{ url: 'b' }])
    expect(config.services.smtp).toMatchObject([{ port: 2525 }])
    expect(warnings).toEqual(['unknown key slack.nope'])
  })

  it('know the type of each option', () => {
    expect(() => parseConfig('[smtp]\nport = "x"\n', {}, handlerSections)).toThrow('smtp.port: want an integer')
    expect(() => parseConfig('[[httppost]]\nheaders = "x"\n', {}, handlerSections)).toThrow('want a table of strings')
  })
})
