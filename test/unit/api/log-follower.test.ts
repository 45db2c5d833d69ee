import { createConnection } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LogFollower } from '../../../src/api/log-follower.js'
import { addSystem } from '../../../src/api/system.js'
import { createLog, LogOutput, logfmtLine } from '../../../src/observe/logger.js'
import { implementations, serve } from '../http/serve.js'

/** Buffers what its client does not read, as a connection does, and says so. */
class Connection {
  got: string[] = []
  reads = true
  private held: string[] = []

  write(chunk: Uint8Array | string): boolean {
    this.held.push(String(chunk))
    if (this.reads) this.read()
    return this.held.length === 0
  }

  end(): void {}

  read(): void {
    this.got.push(...this.held.splice(0))
  }
}

describe('a follower of the log', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const line = (msg: string) => ({ timeMs: 0, level: 'info', msg, keys: [] }) as const
  const long = 'x'.repeat(300_000)

  it('that stalls is told how many lines it missed, and goes on', () => {
    const connection = new Connection()
    let dropped = 0
    const follower = new LogFollower(connection, logfmtLine, (n) => {
      dropped += n
    })
    follower.take(line('first'))
    connection.reads = false
    for (let i = 0; i < 10; i++) follower.take(line(long))
    expect(dropped).toBe(6)
    // Still stalled: the first note waits with the lines.
    vi.advanceTimersByTime(1000)
    for (let i = 0; i < 5; i++) follower.take(line(`missed ${i}`))
    connection.reads = true
    vi.advanceTimersByTime(1999)
    follower.take(line('missed too'))
    vi.advanceTimersByTime(1)
    follower.take(line('again'))
    expect(dropped).toBe(12)
    expect(connection.got.map((text) => text.slice(0, 60).trim())).toEqual([
      'ts=1970-01-01T00:00:00.000Z lvl=info msg=first',
      ...Array.from({ length: 4 }, () => expect.stringContaining('lvl=info msg=xxx')),
      'ts=1970-01-01T00:00:01.000Z lvl=error msg="lines were droppe',
      'ts=1970-01-01T00:00:03.000Z lvl=error msg="lines were droppe',
      expect.stringContaining('lvl=info msg=again'),
    ])
    expect(connection.got[5]).toMatch(/ dropped=6\n$/)
    expect(connection.got[6]).toMatch(/ dropped=6\n$/)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that never reads again holds no more and more', () => {
    const connection = new Connection()
    connection.reads = false
    const follower = new LogFollower(connection, logfmtLine, () => undefined)
    for (let s = 0; s < 3600; s++) {
      follower.take(line(long))
      vi.advanceTimersByTime(1000)
    }
    connection.read()
    expect(connection.got.join('').length).toBeLessThan(1_500_000)
    follower.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe.each(implementations)('/logs over %s', (kind) => {
  it('goes on after its client has not read for a while', { timeout: 60_000 }, async () => {
    const logs = new LogOutput({ write() {}, close() {} }, 'error', 'logfmt')
    const log = createLog(logs)
    const served = await serve(kind, ({ router }) =>
      addSystem(router, { logs, debugVars: async () => ({}), metrics: { contentType: '', text: async () => '' } }),
    )
    let tail = ''
    const socket = createConnection(served.http.port, '127.0.0.1')
    socket.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-100_000)
    })
    socket.write('GET /kapacitor/v1preview/logs?msg=flood HTTP/1.1\r\nHost: x\r\n\r\n')
    const until = async (done: () => boolean): Promise<void> => {
      while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await until(() => tail.includes('200 OK'))
    socket.pause()
    await until(() => {
      log.info('flood', { text: 'x'.repeat(100_000) })
      return logs.droppedLines > 20
    })
    socket.resume()
    await until(() => {
      log.info('flood', { n: 'another' })
      return tail.includes('n=another')
    })
    expect(tail).toMatch(/lvl=error msg="lines were dropped: .*" dropped=\d+\n/)
    expect(tail.indexOf('dropped=')).toBeLessThan(tail.indexOf('n=another'))
    socket.destroy()
    await served.http.close(1000)
  })
})
