/**
 * What every request passes on its way to a resource: canonical paths, CORS, credentials, request ids, errors, the access
 * log. Whatever a resource does, it is answered at most once and nothing is thrown back to the adapter. Thread: main.
 */

import { goJson } from '../columns/json-encode.js'
import { errorText, ShardlineError } from '../errors.js'
import { goDuration } from '../go/go-duration.js'
import { requestTarget } from '../go/url-path.js'
import type { Log } from '../log.js'
import { kapacitorVersion } from '../version.js'
import { type AuthSettings, authenticate } from './auth.js'
import { RequestAborted } from './body-errors.js'
import { Call, jsonType } from './call.js'
import type { Request, Response } from './http.js'
import { requestId } from './request-id.js'
import { methods, Router } from './router.js'

export const basePath = '/kapacitor/v1'
const previewPath = '/kapacitor/v1preview'

export interface ApiSettings {
  readonly auth: AuthSettings
  readonly logEnabled: boolean
  /** Serve /debug/vars and /debug/pprof without credentials. */
  readonly openDebug: boolean
}

const corsMethods = 'DELETE, GET, OPTIONS, POST, PATCH'
const corsHeaders =
  'Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override'

export class Api {
  readonly router = new Router()
  requests = 0
  readonly statuses = new Map<number, number>()

  constructor(
    private readonly settings: ApiSettings,
    private readonly log: Log,
  ) {
    this.router.add('GET', `${basePath}/:routes`, (call) => call.json(200, this.router.list()))
  }

  readonly handle = (request: Request, response: Response): void => {
    try {
      this.answer(request, response)
    } catch (err) {
      this.log.error('request failed', { method: request.method, path: request.path, err: errorText(err) })
      response.destroy()
    }
  }

  private answer(request: Request, response: Response): void {
    this.requests++
    const startMs = Date.now()
    const start = process.hrtime.bigint()
    const headers: Record<string, string> = { 'Request-Id': requestId(startMs) }
    const origin = request.headers.origin
    if (origin !== undefined && origin !== '') {
      headers['Access-Control-Allow-Origin'] = origin
      headers['Access-Control-Allow-Methods'] = corsMethods
      headers['Access-Control-Allow-Headers'] = corsHeaders
    }
    let user = request.headers.authorization?.startsWith('Basic ') ? basicUser(request.headers.authorization) : ''
    const finished = (status: number): void => {
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      if (!this.settings.logEnabled) return
      this.log.info('http request', {
        host: request.remoteAddress,
        username: user === '' ? '-' : user,
        start: new Date(startMs).toISOString(),
        method: request.method,
        uri: redactedUri(request),
        protocol: 'HTTP/1.1',
        status,
        referer: request.headers.referer ?? '-',
        'user-agent': request.headers['user-agent'] ?? '-',
        'request-id': headers['Request-Id'],
        duration: goDuration(process.hrtime.bigint() - start),
      })
    }
    if (request.method === 'OPTIONS') {
      response.send(200, headers)
      finished(200)
      return
    }
    headers['X-Kapacitor-Version'] = kapacitorVersion
    if (!(methods as readonly string[]).includes(request.method)) {
      response.send(404, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }, '404 page not found\n')
      finished(404)
      return
    }
    const clean = cleanPath(request.path)
    if (clean !== request.path) {
      const target = requestTarget(request.query === '' ? clean : `${clean}?${request.query}`)
      const html = `<a href="${target.replaceAll('&', '&amp;').replaceAll('"', '&#34;')}">Moved Permanently</a>.\n\n`
      response.send(301, { ...headers, 'Content-Type': 'text/html; charset=utf-8', Location: target }, html)
      finished(301)
      return
    }
    const query = new URLSearchParams(request.query)
    const call = new Call({
      request,
      response,
      path: this.route(request),
      query,
      headers,
      sent: (c) => finished(c.status),
      failed: (c, err) => this.cut(c, err),
    })
    try {
      if (!this.isOpen(call.path)) user = authenticate(request, query, this.settings.auth) ?? user
    } catch (err) {
      call.raw(401, jsonType, goJson({ error: errorText(err) }))
      return
    }
    const resource = this.router.find(request.method, call.path)
    if (resource === undefined) {
      call.error(404, 'Not Found')
      return
    }
    try {
      resource(call)
        ?.then(() => {
          if (call.status === 0 && !response.aborted) throw new Error('the resource gave no answer')
        })
        .catch((err: unknown) => this.failed(call, err))
        .catch((err: unknown) => this.cut(call, err))
    } catch (err) {
      this.failed(call, err)
    }
  }

  /** `/kapacitor/v1preview/…` means `/kapacitor/v1/…` unless a resource lives only there. */
  private route(request: Request): string {
    const { path } = request
    if (!path.startsWith(`${previewPath}/`) || this.router.find(request.method, path) !== undefined) return path
    return basePath + path.slice(previewPath.length)
  }

  private isOpen(path: string): boolean {
    return this.settings.openDebug && (path === `${basePath}/debug/vars` || path.startsWith(`${basePath}/debug/pprof`))
  }

  private failed(call: Call, err: unknown): void {
    if (err instanceof RequestAborted) return
    if (call.status !== 0) {
      this.cut(call, err)
      return
    }
    if (!(err instanceof ShardlineError)) {
      this.log.error('request failed', { method: call.request.method, path: call.path, err: errorText(err) })
      call.error(500, errorText(err))
      return
    }
    call.header('X-Shardline-Error', err.code)
    if (err.status === 503) call.header('Retry-After', '1')
    call.error(err.status, errorText(err), err.status === 408 || err.status === 413)
  }

  /** A failure behind the answer, or of the answer itself. One that was only begun must not look whole. */
  private cut(call: Call, err: unknown): void {
    const { method } = call.request
    this.log.error('request failed after its answer', { method, path: call.path, err: errorText(err) })
    call.response.destroy()
  }
}

function basicUser(header: string): string {
  return Buffer.from(header.slice(6), 'base64').toString().split(':')[0]
}

function redactedUri(request: Request): string {
  if (request.query === '') return request.path
  return `${request.path}?${request.query.replace(/(^|&)p=[^&]*/g, '$1p=[REDACTED]')}`
}

/** Go's path.Clean as the original's multiplexer uses it: a trailing slash stays. */
export function cleanPath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path.startsWith('/') ? path : `/${path}`
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') out.pop()
    else out.push(part)
  }
  const clean = `/${out.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}
