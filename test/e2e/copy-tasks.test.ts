/** scripts/copy-tasks.mjs: templates, tasks and handlers of one server on another. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { passScript, root, TestServer, taskBody } from './server.js'

let from: TestServer
let to: TestServer
beforeAll(async () => {
  ;[from, to] = await Promise.all([TestServer.start(), TestServer.start()])
})
afterAll(() => Promise.all([from.stop(), to.stop()]))

async function copy(...flags: string[]): Promise<{ code: number | null; lines: string[] }> {
  const child = spawn(process.execPath, [join(root, 'scripts/copy-tasks.mjs'), from.url, `${to.url}/`, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (t: string) => {
      text += t
    })
  }
  await once(child, 'close')
  return { code: child.exitCode, lines: text.split('\n').filter(Boolean) }
}

it('copies what is there, with its vars exact and its status kept only when asked to', async () => {
  const template = 'var n = 0\nvar name string\nstream|from().measurement(name).where(lambda: "v" == n)|httpOut(\'o\')'
  const ok = (reply: { status: number; body: unknown }): void =>
    expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
  ok(await from.json('POST', '/templates', { id: 'tpl', type: 'stream', script: template }))
  const vars = '{"n":{"type":"int","value":9007199254740993},"name":{"type":"string","value":"m"}}'
  const body = JSON.stringify({ id: 'from_template', 'template-id': 'tpl', dbrps: [{ db: 'db', rp: 'rp' }] })
  ok(await from.json('POST', '/tasks', body.replace(/}$/, `,"vars":${vars}}`)))
  ok(await from.json('POST', '/tasks', taskBody('on')))
  ok(await from.json('POST', '/tasks', { id: 'inside', status: 'disabled', script: `dbrp "a"."b"\n${passScript}` }))
  const handler = { id: 'h', kind: 'log', options: { path: '/tmp/x.log' }, match: 'level() == CRITICAL' }
  ok(await from.json('POST', '/alerts/topics/ops/handlers', handler))

  const copied = await copy()
  expect(copied.code, copied.lines.join('\n')).toBe(0)
  expect(copied.lines.sort()).toEqual([
    'handler ops/h: copied',
    'task from_template: copied',
    'task inside: copied',
    'task on: copied',
    'template tpl: copied',
  ])
  const { body: list } = await to.json('GET', '/tasks?fields=status&fields=dbrps')
  expect(list.tasks).toMatchObject([
    { id: 'from_template', status: 'disabled', dbrps: [{ db: 'db', rp: 'rp' }] },
    { id: 'inside', status: 'disabled', dbrps: [{ db: 'a', rp: 'b' }] },
    { id: 'on', status: 'disabled' },
  ])
  const text = await (await fetch(`${to.url}/kapacitor/v1/tasks/from_template`)).text()
  expect(text).toContain('"template-id": "tpl"')
  expect(text).toContain('9007199254740993')
  expect((await to.json('GET', '/alerts/topics/ops/handlers/h')).body).toMatchObject(handler)

  expect((await copy()).lines.every((l) => l.endsWith(': exists already'))).toBe(true)
  await to.json('DELETE', '/tasks/on')
  expect((await copy('--enable')).lines).toContain('task on: copied')
  expect((await to.json('GET', '/tasks/on')).body).toMatchObject({ status: 'enabled', executing: true })
})

it('says what it could not do', async () => {
  expect(await copy('--bogus')).toMatchObject({ code: 2 })
  await from.json('POST', '/tasks', taskBody('broken', { script: "stream|from()|where(lambda: 1 + 'a')" }))
  const { code, lines } = await copy('--enable')
  expect(code).toBe(1)
  expect(lines.find((l) => l.startsWith('task broken: '))).toContain('refused, Failed to compile')
})
