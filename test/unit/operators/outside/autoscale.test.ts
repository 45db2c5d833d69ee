import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { evaluateScript } from '../../../../src/compile/evaluate-script.js'
import type { ScaleAnswer, ScaleCall } from '../../../../src/operators/outside/autoscale.js'
import { ec2AutoscaleEntry } from '../../../../src/operators/outside/ec2-autoscale.js'
import { k8sAutoscaleEntry } from '../../../../src/operators/outside/k8s-autoscale.js'
import { swarmAutoscaleEntry } from '../../../../src/operators/outside/swarm-autoscale.js'
import type { OperatorEntry } from '../../../../src/operators/registry-types.js'
import { planTask } from '../../../../src/plan/plan.js'
import type { Lambda, ScriptValue } from '../../../../src/tickscript/node-def.js'
import { Out } from '../../../../src/transport/output.js'
import { bench, type TestBench, useUpBudget } from '../bench.js'
import { type FeedOptions, plan } from '../harness.js'

function lambdaOf(text: string): Lambda {
  const { pipeline } = evaluateScript(`stream|from()|where(lambda: ${text})`, {})
  return pipeline.nodes.find((n) => n.def.method === 'where')!.props.lambda as Lambda
}

const seconds = (n: number): Duration => new Duration(BigInt(n) * 1_000_000_000n)

class Rig {
  readonly b: TestBench
  readonly calls: ScaleCall[] = []

  constructor(
    entry: OperatorEntry,
    props: Record<string, ScriptValue>,
    replicas: string,
    feed: FeedOptions = {},
    edge?: 'batch',
  ) {
    this.b = bench(
      entry,
      plan(entry.def, [], { ...props, replicas: lambdaOf(replicas) }, { edge: edge ?? 'stream' }),
      feed,
    )
  }

  rows(...lines: string[]): void {
    this.b.feed.rows(this.b.op, lines)
  }

  /** The calls made since the last time. */
  asked(): ScaleCall[] {
    const calls = this.b.ctx.sent.splice(0).map(({ type, payload }) => {
      expect(type).toBe(Out.Autoscale)
      return JSON.parse(Buffer.from(payload).toString()) as ScaleCall
    })
    this.calls.push(...calls)
    return calls
  }

  answer(call: ScaleCall, count: number, error = ''): void {
    const { request } = call
    this.b.op.control({ what: 'scale', request, count, error } satisfies ScaleAnswer)
  }

  /** Answers every call: resources start with `start`. */
  serve(start = 3): string[] {
    const log: string[] = []
    for (let calls = this.asked(); calls.length > 0; calls = this.asked()) {
      expect(calls).toHaveLength(1)
      const { op, resource, count } = calls[0]
      log.push(op === 'get' ? `get ${resource.name}` : `${resource.name}=${count}`)
      this.answer(calls[0], start)
    }
    return log
  }

  get errors(): string[] {
    return this.b.ctx.errors.map((e) => e.err)
  }
}

const swarm = (props: Record<string, ScriptValue> = {}, replicas = 'int("v")', feed: FeedOptions = {}): Rig =>
  new Rig(swarmAutoscaleEntry, { serviceNameTag: 'service', ...props }, replicas, feed)

