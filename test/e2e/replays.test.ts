import { createSocket } from 'node:dgram'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort, TestServer, taskBody } from './server.js'
import { Sink } from './sink.js'

let server: TestServer
let sink: Sink
let data: string
let udpPort: number

const replayDir = () => join(data, 'replay')

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'shardline-replays-'))
  sink = await Sink.start()
  udpPort = await freePort()
  server = await start()
})
afterAll(async () => {
  await server.stop()
  await sink.close()
  rmSync(data, { recursive: true, force: true })
})
afterEach(async () => {
  sink.bodies.clear()
  for (const kind of ['replays', 'recordings', 'tasks'] as const) {
    const { body } = await server.json('GET', `/${kind}?fields=link`)
    for (const { id } of body[kind] as { id: string }[]) await server.json('DELETE', `/${kind}/${id}`)
  }
})

const start = () =>
  TestServer.start({
    dir: data,
    shards: 2,
    config: `[replay]\ndir = ${JSON.stringify(replayDir())}\n[[udp]]\nenabled = true\nbind-address = "127.0.0.1:${udpPort}"\ndatabase = "db"\nretention-policy = "rp"\n`,
  })

const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
const posting = (path: string, more = '') =>
  `stream\n    |from()\n        .measurement('m')${more}\n    |httpPost('${sink.url}${path}')\n`
const define = (id: string, script: string, more: Record<string, unknown> = {}) =>
  server.json('POST', '/tasks', taskBody(id, { script, ...more }))
const record = (id: string, task = 'task', stop = 100) =>
  server.json('POST', '/recordings/stream', { id, task, stop: iso(stop) })
const replay = (id: string, recording: string, more: Record<string, unknown> = {}) =>
  server.json('POST', '/replays', { id, task: 'task', recording, 'recording-time': true, clock: 'fast', ...more })

/** Until it does not run any more. */
const ended = (kind: 'recordings' | 'replays', id: string) =>
  server.until(async () => {
    const reply = await server.json('GET', `/${kind}/${id}`)
    expect([200, 202]).toContain(reply.status)
    return reply.body.status === 'running' ? undefined : reply.body
  }, `the end of ${id}`)
const posted = (path: string, n: number) =>
  server.until(() => (sink.at(path).length >= n ? sink.json(path) : undefined), `${n} posts to ${path}`)
const linesOf = (id: string) => gunzipSync(readFileSync(join(replayDir(), `${id}.srpl`))).toString()
/** A finished recording with these points; `end` is a point behind its stop. */
const recordLines = async (id: string, lines: string, end = 'm end=1 101') => {
  expect((await record(id)).status).toBe(201)
  expect((await server.write(lines)).status).toBe(204)
  await server.write(end)
  return ended('recordings', id)
}
interface Statistic {
  readonly name: string
  readonly tags: { readonly database: string }
}

const rows = (list: readonly Record<string, unknown>[]) =>
  list.flatMap((b) => (b.series as { values: unknown[][] }[]).flatMap((s) => s.values))

