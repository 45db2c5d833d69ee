import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { passScript, TestServer, taskBody } from './server.js'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start({ shards: 2 })
})
afterAll(() => server.stop())

const create = (body: unknown) => server.json('POST', '/tasks', body)
const patch = (id: string, body: unknown) => server.json('PATCH', `/tasks/${id}`, body)
const get = (id: string) => server.json('GET', `/tasks/${id}`)
const remove = (id: string) => server.json('DELETE', `/tasks/${id}`)

describe('create', () => {
  it('answers with the whole task, fields in order', async () => {
    const { status, body } = await create(
      taskBody('whole', { status: undefined, vars: { x: { type: 'int', value: 1 } } }),
    )
    expect(status).toBe(200)
    expect(Object.keys(body)).toEqual([
      ...[
        'link',
        'id',
        'template-id',
        'type',
        'dbrps',
        'script',
        'vars',
        'dot',
        'status',
        'executing',
        'error',
        'stats',
      ],
      ...['created', 'modified', 'last-enabled'],
    ])
    expect(body).toMatchObject({
      link: { rel: 'self', href: '/kapacitor/v1/tasks/whole' },
      script: "stream\n    |from()\n        .measurement('m')\n    |httpOut('o')\n",
      vars: { x: { type: 'int', value: 1, description: '' } },
      dot: 'digraph whole {\nstream0 -> from1;\nfrom1 -> http_out2;\n}',
      status: 'disabled',
      executing: false,
      stats: {},
      'last-enabled': '0001-01-01T00:00:00Z',
    })
  })

  it('an empty id becomes a UUID', async () => {
    const { body } = await create(taskBody(''))
    expect(body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    await remove(String(body.id))
  })

  it('ids may hold letters of any script', async () => {
    const { body } = await create(taskBody('grün-1.x_y'))
    expect(body.link).toEqual({ rel: 'self', href: '/kapacitor/v1/tasks/grün-1.x_y' })
    expect((await server.json('GET', '/tasks/gr%C3%BCn-1.x_y')).status).toBe(200)
    await remove('gr%C3%BCn-1.x_y')
  })

  // In the order in which the checks are made: each body has the faults of the later ones too.
  it.each([
    ['{"id": ', 400, 'invalid JSON'],
    ['[]', 400, 'invalid JSON'],
    [{ ...taskBody('a b'), type: 'bogus' }, 400, 'invalid JSON'],
    [{ ...taskBody('a b'), status: 'on' }, 400, 'invalid JSON'],
    [{ ...taskBody('a b'), vars: { i: { type: 'int', value: 5.5 } } }, 400, 'invalid JSON'],
    [{ ...taskBody('a b'), vars: { i: { type: 'int', value: '5' } } }, 400, 'invalid JSON'],
    [{ ...taskBody('a b'), vars: { i: { type: 'nope', value: 5 } } }, 400, 'invalid JSON'],
    [{ id: 'a b' }, 400, `task ID must contain only letters, numbers, '-', '.' and '_'. "a b"`],
    [{ id: 'whole' }, 400, 'task whole already exists'],
    [{ id: 'n', 'template-id': 'zz' }, 400, 'unknown template zz: err: no template exists'],
    [{ id: 'n', vars: { b: { type: 'bool', value: 1 } } }, 400, 'must provide TICKscript'],
    [
      { id: 'n', script: 'x(', vars: { b: { type: 'bool', value: 1 } } },
      400,
      'invalid var b: unsupported Var type json.Number.',
    ],
    [{ id: 'n', script: 'x(', vars: { i: { type: 'int' } } }, 400, 'invalid var i: unsupported Var type <nil>.'],
    [
      { id: 'n', script: 'x(', vars: { b: { type: 'bool', value: 'x' } } },
      400,
      'invalid var b: unexpected var type bool, value is a string',
    ],
    [{ id: 'n', script: 'var x = 1' }, 400, 'invalid task type: invalid'],
    [
      { id: 'n', script: 'stream|from()|lg()' },
      400,
      'invalid TICKscript: line 1 char 15: no method or property "lg" on *pipeline.FromNode',
    ],
    [{ id: 'n', script: 'var x = stream' }, 400, 'invalid TICKscript: task does nothing'],
    [{ id: 'n', script: passScript }, 400, 'must specify dbrp'],
    [
      { id: 'n', script: `dbrp "a"."b"\n${passScript}`, dbrps: [{ db: 'a', rp: 'b' }] },
      400,
      'cannot specify dbrp in both implicitly and explicitly',
    ],
  ])('%j', async (body, status, text) => {
    const reply = await create(body)
    expect(reply).toEqual({ status, body: { error: text, message: text } })
  })

  it('a task that cannot start answers 500, is stored enabled, and runs once its script does', async () => {
    const reply = await create(taskBody('broken', { script: "stream|from()|where(lambda: 1 + 'a')" }))
    expect(reply.status).toBe(500)
    const error = reply.body.error
    expect(error).toMatch(/^Failed to compile expression in where clause: /)
    expect((await get('broken')).body).toMatchObject({ status: 'enabled', executing: false, error })
    expect((await patch('broken', { status: 'enabled' })).body).toMatchObject({ executing: false, error })
    const other = await patch('broken', { script: 'stream|from()|where(lambda: 1 + TRUE)' })
    expect(other).toMatchObject({ status: 200, body: { status: 'enabled', executing: false } })
    expect(other.body.error).toContain('got int + boolean')
    const fixed = await patch('broken', { script: passScript })
    expect(fixed).toMatchObject({ status: 200, body: { status: 'enabled', executing: true, error: '' } })
    await remove('broken')
  })

  it('members count in any case', async () => {
    const body = {
      Id: 'case',
      DBRPS: [{ Db: 'db', RP: 'rp' }],
      SCRIPT: 'var i = 1\n' + passScript,
      Status: 'enabled',
      Vars: { i: { Type: 'int', VALUE: 5, Description: 'd' } },
    }
    const reply = await create(body)
    expect(reply).toMatchObject({
      status: 200,
      body: {
        id: 'case',
        dbrps: [{ db: 'db', rp: 'rp' }],
        executing: true,
        vars: { i: { type: 'int', value: 5, description: 'd' } },
      },
    })
    expect((await patch('case', '{"STATUS":"disabled"} trailing')).body.status).toBe('disabled')
    await remove('case')
  })

  it('a var needs a type', async () => {
    const withVar = (v: unknown) => create(taskBody('typeless', { vars: { v } }))
    const text = async (v: unknown) => (await withVar(v)).body.error
    expect(await text({ value: 5 })).toBe('invalid var v: unsupported Var type json.Number.')
    expect(await text({ value: 5, type: null })).toBe('invalid var v: unsupported Var type json.Number.')
    expect(await text({})).toBe('invalid var v: unsupported Var type <nil>.')
    expect(await text({ value: [] })).toBe('invalid var v: unsupported Var type []interface {}.')
    expect(await text({ value: 'x' })).toBe('invalid var v: unexpected var type unknown, value is a string')
    expect(await text({ value: true })).toBe('invalid var v: mismatched type and value: unknown bool')
    expect(await text({ value: 5, type: '' })).toBe('invalid JSON')
  })

  it('integers beyond 2^53 in vars are exact', async () => {
    const script = `var i = 1\nstream|from().measurement('m').where(lambda: "v" == i)|httpOut('o')`
    const body = JSON.stringify(taskBody('big', { script, vars: { i: { type: 'int', value: 0 } } })).replace(
      ':0}',
      ':9007199254740993}',
    )
    expect((await create(body)).status).toBe(200)
    const text = await (await fetch(`${server.url}/kapacitor/v1/tasks/big`)).text()
    expect(text).toContain('"value": 9007199254740993')
    await server.write('m v=9007199254740992i 1\nm v=9007199254740993i 2')
    const page = await server.until(async () => {
      const page = await (await fetch(`${server.url}/kapacitor/v1/tasks/big/o`)).text()
      return page.includes('columns') ? page : undefined
    }, 'the row')
    expect(page).toContain('9007199254740993]')
    await remove('big')
  })
})

describe('update', () => {
  it('unknown tasks, empty fields, dbrps', async () => {
    expect(await patch('nosuch', {})).toMatchObject({
      status: 404,
      body: { error: 'task does not exist, cannot update' },
    })
    expect(await patch('nosuch', '{')).toMatchObject({ status: 400, body: { error: 'invalid JSON' } })
    await create(taskBody('u', { status: 'disabled', vars: { x: { type: 'float', value: 5 } } }))
    const same = await patch('u', { dbrps: [], vars: {}, script: '', id: '' })
    expect(same.body).toMatchObject({ vars: { x: { type: 'float', value: 5 } }, dbrps: [{ db: 'db', rp: 'rp' }] })
    const inScript = { script: `dbrp "a"."b"\n${passScript}` }
    expect((await patch('u', { ...inScript, dbrps: [{ db: 'x', rp: 'y' }] })).body.error).toBe(
      'cannot specify dbrp in implicitly and explicitly',
    )
    expect((await patch('u', inScript)).body.dbrps).toEqual([{ db: 'a', rp: 'b' }])
    expect((await patch('u', { script: passScript })).body.error).toBe('must specify dbrp')
    expect((await patch('u', { script: passScript, dbrps: [{ db: 'x', rp: 'y' }] })).body.dbrps).toEqual([
      { db: 'x', rp: 'y' },
    ])
    await remove('u')
  })

  it('rename keeps it running; a clash is 500', async () => {
    await create(taskBody('r1'))
    await create(taskBody('r3', { status: 'disabled' }))
    expect((await patch('r1', { id: 'r3' })).body.error).toBe(
      'failed to create new task during ID change: object already exists',
    )
    expect((await patch('r1', { id: 'r2' })).body).toMatchObject({ id: 'r2', executing: true })
    expect((await get('r1')).status).toBe(404)
    await server.write('m v=1 1')
    await server.until(
      async () => ((await server.json('GET', '/tasks/r2/o')).body.series ? true : undefined),
      'the row',
    )
    await remove('r2')
    await remove('r3')
  })

  it('last-enabled moves only from disabled to enabled', async () => {
    const first = (await create(taskBody('le'))).body['last-enabled']
    expect((await patch('le', { status: 'enabled' })).body['last-enabled']).toBe(first)
    await patch('le', { status: 'disabled' })
    expect((await patch('le', { status: 'enabled' })).body['last-enabled']).not.toBe(first)
    await remove('le')
  })

  it('changes of one task follow each other', async () => {
    await create(taskBody('busy'))
    const statuses = Array.from({ length: 20 }, (_, i) =>
      patch('busy', { status: i % 2 === 0 ? 'disabled' : 'enabled' }),
    )
    for (const reply of await Promise.all(statuses)) expect(reply.status).toBe(200)
    expect((await get('busy')).body).toMatchObject({ status: 'enabled', executing: true })
    await remove('busy')
  })
})

describe('get and list', () => {
  beforeAll(async () => {
    for (const id of ['l_b', 'l_a', 'l_c']) await create(taskBody(id, { status: 'disabled' }))
  })

  it.each([
    ['/tasks/nosuch', 404, 'no task exists'],
    ['/tasks/', 400, 'must specify task id on path'],
    ['/tasks/l_a?dot-view=bad', 400, 'invalid dot-view parameter "bad"'],
    ['/tasks/l_a?script-format=bad', 400, 'invalid script-format parameter "bad"'],
    ['/tasks/l_a?replay-id=zz', 400, 'no running replay with ID: zz'],
    ['/tasks/l_a/nopage', 404, 'no task exists'],
    [
      '/tasks?limit=x',
      400,
      'invalid limit parameter "x" must be an integer: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    ['/tasks?fields=bad', 400, 'unsupported field "bad"'],
  ])('%s', async (path, status, error) => {
    expect(await server.json('GET', path)).toMatchObject({ status, body: { error } })
  })

  it('the raw script', async () => {
    expect((await get('l_a?script-format=raw')).body.script).toBe(passScript)
  })

  const ids = async (query: string): Promise<unknown> => {
    const { body } = await server.json('GET', `/tasks?${query}`)
    return (body.tasks as { id: string }[]).map((t) => t.id)
  }

  it('sorted, by pattern, in pages', async () => {
    expect(await ids('pattern=l_*')).toEqual(['l_a', 'l_b', 'l_c'])
    expect(await ids('pattern=l_[bc]&offset=1')).toEqual(['l_c'])
    expect(await ids('pattern=l_*&limit=0')).toEqual([])
    expect(await ids('pattern=[')).toEqual([])
    expect(await ids('pattern=l_*&limit=1&offset=5')).toEqual([])
  })

  it('all fields by default, sorted; stats is null', async () => {
    const { body } = await server.json('GET', '/tasks?pattern=l_a')
    const [task] = body.tasks as Record<string, unknown>[]
    expect(Object.keys(task!)).toEqual([
      ...['created', 'dbrps', 'dot', 'error', 'executing', 'id', 'last-enabled', 'link', 'modified', 'script', 'stats'],
      ...['status', 'type', 'vars'],
    ])
    expect(task!.stats).toBeNull()
  })
})

it('delete is 204 for anything', async () => {
  expect((await remove('never')).status).toBe(204)
  expect((await remove('whole')).status).toBe(204)
  expect((await get('whole')).status).toBe(404)
})

it('log level and log stream', async () => {
  expect((await server.json('POST', '/loglevel', { level: 'ERROR' })).status).toBe(204)
  expect((await server.json('POST', '/loglevel', { level: 'x' })).body.error).toBe('invalid log level')
  expect((await fetch(`${server.url}/kapacitor/v1/logs`)).status).toBe(404)
  const twice = await fetch(`${server.url}/kapacitor/v1preview/logs?a=1&a=2`)
  expect(await twice.json()).toMatchObject({ error: 'query params cannot contain duplicate params' })
  const stop = new AbortController()
  const following = fetch(`${server.url}/kapacitor/v1preview/logs?service=http&lvl=info%2B`, {
    headers: { Accept: 'application/json' },
    signal: stop.signal,
  })
  // Lines that are asked for are delivered whatever the level of the log is.
  const pings = setInterval(() => void server.json('GET', '/ping').catch(() => undefined), 50)
  const reader = (await following).body!.getReader()
  const { value } = await reader.read()
  clearInterval(pings)
  stop.abort()
  const [line] = Buffer.from(value!).toString().split('\n')
  expect(JSON.parse(line!)).toMatchObject({ lvl: 'info', msg: 'http request', service: 'http', status: 204 })
  await server.json('POST', '/loglevel', { level: 'debug' })
})

it('the lines of a log node can be followed by task and node', async () => {
  const script = "stream|from().measurement('m').groupBy('h')|log().prefix('p')"
  await create(taskBody('followed', { script }))
  const stop = new AbortController()
  const following = fetch(`${server.url}/kapacitor/v1preview/logs?task=followed&node=log2`, {
    headers: { Accept: 'application/json' },
    signal: stop.signal,
  })
  const writes = setInterval(() => void server.write('m,h=a v=1i 10').catch(() => undefined), 50)
  const reader = (await following).body!.getReader()
  const { value } = await reader.read()
  clearInterval(writes)
  stop.abort()
  const [line] = Buffer.from(value!).toString().split('\n')
  expect(JSON.parse(line!)).toMatchObject({
    ...{ lvl: 'info', msg: 'point', task: 'followed', node: 'log2', prefix: 'p', name: 'm', db: 'db', rp: 'rp' },
    ...{ group: 'h=a', dimension_0: 'h', tag_h: 'a', field_v: '1', time: '1970-01-01T00:00:10Z' },
  })
  await remove('followed')
})
