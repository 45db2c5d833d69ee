import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'
import { Sink } from './sink.js'

let server: TestServer
let sink: Sink
let dir: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shardline-cli-'))
  server = await TestServer.start({ config: `[replay]\ndir = ${JSON.stringify(join(dir, 'replay'))}\n` })
  sink = await Sink.start()
})
afterAll(async () => {
  await server.stop()
  await sink.close()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  sink.bodies.clear()
  for (const kind of ['tasks', 'templates', 'replays', 'recordings'] as const) {
    const { body } = await server.json('GET', `/${kind}?fields=link`)
    for (const { id } of body[kind] as { id: string }[]) await server.json('DELETE', `/${kind}/${id}`)
  }
})

const cli = (...args: string[]) => server.runCli(args)
const silent = { code: 0, stdout: '', stderr: '' }
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const date = /\d\d \w{3} \d\d \d\d:\d\d UTC/g
/** Columns that end in blanks are compared with them. */
const lines = (...l: string[]): string => `${l.join('\n')}\n`

it('templates: define, list, show, delete', async () => {
  const script = `// Which measurement
var m string
var crit = 5.0
var d = 90s
stream|from().measurement(m).where(lambda: "v" > crit)|window().period(d).every(d)|httpOut('o')`
  const tick = file('t.tick', script)
  expect(await cli('define-template', 'tm', '-type', 'stream', '-tick', tick)).toEqual(silent)
  expect(
    await cli(
      'define',
      't',
      '-template',
      'tm',
      '-dbrp',
      'db.rp',
      '-vars',
      file('v.json', '{"m":{"type":"string","value":"x"}}'),
    ),
  ).toEqual(silent)
  expect(await cli('list', 'templates')).toEqual({
    ...silent,
    stdout: lines(`ID Type      ${'Vars'.padEnd(40)}`, `tm stream    ${'crit,d,m'.padEnd(40)}`),
  })
  const row = (...cells: string[]) => cells.map((c, i) => c.padEnd([30, 10, 40, 40][i])).join('')
  expect((await cli('show-template', 'tm')).stdout.replace(date, 'DATE')).toBe(
    lines(
      'ID: tm',
      'Error: ',
      'Type: stream',
      'Created: DATE',
      'Modified: DATE',
      'TICKscript:',
      '// Which measurement',
      'var m string',
      '',
      'var crit = 5.0',
      '',
      'var d = 90s',
      '',
      'stream',
      '    |from()',
      '        .measurement(m)',
      '        .where(lambda: "v" > crit)',
      '    |window()',
      '        .period(d)',
      '        .every(d)',
      "    |httpOut('o')",
      '',
      'Vars:',
      row('Name', 'Type', 'Default Value', 'Description'),
      row('crit', 'float', '5', ''),
      row('d', 'duration', '1m30s', ''),
      row('m', 'string', '<required>', 'Which measurement'),
      'DOT:',
      'digraph tm {',
      'stream0 -> from1;',
      'from1 -> window2;',
      'window2 -> http_out3;',
      '}',
    ),
  )
  expect(await cli('define-template', 'tm', '-tick', file('u.tick', `${script}|nope()`))).toMatchObject({ code: 3 })
  expect(await cli('define-template', 'tm', '-tick', file('u.tick', script.replace('5.0', '6.0')))).toEqual(silent)
  expect((await server.json('GET', '/tasks/t')).body.script).toContain('6.0')
  expect(await cli('delete', 'templates', 't*')).toEqual(silent)
  expect((await cli('show-template', 'tm')).stderr).toBe('no template exists\n')
  expect((await cli('list', 'tasks')).stdout).toContain('t  stream')
})

it('topics and their handlers: define, list, show, delete', async () => {
  const spec = (match: string) =>
    `topic: tp\nid: hlog\nkind: log\nmatch: ${match}\noptions:\n  path: ${dir}/h.log\n  mode: 0644\n`
  const path = file('h.yaml', spec('level() >= INFO'))
  expect(await cli('define-topic-handler', path)).toEqual(silent)
  writeFileSync(path, spec('level() >= WARNING'))
  expect(await cli('define-topic-handler', path)).toEqual(silent)
  const json = JSON.stringify({ topic: 'tp', id: 'p', kind: 'post', options: { url: `${sink.url}/x` } })
  expect(await cli('define-topic-handler', file('h.json', json))).toEqual(silent)
  expect(await cli('define-topic-handler', file('h.txt', json))).toMatchObject({ code: 3 })
  await server.json(
    'POST',
    '/tasks',
    taskBody('t', {
      script:
        "stream|from().measurement('m')|alert().id('cpu').message('m {{ .Level }}').topic('tp').crit(lambda: TRUE)",
    }),
  )
  await server.write('m v=1 1500000000')
  await server.until(() => (sink.at('/x').length === 1 ? true : undefined), 'the event')
  expect((await cli('list', 'topics')).stdout).toBe(lines('ID Level     Collected', 'tp CRITICAL          1'))
  expect((await cli('list', 'topic-handlers')).stdout).toBe(
    lines(
      'Topic      ID         Kind       ',
      'tp         hlog       log        ',
      'tp         p          post       ',
    ),
  )
  expect((await cli('list', 'topic-handlers', 'tp', 'h*')).stdout.split('\n')).toHaveLength(3)
  expect((await cli('show-topic', 'tp')).stdout).toBe(
    lines(
      'ID: tp',
      'Level: CRITICAL',
      'Collected: 1',
      'Handlers: [hlog, p]',
      'Events:',
      'Event Level    Message    Date                   ',
      'cpu   CRITICAL m CRITICAL 14 Jul 17 02:40 UTC    ',
    ),
  )
  expect((await cli('show-topic-handler', 'tp', 'hlog')).stdout).toBe(
    lines(
      'ID: hlog',
      'Topic: tp',
      'Kind: log',
      'Match: level() >= WARNING',
      `Options: {"mode":420,"path":"${dir}/h.log"}`,
    ),
  )
  expect(await cli('delete', 'topic-handlers', 'tp', 'h*')).toEqual(silent)
  expect((await cli('list', 'topic-handlers', 'tp')).stdout.split('\n')).toHaveLength(3)
  expect(await cli('delete', 'topic-handlers', 'tp', 'p')).toEqual(silent)
  expect(await cli('delete', 'topics', 'tp')).toEqual(silent)
  expect((await cli('show-topic', 'tp')).stderr).toBe('unknown topic: "tp"\n')
})

