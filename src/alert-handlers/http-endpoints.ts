/**
 * What the configuration file says about alert services: the sections that handlers here can use, and which others are
 * enabled. Any thread.
 */
import { isAbsolute } from 'node:path'
import { errorText, ShardlineError } from '../errors.js'
import type { TlsFiles } from '../net/tls-files.js'
import { readRegularSync } from '../regular-file.js'

export interface SlackConfig {
  readonly enabled: boolean
  readonly isDefault: boolean
  readonly workspace: string
  readonly url: string
  readonly channel: string
  readonly username: string
  readonly iconEmoji: string
  readonly global: boolean
  readonly stateChangesOnly: boolean
  readonly tls: TlsFiles
}

export interface HttpPostConfig {
  readonly endpoint: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly basicAuth: { readonly username: string; readonly password: string } | null
  /** '' = the event as JSON. */
  readonly alertTemplate: string
  /** The template was given in the file itself: it has the function `json`. */
  readonly alertTemplateInline: boolean
  /** The same for rows of the httpPost node. */
  readonly rowTemplate: string
  readonly rowTemplateInline: boolean
}

export interface HandlerConfigs {
  readonly slack: readonly SlackConfig[]
  readonly httppost: readonly HttpPostConfig[]
  /** Other services whose section says `enabled = true`, by section name. */
  readonly enabledServices: ReadonlySet<string>
}

export const noHandlerConfigs: HandlerConfigs = { slack: [], httppost: [], enabledServices: new Set() }

type Raw = Readonly<Record<string, unknown>>

function rawSections(v: unknown): Raw[] {
  const list = Array.isArray(v) ? v : v === undefined || v === null ? [] : [v]
  return list.filter((s): s is Raw => typeof s === 'object' && s !== null)
}

const text = (raw: Raw, key: string): string => (typeof raw[key] === 'string' ? raw[key] : '')
const flag = (raw: Raw, key: string): boolean => raw[key] === true || raw[key] === 'true'

function slackOf(raw: Raw): SlackConfig {
  return {
    enabled: flag(raw, 'enabled'),
    isDefault: flag(raw, 'default'),
    workspace: text(raw, 'workspace'),
    url: text(raw, 'url'),
    channel: text(raw, 'channel'),
    username: text(raw, 'username'),
    iconEmoji: text(raw, 'icon-emoji'),
    global: flag(raw, 'global'),
    stateChangesOnly: flag(raw, 'state-changes-only'),
    tls: {
      ca: text(raw, 'ssl-ca'),
      cert: text(raw, 'ssl-cert'),
      key: text(raw, 'ssl-key'),
      insecureSkipVerify: flag(raw, 'insecure-skip-verify'),
    },
  }
}

function httpPostOf(raw: Raw): HttpPostConfig {
  const auth = (typeof raw['basic-auth'] === 'object' ? raw['basic-auth'] : null) as Raw | null
  const headers: Record<string, string> = {}
  for (const [k, v] of Object.entries((raw.headers ?? {}) as Raw)) headers[k] = String(v)
  const [alertTemplate, alertTemplateInline] = templateOf(raw, 'alert-template')
  const [rowTemplate, rowTemplateInline] = templateOf(raw, 'row-template')
  const username = auth === null ? '' : text(auth, 'username')
  const password = auth === null ? '' : text(auth, 'password')
  return {
    endpoint: text(raw, 'endpoint'),
    url: text(raw, 'url') || text(raw, 'url-template'),
    headers,
    basicAuth: username !== '' && password !== '' ? { username, password } : null,
    alertTemplate,
    alertTemplateInline,
    rowTemplate,
    rowTemplateInline,
  }
}

/** The text of an inline template or of a template file, and whether it is inline. */
function templateOf(raw: Raw, option: string): [string, boolean] {
  const file = text(raw, `${option}-file`)
  if (file === '') return [text(raw, option), true]
  if (!isAbsolute(file)) {
    throw new ShardlineError('bad-config', `must use an absolute path for ${option}-file: ${file}`, 500)
  }
  return [readTemplate(file), false]
}

function readTemplate(path: string): string {
  try {
    return readRegularSync(path).toString()
  } catch (err) {
    throw new ShardlineError('bad-config', `failed to read template file: ${errorText(err)}`, 500)
  }
}

/** Reads them from the sections that the configuration keeps as they stand (`slack`, `httppost`, `pagerduty` …). */
export function readHandlerConfigs(sections: Readonly<Record<string, unknown>>): HandlerConfigs {
  const slack = rawSections(sections.slack).map(slackOf)
  const defaults = slack.filter((s) => s.isDefault)
  if (slack.length > 1) {
    if (slack.some((s) => s.workspace === '')) {
      throw new ShardlineError('bad-config', 'slack: a workspace must be provided for all configurations', 500)
    }
    if (defaults.length === 0) {
      throw new ShardlineError('bad-config', 'slack: one of the configurations must be default', 500)
    }
  }
  const enabledServices = new Set<string>()
  for (const [name, v] of Object.entries(sections)) {
    if (rawSections(v).some((s) => flag(s, 'enabled'))) enabledServices.add(name)
  }
  return { slack, httppost: rawSections(sections.httppost).map(httpPostOf), enabledServices }
}
