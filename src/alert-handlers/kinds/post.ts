/** Posts each event as JSON, or through the endpoint's template, to a URL (spec alerts 12.1). */

import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import { basicAuth } from '../../net/http-client.js'
import { noTls } from '../../net/tls-files.js'
import { compileTextTemplate, jsonFunctions } from '../../templates/index.js'
import { defaultDeadlineMs, type HandlerKind, type HandlerProps, listOf, postEvent, textOf } from '../handler.js'
import type { HttpPostConfig } from '../http-endpoints.js'

/** `urls` come from scripts, `url` from handler specs. */
function urlOf(props: HandlerProps): string {
  const [first] = listOf(props, 'urls')
  return typeof first === 'string' ? first : textOf(props, 'url')
}

/** The URL of the script, or of a known endpoint, which wins. */
function target(props: HandlerProps, endpoints: readonly HttpPostConfig[]): { url: string; endpoint?: HttpPostConfig } {
  const name = textOf(props, 'endpoint')
  const endpoint = name === '' ? undefined : endpoints.find((e) => e.endpoint === name)
  if (endpoint !== undefined) return { url: endpoint.url, endpoint }
  const url = urlOf(props)
  if (url === '') {
    const text = 'An appropriately formatted url must be specified if an endpoint is not specified'
    throw new ShardlineError('bad-handler', text, 500)
  }
  return { url }
}

function headersOf(props: HandlerProps, endpoint: HttpPostConfig | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  const set = (name: string, value: string): void => {
    for (const old of Object.keys(headers)) if (old.toLowerCase() === name.toLowerCase()) delete headers[old]
    headers[name] = value
  }
  for (const [k, v] of Object.entries(endpoint?.headers ?? {})) set(k, v)
  for (const h of listOf(props, 'header')) if (Array.isArray(h)) set(String(h[0]), String(h[1]))
  if (endpoint === undefined || endpoint.alertTemplate === '') set('Content-Type', 'application/json')
  if (endpoint?.basicAuth) {
    const { username, password } = endpoint.basicAuth
    set('Authorization', basicAuth(username, password))
  }
  return headers
}

export const postKind: HandlerKind = {
  kind: 'post',
  scriptFailure: 'failed to create HTTPPostService.Handler',
  checkScript(props) {
    if (urlOf(props) === '' && textOf(props, 'endpoint') === '') {
      throw new ShardlineError('bad-handler', 'Either URL or endpoint must be non-empty', 500)
    }
  },
  create(props, env) {
    const { url, endpoint } = target(props, env.configs.httppost)
    const urlTemplate = compileTextTemplate('url', url, jsonFunctions)
    const bodyTemplate =
      endpoint === undefined || endpoint.alertTemplate === ''
        ? null
        : compileTextTemplate('body', endpoint.alertTemplate, endpoint.alertTemplateInline ? jsonFunctions : {})
    const headers = headersOf(props, endpoint)
    const plainUrl = url.includes('{{') ? null : url
    // Only a handler spec has it: `.skipSSLVerification()` of a script has no effect, as in the original.
    const tls = { ...noTls, insecureSkipVerify: props.insecureSkipVerify === true }
    const capture = props.captureResponse === true
    const timeout = props.timeout instanceof Duration ? Number(props.timeout.ns / 1_000_000n) : 0
    return {
      kind: 'post',
      maxBatch: 1,
      deadlineMs: timeout > 0 ? timeout : defaultDeadlineMs,
      async deliver([d], signal) {
        const data = plainUrl === null || bodyTemplate !== null ? d.templateData() : undefined
        const body = bodyTemplate === null ? d.json : bodyTemplate.execute(data)
        const to = plainUrl ?? urlTemplate.execute(data)
        const answer = await postEvent(env.http, { url: to, headers, body, signal, tls })
        if (answer.status >= 200 && answer.status <= 299) return
        const reason = capture ? answer.text : 'unknown error, use .captureResponse() to capture the HTTP response'
        throw new ShardlineError(
          'post-failed',
          `POST returned non 2xx status code: code ${answer.status}: ${reason}`,
          500,
        )
      },
    }
  },
}
