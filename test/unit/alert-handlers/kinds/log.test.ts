import { execFileSync } from 'node:child_process'
import { constants, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { writeAll } from '../../../../src/alert-handlers/kinds/log.js'
import { delivery } from '../../alerts/events.js'
import { signal, useHandlers } from '../rig.js'

const dir = mkdtempSync(join(tmpdir(), 'log-'))
afterAll(() => rmSync(dir, { recursive: true }))
const { make } = useHandlers()
const ignore = () => {}

describe('log', () => {
  it('appends lines in order, creates the file with its mode and follows a rotation', async () => {
    const path = join(dir, 'alerts.log')
    const h = make('log', { path, mode: 0o640n })
    await h.deliver([delivery({ id: 'a' }), delivery({ id: 'b' })], signal(), ignore)
    expect(statSync(path).mode & 0o777).toBe(0o640)
    renameSync(path, `${path}.1`)
    await h.deliver([delivery({ id: 'c' })], signal(), ignore)
    const ids = (p: string) =>
      readFileSync(p, 'utf8')
        .trim()
        .split('\n')
        .map((l) => (JSON.parse(l) as { id: string }).id)
    expect(ids(`${path}.1`)).toEqual(['a', 'b'])
    expect(ids(path)).toEqual(['c'])
  })

  it('leaves an empty file when an event cannot be encoded, and reports it', async () => {
    const path = join(dir, 'inf.log')
    const failed: string[] = []
    await make('log', { path, mode: 0o600n }).deliver([delivery({ unencodable: true })], signal(), (_d, err) =>
      failed.push(String((err as Error).message)),
    )
    expect(readFileSync(path, 'utf8')).toBe('')
    expect(failed).toEqual(['failed to marshal alert data json: json: unsupported value: +Inf'])
  })

  it('a FIFO fails the event at once and keeps no thread', async () => {
    const path = join(dir, 'fifo')
    execFileSync('mkfifo', [path])
    const h = make('log', { path, mode: 0o600n })
    const text = `open ${path}: not a regular file (FIFO or socket)`
    await Promise.all(
      Array.from({ length: 8 }, () => expect(h.deliver([delivery()], signal(), ignore)).rejects.toThrow(text)),
    )
    // File system, compression and name lookups share the threads.
    expect(gunzipSync(await promisify(gzip)('x')).toString()).toBe('x')
  })

  it('waits for a pipe that is full, until the signal', async () => {
    const path = join(dir, 'pipe')
    execFileSync('mkfifo', [path])
    const pipe = await open(path, constants.O_RDWR | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(300_000, 'x')
      await expect(writeAll(pipe, bytes, AbortSignal.timeout(100))).rejects.toThrow()
      const written = writeAll(pipe, bytes, signal())
      let got = 0
      const to = Buffer.alloc(100_000)
      const read = async (): Promise<number> => {
        got += await pipe.read(to).then(
          (r) => r.bytesRead,
          () => 0,
        )
        return got
      }
      await expect.poll(read, { timeout: 20_000, interval: 1 }).toBeGreaterThanOrEqual(bytes.length)
      await written
    } finally {
      await pipe.close()
    }
  })

  it('refuses relative paths and modes that the owner cannot write', () => {
    expect(() => make('log', { path: 'a.log', mode: 0o600n })).toThrow('log path must be absolute')
    expect(() => make('log', { path: '/a.log', mode: 0o400n })).toThrow('user writable')
  })
})
