import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TestServer } from './server.js'
import { Sink } from './sink.js'

let server: TestServer
let sink: Sink

beforeAll(async () => {
  server = await TestServer.start()
  sink = await Sink.start()
})
afterAll(async () => {
  await server.stop()
  await sink.close()
})
beforeEach(async () => {
  sink.bodies.clear()
  for (const kind of ['tasks', 'templates'] as const) {
    const { body } = await server.json('GET', `/${kind}?fields=link`)
    for (const { id } of body[kind] as { id: string }[]) await server.json('DELETE', `/${kind}/${id}`)
  }
})

const posting = (path: string): string => `var name string
// How much is too much.
var limit = 3.0
stream
    |from()
        .measurement(name)
        .where(lambda: "v" > limit)
    |httpPost('${sink.url}${path}')
`
const name = (value: string) => ({ name: { type: 'string', value } })

const fromTemplate = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  'template-id': 'tpl',
  dbrps: [{ db: 'db', rp: 'rp' }],
  vars: name('m'),
  status: 'enabled',
  ...more,
})

const create = (script: string, id = 'tpl') => server.json('POST', '/templates', { id, type: 'stream', script })
const task = async (id: string) => (await server.json('GET', `/tasks/${id}`)).body
const posted = (path: string, n: number) =>
  server.until(() => (sink.at(path).length >= n ? sink.at(path) : undefined), `${n} posts to ${path}`)

