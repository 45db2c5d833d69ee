import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'
import { Sink } from './sink.js'

let server: TestServer
let sink: Sink
let dir: string

beforeAll(async () => {
  server = await TestServer.start()
  sink = await Sink.start()
  dir = mkdtempSync(join(tmpdir(), 'shardline-topics-'))
})
afterAll(async () => {
  await server.stop()
  await sink.close()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => sink.bodies.clear())
afterEach(async () => {
  const tasks = (await server.json('GET', '/tasks?fields=link')).body.tasks as { id: string }[]
  for (const { id } of tasks) await server.json('DELETE', `/tasks/${id}`)
  const topics = (await server.json('GET', topicsPath)).body.topics as { id: string }[]
  for (const { id } of topics) {
    const { body } = await server.json('GET', `${topicPath(id)}/handlers`)
    for (const h of body.handlers as { id: string }[]) await server.json('DELETE', `${topicPath(id)}/handlers/${h.id}`)
    await server.json('DELETE', topicPath(id))
  }
})

const topicsPath = '/alerts/topics'
const topicPath = (topic: string) => `${topicsPath}/${encodeURIComponent(topic)}`

/** Sends `v` above 10, 20 or 30 as INFO, WARNING or CRITICAL of `host` to the topic `t`. */
const alerting = (id = '{{ index .Tags "host" }}', topic = 't') => `stream
    |from()
        .measurement('m')
        .groupBy('host')
    |alert()
        .id('${id}')
        .topic('${topic}')
        .info(lambda: "v" > 10)
        .warn(lambda: "v" > 20)
        .crit(lambda: "v" > 30)
`
const startTask = async (script = alerting()) => {
  const reply = await server.json('POST', '/tasks', taskBody('task', { script }))
  expect(reply).toMatchObject({ status: 200, body: { executing: true } })
}
const addHandler = (body: unknown, topic = 't') => server.json('POST', `${topicPath(topic)}/handlers`, body)
const post = (path: string, more: Record<string, unknown> = {}) => ({
  id: 'h',
  kind: 'post',
  options: { url: sink.url + path },
  ...more,
})
const events = async (topic = 't', query = '') =>
  (await server.json('GET', `${topicPath(topic)}/events${query}`)).body.events as {
    id: string
    state: { level: string; duration: string }
  }[]
const posted = (path: string, n: number) =>
  server.until(() => (sink.at(path).length >= n ? sink.json(path) : undefined), `${n} posts to ${path}`)
const levels = (list: readonly Record<string, unknown>[]) => list.map((e) => e.level)
/** Until `n` events have reached the topic. */
const collected = (n: number, topic = 't') =>
  server.until(async () => {
    const { body } = await server.json('GET', topicPath(topic))
    return body.collected === n ? body : undefined
  }, `${n} events in ${topic}`)

describe('topics', () => {
  it('their level is the highest of their events, also in listings', async () => {
    await startTask()
    await server.write('m,host=b v=35i 1\nm,host=a v=25i 2\nm,host=c v=5i 3')
    expect(await collected(2)).toEqual({
      link: { rel: 'self', href: '/kapacitor/v1/alerts/topics/t' },
      id: 't',
      level: 'CRITICAL',
      collected: 2,
      'events-link': { rel: 'events', href: '/kapacitor/v1/alerts/topics/t/events' },
      'handlers-link': { rel: 'handlers', href: '/kapacitor/v1/alerts/topics/t/handlers' },
    })
    const ids = async (query: string) =>
      ((await server.json('GET', topicsPath + query)).body.topics as { id: string }[]).map((t) => t.id)
    expect(await ids('?min-level=crit')).toEqual(['t'])
    expect(await ids('?pattern=[s-u]')).toEqual(['t'])
    expect(await ids('?pattern=x*')).toEqual([])
    expect((await events('t', '?min-level=CRITICAL')).map((e) => e.id)).toEqual(['b'])
    expect((await events('t', '?min-level=')).map((e) => e.id).sort()).toEqual(['a', 'b'])
    await server.write('m,host=b v=1i 21')
    await collected(3)
    expect((await events()).find((e) => e.id === 'b')!.state).toEqual({
      message: 'b is OK',
      details: expect.any(String),
      time: '1970-01-01T00:00:21Z',
      duration: '20s',
      level: 'OK',
    })
    expect((await server.json('GET', topicPath('t'))).body.level).toBe('WARNING')
  })

  it.each([
    ['?min-level=RN', 400, "unknown alert level 'RN'"],
    ['?min-level=zz', 400, "unknown alert level 'ZZ'"],
    ['?pattern=[', 400, 'invalid pattern: syntax error in pattern'],
    ['/none', 404, 'unknown topic: "none"'],
    ['/none/events', 500, 'failed to get topic events: unknown topic "none"'],
    ['/none/events/x', 404, 'unknown event "x" in topic "none"'],
    ['/none/handlers/h', 404, 'unknown handler: "h"'],
    ['/none/handlers?pattern=[', 400, 'invalid pattern: syntax error in pattern'],
  ])('%s is refused', async (path, status, error) => {
    expect(await server.json('GET', topicsPath + path)).toMatchObject({ status, body: { error } })
  })

  it('handlers of an unknown topic are an empty list, deleting it is fine', async () => {
    expect((await server.json('GET', `${topicPath('none')}/handlers`)).body.handlers).toEqual([])
    expect((await server.json('DELETE', topicPath('none'))).status).toBe(204)
    expect((await server.json('DELETE', `${topicPath('none')}/handlers/h`)).status).toBe(204)
  })

  it('events and topics with slashes and line feeds in their ids can be reached through their links', async () => {
    await startTask(alerting('disk /{{ .Group }}\\n?', 'top/ic'))
    await server.write('m,host=a v=35i 1')
    await collected(1, 'top/ic')
    const listed = (await server.json('GET', `${topicPath('top/ic')}/events`)).body.events as {
      id: string
      link: { href: string }
    }[]
    expect(listed).toHaveLength(1)
    const { id, link } = listed[0]
    expect(id.startsWith('disk /host=a')).toBe(true)
    const reply = await server.json('GET', link.href.slice('/kapacitor/v1'.length))
    expect(reply).toMatchObject({ status: 200, body: { id, state: { level: 'CRITICAL' } } })
    const none = await server.json('GET', `${topicPath('top/ic')}/events/x/y`)
    expect(none).toMatchObject({ status: 404, body: { error: 'unknown event "x/y" in topic "top/ic"' } })
  })

  it('deleting a topic drops its events and keeps its handlers', async () => {
    await addHandler(post('/kept'))
    await startTask()
    await server.write('m,host=a v=35i 1')
    await posted('/kept', 1)
    expect((await server.json('DELETE', topicPath('t'))).status).toBe(204)
    expect(await events()).toEqual([])
    await server.write('m,host=a v=36i 2')
    expect(levels(await posted('/kept', 2))).toEqual(['CRITICAL', 'CRITICAL'])
    expect(sink.json('/kept')[1]!.previousLevel).toBe('OK')
  })
})

describe('handler specs', () => {
  it('create, list, get, replace, rename, patch, delete', async () => {
    const view = (id: string, more: Record<string, unknown> = {}) => ({
      link: { rel: 'self', href: `/kapacitor/v1/alerts/topics/t/handlers/${id}` },
      id,
      kind: 'log',
      options: { mode: 420, path: join(dir, 'x') },
      match: '',
      ...more,
    })
    const log = { id: 'b', kind: 'log', options: { path: join(dir, 'x'), mode: 420 } }
    expect(await addHandler({ ...log, topic: 'ignored' })).toEqual({ status: 200, body: view('b') })
    await addHandler({ ...log, id: 'a' })
    const list = await server.json('GET', `${topicPath('t')}/handlers`)
    expect(list.body).toEqual({
      link: { rel: 'self', href: '/kapacitor/v1/alerts/topics/t/handlers' },
      topic: 't',
      handlers: [view('a'), view('b')],
    })
    const some = await server.json('GET', `${topicPath('t')}/handlers?pattern=b*`)
    expect(some.body.handlers).toEqual([view('b')])
    const path = `${topicPath('t')}/handlers`
    const put = await server.json('PUT', `${path}/b`, { ...log, id: 'c', match: 'changed()' })
    expect(put).toEqual({ status: 200, body: view('c', { match: 'changed()' }) })
    expect((await server.json('GET', `${path}/b`)).status).toBe(404)
    const patch = (operations: unknown, id = 'c') => server.json('PATCH', `${path}/${id}`, operations)
    const patched = await patch([
      { op: 'test', path: '/kind', value: 'log' },
      { op: 'replace', path: '/options/mode', value: 384 },
      { op: 'remove', path: '/match' },
      { op: 'add', path: '/match', value: 'level() == OK' },
    ])
    const options = { mode: 384, path: join(dir, 'x') }
    expect(patched).toEqual({ status: 200, body: view('c', { options, match: 'level() == OK' }) })
    expect(await patch([{ op: 'replace', path: '/topic', value: 'other' }])).toMatchObject({
      status: 500,
      body: { error: 'cannot change topic in update' },
    })
    expect((await patch([{ op: 'replace', path: '/nope', value: 1 }])).status).toBe(400)
    expect((await patch([{ op: 'replace', path: '/id', value: 'a' }])).status).toBe(500)
    expect((await patch([], 'none')).status).toBe(404)
    expect((await server.json('PUT', `${path}/none`, log)).status).toBe(404)
    expect((await server.json('DELETE', `${path}/c`)).status).toBe(204)
    expect(await server.json('GET', `${path}/c`)).toMatchObject({
      status: 404,
      body: { error: 'unknown handler: "c"' },
    })
    expect((await server.json('PUT', path, log)).status).toBe(404)
  })

  it.each([
    [
      { id: 'bad 5', kind: 'log' },
      400,
      `invalid handler spec: handler ID must contain only letters, numbers, '-', '.' and '_'. "bad 5"`,
    ],
    [{ id: 'h' }, 400, 'invalid handler spec: handler Kind must not be empty'],
    ['{"id":', 400, 'invalid handler json: unexpected EOF'],
    [
      { id: 5 },
      400,
      'invalid handler json: json: cannot unmarshal number into Go struct field HandlerSpec.id of type string',
    ],
    [{ id: 'h', kind: 'bogus' }, 500, 'failed to create handler: unsupported action kind "bogus"'],
    [
      { id: 'h', kind: 'stateChangesOnly' },
      500,
      'failed to create handler: unsupported action kind "stateChangesOnly"',
    ],
    [
      { id: 'h', kind: 'mqtt', options: { qos: 'exactly-once' } },
      500,
      "failed to create handler: failed to decode options into *mqtt.HandlerConfig: 1 error(s) decoding:\n\n* error decoding 'qos': invalid QoS",
    ],
    [
      { id: 'h', kind: 'log', options: { path: '/x', foo: 1, bar: 2 } },
      500,
      "failed to create handler: failed to decode options into *alert.LogHandlerConfig: 1 error(s) decoding:\n\n* '' has invalid keys: bar, foo",
    ],
    [
      { id: 'h', kind: 'post', options: { url: 5, timeout: '1s' } },
      500,
      "failed to create handler: failed to decode options into *httppost.HandlerConfig: 2 error(s) decoding:\n\n* 'timeout' expected type 'time.Duration', got unconvertible type 'string'\n* 'url' expected type 'string', got unconvertible type 'float64'",
    ],
    [
      { id: 'h', kind: 'log', options: { path: 'relative' } },
      500,
      'failed to create handler: log path must be absolute: relative is not absolute',
    ],
    [
      { id: 'h', kind: 'post', options: {} },
      500,
      'failed to create handler: An appropriately formatted url must be specified if an endpoint is not specified',
    ],
    [
      { id: 'h', kind: 'log', options: { path: '/x' }, match: 'level() == BOGUS' },
      500,
      'failed to create handler: unknown identifier "BOGUS"',
    ],
    [
      { id: 'h', kind: 'aggregate', options: { topic: 'u' } },
      500,
      'failed to create handler: aggregate handler needs an interval greater than zero',
    ],
    [
      { id: 'h', kind: 'publish', options: { topics: ['t'] } },
      500,
      'failed to create handler: events would go round in circles: t -> t',
    ],
  ])('%j is refused', async (body, status, error) => {
    expect(await addHandler(body)).toMatchObject({ status, body: { error } })
    expect((await server.json('GET', `${topicPath('t')}/handlers`)).body.handlers).toEqual([])
  })

  it('a duplicate and a longer circle are refused', async () => {
    await addHandler(post('/x'))
    expect((await addHandler(post('/y'))).body.error).toBe(
      'failed to create handler: cannot register handler, handler with ID "h" already exists',
    )
    await addHandler({ id: 'p', kind: 'publish', options: { topics: ['u'] } })
    await addHandler({ id: 'p', kind: 'aggregate', options: { topic: 'v', interval: 1e9 } }, 'u')
    const reply = await addHandler({ id: 'p', kind: 'publish', options: { topics: ['t'] } }, 'v')
    expect(reply.body.error).toBe('failed to create handler: events would go round in circles: v -> t -> u -> v')
  })

  it('each kind delivers: log, exec, tcp, post with its options', async () => {
    const received: Buffer[] = []
    const tcp = createServer((socket) => socket.on('data', (part) => received.push(part)))
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const address = tcp.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const out = join(dir, 'exec')
    const log = join(dir, 'log')
    await addHandler({ id: 'log', kind: 'log', options: { Path: log, mode: 420 } })
    await addHandler({ id: 'exec', kind: 'exec', options: { prog: '/bin/sh', args: ['-c', `cat >> ${out}`] } })
    await addHandler({ id: 'tcp', kind: 'tcp', options: { address: `127.0.0.1:${port}` } })
    await addHandler(
      post('/{{ .ID }}/{{ .Level }}', { options: { url: `${sink.url}/{{ .ID }}/{{ .Level }}`, timeout: 5e9 } }),
    )
    await startTask()
    await server.write('m,host=a v=35i 1')
    const [event] = await posted('/a/CRITICAL', 1)
    expect(event).toMatchObject({ id: 'a', level: 'CRITICAL', previousLevel: 'OK' })
    const line = sink.at('/a/CRITICAL')[0]
    const read = (path: string) => server.until(() => fileText(path) || undefined, path)
    expect(await read(log)).toBe(line)
    expect(await read(out)).toBe(line)
    await server.until(() => (Buffer.concat(received).toString() === `${line}\n` ? true : undefined), 'tcp')
    tcp.close()
  })

  it('a program of a script gets arguments made of the event and of vars', async () => {
    const out = join(dir, 'expanded')
    const script = `var limit = 5
stream|from().measurement('m').groupBy('host')
  |alert().crit(lambda: "v" > limit)
    .exec('/bin/sh', '-c', 'echo "$1" >> ${out}', 'sh', '{{ index .Tags "host" }} {{ index .Fields "v" }} {{ .Vars.limit }}')
    .expandArgs()`
    expect((await server.json('POST', '/tasks', taskBody('expanding', { script }))).status).toBe(200)
    await server.write('m,host=a v=35i 1')
    expect(await server.until(() => fileText(out) || undefined, out)).toBe('a 35 5\n')
    await server.json('DELETE', '/tasks/expanding')
  })

  it('match decides by level, change, names, tags and duration', async () => {
    const matches: Record<string, string> = {
      level: 'level() >= WARNING',
      changed: 'changed() AND level() != OK',
      tag: `"host" == 'b'`,
      names: `name() == 'm' AND taskName() == 'task'`,
      duration: 'alertDuration() > 5s OR duration() > 5s',
      functions: `strContainsAny("host", 'b') AND "host" =~ /^b$/`,
      count: 'count() == 2',
      previous: 'previousLevel() == INFO',
      field: "field('v') > 25",
      missing: `"nope" == 'x'`,
      number: 'level() + 1',
    }
    for (const [id, match] of Object.entries(matches))
      expect((await addHandler(post(`/${id}`, { id, match }))).status).toBe(200)
    await addHandler(post('/all', { id: 'all' }))
    await startTask()
    await server.write('m,host=a v=15i 1\nm,host=a v=25i 2\nm,host=a v=26i 3\nm,host=b v=35i 4\nm,host=a v=1i 9')
    expect(await posted('/all', 5)).toHaveLength(5)
    const seen = async (id: string, n: number) =>
      (await posted(`/${id}`, n)).map((e) => `${String(e.id)}${String(e.time).slice(18, 19)}`)
    expect(await seen('level', 3)).toEqual(['a2', 'a3', 'b4'])
    expect(await seen('changed', 3)).toEqual(['a1', 'a2', 'b4'])
    expect(await seen('tag', 1)).toEqual(['b4'])
    expect(await seen('previous', 1)).toEqual(['a2'])
    expect(await seen('field', 2)).toEqual(['a3', 'b4'])
    expect(await seen('names', 5)).toHaveLength(5)
    expect(await seen('duration', 1)).toEqual(['a9'])
    expect(await seen('functions', 1)).toEqual(['b4'])
    expect(await seen('count', 1)).toEqual(['a2'])
    expect(sink.at('/missing')).toEqual([])
    expect(sink.at('/number')).toEqual([])
    await server.until(() => (server.logs.includes('no tag exists for nope') ? true : undefined), 'the log line')
    expect(server.logs).toContain('expression returned unexpected type int64')
  })

  it('publish looks the previous level up per topic, and goes on from topic to topic', async () => {
    await addHandler({ id: 'p', kind: 'publish', options: { topics: ['u', 'v'] }, match: 'level() == CRITICAL' })
    await addHandler({ id: 'p', kind: 'publish', options: { topics: ['w'] } }, 'u')
    await addHandler(post('/w'), 'w')
    await addHandler(post('/v'), 'v')
    await startTask()
    await server.write('m,host=a v=35i 1\nm,host=a v=25i 2\nm,host=a v=36i 3')
    const expected = [
      { level: 'CRITICAL', previousLevel: 'OK' },
      { level: 'CRITICAL', previousLevel: 'CRITICAL' },
    ]
    expect(await posted('/w', 2)).toMatchObject(expected)
    expect(await posted('/v', 2)).toMatchObject(expected)
    expect((await server.json('GET', topicPath('w'))).body).toMatchObject({ level: 'CRITICAL', collected: 2 })
  })

  it('aggregate makes one event of those of an interval', async () => {
    const options = { id: 'agg', topic: 'u', interval: 300_000_000, message: '{{ .Count }} in {{ .Interval }}' }
    await addHandler({ id: 'a', kind: 'aggregate', options })
    await addHandler(post('/agg'), 'u')
    await startTask()
    await server.write('m,host=a v=15i 1\nm,host=b v=35i 2\nm,host=a v=25i 3')
    const got: Record<string, unknown>[] = []
    await server.until(() => {
      got.splice(0, got.length, ...sink.json('/agg'))
      return got.reduce((n, e) => n + Number(String(e.message).split(' ')[0]), 0) === 3 ? true : undefined
    }, 'three events in aggregates')
    const [first] = got
    expect(first).toMatchObject({ id: 'agg', recoverable: false, previousLevel: 'OK' })
    if (got.length === 1) {
      expect(first).toMatchObject({
        message: '3 in 300ms',
        details: 'a is INFO\nb is CRITICAL\na is WARNING',
        time: '1970-01-01T00:00:03Z',
        duration: 2_000_000_000,
        level: 'CRITICAL',
      })
      expect((first!.data as { series: { tags: { host: string } }[] }).series.map((s) => s.tags.host)).toEqual([
        'a',
        'b',
        'a',
      ])
    }
  })

  it('a handler that is replaced under load loses no event', async () => {
    await addHandler(post('/load'))
    await startTask()
    const n = 300
    const replace = (async () => {
      for (let i = 0; i < 10; i++) await server.json('PUT', `${topicPath('t')}/handlers/h`, post('/load'))
    })()
    for (let i = 0; i < n; i++) await server.write(`m,host=h${i} v=35i ${i + 1}`)
    await replace
    await posted('/load', n)
    expect(new Set(sink.json('/load').map((e) => e.id)).size).toBe(n)
  })
})

it('handlers survive a crash, states a stop; a handler that no longer fits stays listed', async () => {
  const config = `[[httppost]]\nendpoint = "e"\nurl = "${sink.url}/endpoint"\n`
  const path = '/alerts/topics/t/handlers'
  const data = mkdtempSync(join(tmpdir(), 'shardline-topics-'))
  let running = await TestServer.start({ dir: data, config })
  try {
    await running.json('POST', path, {
      id: 'p',
      kind: 'publish',
      options: { topics: ['u'] },
      match: 'level() == CRITICAL',
    })
    await running.json('POST', '/alerts/topics/u/handlers', post('/after'))
    const endpoint = { id: 'e', kind: 'post', options: { endpoint: 'e' } }
    expect((await running.json('POST', path, endpoint)).status).toBe(200)
    await running.json('POST', '/tasks', taskBody('task', { script: alerting() }))
    await running.crash()

    running = await TestServer.start({ dir: data })
    const { body } = await running.json('GET', path)
    expect((body.handlers as { id: string }[]).map((h) => h.id)).toEqual(['e', 'p'])
    expect(running.logs).toContain('stored handler cannot be used')
    await running.write('m,host=a v=35i 1')
    await running.until(() => (sink.at('/after').length === 1 ? true : undefined), 'an event after the crash')
    await running.stop()

    running = await TestServer.start({ dir: data })
    expect((await running.json('GET', '/alerts/topics/u')).body).toMatchObject({ level: 'CRITICAL', collected: 0 })
    await running.write('m,host=a v=36i 2')
    await running.until(() => (sink.at('/after').length === 2 ? true : undefined), 'an event after the stop')
    expect(sink.json('/after')[1]!.previousLevel).toBe('CRITICAL')
  } finally {
    await running.stop()
    rmSync(data, { recursive: true, force: true })
  }
})

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw err
  }
}
