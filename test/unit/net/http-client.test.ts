/** Against real servers that behave badly in the ways that servers do. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HttpClient, type HttpRequest } from '../../../src/net/http-client.js'
import { HttpError } from '../../../src/net/http-error.js'
import { noTls } from '../../../src/net/tls-files.js'
import { type Certificates, makeCertificates } from './certificates.js'

const dir = mkdtempSync(join(tmpdir(), 'http-client-'))
let own: Certificates
let other: Certificates
beforeAll(() => {
  own = makeCertificates(join(dir, 'own'))
  other = makeCertificates(join(dir, 'other'))
})
afterAll(() => rmSync(dir, { recursive: true }))

let client: HttpClient
let closers: (() => Promise<void>)[]
beforeEach(() => {
  client = new HttpClient()
  closers = []
})
afterEach(async () => {
  await client.close()
  for (const close of closers) await close()
})

async function listen(server: NetServer): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (s: Socket) => {
    sockets.add(s)
    s.on('close', () => sockets.delete(s))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const s of sockets) s.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}

async function serve(answer: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(answer)
  return { url: `http://127.0.0.1:${await listen(server)}`, server }
}

/** Sees the bytes of each connection. */
async function serveBytes(onData: (socket: Socket, data: Buffer) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => onData(socket, data))
  })
  return `http://127.0.0.1:${await listen(server)}`
}

const get = (url: string, more: Partial<HttpRequest> = {}) =>
  client.send({ method: 'GET', url, deadlineMs: 20_000, ...more })
const post = (url: string, body: string, more: Partial<HttpRequest> = {}) =>
  client.send({ method: 'POST', url, body, deadlineMs: 20_000, ...more })

async function failureOf(promise: Promise<unknown>): Promise<HttpError> {
  const err = await promise.then(
    () => null,
    (e: unknown) => e,
  )
  expect(err).toBeInstanceOf(HttpError)
  return err as HttpError
}

describe('answers', () => {
  it('sends method, headers and body; keeps the connection for the next request', async () => {
    const seen: unknown[] = []
    let connections = 0
    const { url, server } = await serve((req, res) => {
      let body = ''
      req.on('data', (part) => {
        body += part
      })
      req.on('end', () => {
        seen.push([req.method, req.url, req.headers['user-agent'], req.headers['content-length'], req.headers.x, body])
        res.writeHead(201, { 'X-Twice': ['a', 'b'] }).end('text é')
      })
    })
    server.on('connection', () => connections++)
    const answer = await post(`${url}/a%20b?c=d#e`, 'body é', { headers: { X: 'y', 'User-Agent': 'me' } })
    expect([answer.status, answer.body.toString(), answer.headers['x-twice']]).toEqual([201, 'text é', 'a, b'])
    // The client rests a turn of the event loop before it trusts a connection again.
    await new Promise((resolve) => setImmediate(resolve))
    await get(url)
    expect(seen).toEqual([
      ['POST', '/a%20b?c=d', 'me', '7', 'y', 'body é'],
      ['GET', '/', 'Shardline', undefined, undefined, ''],
    ])
    expect(connections).toBe(1)
  })

  it('authenticates with the credentials of the URL, unless a header does', async () => {
    const { url } = await serve((req, res) => res.end(req.headers.authorization))
    const withUser = url.replace('//', '//us%40er:pa%3Ass@')
    expect((await get(withUser)).body.toString()).toBe(`Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`)
    const percent = url.replace('//', '//50%:x@')
    expect((await get(percent)).body.toString()).toBe(`Basic ${Buffer.from('50%:x').toString('base64')}`)
    expect((await get(withUser, { headers: { authorization: 'Token t' } })).body.toString()).toBe('Token t')
  })

  it('bounds an endless answer: an error, or cut off; the connection ends', async () => {
    const open = new Set<Socket>()
    const { url } = await serve((_req, res) => {
      open.add(res.socket!)
      res.socket!.on('close', () => open.delete(res.socket!))
      const more = (): void => {
        while (!res.destroyed && res.write('x'.repeat(1000)));
        if (!res.destroyed) res.once('drain', more)
      }
      more()
    })
    expect((await failureOf(get(url, { maxAnswerBytes: 5000 }))).reason).toBe('answer is longer than 5000 bytes')
    const cut = await get(url, { maxAnswerBytes: 5000, longAnswer: 'cut' })
    expect(cut.body.toString()).toBe('x'.repeat(5000))
    await expect.poll(() => open.size, { timeout: 20_000 }).toBe(0)
  })

  it('gives the parts of an endless answer as they come, until the signal', async () => {
    const { url } = await serve((_req, res) => {
      res.write('one')
    })
    const abort = new AbortController()
    let text = ''
    const failure = await failureOf(
      client.stream({ method: 'GET', url, deadlineMs: 0, signal: abort.signal }, (part) => {
        text += part.toString()
        abort.abort(new Error('enough'))
      }),
    )
    expect([text, failure.failure, failure.reason]).toEqual(['one', 'aborted', 'enough'])
  })
})

