import { execFileSync } from 'node:child_process'
import { chmodSync, constants, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventJson } from '../../../src/alert-handlers/event-frame.js'
import type { HandlerProps } from '../../../src/alert-handlers/handler.js'
import {
  type HandlerConfigs,
  noHandlerConfigs,
  readHandlerConfigs,
} from '../../../src/alert-handlers/http-endpoints.js'
import { writeAll } from '../../../src/alert-handlers/kinds/log.js'
import { createHandler, createScriptHandler } from '../../../src/alert-handlers/registry.js'
import { Duration } from '../../../src/columns/values.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { delivery, event, TestLog } from '../alerts/events.js'

const http = new HttpClient()
afterAll(() => http.close())
const dir = mkdtempSync(join(tmpdir(), 'handlers-'))
afterAll(() => rmSync(dir, { recursive: true }))

const make = (kind: string, props: HandlerProps, configs: HandlerConfigs = noHandlerConfigs) =>
  createHandler(kind, props, { configs, http, log: new TestLog() })
const signal = () => AbortSignal.timeout(5000)
const ignore = () => {}

interface Request {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const requests: Request[] = []
/** Answers with the status that the path begins with, `/404/x`; `/hang` never answers. */
const server = createServer((req, res) => {
  let body = ''
  req.on('data', (part) => {
    body += part
  })
  req.on('end', () => {
    requests.push({ url: req.url ?? '', headers: req.headers, body })
    if (req.url === '/hang') return
    res.statusCode = Number(/^\/(\d{3})/.exec(req.url ?? '')?.[1] ?? 200)
    res.end(req.url?.includes('error') ? '{"error":"channel_not_found"}' : 'answer text')
  })
})
let base = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  requests.length = 0
})

const line = eventJson(event(), 0)

describe('log', () => {
  it('appends lines in order, creates the file with its mode and follows a rotation', async () => {
    const path = join(dir, 'alerts.log')
    const h = make('log', { path, mode: 0o640n })
    await h.deliver([delivery({ id: 'a' }), delivery({ id: 'b' })], signal(), ignore)
    expect(statSync(path).mode & 0o777).toBe(0o640)
    renameSync(path, `${path}.1`)
    await h.deliver([delivery({ id: 'c' })], signal(), ignore)
    const ids = (p: string) =>
      readFileSync(p, 'utf8')
        .trim()
        .split('\n')
        .map((l) => (JSON.parse(l) as { id: string }).id)
    expect(ids(`${path}.1`)).toEqual(['a', 'b'])
    expect(ids(path)).toEqual(['c'])
  })

  it('leaves an empty file when an event cannot be encoded, and reports it', async () => {
    const path = join(dir, 'inf.log')
    const failed: string[] = []
    await make('log', { path, mode: 0o600n }).deliver([delivery({ unencodable: true })], signal(), (_d, err) =>
      failed.push(String((err as Error).message)),
    )
    expect(readFileSync(path, 'utf8')).toBe('')
    expect(failed).toEqual(['failed to marshal alert data json: json: unsupported value: +Inf'])
  })

  it('a FIFO fails the event at once and keeps no thread', async () => {
    const path = join(dir, 'fifo')
    execFileSync('mkfifo', [path])
    const h = make('log', { path, mode: 0o600n })
    const text = `open ${path}: not a regular file (FIFO or socket)`
    await Promise.all(
      Array.from({ length: 8 }, () => expect(h.deliver([delivery()], signal(), ignore)).rejects.toThrow(text)),
    )
    // File system, compression and name lookups share the threads.
    expect(gunzipSync(await promisify(gzip)('x')).toString()).toBe('x')
  })

  it('waits for a pipe that is full, until the signal', async () => {
    const path = join(dir, 'pipe')
    execFileSync('mkfifo', [path])
    const pipe = await open(path, constants.O_RDWR | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(300_000, 'x')
      await expect(writeAll(pipe, bytes, AbortSignal.timeout(100))).rejects.toThrow()
      const written = writeAll(pipe, bytes, signal())
      let got = 0
      const to = Buffer.alloc(100_000)
      const read = async (): Promise<number> => {
        got += await pipe.read(to).then(
          (r) => r.bytesRead,
          () => 0,
        )
        return got
      }
      await expect.poll(read, { timeout: 20_000, interval: 1 }).toBeGreaterThanOrEqual(bytes.length)
      await written
    } finally {
      await pipe.close()
    }
  })

  it('refuses relative paths and modes that the owner cannot write', () => {
    expect(() => make('log', { path: 'a.log', mode: 0o600n })).toThrow('log path must be absolute')
    expect(() => make('log', { path: '/a.log', mode: 0o400n })).toThrow('user writable')
  })
})