describe('recordings and replays', () => {
  it('record, list, replay, delete', async () => {
    await server.json(
      'POST',
      '/tasks',
      taskBody('t', { script: `stream|from().measurement('m')|httpPost('${sink.url}/out')` }),
    )
    const recording = cli('record', 'stream', '-task', 't', '-duration', '1s', '-recording-id', 'rec')
    await server.until(
      async () => ((await server.json('GET', '/recordings/rec')).status === 202 ? true : undefined),
      'the start',
    )
    await server.write('m v=1', 'db=db&rp=rp')
    await server.write(`m v=2 ${Math.floor(Date.now() / 1000) + 100}`)
    expect(await recording).toEqual({ ...silent, stdout: 'rec\n' })
    const { size } = (await server.json('GET', '/recordings/rec')).body
    expect((await cli('list', 'recordings')).stdout.replace(date, 'DATE')).toBe(
      lines(
        'ID  Type    Status    Size      Date                   ',
        `rec stream  finished  ${`${size} B`.padEnd(10)}DATE    `,
      ),
    )
    sink.bodies.clear()
    expect(await cli('replay', '-task', 't', '-recording', 'rec', '-rec-time', '-replay-id', 'rp')).toEqual({
      ...silent,
      stdout: 'rp\n',
    })
    expect(sink.at('/out')).toHaveLength(1)
    expect((await cli('list', 'replays')).stdout.replace(date, 'DATE')).toBe(
      lines(
        'ID Task Recording Status   Clock   Date                   ',
        'rp t    rec       finished fast    DATE    ',
      ),
    )
    expect(await cli('delete', 'replays', '*')).toEqual(silent)
    expect(await cli('delete', 'recordings', 're*')).toEqual(silent)
    expect((await cli('list', 'recordings')).stdout.split('\n')).toHaveLength(2)
  })

  it('a failed one ends with its error; -no-wait prints the id at once', async () => {
    await server.json('POST', '/tasks', taskBody('t'))
    const failed = await cli('record', 'batch', '-task', 't', '-past', '1h', '-recording-id', 'b')
    expect(failed).toEqual({ code: 3, stdout: 'b\n', stderr: 'wrong task type\n' })
    const started = await cli('record', 'stream', '-task', 't', '-duration', '1h', '-no-wait', '-recording-id', 'c')
    expect(started).toEqual({ ...silent, stdout: 'c\n' })
    expect((await server.json('GET', '/recordings/c')).body.status).toBe('running')
  })

  it.each([
    [['record', 'foo'], 2, `Unknown record type "foo", expected 'stream', 'batch' or 'query'\n`],
    [['record', 'stream', '-task', 't'], 2, 'both task and duration are required\n'],
    [['record', 'stream', '-task', 't', '-duration', '5'], 2, 'invalid value "5" for flag -duration'],
    [['record', 'batch'], 2, 'task is required\n'],
    [['record', 'batch', '-task', 't'], 2, 'must set one of start or past flags.\n'],
    [['record', 'batch', '-task', 't', '-start', 'x', '-past', '1h'], 2, 'cannot set both start and past flags.\n'],
    [['record', 'query', '-query', 'q'], 2, 'both query and type are required\n'],
    [['record', 'stream', '-task', 'none', '-duration', '1s'], 3, 'no task exists\n'],
    [['replay', '-task', 't'], 2, 'must pass recording ID\n'],
    [['replay', '-recording', 'r'], 2, 'must pass task ID\n'],
    [['replay', '-recording', 'none', '-task', 'none'], 3, 'task load: no task exists\n'],
    [['delete', 'foo', 'x'], 2, "cannot delete 'foo' did you mean 'tasks', 'templates'"],
    [['delete', 'topic-handlers', 'x'], 2, 'Must pass at least one ID\n'],
    [['define-template'], 2, 'Must provide a template ID.\n'],
    [['define-topic-handler'], 2, 'Must provide one path to a handler spec file.\n'],
    [['define-topic-handler', '/nonexistent.yaml'], 3, 'open /nonexistent.yaml: no such file or directory\n'],
  ] as [string[], number, string][])('%j', async (args, code, stderr) => {
    const result = await cli(...args)
    expect(result.stderr.slice(0, stderr.length)).toBe(stderr)
    expect(result).toMatchObject({ code, stdout: '' })
  })
})