describe('recordings', () => {
  it('hold the points of the task’s databases and measurements up to the stop, with normalised times', async () => {
    await define('task', posting('/x'), {
      dbrps: [
        { db: 'db', rp: 'rp' },
        { db: 'other', rp: '' },
      ],
      status: 'disabled',
    })
    const created = await record('r')
    expect(created).toMatchObject({
      status: 201,
      body: {
        link: { rel: 'self', href: '/kapacitor/v1/recordings/r' },
        id: 'r',
        type: 'stream',
        error: '',
        status: 'running',
        progress: 0,
      },
    })
    expect(Object.keys(created.body)).toEqual(['link', 'id', 'type', 'size', 'date', 'error', 'status', 'progress'])
    expect((await server.json('GET', '/recordings/r')).status).toBe(202)
    await server.write('# comment\n\n  m,b=2,a=1 s="x y",i=4i,f=1.5 7\nn v=1 8\nm v=1 -3', 'db=db&rp=rp&precision=s')
    await server.write('m v=1 9000', 'db=other&precision=ms')
    await server.write('m v=1 1', 'db=db&rp=else&precision=s')
    expect((await server.write('m v=2 5\nbad', 'db=db&rp=rp&precision=s')).status).toBe(400)
    const before = BigInt(Date.now()) * 1_000_000n
    await server.write('m,late=no v=3 100\nm v=4 101\nm v=5 6')
    expect(await ended('recordings', 'r')).toMatchObject({ status: 'finished', error: '', progress: 1 })
    expect(linesOf('r')).toBe(
      'db\nrp\nm,b=2,a=1 s="x y",i=4i,f=1.5 7000000000\n' +
        'db\nrp\nm v=1 -3000000000\n' +
        'other\n\nm v=1 9000000000\n' +
        'db\nrp\nm,late=no v=3 100000000000\n',
    )
    const body = (await server.json('GET', '/recordings/r')).body
    expect(body.size).toBe(statSync(join(replayDir(), 'r.srpl')).size)
    expect(BigInt(Date.parse(String(body.date))) * 1_000_000n).toBeGreaterThanOrEqual(before)
  })

  it('points without a time get that of their arrival; datagrams are recorded too', async () => {
    await define('task', posting('/x'))
    await record('r', 'task', 5e9)
    const from = BigInt(Date.now()) * 1_000_000n
    await server.write('m v=1', 'db=db&rp=rp')
    const socket = createSocket('udp4')
    for (const datagram of ['m v=2\nm v=3 5', 'm v=4\nbad']) {
      await new Promise<void>((resolve, reject) => {
        socket.send(datagram, udpPort, '127.0.0.1', (err) => (err === null ? resolve() : reject(err)))
      })
    }
    socket.close()
    await posted('/x', 3)
    await server.write('m v=9 6000000000')
    await ended('recordings', 'r')
    const lines = linesOf('r')
      .split('\n')
      .filter((l) => l.startsWith('m '))
    expect(lines.map((l) => l.split(' ')[1]).sort()).toEqual(['v=1', 'v=2', 'v=3'])
    for (const line of lines.filter((l) => !l.includes('v=3'))) {
      const at = BigInt(line.split(' ')[2])
      expect(at).toBeGreaterThanOrEqual(from)
      expect(at).toBeLessThan(from + 60_000_000_000n)
    }
    expect(lines.find((l) => l.includes('v=3'))).toBe('m v=3 5')
  })

  it('are listed newest first, by pattern and fields, and can be deleted', async () => {
    await define('task', posting('/x'))
    await recordLines('a', 'm v=1 1')
    await recordLines('b', 'm v=1 1')
    const list = await server.json('GET', '/recordings?fields=status&fields=type')
    expect(list.body.recordings).toEqual(
      ['b', 'a'].map((id) => ({
        id,
        link: { rel: 'self', href: `/kapacitor/v1/recordings/${id}` },
        status: 'finished',
        type: 'stream',
      })),
    )
    expect((await server.json('GET', '/recordings?pattern=a*&limit=1')).body.recordings).toHaveLength(1)
    expect((await server.json('GET', '/recordings?fields=nope')).body.error).toBe('unsupported field "nope"')
    expect((await server.json('DELETE', '/recordings/a')).status).toBe(204)
    expect(existsSync(join(replayDir(), 'a.srpl'))).toBe(false)
    expect(await server.json('GET', '/recordings/a')).toMatchObject({
      status: 500,
      body: { error: 'error finding recording: no recording exists' },
    })
    expect((await server.json('DELETE', '/recordings/a')).status).toBe(204)
    rmSync(join(replayDir(), 'b.srpl'))
    expect((await server.json('GET', '/recordings/b')).body.size).toBe(-1)
  })

  it('a running one can be deleted: its file goes and nothing is recorded any more', async () => {
    await define('task', posting('/x'))
    await record('r')
    await server.write('m v=1 1')
    expect((await server.json('DELETE', '/recordings/r')).status).toBe(204)
    await server.write('m v=2 2\nm v=3 200')
    await posted('/x', 3)
    expect(readdirSync(replayDir())).toEqual([])
    expect((await server.json('GET', '/recordings')).body.recordings).toEqual([])
  })

  it.each([
    ['stream', { task: 'none' }, 404, 'no task exists'],
    [
      'stream',
      { id: 'a b', task: 'task' },
      400,
      `recording ID must contain only letters, numbers, '-', '.' and '_'. "a b"`,
    ],
    ['stream', { id: 'taken', task: 'task' }, 500, 'recording already exists'],
    ['stream', '{', 400, 'unexpected EOF'],
    [
      'stream',
      { Task: 5 },
      400,
      'json: cannot unmarshal number into Go struct field RecordStreamOptions.task of type string',
    ],
    ['batch', { task: 'task' }, 400, 'must provide start time'],
    ['batch', { task: 'none', start: '2020-01-01T00:00:00Z' }, 404, 'no task exists'],
    ['query', {}, 400, 'must provide query'],
    ['query', { query: 'SELECT v FROM d.r.m' }, 501, 'recordings of queries are not supported yet'],
  ])('%s %j is refused', async (kind, body, status, error) => {
    await define('task', posting('/x'))
    await record('taken')
    expect(await server.json('POST', `/recordings/${kind}`, body)).toMatchObject({ status, body: { error } })
  })

  it('end by the clock when their stop has passed and nothing comes', async () => {
    const quick = await TestServer.start({
      config: `[replay]\ndir = ${JSON.stringify(join(data, 'quick'))}\nidle-timeout = "300ms"\n`,
    })
    try {
      await quick.json('POST', '/tasks', taskBody('task'))
      const from = performance.now()
      for (const [id, stop] of [
        ['past', iso(1)],
        ['near', new Date(Date.now() + 1000).toISOString()],
        ['far', '2200-01-01T00:00:00Z'],
      ] as const) {
        await quick.json('POST', '/recordings/stream', { id, task: 'task', stop })
      }
      await quick.write('m v=1 1')
      const finished = (id: string) =>
        quick.until(async () => {
          const { body } = await quick.json('GET', `/recordings/${id}`)
          return body.status === 'finished' ? performance.now() - from : undefined
        }, `the end of ${id}`)
      expect(await finished('past')).toBeGreaterThanOrEqual(299)
      expect(await finished('near')).toBeGreaterThanOrEqual(1299)
      const points = gunzipSync(readFileSync(join(data, 'quick', 'near.srpl'))).toString()
      expect(points).toBe('db\nrp\nm v=1 1000000000\n')
      expect((await quick.json('GET', '/recordings/far')).body.status).toBe('running')
    } finally {
      await quick.stop()
    }
  })

  it('a batch recording of a stream task fails', async () => {
    await define('task', posting('/x'))
    const reply = await server.json('POST', '/recordings/batch', {
      id: 'b',
      task: 'task',
      start: '2020-01-01T00:00:00Z',
    })
    expect(reply).toMatchObject({ status: 201, body: { status: 'running', type: 'batch' } })
    expect(await ended('recordings', 'b')).toMatchObject({ status: 'failed', error: 'wrong task type' })
  })
})

