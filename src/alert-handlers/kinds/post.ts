/** Posts each event as JSON, or through the endpoint's template, to a URL (spec alerts 12.1). Thread: any; deliveries on main. */

import { ShardlineError } from '../../errors.js'
import { noTls } from '../../net/tls-files.js'
import { compileTextTemplate, jsonFunctions } from '../../templates/index.js'
import { defaultDeadlineMs, defineHandler, eventByEvent, postEvent } from '../handler.js'
import { duration, flag, list, pairs, text } from '../handler-option.js'
import { checkEndpoints, endpointOf, endpointSection, type HttpEndpoint } from '../http-endpoints.js'

export const post = defineHandler({
  kind: 'post',
  doc: 'Posts each event as JSON to a URL.',
  script: {
    method: 'post',
    goType: 'AlertHTTPPostHandler',
    failure: 'failed to create HTTPPostService.Handler',
    check({ urls, endpoint }) {
      if ((urls[0] ?? '') === '' && endpoint === '') {
        throw new ShardlineError('bad-handler', 'Either URL or endpoint must be non-empty')
      }
    },
  },
  goType: '*httppost.HandlerConfig',
  options: {
    urls: list('A template of the URL, over the event. Only the first counts.', { script: 'argument', spec: null }),
    url: text('A template of the URL, over the event.', { script: 'none' }),
    endpoint: text('Name of an endpoint of the [[httppost]] configuration; it wins over the URL.'),
    header: pairs('Adds a request header.', { spec: 'headers' }),
    captureResponse: flag('Logs the body of an answer that is not 2xx.'),
    timeout: duration('Longest time of one request, default 30 s.'),
    skipSSLVerification: flag('Accepted; certificates are verified as the configuration says.', { spec: null }),
    skipVerification: flag('Do not verify certificates.', { script: 'none', spec: 'skip-ssl-verification' }),
  },
  section: {
    name: 'httppost',
    list: true,
    doc: 'An endpoint for `post`, `httpPost` and `sideload`.',
    options: endpointSection,
    check: checkEndpoints,
  },
  define({ header }) {
    if (header.some(([name]) => name.toLowerCase() === 'authenticate')) {
      throw new ShardlineError('bad-handler', `invalid post: cannot set 'authenticate' header`, 400)
    }
  },
  create(options, env) {
    const endpoint = endpointOf(env.config(), options.endpoint)
    const url = endpoint?.url ?? (options.urls[0] || options.url)
    if (url === '') {
      const wanted = 'An appropriately formatted url must be specified if an endpoint is not specified'
      throw new ShardlineError('bad-handler', wanted)
    }
    const urlTemplate = compileTextTemplate('url', url, jsonFunctions)
    const body = endpoint?.alertTemplate
    const bodyTemplate = body && compileTextTemplate('body', body.source, body.isInline ? jsonFunctions : {})
    const headers = headersOf(options.header, endpoint)
    const plainUrl = url.includes('{{') ? null : url
    const tls = { ...noTls, insecureSkipVerify: options.skipVerification }
    const timeoutMs = Number(options.timeout.ns / 1_000_000n)
    return eventByEvent(
      async (d, signal) => {
        const data = plainUrl === null || bodyTemplate ? d.templateData() : undefined
        const sent = { headers, body: bodyTemplate ? bodyTemplate.execute(data) : d.json, signal, tls }
        const { status, text: said } = await postEvent(env.http, {
          ...sent,
          url: plainUrl ?? urlTemplate.execute(data),
        })
        if (status >= 200 && status <= 299) return
        const reason = options.captureResponse
          ? said
          : 'unknown error, use .captureResponse() to capture the HTTP response'
        throw new ShardlineError('post-failed', `POST returned non 2xx status code: code ${status}: ${reason}`)
      },
      timeoutMs > 0 ? timeoutMs : defaultDeadlineMs,
    )
  },
  test: {
    options: { endpoint: 'example', url: 'http://localhost:3000/', headers: {}, timeout: 10_000_000_000 },
    async run({ endpoint: name, url, headers, timeout }, env) {
      const endpoint = endpointOf(env.config(), String(name))
      const given = Object.entries(headers as Record<string, string>).map(([k, v]) => [k, v])
      const { status, text: said } = await postEvent(env.http, {
        url: endpoint?.url ?? String(url),
        headers: headersOf(given, endpoint),
        body: '{"id":"testEvent","message":"test message","level":"CRITICAL"}\n',
        signal: AbortSignal.timeout(Math.max(1, Number(timeout) / 1e6)),
      })
      if (status < 200 || status > 299) throw new Error(`POST returned non 2xx status code: code ${status}: ${said}`)
    },
  },
})

/** Those of the endpoint, then those of the handler. JSON is said to be JSON whatever they say. */
function headersOf(own: readonly (readonly string[])[], endpoint: HttpEndpoint | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  const set = (name: string, value: string): void => {
    for (const old of Object.keys(headers)) if (old.toLowerCase() === name.toLowerCase()) delete headers[old]
    headers[name] = value
  }
  for (const [k, v] of Object.entries(endpoint?.headers ?? {})) set(k, v)
  for (const [k, v] of own) set(k, v)
  if (endpoint?.alertTemplate === undefined) set('Content-Type', 'application/json')
  if (endpoint !== undefined && endpoint.authorization !== '') set('Authorization', endpoint.authorization)
  return headers
}
