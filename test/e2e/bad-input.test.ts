/**
 * What goes wrong on ordinary days: broken lines and bodies, scripts with mistakes, points of other types than a script
 * expects, handlers that fail, addresses in use, configurations that cannot be read. Each gets a clear answer and a count,
 * and a healthy task beside it does not notice.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handledPoints, metric } from './scripts.js'
import { freePort, runDaemon, TestServer, taskBody } from './server.js'

describe('bad input', () => {
  let server: TestServer
  let udpPort = 0
  let second = 0
  let healthySent = 0

  beforeAll(async () => {
    udpPort = await freePort()
    server = await TestServer.start({
      shards: 2,
      config: `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${udpPort}"\ndatabase = "db"\nretention-policy = "rp"`,
      env: { SHARDLINE_ENGINE_MAX_BODY_SIZE: '300kb', SHARDLINE_ENGINE_SLOT_SIZE: '256kb' },
    })
    const log = join(server.dir, 'healthy.log')
    const script = `stream|from().measurement('healthy').groupBy('g')|alert().crit(lambda: "v" > 0).log('${log}')`
    expect((await server.json('POST', '/tasks', taskBody('healthy', { script }))).status).toBe(200)
  })
  afterAll(() => server.stop())

  const metrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text()
  const post = async (body: string | Uint8Array, headers: Record<string, string> = {}, query = 'db=db&rp=rp') => {
    const reply = await fetch(`${server.url}/write?${query}`, { method: 'POST', body, headers })
    return { status: reply.status, text: await reply.text() }
  }
  const define = async (id: string, script: string): Promise<{ status: number; error: unknown }> => {
    const { status, body } = await server.json('POST', '/tasks', taskBody(id, { script }))
    return { status, error: body.error }
  }
  const through = (id: string, n: number): Promise<unknown> =>
    server.until(async () => ((await handledPoints(server.url, id)) === n ? true : undefined), `${n} points of ${id}`)
  /** Errors of the nodes whose name begins so. */
  const nodeErrors = async (id: string, node: string): Promise<number> => {
    const { body } = await server.json('GET', `/tasks/${id}`)
    const stats = (body.stats as { 'node-stats': Record<string, { errors: number }> })['node-stats']
    return Object.entries(stats).reduce((n, [name, s]) => (name.startsWith(node) ? n + s.errors : n), 0)
  }

  /** Whatever happened before: a point of the healthy task still gives its alert. */
  async function stillHealthy(): Promise<void> {
    healthySent++
    expect((await server.write(`healthy,g=${healthySent % 3} v=${healthySent} ${++second}`)).status).toBe(204)
    await server.until(() => {
      let lines: string[] = []
      try {
        lines = readFileSync(join(server.dir, 'healthy.log'), 'utf8').split('\n').filter(Boolean)
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err
      }
      return lines.length === healthySent ? true : undefined
    }, `alert ${healthySent} of the healthy task`)
    expect(await nodeErrors('healthy', '')).toBe(0)
  }

  it('refuses lines that are none, all of a body', async () => {
    const before = await metrics()
    for (const [line, why] of [
      ['m', 'missing fields'],
      ['m,g=a v=', 'missing field value'],
      ['m,g=a v=1i9 1', 'invalid number'],
      ['m,g=a v=9223372036854775808i 1', 'unable to parse integer 9223372036854775808'],
      ['m,g=a,g=b v=1 1', 'duplicate tags'],
      ['m,g= v=1 1', 'missing tag value'],
      ['m,g v=1 1', 'missing tag value'],
      ['m v="open 1', 'unbalanced quotes'],
      ['m v=1 now', 'bad timestamp'],
      ['m v=1 99999999999999999999', 'value out of range'],
      [',g=a v=1 1', 'missing measurement'],
      ['m v=TRuE 1', 'invalid boolean'],
    ]) {
      const reply = await post(`healthy,g=1 v=1 1\n${line}\nhealthy,g=1 v=1 2`)
      expect([line, reply.status]).toEqual([line, 400])
      expect(reply.text).toContain(`unable to parse '`)
      expect(reply.text).toContain(why)
    }
    const after = await metrics()
    const moved = (name: string): number => metric(after, name) - metric(before, name)
    expect(moved('shardline_writes_rejected_total')).toBe(12)
    expect(moved('shardline_points_accepted_total')).toBe(0)
    await stillHealthy()
  })

  it('refuses what is too long or broken in its packing', async () => {
    const gzip = { 'Content-Encoding': 'gzip' }
    const lines = 'healthy,g=1 v=1 1\n'.repeat(20_000)
    expect((await post(gzipSync(lines), gzip)).status).toBe(413)
    // A kilobyte that unpacks to a gigabyte is stopped at the limit.
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect((await post(gzipSync(bomb), { 'Content-Encoding': 'gzip' })).status).toBe(400)
    expect((await post(bomb, gzip)).status).toBe(413)
    expect(await post('m v=1', gzip)).toMatchObject({ status: 400, text: 'unexpected EOF\n' })
    expect(await post('no gzip, but long enough', gzip)).toMatchObject({ status: 400, text: 'gzip: invalid header\n' })
    const packed = gzipSync('healthy,g=1 v=1 1')
    packed[packed.length - 5] ^= 0xff
    expect(await post(packed, gzip)).toMatchObject({ status: 400, text: 'gzip: invalid checksum\n' })
    const long = await post(`healthy,g=1 s="${'x'.repeat(100_000)}" 1`)
    expect(long).toMatchObject({ status: 400, text: expect.stringContaining('line too long: 100') })
    expect(await post('healthy,g=1 v=1 1', {}, '')).toMatchObject({ status: 400, text: 'database is required\n' })
    await stillHealthy()
  })

  it('loses one datagram to a bad line, and no more', async () => {
    const before = await metrics()
    const socket = createSocket('udp4')
    const send = (bytes: Uint8Array | string): Promise<void> =>
      new Promise((resolve, reject) =>
        socket.send(bytes, udpPort, '127.0.0.1', (err) => (err === null ? resolve() : reject(err))),
      )
    await send('other,g=1 v=1 1\nbad\nother,g=1 v=1 2')
    await send(Uint8Array.of(255, 254, 0, 1, 2))
    await send('')
    await send('\n\n# only a comment\n')
    await send(`other s="${'x'.repeat(64_000)}" 1`)
    await send('other,g=1 v=1 3\nother,g=1 v=1 4')
    socket.close()
    const after = await server.until(async () => {
      const text = await metrics()
      const accepted =
        metric(text, 'shardline_points_accepted_total') - metric(before, 'shardline_points_accepted_total')
      return accepted >= 3 ? text : undefined
    }, 'the good datagrams')
    const moved = (name: string): number => metric(after, name) - metric(before, name)
    expect(moved('shardline_points_accepted_total')).toBe(3)
    expect(moved('shardline_udp_datagrams_bad_total')).toBe(2)
    expect(moved('shardline_udp_datagrams_total')).toBe(6)
    expect(server.logs).toContain(`failed to parse points`)
    await stillHealthy()
  })

  it.each([
    ['open bracket', 'stream|from(', 'unexpected'],
    ['unknown node', 'stream|frm()', 'no method or property "frm"'],
    ['wrong argument', "stream|from().measurement('m')|where(1)|httpOut('o')", ''],
    ['negative period', "stream|from()|window().period(-10s).every(1s)|count('v')|httpOut('o')", ''],
    ['half a lambda', 'stream|from()|alert().crit(lambda: "v" > )|httpOut(\'o\')', ''],
    ['types of an expression', "var x = 1 + 'a'\nstream|from()|httpOut('o')", ''],
    ['unknown node at the end', "stream|from()|httpOut('o')|nope()", 'no method or property "nope"'],
    ['no work', 'var x = stream', 'task does nothing'],
    ['too deep', `stream|from().where(lambda: ${'('.repeat(5000)}TRUE${')'.repeat(5000)})|httpOut('o')`, ''],
  ])('refuses a script with %s', async (_what, script, why) => {
    const { status, error } = await define('broken', script)
    expect(status).toBe(400)
    expect(String(error)).toMatch(/^invalid TICKscript: /)
    expect(String(error)).toContain(why)
    expect((await server.json('GET', '/tasks/broken')).status).toBe(404)
  })

  it('answers for tasks that do not exist', async () => {
    expect((await server.json('GET', '/tasks/none')).body.error).toBe('no task exists')
    expect(await server.runCli(['show', 'none'])).toMatchObject({ code: 3, stdout: '', stderr: 'no task exists\n' })
    // A pattern that matches nothing is no error.
    expect((await server.runCli(['enable', 'none'])).code).toBe(0)
    expect(await server.runCli(['define', 'new'])).toMatchObject({ code: 3, stdout: '' })
    expect((await server.runCli(['define', 'new', '-tick', '/none.tick'])).stderr).toContain('/none.tick')
    expect((await server.json('GET', '/tasks/healthy/none')).status).toBe(404)
    await stillHealthy()
  })

  it('takes points of other types as errors of those points', async () => {
    const script = `
var m = stream|from().measurement('types').groupBy('g')
m|where(lambda: "v" > 5.0)|httpOut('where')
m|eval(lambda: 10 / "i").as('q')|httpOut('eval')
m|where(lambda: 10 % "i" > 1)|httpOut('modulo')
m|eval(lambda: strSubstring("s", 3, 1)).as('q')|httpOut('text')
m|where(lambda: !"b" AND "v" > 0.0)|httpOut('not')
m|alert().crit(lambda: 10 / "i" > 1).log('${join(server.dir, 'types.log')}')
m|window().periodCount(2).everyCount(2)|mean('v')|httpOut('mean')`
    expect(await define('types', script)).toEqual({ status: 200, error: '' })
    const good = 'v=6,i=2i,s="abcdef",b=false'
    const rows = [
      good,
      'v="x",i=0i,s="abc",b="no bool"',
      'v=true,i=0i,s=1,b=1i',
      'v=6i,i=1.5,s=false,b=true',
      'w=1',
      good,
      good,
    ]
    expect((await server.write(rows.map((r, i) => `types,g=a ${r} ${i + 1}`).join('\n'))).status).toBe(204)
    await through('types', rows.length)
    const page = async (name: string): Promise<unknown[][] | undefined> => {
      const { body } = await server.json('GET', `/tasks/types/${name}`)
      return (body.series as { values: unknown[][] }[] | null)?.[0].values
    }
    expect((await page('eval'))?.[0][1]).toBe(5)
    expect((await page('where'))?.[0][0]).toBe('1970-01-01T00:00:07Z')
    // Points whose b is no boolean do not stop those whose b is one.
    expect((await page('not'))?.[0][0]).toBe('1970-01-01T00:00:07Z')
    for (const [node, atLeast] of [
      ['where', 4],
      ['eval', 4],
      ['alert', 4],
    ] as const) {
      expect(await nodeErrors('types', node), node).toBeGreaterThanOrEqual(atLeast)
    }
    expect(server.logs).toContain('runtime error: integer divide by zero')
    expect(server.logs).toContain('mismatched type to binary operator. got string > float')
    expect((await server.json('GET', '/tasks/types')).body).toMatchObject({ executing: true, error: '' })
    await stillHealthy()
  })

  it('counts and logs what handlers cannot deliver', async () => {
    const closed = await freePort()
    const script = `stream|from().measurement('handlers')|alert().crit(lambda: TRUE)
      .exec('/nonexistent/program', 'x').log('/nonexistent/dir/alerts.log').post('http://127.0.0.1:${closed}/')
      .tcp('127.0.0.1:${closed}').slack().pagerDuty().victorOps().email('a@example.com').log('${join(server.dir, 'delivered.log')}')`
    expect(await define('handlers', script)).toEqual({ status: 200, error: '' })
    expect((await server.write('handlers v=1 1\nhandlers v=2 2')).status).toBe(204)
    await server.until(() => {
      const failed = (kind: string): boolean =>
        server.logs.split('\n').some((l) => l.includes('lvl=error') && l.includes(`handler=${kind} `))
      const kinds = ['exec', 'log', 'post', 'tcp', 'slack', 'pagerduty', 'victorops', 'smtp']
      return kinds.filter((k) => !failed(k)).length === 0 ? true : undefined
    }, 'a line for each handler')
    await server.until(() => {
      const lines = readFileSync(join(server.dir, 'delivered.log'), 'utf8').split('\n').filter(Boolean)
      return lines.length === 2 ? true : undefined
    }, 'the delivered events')
    await stillHealthy()
  })
})

