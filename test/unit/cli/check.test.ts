/** `check` and `explain` as processes, and the plan of a task from a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Explanation } from '../../../src/compile/explain.js'
import { runCli, TestServer, taskBody } from '../../e2e/server.js'

let dir: string
const file = (name: string, text: string): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-check-'))
})
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

// No server: the URL leads nowhere.
const offline = { KAPACITOR_URL: 'nonsense' }
const cli = (...args: string[]) => runCli(args, offline)

describe('check', () => {
  it('is silent when there is nothing to say', async () => {
    const good = file('good.tick', "stream|from().measurement('größe')|log()\n")
    expect(await cli('check', good)).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('prints every error with its line, without colours where there is no terminal', async () => {
    const bad = file('bad.tick', "stream\n    |from()\n\t.mesurement('größe')|windw()\nvar x = 08\n")
    const { code, stdout, stderr } = await cli('check', bad)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toBe(`error: line 3 char 3: no method or property "mesurement" on *pipeline.FromNode
 --> ${bad}:3:3
  |
3 | \t.mesurement('größe')|windw()
  | \t ^^^^^^^^^^
  = hint: Did you mean measurement?

error: line 3 char 25: no method or property "windw" on *pipeline.FromNode
 --> ${bad}:3:25
  |
3 | \t.mesurement('größe')|windw()
  | \t                     ^^^^^
  = hint: Did you mean window?

error: parser: illegal number syntax: "08"
 --> ${bad}:4:9
  |
4 | var x = 08
  |         ^^
  = hint: A leading zero makes an integer octal.

3 errors
`)
  })

  it('warnings alone leave the exit code 0', async () => {
    const warned = file('warned.tick', 'stream|from()|where(lambda: "host" == "a")\n')
    const { code, stdout } = await cli('check', warned)
    expect(code).toBe(0)
    expect(stdout).toContain('warning: "host" == "a" compares two fields or tags')
    expect(stdout).toMatch(/\n1 warning\n$/)
  })

  it('-json is an array for editors, over all files', async () => {
    const one = file('one.tick', 'stream|from()|window().period(10)\n')
    const two = file('two.tick', 'stream|from()|log()')
    const three = file('three.tick', 'stream|from()|windw()')
    const { code, stdout } = await cli('check', '-json', one, two, three)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual([
      {
        file: one,
        severity: 'error',
        message:
          'line 1 char 24: error calling func "period" on obj *pipeline.WindowNode: reflect.Set: value of type int64 is not assignable to type time.Duration',
        start: { offset: 30, line: 1, char: 31 },
        end: { offset: 32, line: 1, char: 33 },
        hint: 'It takes a duration, not an integer. A duration has a unit.',
        suggestion: '10s',
      },
      {
        file: three,
        severity: 'error',
        message: 'line 1 char 15: no method or property "windw" on *pipeline.FromNode',
        start: { offset: 14, line: 1, char: 15 },
        end: { offset: 19, line: 1, char: 20 },
        hint: 'Did you mean window?',
        suggestion: 'window',
      },
    ])
    expect(JSON.parse((await cli('check', '--json', two)).stdout)).toEqual([])
  })

  it('-vars gives values to vars with a type only', async () => {
    const template = file('template.tick', "var p duration\nstream|from()|window().period(p).every(p)|httpOut('o')\n")
    expect((await cli('check', template)).code).toBe(0)
    const vars = file('vars.json', '{"p": {"type": "duration", "value": "10s"}}')
    expect((await cli('check', '-vars', vars, template)).code).toBe(0)
    const none = file('none.json', '{}')
    const missing = await cli('check', '-vars', none, template)
    expect(missing.code).toBe(1)
    expect(missing.stdout).toContain('missing value for var "p".')
  })

  it('wrong usage is 2, an unreadable file 3', async () => {
    expect((await cli('check')).code).toBe(2)
    expect((await cli('check', '-nonsense', 'a.tick')).code).toBe(2)
    const { code, stderr } = await cli('check', join(dir, 'nowhere.tick'))
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: `open ${join(dir, 'nowhere.tick')}: no such file or directory\n`,
    })
  })
})

const script =
  "stream|from().measurement('m').groupBy('h')|window().period(1m).every(10s).align()|mean('v')|httpOut('o')"

describe('explain', () => {
  it('prints the plan, or its JSON', async () => {
    const tick = file('plan.tick', script)
    const { code, stdout } = await cli('explain', '-shards', '3', tick)
    expect(code).toBe(0)
    expect(stdout).toContain('A stream task on 3 shards.')
    expect(stdout).toContain('partition     by the tags h\n')
    expect(stdout).toContain('keeps       panes, no rows: only mean3 read it')
    const json = JSON.parse((await cli('explain', '-json', tick)).stdout) as Explanation
    expect(json.shards).toBe(2)
    expect(json.partition).toEqual({ kind: 'tags', tags: ['h'], reason: 'window2 keeps state per h' })
  })

  it('of a script with errors prints them', async () => {
    const { code, stdout, stderr } = await cli('explain', file('wrong.tick', 'stream|frm()'))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('Did you mean from?')
    expect((await cli('explain', '-shards', '0', 'x.tick')).code).toBe(2)
  })

  it('is answered by a server for its tasks', async () => {
    const server = await TestServer.start({ shards: 2 })
    try {
      await server.json('POST', '/tasks', taskBody('t', { script }))
      const { status, body } = await server.json('GET', '/tasks/t?explain')
      expect(status).toBe(200)
      expect(body).toMatchObject({ type: 'stream', shards: 2, partition: { kind: 'tags', tags: ['h'] } })
      const text = await fetch(`${server.url}/kapacitor/v1/tasks/t?explain=text`)
      expect(text.headers.get('content-type')).toContain('text/plain')
      expect(await text.text()).toContain('partition     by the tags h\n')
      expect((await server.json('GET', '/tasks/t?explain=xml')).status).toBe(400)
      expect((await server.json('GET', '/tasks/none?explain')).status).toBe(404)
    } finally {
      await server.stop()
    }
  })
})
