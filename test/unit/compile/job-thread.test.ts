/** Threads for work whose cost a user decides, with jobs that never end, take all memory or kill their thread. */
import { afterEach, describe, expect, it } from 'vitest'
import { JobThread, type JobThreadOptions } from '../../../src/compile/job-thread.js'
import type { Job, JobResult } from '../../../src/compile/jobs.js'
import { silentLog } from '../../../src/log.js'

const opened: JobThread[] = []
afterEach(async () => {
  for (const thread of opened.splice(0)) await thread.close()
})

function threadOf(options: Partial<JobThreadOptions> = {}): JobThread {
  const filename = new URL('../../fixtures/compile/worker.mjs', import.meta.url).href
  const thread = new JobThread({ filename, deadlineMs: 20_000, log: silentLog, ...options })
  opened.push(thread)
  return thread
}

const job = (script: string): Job => ({
  kind: 'script',
  source: { script, vars: {}, deadman: undefined },
  template: false,
})
const answer = (text: string) => ({ answer: text }) as unknown as JobResult

describe('a thread for scripts', () => {
  it('does jobs one after the other', async () => {
    const thread = threadOf()
    const results = await Promise.all(['busy', 'a', 'b'].map((text) => thread.run(job(text))))
    expect(results).toEqual([answer('done'), answer('a'), answer('b')])
  })

  it('ends a job at its deadline, and does the next one', async () => {
    const thread = threadOf({ deadlineMs: 200 })
    await expect(thread.run(job('spin'))).rejects.toMatchObject({
      code: 'script-timeout',
      status: 400,
      message: 'the script takes more than 200ms to evaluate',
      hint: expect.stringContaining('script-timeout'),
    })
    expect(await thread.run(job('a'))).toEqual(answer('a'))
  })

  it('ends a job that takes too much memory, not the process', async () => {
    const thread = threadOf({ heapMb: 32 })
    await expect(thread.run(job('allocate'))).rejects.toMatchObject({ code: 'script-memory', status: 400 })
    expect(await thread.run(job('a'))).toEqual(answer('a'))
  })

  it('goes on after a thread that ended by itself', async () => {
    const thread = threadOf()
    await expect(thread.run(job('exit'))).rejects.toMatchObject({ code: 'compile-thread', status: 500 })
    await expect(thread.run(job('throw'))).rejects.toMatchObject({ code: 'compile-thread', status: 500 })
    expect(await thread.run(job('a'))).toEqual(answer('a'))
  })

  it('refuses jobs beyond those that may wait', async () => {
    const thread = threadOf({ maxWaiting: 1 })
    const busy = thread.run(job('busy'))
    const waiting = thread.run(job('a'))
    await expect(thread.run(job('b'))).rejects.toMatchObject({ code: 'scripts-waiting', status: 503 })
    expect(await busy).toEqual(answer('done'))
    expect(await waiting).toEqual(answer('a'))
  })

  it('refuses a job whose turn does not come in time', async () => {
    const thread = threadOf({ deadlineMs: 5000, waitMs: 50 })
    const spinning = thread.run(job('spin'))
    spinning.catch(() => {})
    await expect(thread.run(job('a'))).rejects.toMatchObject({ code: 'scripts-waiting', status: 503 })
    await thread.close()
    await expect(spinning).rejects.toMatchObject({ code: 'closing' })
  })

  it('ends what runs and what waits when it is closed', async () => {
    const thread = threadOf()
    const ends = [thread.run(job('spin')), thread.run(job('a'))].map((result) =>
      expect(result).rejects.toMatchObject({ code: 'closing', status: 503 }),
    )
    await thread.close()
    await Promise.all(ends)
    await expect(thread.run(job('b'))).rejects.toMatchObject({ code: 'closing' })
  })
})
