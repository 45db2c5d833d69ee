/** Sends the message to a Slack channel. Which section is used is decided per event, as the configuration stands then. */
import { goJson } from '../../columns/json-encode.js'
import { ShardlineError } from '../../errors.js'
import { defaultDeadlineMs, type HandlerKind, postEvent, textOf } from '../handler.js'
import type { HandlerConfigs, SlackConfig } from '../http-endpoints.js'

function section(configs: HandlerConfigs, workspace: string): SlackConfig {
  const { slack } = configs
  if (slack.length === 0) throw new ShardlineError('slack-config', 'no slack configuration found', 500)
  const found =
    workspace !== ''
      ? slack.find((s) => s.workspace === workspace)
      : slack.length === 1
        ? slack[0]
        : slack.find((s) => s.isDefault)
  if (found === undefined) throw new ShardlineError('slack-config', 'workspace id not found', 500)
  if (!found.enabled) throw new ShardlineError('service-disabled', 'service is not enabled', 500)
  return found
}

function failure(status: number, body: string): string {
  try {
    const parsed = JSON.parse(body) as { error?: unknown }
    if (typeof parsed.error === 'string') return parsed.error
  } catch {
    return `failed to understand Slack response. code: ${status} content: ${body}`
  }
  return `failed to understand Slack response. code: ${status} content: ${body}`
}

const colors = ['good', 'good', 'warning', 'danger'] as const

export const slackKind: HandlerKind = {
  kind: 'slack',
  create(props, env) {
    const workspace = textOf(props, 'workspace')
    return {
      kind: 'slack',
      maxBatch: 1,
      deadlineMs: defaultDeadlineMs,
      async deliver([{ event }], signal) {
        const config = section(env.configs, workspace)
        const body = goJson({
          as_user: false,
          attachments: [
            { fallback: event.message, color: colors[event.level], text: event.message, mrkdwn_in: ['text'] },
          ],
          channel: textOf(props, 'channel') || config.channel,
          icon_emoji: textOf(props, 'iconEmoji') || config.iconEmoji,
          text: '',
          username: textOf(props, 'username') || config.username,
        })
        const headers = { 'Content-Type': 'application/json' }
        const answer = await postEvent(env.http, {
          url: config.url,
          headers,
          body: `${body}\n`,
          signal,
          tls: config.tls,
        })
        if (answer.status !== 200) {
          throw new ShardlineError('slack-failed', failure(answer.status, answer.text), 500)
        }
      },
    }
  },
}
