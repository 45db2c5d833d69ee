import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { queryText } from '../../../src/cli/client.js'
import { parseDbrp } from '../../../src/cli/commands/define.js'
import { dateInItsZone } from '../../../src/cli/layout.js'
import { passScript, runCli, TestServer, taskBody } from '../../e2e/server.js'

let server: TestServer
let dir: string
let tick: string

beforeAll(async () => {
  server = await TestServer.start()
  dir = mkdtempSync(join(tmpdir(), 'shardline-cli-'))
  tick = join(dir, 'a.tick')
  writeFileSync(tick, passScript)
})
afterAll(async () => {
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  await server.runCli(['delete', 'tasks', '*'])
})

const cli = (...args: string[]) => server.runCli(args)
const silent = { code: 0, stdout: '', stderr: '' }
const task = async (id: string): Promise<Record<string, unknown>> => (await server.json('GET', `/tasks/${id}`)).body

describe('tasks', () => {
  it('define, enable, list, show, disable, delete print as the original does', async () => {
    expect(await cli('define', 'b', '-tick', tick, '-dbrp', 'telegraf.autogen')).toEqual(silent)
    expect(
      await cli(
        'define',
        's2',
        '-type',
        'stream',
        '-tick',
        tick,
        '-dbrp',
        'telegraf.autogen',
        '-dbrp',
        '"my db"."a.b"',
      ),
    ).toEqual(silent)
    expect(await cli('enable', 's2')).toEqual(silent)
    const list = await cli('list', 'tasks')
    expect(list.stdout).toBe(
      'ID Type      Status    Executing Databases and Retention Policies\n' +
        'b  stream    disabled  false     ["telegraf"."autogen"]\n' +
        's2 stream    enabled   true      ["telegraf"."autogen" "my db"."a.b"]\n',
    )
    expect((await cli('list', 'tasks', 's*')).stdout.split('\n')).toHaveLength(3)
    const show = (await cli('show', 'b')).stdout.replaceAll(/\d\d \w{3} \d\d \d\d:\d\d UTC/g, 'DATE')
    expect(show).toBe(
      'ID: b\nError: \nTemplate: \nType: stream\nStatus: disabled\nExecuting: false\nCreated: DATE\nModified: DATE\n' +
        'LastEnabled: DATE\nDatabases Retention Policies: ["telegraf"."autogen"]\nTICKscript:\n' +
        "stream\n    |from()\n        .measurement('m')\n    |httpOut('o')\n\nDOT:\n" +
        'digraph b {\nstream0 -> from1;\nfrom1 -> http_out2;\n}\n',
    )
    expect((await cli('show', 'b')).stdout).toContain('LastEnabled: 01 Jan 01 00:00 UTC\n')
    expect(await cli('disable', '*')).toEqual(silent)
    expect((await task('s2')).status).toBe('disabled')
    expect(await cli('delete', 'tasks', 'b', 's*')).toEqual(silent)
    expect((await cli('list', 'tasks')).stdout.trimEnd()).toBe(
      'ID Type      Status    Executing Databases and Retention Policies',
    )
  })

  it('define changes a task and reloads it when it is enabled', async () => {
    await cli('define', 'x', '-tick', tick, '-dbrp', 'd.r')
    await cli('enable', 'x')
    const before = (await task('x'))['last-enabled']
    writeFileSync(join(dir, 'b.tick'), "stream|from().measurement('other')|httpOut('o')")
    expect(await cli('define', 'x', '-tick', join(dir, 'b.tick'))).toEqual(silent)
    const reloaded = await task('x')
    expect(reloaded).toMatchObject({ status: 'enabled', executing: true })
    expect(reloaded['last-enabled']).not.toBe(before)
    expect(await cli('define', 'x', '-tick=' + tick, '-no-reload')).toEqual(silent)
    expect((await task('x'))['last-enabled']).toBe(reloaded['last-enabled'])
  })

  it('vars keep int64 and show durations, lists and stars', async () => {
    writeFileSync(
      join(dir, 'v.tick'),
      "var i = 1\nvar d = 1s\nvar g = ['a']\nstream|from().measurement('m').groupBy(g)|shift(d)",
    )
    writeFileSync(
      join(dir, 'vars.json'),
      '{"i":{"type":"int","value":9007199254740993},"d":{"type":"duration","value":"90s"},"g":{"type":"list","value":[{"type":"star","value":null}]}}',
    )
    expect(
      await cli('define', 'v', '-tick', join(dir, 'v.tick'), '-vars', join(dir, 'vars.json'), '-dbrp', 'd.r'),
    ).toEqual(silent)
    expect((await cli('show', 'v')).stdout).toContain(
      `Vars:\n${'Name'.padEnd(30)}${'Type'.padEnd(10)}${'Value'.padEnd(40)}\n` +
        `${'d'.padEnd(30)}${'duration'.padEnd(10)}${'1m30s'.padEnd(40)}\n` +
        `${'g'.padEnd(30)}${'list'.padEnd(10)}${'[*]'.padEnd(40)}\n` +
        `${'i'.padEnd(30)}${'int'.padEnd(10)}${'9007199254740993'.padEnd(40)}\n`,
    )
  })

  it('patterns that match nothing are fine; reload disables and enables', async () => {
    expect(await cli('enable', 'nothing*')).toEqual(silent)
    await cli('define', 'x', '-tick', tick, '-dbrp', 'd.r')
    expect(await cli('reload', 'x')).toEqual(silent)
    expect((await task('x')).status).toBe('enabled')
  })

  it('more tasks than a page', async () => {
    await Promise.all(
      Array.from({ length: 130 }, (_, i) => server.json('POST', '/tasks', taskBody(`p${i}`, { status: 'disabled' }))),
    )
    expect((await cli('list', 'tasks', 'p*')).stdout.trimEnd().split('\n')).toHaveLength(131)
    await cli('delete', 'tasks', 'p*')
    expect((await cli('list', 'tasks', 'p*')).stdout.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('the server', () => {
  it('stats', async () => {
    await server.json('POST', '/tasks', taskBody('s'))
    await server.write('m v=1 1\nm v=2 2', 'db=db&rp=rp')
    const ingress = (await cli('stats', 'ingress')).stdout
    expect(ingress).toContain('Database Retention Policy Measurement Points Received\n')
    expect(ingress).toMatch(/^db {7}rp {15}m {25}\d+$/m)
    const general = (await cli('stats', 'general')).stdout.split('\n')
    expect(general[0]).toMatch(/^ClusterID: {20}[0-9a-f-]{36}$/)
    expect(general[3]).toBe('Tasks:'.padEnd(30) + '1'.padEnd(30))
    expect(general[4]).toBe('Enabled Tasks:'.padEnd(30) + '1'.padEnd(30))
    expect(general[7]).toBe('Version:'.padEnd(30) + '1.5.7'.padEnd(30))
  })

  it('level, vars, version', async () => {
    expect(await cli('level', 'debug')).toEqual(silent)
    expect(await cli('level', 'loud')).toEqual({ code: 3, stdout: '', stderr: 'invalid log level\n' })
    expect(JSON.parse((await cli('vars')).stdout)).toMatchObject({ product: 'shardline' })
    expect((await cli('version')).stdout).toMatch(/^Shardline \d+\.\d+\.\d+ /)
  })
})

describe('exit codes and messages', () => {
  it.each([
    [[], 1, 'Usage: shardline'],
    [['bogus'], 1, 'Unknown command bogus\nUsage: shardline'],
    [['help'], 1, 'Usage: shardline'],
    [['help', 'define'], 0, 'Usage: shardline define'],
    [['define'], 2, 'Must provide a task ID.\nUsage: shardline define'],
    [['define', 'x', '-nope', '1'], 2, 'flag provided but not defined: -nope\n'],
    [['define', 'x', '-tick'], 2, 'flag needs an argument: -tick\n'],
    [
      ['define', 'x', '-dbrp', 'x'],
      2,
      `invalid value "x" for flag -dbrp: does not contain a '.', it must be in the form "dbname"."rpname" where the quotes are optional.\n`,
    ],
    [['enable'], 2, 'Must pass at least one task ID\n'],
    [['delete', 'tasks'], 2, 'Must pass at least one ID\n'],
    [['list', 'foo'], 2, "cannot list 'foo' did you mean 'tasks'"],
    [['stats'], 2, 'must provide a stats category\n'],
    [['watch'], 2, 'must provide task ID.\n'],
    [['logs', 'bad'], 2, "bad keyvalue pair: 'bad'\n"],
    [['show', 'nosuch'], 3, 'no task exists\n'],
    [['define', 'x', '-tick', '/nonexistent'], 3, 'open /nonexistent: no such file or directory\n'],
    [['define', 'x', '-dbrp', 'a.b'], 3, 'must provide TICKscript\n'],
    [['define', 'a b', '-dbrp', 'a.b'], 3, `task ID must contain only letters, numbers, '-', '.' and '_'. "a b"\n`],
    [
      ['-url', 'ftp://x', 'list', 'tasks'],
      4,
      'Unsupported protocol scheme: ftp, your address must start with http:// or https://\n',
    ],
  ] as [string[], number, string][])('%j', async (args, code, stderr) => {
    const result = await cli(...args)
    expect(result.stdout).toBe('')
    expect(result.stderr.startsWith(stderr)).toBe(true)
    expect(result.code).toBe(code)
  })

  it('a server that is not there', async () => {
    const result = await runCli(['-url', 'http://127.0.0.1:1', 'list', 'tasks'])
    expect(result).toMatchObject({ code: 3, stdout: '' })
    expect(result.stderr).toMatch(
      /^Get "http:\/\/127\.0\.0\.1:1\/kapacitor\/v1\/tasks\?.*": dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/,
    )
  })

  it('a bad KAPACITOR_UNSAFE_SSL', async () => {
    expect(await server.runCli(['list', 'tasks'], { KAPACITOR_UNSAFE_SSL: 'foo' })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'strconv.ParseBool: parsing "foo": invalid syntax\n',
    })
  })

  it('user info in the URL becomes basic authentication', async () => {
    const result = await runCli(['-url', `http://bob:pw@127.0.0.1:${server.port}`, 'list', 'tasks'])
    expect(result.code).toBe(0)
    await server.until(() => (server.logs.includes('username=bob') ? true : undefined), 'a line with the user')
  })
})

it('dbrps', () => {
  expect(parseDbrp('a.b')).toEqual({ db: 'a', rp: 'b' })
  expect(parseDbrp('"my db"."a.b"')).toEqual({ db: 'my db', rp: 'a.b' })
  expect(parseDbrp('"a\\"b".c')).toEqual({ db: 'a"b', rp: 'c' })
  expect(() => parseDbrp('a.')).toThrow('does not contain')
})

it('queries are sorted by key', () => {
  expect(
    queryText([
      ['pattern', 'a*'],
      ['fields', 'z'],
      ['fields', 'b'],
    ]),
  ).toBe('?fields=z&fields=b&pattern=a*')
})

it('dates in the zone of their text', () => {
  expect(dateInItsZone('2026-11-20T09:55:42.520704996+01:00')).toBe('20 Nov 26 09:55 +0100')
  expect(dateInItsZone('0001-01-01T00:00:00Z')).toBe('01 Jan 01 00:00 UTC')
})
