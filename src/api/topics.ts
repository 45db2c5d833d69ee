/**
 * /kapacitor/v1/alerts/topics: topics with their events, and the handlers that are defined on them (spec alerts 11.5).
 * Thread: main. Ids with a slash are reachable: escaped as a topic, escaped or not as an event.
 */

import { levelTexts } from '../alert-handlers/event-frame.js'
import { type HandlerOptions, type HandlerSpec, handlerSpecMembers } from '../alerts/handler-spec.js'
import type { HandlerSpecService } from '../alerts/handler-spec-service.js'
import type { EventState, TopicService, TopicView } from '../alerts/topics.js'
import { goJson, goJsonIndent } from '../columns/json-encode.js'
import { Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { globMatcher, parseGlob } from '../go/glob.js'
import { goDuration } from '../go/go-duration.js'
import { decodeJson, type JsonStruct, membersOf } from '../go/json-members.js'
import { exactJson, type Json, JsonSyntaxError, parseLosslessJson } from '../go/lossless-json.js'
import { linkSegment } from '../go/url-path.js'
import { basePath } from '../http/api.js'
import { type Call, jsonType } from '../http/call.js'
import type { Router } from '../http/router.js'
import { invalidJson } from '../tasks/task-request.js'
import { Turns } from '../turns.js'
import { applyPatch } from './topics-json-patch.js'

const path = `${basePath}/alerts/topics`
const prefix = `${path}/`
const maxRequestBytes = 4 << 20

export interface TopicParts {
  readonly topics: TopicService
  readonly handlers: HandlerSpecService
}

export function addTopics(router: Router, parts: TopicParts): void {
  router.add('GET', path, (call) => listTopics(call, parts))
  router.add('GET', prefix, (call) => get(call, parts))
  router.add('POST', prefix, async (call) => {
    const [topic, what, ...rest] = partsOf(call)
    if (what !== 'handlers' || rest.length > 0) return notFound(call)
    const spec = specOf(topic!, await bodyOf(call))
    await parts.handlers.create(spec)
    call.json(200, handlerView(spec))
  })
  const change = (
    method: string,
    read: (call: Call) => Promise<Json>,
    next: (old: HandlerSpec, body: Json) => HandlerSpec,
  ): void => {
    router.add(method, prefix, async (call) => {
      const body = await read(call)
      const [topic, what, id, ...rest] = partsOf(call)
      if (what !== 'handlers' || id === undefined || rest.length > 0) return notFound(call)
      const old = handlerOf(parts, topic!, id)
      const spec = next(old, body)
      await parts.handlers.replace(old, spec)
      call.json(200, handlerView(spec))
    })
  }
  change('PUT', bodyOf, (old, body) => specOf(old.topic, body))
  change('PATCH', patchOf, patched)
  router.add('DELETE', prefix, async (call) => {
    const [topic, what, id, ...rest] = partsOf(call)
    if (what === undefined) await parts.topics.remove(topic!)
    else if (what === 'handlers' && id !== undefined && rest.length === 0) {
      const spec = parts.handlers.get(topic!, id)
      if (spec !== undefined) await parts.handlers.delete(spec)
    } else return notFound(call)
    call.empty(204)
  })
}

const notFound = (call: Call): void => call.error(404, 'Not Found')

/** The unescaped parts of the path below the topics. */
function partsOf(call: Call): string[] {
  const raw = call.path.slice(prefix.length).split('/')
  if (raw.length > 1 && raw[raw.length - 1] === '') raw.pop()
  try {
    return raw.map(decodeURIComponent)
  } catch {
    throw new ShardlineError('bad-path', `invalid URL escape in ${JSON.stringify(call.path)}`)
  }
}

async function get(call: Call, parts: TopicParts): Promise<void> {
  const [topic, what, ...rest] = partsOf(call)
  const { topics, handlers } = parts
  if (what === 'events') {
    const states = topics.events(topic!)
    if (rest.length > 0) call.json(200, eventOf(topic!, rest.join('/'), states))
    else if (states !== undefined) call.raw(200, jsonType, await eventList(call, topic!, states))
    else {
      throw new ShardlineError('no-topic', `failed to get topic events: unknown topic ${JSON.stringify(topic)}`)
    }
  } else if (what === 'handlers' && rest.length === 0) {
    const matches = patternOf(call)
    const found = handlers.list(topic!).filter((spec) => matches(spec.id))
    call.json(200, { link: link(topicPath(topic!, '/handlers')), topic, handlers: found.map(handlerView) })
  } else if (what === 'handlers' && rest.length === 1) {
    call.json(200, handlerView(handlerOf(parts, topic!, rest[0])))
  } else {
    const view = topics.view(topic!)
    if (view === undefined) throw new ShardlineError('no-topic', `unknown topic: ${JSON.stringify(topic)}`, 404)
    call.json(200, topicView(view))
  }
}

function listTopics(call: Call, { topics }: TopicParts): void {
  const matches = patternOf(call)
  const minLevel = minLevelOf(call)
  const found = topics.list().filter((t) => t.level >= minLevel && matches(t.id))
  const query = call.request.query === '' ? '' : `?${call.request.query}`
  call.json(200, { link: link(path + query), topics: found.map(topicView) })
}

function patternOf(call: Call): (id: string) => boolean {
  const pattern = call.query.get('pattern') ?? ''
  if (parseGlob(pattern) === null) {
    throw new ShardlineError('bad-pattern', 'invalid pattern: syntax error in pattern')
  }
  return globMatcher(pattern)
}

/** The text's first place in the joined names must be the start of one; so '' is OK and `w` WARNING. */
function minLevelOf(call: Call): number {
  const text = (call.query.get('min-level') ?? '').toUpperCase()
  const at = levelTexts.join('').indexOf(text)
  let start = 0
  for (let level = 0; level < levelTexts.length; start += levelTexts[level++].length) {
    if (at === start) return level
  }
  throw new ShardlineError('bad-level', `unknown alert level '${text}'`)
}

const link = (href: string, rel = 'self'): unknown => ({ rel, href })

const topicPath = (topic: string, below = ''): string => prefix + linkSegment(topic) + below

function topicView({ id, level, collected }: TopicView): unknown {
  return {
    link: link(topicPath(id)),
    id,
    level: levelTexts[level],
    collected,
    'events-link': link(topicPath(id, '/events'), 'events'),
    'handlers-link': link(topicPath(id, '/handlers'), 'handlers'),
  }
}

/** As `call.json` would send it. A topic may have very many events: they are written in turns with other work. */
async function eventList(call: Call, topic: string, states: ReadonlyMap<string, EventState>): Promise<string> {
  const minLevel = minLevelOf(call)
  const turns = new Turns()
  const events: string[] = []
  for (const [id, state] of states) {
    if (state.level >= minLevel) events.push(goJsonIndent(eventView(topic, id, state), 4).replaceAll('\n', eventMargin))
    if (turns.over) await turns.next()
  }
  const around = goJsonIndent({ link: link(topicPath(topic, '/events')), topic, events: [] }, 4)
  if (events.length === 0) return around
  const at = around.lastIndexOf('[]')
  const list = `[${eventMargin}${events.join(`,${eventMargin}`)}\n    ]`
  return around.slice(0, at) + list + around.slice(at + 2)
}

const eventMargin = '\n        '

/** `states` is undefined for a topic that there is not. */
function eventOf(topic: string, id: string, states: ReadonlyMap<string, EventState> | undefined): unknown {
  const state = states?.get(id)
  if (state === undefined) {
    const text = `unknown event ${JSON.stringify(id)} in topic ${JSON.stringify(topic)}`
    throw new ShardlineError('no-event', text)
  }
  return eventView(topic, id, state)
}

function eventView(topic: string, id: string, s: EventState): unknown {
  return {
    link: link(topicPath(topic, `/events/${linkSegment(id)}`)),
    id,
    state: {
      message: s.message,
      details: s.details,
      time: new Timestamp(s.timeNs),
      duration: goDuration(s.durationNs),
      level: levelTexts[s.level],
    },
  }
}

function handlerOf({ handlers }: TopicParts, topic: string, id: string): HandlerSpec {
  const spec = handlers.get(topic, id)
  if (spec === undefined) throw new ShardlineError('no-handler', `unknown handler: ${JSON.stringify(id)}`)
  return spec
}

function handlerView(spec: HandlerSpec): unknown {
  return {
    link: link(topicPath(spec.topic, `/handlers/${linkSegment(spec.id)}`)),
    id: spec.id,
    kind: spec.kind,
    options: sorted(spec.options),
    match: spec.match,
  }
}

/** Objects as maps, whose keys are printed in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([k, v]) => [k, sorted(v)]))
}

const specStruct: JsonStruct = {
  goType: 'alert.HandlerSpec',
  members: handlerSpecMembers,
  fault: (text) => new ShardlineError('invalid-json', `invalid handler json: ${text}`),
}

const bodyOf = async (call: Call): Promise<Json> => decodeJson(await call.body(maxRequestBytes), specStruct.fault)

async function patchOf(call: Call): Promise<Json> {
  const body = await call.body(maxRequestBytes)
  try {
    return parseLosslessJson(Buffer.from(body).toString())
  } catch (err) {
    if (err instanceof JsonSyntaxError) throw invalidJson()
    throw err
  }
}

/** The topic of the path counts, not that of the body. */
function specOf(topic: string, body: Json): HandlerSpec {
  const raw = membersOf(body, specStruct)
  return {
    topic,
    id: raw.string('id'),
    kind: raw.string('kind'),
    match: raw.string('match'),
    options: exactJson(raw.map('options', 'map[string]interface {}')) as HandlerOptions,
  }
}

function patched(old: HandlerSpec, patch: Json): HandlerSpec {
  const { topic, id, kind, options, match } = old
  const next = applyPatch(parseLosslessJson(goJson({ id, topic, kind, options, match })), patch)
  return specOf(membersOf(next, specStruct).string('topic'), next)
}