describe('deadline', () => {
  it('ends a request to a server that accepts and says nothing', async () => {
    const url = await serveBytes(() => {})
    const failure = await failureOf(post(url, 'x', { deadlineMs: 50 }))
    expect(failure.failure).toBe('deadline')
    expect(failure.message).toBe(`Post "${url}/": context deadline exceeded (no answer within 50 ms)`)
  })

  it('covers a body that dribbles in, byte by byte', async () => {
    const { url } = await serve((_req, res) => {
      res.writeHead(200)
      const timer = setInterval(() => res.write('.'), 5)
      res.on('close', () => clearInterval(timer))
    })
    expect((await failureOf(get(url, { deadlineMs: 100 }))).failure).toBe('deadline')
  })

  it('covers headers that dribble in', async () => {
    const url = await serveBytes((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('X: y\r\n'), 5)
      socket.on('close', () => clearInterval(timer))
    })
    expect((await failureOf(get(url, { deadlineMs: 100 }))).failure).toBe('deadline')
  })

  it('covers the wait for a connection', async () => {
    await client.close()
    client = new HttpClient({ connectionsPerPool: 1 })
    const url = await serveBytes(() => {})
    const first = failureOf(get(url, { deadlineMs: 400 }))
    const started = performance.now()
    expect((await failureOf(get(url, { deadlineMs: 50 }))).failure).toBe('deadline')
    expect(performance.now() - started).toBeLessThan(350)
    await first
  })

  it('covers connecting; without a deadline connecting has one of its own', async () => {
    // The handshake of TLS never begins.
    const url = (await serveBytes(() => {})).replace('http', 'https')
    expect((await failureOf(get(url, { deadlineMs: 50 }))).failure).toBe('deadline')
    await client.close()
    client = new HttpClient({ connectMs: 100 })
    expect((await failureOf(get(url, { deadlineMs: 0 }))).reason).toMatch(/^dial tcp 127\.0\.0\.1:\d+: i\/o timeout$/)
  })

  it('a mute host does not keep others waiting', async () => {
    const mute = await serveBytes(() => {})
    const { url } = await serve((_req, res) => res.end('ok'))
    const stuck = Array.from({ length: 300 }, () => failureOf(post(mute, 'x', { deadlineMs: 0 })))
    expect((await get(url)).status).toBe(200)
    await client.close()
    for (const failure of await Promise.all(stuck)) expect(failure.failure).toBe('aborted')
  })
})

