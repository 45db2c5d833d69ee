/**
 * Sends the message to a Slack channel. Which section is used is decided per event, as the configuration stands then. Thread: any; deliveries on main.
 */
import { goJson } from '../../columns/json-encode.js'
import * as config from '../../config/option.js'
import { tlsFiles, tlsOptions } from '../../config/tls.js'
import { ShardlineError } from '../../errors.js'
import { levelTexts } from '../event-frame.js'
import { defaultDeadlineMs, defineHandler, disabled, eventByEvent, type HandlerEnv, postEvent } from '../handler.js'
import { text } from '../handler-option.js'

const sectionOptions = {
  enabled: config.flag(false, 'Use it.'),
  default: config.flag(false, 'Used where a handler names no workspace. One of several sections must be.'),
  workspace: config.text('', 'Name in scripts and handler specs. Each of several sections must have one.'),
  url: config.text('', 'Webhook.'),
  channel: config.text('', 'Channel or user where a handler names none.'),
  username: config.text('', 'Name shown as the sender.'),
  'icon-emoji': config.text('', 'Icon shown, `:bomb:`.'),
  global: config.flag(
    false,
    'Every alert without a Slack handler gets one, and all alerts send changes of state only.',
  ),
  'state-changes-only': config.flag(false, 'No effect: global alone has it.'),
  ...tlsOptions,
}

type SlackSection = config.Values<typeof sectionOptions>

export const slack = defineHandler({
  kind: 'slack',
  doc: 'Sends the message to a Slack channel.',
  script: { method: 'slack', goType: 'SlackHandler' },
  goType: '*slack.HandlerConfig',
  options: {
    workspace: text('Which [[slack]] section to use.'),
    channel: text('Channel or user, default from the configuration.'),
    username: text('Name shown as the sender.'),
    iconEmoji: text('Icon shown, `:bomb:`.'),
  },
  section: {
    name: 'slack',
    list: true,
    doc: 'A Slack workspace.',
    options: sectionOptions,
    check(sections) {
      if (sections.length < 2) return
      if (sections.some((s) => s.workspace === '')) {
        throw new ShardlineError('bad-config', 'slack: a workspace must be provided for all configurations')
      }
      if (!sections.some((s) => s.default)) {
        throw new ShardlineError('bad-config', 'slack: one of the configurations must be default')
      }
    },
    global(sections) {
      // In 1.5.7 a global section alone makes every node send state changes only.
      const isGlobal = sections.some((s) => s.global && (s.default || sections.length === 1))
      return { isImplicit: isGlobal, stateChangesOnly: isGlobal }
    },
  },
  create: (options, env) => eventByEvent(({ event }, signal) => send(env, options, event, signal)),
  test: {
    options: {
      workspace: '',
      channel: '',
      message: 'test slack message',
      level: 'CRITICAL',
      username: '',
      'icon-emoji': '',
    },
    async run({ workspace, channel, message, level, username, 'icon-emoji': iconEmoji }, env) {
      const options = { workspace, channel, username, iconEmoji } as SlackOptions
      const number = levelTexts.indexOf(level as (typeof levelTexts)[number])
      if (number < 0) throw new Error(`unknown alert level '${level}'`)
      const event = { message: String(message), level: number }
      await send(env, options, event, AbortSignal.timeout(defaultDeadlineMs))
    },
  },
})

interface SlackOptions {
  readonly workspace: string
  readonly channel: string
  readonly username: string
  readonly iconEmoji: string
}

const colors = ['good', 'good', 'warning', 'danger'] as const

async function send(
  env: HandlerEnv<SlackSection>,
  options: SlackOptions,
  { message, level }: { readonly message: string; readonly level: number },
  signal: AbortSignal,
): Promise<void> {
  const section = sectionOf(env.config(), options.workspace)
  const body = goJson({
    as_user: false,
    attachments: [{ fallback: message, color: colors[level], text: message, mrkdwn_in: ['text'] }],
    channel: options.channel || section.channel,
    icon_emoji: options.iconEmoji || section['icon-emoji'],
    text: '',
    username: options.username || section.username,
  })
  const headers = { 'Content-Type': 'application/json' }
  const { url } = section
  const answer = await postEvent(env.http, { url, headers, body: `${body}\n`, signal, tls: tlsFiles(section) })
  if (answer.status !== 200) throw new ShardlineError('slack-failed', failure(answer.status, answer.text))
}

function sectionOf(sections: readonly SlackSection[], workspace: string): SlackSection {
  if (sections.length === 0) throw new ShardlineError('slack-config', 'no slack configuration found')
  const found =
    workspace !== ''
      ? sections.find((s) => s.workspace === workspace)
      : sections.length === 1
        ? sections[0]
        : sections.find((s) => s.default)
  if (found === undefined) throw new ShardlineError('slack-config', 'workspace id not found')
  if (!found.enabled) throw disabled()
  return found
}

function failure(status: number, body: string): string {
  const unknown = `failed to understand Slack response. code: ${status} content: ${body}`
  try {
    const parsed = JSON.parse(body) as { error?: unknown } | null
    return typeof parsed?.error === 'string' ? parsed.error : unknown
  } catch {
    return unknown
  }
}
