import { describe, expect, it } from 'vitest'
import type { RunningTask } from '../../../src/engine/engine-api.js'
import { httpOutDef } from '../../../src/operators/outside/http-out.js'
import type { TaskPlan } from '../../../src/plan/task-plan.js'
import { cleanEndpoint, HttpOutViews } from '../../../src/sinks/http-out-views.js'
import { plan } from '../operators/harness.js'

function planOf(...endpoints: string[]): TaskPlan {
  const nodes = endpoints.map((e) => plan(httpOutDef, [e]))
  return {
    pipeline: { type: 'stream', sources: [], nodes: [] },
    nodes,
    partition: { kind: 'pinned', shard: 0 },
    partitionReason: '',
    reads: [],
    measurements: null,
  }
}

function task(key: number, id = 'task'): RunningTask {
  return {
    key,
    id,
    stats: () => {
      throw new Error('not asked for')
    },
    control: () => Promise.resolve([]),
    reply: () => true,
  }
}

describe('HttpOutViews', () => {
  it.each([
    ['a/b/', 'a/b'],
    ['/a//b', 'a/b'],
    ['a/../b/.', 'b'],
    ['', ''],
  ])('cleans %j', (path, clean) => {
    expect(cleanEndpoint(path)).toBe(clean)
  })

  it('opens and closes the pages of a task', async () => {
    const views = new HttpOutViews()
    views.register(task(1), planOf('a/b/', 'c'))
    expect(views.has('task', 'a/b')).toBe(true)
    expect(Buffer.from((await views.read('task', 'c'))!).toString()).toBe('{"series":null}')
    expect(await views.read('task', 'd')).toBeNull()
    views.unregister(1)
    expect(await views.read('task', 'c')).toBeNull()
  })

  it('refuses one endpoint twice', () => {
    const views = new HttpOutViews()
    expect(() => views.register(task(1), planOf('o', 'o/'))).toThrow(
      'http_out2: http: multiple registrations for /kapacitor/v1/tasks/task/o',
    )
    expect(views.has('task', 'o')).toBe(false)
  })
})
