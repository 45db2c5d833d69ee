import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WriteRequest, WriteResult } from '../../../src/engine/engine-api.js'
import { kapacitorLoopbackEntry } from '../../../src/operators/outside/kapacitor-loopback.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { LoopbackSink } from '../../../src/sinks/loopback-sink.js'
import { TestEngine } from '../engine/engine-harness.js'
import { bench, call, type TestBench } from '../operators/bench.js'
import { type FeedOptions, plan } from '../operators/harness.js'

let logs: { msg: string; keys: Record<string, unknown> }[]
const error = (msg: string, keys: Record<string, unknown> = {}): void => {
  logs.push({ msg, keys })
}
const log = { debug() {}, info() {}, error, with: () => log }

beforeEach(() => {
  logs = []
})

function node(measurement = '', tags: [string, string][] = []): PlannedNode {
  const p = plan(kapacitorLoopbackEntry.def, [], { database: 'd', retentionPolicy: 'r', measurement })
  for (const [k, v] of tags) call(p, 'tag', k, v)
  return p
}

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

class Rig {
  readonly b: TestBench

  constructor(
    readonly sink: LoopbackSink,
    readonly planned: PlannedNode,
    feed: FeedOptions = {},
    readonly key = 7,
  ) {
    this.b = bench(kapacitorLoopbackEntry, planned, feed)
    const nodes = Object.assign([], { [planned.index]: planned }) as PlannedNode[]
    sink.start(key, { ...planOf(planned), nodes: [planned, ...nodes.slice(1)] })
  }

