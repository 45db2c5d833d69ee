import { describe, expect, it } from 'vitest'
import { AlertService } from '../../../src/alert/alert-service.js'
import { FrameWriter, type InhibitorState } from '../../../src/alert/event-frame.js'
import { noHandlerConfigs, readHandlerConfigs } from '../../../src/alert/handler-configs.js'
import { type EventState, TopicService, type TopicStore } from '../../../src/alert/topics.js'
import { alertDef } from '../../../src/operators/alert-def.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import type { Engine, OutputFrame, RunningTask } from '../../../src/route/engine-api.js'
import { Out } from '../../../src/shard/output.js'
import type { HandlerCall, ScriptValue } from '../../../src/tickscript/node-def.js'
import { plan } from '../operators/harness.js'
import { TestLog } from './events.js'

/** Keeps states in memory while tasks are stopped. */
const keepStates: TopicStore = {
  topics: () => [],
  load: (): [string, EventState][] => [],
  put() {},
  delete() {},
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
function setup(configs = noHandlerConfigs, store: TopicStore | null = keepStates) {
  const log = new TestLog()
  const topics = new TopicService(store, log)
  const alerts = new AlertService({ topics, configs, log })
  const outputs = new Map<number, (frame: OutputFrame) => void>()
  const mirrored: [string, string, number, string][] = []
  const controls: [number, unknown][] = []
  let restarted = (_shard: number): void => {}
  const engine: Pick<Engine, 'onOutput' | 'mirrorTopicState' | 'onShardRestarted'> = {
    onShardRestarted: (handler) => {
      restarted = handler
    },
    onOutput: (type, handler) => void outputs.set(type, handler),
    mirrorTopicState: (...state) => void mirrored.push(state),
  }
  alerts.attach(engine as Engine)
  const frames = new FrameWriter()
  const start = (id: string, key: number, p: TaskPlan) => {
    const states = alerts.starting({ id }, p)
    const running: Pick<RunningTask, 'key' | 'id' | 'control'> = {
      key,
      id,
      control: async (node, body) => {
        controls.push([node, body])
        return []
      },
    }
    alerts.started(running as RunningTask, { id }, p)
    return states
  }
  const frame = (type: number, taskId: string, taskKey: number, nodeIndex: number, payload: Uint8Array) =>
    outputs.get(type)!({ type, shard: 0, taskKey, taskId, nodeIndex, payload })
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
          tags: new Map(Object.entries(e.tags ?? {})),
        },
        () => '{"series":null}',
      ),
    )
  const inhibit = (taskId: string, key: number, node: number, on: boolean, inhibitors: InhibitorState[], group = 0) =>
    frame(Out.Inhibit, taskId, key, node, frames.inhibit(on, group, inhibitors))
  return {
    restart: (shard: number) => restarted(shard),
    log,
    topics,
    alerts,
    start,
    send,
    inhibit,
    frame,
    frames,
    mirrored,
    controls,
  }
}

const logTo = (path: string): HandlerCall => ({ kind: 'log', props: { path, mode: 0o600n } })
const nextTick = () => new Promise((resolve) => setImmediate(resolve))