describe('templates', () => {
  it('create, get, list', async () => {
    const created = await create(posting('/one'))
    expect(created.status).toBe(200)
    expect(Object.keys(created.body)).toEqual([
      'link',
      'id',
      'type',
      'script',
      'vars',
      'dot',
      'error',
      'created',
      'modified',
    ])
    expect(created.body).toMatchObject({
      link: { rel: 'self', href: '/kapacitor/v1/templates/tpl' },
      id: 'tpl',
      type: 'stream',
      error: '',
      vars: {
        limit: { type: 'float', value: 3, description: 'How much is too much.' },
        name: { type: 'string', value: null, description: '' },
      },
    })
    expect(created.body.dot).toBe('digraph tpl {\nstream0 -> from1;\nfrom1 -> http_post2;\n}')
    expect((await server.json('GET', '/templates/tpl')).body).toEqual(created.body)
    const raw = await server.json('GET', '/templates/tpl?script-format=raw')
    expect(raw.body.script).toBe(posting('/one'))
    const list = await server.json('GET', '/templates?fields=type&fields=vars&pattern=t*')
    expect(list.body.templates).toEqual([
      { id: 'tpl', link: created.body.link, type: 'stream', vars: created.body.vars },
    ])
    const all = (await server.json('GET', '/templates')).body.templates as Record<string, unknown>[]
    expect(Object.keys(all[0])).toEqual(['created', 'dot', 'error', 'id', 'link', 'modified', 'script', 'type'])
  })

  it.each([
    ['POST', '/templates', { id: 'a b', script: 'x' }, 400, /^template ID must contain only letters/],
    ['POST', '/templates', { id: 'tpl', script: 'x' }, 400, /^template tpl already exists$/],
    ['POST', '/templates', { id: 'x' }, 400, /^must provide TICKscript$/],
    ['POST', '/templates', { id: 'x', script: 'stream|from(' }, 400, /^invalid TICKscript: parser: unexpected EOF/],
    ['POST', '/templates', { id: 'x', script: "stream|from()|lg('x')" }, 400, /^invalid TICKscript: .*no method/],
    ['POST', '/templates', { id: 'x', script: 'var x = 1' }, 400, /^invalid task type: invalid$/],
    ['POST', '/templates', '{"id":', 400, /^invalid JSON$/],
    ['GET', '/templates/none', undefined, 404, /^no template exists$/],
    ['GET', '/templates?fields=nope', undefined, 400, /^unsupported field "nope"$/],
    ['PATCH', '/templates/none', { script: 'x' }, 404, /^template does not exist, cannot update$/],
    ['POST', '/tasks', { id: 't', 'template-id': 'none' }, 400, /^unknown template none: err: no template exists$/],
    [
      'POST',
      '/tasks',
      { id: 't', 'template-id': 'tpl', dbrps: [{ db: 'd', rp: 'r' }] },
      400,
      /^invalid TICKscript: missing value for var "name"\.$/,
    ],
  ])('%s %s %j is refused', async (method, path, body, status, error) => {
    await create(posting('/one'))
    const reply = await server.json(method, path, body)
    expect(reply.status).toBe(status)
    expect(reply.body.error).toMatch(error)
  })

  it('a template without an id gets one, and deletes are always fine', async () => {
    const { body } = await server.json('POST', '/templates', { script: "stream|from()|httpOut('o')" })
    expect(body.id).toMatch(/^[0-9a-f-]{36}$/)
    expect((await server.json('DELETE', `/templates/${String(body.id)}`)).status).toBe(204)
    expect((await server.json('DELETE', `/templates/${String(body.id)}`)).status).toBe(204)
  })

  it('a failed create leaves no task behind that a later change of the template would touch', async () => {
    await create(posting('/one'))
    expect((await server.json('POST', '/tasks', fromTemplate('t', { dbrps: [] }))).status).toBe(400)
    const own = "stream\n    |from()\n    |httpOut('o')\n"
    await server.json('POST', '/tasks', { id: 't', dbrps: [{ db: 'db', rp: 'rp' }], script: own })
    expect((await server.json('PATCH', '/templates/tpl', { script: posting('/two') })).status).toBe(200)
    expect(await task('t')).toMatchObject({ script: own, 'template-id': '' })
  })

  it('a change reaches enabled and disabled tasks; enabled ones run the new script', async () => {
    await create(posting('/one'))
    await server.json('POST', '/tasks', fromTemplate('on'))
    await server.json('POST', '/tasks', fromTemplate('off', { status: 'disabled' }))
    await server.write('m v=5 1')
    await posted('/one', 1)
    const reply = await server.json('PATCH', '/templates/tpl', { script: posting('/two') })
    expect(reply).toMatchObject({ status: 200, body: { id: 'tpl' } })
    for (const id of ['on', 'off']) expect((await task(id)).script).toContain('/two')
    expect(await task('on')).toMatchObject({ executing: true, status: 'enabled' })
    expect(await task('off')).toMatchObject({ executing: false, status: 'disabled', error: '' })
    await server.write('m v=6 2')
    await posted('/two', 1)
    expect(sink.at('/one')).toHaveLength(1)
  })

  it('a change that some enabled task cannot follow changes nothing', async () => {
    await create(posting('/one'))
    await server.json('POST', '/tasks', fromTemplate('a'))
    await server.json('POST', '/tasks', fromTemplate('b'))
    const needsMore = `var other int\n${posting('/two')}`
    const reply = await server.json('PATCH', '/templates/tpl', { script: needsMore })
    expect(reply.status).toBe(500)
    expect(reply.body.error).toContain('missing value for var "other".')
    // One that is found only when the task starts: the first task runs the new script by then.
    const relative = posting('/two').replace(
      '|httpPost',
      "|alert().crit(lambda: TRUE).log('relative')\nstream|from()|httpPost",
    )
    expect((await server.json('PATCH', '/templates/tpl', { script: relative })).status).toBe(500)
    expect((await server.json('GET', '/templates/tpl')).body.script).toContain('/one')
    for (const id of ['a', 'b']) {
      expect(await task(id)).toMatchObject({ executing: true, error: '' })
      expect((await task(id)).script).toContain('/one')
    }
    await server.write('m v=5 1')
    await posted('/one', 2)
    expect(sink.at('/two')).toEqual([])
  })

  it('a disabled task whose vars do not fit any more keeps the reason', async () => {
    await create(posting('/one'))
    await server.json('POST', '/tasks', fromTemplate('t', { status: 'disabled' }))
    const reply = await server.json('PATCH', '/templates/tpl', { script: `var other int\n${posting('/two')}` })
    expect(reply.status).toBe(200)
    expect((await task('t')).error).toBe('missing value for var "other".')
    const listed = await server.json('GET', '/tasks?fields=error')
    expect(listed.body.tasks).toMatchObject([{ id: 't', error: 'missing value for var "other".' }])
    const fits = { ...name('m'), other: { type: 'int', value: 0 } }
    expect((await server.json('PATCH', '/tasks/t', { vars: fits })).body).toMatchObject({
      status: 'disabled',
      error: '',
    })
    expect((await task('t')).error).toBe('')
    await server.json('PATCH', '/templates/tpl', { script: `var other float\n${posting('/two')}` })
    expect((await task('t')).error).toBe('invalid type supplied for other, got int exp float')
    await server.json('PATCH', '/templates/tpl', { script: `var other int\n${posting('/two')}` })
    expect((await task('t')).error).toBe('')
    const vars = { ...name('m'), other: { type: 'int', value: 1 } }
    expect((await server.json('PATCH', '/tasks/t', { vars, status: 'enabled' })).status).toBe(200)
    expect(await task('t')).toMatchObject({ executing: true, error: '' })
  })

  it('databases of the template win over those of the task', async () => {
    await create(`dbrp "one"."rp"\n${posting('/one')}`)
    const twice = await server.json('POST', '/tasks', fromTemplate('t'))
    expect(twice).toMatchObject({ status: 400 })
    await server.json('POST', '/tasks', fromTemplate('t', { dbrps: [] }))
    expect((await task('t')).dbrps).toEqual([{ db: 'one', rp: 'rp' }])
    await server.json('PATCH', '/templates/tpl', { script: `dbrp "two"."rp"\n${posting('/one')}` })
    expect((await task('t')).dbrps).toEqual([{ db: 'two', rp: 'rp' }])
    await server.json('PATCH', '/templates/tpl', { script: posting('/one') })
    expect((await task('t')).dbrps).toEqual([{ db: 'two', rp: 'rp' }])
  })

  it('tasks outlive their template and stay usable', async () => {
    await create(posting('/one'))
    await server.json('POST', '/tasks', fromTemplate('t'))
    expect((await server.json('DELETE', '/templates/tpl')).status).toBe(204)
    expect(await task('t')).toMatchObject({ executing: true, 'template-id': '' })
    expect((await server.json('PATCH', '/tasks/t', { status: 'disabled' })).status).toBe(200)
    expect((await server.json('PATCH', '/tasks/t', { status: 'enabled', vars: name('n') })).status).toBe(200)
    await server.write('n v=5 1')
    await posted('/one', 1)
  })

  it('renaming a template takes its tasks along', async () => {
    await create(posting('/one'))
    await create(posting('/one'), 'taken')
    await server.json('POST', '/tasks', fromTemplate('t'))
    expect((await server.json('PATCH', '/templates/tpl', { id: 'taken' })).status).toBe(500)
    expect((await server.json('PATCH', '/templates/tpl', { id: 'new' })).body.id).toBe('new')
    expect((await server.json('GET', '/templates/tpl')).status).toBe(404)
    expect((await task('t'))['template-id']).toBe('new')
  })

  it('creates and changes at the same time leave no task with an old script', async () => {
    await create(posting('/0'))
    const work: Promise<unknown>[] = []
    for (let i = 1; i <= 10; i++) {
      work.push(server.json('POST', '/tasks', fromTemplate(`t${i}`)))
      work.push(server.json('PATCH', '/templates/tpl', { script: posting(`/${i}`) }))
    }
    await Promise.all(work)
    const script = (await server.json('GET', '/templates/tpl')).body.script
    for (let i = 1; i <= 10; i++) expect((await task(`t${i}`)).script).toBe(script)
  })
})

it('templates and the bond to their tasks survive a crash', async () => {
  const first = await TestServer.start()
  try {
    const script = posting('/one')
    await first.json('POST', '/templates', { id: 'tpl', script })
    await first.json('POST', '/tasks', fromTemplate('t'))
    await first.json('POST', '/tasks', fromTemplate('off', { status: 'disabled' }))
    await first.json('PATCH', '/templates/tpl', { script: `var other = 1\n${script}` })
    await first.crash()
    const second = await TestServer.start({ dir: first.dir })
    try {
      const { body } = await second.json('GET', '/templates/tpl')
      expect(Object.keys(body.vars as object)).toEqual(['limit', 'name', 'other'])
      expect((await second.json('GET', '/tasks/t')).body).toMatchObject({ executing: true, 'template-id': 'tpl' })
      const reply = await second.json('PATCH', '/templates/tpl', { script: posting('/two') })
      expect(reply.status).toBe(200)
      for (const id of ['t', 'off']) expect((await second.json('GET', `/tasks/${id}`)).body.script).toContain('/two')
    } finally {
      await second.stop()
    }
  } finally {
    await first.stop()
  }
})
