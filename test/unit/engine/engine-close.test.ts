/** A closed engine leaves nothing behind that waits: no timer, no promise. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { Gate, TestEngine } from './engine-harness.js'

const fixture = fileURLToPath(new URL('../../fixtures/close-engine.mjs', import.meta.url))

/** Fails when the process does not end by itself. */
const closes = async (mode: string, deadlineMs: number): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [fixture, mode, String(deadlineMs)], {
    timeout: 45_000,
    killSignal: 'SIGKILL',
  })
  return stdout
}

it('keeps no process alive until its deadline', async () => {
  expect(await closes('idle', 3_600_000)).toBe('closed')
})

it('keeps no process alive with what still waited at its deadline', async () => {
  expect(await closes('stuck', 50)).toBe('closed')
})

it('answers all that waits when its deadline passes', async () => {
  const t = await TestEngine.start({ shards: 1, slots: 2, answerMs: 3_600_000, drainMs: 3_600_000 })
  const gate = new Gate()
  const task = await t.task('task', { vars: { gate: gate.sab } })
  await t.write('cpu,host=a v=1 1')
  await gate.reached(1)
  await t.write('cpu,host=a v=1 2')
  const answers = Promise.allSettled([
    t.write('cpu,host=a v=1 3'),
    task.control(1, 'rows'),
    t.task('other'),
    t.engine.stopTask(task.key, 'drain'),
  ])
  await Promise.all([t.engine.close(50), t.engine.close(50)])
  const [write, control, start, stop] = await answers
  expect(write).toMatchObject({ value: { status: 503 } })
  expect(control.status).toBe('rejected')
  expect(start.status).toBe('rejected')
  expect(stop.status).toBe('fulfilled')
})

it('does not wait for a shard that dies meanwhile', async () => {
  const t = await TestEngine.start({ shards: 1, drainMs: 3_600_000 })
  const gate = new Gate()
  await t.task('task', { vars: { gate: gate.sab, exitOn: 'exit' } })
  await t.write('exit,host=a v=1 1')
  await gate.reached(1)
  const closing = t.engine.close(3_600_000)
  gate.open()
  await closing
})
