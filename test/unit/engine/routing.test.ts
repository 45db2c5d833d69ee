import { describe, expect, it } from 'vitest'
import { Routing } from '../../../src/engine/routing.js'
import type { Partition, Subscription } from '../../../src/transport/routes.js'

const host: Partition = { kind: 'tags', tags: ['host'] }
const sub = (partition: Partition, measurements: string[] | null, reads: string[] = []): Subscription => ({
  db: 'd',
  rp: 'r',
  measurements,
  partition,
  reads,
})

describe('routing', () => {
  it('gives tasks with the same tables and partition one route', () => {
    const routing = new Routing<string>()
    const a = routing.add('a', [sub(host, ['cpu', 'mem'])])
    const b = routing.add('b', [sub({ kind: 'tags', tags: ['host'] }, ['cpu'])])
    const c = routing.add('c', [sub({ kind: 'tags', tags: ['host', 'dc'] }, ['cpu'])])
    const d = routing.add('d', [sub({ kind: 'series', exclude: [] }, ['cpu'])])
    const e = routing.add('e', [sub({ kind: 'pinned', shard: 1 }, null)])
    const f = routing.add('f', [{ ...sub(host, ['cpu']), rp: 'other' }])
    expect(b[0]).toBe(a[0])
    expect(new Set([...a, ...c, ...d, ...e, ...f].map((r) => r.id)).size).toBe(6)
    expect([...routing.subscribers(a[0].id)]).toEqual(['a', 'b'])
    expect(routing.routes().length).toBe(6)
  })

  it('keeps a shared route until its last task has gone, and never gives its number again', () => {
    const routing = new Routing<string>()
    const [route] = routing.add('a', [sub(host, ['cpu'])])
    routing.add('b', [sub(host, ['cpu'])])
    routing.remove('a')
    expect([...routing.subscribers(route.id)]).toEqual(['b'])
    routing.remove('b')
    expect(routing.routes()).toEqual([])
    expect(routing.subscribers(route.id).size).toBe(0)
    expect(routing.add('c', [sub(host, ['cpu'])])[0].id).toBeGreaterThan(route.id)
  })

  it('unites what the tasks of a measurement read', () => {
    const routing = new Routing<string>()
    routing.add('a', [sub(host, ['cpu'], ['usage', 'host'])])
    routing.add('b', [sub(host, null, ['host', 'idle'])])
    expect(routing.reads('d', 'r', 'cpu')).toEqual(['host', 'idle', 'usage'])
    expect(routing.reads('d', 'r', 'mem')).toEqual(['host', 'idle'])
    expect(routing.reads('d', 'x', 'cpu')).toEqual([])
    routing.remove('b')
    expect(routing.reads('d', 'r', 'mem')).toEqual([])
  })
})
