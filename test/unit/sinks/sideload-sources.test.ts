import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import type { RunningTask } from '../../../src/engine/engine-api.js'
import { HttpClient } from '../../../src/net/http-client.js'
import type { SideloadReload } from '../../../src/operators/outside/sideload.js'
import type { SideloadData } from '../../../src/operators/outside/sideload-table.js'
import { planTask } from '../../../src/plan/plan.js'
import { type JsonSource, readTree } from '../../../src/sinks/sideload-read.js'
import { SideloadSources } from '../../../src/sinks/sideload-sources.js'

const http = new HttpClient()
afterAll(() => http.close())

let dir: string
let sources: SideloadSources
let endpoints: Record<string, JsonSource>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sideload-'))
  endpoints = {}
  sources = new SideloadSources({ endpoint: (name) => endpoints[name], http, timeoutMs: 500 })
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), text)
}

const planOf = (source: string, more = ".field('a', 1).tag('b', '')") =>
  planTask(evaluateScript(`stream|from()|sideload().source('${source}').order('x')${more}`, {}).pipeline, {
    taskId: 't',
    shards: 1,
  })

async function prepare(source: string, key = 1, more?: string): Promise<Map<number, unknown>> {
  const nodeData = new Map<number, unknown>()
  await sources.prepare(key, planOf(source, more), nodeData)
  return nodeData
}

const asFiles = (data: unknown): Record<string, unknown> => {
  const { paths, cells } = data as SideloadData
  return Object.fromEntries(paths.map((p, i) => [p, cells[i]]))
}

describe('directories', () => {
  it('gives each node the values of its keys, from YAML and JSON files', async () => {
    put('host/a.yml', 'a: 10\nb: x\nother: 1\n')
    put('host/b.yaml', '# nothing\n')
    put('c.json', '{"b": true, "a": null}')
    put('d.yml', 'other: 1\n')
    put('notes.txt', 'a: 5')
    const nodeData = await prepare(`file://${dir}`)
    expect([...nodeData.keys()]).toEqual([2])
    expect(asFiles(nodeData.get(2))).toEqual({ 'c.json': [null, true], 'host/a.yml': [10, 'x'] })
  })

  it('reads YAML as go-yaml does', async () => {
    put(
      'a.yml',
      'yes: on\ntime: 2001-01-01\nbase60: 1:30\noctal: 010\nfloat: 1e3\nnone: ~\n1: x\nbase: &b {q: 1}\nmerged:\n  <<: *b\n',
    )
    const files = await readTree(dir)
    expect(files.get('a.yml')).toEqual({
      true: true,
      time: '2001-01-01',
      base60: '1:30',
      octal: 8,
      float: 1000,
      none: null,
      1: 'x',
      base: { q: 1 },
      merged: { q: 1 },
    })
  })

  it.each<[string, () => void, string | RegExp]>([
    ['a missing directory', () => rmSync(dir, { recursive: true }), ': lstat DIR: no such file or directory'],
    ['a file that is no map', () => put('x.yml', '[1]'), ': failed to parse DIR/x.yml: not a map'],
    ['a broken file', () => put('x.json', '{'), /: failed to parse .*x.json: /],
    ['a hidden file', () => put('.gitkeep', ''), ': file name ".gitkeep" starts with a dot'],
    ['a FIFO', () => execFileSync('mkfifo', [join(dir, 'x.yml')]), ': open DIR/x.yml: not a regular file (FIFO)'],
    [
      'a link to nothing',
      () => symlinkSync('/nowhere', join(dir, 'x.yml')),
      ': open DIR/x.yml: no such file or directory',
    ],
  ])('%s stops the task', async (_name, setup, text) => {
    setup()
    const failure = await prepare(`file://${dir}`).then(
      () => '',
      (err: Error) => err.message,
    )
    const start = `failed to update sideload cache for source "${dir}"`
    expect(failure.startsWith(start), failure).toBe(true)
    const rest = failure.slice(start.length)
    if (typeof text === 'string') expect(rest).toBe(text.replaceAll('DIR', dir))
    else expect(rest).toMatch(text)
    sources.stopped(1)
  })

  it.each([
    ['', `unsupported source scheme "", must be 'file'`],
    ['/abs', `unsupported source scheme "", must be 'file'`],
    ['ftp://x/y', `unsupported source scheme "ftp", must be 'file'`],
    ['file://', 'sideload source path must be absolute ""'],
    ['file:rel', 'sideload source path must be absolute "rel"'],
  ])('source %j', async (source, text) => {
    await expect(prepare(source)).rejects.toThrow(text)
  })
})

