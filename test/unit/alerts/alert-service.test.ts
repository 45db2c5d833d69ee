import { afterAll, describe, expect, it, vi } from 'vitest'
import { FrameWriter, type InhibitorState } from '../../../src/alert-handlers/event-frame.js'
import { AlertService } from '../../../src/alerts/alert-service.js'
import { type EventState, TopicService, type TopicStore } from '../../../src/alerts/topics.js'
import { ManualClock } from '../../../src/engine/clock.js'
import type { Engine } from '../../../src/engine/engine-api.js'
import type { RunPart, RunStart } from '../../../src/engine/run-part.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { alertDef } from '../../../src/operators/alert/alert-def.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import type { MirroredStates } from '../../../src/state/topic-mirror.js'
import type { HandlerCall, ScriptValue } from '../../../src/tickscript/node-def.js'
import { Out } from '../../../src/transport/output.js'
import { noServices, services } from '../alert-handlers/rig.js'
import { plan } from '../operators/harness.js'
import { event, TestLog } from './events.js'

const http = new HttpClient()
afterAll(() => http.close())

/** Keeps states in memory while tasks are stopped. */
const keepStates: TopicStore = {
  topics: () => [],
  load: (): [string, EventState][] => [],
  put() {},
  delete() {},
  clear: () => Promise.resolve(),
}

function planOf(...nodes: { props?: Record<string, ScriptValue>; handlers?: HandlerCall[] }[]): TaskPlan {
  const planned: PlannedNode[] = nodes.map(({ props = {}, handlers = [] }, i) => {
    const p = plan(alertDef, [], props)
    p.node.id = i + 2
    p.node.handlers.push(...handlers)
    return { ...p, index: i + 2 }
  })
  return {
    pipeline: { type: 'stream', sources: [], nodes: [] },
    nodes: planned,
    partition: { kind: 'pinned', shard: 0 },
    partitionReason: '',
    reads: [],
    measurements: null,
  }
}

/** The service between a hand-driven engine and its topics. */
function setup(given = noServices, store: TopicStore | null = keepStates) {
  const log = new TestLog()
  const topics = new TopicService(store, log)
  const clock = new ManualClock(1000)
  const alerts = new AlertService({ topics, services: given, http, log, clock })
  /** What the shards were told: states, topics that are gone, and that what they had sent was handled. */
  const told: MirroredStates[] = []
  let handled = 0
  /** What a shard that was told all of it has, as `topic id level seconds`. */
  const states = new Map<string, Map<string, string>>()
  const engine: Pick<Engine, 'mirrorTopicStates' | 'forgetTopicStates' | 'outputRead' | 'topicStatesSent'> = {
    mirrorTopicStates(list) {
      told.push(list)
      const of = states.get(list.topic) ?? new Map<string, string>()
      states.set(list.topic, of)
      list.ids.forEach((id, i) => {
        if (list.levels[i] === 0) of.delete(id)
        else of.set(id, `${list.topic} ${id} ${list.levels[i]} ${list.timesNs[i] / 1_000_000_000n}`)
      })
    },
    forgetTopicStates: (topic) => void states.delete(topic),
    outputRead: () => [7],
    topicStatesSent(read) {
      expect(read).toEqual([7])
      handled++
    },
  }
  const shardStates = (): string[] => [...states.values()].flatMap((of) => [...of.values()])
  alerts.attach(engine as Engine)
  const frames = new FrameWriter()
  const parts = new Map<number, RunPart>()
  /** What the shards get with the run. */
  const start = async (
    id: string,
    key: number,
    p: TaskPlan,
  ): Promise<{ states: string[]; data: unknown[]; again: () => MirroredStates[] }> => {
    const part = alerts.partOf({ key, id, taskId: id, taskMaster: 'main', dbrps: [], plan: p })
    if (part === null) throw new Error('no alert nodes')
    parts.set(key, part)
    const into: RunStart = { nodeData: new Map(), alertStates: [] }
    await part.prepare(into)
    const again = () => into.alertStates.flatMap((of) => of())
    return { states: shardStates(), data: [...into.nodeData], again }
  }
  const part = (key: number): RunPart => {
    const found = parts.get(key)
    if (found === undefined) throw new Error(`no run ${key}`)
    return found
  }
  const stop = async (key: number): Promise<void> => {
    await part(key).draining(1000)
    part(key).stopped()
  }
  const frame = (type: number, taskId: string, taskKey: number, nodeIndex: number, payload: Uint8Array) =>
    part(taskKey).onFrame({ type, shard: 0, life: 0, taskKey, taskId, nodeIndex, payload })
  const send = (
    taskId: string,
    key: number,
    node: number,
    e: { id: string; level: number; t?: number; category?: string; tags?: Record<string, string> },
  ) =>
    frame(
      Out.Alert,
      taskId,
      key,
      node,
      frames.event(
        {
          id: e.id,
          level: e.level,
          message: `${e.id} message`,
          details: '',
          name: 'm',
          group: '',
          category: e.category ?? '',
          recoverable: true,
          ms: (e.t ?? 0) * 1000,
          sub: 0,
          timeNs: BigInt(e.t ?? 0) * 1_000_000_000n,
          durationNs: 0n,
          acceptedMs: 1000,
          tags: new Map(Object.entries(e.tags ?? {})),
        },
        [],
      ),
    )
  const inhibit = (taskId: string, key: number, node: number, on: boolean, inhibitors: InhibitorState[]) =>
    frame(Out.Inhibit, taskId, key, node, frames.inhibit(on, 0, inhibitors))
  return {
    log,
    part,
    stop,
    topics,
    alerts,
    start,
    send,
    inhibit,
    frame,
    frames,
    told,
    shardStates,
    handled: () => handled,
    clock,
  }
}