describe('exec', () => {
  it('gives the program the bytes that log writes', async () => {
    const path = join(dir, 'exec.log')
    const h = make('exec', { program: '/bin/sh', args: ['-c', `cat >> ${path}`] })
    await h.deliver([delivery()], signal(), ignore)
    await h.deliver([delivery()], signal(), ignore)
    expect(readFileSync(path, 'utf8')).toBe(line + line)
  })

  it('reports programs that do not exist, fail, or do not read their input', async () => {
    const run = (program: string, ...args: string[]) =>
      make('exec', { program, args }).deliver([delivery()], signal(), ignore)
    await expect(run('/bin/custom_alert_handler.sh')).rejects.toThrow(
      'fork/exec /bin/custom_alert_handler.sh: no such file',
    )
    await expect(run('no-such-program-here')).rejects.toThrow('executable file not found in $PATH')
    await expect(run('/bin/sh', '-c', 'cat > /dev/null; echo out; echo err >&2; exit 3')).rejects.toThrow(
      'exit status 3: out\nerr\n',
    )
    await run('/bin/true')
    const script = join(dir, 'not-executable.sh')
    writeFileSync(script, 'exit 0')
    chmodSync(script, 0o600)
    await expect(run(script)).rejects.toThrow('EACCES')
  })

  it('kills a program at the deadline', async () => {
    const started = performance.now()
    await expect(
      make('exec', { program: '/bin/sleep', args: ['30'] }).deliver([delivery()], AbortSignal.timeout(50), ignore),
    ).rejects.toThrow()
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('runs at most sixteen programs at once', async () => {
    const marks = join(dir, 'running')
    const h = make('exec', { program: '/bin/sh', args: ['-c', `echo s >> ${marks}; sleep 0.15; echo e >> ${marks}`] })
    await Promise.all(Array.from({ length: 24 }, () => h.deliver([delivery()], signal(), ignore)))
    let running = 0
    let most = 0
    for (const mark of readFileSync(marks, 'utf8').trim().split('\n')) {
      running += mark === 's' ? 1 : -1
      most = Math.max(most, running)
    }
    expect(running).toBe(0)
    expect(most).toBeLessThanOrEqual(16)
  })
})

describe('tcp', () => {
  it('sends the line and an empty one, then closes', async () => {
    let received = ''
    const ended = new Promise<void>((resolve) => {
      const sink = createTcpServer((socket) => {
        socket.on('data', (d) => {
          received += d.toString()
        })
        socket.on('end', () => {
          sink.close()
          resolve()
        })
      })
      sink.listen(0, '127.0.0.1', () => {
        const { port } = sink.address() as AddressInfo
        void make('tcp', { address: `127.0.0.1:${port}` }).deliver([delivery()], signal(), ignore)
      })
    })
    await ended
    expect(received).toBe(`${line}\n`)
  })

  it('reports a refused connection and a bad address', async () => {
    const probe = createTcpServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const h = make('tcp', { address: `127.0.0.1:${port}` })
    await expect(h.deliver([delivery()], signal(), ignore)).rejects.toThrow('ECONNREFUSED')
    expect(() => make('tcp', { address: 'nowhere' })).toThrow('invalid tcp address')
  })
})

describe('post', () => {
  it('posts the line as JSON with the headers of the script', async () => {
    const h = make('post', {
      urls: [`${base}/x`, `${base}/second`],
      header: [
        ['x-one', '1'],
        ['Content-Type', 'text/plain'],
      ],
    })
    await h.deliver([delivery()], signal(), ignore)
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({ url: '/x', body: line })
    expect(requests[0].headers).toMatchObject({
      'x-one': '1',
      'content-type': 'application/json',
      'user-agent': 'Go-http-client/1.1',
    })
  })

  it('fills in the URL from the event', async () => {
    await make('post', { urls: [`${base}/u/{{ .ID }}/{{ .Level }}`] }).deliver([delivery()], signal(), ignore)
    expect(requests[0].url).toBe('/u/m:nil/CRITICAL')
  })

  it('uses the endpoint: url, headers, basic auth, template', async () => {
    const configs = readHandlerConfigs({
      httppost: [
        {
          endpoint: 'ep',
          url: `${base}/ep`,
          headers: { a: '1', b: '2' },
          'basic-auth': { username: 'u', password: 'p' },
          'alert-template':
            '{{ .ID }} {{ .PreviousLevel }} {{ range .Data.Series }}{{ .Name }}{{ range .Values }}{{ index . 1 }}{{ end }}{{ end }} {{ json .Recoverable }}',
        },
      ],
    })
    await make('post', { urls: [`${base}/no`], endpoint: 'ep', header: [['b', '3']] }, configs).deliver(
      [delivery({}, 1)],
      signal(),
      ignore,
    )
    expect(requests[0]).toMatchObject({ url: '/ep', body: 'm:nil INFO m9007199254740993 true\n' })
    expect(requests[0].headers).toMatchObject({
      a: '1',
      b: '3',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    })
    expect(requests[0].headers['content-type']).toBeUndefined()
    await make('post', { urls: [`${base}/fallback`], endpoint: 'unknown' }, configs).deliver(
      [delivery()],
      signal(),
      ignore,
    )
    expect(requests[1].url).toBe('/fallback')
    expect(() => make('post', { urls: [], endpoint: 'unknown' }, configs)).toThrow(
      'An appropriately formatted url must be specified',
    )
  })

  it('reports statuses outside 2xx, with the body when asked', async () => {
    const post = (props: HandlerProps) => make('post', props).deliver([delivery()], signal(), ignore)
    await expect(post({ urls: [`${base}/500`] })).rejects.toThrow('code 500: unknown error, use .captureResponse()')
    await expect(post({ urls: [`${base}/404`], captureResponse: true })).rejects.toThrow('code 404: answer text')
    await post({ urls: [`${base}/299`] })
    await expect(post({ urls: ['nope'] })).rejects.toThrow('invalid URL')
  })

  it('takes its timeout as deadline', async () => {
    const h = make('post', { urls: [`${base}/hang`], timeout: new Duration(50_000_000n) })
    expect(h.deadlineMs).toBe(50)
    await expect(h.deliver([delivery()], AbortSignal.timeout(h.deadlineMs), ignore)).rejects.toThrow()
  })
})

describe('slack', () => {
  const configs = (sections: unknown) => readHandlerConfigs({ slack: sections })

  it('posts the message as an attachment', async () => {
    const c = configs([{ enabled: true, url: `${base}/slack`, channel: '#general' }])
    await make('slack', { channel: '#c' }, c).deliver([delivery({ message: 'a "b" <c>' })], signal(), ignore)
    await make('slack', {}, c).deliver([delivery({ level: 2 })], signal(), ignore)
    await make('slack', { username: 'u', iconEmoji: ':x:' }, c).deliver([delivery({ level: 0 })], signal(), ignore)
    expect(requests[0].body).toBe(
      '{"as_user":false,"attachments":[{"fallback":"a \\"b\\" \\u003cc\\u003e","color":"danger","text":"a \\"b\\" \\u003cc\\u003e","mrkdwn_in":["text"]}],"channel":"#c","icon_emoji":"","text":"","username":""}\n',
    )
    expect(JSON.parse(requests[1].body)).toMatchObject({ channel: '#general', attachments: [{ color: 'warning' }] })
    expect(JSON.parse(requests[2].body)).toMatchObject({
      username: 'u',
      icon_emoji: ':x:',
      attachments: [{ color: 'good' }],
    })
  })

  it('chooses the section by workspace', async () => {
    const c = configs([
      { enabled: true, default: true, workspace: 'one', url: `${base}/one` },
      { enabled: true, workspace: 'two', url: `${base}/two` },
      { enabled: false, workspace: 'off', url: `${base}/off` },
    ])
    const send = (props: HandlerProps, with_ = c) => make('slack', props, with_).deliver([delivery()], signal(), ignore)
    await send({})
    await send({ workspace: 'two' })
    expect(requests.map((r) => r.url)).toEqual(['/one', '/two'])
    await expect(send({ workspace: 'three' })).rejects.toThrow('workspace id not found')
    await expect(send({ workspace: 'off' })).rejects.toThrow('service is not enabled')
    await expect(send({}, noHandlerConfigs)).rejects.toThrow('no slack configuration found')
  })

  it('reports what slack answers', async () => {
    const send = (path: string) =>
      make('slack', {}, configs([{ enabled: true, url: base + path }])).deliver([delivery()], signal(), ignore)
    await expect(send('/404/error')).rejects.toThrow(/^channel_not_found$/)
    await expect(send('/500')).rejects.toThrow('failed to understand Slack response. code: 500 content: answer text')
  })

  it('checks the sections', () => {
    expect(() => configs([{ workspace: 'a' }, { workspace: 'b' }])).toThrow('must be default')
    expect(() => configs([{ default: true }, { workspace: 'b' }])).toThrow('workspace')
  })
})

describe('kinds without a delivery', () => {
  it('are accepted and fail per event like services that are not enabled', async () => {
    await expect(make('pagerduty', {}).deliver([delivery()], signal(), ignore)).rejects.toThrow(
      'service is not enabled',
    )
  })
  it('do not start when the configuration enables the service', async () => {
    const configs = readHandlerConfigs({ pagerduty: { enabled: true } })
    expect(() => make('pagerduty', {}, configs)).toThrow('"pagerduty" is not supported yet')
    expect(() => make('kafka', { cluster: 'x' })).toThrow('unknown cluster "x"')
    await expect(make('kafka', { cluster: 'default' }).deliver([delivery()], signal(), ignore)).rejects.toThrow(
      'service is not enabled',
    )
  })
})

describe('what stops the start of a task', () => {
  it.each<[string, string, HandlerProps]>([
    [
      'log',
      'failed to create log alert handler: log path must be absolute: a.log is not',
      { path: 'a.log', mode: 0o600n },
    ],
    ['log', 'failed to create log alert handler: mode must be user writable', { path: '/a', mode: 0o400n }],
    ['post', 'Either URL or endpoint must be non-empty', { urls: [], endpoint: '' }],
    [
      'post',
      'failed to create HTTPPostService.Handler: An appropriately formatted url must be specified if an endpoint is not',
      { urls: [], endpoint: 'none' },
    ],
    ['kafka', 'failed to create kafka handler: unknown cluster "x"', { cluster: 'x' }],
  ])('%s: %s', (kind, text, props) => {
    const env = { configs: noHandlerConfigs, http, log: new TestLog() }
    let said = ''
    try {
      createScriptHandler(kind, props, env)
    } catch (err) {
      said = (err as Error).message
    }
    expect(said.startsWith(text), said).toBe(true)
  })
})
