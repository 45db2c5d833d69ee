/** One HTTP request on a connection of its own, as handlers send them. Redirects are not followed. */
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { TlsConfig } from '../alert/handler-configs.js'
import { ShardlineError } from '../errors.js'

/** Of an answer that is kept for a log line. */
const maxAnswer = 64 * 1024

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export function tlsOptions(tls: TlsConfig): RequestOptions {
  const read = (path: string) => (path === '' ? undefined : readFileSync(path))
  return { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key), rejectUnauthorized: !tls.insecureSkipVerify }
}

export function postText(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  options: RequestOptions = {},
): Promise<HttpAnswer> {
  let target: URL
  try {
    target = new URL(url)
  } catch {
    return Promise.reject(new ShardlineError('bad-url', `parse ${JSON.stringify(url)}: invalid URL`, 500))
  }
  const send = target.protocol === 'https:' ? httpsRequest : target.protocol === 'http:' ? httpRequest : null
  if (send === null) {
    const scheme = target.protocol.slice(0, -1)
    return Promise.reject(new ShardlineError('bad-url', `unsupported protocol scheme ${JSON.stringify(scheme)}`, 500))
  }
  const bytes = Buffer.from(body)
  return new Promise((resolve, reject) => {
    const req = send(
      target,
      {
        ...options,
        method: 'POST',
        agent: false,
        signal,
        headers: { 'User-Agent': 'Go-http-client/1.1', ...headers, 'Content-Length': bytes.length },
      },
      (res) => {
        let answer = ''
        res.setEncoding('utf8')
        res.on('data', (part: string) => {
          if (answer.length < maxAnswer) answer += part
        })
        res.on('error', reject)
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: answer }))
      },
    )
    req.on('error', reject)
    req.end(bytes)
  })
}
