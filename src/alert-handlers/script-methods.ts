/**
 * The handlers of alert nodes as TICKscript sees them: methods, arguments, properties. How they deliver is in alert/handlers.
 * A kind without a delivery of its own there behaves like a service that is not enabled: it is accepted, and each event is
 * logged and counted as not sent. Thread: any.
 */
import { isAbsolute } from 'node:path'
import { ShardlineError } from '../errors.js'
import type { ArgDef, HandlerDef, HandlerPropertyDef } from '../tickscript/node-def.js'

const text = (name: string): ArgDef => ({ name, type: 'string' })
const texts = (name: string): ArgDef => ({ name, type: 'string', variadic: true })

function field(name: string, type: ArgDef['type'], doc: string): HandlerPropertyDef {
  return { name, doc, form: 'field', args: [{ name, type }] }
}

const string = (name: string, doc: string): HandlerPropertyDef => field(name, 'string', doc)

function flag(name: string, doc: string): HandlerPropertyDef {
  return { name, doc, form: 'flag', args: [] }
}

/** A call that replaces the list. */
function list(name: string, doc: string): HandlerPropertyDef {
  return {
    name,
    doc,
    form: 'method',
    args: [texts(name)],
    apply(call, args) {
      call.props[name] = args.flat()
    },
  }
}

/** A call with several arguments that appends one entry to a list. */
function entries(name: string, doc: string, args: readonly ArgDef[]): HandlerPropertyDef {
  return {
    name,
    doc,
    form: 'method',
    args,
    apply(call, values) {
      const old = call.props[name]
      call.props[name] = [...(Array.isArray(old) ? old : []), values.flat()]
    },
  }
}

function simple(
  kind: string,
  method: string,
  goType: string,
  doc: string,
  properties: readonly HandlerPropertyDef[],
  args: readonly ArgDef[] = [],
): HandlerDef {
  return { kind, method, goType, doc, args, properties }
}

const logHandler: HandlerDef = {
  ...simple(
    'log',
    'log',
    'LogHandler',
    'Appends each event as one line of JSON to a file.',
    [field('mode', 'int', 'Permissions of a file that is created, default 0600.')],
    [text('path')],
  ),
  construct(call, args) {
    call.props.path = args[0]
    call.props.mode = 0o600n
  },
}

/** Checks at task start (HTTP 500). */
export function checkLogHandler(path: string, mode: bigint, before = ''): void {
  if (!isAbsolute(path)) {
    throw new ShardlineError('bad-handler', `${before}log path must be absolute: ${path} is not absolute`, 500)
  }
  if ((mode & 0o200n) === 0n) throw new ShardlineError('bad-handler', `${before}mode must be user writable`, 500)
}

/** Stands before these texts when a task starts. */
export const logHandlerFailure = 'failed to create log alert handler'

const postHandler: HandlerDef = {
  ...simple(
    'post',
    'post',
    'AlertHTTPPostHandler',
    'Posts each event as JSON to a URL.',
    [
      string('endpoint', 'Name of an endpoint of the [[httppost]] configuration.'),
      entries('header', 'Adds a request header.', [text('key'), text('value')]),
      flag('captureResponse', 'Logs the body of an answer that is not 2xx.'),
      field('timeout', 'duration', 'Longest time of one request.'),
      flag('skipSSLVerification', 'Accepted; certificates are verified as the configuration says.'),
    ],
    [texts('urls')],
  ),
  construct(call, args) {
    call.props.urls = args.flat()
    call.props.endpoint = ''
    call.props.timeout = null
  },
  validate(call) {
    const headers = Array.isArray(call.props.header) ? call.props.header : []
    for (const h of headers) {
      if (Array.isArray(h) && String(h[0]).toLowerCase() === 'authenticate') {
        throw new ShardlineError('bad-handler', `invalid post: cannot set 'authenticate' header`)
      }
    }
  },
}

const execHandler: HandlerDef = {
  ...simple(
    'exec',
    'exec',
    'ExecHandler',
    'Starts a program for each event, with the event as JSON on its standard input.',
    [],
    [text('program'), texts('args')],
  ),
  construct(call, args) {
    const [program, ...rest] = args.flat()
    call.props.program = program
    call.props.args = rest
  },
}

const linkArgs: readonly ArgDef[] = [text('href'), texts('text')]