describe('alert service', () => {
  it('feeds the anonymous topic and the named one, and counts per level', () => {
    const s = setup()
    s.start('t1', 1, planOf({ props: { topic: 'named' }, handlers: [logTo('/dev/null')] }, {}))
    s.send('t1', 1, 2, { id: 'a', level: 3 })
    s.send('t1', 1, 2, { id: 'a', level: 0 })
    s.send('t1', 1, 3, { id: 'b', level: 1 })
    expect(s.topics.list()).toEqual([
      { id: 'main:t1:alert2', level: 0, collected: 2 },
      { id: 'named', level: 0, collected: 2 },
    ])
    expect(s.alerts.countersOf(1, 2)).toMatchObject({ alerts_triggered: 2, crits_triggered: 1, oks_triggered: 1 })
    expect(s.alerts.countersOf(1, 3)).toMatchObject({ alerts_triggered: 1, infos_triggered: 1 })
    expect(s.alerts.countersOf(9, 2)).toEqual({})
  })

  it('drops inhibited events before the topics, by category and tags', async () => {
    const s = setup()
    s.start('A', 1, planOf({}))
    s.start('B', 2, planOf({ props: { topic: 'b', category: 'app' } }))
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
    expect(s.alerts.countersOf(2, 2)).toMatchObject({ alerts_triggered: 3, alerts_inhibited: 2 })
    expect(s.topics.events('b')!.get('h1')!.timeNs).toBe(46_000_000_000n)
    a(true)
    await s.alerts.stopped({ id: 'A' }, false)
    expect(s.alerts.inhibitors.size).toBe(0)
    b('h1', 47)
    expect(s.alerts.countersOf(2, 2)).toMatchObject({ alerts_triggered: 4 })
  })

  it('takes a missing tag as empty and the empty category as one of its own', () => {
    const s = setup()
    s.start('A', 1, planOf({ props: { topic: 'a' } }))
    s.inhibit('A', 1, 2, true, [{ category: '', tags: [['rack', '']] }])
    s.send('A', 1, 2, { id: 'a', level: 3 })
    s.send('A', 1, 2, { id: 'b', level: 3, tags: { rack: 'r' } })
    s.send('A', 1, 2, { id: 'c', level: 3, category: 'other' })
    expect([...s.topics.events('a')!.keys()]).toEqual(['b', 'c'])
  })

  it('mirrors the last state per id to the shards and gives them to the next start', async () => {
    const s = setup()
    const p = () => planOf({ handlers: [logTo('/dev/null')] })
    expect(s.start('t1', 1, p())).toEqual([])
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    s.send('t1', 1, 2, { id: 'a', level: 2, t: 2 })
    s.send('t1', 1, 2, { id: 'b', level: 0, t: 3 })
    await nextTick()
    expect(s.mirrored).toEqual([['main:t1:alert2', 'a', 2, '2000000000']])
    await s.alerts.stopped({ id: 't1' }, false)
    expect(s.topics.list()).toEqual([])
    expect(s.start('t1', 2, p())).toEqual([['main:t1:alert2', 'a', 2, '2000000000']])
    await s.alerts.stopped({ id: 't1' }, true)
    expect(s.start('t1', 3, p())).toEqual([])
    await nextTick()
    expect(s.mirrored.slice(1)).toEqual([['main:t1:alert2', 'a', 0, '2000000000']])
  })

  it('forgets the states at a stop when nothing is persisted', async () => {
    const s = setup(noHandlerConfigs, null)
    const p = () => planOf({ handlers: [logTo('/dev/null')] })
    s.start('t1', 1, p())
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    await s.alerts.stopped({ id: 't1' }, false)
    expect(s.start('t1', 2, p())).toEqual([])
  })

  it('copies a state between topics when a shard restored from the other one', () => {
    const s = setup()
    s.start('t1', 1, planOf({ props: { topic: 'named' }, handlers: [logTo('/dev/null')] }))
    s.start('t2', 2, planOf({ props: { topic: 'named' } }))
    s.send('t2', 2, 2, { id: 'a', level: 3, t: 1 })
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('named', 'main:t1:alert2', 'a'))
    expect(s.topics.events('main:t1:alert2')!.get('a')).toMatchObject({ level: 3 })
    s.send('t2', 2, 2, { id: 'a', level: 1, t: 2 })
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('main:t1:alert2', 'named', 'a'))
    expect(s.topics.events('named')!.get('a')).toMatchObject({ level: 3, timeNs: 1_000_000_000n })
    s.topics.remove('named')
    s.frame(Out.Alert, 't1', 1, 2, s.frames.restore('main:t1:alert2', 'named', 'a'))
    expect(s.topics.events('named')?.get('a')).toBeUndefined()
  })

  it('gives a restarted shard the states of now and drops the inhibitors of its lost groups', async () => {
    const s = setup()
    s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    s.send('t1', 1, 2, { id: 'a', level: 3, t: 1 })
    s.inhibit('t1', 1, 2, true, [{ category: 'app', tags: [] }])
    await nextTick()
    s.mirrored.length = 0
    s.restart(1)
    expect(s.alerts.inhibitors.size).toBe(1)
    s.restart(0)
    expect(s.alerts.inhibitors.size).toBe(0)
    expect(s.mirrored.slice(0, 1)).toEqual([['x', 'a', 3, '1000000000']])
  })

  it('says which enabled services it cannot serve', () => {
    const s = setup(
      readHandlerConfigs({ pagerduty: { enabled: true }, slack: { enabled: true }, udf: { enabled: true } }),
    )
    expect(s.log.lines).toEqual([
      {
        level: 'error',
        msg: 'alert service is enabled in the configuration but not supported yet',
        keys: { handler: 'pagerduty' },
      },
    ])
  })

  it('counts events of tasks that are gone', async () => {
    const s = setup()
    s.start('t1', 1, planOf({ props: { topic: 'x' } }))
    await s.alerts.stopped({ id: 't1' }, false)
    s.send('t1', 1, 2, { id: 'a', level: 3 })
    expect(s.alerts.lateEvents).toBe(1)
  })

  it('gives nodes the global slack handler and the state changes that go with it', () => {
    const s = setup(readHandlerConfigs({ slack: [{ enabled: true, global: true, url: 'http://127.0.0.1:1' }] }))
    s.start('t1', 1, planOf({}, { handlers: [{ kind: 'slack', props: {} }] }))
    expect(s.topics.queues('main:t1:alert2').map((h) => h.queue.handler.kind)).toEqual(['slack'])
    expect(s.topics.queues('main:t1:alert3')).toHaveLength(1)
    expect(s.controls).toEqual([
      [2, { type: 'alert', stateChangesOnly: true, anonymous: true }],
      [3, { type: 'alert', stateChangesOnly: true, anonymous: false }],
    ])
  })

  it('does not start with a handler that cannot work, and cleans up', async () => {
    const s = setup()
    const bad = planOf({ handlers: [logTo('/dev/null'), { kind: 'post', props: { urls: [] } }] })
    expect(() => s.alerts.starting({ id: 't1' }, bad)).toThrow('post handler')
    await s.alerts.stopped({ id: 't1' }, false)
    s.start('t1', 1, planOf({ handlers: [logTo('/dev/null')] }))
    expect(s.topics.queues('main:t1:alert2')).toHaveLength(1)
  })
})
