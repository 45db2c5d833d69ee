/** Small resources: ping, log level, the log stream, expvar-style statistics, Prometheus metrics. Thread: main. */
import { goJson } from '../columns/json-encode.js'
import { ShardlineError } from '../errors.js'
import { decodeMembers, type JsonStruct } from '../go/json-members.js'
import { basePath } from '../http/api.js'
import type { Call } from '../http/call.js'
import type { Router } from '../http/router.js'
import type { LogLevel } from '../log.js'
import { jsonLine, type LogLine, type LogOutput, logfmtLine } from '../observe/logger.js'
import { invalidJson } from '../tasks/task-request.js'
import { Turns } from '../turns.js'
import { LogFollower } from './log-follower.js'

export interface SystemParts {
  readonly logs: LogOutput
  readonly debugVars: () => Promise<unknown>
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
}

const maxRequestBytes = 64 * 1024

const levelStruct: JsonStruct = { goType: 'client.LogLevelOptions', members: ['level'], fault: invalidJson }

export function addSystem(router: Router, parts: SystemParts): void {
  router.add('GET,HEAD', `${basePath}/ping`, (call) => call.empty(204))
  router.add('POST', `${basePath}/loglevel`, async (call) => {
    parts.logs.level = levelOf(decodeMembers(await call.body(maxRequestBytes), levelStruct).string('level'))
    call.empty(204)
  })
  router.add('GET', `${basePath}/debug/vars`, async (call) => {
    call.raw(200, 'application/json; charset=utf-8', await expvarText(await parts.debugVars()))
  })
  const metrics = async (call: Call): Promise<void> => {
    call.raw(200, parts.metrics.contentType, await parts.metrics.text())
  }
  router.add('GET', '/metrics', metrics)
  router.add('GET', `${basePath}/metrics`, metrics)
  router.add('GET', '/kapacitor/v1preview/logs', (call) => streamLogs(call, parts.logs))
}

function levelOf(text: string): LogLevel {
  const level = text.toLowerCase()
  if (level === 'debug' || level === 'info' || level === 'error') return level
  throw new ShardlineError('bad-log-level', 'invalid log level')
}

/** One member per line, keys sorted. Made in turns with other work: the statistics may be many. */
async function expvarText(vars: unknown): Promise<string> {
  const turns = new Turns()
  const members: string[] = []
  for (const [name, value] of Object.entries(vars as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!(value instanceof Map)) {
      members.push(`${goJson(name)}: ${goJson(value)}`)
      continue
    }
    const inner: string[] = []
    for (const [key, v] of value as Map<string, unknown>) {
      inner.push(`${goJson(key)}:${goJson(v)}`)
      if (turns.over) await turns.next()
    }
    members.push(`${goJson(name)}: {${inner.join(',')}}`)
  }
  return `{\n${members.join(',\n')}\n}\n`
}

function streamLogs(call: Call, logs: LogOutput): void {
  const filters = new Map<string, string>()
  for (const [key, value] of call.query) {
    if (filters.has(key)) throw new ShardlineError('bad-parameter', 'query params cannot contain duplicate params')
    filters.set(key, value)
  }
  const json = (call.request.headers.accept ?? '').includes('application/json')
  const stream = call.stream(200, json ? 'application/json; charset=utf-8' : 'application/logfmt')
  const follower = new LogFollower(stream, json ? jsonLine : logfmtLine, (lines) => {
    logs.droppedLines += lines
  })
  const stop = logs.listen((line) => {
    if (matches(line, filters)) follower.take(line)
  })
  call.response.onAborted(() => {
    stop()
    follower.close()
  })
}

const levels: readonly string[] = ['debug', 'info', 'error']

function matches(line: LogLine, filters: ReadonlyMap<string, string>): boolean {
  for (const [key, wanted] of filters) {
    if (key === 'lvl' && wanted.endsWith('+')) {
      if (levels.indexOf(line.level) < levels.indexOf(wanted.slice(0, -1))) return false
    } else {
      const value = key === 'msg' ? line.msg : key === 'lvl' ? line.level : line.keys.find(([k]) => k === key)?.[1]
      if (value === undefined || String(value) !== wanted) return false
    }
  }
  return true
}