describe('autoscale', () => {
  it('scales within limits and cool-downs (worked example)', () => {
    const rig = swarm({ min: 2n, max: 6n, increaseCooldown: seconds(10) })
    rig.rows(
      'm,service=web v=9 @2',
      'm,service=web v=5 @3',
      'm,service=web v=6 @5',
      'm,service=web v=6 @13',
      'm,service=web v=0 @15',
    )
    expect(rig.serve(3)).toEqual(['get web', 'web=6', 'web=5', 'web=6', 'web=2'])
    expect(rig.b.out.take()).toEqual([
      'm,service=web new=6i,old=3i @2',
      'm,service=web new=5i,old=6i @3',
      'm,service=web new=6i,old=5i @13',
      'm,service=web new=2i,old=6i @15',
    ])
    expect(Object.fromEntries(rig.b.ctx.counters)).toEqual({
      increase_events: 2,
      decrease_events: 2,
      cooldown_drops: 1,
    })
  })

  it('has a cool-down of its own for decreases, exact to the ns', () => {
    const rig = swarm({ decreaseCooldown: seconds(10) })
    rig.rows('m,service=a v=2 @1', 'm,service=a v=1 @10999999999n', 'm,service=a v=1 @11')
    rig.serve(3)
    expect(rig.b.out.take()).toEqual(['m,service=a new=2i,old=3i @1', 'm,service=a new=1i,old=2i @11'])
    expect(rig.b.ctx.counters.get('cooldown_drops')).toBe(1)
  })

  it('emits the group’s tags and the resource’s, no fields of the input', () => {
    const rig = swarm({ outputServiceNameTag: 'out' }, 'int("v")', { dims: ['dc'] })
    rig.rows('m,service=a,dc=x,other=1 v=5,w=7 @1')
    rig.serve()
    expect(rig.b.out.take()).toEqual(['m,dc=x,out=a new=5i,old=3i @1'])
    expect(rig.b.groups()).toEqual(['dc=x'])
  })

  it('knows the current number as an int', () => {
    const rig = swarm({ currentField: 'now', serviceName: 'web', serviceNameTag: '' }, '"now" + 1')
    rig.rows('m v=1 @1', 'm v=1 @2', 'm,now=x @3')
    rig.serve(9)
    expect(rig.b.out.take()).toEqual(['m new=10i,old=9i @1', 'm new=11i,old=10i @2'])
    expect(rig.errors).toHaveLength(1)
  })

  it('shares the state of a resource between groups', () => {
    const rig = swarm({ serviceName: 'web', serviceNameTag: '' }, 'int("v")', { dims: ['h'] })
    rig.rows('m,h=a v=5 @1', 'm,h=b v=5 @2', 'm,h=b v=6 @3')
    expect(rig.serve()).toEqual(['get web', 'web=5', 'web=6'])
    expect(rig.b.out.take()).toEqual(['m,h=a new=5i,old=3i @1', 'm,h=b new=6i,old=5i @3'])
  })

  it('keeps the state of functions per group, in order, whatever waits', () => {
    const rig = swarm({ serviceName: 'web', serviceNameTag: '' }, 'count() * 10', { dims: ['h'] })
    rig.rows('m,h=a @1', 'm,h=a @2', 'm,h=b @3', 'm,h=a @4')
    expect(rig.serve()).toEqual(['get web', 'web=10', 'web=20', 'web=10', 'web=30'])
  })

  it('takes batches and emits a stream', () => {
    const rig = new Rig(swarmAutoscaleEntry, { serviceNameTag: 's' }, 'int("v")', { dims: ['h'] }, 'batch')
    rig.b.feed.batch(rig.b.op, 'm,h=a', 9, ['m,h=a,s=x v=5 @1', 'm,h=a v=5 @2', 'm,h=a,s=x v=7 @3'])
    rig.serve()
    expect(rig.b.out.take()).toEqual(['m,h=a,s=x new=5i,old=3i @1', 'm,h=a,s=x new=7i,old=5i @3'])
    expect(rig.b.ctx.errors).toMatchObject([
      { msg: 'error batch handling point', err: 'could not determine the name of the resource' },
    ])
  })

  it.each([
    ['m v=1 @1', 'could not determine the name of the resource'],
    ['m,service=a x=1 @1', 'failed to evaluate the replicas expression: '],
    [
      'm,service=a,v=1 v=1 @1',
      'failed to evaluate the replicas expression: cannot have field and tags with same name "v"',
    ],
  ])('%s is an error', (row, text) => {
    const rig = swarm()
    rig.rows(row)
    rig.serve()
    expect(rig.b.ctx.errors).toHaveLength(1)
    expect(rig.b.ctx.errors[0].msg).toBe('error handling point')
    expect(rig.errors[0].startsWith(text), rig.errors[0]).toBe(true)
    expect(rig.b.out.take()).toEqual([])
  })

  it('refuses numbers that are no ints', () => {
    const rig = swarm({}, '"v"')
    rig.rows('m,service=a v=1.0 @1')
    rig.serve()
    expect(rig.errors).toEqual(['failed to evaluate the replicas expression: expression does not return an int'])
  })
})