/** A run whose shards note what they are told. */
function running(seen: SideloadReload[], fail = false, key = 1): RunningTask {
  return {
    key,
    id: 'task',
    stats: () => {
      throw new Error('not asked for')
    },
    control: (_node, body) => {
      if (fail) return Promise.reject(new Error('no memory'))
      seen.push(body as SideloadReload)
      return Promise.resolve([true])
    },
    reply: () => true,
  }
}

describe('reload', () => {
  it('reads again and tells the running nodes; one that starts again gets the new values too', async () => {
    put('a.yml', 'a: 1')
    const nodeData = await prepare(`file://${dir}`)
    const seen: SideloadReload[] = []
    sources.started(running(seen))
    put('a.yml', 'a: 2')
    put('b.yml', 'b: x')
    await sources.reload()
    expect(seen.map((m) => asFiles(m.data))).toEqual([{ 'a.yml': [2, undefined], 'b.yml': [undefined, 'x'] }])
    expect(nodeData.get(2)).toBe(seen[0].data)
    expect(asFiles((await prepare(`file://${dir}`, 2)).get(2))).toEqual({
      'a.yml': [2, undefined],
      'b.yml': [undefined, 'x'],
    })
  })

  it('reads a source once for all tasks until the last one stops', async () => {
    put('a.yml', 'a: 1')
    await prepare(`file://${dir}`, 1)
    put('a.yml', 'a: 2')
    expect(asFiles((await prepare(`file://${dir}`, 2)).get(2))).toEqual({ 'a.yml': [1, undefined] })
    sources.stopped(1)
    expect(asFiles((await prepare(`file://${dir}`, 3)).get(2))).toEqual({ 'a.yml': [1, undefined] })
    sources.stopped(2)
    sources.stopped(3)
    expect(asFiles((await prepare(`file://${dir}`, 4)).get(2))).toEqual({ 'a.yml': [2, undefined] })
  })

  it('keeps the old values of a source that fails, and goes on with the others', async () => {
    const other = mkdtempSync(join(tmpdir(), 'sideload-'))
    try {
      put('a.yml', 'a: 1')
      writeFileSync(join(other, 'a.yml'), 'a: 5')
      await prepare(`file://${dir}`, 1)
      await prepare(`file://${other}`, 2)
      const seen: SideloadReload[] = []
      sources.started(running(seen, false, 2))
      put('a.yml', '[')
      writeFileSync(join(other, 'a.yml'), 'a: 6')
      await expect(sources.reload()).rejects.toThrow(`failed to update source "${dir}": failed to parse`)
      expect(asFiles((await prepare(`file://${dir}`, 3)).get(2))).toEqual({ 'a.yml': [1, undefined] })
      expect(seen.map((m) => asFiles(m.data))).toEqual([{ 'a.yml': [6, undefined] }])
    } finally {
      rmSync(other, { recursive: true, force: true })
    }
  })

  it('says so when a shard cannot take the values', async () => {
    put('a.yml', 'a: 1')
    await prepare(`file://${dir}`)
    sources.started(running([], true))
    await expect(sources.reload()).rejects.toThrow(`failed to update source "${dir}": no memory`)
  })
})

describe('over HTTP', () => {
  let server: Server
  let url: string
  let seen: IncomingMessage[]
  let answer: (res: ServerResponse) => void

  beforeEach(async () => {
    seen = []
    answer = (res) => res.end('{"x.yml": {"a": 1, "b": "y"}, "z": {"q": 1}}')
    server = createServer((req, res) => {
      seen.push(req)
      answer(res)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/side`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('reads one JSON object', async () => {
    expect(asFiles((await prepare(url)).get(2))).toEqual({ 'x.yml': [1, 'y'] })
    expect(seen.map((r) => [r.method, r.url])).toEqual([['GET', '/side']])
  })

  it('uses the URL, headers and credentials of an endpoint', async () => {
    endpoints.side = { url, headers: { 'X-Key': 'k' }, authorization: 'Basic dTpw' }
    expect(asFiles((await prepare('side')).get(2))).toEqual({ 'x.yml': [1, 'y'] })
    expect(seen[0].headers).toMatchObject({
      'x-key': 'k',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    })
  })

  it.each<[string, (res: ServerResponse) => void, RegExp]>([
    ['a refusal', (res) => res.writeHead(404).end(), /: status 404$/],
    ['no JSON', (res) => res.end('x'), /failed to parse/],
    ['no object', (res) => res.end('[]'), /not a map/],
    ['a file that is no map', (res) => res.end('{"a": 1}'), /"a" of .* is not a map/],
    ['no answer', () => {}, /context deadline exceeded/],
  ])('%s stops the task', async (_name, reply, text) => {
    answer = reply
    const failure = prepare(url)
    await expect(failure).rejects.toThrow(`failed to update sideload cache for source "${url}": `)
    await expect(failure).rejects.toThrow(text)
  })
})
