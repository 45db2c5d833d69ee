/** Whatever an id is made of, the object comes back through its link: to a client that follows it, and to the original's own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requestTarget } from '../../src/go/url-path.js'
import { implementations } from '../unit/http/serve.js'
import { TestServer, taskBody } from './server.js'

const ids = ['a-b.c_d', 'ταςκ-ひ.ñ_ж9', '9', '-x', '.hidden', 'a..b', '...', '..', '.']

describe.each(implementations)('%s', (implementation) => {
  let server: TestServer
  let dir: string
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'shardline-ids-'))
    server = await TestServer.start({
      implementation,
      config: `[replay]\ndir = ${JSON.stringify(join(dir, 'replay'))}\n`,
    })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  /** A request byte for byte: URL parsers would resolve dots and escape letters. */
  const raw = (target: string, method = 'GET'): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      let reply = ''
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      })
      socket.setEncoding('utf8')
      socket.on('data', (text) => {
        reply += text
        const head = reply.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(reply)?.[1] ?? 0)
        if (head >= 0 && Buffer.byteLength(reply.slice(head + 4)) >= length) socket.end()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve({ status: Number(reply.split(' ')[1]), text: reply }))
    })

  const hrefOf = (body: Record<string, unknown>): string => (body.link as { href: string }).href
  const escaped = (body: Record<string, unknown>): string => requestTarget(hrefOf(body))

  /** As sent, escaped, and escaped once more as the original's client does with what is no URL character. */
  async function comesBack(id: string, body: Record<string, unknown>): Promise<void> {
    const href = hrefOf(body)
    const forms = [requestTarget(href)]
    if (!/^\.\.?$/.test(id)) forms.push(encodeURI(href))
    // node:http refuses requests with letters beyond ASCII in them.
    if (implementation === 'uws') forms.push(href)
    for (const target of new Set(forms)) {
      const reply = await raw(target)
      expect([200, 202], target).toContain(reply.status)
      expect(reply.text).toContain(`"id": ${JSON.stringify(id)}`)
    }
  }

  it.each(ids)('task, template, recording, replay and handler %j', async (id) => {
    const script = "stream|from().measurement('m')|httpOut('o.ü')"
    const task = await server.json('POST', '/tasks', taskBody(id, { script }))
    expect(task.status).toBe(200)
    await comesBack(id, task.body)
    expect((await raw(`${escaped(task.body)}/${encodeURIComponent('o.ü')}`)).text).toContain('{"series":null}')

    const template = await server.json('POST', '/templates', { id, script })
    expect(template.status).toBe(200)
    await comesBack(id, template.body)

    const recording = await server.json('POST', '/recordings/stream', { id, task: id, stop: '1970-01-01T00:01:40Z' })
    expect(recording.status).toBe(201)
    await server.write('m v=1 1\nm v=2 101')
    await server.until(
      async () => ((await raw(escaped(recording.body))).text.includes('"status": "finished"') ? true : undefined),
      'the end of the recording',
    )
    await comesBack(id, recording.body)

    const replay = await server.json('POST', '/replays', { id, task: id, recording: id, 'recording-time': true })
    expect(replay.status).toBe(201)
    await server.until(
      async () => ((await raw(escaped(replay.body))).text.includes('"status": "finished"') ? true : undefined),
      'the end of the replay',
    )
    await comesBack(id, replay.body)

    const spec = { id, kind: 'log', options: { path: join(dir, 'alerts.log') } }
    const handler = await server.json('POST', `/alerts/topics/${encodeURIComponent('tö:pic')}/handlers`, spec)
    expect(handler.status).toBe(200)
    await comesBack(id, handler.body)

    for (const { body } of [replay, recording, task, template, handler]) {
      expect((await raw(escaped(body), 'DELETE')).status).toBe(204)
      expect((await raw(escaped(body))).status).toBeGreaterThanOrEqual(404)
    }
  })

  it.each(['ταςκ-ひ.ñ_ж9', '.hidden', '..'])('the command line finds %j', async (id) => {
    await server.json('POST', '/tasks', taskBody(id, { status: 'disabled' }))
    const cli = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await server.runCli(args)
      expect([code, stderr]).toEqual([0, ''])
      return stdout
    }
    await cli('enable', id)
    expect(await cli('show', id)).toContain(`ID: ${id}\n`)
    expect(await cli('show', id)).toMatch(/^Status: +enabled$/m)
    await cli('delete', 'tasks', id)
    expect((await server.json('GET', '/tasks?fields=id')).body).toEqual({ tasks: [] })
  })

  it.runIf(implementation === 'uws')(
    'a path that is not canonical leads to the canonical one, whatever its letters',
    async () => {
      const reply = await raw('/kapacitor/v1//tasks/ταςκ?a=β')
      expect(reply.status).toBe(301)
      const target = `/kapacitor/v1/tasks/${encodeURIComponent('ταςκ')}?a=${encodeURIComponent('β')}`
      expect(reply.text).toContain(`Location: ${target}\r\n`)
    },
  )
})
