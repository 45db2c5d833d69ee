import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
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

it('tasks come back as they were', async () => {
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

it('a store that cannot be opened is one clear error', () => {
  const file = join(dir, 'file')
  writeFileSync(file, 'x')
  expect(() => Store.open(join(file, 'below'))).toThrow('open server: open service *storage.Service:')
})
