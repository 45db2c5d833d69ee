import { createHmac } from 'node:crypto'
import { createConnection } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ShardlineError } from '../../../src/errors.js'
import { BodyGate } from '../../../src/http/body-gate.js'
import { startHttpServer } from '../../../src/http/http-server.js'
import { loadUws } from '../../../src/http/uws-adapter.js'
import { silentLog } from '../../../src/log.js'
import { headComplete, implementations, rawRequest, type Served, serve } from './serve.js'

it('µWebSockets.js loads on Node 20, so that both implementations are tested there', () => {
  const major = Number(process.versions.node.split('.')[0])
  expect(loadUws().library !== undefined).toBe(major <= 20)
})

it('asking for µWebSockets.js gives node:http where it does not load', async () => {
  const served = await serve('uws', ({ router }) => router.add('GET', '/kapacitor/v1/ping', (call) => call.empty(204)))
  try {
    expect(served.http.kind).toBe(implementations.includes('uws') ? 'uws' : 'node')
    expect((await fetch(`${served.url}/kapacitor/v1/ping`)).status).toBe(204)
  } finally {
    await served.http.close(1000)
  }
})

describe.each(implementations)('HTTP over %s', (kind) => {
  let served: Served
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(served.url + path, { ...init, redirect: 'manual' })

  beforeAll(async () => {
    served = await serve(kind, ({ router }) => {
      router.add('GET,HEAD', '/kapacitor/v1/ping', (call) => call.empty(204))
      router.add('GET', '/kapacitor/v1/object', (call) => call.json(200, { b: '<&>', a: 9007199254740993n, list: [] }))
      router.add('GET', '/kapacitor/v1/big', (call) => call.json(200, { text: 'x'.repeat(200_000) }))
      router.add('GET', '/kapacitor/v1/tree/', (call) => call.json(200, { rest: call.rest('/kapacitor/v1/tree/') }))
      router.add('GET', '/kapacitor/v1/tree/exact', (call) => call.json(200, { exact: true }))
      router.add('GET', '/kapacitor/v1/throws', () => {
        throw new ShardlineError('task-exists', 'not <here>', 409)
      })
      router.add('GET', '/kapacitor/v1/rejects', async () => {
        throw new Error('broken')
      })
      router.add('POST', '/kapacitor/v1/echo', async (call) => {
        const body = await call.body(1000)
        call.json(200, { length: body.byteLength, type: call.request.headers['content-type'], q: call.query.get('q') })
      })
      router.add('GET', '/kapacitor/v1/stream', (call) => {
        const stream = call.stream(200, 'text/plain')
        stream.write('one\n')
        stream.write('two\n')
        stream.end()
      })
      router.add('GET', '/kapacitor/v1preview/only', (call) => call.json(200, {}))
      router.add('GET', '/kapacitor/v1/breaks-off', async (call) => {
        call.stream(200, 'text/plain').write('one\n')
        await Promise.resolve()
        throw new Error('behind the beginning')
      })
      router.add('GET', '/kapacitor/v1/twice', async (call) => {
        call.json(200, { answer: 1 })
        call.json(200, { answer: 2 })
        expect(() => call.stream(200, 'text/plain')).toThrow('answered once')
        call.response.send(200, {}, 'again')
        call.response.stream(200, {}).end()
        throw new ShardlineError('task-exists', 'behind the answer', 409)
      })
      router.add('GET', '/kapacitor/v1/silent', async () => undefined)
      router.add('GET', '/kapacitor/v1/no-body', (call) => call.raw(200, 'text/plain', 5 as unknown as string))
      router.add('GET,HEAD', '/kapacitor/v1/text', (call) => call.raw(200, 'text/plain', 'grün'))
    })
  })
  afterAll(() => served.http.close(1000))

  it('is the implementation that was asked for', () => {
    expect(served.http.kind).toBe(kind)
  })

  it('ping has the usual headers and no body', async () => {
    const reply = await rawRequest(served.http.port, 'GET /kapacitor/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n', headComplete)
    expect(reply).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
    expect(reply).toMatch(/\r\nContent-Type: application\/json; charset=utf-8\r\n/)
    expect(reply).toMatch(/\r\nX-Kapacitor-Version: 1\.5\.7\r\n/)
    expect(reply).toMatch(/\r\nRequest-Id: [0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n/)
    expect(reply).toMatch(/\r\nDate: /)
    expect(reply).not.toMatch(/content-length|transfer-encoding/i)
    expect(reply.endsWith('\r\n\r\n')).toBe(true)
  })

  it('HEAD answers as GET, without a body', async () => {
    expect((await get('/kapacitor/v1/ping', { method: 'HEAD' })).status).toBe(204)
    expect((await get('/kapacitor/v1/nope', { method: 'HEAD' })).status).toBe(404)
  })

  it('HEAD says how long the body would be', async () => {
    for (const [path, length] of [
      ['text', 5],
      ['nope', 56],
    ]) {
      const head = `HEAD /kapacitor/v1/${path} HTTP/1.1\r\nHost: x\r\n\r\nGET /kapacitor/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n`
      const reply = await rawRequest(served.http.port, head, (r) => r.includes('204 No Content'))
      expect(reply).toContain(`\r\nContent-Length: ${length}\r\n`)
      expect(reply).toContain('\r\n\r\nHTTP/1.1 204 No Content')
    }
    const plain = { headers: { 'Accept-Encoding': 'identity' } }
    expect((await get('/kapacitor/v1/nope', plain)).headers.get('content-length')).toBe('56')
  })

  it('an answer that breaks off is no whole answer', async () => {
    await expect(get('/kapacitor/v1/breaks-off').then((reply) => reply.text())).rejects.toThrow()
    expect((await get('/kapacitor/v1/ping')).status).toBe(204)
  })

  it('the first answer counts, whatever happens behind it', async () => {
    const reply = await get('/kapacitor/v1/twice')
    expect(await reply.json()).toEqual({ answer: 1 })
    expect((await get('/kapacitor/v1/ping')).status).toBe(204)
  })

  it('a resource that gives no answer is an error', async () => {
    const reply = await get('/kapacitor/v1/silent')
    expect(reply.status).toBe(500)
    expect(await reply.json()).toMatchObject({ error: 'the resource gave no answer' })
  })

  it('an answer that cannot be sent cuts its connection, no more', async () => {
    await expect(get('/kapacitor/v1/no-body')).rejects.toThrow()
    expect((await get('/kapacitor/v1/ping')).status).toBe(204)
  })

  it('the body of a request that is answered without it is passed over', async () => {
    for (const path of ['nope', 'throws']) {
      const verb = path === 'nope' ? 'POST' : 'GET'
      const head = `${verb} /kapacitor/v1/${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`
      const next = 'GET /kapacitor/v1/text HTTP/1.1\r\nHost: x\r\n\r\n'
      const reply = await rawRequest(served.http.port, head + 'x'.repeat(100_000) + next, (r) => r.endsWith('grün'))
      expect(reply).toMatch(/^HTTP\/1.1 (404|409) /)
    }
  })

  it('names of headers are no more than names', async () => {
    const request =
      'POST /kapacitor/v1/echo HTTP/1.1\r\nHost: x\r\nconstructor: a\r\nvalueOf: b\r\nContent-Length: 2\r\n\r\nhi'
    expect(await rawRequest(served.http.port, request, (r) => r.endsWith('}'))).toContain('"length": 2')
  })

  it('a request id is never taken from the client', async () => {
    const reply = await get('/kapacitor/v1/ping', { headers: { 'Request-Id': 'mine' } })
    expect(reply.headers.get('request-id')).not.toBe('mine')
  })

  it('JSON is indented by 4, escaped as Go does, without a final line feed', async () => {
    const reply = await get('/kapacitor/v1/object')
    expect(await reply.text()).toBe(
      '{\n    "b": "\\u003c\\u0026\\u003e",\n    "a": 9007199254740993,\n    "list": []\n}',
    )
  })

  it('unknown paths and wrong methods are 404', async () => {
    for (const [method, path] of [
      ['GET', '/kapacitor/v1/nosuch'],
      ['PUT', '/kapacitor/v1/ping'],
      ['GET', '/'],
      ['GET', '/write'],
    ]) {
      const reply = await get(path!, { method: method! })
      expect(reply.status).toBe(404)
      expect(await reply.json()).toEqual({ error: 'Not Found', message: 'Not Found' })
    }
  })

  it('errors carry their status; unexpected ones are 500', async () => {
    const known = await get('/kapacitor/v1/throws')
    expect(known.status).toBe(409)
    expect(await known.text()).toContain('"error": "not \\u003chere\\u003e"')
    const unknown = await get('/kapacitor/v1/rejects')
    expect(unknown.status).toBe(500)
    expect(await unknown.json()).toMatchObject({ error: 'broken' })
  })

  it('v1preview means v1 unless a resource lives only there', async () => {
    expect((await get('/kapacitor/v1preview/ping')).status).toBe(204)
    expect((await get('/kapacitor/v1preview/only')).status).toBe(200)
    expect((await get('/kapacitor/v1/only')).status).toBe(404)
  })

  it('subtrees by longest prefix, escapes decoded', async () => {
    expect(await (await get('/kapacitor/v1/tree/a%20b/%C3%A4')).json()).toEqual({ rest: 'a b/ä' })
    expect(await (await get('/kapacitor/v1/tree/exact')).json()).toEqual({ exact: true })
    expect((await get('/kapacitor/v1/tree/%zz')).status).toBe(400)
  })

  it('paths that are not canonical are redirected', async () => {
    const reply = await rawRequest(
      served.http.port,
      'GET /kapacitor//v1/./x/../ping?a=1&b HTTP/1.1\r\nHost: x\r\n\r\n',
      (r) => r.includes('</a>'),
    )
    expect(reply).toMatch(/^HTTP\/1.1 301 Moved Permanently/)
    expect(reply).toMatch(/Location: \/kapacitor\/v1\/ping\?a=1&b\r\n/)
    expect(reply).toContain('<a href="/kapacitor/v1/ping?a=1&amp;b">Moved Permanently</a>.\n\n')
  })

  it('OPTIONS stops at once; CORS only with an origin', async () => {
    const plain = await get('/kapacitor/v1/tasks', { method: 'OPTIONS' })
    expect(plain.status).toBe(200)
    expect(plain.headers.get('x-kapacitor-version')).toBeNull()
    expect(plain.headers.get('access-control-allow-origin')).toBeNull()
    const cross = await get('/anything', { method: 'OPTIONS', headers: { Origin: 'http://a.example' } })
    expect(cross.headers.get('access-control-allow-origin')).toBe('http://a.example')
    expect(cross.headers.get('access-control-allow-methods')).toBe('DELETE, GET, OPTIONS, POST, PATCH')
  })

  it('gzip when accepted, also announced on an empty 204', async () => {
    for (const path of ['/kapacitor/v1/object', '/kapacitor/v1/big']) {
      const raw = await fetch(served.url + path, { headers: { 'Accept-Encoding': 'gzip' } })
      expect(raw.headers.get('content-encoding')).toBe('gzip')
      expect(await raw.json()).toBeTypeOf('object')
      const plain = await fetch(served.url + path, { headers: { 'Accept-Encoding': 'identity' } })
      expect(plain.headers.get('content-encoding')).toBeNull()
    }
    const head = 'GET /kapacitor/v1/ping HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n'
    expect(await rawRequest(served.http.port, head, headComplete)).toMatch(/\r\nContent-Encoding: gzip\r\n/)
  })

  it('bodies: with a length, in chunks, with an empty Content-Type', async () => {
    const path = '/kapacitor/v1/echo?q=a%20b+c'
    const bodies = [
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type:\r\nContent-Length: 5\r\n\r\nhello`,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type:\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`,
    ]
    for (const request of bodies) {
      const reply = await rawRequest(served.http.port, request, (r) => r.endsWith('}'))
      expect(reply).toContain('"length": 5')
      expect(reply).toContain('"type": ""')
      expect(reply).toContain('"q": "a b c"')
    }
  })

  it('a body beyond the limit is 413 and closes the connection', async () => {
    const request = `POST /kapacitor/v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2000)}`
    const reply = await rawRequest(served.http.port, request, () => false)
    expect(reply).toMatch(/^HTTP\/1.1 413 /)
    expect(reply).toContain('"error": "http: request body too large')
  })

  it('several requests on one connection', async () => {
    const one = 'GET /kapacitor/v1/object HTTP/1.1\r\nHost: x\r\n\r\n'
    const reply = await rawRequest(
      served.http.port,
      one + one,
      (r) => (r.match(/9007199254740993/g) ?? []).length === 2,
    )
    expect(reply.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
  })

  it('answers of unknown length', async () => {
    expect(await (await get('/kapacitor/v1/stream')).text()).toBe('one\ntwo\n')
  })

  it('lists its routes', async () => {
    const routes = (await (await get('/kapacitor/v1/:routes')).json()) as Record<string, string[]>
    expect(routes['/kapacitor/v1/ping']).toEqual(['GET', 'HEAD'])
  })

  it('an address in use is one clear line', async () => {
    const body = { hardLimitBytes: 1, timeoutMs: 1000 }
    const settings = { server: kind, host: '127.0.0.1', port: served.http.port, body }
    await expect(startHttpServer(settings, () => undefined, silentLog)).rejects.toThrow(
      `open server: open service *httpd.Service: listen tcp 127.0.0.1:${served.http.port}: bind: address already in use`,
    )
  })

  it('close lets an active request finish and then refuses', async () => {
    let release = (): void => undefined
    let arrived = (): void => undefined
    const reached = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const other = await serve(kind, ({ router }) => {
      router.add('GET', '/slow', async (call) => {
        arrived()
        await new Promise<void>((resolve) => {
          release = resolve
        })
        call.json(200, { ok: true })
      })
    })
    const pending = fetch(`${other.url}/slow`)
    await reached
    const closed = other.http.close(5000)
    release()
    expect((await pending).status).toBe(200)
    await closed
    await expect(fetch(`${other.url}/slow`)).rejects.toThrow()
  })

  it('close does not wait for answers without end', async () => {
    const other = await serve(kind, ({ router }) => {
      router.add('GET', '/endless', (call) => {
        call.stream(200, 'text/plain').write('one\n')
      })
    })
    const reply = await fetch(`${other.url}/endless`)
    const reader = reply.body!.getReader()
    await reader.read()
    const started = performance.now()
    await other.http.close(10_000)
    expect(performance.now() - started).toBeLessThan(5000)
    await expect(reader.read()).rejects.toThrow()
  })

  it('a client that leaves is noticed', async () => {
    let gone = (): void => undefined
    const left = new Promise<void>((resolve) => {
      gone = resolve
    })
    let arrived = (): void => undefined
    const reached = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const other = await serve(kind, ({ router }) => {
      router.add('GET', '/wait', (call) => {
        call.response.onAborted(gone)
        arrived()
      })
    })
    const socket = createConnection(other.http.port, '127.0.0.1', () =>
      socket.write('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    await reached
    socket.destroy()
    await left
    await other.http.close(100)
  })
})

describe.each(implementations)('bodies are bounded in memory over %s', (kind) => {
  it('requests beyond the cap wait for earlier ones, none is lost', async () => {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    let started = 0
    let first = (): void => undefined
    const firstStarted = new Promise<void>((resolve) => {
      first = resolve
    })
    const gate = new BodyGate({ capBytes: 400_000, waitMs: 60_000 })
    const served = await serve(kind, ({ router }) => {
      router.add('POST', '/in', async (call) => {
        await call.body(1 << 20, gate)
        started++
        first()
        await opened
        call.empty(204)
      })
    })
    const body = 'x'.repeat(300_000)
    const replies = Array.from({ length: 5 }, () => fetch(`${served.url}/in`, { method: 'POST', body }))
    await firstStarted
    // The others are held at their sockets until the first is answered.
    expect(started).toBeLessThan(5)
    open()
    for (const reply of await Promise.all(replies)) expect(reply.status).toBe(204)
    expect(started).toBe(5)
    await served.http.close(1000)
  })
})

describe.each(implementations)('bodies have a deadline over %s', (kind) => {
  it('a body that stops is answered 408 and closes its connection, one that is whole has time', async () => {
    const served = await serve(
      kind,
      ({ router }) => {
        router.add('POST', '/in', async (call) => {
          await call.body(1000)
          await new Promise((resolve) => setTimeout(resolve, 300))
          call.empty(204)
        })
      },
      { bodyTimeoutMs: 200 },
    )
    const head = 'POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n'
    const late = await rawRequest(served.http.port, `${head}hello`, () => false)
    expect(late).toMatch(/^HTTP\/1.1 408 Request Timeout/)
    expect(late).toContain('X-Shardline-Error: body-late')
    expect(late).toContain('did not arrive within 0.2s')
    expect(await rawRequest(served.http.port, `${head}hellohello`, headComplete)).toMatch(/^HTTP\/1.1 204/)
    await served.http.close(1000)
  })
})

describe('authentication', () => {
  const secret = 'sh'
  const token = (claims: object, key = secret, alg = 'HS256'): string => {
    const part = (v: object): string => Buffer.from(JSON.stringify(v)).toString('base64url')
    const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`
    return `${text}.${createHmac(alg === 'HS512' ? 'sha512' : 'sha256', key)
      .update(text)
      .digest('base64url')}`
  }
  const exp = Math.floor(Date.now() / 1000) + 60
  let served: Served
  beforeAll(async () => {
    served = await serve('uws', ({ router }) => router.add('GET', '/kapacitor/v1/ping', (call) => call.empty(204)), {
      settings: { auth: { enabled: true, sharedSecret: secret } },
    })
  })
  afterAll(() => served.http.close(1000))

  it.each([
    [`Bearer ${token({ username: 'bob', exp })}`, 204, ''],
    [`Bearer ${token({ username: 'bob', exp }, secret, 'HS512')}`, 204, ''],
    ['', 401, 'unable to parse authentication credentials'],
    ['Token x', 401, 'unable to parse authentication credentials'],
    [
      `Bearer ${token({ username: 'bob', exp }, secret, 'none')}`,
      401,
      'invalid token: unexpected signing method: none',
    ],
    [
      `Bearer ${token({ username: 'bob', exp }, secret, 'constructor')}`,
      401,
      'invalid token: unexpected signing method: constructor',
    ],
    ['Bearer x', 401, 'invalid token: token contains an invalid number of segments'],
    [`Bearer ${token({ username: 'bob', exp }, 'other')}`, 401, 'invalid token: signature is invalid'],
    [
      `Bearer ${token({ username: 'bob', exp }, secret, 'none')}`,
      401,
      'invalid token: unexpected signing method: none',
    ],
    [`Bearer ${token({ username: 'bob', exp: 1 })}`, 401, 'invalid token: Token is expired'],
    [`Bearer ${token({ username: 'bob' })}`, 401, 'token expiration required'],
    [`Bearer ${token({ exp })}`, 401, 'username in token must be a string'],
    [`Bearer ${token({ username: '', exp })}`, 401, 'token must contain a username'],
    [`Basic ${Buffer.from(':pw').toString('base64')}`, 401, 'username required'],
    [`Basic ${Buffer.from('bob:pw').toString('base64')}`, 401, 'authorization failed'],
  ])('%s', async (authorization, status, text) => {
    const reply = await fetch(`${served.url}/kapacitor/v1/ping`, {
      headers: authorization === '' ? {} : { authorization },
    })
    expect(reply.status).toBe(status)
    if (status === 401) expect(await reply.text()).toBe(JSON.stringify({ error: text }))
  })

  it('OPTIONS needs none', async () => {
    expect((await fetch(`${served.url}/x`, { method: 'OPTIONS' })).status).toBe(200)
  })
})

it('gzip helper bytes are a valid gzip member', async () => {
  const served = await serve('uws', ({ router }) => router.add('GET', '/a', (call) => call.json(200, [1])))
  const raw = await new Promise<Buffer>((resolve) => {
    const chunks: Buffer[] = []
    const socket = createConnection(served.http.port, '127.0.0.1', () =>
      socket.write('GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n'),
    )
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      socket.end()
    })
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
  expect(gunzipSync(raw.subarray(raw.indexOf('\r\n\r\n') + 4)).toString()).toBe('[\n    1\n]')
  await served.http.close(1000)
})
