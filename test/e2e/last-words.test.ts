/** What the process leaves behind when something fails that nobody catches. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

const preload = new URL('../fixtures/fails-on-signal.mjs', import.meta.url).href

it.each([
  ['exception', 'uncaught exception'],
  ['rejection', 'unhandled rejection'],
])('an unexpected %s is logged, ends the process with 70 and a line that says what to do', async (kind, msg) => {
  const dir = mkdtempSync(join(tmpdir(), 'shardline-last-words-'))
  const pidFile = join(dir, 'pid')
  const logFile = join(dir, 'log')
  const env = { NODE_OPTIONS: `--import ${preload}`, SHARDLINE_TEST_FAILURE: kind, SHARDLINE_LOGGING_FILE: logFile }
  const server = await TestServer.start({ dir, env, args: ['-pidfile', pidFile] })
  expect((await server.json('POST', '/tasks', taskBody('kept'))).status).toBe(200)
  expect(existsSync(pidFile)).toBe(true)
  server.child.kill('SIGUSR2')
  await once(server.child, 'close')
  expect(server.child.exitCode).toBe(70)
  expect(existsSync(pidFile)).toBe(false)

  const log = readFileSync(logFile, 'utf8').trimEnd().split('\n')
  expect(log.at(-2)).toMatch(new RegExp(`lvl=error msg="${msg}" service=run err="nobody expected this" stack="Error: `))
  expect(log.at(-1)).toMatch(/lvl=error msg="the server ends. Start the server again: .* service=run exit-code=70$/)
  const printed = server.logs.trimEnd().split('\n')
  expect(printed).toContain('run: Error: nobody expected this')
  expect(printed.at(-1)).toMatch(/^Start the server again: /)

  const again = await TestServer.start({ dir })
  expect((await again.json('GET', '/tasks/kept')).body).toMatchObject({ status: 'enabled', executing: true })
  expect(await again.stop()).toBe(0)
  rmSync(dir, { recursive: true, force: true })
})
