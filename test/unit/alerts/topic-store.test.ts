import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LmdbTopicStore } from '../../../src/alerts/topic-store.js'
import type { EventState } from '../../../src/alerts/topics.js'
import { silentLog } from '../../../src/log.js'
import { Store } from '../../../src/tasks/task-store.js'

let dir: string
let store: Store
let topics: LmdbTopicStore

const databases = () => ({ states: store.database('topics'), marks: store.database('cleared-topics') })
const open = (): void => {
  store = Store.open(join(dir, 's'))
  topics = new LmdbTopicStore(databases(), silentLog)
}
const reopen = async (): Promise<void> => {
  await topics.flush()
  await store.close()
  open()
}
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-topics-'))
  open()
})
afterEach(async () => {
  await topics.flush()
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

const state = (level: number): EventState => ({
  level,
  message: 'm "quoted" \u2028',
  details: '<b>',
  timeNs: 1795163997796235708n,
  durationNs: 5n,
})
const load = (topic: string) => Object.fromEntries(topics.load(topic))
const levels = (topic: string) => Object.fromEntries([...topics.load(topic)].map(([id, s]) => [id, s.level]))
const stored = () => [...databases().states.getKeys()].length
const marks = () => [...databases().marks.getRange()].map(({ value }) => value)

describe('states of topics', () => {
  it('are visible at once, stored in batches, deleted singly and by topic', async () => {
    const long = 'x'.repeat(5000)
    topics.put('t', 'a', state(1))
    topics.put('t', 'a', state(3))
    topics.put('t', long, state(2))
    topics.put('t2', 'other', state(1))
    topics.put('t', 'zero\0', state(1))
    topics.put('t\0zero', '', state(1))
    topics.delete('t', 'zero\0')
    topics.delete('t\0zero', '')
    topics.put('t\u0001', 'near', state(1))
    const wanted = { a: state(3), [long]: state(2) }
    expect(load('t')).toEqual(wanted)
    await topics.flush()
    expect(load('t')).toEqual(wanted)
    topics.put('t', 'a', state(0))
    topics.delete('t', long)
    expect(load('t')).toEqual({ a: state(0) })
    await topics.clear('t2')
    await reopen()
    expect([...topics.topics()].sort()).toEqual(['t', 't\u0001'])
    expect([load('t'), load('t2')]).toEqual([{ a: state(0) }, {}])
  })

  it('are found by the beginning of the topic, however long and whatever characters it has', async () => {
    const names = ['main:t:alert2', 'main:t:alert3', 'main:t2:alert2', 'm', '#', `#${'0'.repeat(64)}`, 'main:t:é\uffff']
    const long = `main:t:${'y'.repeat(3000)}`
    const odd = 'main:t:\0'
    for (const t of [...names, long, odd]) for (let i = 0; i < 3; i++) topics.put(t, `${i}`, state(1))
    const of = (prefix: string) => [...topics.topics(prefix)].sort()
    const ofT = ['main:t:alert2', 'main:t:alert3', 'main:t:é\uffff', long, odd].sort()
    expect(of('main:t:')).toEqual(ofT)
    await topics.flush()
    expect(of('main:t:')).toEqual(ofT)
    expect(of('')).toEqual([...names, long, odd].sort())
    expect(of('#')).toEqual(['#', `#${'0'.repeat(64)}`])
    await reopen()
    expect(of('main:t2')).toEqual(['main:t2:alert2'])
    for (const t of ofT) await topics.clear(t)
    expect(of('main:')).toEqual(['main:t2:alert2'])
    await topics.flush()
    expect(of('').length).toBe(4)
    expect(stored()).toBe(12)
  })

  it('that are on their way to the store do not come back once their topic is cleared', async () => {
    topics.put('t', 'old', state(3))
    await topics.flush()
    topics.put('t', 'a', state(3))
    topics.put('other', 'a', state(3))
    const underWay = topics.flush()
    const cleared = topics.clear('t')
    expect(levels('t')).toEqual({})
    topics.put('t', 'b', state(1))
    await cleared
    expect(levels('t')).toEqual({ b: 1 })
    await underWay
    await topics.flush()
    expect([levels('t'), levels('other')]).toEqual([{ b: 1 }, { a: 3 }])
    await reopen()
    expect([levels('t'), levels('other'), stored(), marks()]).toEqual([{ b: 1 }, { a: 3 }, 2, []])
  })

  it('that are on their way do not hide what is put and deleted meanwhile', async () => {
    topics.put('t', 'a', state(3))
    const underWay = topics.flush()
    expect(levels('t')).toEqual({ a: 3 })
    topics.delete('t', 'a')
    topics.put('t', 'b', state(2))
    expect(levels('t')).toEqual({ b: 2 })
    await underWay
    await topics.flush()
    expect(levels('t')).toEqual({ b: 2 })
  })

  it('of a topic that was cleared before a crash stay away, and are removed after it', async () => {
    for (let i = 0; i < 100; i++) topics.put('t', `${i}`, state(3))
    topics.put('t2', 'a', state(3))
    await topics.flush()
    // The states are as a crash leaves them: the mark is committed, nothing was removed.
    await databases().marks.put(Buffer.from('t'), 't')
    await store.close()
    open()
    expect([levels('t'), [...topics.topics()], stored()]).toEqual([{}, ['t2'], 101])
    topics.put('t', 'new', state(1))
    expect(levels('t')).toEqual({ new: 1 })
    await topics.flush()
    expect([levels('t'), stored(), marks()]).toEqual([{ new: 1 }, 2, []])
  })

  it('of many ids are stored and removed in turns with other work', async () => {
    const n = 50_000
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    for (let i = 0; i < n; i++) topics.put('t', `id-${i}`, state(3))
    await topics.flush()
    expect(turns).toBeGreaterThan(5)
    turns = 0
    const cleared = topics.clear('t')
    expect([...topics.topics('')]).toEqual([])
    await cleared
    topics.put('t', 'again', state(1))
    await topics.flush()
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
    expect([levels('t'), stored()]).toEqual([{ again: 1 }, 1])
  })
})