describe('what keeps a server from starting', () => {
  let dir = ''
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'shardline-start-'))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  async function refused(config: string): Promise<string> {
    const file = join(dir, 'x.conf')
    writeFileSync(file, config)
    const { code, stderr } = await runDaemon(['-config', file])
    expect(code).toBe(1)
    expect(stderr).not.toContain('    at ')
    return stderr
  }

  it('a configuration that is no TOML, has wrong types, or is a directory', async () => {
    expect(await refused('[http\nbind-address = 1')).toContain('run: parse config: ')
    expect(await refused('[http]\nbind-address = 9092')).toMatch(/run: .*bind-address/)
    expect(await refused('[engine]\nshard-memory = "much"')).toMatch(/run: .*shard-memory/)
    expect(await refused('[engine]\nshards = -1')).toMatch(/run: .*shards/)
    const { code, stderr } = await runDaemon(['-config', dir])
    expect(code).toBe(1)
    expect(stderr).toMatch(/run: parse config: .*directory/)
  })

  it('a UDP or HTTP address in use, a data directory that is a file', async () => {
    const http = await freePort()
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const base = `data_dir = "${dir}/data"\n[http]\nbind-address = "127.0.0.1:${http}"\n[logging]\nfile = "${dir}/log"\n`
    const udp = `[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${socket.address().port}"\ndatabase = "db"`
    expect(await refused(`${base}${udp}`)).toContain(`127.0.0.1:${socket.address().port}`)
    socket.close()
    writeFileSync(join(dir, 'file'), '')
    expect(await refused(base.replace('/data"', '/file"'))).toContain(join(dir, 'file'))
    expect(await refused(`${base}[storage]\npath = "${dir}/file/store"`)).toContain(join(dir, 'file'))
  })
})
