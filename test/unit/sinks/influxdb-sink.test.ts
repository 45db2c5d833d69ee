import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Duration } from '../../../src/columns/values.js'
import { parseConfig } from '../../../src/config/load.js'
import { InfluxClusters } from '../../../src/influxdb/clusters.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { influxDBOutEntry } from '../../../src/operators/outside/influxdb-out.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { InfluxDBSink, type InfluxDBSinkOptions } from '../../../src/sinks/influxdb-sink.js'
import type { ScriptValue } from '../../../src/tickscript/node-def.js'
import { FakeInfluxDB } from '../influxdb/fake-influxdb.js'
import { bench, call, type TestBench } from '../operators/bench.js'
import { type FeedOptions, plan } from '../operators/harness.js'

const http = new HttpClient()
afterAll(() => http.close())

let fake: FakeInfluxDB
let clusters: InfluxClusters
let sink: InfluxDBSink
let logs: { msg: string; keys: Record<string, unknown> }[]

function open(options: Partial<InfluxDBSinkOptions> = {}, config?: string): void {
  const source = config ?? `[[influxdb]]\nurls = ["${fake.url}"]\n`
  clusters = new InfluxClusters(parseConfig(source, {}).config.influxdb, http)
  logs = []
  const error = (msg: string, keys: Record<string, unknown> = {}): void => {
    logs.push({ msg, keys })
  }
  const log = { debug() {}, info() {}, error, with: () => log }
  sink = new InfluxDBSink({ cluster: (name) => clusters.client(name), log, retryMs: 20, maxRetryMs: 50, ...options })
}

beforeEach(async () => {
  fake = await FakeInfluxDB.start()
  open()
})
afterEach(async () => {
  sink.close()
  await fake.close()
})

/** A node with properties: `[name, …values]`; one value for a plain property. */
function node(...calls: [string, ...ScriptValue[]][]): PlannedNode {
  const p = plan(influxDBOutEntry.def, [])
  for (const [name, ...args] of calls) {
    if (influxDBOutEntry.def.properties.find((x) => x.name === name)?.apply !== undefined) call(p, name, ...args)
    else p.node.props[name] = args[0]
  }
  return p
}

function planOf(p: PlannedNode): TaskPlan {
  // By node index; the operator's own index counts.
  const nodes: PlannedNode[] = []
  nodes[p.index] = p
  return {
    pipeline: { type: 'stream', sources: [], nodes: [] },
    nodes: nodes.filter((n) => n !== undefined),
    partition: { kind: 'pinned', shard: 0 },
    partitionReason: '',
    reads: [],
    measurements: null,
  }
}

/** Shards of one node and the sink, joined as the engine joins them. */
class Rig {
  readonly b: TestBench
  private readonly key = 7

  constructor(
    readonly planned: PlannedNode,
    feed: FeedOptions = {},
  ) {
    this.b = bench(influxDBOutEntry, planned, feed)
    const prepared = sink.prepare(planOf(planned))
    const whole = { ...planOf(planned), nodes: Object.assign([], { [planned.index]: planned }) as PlannedNode[] }
    sink.start({ key: this.key, id: 'task' }, whole, prepared)
  }

  rows(...lines: string[]): void {
    this.b.feed.rows(this.b.op, lines)
    this.deliver()
  }

  batch(head: string, tmax: number, ...lines: string[]): void {
    this.b.feed.batch(this.b.op, head, tmax, lines)
    this.deliver()
  }

  deliver(): void {
    for (const { type, payload } of this.b.ctx.sent.splice(0)) {
      sink.onFrame({
        type,
        shard: 0,
        life: 0,
        taskKey: this.key,
        taskId: 'task',
        nodeIndex: this.planned.index,
        payload,
      })
    }
  }

  get counters(): Readonly<Record<string, number>> {
    return sink.countersOf(this.key, this.planned.index)
  }

