import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LmdbTopicStore } from '../../../src/alerts/topic-store.js'
import type { EventState } from '../../../src/alerts/topics.js'
import { silentLog } from '../../../src/log.js'
import type { TaskRecord } from '../../../src/tasks/task-record.js'
import { Store } from '../../../src/tasks/task-store.js'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-store-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const task = (id: string, more: Partial<TaskRecord> = {}): TaskRecord => ({
  id,
  templateId: '',
  type: 'stream',
  script: "stream|from().measurement('ü')\n",
  dbrps: [{ db: 'd', rp: '' }],
  vars: {
    i: { type: 'int', value: 9007199254740993n, description: '<d>' },
    f: { type: 'float', value: 0.1, description: '' },
  },
  status: 'enabled',
  createdNs: 1795163997796235708n,
  modifiedNs: 1795163997796235709n,
  lastEnabledNs: null,
  ...more,
})

test('tasks come back as they were', async () => {
  const store = Store.open(join(dir, 's'))
  await store.putTask(task('b', { lastEnabledNs: 1795163997796235710n }))
  await store.putTask(task('a'))
  await store.putTask(task('c'))
  await store.deleteTask('c')
  await store.renameTask('b', task('z', { status: 'disabled' }))
  await store.close()
  const again = Store.open(join(dir, 's'))
  expect(again.loadTasks()).toEqual({ tasks: [task('a'), task('z', { status: 'disabled' })], damaged: [] })
  await again.database('tasks').put(Buffer.from('bad'), '{')
  expect(again.loadTasks().damaged).toHaveLength(1)
  await again.close()
})

test('a store that cannot be opened is one clear error', () => {
  const file = join(dir, 'file')
  writeFileSync(file, 'x')
  expect(() => Store.open(join(file, 'below'))).toThrow('open server: open service *storage.Service:')
})

test('topic states: visible at once, stored in batches, deleted singly and by topic', async () => {
  const store = Store.open(join(dir, 's'))
  const topics = new LmdbTopicStore(store.database('topics'), silentLog)
  const state = (level: number): EventState => ({
    level,
    message: 'm',
    details: '<b>',
    timeNs: 1795163997796235708n,
    durationNs: 5n,
  })
  const long = 'x'.repeat(5000)
  topics.put('t', 'a', state(1))
  topics.put('t', 'a', state(3))
  topics.put('t', long, state(2))
  topics.put('t2', 'other', state(1))
  topics.put('t', 'zero\0', state(1))
  topics.put(`t\0zero`, '', state(1))
  topics.delete('t', 'zero\0')
  topics.delete('t\0zero', '')
  topics.put(`t\u0001`, 'near', state(1))
  expect(new Map(topics.load('t'))).toEqual(
    new Map([
      ['a', state(3)],
      [long, state(2)],
    ]),
  )
  await topics.flush()
  expect(new Map(topics.load('t'))).toEqual(
    new Map([
      ['a', state(3)],
      [long, state(2)],
    ]),
  )
  topics.put('t', 'a', state(0))
  topics.delete('t', long)
  expect([...topics.load('t')]).toEqual([['a', state(0)]])
  topics.delete('t2')
  await topics.flush()
  await store.close()

  const again = Store.open(join(dir, 's'))
  const reopened = new LmdbTopicStore(again.database('topics'), silentLog)
  expect([...reopened.topics()].sort()).toEqual(['t', 't\u0001'])
  expect([...reopened.load('t')]).toEqual([['a', state(0)]])
  expect([...reopened.load('t2')]).toEqual([])
  await again.close()
})
