import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { implementations } from '../unit/http/serve.js'
import { TestServer, taskBody } from './server.js'

describe.each(implementations)('writes over %s', (implementation) => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.start({
      implementation,
      env: { SHARDLINE_ENGINE_MAX_BODY_SIZE: '100kb' },
    })
    await server.json('POST', '/tasks', taskBody('w'))
  })
  afterAll(() => server.stop())

  const post = async (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) => {
    const reply = await fetch(server.url + path, { method: 'POST', body, headers })
    return { status: reply.status, text: await reply.text(), type: reply.headers.get('content-type') }
  }
  const last = async (): Promise<unknown> => (await server.json('GET', '/tasks/w/o')).body.series

  it('says which implementation it is', () => {
    expect(server.logs).toContain(`server=${implementation}`)
  })

  it('both paths; 204 without a body; the points arrive', async () => {
    for (const path of ['/write', '/kapacitor/v1/write']) {
      const reply = await post(`${path}?db=db&rp=rp&precision=s&consistency=any`, 'm v=1i,s="x" 1500001200\n')
      expect(reply).toEqual({ status: 204, text: '', type: 'application/json; charset=utf-8' })
    }
    const wanted = [{ name: 'm', columns: ['time', 's', 'v'], values: [['2017-07-14T03:00:00Z', 'x', 1]] }]
    await server.until(
      async () => (JSON.stringify(await last()) === JSON.stringify(wanted) ? true : undefined),
      'the row',
    )
  })

  it('one bad line rejects all, with plain text under the JSON type', async () => {
    const reply = await post('/write?db=db&rp=rp', 'm v=1\nbad\nbad2 x\n')
    expect(reply).toEqual({
      status: 400,
      type: 'application/json; charset=utf-8',
      text: "unable to parse 'bad': missing fields\nunable to parse 'bad2 x': invalid field format\n",
    })
  })

  it('db is checked after parsing', async () => {
    expect(await post('/write', 'm v=1')).toMatchObject({ status: 400, text: 'database is required\n' })
    expect(await post('/write', '')).toMatchObject({ status: 400, text: 'database is required\n' })
    expect(await post('/write', 'bad\n# x\n\n  m v=1 x')).toMatchObject({
      status: 400,
      text: "unable to parse 'bad': missing fields\nunable to parse 'm v=1 x': bad timestamp\n",
    })
    expect(await post('/write?db=db', '')).toMatchObject({ status: 204 })
    expect(await post('/write?db=db', '# only\n\n#comments')).toMatchObject({ status: 204 })
  })

  it('a precision that there is not means nanoseconds', async () => {
    for (const [precision, second] of [
      ['zz', 5],
      ['constructor', 6],
    ] as const) {
      const query = `db=db&rp=rp&precision=${precision}`
      expect(await post(`/write?${query}`, `m v=1 150000120${second}000000000`)).toMatchObject({ status: 204 })
      const time = `03:00:0${second}Z`
      await server.until(async () => (JSON.stringify(await last()).includes(time) ? true : undefined), 'the row')
    }
  })

  it('gzip', async () => {
    const gzip = { 'Content-Encoding': 'gzip' }
    const packed = gzipSync('m v=7 1500001207')
    expect(await post('/write?db=db&rp=rp&precision=s', packed, gzip)).toMatchObject({ status: 204 })
    await server.until(
      async () => (JSON.stringify(await last()).includes('03:00:07Z",7]') ? true : undefined),
      'the row',
    )
    for (const [body, text] of [
      ['m v=1', 'unexpected EOF\n'],
      ['this is no gzip at all', 'gzip: invalid header\n'],
      [packed.subarray(0, packed.length - 4), 'unexpected EOF\n'],
      ['', 'EOF\n'],
    ] as const) {
      expect(await post('/write?db=db', body, gzip)).toMatchObject({ status: 400, text })
    }
    expect((await post('/write?db=db', packed, { 'Content-Encoding': 'GZIP' })).status).toBe(400)
  })

  it('bodies beyond the limit are 413, packed or not', async () => {
    const line = 'm v=1 1500001200\n'
    const large = line.repeat(10_000)
    expect((await post('/write?db=db&rp=rp', gzipSync(large), { 'Content-Encoding': 'gzip' })).status).toBe(413)
    const status = await post('/write?db=db&rp=rp', large).then(
      (r) => r.status,
      // The server closes while we still send; whether the answer is read first is up to the client.
      () => 413,
    )
    expect(status).toBe(413)
    expect((await post('/write?db=db&rp=rp', line.repeat(5000))).status).toBe(204)
  })

  it("what InfluxDB's subscriber sends", async () => {
    const reply = await post('/write?consistency=&db=db&precision=ns&rp=rp', 'm v=9 1500001209000000000\n', {
      'User-Agent': 'InfluxDBClient',
      'Content-Type': '',
      'Accept-Encoding': 'gzip',
    })
    expect(reply.status).toBe(204)
    await server.until(
      async () => (JSON.stringify(await last()).includes('03:00:09Z",9]') ? true : undefined),
      'the row',
    )
  })

  it('other verbs', async () => {
    expect((await fetch(`${server.url}/write?db=db`)).status).toBe(404)
    expect((await fetch(`${server.url}/write`, { method: 'OPTIONS' })).status).toBe(200)
    expect((await post('/query', 'q=CREATE DATABASE "x"')).status).toBe(404)
  })

  it('statistics count them', async () => {
    const vars = (await server.json('GET', '/debug/vars')).body
    expect(vars).toMatchObject({ num_tasks: 1, num_enabled_tasks: 1, product: 'shardline', version: '1.5.7' })
    const statistics = Object.values(
      vars.kapacitor as Record<string, { name: string; tags: Record<string, string>; values: Record<string, unknown> }>,
    )
    const ingress = statistics.find(
      (s) => s.name === 'ingress' && s.tags.measurement === 'm' && s.tags.retention_policy === 'rp',
    )!
    expect(ingress.tags).toMatchObject({ task_master: 'main', database: 'db', host: 'localhost' })
    expect(ingress.values.points_received).toBeGreaterThan(5000)
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/^shardline_points_accepted_total \d+$/m)
    expect(metrics).toMatch(/^shardline_task_points_delivered_total\{task="w"\} \d+$/m)
    expect(metrics).toMatch(/^shardline_http_requests_total\{status="413"\} [12]$/m)
    expect((await server.json('GET', '/tasks/w')).body.stats).toMatchObject({ 'node-stats': { from1: { errors: 0 } } })
  })
})

it('a write without a retention policy belongs to the configured one', async () => {
  const server = await TestServer.start({ env: { KAPACITOR_DEFAULT_RETENTION_POLICY: 'auto' } })
  await server.json('POST', '/tasks', taskBody('a', { dbrps: [{ db: 'db', rp: 'auto' }] }))
  expect((await server.write('m v=1 1', 'db=db')).status).toBe(204)
  await server.until(async () => ((await server.json('GET', '/tasks/a/o')).body.series ? true : undefined), 'the row')
  await server.stop()
})
