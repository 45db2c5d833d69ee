import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { runDaemon, TestServer, taskBody } from './server.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function started(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  const server = await TestServer.start(options)
  cleanups.push(() => server.stop())
  return server
}

function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shardline-daemon-'))
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

describe('commands', () => {
  it('help, version, config', async () => {
    expect(await runDaemon(['help'])).toMatchObject({ code: 0, stderr: '' })
    expect((await runDaemon(['version'])).stdout).toMatch(
      /^Shardline \d+\.\d+\.\d+ \(compatible with Kapacitor 1\.5\.7\)\n$/,
    )
    const config = await runDaemon(['config'])
    expect(config).toMatchObject({ code: 0, stderr: '' })
    expect(config.stdout).toContain('[engine]')
    const file = join(temporary(), 'x.conf')
    writeFileSync(file, 'hostname = "one"')
    expect((await runDaemon(['config', '-config', file, '-hostname', 'two'])).stdout).toContain('hostname = "two"\n')
  })

  it.each([
    [['bogus'], 'run: unknown command "bogus"'],
    [['-nope'], 'run: flag provided but not defined: -nope'],
    [['-config', '/nonexistent/x.conf'], 'run: parse config: open /nonexistent/x.conf: no such file or directory'],
  ])('%j is one clear line and exit 1', async (args, text) => {
    const { code, stderr } = await runDaemon(args)
    expect(stderr.split('\n')[0]).toBe(text)
    expect(code).toBe(1)
  })

  it('a bad value', async () => {
    const { code, stderr } = await runDaemon(['-config', '/dev/null'], { KAPACITOR_HTTP_LOG_ENABLED: 'zz' })
    expect(stderr).toBe(
      "run: apply env config: failed to apply KAPACITOR_HTTP_LOG_ENABLED to LogEnabled using type bool and value 'zz'\n",
    )
    expect(code).toBe(1)
  })

  it('a port in use', async () => {
    const server = await started()
    const dir = temporary()
    const file = join(dir, 'x.conf')
    writeFileSync(
      file,
      `data_dir = "${dir}"\n[http]\nbind-address = "127.0.0.1:${server.port}"\n[logging]\nfile = "${dir}/log"`,
    )
    const { code, stderr } = await runDaemon(['-config', file])
    expect(stderr).toContain(
      `run: open server: open service *httpd.Service: listen tcp 127.0.0.1:${server.port}: bind: address already in use\n`,
    )
    expect(code).toBe(1)
  })
})

it('start and clean end: logs, ids, pid file', async () => {
  const dir = temporary()
  const pidfile = join(dir, 'run', 'pid')
  const server = await started({
    dir,
    args: ['run', '-pidfile', pidfile, '-hostname', 'here'],
    config: '[nonsense]\nx = 1',
  })
  expect(readFileSync(pidfile, 'utf8')).toBe(String(server.child.pid))
  const ids = ['cluster.id', 'server.id'].map((f) => readFileSync(join(dir, f), 'utf8'))
  for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/)
  server.child.kill('SIGHUP')
  await server.until(() => (server.logs.includes('SIGHUP') ? true : undefined), 'the answer to SIGHUP')
  expect(await server.stop()).toBe(0)
  expect(existsSync(pidfile)).toBe(false)
  const order = [
    'configuration: unknown section nonsense, ignored',
    'shardline starting',
    'listing hostname',
    `cluster_id=${ids[0]} server_id=${ids[1]}`,
    'opened task master',
    'starting HTTP service',
    'listening on',
    'listening for signals',
    'signal received, initializing clean shutdown...',
    'server shutdown completed',
  ]
  let at = 0
  for (const text of order) {
    const found = server.logs.indexOf(text, at)
    expect(found, text).toBeGreaterThanOrEqual(0)
    at = found
  }
  expect(server.logs).toMatch(
    /^ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z lvl=info msg="listing hostname" source=srv hostname=here$/m,
  )
})

it('SIGINT ends it too', async () => {
  const server = await started()
  expect(await server.stop('SIGINT')).toBe(0)
})

it('tasks are there again after kill -9, enabled ones run', async () => {
  const dir = temporary()
  const first = await TestServer.start({ dir })
  await first.json('POST', '/tasks', taskBody('on'))
  await first.json('POST', '/tasks', taskBody('off', { status: 'disabled' }))
  await first.json('POST', '/tasks', taskBody('gone'))
  await first.json('DELETE', '/tasks/gone')
  await first.json('PATCH', '/tasks/off', { id: 'off2' })
  await first.json('POST', '/tasks', taskBody('broken', { script: "stream|from()|where(lambda: 1 + 'a')" }))
  const created = (await first.json('GET', '/tasks/on')).body.created
  await first.crash()

  const second = await started({ dir })
  const { body } = await second.json('GET', '/tasks?fields=status&fields=executing&fields=created&fields=error')
  expect(body.tasks).toMatchObject([
    { id: 'broken', status: 'enabled', executing: false, error: expect.stringContaining('Failed to compile') },
    { id: 'off2', status: 'disabled', executing: false, error: '' },
    { id: 'on', status: 'enabled', executing: true, created },
  ])
  expect(second.logs).toContain('failed to start enabled task')
  await second.write('m v=1 1')
  await second.until(async () => ((await second.json('GET', '/tasks/on/o')).body.series ? true : undefined), 'the row')
})

it('accepted points are processed before the end', async () => {
  const dir = temporary()
  const log = join(dir, 'alerts.log')
  const server = await started({ dir })
  const script = `stream|from().measurement('m')|alert().crit(lambda: TRUE).message('{{ index .Fields "v" }}').log('${log}')`
  expect((await server.json('POST', '/tasks', taskBody('a', { script }))).status).toBe(200)
  const lines = Array.from({ length: 2000 }, (_, i) => `m v=${i}i ${i + 1}`)
  expect((await server.write(lines.join('\n'))).status).toBe(204)
  expect(await server.stop()).toBe(0)
  expect(readFileSync(log, 'utf8').trimEnd().split('\n')).toHaveLength(2000)
})

it('JSON logs and switched off access log', async () => {
  const server = await started({ env: { SHARDLINE_LOGGING_FORMAT: 'json', KAPACITOR_HTTP_LOG_ENABLED: 'false' } })
  await server.json('GET', '/ping')
  await server.stop()
  const lines = server.logs.split('\n').filter((l) => l.startsWith('{'))
  expect(lines.length).toBeGreaterThan(5)
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('msg')
  expect(server.logs).not.toContain('http request')
})

it('UDP listeners of the configuration', async () => {
  const { createSocket } = await import('node:dgram')
  const { freePort } = await import('./server.js')
  const port = await freePort()
  const server = await started({
    config: `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${port}"\ndatabase = "db"\nretention-policy = "rp"`,
  })
  await server.json('POST', '/tasks', taskBody('u'))
  const socket = createSocket('udp4')
  cleanups.push(() => socket.close())
  await server.until(async () => {
    socket.send('m v=5 1000000000\n', port, '127.0.0.1')
    return (await server.json('GET', '/tasks/u/o')).body.series ? true : undefined
  }, 'the datagram')
  expect(server.logs).toContain('started listening on UDP')
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(
    /^shardline_udp_points_published_total\{bind=.*\} \d+$/m,
  )
})