const logTo = (path: string): HandlerCall => ({ kind: 'log', props: { path, mode: 0o600n } })
const nextTick = () => new Promise((resolve) => setImmediate(resolve))

describe('alert service', () => {
  it('feeds the anonymous topic and the named one, and counts per level', async () => {
    const s = setup()
    await s.start('t1', 1, planOf({ props: { topic: 'named' }, handlers: [logTo('/dev/null')] }, {}))
    s.send('t1', 1, 2, { id: 'a', level: 3 })
    s.send('t1', 1, 2, { id: 'a', level: 0 })
    s.send('t1', 1, 3, { id: 'b', level: 1 })
    expect(s.topics.list()).toEqual([
      { id: 'main:t1:alert2', level: 0, collected: 2 },
      { id: 'named', level: 0, collected: 2 },
    ])
    expect(s.part(1).countersOf(2)).toMatchObject({ alerts_triggered: 2, crits_triggered: 1, oks_triggered: 1 })
    expect(s.part(1).countersOf(3)).toMatchObject({ alerts_triggered: 1, infos_triggered: 1 })
    expect(s.part(1).countersOf(9)).toEqual({})
  })

  it('measures the time from the stamp of the write to the event, in fixed memory', async () => {
    const s = setup()
    expect(s.alerts.latency.view()).toEqual({ count: 0, sum: 0, p50: 0, p99: 0, p999: 0, max: 0 })
    await s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    for (let i = 0; i < 990; i++) s.send('t1', 1, 2, { id: 'a', level: 3 })
    s.clock.set(1250)
    for (let i = 0; i < 10; i++) s.send('t1', 1, 2, { id: 'a', level: 3 })
    expect(s.alerts.latency.view()).toEqual({ count: 1000, sum: 2.5, p50: 0, p99: 0, p999: 0.25, max: 0.25 })
    s.clock.set(1e10)
    s.send('t1', 1, 2, { id: 'a', level: 3 })
    expect(s.alerts.latency.view().max).toBeGreaterThan(3500)
  })

  it('drops inhibited events before the topics, by category and tags', async () => {
    const s = setup()
    await s.start('A', 1, planOf({}))
    await s.start('B', 2, planOf({ props: { topic: 'b', category: 'app' } }))
    const b = (host: string, t: number, level = 3) =>
      s.send('B', 2, 2, { id: host, level, t, category: 'app', tags: { host, x: 'y' } })
    const a = (on: boolean) => s.inhibit('A', 1, 2, on, [{ category: 'app', tags: [['host', 'h1']] }])
    b('h1', 40)
    a(true)
    b('h1', 42)
    b('h2', 42)
    b('h1', 43, 0)
    a(false)
    b('h1', 46)
    expect(s.part(2).countersOf(2)).toMatchObject({ alerts_triggered: 3, alerts_inhibited: 2 })
    expect(s.topics.events('b')!.get('h1')!.timeNs).toBe(46_000_000_000n)
    a(true)
    await s.stop(1)
    expect(s.alerts.inhibitors.size).toBe(0)
    b('h1', 47)
    expect(s.part(2).countersOf(2)).toMatchObject({ alerts_triggered: 4 })
  })

  it('takes a missing tag as empty and the empty category as one of its own', async () => {
    const s = setup()
    await s.start('A', 1, planOf({ props: { topic: 'a' } }))
    s.inhibit('A', 1, 2, true, [{ category: '', tags: [['rack', '']] }])
    s.send('A', 1, 2, { id: 'a', level: 3 })
    s.send('A', 1, 2, { id: 'b', level: 3, tags: { rack: 'r' } })
    s.send('A', 1, 2, { id: 'c', level: 3, category: 'other' })
    expect([...s.topics.events('a')!.keys()]).toEqual(['b', 'c'])
  })

  it('mirrors the last state per id to the shards and gives them to the next start', async () => {
    const s = setup()
    const p = () => planOf({ handlers: [logTo('/dev/null')] })
    expect((await s.start('t1', 1, p())).states).toEqual([])
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    s.send('t1', 1, 2, { id: 'a', level: 2, t: 2 })
    s.send('t1', 1, 2, { id: 'b', level: 0, t: 3 })
    await nextTick()
    expect(s.told.map((t) => [t.topic, t.ids])).toEqual([['main:t1:alert2', ['a']]])
    expect(s.shardStates()).toEqual(['main:t1:alert2 a 2 2'])
    await s.stop(1)
    // No run reads them any more.
    expect([s.topics.list(), s.shardStates()]).toEqual([[], []])
    expect((await s.start('t1', 2, p())).states).toEqual(['main:t1:alert2 a 2 2'])
    await s.topics.removeMatching('main:t1:')
    expect(s.shardStates()).toEqual([])
    await s.stop(2)
    expect((await s.start('t1', 3, p())).states).toEqual([])
  })

  it('mirrors a topic while some run has it, and no other', async () => {
    const s = setup()
    await s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    await s.start('t2', 2, planOf({ props: { topic: 'x' } }))
    s.topics.collect('alien', event({ id: 'a', level: 3 }))
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    await s.stop(1)
    await nextTick()
    expect(s.shardStates()).toEqual(['x a 3 1'])
    s.send('t2', 2, 2, { id: 'a', level: 0, t: 2 })
    s.send('t2', 2, 2, { id: 'b', level: 1, t: 2 })
    await nextTick()
    expect(s.shardStates()).toEqual(['x b 1 2'])
    await s.stop(2)
    expect(s.shardStates()).toEqual([])
  })

  it('tells of many states in lists, a bounded number in a turn of the loop, the newest of each', async () => {
    const s = setup()
    await s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    for (let i = 0; i < 5500; i++) s.send('t1', 1, 2, { id: `h${i}`, level: 3, t: 1 })
    await nextTick()
    const first = s.told.length
    expect([first, s.told[0]?.ids.length, s.handled()]).toEqual([1, 1000, 1])
    s.send('t1', 1, 2, { id: 'h5000', level: 2, t: 2 })
    await expect.poll(() => s.handled()).toBeGreaterThan(2)
    expect(Math.max(...s.told.map((t) => t.ids.length))).toBe(1000)
    expect(s.shardStates().length).toBe(5500)
    expect(s.shardStates()).toContain('x h5000 2 2')
    // A run that comes later finds them all on the shards.
    await s.stop(1)
    expect((await s.start('t2', 2, planOf({ props: { topic: 'x' } }))).states.length).toBe(5500)
  })

  it('tells the shards that an event was handled, also when it has changed nothing', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const s = setup()
      await s.start('t1', 1, planOf({ props: { topic: 'x' } }))
      await s.start('t2', 2, planOf({}))
      s.inhibit('t2', 2, 2, true, [{ category: '', tags: [] }])
      const handled = s.handled()
      s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
      vi.advanceTimersByTime(1000)
      await nextTick()
      expect([s.handled() - handled, s.told]).toEqual([1, []])
    } finally {
      vi.useRealTimers()
    }
  })

  it('forgets the states at a stop when nothing is persisted', async () => {
    const s = setup(noServices, null)
    const p = () => planOf({ handlers: [logTo('/dev/null')] })
    await s.start('t1', 1, p())
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    await s.stop(1)
    expect((await s.start('t1', 2, p())).states).toEqual([])
  })

  it('copies a state between topics when a shard restored from the other one', async () => {
    const s = setup()
    await s.start('t1', 1, planOf({ props: { topic: 'named' }, handlers: [logTo('/dev/null')] }))
    await s.start('t2', 2, planOf({ props: { topic: 'named' } }))
    s.send('t2', 2, 2, { id: 'a', level: 3, t: 1 })
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('named', 'main:t1:alert2', 'a'))
    expect(s.topics.events('main:t1:alert2')!.get('a')).toMatchObject({ level: 3 })
    s.send('t2', 2, 2, { id: 'a', level: 1, t: 2 })
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('main:t1:alert2', 'named', 'a'))
    expect(s.topics.events('named')!.get('a')).toMatchObject({ level: 3, timeNs: 1_000_000_000n })
    await s.topics.remove('named')
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('main:t1:alert2', 'named', 'a'))
    expect(s.topics.events('named')?.get('a')).toBeUndefined()
  })

  it('gives a shard that builds the run again the states of now, and drops the inhibitors of its lost groups', async () => {
    const s = setup()
    const { again } = await s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    expect(again()).toEqual([])
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    s.send('t1', 1, 2, { id: 'b', level: 3, t: 1 })
    await s.start('t2', 2, planOf({}))
    s.inhibit('t1', 1, 2, true, [{ category: 'app', tags: [] }])
    s.inhibit('t2', 2, 2, true, [{ category: 'app', tags: [] }])
    await nextTick()
    s.send('t1', 1, 2, { id: 'b', level: 0, t: 2 })
    s.part(1).shardRestarted(1)
    expect(s.alerts.inhibitors.size).toBe(2)
    expect(again().map((t) => [t.topic, t.ids, [...t.levels], [...t.timesNs]])).toEqual([
      ['x', ['a'], [3], [1_000_000_000n]],
    ])
    s.part(1).shardRestarted(0)
    expect(s.alerts.inhibitors.size).toBe(1)
  })

  it('keeps runs apart that follow each other under one id', async () => {
    const s = setup()
    const p = () => planOf({ props: { topic: 'x' }, handlers: [logTo('/dev/null')] })
    await s.start('t1', 1, p())
    const draining = s.part(1).draining(1000)
    await s.start('t1', 2, p())
    await draining
    s.part(1).stopped()
    s.send('t1', 2, 2, { id: 'a', level: 3 })
    expect(s.part(2).countersOf(2)).toMatchObject({ alerts_triggered: 1 })
    expect(s.topics.queues('main:t1:alert2')).toHaveLength(1)
  })

  it('says which enabled services it cannot serve', async () => {
    const s = setup(services({ pagerduty: { enabled: true }, slack: { enabled: true }, udf: { enabled: true } }))
    expect(s.log.lines).toEqual([
      {
        level: 'error',
        msg: 'alert service is enabled in the configuration but not supported yet',
        keys: { handler: 'pagerduty' },
      },
    ])
  })

  it('gives nodes the global slack handler and the state changes that go with it', async () => {
    const s = setup(services({ slack: [{ enabled: true, global: true, url: 'http://127.0.0.1:1' }] }))
    const { data } = await s.start('t1', 1, planOf({}, { handlers: [{ kind: 'slack', props: {} }] }))
    expect(s.topics.queues('main:t1:alert2').map((h) => h.queue.handler.kind)).toEqual(['slack'])
    expect(s.topics.queues('main:t1:alert3')).toHaveLength(1)
    expect(data).toEqual([
      [2, { stateChangesOnly: true, anonymous: true }],
      [3, { stateChangesOnly: true, anonymous: true }],
    ])
  })

  it('does not start with a handler that cannot work, and cleans up', async () => {
    const s = setup()
    const bad = planOf({ handlers: [logTo('/dev/null'), { kind: 'post', props: { urls: [] } }] })
    await expect(s.start('t1', 1, bad)).rejects.toThrow('Either URL or endpoint must be non-empty')
    await s.stop(1)
    await s.start('t1', 2, planOf({ handlers: [logTo('/dev/null')] }))
    expect(s.topics.queues('main:t1:alert2')).toHaveLength(1)
  })
})
