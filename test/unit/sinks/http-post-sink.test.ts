import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HttpEndpoint } from '../../../src/alert-handlers/http-endpoints.js'
import { Duration } from '../../../src/columns/values.js'
import type { OutputFrame, RunningTask } from '../../../src/engine/engine-api.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { type HttpPostAnswer, httpPostDef, httpPostEntry } from '../../../src/operators/outside/http-post.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { HttpPostSink, type HttpPostSinkOptions } from '../../../src/sinks/http-post-sink.js'
import { TestLog } from '../alerts/events.js'
import { bench, call, type TestBench } from '../operators/bench.js'
import { type FeedOptions, plan } from '../operators/harness.js'

interface Seen {
  url: string
  headers: IncomingMessage['headers']
  body: string
}

const http = new HttpClient()
afterAll(() => http.close())

let server: Server
let base: string
let seen: Seen[]
let respond: (req: Seen, res: ServerResponse) => void
let sink: HttpPostSink

beforeEach(async () => {
  seen = []
  respond = (_req, res) => res.end()
  server = createServer((req, res) => {
    const parts: Buffer[] = []
    req.on('data', (p: Buffer) => parts.push(p))
    req.on('end', () => {
      const one = { url: req.url ?? '', headers: req.headers, body: Buffer.concat(parts).toString() }
      seen.push(one)
      respond(one, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  sink.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function node(urls: string[], setup: (p: PlannedNode) => void = () => {}): PlannedNode {
  const p = plan(httpPostDef, urls)
  setup(p)
  return p
}

/** Only the nodes are looked at. */
function planOf(p: PlannedNode): TaskPlan {
  return {
    pipeline: { type: 'stream', sources: [], nodes: [] },
    nodes: [p],
    partition: { kind: 'pinned', shard: 0 },
    partitionReason: '',
    reads: [],
    measurements: null,
  }
}

/** One shard's operator and the sink, joined as the engine would join them. */
class Rig {
  readonly b: TestBench
  readonly answers: HttpPostAnswer[] = []
  /** The thread of the operator. */
  died = false
  readonly running: RunningTask

  constructor(
    readonly planned: PlannedNode,
    feed: FeedOptions = {},
    private readonly key = 7,
  ) {
    this.b = bench(httpPostEntry, planned, feed)
    this.running = {
      key,
      id: 'task',
      stats: () => {
        throw new Error('not asked for')
      },
      control: () => Promise.resolve([]),
      reply: (to, body) => {
        expect(to).toEqual({ shard: 0, life: 0, nodeIndex: this.planned.index })
        if (this.died) return false
        this.answers.push(body as HttpPostAnswer)
        this.b.op.control(body)
        return true
      },
    }
  }

  start(): void {
    sink.start(this.running, sink.prepare(planOf(this.planned)))
  }

  /** Gives the operator's frames to the sink. */
  deliver(): void {
    for (const { type, payload } of this.b.ctx.sent.splice(0)) {
      const frame: OutputFrame = {
        type,
        shard: 0,
        life: 0,
        taskKey: this.key,
        taskId: 'task',
        nodeIndex: this.planned.index,
        payload,
      }
      sink.onFrame(frame)
    }
  }

  async rows(...lines: string[]): Promise<string[]> {
    this.b.feed.rows(this.b.op, lines)
    this.deliver()
    await sink.idle()
    return this.b.out.take()
  }
}

const limits = { requests: 512, requestsPerTask: 64, requestsPerHost: 64, queuedBytes: 64 * 1024 * 1024 }

const log = new TestLog()

function open(options: Partial<HttpPostSinkOptions> = {}): void {
  sink = new HttpPostSink({ endpoint: () => undefined, http, deadlineMs: 30_000, limits, log, ...options })
}

/** A server that takes connections and requests, and says nothing. */
async function muteServer(): Promise<{ url: string; asked: () => number; close: () => Promise<void> }> {
  let asked = 0
  const mute = createServer(() => asked++)
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`,
    asked: () => asked,
    close: async () => {
      mute.closeAllConnections()
      await new Promise((resolve) => mute.close(resolve))
    },
  }
}

describe('HttpPostSink', () => {
  it('posts JSON in order, one request of a group at a time', async () => {
    open()
    let open1 = 0
    let most = 0
    respond = (_req, res) => {
      most = Math.max(most, ++open1)
      setImmediate(() => {
        open1--
        res.end()
      })
    }
    const rig = new Rig(node([`${base}/out`]))
    rig.start()
    await rig.rows(...Array.from({ length: 20 }, (_, i) => `m v=${i}i @${i}`))
    expect(seen.map((s) => JSON.parse(s.body).series[0].values[0][1])).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(most).toBe(1)
    expect(seen[0].url).toBe('/out')
    expect(seen[0].headers['content-type']).toBe('application/json')
    expect(rig.answers).toEqual([])
  })

  it('counts and logs the errors of requests whose thread has died, and answers nobody', async () => {
    open()
    log.lines.length = 0
    respond = (req, res) => {
      res.statusCode = req.body.includes('"h":"b"') ? 200 : 500
      res.end()
    }
    const codes = node([`${base}/x`])
    codes.node.props.codeField = 'code'
    const rig = new Rig(codes, { dims: ['h'] })
    rig.start()
    rig.b.feed.rows(rig.b.op, ['m,h=a v=1 @1', 'm,h=b v=2 @2', 'm,h=c v=1 @3'])
    rig.died = true
    rig.deliver()
    await sink.idle()
    expect(seen).toHaveLength(3)
    expect(rig.answers).toEqual([])
    expect(rig.b.out.take()).toEqual([])
    expect(sink.countersOf(7, codes.index)).toEqual({ errors: 2 })
    expect(log.lines).toHaveLength(2)
    expect(log.lines[0]).toMatchObject({
      level: 'error',
      msg: 'POST returned non 2xx status code',
      keys: { task: 'task', node: codes.node.name },
    })
  })

  it('lets groups overtake each other', async () => {
    open()
    const waiting: ServerResponse[] = []
    respond = (req, res) => {
      if (req.body.includes('"h":"slow"')) waiting.push(res)
      else {
        res.end()
        if (seen.length === 3) for (const r of waiting) r.end()
      }
    }
    const rig = new Rig(node([`${base}/out`]), { dims: ['h'] })
    rig.start()
    await rig.rows('m,h=slow v=1 @1', 'm,h=a v=2 @2', 'm,h=b v=3 @3')
    expect(seen).toHaveLength(3)
  })

  it('answers with the code, and reports bodies only on demand', async () => {
    open()
    respond = (_req, res) => {
      res.statusCode = 503
      res.end('busy')
    }
    const quietly = new Rig(node([`${base}/x`]))
    quietly.start()
    await quietly.rows('m v=1 @1')
    expect(quietly.b.ctx.errors).toMatchObject([
      {
        msg: 'POST returned non 2xx status code',
        err: 'unknown error, use .captureResponse() to capture the HTTP response',
      },
    ])
    sink.stop(7)
    const captured = new Rig(
      node([`${base}/x`], (p) => {
        p.node.props.captureResponse = true
        p.node.props.codeField = 'code'
      }),
    )
    captured.start()
    expect(await captured.rows('m v=1 @1', 'm v=2 @2')).toEqual(['m code=503i,v=1 @1', 'm code=503i,v=2 @2'])
    expect(captured.b.ctx.errors.map((e) => e.err)).toEqual(['busy', 'busy'])
  })

  it('gives code 0 for unreachable servers and for timeouts', async () => {
    open()
    const code = (p: PlannedNode): void => {
      p.node.props.codeField = 'code'
    }
    const gone = new Rig(node(['http://127.0.0.1:1/'], code))
    gone.start()
    expect(await gone.rows('m v=1 @1')).toEqual(['m code=0i,v=1 @1'])
    expect(gone.b.ctx.errors[0].msg).toBe('failed to POST data')
    sink.stop(7)
    respond = () => {}
    const slow = new Rig(
      node([`${base}/slow`], (p) => {
        code(p)
        p.node.props.timeout = new Duration(50_000_000n)
      }),
    )
    slow.start()
    expect(await slow.rows('m v=1 @1')).toEqual(['m code=0i,v=1 @1'])
    expect(slow.b.ctx.errors[0].err).toContain('context deadline exceeded')
  })

  it('uses the endpoint of the configuration, its headers, credentials and templates', async () => {
    const endpoint: HttpEndpoint = {
      url: `${base}/{{ .Name }}/{{ index .Tags "h" }}`,
      headers: { 'X-A': 'config', 'X-B': 'config' },
      authorization: 'Basic dTpw',
      rowTemplate: { isInline: true, source: '{{ .Name }} {{ range .Values }}{{ .v }} at {{ .time.Unix }};{{ end }}' },
    }
    open({ endpoint: (name) => (name === 'e' ? endpoint : undefined) })
    const rig = new Rig(
      node([], (p) => {
        call(p, 'endpoint', 'e')
        call(p, 'header', 'x-b', 'script')
      }),
    )
    rig.start()
    await rig.rows('m,h=a v=9007199254740993i @10')
    expect(seen[0]).toMatchObject({ url: '/m/a', body: 'm 9007199254740993 at 10;' })
    expect(seen[0].headers).toMatchObject({ 'x-a': 'config', 'x-b': 'script', authorization: 'Basic dTpw' })
    expect(seen[0].headers['content-type']).toBeUndefined()
  })

  it('says that JSON is JSON, whatever the endpoint says; the script may say something else', async () => {
    const endpoint: HttpEndpoint = {
      url: `${base}/`,
      headers: { 'content-type': 'text/plain' },
      authorization: '',
    }
    open({ endpoint: () => endpoint })
    const json = new Rig(node([], (p) => call(p, 'endpoint', 'e')))
    json.start()
    await json.rows('m v=1 @1')
    sink.stop(7)
    const own = new Rig(
      node([], (p) => {
        call(p, 'endpoint', 'e')
        call(p, 'header', 'Content-Type', 'text/x-own')
      }),
    )
    own.start()
    await own.rows('m v=1 @1')
    expect(seen.map((s) => s.headers['content-type'])).toEqual(['application/json', 'text/x-own'])
  })

  it('refuses unknown endpoints and bad templates when the task is enabled', () => {
    open()
    const unknown = node([], (p) => call(p, 'endpoint', 'nope'))
    expect(() => sink.prepare(planOf(unknown))).toThrow("endpoint 'nope' does not exist")
    expect(() => sink.prepare(planOf(node(['http://h/{{ .Name'])))).toThrow(/template: url/)
  })

  it('keeps frames that come before the start of their task', async () => {
    open()
    const rig = new Rig(node([`${base}/out`]))
    await rig.rows('m v=1 @1')
    expect(seen).toEqual([])
    rig.start()
    await sink.idle()
    expect(seen).toHaveLength(1)
  })

  it('drops and reports what its queue cannot hold', async () => {
    open({ limits: { ...limits, queuedBytes: 500 } })
    const rig = new Rig(node([`${base}/out`]))
    rig.start()
    await rig.rows('m v=1 @1', 'm v=2 @2', 'm v=3 @3')
    expect(seen).toHaveLength(2)
    expect(sink.dropped).toBe(1)
    expect(rig.b.ctx.errors).toMatchObject([{ err: 'too many requests are waiting' }])
    expect(sink.queuedBytes).toBe(0)
  })

  it('tells when the requests of one task are done, whatever other tasks wait for', async () => {
    open()
    let release: (() => void) | null = null
    respond = (req, res) => {
      if (req.url === '/slow') release = () => res.end()
      else res.end()
    }
    const slow = new Rig(node([`${base}/slow`]), {}, 8)
    const fast = new Rig(node([`${base}/fast`]))
    slow.start()
    fast.start()
    for (const rig of [slow, fast]) {
      rig.b.feed.rows(rig.b.op, ['m v=1 @1'])
      rig.deliver()
    }
    await sink.idle(7)
    expect(seen.map((s) => s.url)).toContain('/fast')
    while (release === null) await new Promise((resolve) => setImmediate(resolve))
    ;(release as () => void)()
    await sink.idle()
    expect(seen.map((s) => s.url).sort()).toEqual(['/fast', '/slow'])
  })

  it('makes no further requests for a stopped task', async () => {
    open()
    const rig = new Rig(node([`${base}/out`]))
    rig.start()
    respond = (_req, res) => {
      sink.stop(7)
      res.end()
    }
    await rig.rows('m v=1 @1', 'm v=2 @2', 'm v=3 @3')
    expect(seen).toHaveLength(1)
    expect(sink.queuedBytes).toBe(0)
  })

  it('a mute endpoint holds up nobody else, and ends by itself', async () => {
    const mute = await muteServer()
    try {
      open({ deadlineMs: 400, limits: { ...limits, requests: 100 } })
      const stuck = new Rig(node([mute.url]), { dims: ['h'] }, 8)
      // Of its own, so that a busy machine does not end its requests too.
      const fine = new Rig(
        node([`${base}/fine`], (p) => {
          p.node.props.timeout = new Duration(60_000_000_000n)
        }),
        { dims: ['h'] },
      )
      stuck.start()
      fine.start()
      const many = (n: number) => Array.from({ length: n }, (_, i) => `m,h=h${i} v=1 @${i}`)
      stuck.b.feed.rows(stuck.b.op, many(200))
      stuck.deliver()
      await expect.poll(mute.asked, { timeout: 20_000 }).toBe(64)
      fine.b.feed.rows(fine.b.op, many(200))
      fine.deliver()
      await sink.idle(7)
      expect(seen).toHaveLength(200)
      await sink.idle(8)
      expect(stuck.b.ctx.errors).toHaveLength(200)
      expect(stuck.b.ctx.errors[0].err).toContain('context deadline exceeded')
      expect(sink.queuedBytes).toBe(0)
    } finally {
      await mute.close()
    }
  })

  it('a task that stops takes its stuck requests with it', async () => {
    const mute = await muteServer()
    try {
      open({ limits: { ...limits, requests: 2 } })
      const stuck = new Rig(node([mute.url]), { dims: ['h'] }, 8)
      stuck.start()
      stuck.b.feed.rows(stuck.b.op, ['m,h=a v=1 @1', 'm,h=b v=1 @1', 'm,h=c v=1 @1'])
      stuck.deliver()
      await expect.poll(mute.asked, { timeout: 20_000 }).toBe(2)
      const fine = new Rig(node([`${base}/fine`]))
      fine.start()
      fine.b.feed.rows(fine.b.op, ['m v=1 @1'])
      fine.deliver()
      sink.stop(8)
      await sink.idle(7)
      expect(seen).toHaveLength(1)
      expect(stuck.answers).toEqual([])
    } finally {
      await mute.close()
    }
  })
})
