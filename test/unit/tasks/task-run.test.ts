/** The life of a run and of the parts that follow it, on a real engine. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { shardThread } from '../../../src/compile/threads.js'
import type { OutputFrame } from '../../../src/engine/engine-api.js'
import { noFrames, type RunFollower, type RunInfo, type RunPart } from '../../../src/engine/run-part.js'
import { TaskFailure } from '../../../src/errors.js'
import { silentLog } from '../../../src/log.js'
import type { RunRecord, TaskRun } from '../../../src/tasks/task-run.js'
import { TaskRunner } from '../../../src/tasks/task-runner.js'
import { type FrameType, Out } from '../../../src/transport/output.js'
import { directCompiler } from '../compile/direct-compiler.js'
import { TestEngine } from '../engine/engine-harness.js'

let t: TestEngine
let calls: string[]
beforeEach(async () => {
  calls = []
  t = await TestEngine.start({ shardThread })
})
afterEach(() => t.close())

const record: RunRecord = {
  id: 'task',
  type: 'stream',
  script: "stream|from().measurement('m')|httpOut('page')",
  vars: {},
  dbrps: [{ db: 'd', rp: 'r' }],
}

/** Writes down its calls; `more` replaces some of them. */
const follower = (name: string, more: Partial<RunPart> = {}): RunFollower => ({
  partOf: ({ key }: RunInfo) => {
    const part: RunPart = {
      ...noFrames,
      prepare: async () => {},
      started: () => {},
      shardRestarted: () => {},
      draining: async () => {},
      stopped: () => {},
      countersOf: (index) => (index === 2 ? { [name]: 1 } : {}),
      ...more,
    }
    const told = (call: string) => calls.push(`${name}${key} ${call}`)
    return {
      takes: part.takes,
      onFrame: part.onFrame,
      prepare: (start) => {
        told('prepare')
        return part.prepare(start)
      },
      started: (running) => {
        told('started')
        part.started(running)
      },
      shardRestarted: (shard) => {
        told(`shard ${shard}`)
        part.shardRestarted(shard)
      },
      draining: (ms) => {
        told(`draining ${ms}`)
        return part.draining(ms)
      },
      stopped: () => {
        told('stopped')
        part.stopped()
      },
      countersOf: part.countersOf,
    }
  },
})
const runner = (...followers: RunFollower[]) =>
  new TaskRunner({ engine: t.engine, compiler: directCompiler(), followers, log: silentLog })
const unexpected = (run: TaskRun): void => {
  throw new Error(`${run.record.id} failed: ${run.error}`)
}

describe('a run', () => {
  it('gives each part the frames that it takes, and counts those of runs that have ended', async () => {
    const seen: string[] = []
    const takes = (type: FrameType) => ({
      takes: [type],
      onFrame: (f: OutputFrame) => void seen.push(`${type} ${f.taskKey} ${f.payload.length}`),
    })
    let send: (frame: OutputFrame) => void = unexpected as never
    const onFrame = vi.spyOn(t.engine, 'onFrame').mockImplementation((handler) => {
      send = handler
    })
    const watched = runner(follower('a', takes(Out.HttpPost)), follower('b', takes(Out.Loopback)))
    onFrame.mockRestore()
    const run = await watched.start(record, unexpected)
    const frame = (type: FrameType, taskKey: number) =>
      send({ type, taskKey, taskId: 'task', shard: 0, life: 0, nodeIndex: 1, payload: new Uint8Array(taskKey) })
    frame(Out.Loopback, run.key)
    frame(Out.HttpPost, run.key)
    expect(seen).toEqual([`${Out.Loopback} ${run.key} ${run.key}`, `${Out.HttpPost} ${run.key} ${run.key}`])
    expect(watched.lateFrames).toBe(0)
    await watched.stop(run, 'drain')
    frame(Out.HttpPost, run.key)
    expect(seen).toHaveLength(2)
    expect(watched.lateFrames).toBe(1)
  })

  it('leads its parts from prepare to stopped, once, and counts what they count', async () => {
    const r = runner(follower('a'), { partOf: () => null }, follower('b'))
    const run = await r.start(record, unexpected)
    expect(run.executing).toBe(true)
    expect(run.stats()?.nodes[2].counters).toMatchObject({ a: 1, b: 1 })
    await Promise.all([r.stop(run, 'drain'), r.stop(run, 'discard')])
    expect(run.executing).toBe(false)
    expect(run.stats()).toBeUndefined()
    expect(calls).toEqual([
      'a1 prepare',
      'b1 prepare',
      'a1 started',
      'b1 started',
      'a1 draining 5000',
      'b1 draining 5000',
      'a1 stopped',
      'b1 stopped',
    ])
  })

  it('ends every part that was made when one cannot prepare', async () => {
    const bad = follower('b', { prepare: () => Promise.reject(new Error('no endpoint')) })
    await expect(runner(follower('a'), bad, follower('c')).start(record, unexpected)).rejects.toThrow('no endpoint')
    expect(calls.filter((c) => c.includes('prepare'))).toEqual(['a1 prepare', 'b1 prepare'])
    expect(calls.filter((c) => c.includes('draining'))).toHaveLength(3)
    expect(calls.filter((c) => c.includes('stopped'))).toHaveLength(3)
  })

  it('undoes a start that a part refuses in the end', async () => {
    const bad = follower('b', {
      started: () => {
        throw new Error('refused')
      },
    })
    await expect(runner(follower('a'), bad).start(record, unexpected)).rejects.toThrow('refused')
    expect(calls.slice(-2)).toEqual(['a1 stopped', 'b1 stopped'])
    await t.write('m v=1 1')
    expect(t.engine.stats().unmatchedPoints).toBe(1)
  })

  it('fails afterwards when a part says that a node does', async () => {
    const bad = follower('b', {
      started: () => {
        throw new TaskFailure('node1', 'cannot')
      },
    })
    const r = runner(bad, follower('c'))
    const failed = new Promise<TaskRun>((resolve) => {
      r.start(record, resolve).catch(unexpected)
    })
    const run = await failed
    expect(run.error).toBe('node1: cannot')
    expect(run.executing).toBe(false)
    expect(calls).not.toContain('c1 stopped')
    await r.stop(run, 'drain')
    expect(calls.slice(-2)).toEqual(['b1 stopped', 'c1 stopped'])
  })

  it('ends its other parts when one cannot', async () => {
    const bad = follower('a', {
      draining: () => Promise.reject(new Error('a')),
      stopped: () => {
        throw new Error('b')
      },
    })
    const r = runner(bad, follower('b'))
    await r.stop(await r.start(record, unexpected), 'discard')
    expect(calls.slice(-4)).toEqual(['a1 draining 1000', 'b1 draining 1000', 'a1 stopped', 'b1 stopped'])
  })

  it('has parts of its own: two runs under one id do not share any', async () => {
    const r = runner(follower('a'))
    const [one, two] = [await r.start(record, unexpected), await r.start(record, unexpected)]
    await r.stop(one, 'drain')
    expect(calls.slice(-2)).toEqual(['a1 draining 5000', 'a1 stopped'])
    expect(two.executing).toBe(true)
    await r.stop(two, 'drain')
  })
})
