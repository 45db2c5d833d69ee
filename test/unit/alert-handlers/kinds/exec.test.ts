import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createScriptHandler } from '../../../../src/alert-handlers/registry.js'
import { delivery } from '../../alerts/events.js'
import { line, signal, useHandlers } from '../rig.js'

const dir = mkdtempSync(join(tmpdir(), 'exec-'))
afterAll(() => rmSync(dir, { recursive: true }))
const { make, parts } = useHandlers()
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

  it('takes arguments as they are, or as templates over the event and the vars of the task', async () => {
    const path = join(dir, 'args')
    const args = [
      '-c',
      `printf '%s|' "$@" > ${path}`,
      '{{ .ID }}',
      '{{ .Level }} {{ .TaskName }} {{ .Name }} {{ .Duration }}',
      '{{ index .Tags "host" }}',
      '{{ index .Fields "usage" | printf "%.1f" }} {{ index .Fields "v" }}',
      '{{ .Vars.threshold }}',
    ]
    const event = delivery({ tags: { host: 'a; rm -rf /' }, cells: { usage: 91.25 } })
    await make('exec', { program: '/bin/sh', args }).deliver([event], signal(), ignore)
    expect(readFileSync(path, 'utf8')).toContain('{{ .Level }} {{ .TaskName }}')
    const vars = new Map([['threshold', 90n]])
    const expanding = createScriptHandler('exec', { program: '/bin/sh', args, expandArgs: true }, { ...parts, vars })
    await expanding.deliver([event], signal(), ignore)
    // The first behind -c is the name of the shell.
    expect(readFileSync(path, 'utf8')).toBe('CRITICAL task1 m 5ns|a; rm -rf /|91.2 9007199254740993|90|')
  })

  it('tells of arguments that are no templates, of vars that do not exist, and of events that do not fit', async () => {
    const props = (arg: string) => ({ program: '/bin/true', args: [arg], expandArgs: true })
    expect(() => make('exec', props('{{ .ID'))).toThrow('template: args[0]:1: unclosed action')
    expect(() => make('exec', props('{{ .Vars.nope }}'))).toThrow('the task has no var "nope"')
    await expect(make('exec', props('{{ .Nope }}')).deliver([delivery()], signal(), ignore)).rejects.toThrow(
      "can't evaluate field Nope in type alert.TemplateData",
    )
  })
})
