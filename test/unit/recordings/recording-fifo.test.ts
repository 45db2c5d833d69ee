/** A FIFO in the directory of recordings: nothing may wait for its other side. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { RecordingFile } from '../../../src/recordings/recording-file.js'
import { feedRecording } from '../../../src/recordings/replay-feed.js'

const dir = mkdtempSync(join(tmpdir(), 'recording-fifo-'))
const path = join(dir, 'x.srpl')
beforeAll(() => void execFileSync('mkfifo', [path]))
afterAll(() => rmSync(dir, { recursive: true }))

it('fails a recording', async () => {
  let ended = ''
  const file = new RecordingFile({
    path,
    dbrps: [],
    measurements: null,
    stopNs: 2n ** 63n,
    ended: (error) => {
      ended = error
    },
  })
  const text = `open ${path}: not a regular file (FIFO or socket)`
  await expect.poll(() => ended, { timeout: 20_000 }).toBe(text)
  expect(await file.close()).toBe(text)
})

it('fails a replay', async () => {
  const options = {
    path,
    clock: 'fast',
    recordingTime: true,
    startNs: 0n,
    nowNs: () => 0n,
    signal: AbortSignal.timeout(20_000),
    write: async () => {},
    wants: () => true,
    progress: () => {},
  } as const
  await expect(feedRecording(options)).rejects.toThrow(`data source open: open ${path}: not a regular file (FIFO)`)
})