describe('failures', () => {
  it.each([
    ['x', 'Get "x": invalid URL', 'url'],
    ['ftp://h/', 'Get "ftp://h/": unsupported protocol scheme "ftp"', 'url'],
    [
      'http://127.0.0.1:1/a?b=c',
      'Get "http://127.0.0.1:1/a?b=c": dial tcp 127.0.0.1:1: connect: connection refused',
      'failed',
    ],
    [
      'http://u:secret@127.0.0.1:1/',
      'Get "http://u:***@127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
      'failed',
    ],
    ['http://[::1]:1/', 'Get "http://[::1]:1/": dial tcp [::1]:1: connect: connection refused', 'failed'],
    [
      'http://no.such.host.invalid/',
      'Get "http://no.such.host.invalid/": dial tcp: lookup no.such.host.invalid: no such host',
      'failed',
    ],
  ])('%s', async (url, message, failure) => {
    const err = await failureOf(get(url))
    expect([err.message, err.failure]).toEqual([message, failure])
  })

  it('a connection that is reset', async () => {
    const url = await serveBytes((socket) => socket.resetAndDestroy())
    expect((await failureOf(post(url, 'x'))).reason).toBe('read: connection reset by peer')
  })

  it('a connection that closes before the answer, or inside of it', async () => {
    const before = await serveBytes((socket) => socket.end())
    expect((await failureOf(post(before, 'x'))).reason).toBe('EOF')
    const inside = await serveBytes((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'))
    expect((await failureOf(post(inside, 'x'))).failure).toBe('failed')
  })

  it('something that does not speak HTTP', async () => {
    const url = await serveBytes((socket) => socket.end('220 mail.example ESMTP\r\n'))
    expect((await failureOf(get(url))).failure).toBe('failed')
  })

  it('a signal that aborted before, and one that aborts while the request waits', async () => {
    const url = await serveBytes(() => {})
    expect((await failureOf(get(url, { signal: AbortSignal.abort(new Error('stopped')) }))).reason).toBe('stopped')
    const abort = new AbortController()
    const failure = failureOf(get(url, { signal: abort.signal }))
    abort.abort(new Error('stopped later'))
    expect((await failure).reason).toBe('stopped later')
  })

  it('a client that is closed', async () => {
    const url = await serveBytes(() => {})
    const failure = failureOf(get(url))
    await client.close()
    expect((await failure).message).toBe(`Get "${url}/": the server is shutting down`)
    expect((await failureOf(get(url))).failure).toBe('aborted')
  })

  it('uses a fresh connection where the server has closed the old one', async () => {
    let answers = 0
    const url = await serveBytes((socket) => {
      answers++
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    for (let i = 0; i < 50; i++) expect((await post(url, 'x')).status).toBe(200)
    expect(answers).toBe(50)
  })
})

describe('redirects', () => {
  it('are answers where data is sent', async () => {
    let requests = 0
    const { url } = await serve((_req, res) => {
      requests++
      res.writeHead(307, { Location: '/other' }).end()
    })
    expect((await post(url, 'x', { maxRedirects: 5 })).status).toBe(307)
    expect((await get(url)).status).toBe(307)
    expect(requests).toBe(2)
  })

  it('are followed when asked, without credentials to another origin, not for ever', async () => {
    const seen: unknown[] = []
    const far = await serve((req, res) => {
      seen.push([req.headers.authorization, req.headers.x])
      res.end('there')
    })
    const near = await serve((req, res) => {
      seen.push([req.headers.authorization, req.headers.x])
      const location = req.url === '/loop' ? '/loop' : req.url === '/a' ? 'b' : `${far.url}/c`
      res.writeHead(302, { Location: location }).end()
    })
    const headers = { Authorization: 'secret', X: 'y' }
    expect((await get(`${near.url}/a`, { headers, maxRedirects: 2 })).body.toString()).toBe('there')
    expect(seen).toEqual([
      ['secret', 'y'],
      ['secret', 'y'],
      [undefined, 'y'],
    ])
    expect((await get(`${near.url}/loop`, { maxRedirects: 3 })).status).toBe(302)
    expect(seen).toHaveLength(7)
  })
})

describe('TLS', () => {
  const tls = (ca = '') => ({ ...noTls, ca })

  async function serveTls(given: Certificates, more: object = {}): Promise<string> {
    const files = { cert: readFileSync(given.cert), key: readFileSync(given.key) }
    const server = createTlsServer({ ...files, ...more }, (_req, res) => res.end('safe'))
    return `https://127.0.0.1:${await listen(server)}`
  }

  it('verifies against the authority of the request', async () => {
    const url = await serveTls(own)
    expect((await get(url, { tls: tls(own.ca) })).body.toString()).toBe('safe')
    expect((await get(url, { tls: { ...noTls, insecureSkipVerify: true } })).status).toBe(200)
    expect((await failureOf(get(url))).failure).toBe('failed')
    expect((await failureOf(get(url, { tls: tls(other.ca) }))).reason).toContain('certificate')
  })

  it('shows its own certificate', async () => {
    const url = await serveTls(own, { requestCert: true, rejectUnauthorized: true, ca: readFileSync(other.ca) })
    expect((await get(url, { tls: { ...tls(own.ca), cert: other.cert, key: other.key } })).status).toBe(200)
    expect((await failureOf(get(url, { tls: tls(own.ca) }))).failure).toBe('failed')
  })

  it('reads files once, and again on reload; one that cannot be read leaves the old one', async () => {
    const url = await serveTls(own)
    const ca = join(dir, 'changing.pem')
    copyFileSync(own.ca, ca)
    expect((await get(url, { tls: tls(ca) })).status).toBe(200)
    copyFileSync(other.ca, ca)
    expect((await get(url, { tls: tls(ca) })).status).toBe(200)
    client.reload()
    expect((await failureOf(get(url, { tls: tls(ca) }))).reason).toContain('certificate')
    copyFileSync(own.ca, ca)
    client.reload()
    rmSync(ca)
    expect(() => client.reload()).toThrow('Could not load TLS CA')
    expect((await get(url, { tls: tls(ca) })).status).toBe(200)
  })

  it('refuses half a key pair, and files that are none', () => {
    expect(() => client.checkTls({ ...noTls, cert: '/c' })).toThrow(
      'Must provide both key and cert files: only cert file provided.',
    )
    const fifo = join(dir, 'fifo')
    execFileSync('mkfifo', [fifo])
    expect(() => client.checkTls(tls(fifo))).toThrow(`Could not load TLS CA: open ${fifo}: not a regular file (FIFO)`)
  })
})

describe('pools', () => {
  it('are bounded: the one used longest ago closes, after the requests it has', async () => {
    await client.close()
    client = new HttpClient({ maxPools: 2 })
    let release = (): void => {}
    const slow = await serve((_req, res) => {
      release = () => res.end('late')
    })
    const waiting = get(slow.url)
    const connections: number[] = []
    for (let i = 0; i < 3; i++) {
      const s = await serve((_req, res) => res.end('ok'))
      expect((await get(s.url)).status).toBe(200)
      connections.push(await new Promise((resolve) => s.server.getConnections((_err, n) => resolve(n))))
    }
    expect(connections).toEqual([1, 1, 1])
    await expect.poll(() => release.toString()).toContain('late')
    release()
    expect((await waiting).body.toString()).toBe('late')
    await expect
      .poll(() => new Promise((resolve) => slow.server.getConnections((_err, n) => resolve(n))), { timeout: 20_000 })
      .toBe(0)
  })
})