  stop(deadlineMs = 5000): Promise<void> {
    return sink.stop(this.key, deadlineMs)
  }

  async until(name: string, n: number): Promise<void> {
    const deadline = Date.now() + 10_000
    while ((this.counters[name] ?? 0) < n) {
      if (Date.now() > deadline) throw new Error(`${name} stays ${this.counters[name]}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

describe('influxDBOut', () => {
  it('writes sorted lines, exact numbers and its own tags', async () => {
    const rig = new Rig(node(['tag', 'dc', 'x'], ['tag', 'h', 'own'], ['buffer', 2n], ['measurement', 'out']))
    rig.rows('m,z=1,h=a w=9007199254740993i,v=1.5 @1000000001n', 'm s="a\\"b" @2')
    expect(await fake.until(2)).toEqual([
      'out,dc=x,h=own,z=1 v=1.5,w=9007199254740993i 1000000001',
      'out,dc=x,h=own s="a\\"b" 2000000000',
    ])
    expect(fake.writes[0].query).toEqual({ consistency: '', db: 'db', precision: 'ns', rp: 'rp' })
    await rig.until('points_written', 2)
    expect(rig.counters).toEqual({ points_written: 2 })
  })

  it.each([
    ['ms', 'ms', '1234'],
    ['us', 'u', '1234567'],
    ['s', 's', '1'],
    ['', 'ns', '1234567891'],
  ])('sends precision %j as %s', async (precision, sent, time) => {
    const rig = new Rig(node(['precision', precision], ['writeConsistency', 'any'], ['database', 'd'], ['buffer', 1n]))
    rig.rows('m v=1 @1234567891n')
    expect(await fake.until(1)).toEqual([`m v=1 ${time}`])
    expect(fake.writes[0].query).toEqual({ consistency: 'any', db: 'd', precision: sent, rp: 'rp' })
  })

  it('counts an error per point for a precision that there is not', () => {
    const rig = new Rig(node(['precision', 'zz']))
    rig.rows('m v=1 @1', 'm v=1 @2')
    expect(rig.b.ctx.errors).toEqual([
      {
        msg: 'failed to write points to InfluxDB',
        err: 'time: unknown unit "zz" in duration "1zz"',
        n: 2,
        extra: undefined,
      },
    ])
    expect(fake.requests).toBe(0)
  })

  it('cuts requests at the size of the buffer, whatever frames come', async () => {
    const rig = new Rig(node(['buffer', 3n]))
    rig.rows('m v=1 @1')
    rig.rows('m v=2 @2', 'm v=3 @3', 'm v=4 @4', 'm v=5 @5', 'm v=6 @6', 'm v=7 @7', 'm v=8 @8')
    await fake.until(6)
    expect(fake.writes.map((w) => w.lines.length)).toEqual([3, 3])
    await rig.stop()
    expect(fake.writes.map((w) => w.lines.length)).toEqual([3, 3, 2])
    expect(fake.lines.map((l) => l.at(4))).toEqual([...'12345678'])
  })

  it('appends batches as a whole, under their own name', async () => {
    const rig = new Rig(node(['buffer', 3n], ['database', 'd']), { dims: ['h'] })
    rig.batch('m,h=a', 5, 'm,h=a,k=1 v=1 @1', 'm,h=a v=2 @2')
    rig.batch('m,h=b', 5, 'm,h=b v=3 @1', 'm,h=b v=4 @2', 'm,h=b v=5 @3')
    await fake.until(5)
    expect(fake.writes).toHaveLength(1)
    expect(fake.writes[0].query).toMatchObject({ db: 'd', rp: '' })
    expect(fake.lines[0]).toBe('m,h=a,k=1 v=1 1000000000')
  })

  it('keeps a buffer per database and retention policy', async () => {
    const rig = new Rig(node(['buffer', 2n]))
    const chunk = (db: string, t: number) => {
      const c = rig.b.feed.chunk([{ name: 'm', tags: new Map(), fields: new Map([['v', 1]]), ns: BigInt(t) }])
      c.db = db
      return c
    }
    for (let i = 0; i < 4; i++) rig.b.op.receive(chunk(i % 2 === 0 ? 'a' : 'b', i), 0)
    rig.deliver()
    await fake.until(4)
    expect(fake.writes.map((w) => [w.query.db, w.lines])).toEqual([
      ['a', ['m v=1 0', 'm v=1 2']],
      ['b', ['m v=1 1', 'm v=1 3']],
    ])
  })

  it('writes what waits every flushInterval', async () => {
    const rig = new Rig(node(['flushInterval', new Duration(30_000_000n)]))
    rig.rows('m v=1 @1')
    expect(await fake.until(1)).toEqual(['m v=1 1000000000'])
  })

  it('creates the database before the first write', async () => {
    const order: string[] = []
    fake.before = (req) => {
      order.push(new URL(req.url ?? '', 'http://x').pathname)
      return false
    }
    const rig = new Rig(node(['create', true], ['database', 'newdb'], ['retentionPolicy', 'my rp'], ['buffer', 1n]))
    rig.rows('m v=1 @1')
    await fake.until(1)
    expect(order).toEqual(['/query', '/write'])
    expect(fake.statements).toEqual(['CREATE DATABASE newdb WITH NAME "my rp"'])
  })

  it('goes on when the database cannot be created', async () => {
    fake.before = (req, res) => {
      if (!req.url?.startsWith('/query')) return false
      res.writeHead(403).end('{"error":"not allowed"}')
      return true
    }
    const rig = new Rig(node(['create', true], ['database', 'd'], ['buffer', 1n]))
    rig.rows('m v=1 @1')
    await fake.until(1)
    expect(logs).toEqual([
      { msg: 'failed to create database', keys: { task: 'task', node: 'influxdb_out2', err: 'not allowed' } },
    ])
  })

  it('leaves out what line protocol does not have, and keeps the rest of the request', async () => {
    const rig = new Rig(node(['buffer', 2n]))
    rig.rows('m v=null,w=1 @1', 'm v=null @2', 'm v=NaN,w=2 @3')
    expect(await fake.until(2)).toEqual(['m w=1 1000000000', 'm w=2 3000000000'])
    await rig.until('points_written', 2)
    expect(rig.counters).toEqual({ points_written: 2, fields_skipped: 3 })
    expect(rig.b.ctx.errorCount).toBe(1)
    expect(rig.b.ctx.drops.get('error')).toBe(1)
  })
})

describe('a failing InfluxDB', () => {
  it('gets refused points once; they are counted and logged', async () => {
    fake.before = (_req, res) => {
      res.writeHead(400).end('{"error":"partial write: field type conflict dropped=1"}')
      return true
    }
    const rig = new Rig(node(['buffer', 1n]))
    rig.rows('m v=1 @1')
    await rig.until('points_dropped', 1)
    expect(rig.counters).toEqual({ write_errors: 1, errors: 1, points_dropped: 1 })
    expect(fake.requests).toBe(1)
    expect(logs).toEqual([
      {
        msg: 'failed to write points to InfluxDB',
        keys: { task: 'task', node: 'influxdb_out2', err: 'partial write: field type conflict dropped=1', points: 1 },
      },
    ])
  })

  it('is asked again, in order, until it takes the points', async () => {
    let failures = 3
    fake.before = (_req, res) => {
      if (failures-- <= 0) return false
      res.writeHead(503).end('{"error":"timeout"}')
      return true
    }
    const rig = new Rig(node(['buffer', 1n]))
    rig.rows('m v=1 @1', 'm v=2 @2', 'm v=3 @3')
    expect(await fake.until(3)).toEqual(['m v=1 1000000000', 'm v=2 2000000000', 'm v=3 3000000000'])
    await rig.until('points_written', 3)
    expect(rig.counters).toEqual({ points_written: 3, write_errors: 3, errors: 3 })
  })

  it('that comes back gets what waited', async () => {
    const { port } = fake
    await fake.close()
    const rig = new Rig(node(['buffer', 1n]))
    rig.rows('m v=1 @1', 'm v=2 @2')
    await rig.until('write_errors', 2)
    fake = await FakeInfluxDB.start(port)
    expect(await fake.until(2)).toEqual(['m v=1 1000000000', 'm v=2 2000000000'])
  })

  it('that never answers makes neither memory grow nor the shard wait: the oldest points go', async () => {
    open({ maxQueuedBytes: 10_000 })
    fake.before = () => true
    const rig = new Rig(node(['buffer', 10n]))
    const row = (i: number): string => `m,h=${i} v=1 @${i}`
    const n = 5000
    for (let i = 0; i < n; i += 50) rig.rows(...Array.from({ length: 50 }, (_, k) => row(i + k)))
    const { points_dropped: dropped = 0 } = rig.counters
    expect(dropped).toBeGreaterThan(n - 10_000 / 20)
    // The request under way never ends: it and what waits behind it are given up at the deadline.
    await rig.stop(100)
    expect(fake.requests).toBe(1)
    expect(fake.lines).toEqual([])
    expect(logs.map((l) => l.keys.err)).toContain('too many points wait for InfluxDB')
  })

  it('does not hold up the stop of a task beyond the deadline', async () => {
    const { port } = fake
    await fake.close()
    const rig = new Rig(node(['create', false]))
    rig.rows('m v=1 @1')
    const started = Date.now()
    await rig.stop(200)
    expect(Date.now() - started).toBeLessThan(2000)
    expect(logs.some((l) => l.msg === 'points for InfluxDB dropped')).toBe(true)
    fake = await FakeInfluxDB.start(port)
  })
})

describe('life of a task', () => {
  it('writes everything at its stop', async () => {
    const rig = new Rig(node(['create', false]))
    rig.rows('m v=1 @1')
    await rig.stop()
    expect(fake.lines).toEqual(['m v=1 1000000000'])
  })

  it('keeps frames that come before the start', async () => {
    const planned = node(['buffer', 1n])
    const b = bench(influxDBOutEntry, planned)
    b.feed.rows(b.op, ['m v=1 @1'])
    const [{ type, payload }] = b.ctx.sent
    sink.onFrame({ type, shard: 0, life: 0, taskKey: 9, taskId: 'task', nodeIndex: planned.index, payload })
    const nodes = Object.assign([], { [planned.index]: planned }) as PlannedNode[]
    sink.start({ key: 9, id: 'task' }, { ...planOf(planned), nodes }, sink.prepare(planOf(planned)))
    expect(await fake.until(1)).toEqual(['m v=1 1000000000'])
  })

  it.each([
    ['', 'nope', 'no such InfluxDB config nope'],
    ['', '', 'no such InfluxDB config '],
    ['[[influxdb]]\nenabled = false\n', '', 'no such InfluxDB config '],
  ])('with %j and cluster %j does not start', (config, cluster, text) => {
    open({}, config)
    expect(() => sink.prepare(planOf(node(['cluster', cluster])))).toThrow(`failed to get InfluxDB client: ${text}`)
  })

  it('finds the default cluster among several', async () => {
    open(
      {},
      `[[influxdb]]\nenabled = true\nname = "a"\nurls = ["http://127.0.0.1:1"]\n` +
        `[[influxdb]]\nenabled = true\ndefault = true\nname = "b"\nurls = ["${fake.url}"]\n`,
    )
    const rig = new Rig(node(['buffer', 1n]))
    rig.rows('m v=1 @1')
    expect(await fake.until(1)).toHaveLength(1)
    expect(() => sink.prepare(planOf(node(['cluster', 'a'])))).not.toThrow()
  })
})
