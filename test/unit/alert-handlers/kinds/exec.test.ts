import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { delivery } from '../../alerts/events.js'
import { line, signal, useHandlers } from '../rig.js'

const dir = mkdtempSync(join(tmpdir(), 'exec-'))
afterAll(() => rmSync(dir, { recursive: true }))
const { make } = useHandlers()
const ignore = () => {}

describe('exec', () => {
  it('gives the program the bytes that log writes', async () => {
    const path = join(dir, 'exec.log')
    const h = make('exec', { program: '/bin/sh', args: ['-c', `cat >> ${path}`] })
    await h.deliver([delivery()], signal(), ignore)
    await h.deliver([delivery()], signal(), ignore)
    expect(readFileSync(path, 'utf8')).toBe(line + line)
  })

  it('reports programs that do not exist, fail, or do not read their input', async () => {
    const run = (program: string, ...args: string[]) =>
      make('exec', { program, args }).deliver([delivery()], signal(), ignore)
    await expect(run('/bin/custom_alert_handler.sh')).rejects.toThrow(
      'fork/exec /bin/custom_alert_handler.sh: no such file',
    )
    await expect(run('no-such-program-here')).rejects.toThrow('executable file not found in $PATH')
    await expect(run('/bin/sh', '-c', 'cat > /dev/null; echo out; echo err >&2; exit 3')).rejects.toThrow(
      'exit status 3: out\nerr\n',
    )
    await run('/bin/true')
    const script = join(dir, 'not-executable.sh')
    writeFileSync(script, 'exit 0')
    chmodSync(script, 0o600)
    await expect(run(script)).rejects.toThrow('EACCES')
  })

  it('kills a program at the deadline', async () => {
    const started = performance.now()
    await expect(
      make('exec', { program: '/bin/sleep', args: ['30'] }).deliver([delivery()], AbortSignal.timeout(50), ignore),
    ).rejects.toThrow()
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('runs at most sixteen programs at once', async () => {
    const marks = join(dir, 'running')
    const h = make('exec', { program: '/bin/sh', args: ['-c', `echo s >> ${marks}; sleep 0.15; echo e >> ${marks}`] })
    await Promise.all(Array.from({ length: 24 }, () => h.deliver([delivery()], signal(), ignore)))
    let running = 0
    let most = 0
    for (const mark of readFileSync(marks, 'utf8').trim().split('\n')) {
      running += mark === 's' ? 1 : -1
      most = Math.max(most, running)
    }
    expect(running).toBe(0)
    expect(most).toBeLessThanOrEqual(16)
  })
})