describe('replays', () => {
  const windowed = "\n    |window()\n        .period(5s)\n        .every(5s)\n    |sum('v')"
  const series = 'm v=1 10\nm v=2 12\nm v=3 15\nm v=4 17\nm v=5 20\nm v=6 25'

  it('with recorded times give what the live task gave, without touching it', async () => {
    await define('task', posting('/x', windowed))
    await recordLines('r', series)
    const live = (await posted('/x', 4)).slice(0, 3)
    const liveStats = async () => {
      const stats = (await server.json('GET', '/tasks/task')).body.stats as Record<string, Record<string, unknown>>
      const { delivered, processed } = stats['task-stats']
      return { delivered, processed, sum: (stats['node-stats'].sum3 as { collected: number }).collected }
    }
    const before = await liveStats()
    const created = await replay('p', 'r')
    expect(created.status).toBe(201)
    expect(Object.keys(created.body)).toEqual([
      'link',
      'id',
      'task',
      'recording',
      'recording-time',
      'clock',
      'date',
      'error',
      'status',
      'progress',
      'stats',
    ])
    expect(created.body).toMatchObject({ task: 'task', recording: 'r', status: 'running', progress: 0, stats: {} })
    const done = await ended('replays', 'p')
    expect(done).toMatchObject({ status: 'finished', error: '', progress: 1, clock: 'fast', 'recording-time': true })
    const stats = done.stats as { 'node-stats': Record<string, { collected: number }> }
    expect(stats['node-stats'].from1!.collected).toBe(6)
    expect((await posted('/x', 7)).slice(4)).toEqual(live)
    expect(await liveStats()).toEqual(before)
    expect((await server.json('GET', '/debug/vars')).body).toMatchObject({ num_tasks: 1 })
    const statistics = (await server.json('GET', '/debug/vars')).body.kapacitor as Record<string, Statistic>
    const ingress = Object.values(statistics).filter((st) => st.name === 'ingress')
    expect([...new Set(ingress.map((st) => st.tags.database))].sort()).toEqual(['db', 'other'])
  })

  it('without them are moved to the present, distances kept', async () => {
    await define('task', posting('/x'), { status: 'disabled' })
    await recordLines('r', series)
    const from = Date.now()
    await replay('p', 'r', { 'recording-time': false })
    expect(await ended('replays', 'p')).toMatchObject({ status: 'finished', error: '' })
    const times = rows(await posted('/x', 6)).map(([t]) => Date.parse(String(t)))
    expect(times.map((t) => t - times[0])).toEqual([0, 2000, 5000, 7000, 10_000, 15_000])
    expect(times[0]).toBeGreaterThanOrEqual(from - 1)
    expect(times[0]).toBeLessThanOrEqual(Date.now())
  })

  it('the real clock keeps the pace', async () => {
    await define('task', posting('/x'), { status: 'disabled' })
    await record('r')
    await server.write('m v=1 10000\nm v=2 10200\nm v=3 10500', 'db=db&rp=rp&precision=ms')
    await server.write('m v=4 200')
    await ended('recordings', 'r')
    const from = performance.now()
    await replay('p', 'r', { clock: 'real' })
    expect((await server.json('GET', '/replays/p')).status).toBe(202)
    await posted('/x', 1)
    expect(await ended('replays', 'p')).toMatchObject({ status: 'finished', error: '' })
    expect(performance.now() - from).toBeGreaterThanOrEqual(499)
    expect(rows(await posted('/x', 3)).map(([t]) => t)).toEqual([
      '1970-01-01T00:00:10Z',
      '1970-01-01T00:00:10.2Z',
      '1970-01-01T00:00:10.5Z',
    ])
  })

  it('a running one shows the task inside it, and ends when it is deleted', async () => {
    await define('task', "stream|from().measurement('m')|httpOut('o')")
    await define('second', "stream|from().measurement('m')|httpOut('o')")
    await recordLines('r', 'm v=1 1\nm v=2 90')
    await server.write('m v=7 50')
    await replay('p', 'r', { clock: 'real' })
    const shown = await server.until(async () => {
      const reply = await server.json('GET', '/tasks/task?replay-id=p')
      const stats = reply.body.stats as { 'node-stats'?: Record<string, { collected: number }> } | undefined
      return stats?.['node-stats']?.from1?.collected === 1 ? reply.body : undefined
    }, 'the first point in the replay')
    expect(shown).toMatchObject({ id: 'task', executing: true })
    // The live page still is that of the live task.
    const page = await server.json('GET', '/tasks/task/o')
    expect(page.body).toMatchObject({ series: [{ values: [['1970-01-01T00:00:50Z', 7]] }] })
    const other = await server.json('GET', '/tasks/second?replay-id=p')
    expect(other).toMatchObject({ status: 400, body: { error: 'replay p is not for task: second' } })
    expect((await replay('p', 'r')).body.error).toBe('replay already exists')
    expect((await server.json('DELETE', '/replays/p')).status).toBe(204)
    expect(await server.json('GET', '/tasks/task?replay-id=p')).toMatchObject({
      status: 400,
      body: { error: 'no running replay with ID: p' },
    })
    expect(await server.json('GET', '/replays/p')).toMatchObject({
      status: 404,
      body: { error: 'could not find replay: no replay exists' },
    })
  })

  it('alerts of a replay reach named topics; its own topics are apart and go with it', async () => {
    const script = `stream\n    |from()\n        .measurement('m')\n    |alert()\n        .id('x')\n        .crit(lambda: "v" > 3)\n        .topic('named')\n        .post('${sink.url}/own')\n`
    await define('task', script)
    await server.json('POST', '/alerts/topics/named/handlers', {
      id: 'h',
      kind: 'post',
      options: { url: `${sink.url}/named` },
      match: "taskName() == 'task'",
    })
    await recordLines('r', 'm v=5i 2', 'm v=6i 101')
    await posted('/named', 2)
    await replay('p', 'r')
    expect(await ended('replays', 'p')).toMatchObject({ status: 'finished', error: '' })
    expect((await posted('/named', 3))[2]).toMatchObject({ level: 'CRITICAL', previousLevel: 'CRITICAL' })
    expect((await posted('/own', 3))[2]).toMatchObject({ level: 'CRITICAL' })
    const { body } = await server.json('GET', '/alerts/topics')
    expect((body.topics as { id: string; collected: number }[]).map((t) => [t.id, t.collected])).toEqual([
      ['main:task:alert2', 2],
      ['named', 3],
    ])
    await server.json('DELETE', '/alerts/topics/named/handlers/h')
  })

  it('from nodes with a database of their own see the recorded one', async () => {
    await define('task', posting('/x', "\n        .database('db')\n        .retentionPolicy('rp')"), {
      status: 'disabled',
    })
    await recordLines('r', 'm v=1 1')
    await replay('p', 'r')
    await ended('replays', 'p')
    expect(rows(await posted('/x', 1))).toEqual([['1970-01-01T00:00:01Z', 1]])
  })

  it.each([
    [{ task: 'none' }, 404, 'task load: no task exists'],
    [{ recording: 'none' }, 404, 'recording not found: no recording exists'],
    [{ clock: 'slow' }, 400, 'unknown Clock slow'],
    [{ id: 'a/b' }, 400, `replay ID must contain only letters, numbers, '-', '.' and '_'. "a/b"`],
  ])('%j is refused', async (more, status, error) => {
    await define('task', posting('/x'))
    await recordLines('r', 'm v=1 1')
    expect(await replay('p', 'r', more)).toMatchObject({ status, body: { error } })
    expect((await server.json('GET', '/replays')).body.replays).toEqual([])
  })

  it.each([
    ['batch', { task: 'task' }, 400, 'cannot replay batch against stream task: task'],
    ['batch', { task: 'none' }, 404, 'task load: no task exists'],
    ['query', { task: 'task' }, 400, 'must provide query'],
    ['query', { task: 'task', query: 'q' }, 501, 'replays of queries are not supported yet'],
  ])('live replays: %s %j', async (kind, body, status, error) => {
    await define('task', posting('/x'))
    expect(await server.json('POST', `/replays/${kind}`, body)).toMatchObject({ status, body: { error } })
  })

  it('bad bodies are answered in the words of Go’s decoder', async () => {
    const error = async (body: string) => (await server.json('POST', '/replays', body)).body.error
    expect(await error('')).toBe('EOF')
    expect(await error('{"id":')).toBe('unexpected EOF')
    expect(await error('nope')).toBe("invalid character 'o' in literal null (expecting 'u')")
  })

  it('of a broken task or file fail with the reason, and may be made again under the same id', async () => {
    await define('task', posting('/x'), { status: 'disabled' })
    await recordLines('r', 'm v=1 1')
    const failure = async (content: Buffer | undefined) => {
      const file = join(replayDir(), 'r.srpl')
      if (content === undefined) rmSync(file)
      else writeFileSync(file, content)
      expect((await replay('p', 'r')).status).toBe(201)
      const { status, error } = await ended('replays', 'p')
      expect(status).toBe('failed')
      return error
    }
    const gz = (text: string) => gzipSync(text)
    expect(await failure(gz('db\nrp\nm v=1 1\ndb\nrp\n'))).toBe(
      'running replay: invalid replay file format, expected another line',
    )
    expect(await failure(gz('db\nrp\nm v=1 1\ndb\nrp\nm f="a\ndb\nrp\nm v=1 1\n'))).toBe(
      `running replay: unable to parse 'm f="a': unbalanced quotes`,
    )
    expect(await posted('/x', 2)).toHaveLength(2)
    expect(await failure(Buffer.from('no gzip'))).toBe('running replay: data source open: gzip: invalid header')
    expect(await failure(gz('db\nrp\nm v=1 1\n'.repeat(1000)).subarray(0, 40))).toBe('running replay: unexpected EOF')
    expect(await failure(undefined)).toMatch(/^running replay: data source open: open .*: no such file or directory$/)
    await server.json('PATCH', '/tasks/task', {
      script: "stream|from().measurement('m')|alert().crit(lambda: TRUE).log('relative')",
    })
    writeFileSync(join(replayDir(), 'r.srpl'), gz('db\nrp\nm v=1 1\n'))
    await replay('p', 'r')
    expect((await ended('replays', 'p')).error).toMatch(/^task start: .*log path must be absolute/)
  })

  it('a task that fails while it is replayed fails the replay only', async () => {
    const failing = `stream\n    |from()\n        .measurement('m')\n    |alert()\n        .message('{{ index .Tags 1 }}')\n        .crit(lambda: "v" > 3)\n        .topic('named')\n`
    await define('task', failing)
    await record('r')
    await server.write('m v=1 1\nm v=1 102')
    await ended('recordings', 'r')
    // The live task never saw this point.
    writeFileSync(join(replayDir(), 'r.srpl'), gzipSync('db\nrp\nm v=1 1\ndb\nrp\nm v=5 2\n'))
    await replay('p', 'r')
    expect((await ended('replays', 'p')).error).toMatch(/^task run: alert2: /)
    expect((await server.json('GET', '/tasks/task')).body).toMatchObject({ executing: true, error: '' })
  })

  it('long recordings keep their points and their order, on several shards', async () => {
    const script = `stream\n    |from()\n        .measurement('m')\n        .groupBy('host')\n    |window()\n        .periodCount(1000)\n        .everyCount(1000)\n    |last('v')\n    |httpPost('${sink.url}/last')\n`
    await define('task', script, { status: 'disabled' })
    await record('r', 'task', 1e9)
    const hosts = 20
    const perHost = 5000
    let lines: string[] = []
    for (let i = 0; i < perHost; i++) {
      for (let h = 0; h < hosts; h++) lines.push(`m,host=h${h} v=${i}i,text="line ${i}, ""quoted"" \\"x\\"" ${i + 1}`)
      if (lines.length >= 20_000 || i === perHost - 1) {
        expect((await server.write(lines.join('\n'))).status).toBe(204)
        lines = []
      }
    }
    await server.write('m v=1i 2000000000')
    await ended('recordings', 'r')
    await replay('p', 'r')
    const done = await ended('replays', 'p')
    expect(done).toMatchObject({ status: 'finished', error: '' })
    const stats = done.stats as {
      'task-stats': { processed: number }
      'node-stats': Record<string, { collected: number }>
    }
    expect(stats['node-stats'].from1!.collected).toBe(hosts * perHost)
    expect(stats['task-stats'].processed).toBe(hosts * perHost)
    const byHost = new Map<string, unknown[]>()
    for (const body of await posted('/last', (hosts * perHost) / 1000)) {
      for (const s of body.series as { tags: { host: string }; values: unknown[][] }[]) {
        byHost.set(s.tags.host, [...(byHost.get(s.tags.host) ?? []), s.values[0][1]])
      }
    }
    expect(byHost.size).toBe(hosts)
    for (const values of byHost.values()) expect(values).toEqual([999, 1999, 2999, 3999, 4999])
  }, 60_000)
})