describe('calls to the cluster', () => {
  it('go out one at a time; what comes behind waits in order, barriers and deletes too', () => {
    const rig = swarm({}, 'int("v")', { dims: ['h'] })
    rig.rows('m,h=a,service=x v=5 @1', 'm,h=b,service=y v=6 @2')
    rig.b.feed.barrier(rig.b.op, 'm,h=a', 2)
    rig.rows('m,h=a,service=x v=5 @3', 'm,h=a,service=x v=7 @4')
    rig.b.feed.deleteGroup(rig.b.op, 'm,h=a')
    expect(rig.b.out.take()).toEqual([])
    expect(rig.serve()).toEqual(['get x', 'x=5', 'get y', 'y=6', 'x=7'])
    expect(rig.b.out.take()).toEqual([
      'm,h=a,service=x new=5i,old=3i @1',
      'm,h=b,service=y new=6i,old=3i @2',
      'barrier h=a @2',
      'm,h=a,service=x new=7i,old=5i @4',
      'delete h=a',
    ])
  })

  it('leave the state as it was when they fail; for a second the resource is left alone', () => {
    const rig = swarm({ increaseCooldown: seconds(100) })
    rig.rows('m,service=a v=5 @1', 'm,service=a v=5 @2', 'm,service=b v=5 @3')
    rig.answer(rig.asked()[0], 0, 'no route')
    expect(rig.errors).toEqual([
      'could not determine initial scale for "a": no route',
      'could not determine initial scale for "a": no route',
    ])
    expect(rig.serve()).toEqual(['get b', 'b=5'])
    rig.b.harness.advance(2000)
    rig.rows('m,service=a v=5 @4')
    rig.answer(rig.asked()[0], 3)
    rig.answer(rig.asked()[0], 0, 'conflict')
    expect(rig.errors.at(-1)).toBe('failed to apply scaling event: conflict')
    rig.b.harness.advance(4000)
    // No increase has happened, so no cool-down holds.
    rig.rows('m,service=a v=5 @5')
    expect(rig.serve()).toEqual(['a=5'])
    expect(rig.b.out.take()).toEqual(['m,service=b new=5i,old=3i @3', 'm,service=a new=5i,old=3i @5'])
  })

  it('that belong to an earlier life of the shard are not taken for its own', () => {
    const rig = swarm()
    rig.rows('m,service=a v=5 @1')
    const [call] = rig.asked()
    rig.answer({ ...call, request: call.request - 1 }, 9)
    expect(rig.asked()).toEqual([])
    rig.answer(call, 3)
    expect(rig.serve()).toEqual(['a=5'])
  })

  it('do not keep groups that are evicted; what was asked for still counts', () => {
    const rig = swarm({}, 'int("v")', { dims: ['h'] })
    rig.rows('m,h=a,service=x v=5 @1', 'm,h=b,service=x v=6 @2')
    rig.answer(rig.asked()[0], 3)
    const [call] = rig.asked()
    const { feed, op } = rig.b
    op.evictGroup(feed.grouping, 0)
    rig.answer(call, 5)
    expect(rig.serve()).toEqual(['x=6'])
    expect(rig.b.out.take()).toEqual(['m,h=b,service=x new=6i,old=5i @2'])
    expect(rig.b.ctx.counters.get('increase_events')).toBe(2)
  })

  it('hold at most 10,000 rows', () => {
    const rig = swarm()
    rig.rows('m,service=a v=5 @0', ...Array.from({ length: 10_100 }, (_, i) => `m,service=a v=5 @${i}`))
    expect(rig.b.ctx.drops.get('memory')).toBe(100)
    expect(rig.errors[0]).toBe('too many points wait for the cluster')
    expect(rig.serve()).toEqual(['get a', 'a=5'])
  })

  it('are refused when the budget cannot keep the group', () => {
    const rig = swarm({}, 'count()', { dims: ['h'] })
    rig.rows('m,h=a,service=x @1')
    useUpBudget(rig.b)
    const many = Array.from({ length: 100 }, () => 'm,h=a,service=x @2')
    rig.rows(...many)
    expect(rig.b.ctx.drops.get('memory') ?? 0).toBeLessThanOrEqual(100)
    rig.serve()
    rig.b.op.dispose()
  })

  it('that are out when the task stops are reported', () => {
    const rig = swarm()
    rig.rows('m,service=a v=5 @1', 'm,service=a v=5 @2')
    rig.b.op.stop()
    expect(rig.b.ctx.errors).toMatchObject([{ err: 'the task stopped before the cluster answered', n: 2 }])
  })
})

describe('kinds of clusters', () => {
  it('Kubernetes: namespace, kind and name', () => {
    const rig = new Rig(k8sAutoscaleEntry, { resourceName: 'api', namespace: 'prod', kindTag: '' }, 'int("v")')
    rig.rows('m v=5 @1')
    const [call] = rig.asked()
    expect(call.resource).toEqual({ name: 'api', namespace: 'prod', kind: 'deployments' })
    rig.answer(call, 3)
    rig.serve()
    expect(rig.b.out.take()).toEqual(['m,namespace=prod,resource=api new=5i,old=3i @1'])
  })

  it('Kubernetes: the empty namespace is default', () => {
    const rig = new Rig(k8sAutoscaleEntry, { resourceNameTag: 'd' }, 'int("v")', { dims: ['d'] })
    rig.rows('m,d=api v=5 @1')
    rig.serve()
    expect(rig.b.out.take()).toEqual(['m,d=api,kind=deployments,namespace=default,resource=api new=5i,old=3i @1'])
  })

  it('EC2: the group’s name', () => {
    const rig = new Rig(ec2AutoscaleEntry, { groupNameTag: 'asg' }, 'int("v")')
    rig.rows('m,asg=g v=5 @1')
    expect(rig.serve()).toEqual(['get g', 'g=5'])
    expect(rig.b.out.take()).toEqual(['m,asg=g new=5i,old=3i @1'])
  })

  it.each(['k8sAutoscale().resourceName', 'swarmAutoscale().serviceName', 'ec2Autoscale().groupName'])(
    '%s runs on one shard',
    (call) => {
      const script = `stream|from().groupBy('h')|${call}('x').replicas(lambda: int("v"))|window().period(1s).every(1s)`
      const { partition, partitionReason } = planTask(evaluateScript(script, {}).pipeline, { taskId: 't', shards: 4 })
      expect(partition.kind).toBe('pinned')
      expect(partitionReason).toContain('keeps the state of what it scales')
    },
  )
})