  deliver(): void {
    for (const { type, payload } of this.b.ctx.sent.splice(0)) {
      this.sink.onFrame({
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

  rows(...lines: string[]): void {
    this.b.feed.rows(this.b.op, lines)
    this.deliver()
  }

  get counters(): Readonly<Record<string, number>> {
    return this.sink.countersOf(this.key, this.planned.index)
  }
}

/** Takes writes as an engine does; `room` decides. */
class Writes {
  readonly bodies: string[] = []
  room: (body: string) => WriteResult | Promise<WriteResult> | null = () => null

  write(request: WriteRequest): WriteResult | Promise<WriteResult> {
    expect(request).toMatchObject({ db: 'd', rp: 'r', precision: 'n', source: 'loopback' })
    const body = Buffer.from(request.body).toString()
    const answer = this.room(body)
    if (answer !== null) return answer
    this.bodies.push(body)
    return { status: 204, points: body.split('\n').length - 1, error: '' }
  }
}

describe('kapacitorLoopback', () => {
  it('renames, tags and writes points of a stream, exactly', async () => {
    const engine = new Writes()
    const rig = new Rig(new LoopbackSink({ engine, log }), node('n', [['src', 'loop']]))
    rig.rows('m,h=a,src=x v=9007199254740993i,w=0.1 @9007199254740993n', 'm d=5d @1')
    await rig.sink.idle(7)
    expect(engine.bodies).toEqual([
      'n,h=a,src=loop v=9007199254740993i,w=0.1 9007199254740993\nn,src=loop d=5i 1000000000\n',
    ])
    expect(rig.counters).toEqual({ points_written: 2 })
  })

  it('ignores the measurement for batches', async () => {
    const engine = new Writes()
    const rig = new Rig(new LoopbackSink({ engine, log }), node('n', [['src', 'loop']]), { dims: ['h'] })
    rig.b.feed.batch(rig.b.op, 'm,h=a', 5, ['m,h=a,c=1 v=1 @1', 'm,h=a v=2 @2'])
    rig.deliver()
    await rig.sink.idle(7)
    expect(engine.bodies.join('')).toBe('m,c=1,h=a,src=loop v=1 1000000000\nm,h=a,src=loop v=2 2000000000\n')
  })

  it('counts rows that cannot be written', () => {
    const rig = new Rig(new LoopbackSink({ engine: new Writes(), log }), node())
    rig.rows('m v=null @1', 'm v=NaN @2')
    expect(rig.b.ctx.errors).toMatchObject([
      { msg: 'failed to write point over loopback', err: 'no field can be written', n: 2 },
    ])
    expect(rig.b.ctx.drops.get('error')).toBe(2)
  })

  it('refuses to write where its own task reads', () => {
    const sink = new LoopbackSink({ engine: new Writes(), log })
    expect(() =>
      sink.check(planOf(node()), [
        { db: 'd', rp: 'x' },
        { db: 'd', rp: 'r' },
      ]),
    ).toThrow('loop detected on dbrp: "d"."r"')
    expect(() => sink.check(planOf(node()), [{ db: 'd', rp: 'x' }])).not.toThrow()
  })
})

describe('LoopbackSink', () => {
  it('writes in order, one at a time, however long a write waits', async () => {
    const engine = new Writes()
    let open = 0
    engine.room = (body) => {
      if (open > 0) throw new Error('two writes at once')
      open++
      return new Promise((resolve) =>
        setTimeout(() => {
          open--
          engine.bodies.push(body)
          resolve({ status: 204, points: 1, error: '' })
        }, 2),
      )
    }
    const rig = new Rig(new LoopbackSink({ engine, log }), node())
    for (let i = 0; i < 20; i++) rig.rows(`m v=${i} @${i}`)
    await rig.sink.idle(7)
    expect(engine.bodies.map((b) => Number(b.slice(4, b.indexOf(' ', 4))))).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    )
    expect(rig.counters.points_written).toBe(20)
    expect(rig.sink.queuedBytes).toBe(0)
  })

  it('tries again while there is no room, and gives up after its patience', async () => {
    const engine = new Writes()
    let full = 3
    engine.room = () => (full-- > 0 ? { status: 503, points: 0, error: 'no room' } : null)
    const rig = new Rig(new LoopbackSink({ engine, log, patienceMs: 200 }), node())
    rig.rows('m v=1 @1')
    await rig.sink.idle(7)
    expect(rig.counters).toEqual({ points_written: 1 })
    full = Number.POSITIVE_INFINITY
    rig.rows('m v=2 @2')
    await rig.sink.idle(7)
    expect(rig.counters).toEqual({ points_written: 1, errors: 1, points_dropped: 1 })
    expect(logs).toMatchObject([
      { msg: 'failed to write point over loopback', keys: { task: 'task', err: 'no room', points: 1 } },
    ])
  })

  it('drops and counts what does not fit into its queue', async () => {
    const engine = new Writes()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    engine.room = (body) => held.then(() => ({ status: 204 as const, points: body.split('\n').length - 1, error: '' }))
    const rig = new Rig(new LoopbackSink({ engine, log, maxQueuedBytes: 2000 }), node())
    for (let i = 0; i < 500; i++) rig.rows(`m v=${i} @${i}`)
    expect(rig.sink.queuedBytes).toBeLessThan(2100)
    release()
    await rig.sink.idle(7)
    const { points_written: written = 0, points_dropped: dropped = 0, errors = 0 } = rig.counters
    expect(written).toBeGreaterThan(50)
    expect(written + dropped).toBe(500)
    expect(dropped).toBe(rig.sink.dropped)
    expect(errors).toBe(dropped)
    expect(logs).toHaveLength(10)
  })

  it('writes line by line where one line is refused', async () => {
    const engine = new Writes()
    engine.room = (body) => (body.includes('v=2') ? { status: 400, points: 0, error: 'line too long' } : null)
    const rig = new Rig(new LoopbackSink({ engine, log }), node())
    rig.rows('m v=1 @1', 'm v=2 @2', 'm v=3 @3')
    await rig.sink.idle(7)
    expect(engine.bodies).toEqual(['m v=1 1000000000\n', 'm v=3 3000000000\n'])
    expect(rig.counters).toEqual({ points_written: 2, errors: 1, points_dropped: 1 })
  })

  it('forgets what waits when it closes', async () => {
    const engine = new Writes()
    engine.room = () => new Promise(() => {})
    const rig = new Rig(new LoopbackSink({ engine, log }), node())
    rig.rows('m v=1 @1')
    rig.rows('m v=2 @2')
    rig.sink.close()
    await rig.sink.idle(7)
    expect(rig.sink.queuedBytes).toBe(0)
  })
})

describe('through a real engine', () => {
  let t: TestEngine
  beforeEach(async () => {
    t = await TestEngine.start()
  })
  afterEach(() => t.close())

  it('points come back with their values', async () => {
    const task = await t.task('reader', { reads: ['v', 'h'] })
    const rig = new Rig(new LoopbackSink({ engine: t.engine, log }), node('n'))
    rig.rows('m,h=a v=9007199254740993i @9007199254740993n', 'm,h=b v=2i @2')
    await rig.sink.idle(7)
    await t.settled(task)
    expect(rig.counters).toEqual({ points_written: 2 })
    const seen = (await t.rows(task)).flat().join(' ')
    expect(seen).toContain('9007199254740993')
  })
})