it('what runs at a crash has failed after it; files without a record are imported', async () => {
  await define('task', posting('/x'))
  await recordLines('whole', 'm v=1 1\nm v=2 90')
  await record('cut')
  await server.write('m v=1 1')
  await replay('p', 'whole', { clock: 'real' })
  await posted('/x', 5)
  await server.crash()
  writeFileSync(join(replayDir(), 'dropped.srpl'), gzipSync('db\nrp\nm v=8 8\ndb\nrp\nm s="two\nlines" 9'))
  writeFileSync(join(replayDir(), 'batch.brpl'), 'x')
  writeFileSync(join(replayDir(), 'readme.txt'), 'x')
  writeFileSync(join(replayDir(), 'noext'), 'x')
  sink.bodies.clear()
  server = await start()
  const failed = { status: 'failed', error: 'unexpected Kapacitor shutdown', progress: 0 }
  expect((await server.json('GET', '/recordings/cut')).body).toMatchObject(failed)
  expect((await server.json('GET', '/replays/p')).body).toMatchObject(failed)
  expect((await server.json('GET', '/recordings/whole')).body).toMatchObject({ status: 'finished', progress: 1 })
  expect((await server.json('GET', '/recordings/batch')).body).toMatchObject({
    status: 'finished',
    type: 'batch',
    size: 1,
  })
  expect((await server.json('GET', '/recordings/dropped')).body).toMatchObject({ status: 'finished', type: 'stream' })
  expect(server.logs).toContain('unknown file type in replay dir')
  expect(server.logs).toContain('file without extension in replay dir')
  await replay('q', 'dropped')
  expect(await ended('replays', 'q')).toMatchObject({ status: 'finished', error: '' })
  expect(rows(await posted('/x', 2)).map((r) => r[1])).toEqual([8, 'two\nlines'])
  for (const name of ['readme.txt', 'noext']) rmSync(join(replayDir(), name))
})

it('what runs at a stop has failed after it, and the files are whole', async () => {
  await define('task', posting('/x'))
  await recordLines('whole', 'm v=1 1\nm v=2 90')
  await record('cut')
  await server.write('m v=1 1')
  await replay('p', 'whole', { clock: 'real' })
  await server.stop()
  server = await start()
  const failed = { status: 'failed', error: 'unexpected Kapacitor shutdown' }
  expect((await server.json('GET', '/recordings/cut')).body).toMatchObject(failed)
  expect((await server.json('GET', '/replays/p')).body).toMatchObject(failed)
  expect(linesOf('cut')).toBe('db\nrp\nm v=1 1000000000\n')
})