export const alertHandlers: readonly HandlerDef[] = [
  logHandler,
  execHandler,
  postHandler,
  simple(
    'tcp',
    'tcp',
    'TcpHandler',
    'Sends each event as JSON over a TCP connection of its own.',
    [],
    [text('address')],
  ),
  simple('slack', 'slack', 'SlackHandler', 'Sends the message to a Slack channel.', [
    string('workspace', 'Which [[slack]] section to use.'),
    string('channel', 'Channel or user, default from the configuration.'),
    string('username', 'Name shown as the sender.'),
    string('iconEmoji', 'Icon shown, `:bomb:`.'),
  ]),
  simple('smtp', 'email', 'EmailHandler', 'Sends the details by e-mail.', [list('to', 'Receivers.')], [texts('to')]),
  simple('discord', 'discord', 'DiscordHandler', 'Sends the message to Discord.', [
    string('workspace', 'Which [[discord]] section to use.'),
    string('username', 'Name shown as the sender.'),
    string('avatarURL', 'Picture of the sender.'),
    string('embedTitle', 'Title template.'),
  ]),
  simple('telegram', 'telegram', 'TelegramHandler', 'Sends the message to a Telegram chat.', [
    string('chatId', 'Chat.'),
    string('parseMode', 'Markdown or HTML.'),
    flag('disableWebPagePreview', 'No preview of links.'),
    flag('disableNotification', 'Silent message.'),
  ]),
  simple('teams', 'teams', 'TeamsHandler', 'Sends the message to Microsoft Teams.', [string('channelURL', 'Webhook.')]),
  simple('hipchat', 'hipChat', 'HipChatHandler', 'Sends the message to HipChat.', [
    string('room', 'Room.'),
    string('token', 'Token.'),
  ]),
  simple('alerta', 'alerta', 'AlertaHandler', 'Sends the event to Alerta.', [
    string('token', 'Token.'),
    string('tokenPrefix', 'Word before the token.'),
    string('resource', 'Template.'),
    string('event', 'Template.'),
    string('environment', 'Template.'),
    string('group', 'Template.'),
    string('value', 'Template.'),
    string('origin', 'Origin.'),
    list('services', 'Templates of the affected services.'),
    field('timeout', 'duration', 'Time after which Alerta expires the alert.'),
  ]),
  simple('sensu', 'sensu', 'SensuHandler', 'Sends the event to Sensu.', [
    string('source', 'Template.'),
    list('handlers', 'Sensu handlers.'),
    entries('metadata', 'Adds a key to the event.', [text('key'), { name: 'value', type: 'any' }]),
  ]),
  simple('pagerduty', 'pagerDuty', 'PagerDutyHandler', 'Sends the event to PagerDuty (v1).', [
    string('serviceKey', 'Service key.'),
  ]),
  simple('pagerduty2', 'pagerDuty2', 'PagerDuty2Handler', 'Sends the event to PagerDuty (v2).', [
    string('routingKey', 'Routing key.'),
    string('serviceKey', 'The same by its old name.'),
    entries('link', 'Adds a link with an optional text.', linkArgs),
  ]),
  simple('opsgenie', 'opsGenie', 'OpsGenieHandler', 'Sends the event to OpsGenie (v1).', [
    list('teams', 'Teams.'),
    list('recipients', 'Receivers.'),
  ]),
  simple('opsgenie2', 'opsGenie2', 'OpsGenie2Handler', 'Sends the event to OpsGenie (v2).', [
    list('teams', 'Teams.'),
    list('recipients', 'Receivers.'),
    string('recoveryAction', 'notes or close.'),
  ]),
  simple('victorops', 'victorOps', 'VictorOpsHandler', 'Sends the event to VictorOps.', [
    string('routingKey', 'Routing key.'),
  ]),
  simple('pushover', 'pushover', 'PushoverHandler', 'Sends the message to Pushover.', [
    string('userKey', 'User or group.'),
    string('device', 'Device.'),
    string('title', 'Title.'),
    string('uRL', 'Link.'),
    string('uRLTitle', 'Text of the link.'),
    string('sound', 'Sound.'),
  ]),
  simple('talk', 'talk', 'TalkHandler', 'Sends the message to Talk.', []),
  simple('servicenow', 'serviceNow', 'ServiceNowHandler', 'Sends the event to ServiceNow.', [
    string('uRL', 'Instance.'),
    string('source', 'Source.'),
    string('node', 'Template.'),
    string('type', 'Template.'),
    string('resource', 'Template.'),
    string('metricName', 'Template.'),
    string('messageKey', 'Template.'),
  ]),
  simple('kafka', 'kafka', 'KafkaHandler', 'Sends the event to Kafka.', [
    string('cluster', 'Which [[kafka]] section to use.'),
    string('kafkaTopic', 'Topic.'),
    string('template', 'Template of the message.'),
  ]),
  simple(
    'mqtt',
    'mqtt',
    'MQTTHandler',
    'Publishes the message over MQTT.',
    [
      string('brokerName', 'Which [[mqtt]] section to use.'),
      field('qos', 'int', 'Quality of service, 0 to 2.'),
      field('retained', 'bool', 'Whether the broker keeps the message.'),
      string('topic', 'Topic template.'),
    ],
    [text('topic')],
  ),
  simple(
    'snmptrap',
    'snmpTrap',
    'SNMPTrapHandler',
    'Sends an SNMP trap.',
    [entries('data', 'Adds a variable: OID, type, value template.', [text('oid'), text('type'), text('value')])],
    [text('trapOid')],
  ),
]
