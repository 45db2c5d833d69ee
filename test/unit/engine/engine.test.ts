import { afterEach, describe, expect, it } from 'vitest'
import type { EngineOptions } from '../../../src/engine/engine-options.js'
import { Gate, MiB, TestEngine } from './engine-harness.js'

let open: TestEngine[] = []
async function start(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
  const t = await TestEngine.start(options)
  open.push(t)
  return t
}
afterEach(async () => {
  for (const t of open) await t.close()
  open = []
})

const row = (host: string | number, v: number, ms = v): string => `cpu,host=h${host} v=${v}i ${ms}`
const big = (from: number, n: number): string =>
  Array.from({ length: n }, (_, i) => row(i % 50, from + i, from + i) + ` `).join('\n')

describe('engine', () => {
  it('delivers rows to the shard of their key, whole and exact', async () => {
    const t = await start({ shards: 4 })
    const task = await t.task('t')
    expect(t.write('cpu,host=a,zone=x\\ y v=9007199254740993i,s="q\\"u" 5\ncpu,host=b v=1 7\nmem x=true 9')).toEqual({
      status: 204,
      points: 3,
      error: '',
    })
    await t.settled(task)
    const rows = (await t.rows(task)).flat().sort()
    expect(rows).toEqual(['cpu,host=a,zone=x y s=q"u,v=9007199254740993 @5', 'cpu,host=b v=1 @7', 'mem x=true @9'])
  })

  it('keeps the order of a group over several writes, slots and chunks', async () => {
    const t = await start({ shards: 3 })
    const task = await t.task('t')
    let next = 0
    for (let w = 0; w < 20; w++) {
      const lines = Array.from({ length: 500 }, () => row(next % 40, next, ++next)).join('\n')
      expect((await t.write(lines)).status).toBe(204)
    }
    await t.settled(task)
    const perGroup = new Map<string, number>()
    let seen = 0
    for (const shard of await t.rows(task)) {
      for (const r of shard) {
        const [, host, at] = /host=(h\d+) .* @(\d+)$/.exec(r)!
        expect(Number(at)).toBeGreaterThan(perGroup.get(host) ?? 0)
        perGroup.set(host, Number(at))
        seen++
      }
    }
    expect([seen, perGroup.size]).toEqual([10_000, 40])
  })

  it('cuts a long batch into chunks, whole or by shard, with the same cells', async () => {
    for (const shards of [1, 2]) {
      const t = await start({ shards, slots: 4, slotBytes: 4 * MiB })
      const task = await t.task('t')
      const n = 20_000
      await t.write(Array.from({ length: n }, (_, i) => row(i % 97, i, i)).join('\n'))
      await t.settled(task)
      const seen = (await t.rows(task)).flat().sort()
      const wanted = Array.from({ length: n }, (_, i) => `cpu,host=h${i % 97} v=${i} @${i}`).sort()
      expect(seen.length).toBe(n)
      expect(seen.filter((r, i) => r !== wanted[i])).toEqual([])
    }
  })

  it('closes the accounts of requests and of tasks', async () => {
    const t = await start()
    const all = await t.task('all')
    const cpu = await t.task('cpu', { measurements: ['cpu'], partition: { kind: 'pinned', shard: 1 } })
    const late = 'mem,host=a x=1 1\nmem,host=b x=1 2'
    for (let i = 0; i < 50; i++) await t.write(`${row(i, i)}\n${late}`)
    t.engine.write({ db: 'other', rp: 'r', precision: 'ms', body: Buffer.from('x y=1 1'), source: 'http' })
    await t.settled(all)
    await t.settled(cpu)
    const stats = t.engine.stats()
    expect([stats.acceptedPoints, stats.routedPoints, stats.unmatchedPoints]).toEqual([151, 150, 1])
    expect(all.stats()).toMatchObject({ delivered: 150, processed: 150, inRing: 0 })
    expect(cpu.stats()).toMatchObject({ delivered: 50, processed: 50, inRing: 0 })
    expect(cpu.stats().edges).toEqual([{ parent: 'stream0', child: 'probe1', processed: 50 }])
    expect(stats.slotsInUse).toBe(0)
    const pinned = await t.rows(cpu)
    expect([pinned[0].length, pinned[1].length]).toEqual([0, 50])
  })

  it('rejects a request with one bad line and publishes nothing of it', async () => {
    const t = await start()
    const task = await t.task('t')
    const bad = await t.write(`${big(0, 2000)}\ncpu,host= v=1 1`)
    expect(bad.status).toBe(400)
    expect(bad.error).not.toBe('')
    expect(task.stats().delivered).toBe(0)
    expect(t.engine.stats()).toMatchObject({ acceptedPoints: 0, rejectedRequests: 1, slotsInUse: 0 })
  })

  it('shows a write sent after an answered start to the task, and nothing after an answered stop', async () => {
    const t = await start()
    for (let i = 0; i < 30; i++) {
      await t.write(row('x', 1))
      const task = await t.task(`t${i}`)
      await t.write(row('x', 2))
      await t.write(row('y', 3))
      await t.engine.stopTask(task.key, 'drain')
      await t.write(row('x', 4))
      expect(task.stats().delivered).toBe(2)
    }
  })

  it('hands on the frames of a shard that keeps sending in turns with other work, those of a stopped task first', async () => {
    const t = await start({ shards: 1, outputBytes: 64 * 1024 })
    const sender = await t.task('sender')
    const other = await t.task('other')
    let frames = 0
    let ofOther = 0
    t.engine.onFrame((f) => {
      if (f.taskId === 'other') ofOther++
      else frames++
      const until = performance.now() + 0.05
      while (performance.now() < until);
    })
    const n = 10_000
    void other.control(1, { frames: 300 })
    const stopped = t.engine.stopTask(other.key, 'drain')
    // The shard answers the stop and goes on to these at once.
    const sent = sender.control(1, { frames: n })
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await stopped
    expect(ofOther).toBe(300)
    expect(frames).toBeLessThan(n)
    await sent
    await expect.poll(() => frames, { timeout: 20_000 }).toBe(n)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(20)
  })

  it('reports the error of a start from any shard, and leaves nothing behind', async () => {
    const t = await start()
    await expect(t.task('bad', { vars: { startError: 'cannot build' } })).rejects.toThrow('cannot build')
    expect(await t.write(row(1, 1))).toMatchObject({ status: 204 })
    expect(t.engine.stats()).toMatchObject({ unmatchedPoints: 1 })
  })

  it('stops a task that fails on one shard on all of them, and says why once', async () => {
    const t = await start()
    const task = await t.task('t', { vars: { failOn: 'boom' } })
    const other = await t.task('other')
    await t.write('boom,host=a v=1 1\nboom,host=b v=1 1\nboom,host=c v=1 1\nboom,host=d v=1 1')
    await t.settled(other)
    await expect.poll(() => t.failures).toEqual(['t: probe failed on boom'])
    await t.engine.stopTask(task.key, 'drain')
    await t.write(row(1, 1))
    await t.settled(other)
    expect(other.stats().processed).toBe(5)
  })

  it('drains: processes all earlier rows and flushes before it answers; discards: counts what it drops', async () => {
    const t = await start({ shards: 1, slots: 64 })
    const gate = new Gate()
    const frames: string[] = []
    t.engine.onFrame((f) => frames.push(`${f.taskId} ${Buffer.from(f.payload)}`))
    const drained = await t.task('drained', { vars: { gate: gate.sab, onStop: true } })
    for (let i = 0; i < 20; i++) await t.write(row(i, i))
    await gate.reached(1)
    const stopped = t.engine.stopTask(drained.key, 'drain')
    gate.open()
    await stopped
    gate.close()
    const discarded = await t.task('discarded', { vars: { gate: gate.sab } })
    for (let i = 0; i < 20; i++) await t.write(row(i, i))
    await gate.reached(21)
    const discarding = t.engine.stopTask(discarded.key, 'discard')
    gate.open()
    await discarding
    await t.task('after')
    expect(frames).toEqual(['drained stop 20'])
    expect(t.lines.find((l) => l.msg === 'task stopped with unprocessed points')?.keys).toMatchObject({
      task: 'discarded',
      points: 19,
    })
  })

  it('answers define and show beside a saturating writer', async () => {
    const t = await start({ writeWaitMs: 60_000 })
    const slow = await t.task('slow', { vars: { slowMs: 1, limit: 0 } })
    let writing = true
    const writer = (async () => {
      let n = 0
      while (writing) {
        await t.write(big(n, 400))
        n += 400
      }
      return n
    })()
    const times: number[] = []
    for (let i = 0; i < 10; i++) {
      const at = performance.now()
      const task = await t.task(`quick${i}`, { vars: { limit: 0 } })
      expect(task.stats().delivered).toBeGreaterThanOrEqual(0)
      await t.engine.stopTask(task.key, 'discard')
      times.push(performance.now() - at)
    }
    writing = false
    const written = await writer
    await t.settled(slow)
    expect(slow.stats()).toMatchObject({ delivered: written, processed: written })
    expect(Math.max(...times)).toBeLessThan(2000)
  })

  it('makes writers wait in order while the shards are behind, and serves large ones too', async () => {
    const t = await start({ shards: 1, slots: 4, writeWaitMs: 60_000 })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    const results: Promise<unknown>[] = []
    const order: number[] = []
    let n = 0
    for (let i = 0; i < 12; i++) {
      const lines = i === 6 ? big(n, 3000) : big(n, 300)
      n += i === 6 ? 3000 : 300
      results.push(Promise.resolve(t.write(lines)).then(() => order.push(i)))
    }
    await gate.reached(1)
    expect(t.engine.stats().waitingRequests).toBeGreaterThan(0)
    gate.open()
    await Promise.all(results)
    await t.settled(task)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    const times = (await t.rows(task))[0].map((r) => Number(/@(\d+)$/.exec(r)![1]))
    expect(times).toEqual(Array.from({ length: n }, (_, i) => i))
  })

  it('holds writes back while a shard has 12 MB in hand, whatever the slots; a large one is published alone', async () => {
    const t = await start({ shards: 1, slots: 64, slotBytes: MiB, writeWaitMs: 60_000 })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab, limit: 0 } })
    const rows = 12_000
    const results = Array.from({ length: 40 }, (_, i) => Promise.resolve(t.write(big(i * rows, rows))))
    results.push(Promise.resolve(t.write(big(0, 40 * rows))))
    await gate.reached(1)
    const { slotsInUse, waitingRequests } = t.engine.stats()
    expect(waitingRequests).toBeGreaterThan(20)
    expect(slotsInUse).toBeLessThan(24)
    gate.open()
    for (const r of await Promise.all(results)) expect(r.status).toBe(204)
    await t.settled(task)
    expect(task.stats().processed).toBe(80 * rows)
  })

  it('answers 503 with nothing published once a writer has waited long enough, or when too much waits', async () => {
    const t = await start({ shards: 1, slots: 2, writeWaitMs: 50, waitingBytes: 30_000 })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    expect((await t.write(big(0, 100))).status).toBe(204)
    expect((await t.write(big(100, 100))).status).toBe(204)
    await gate.reached(1)
    const late = t.write(big(200, 900))
    const tooMuch = await t.write(big(1100, 900))
    expect(tooMuch).toMatchObject({ status: 503, points: 0 })
    expect(await late).toMatchObject({ status: 503, points: 0 })
    gate.open()
    await t.settled(task)
    expect(task.stats()).toMatchObject({ delivered: 200, processed: 200 })
    expect(t.engine.stats()).toMatchObject({ acceptedPoints: 200, overloadedRequests: 2, slotsInUse: 0 })
    expect((await t.write(big(0, 100))).status).toBe(204)
  })

  it('refuses what could never be published', async () => {
    const t = await start({ slots: 4, ringEntries: 4 })
    await t.task('t')
    expect((await t.write(big(0, 20_000))).status).toBe(400)
    const many = Array.from({ length: 10 }, (_, i) => `m${i},host=a v=1 1`).join('\n')
    expect((await t.write(many)).status).toBe(400)
    expect(t.engine.stats().slotsInUse).toBe(0)
  })

  it('sheds the oldest datagrams, never HTTP rows, and counts what it drops', async () => {
    const t = await start({ shards: 2, slots: 4, udpPolicy: 'drop-oldest' })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    await t.write(row('a', 1), 'http')
    await t.write(row('b', 2), 'http')
    await gate.reached(1)
    for (let i = 0; i < 30; i++) expect((await t.write(row('a', 100 + i), 'udp')).status).toBe(204)
    gate.open()
    await t.settled(task)
    const stats = task.stats()
    expect(stats.delivered).toBe(32)
    expect(stats.dropped.shed).toBeGreaterThan(20)
    expect(stats.processed).toBe(32 - stats.dropped.shed)
    const rows = (await t.rows(task)).flat()
    expect(rows).toEqual(expect.arrayContaining(['cpu,host=ha v=1 @1', 'cpu,host=hb v=2 @2', 'cpu,host=ha v=129 @129']))
    expect(t.engine.stats()).toMatchObject({ shedRows: stats.dropped.shed, slotsInUse: 0 })
  })

  it('turns new datagrams away under drop-newest', async () => {
    const t = await start({ shards: 1, slots: 2, udpPolicy: 'drop-newest' })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await t.write(row('a', i), 'udp')).status)
    gate.open()
    await t.settled(task)
    expect(statuses).toEqual([204, 204, 503, 503, 503])
    expect(task.stats()).toMatchObject({ delivered: 2, processed: 2 })
  })

  it('never lets a timer overtake a point that was accepted before', async () => {
    const t = await start({ shards: 1 })
    const gate = new Gate()
    gate.open()
    const task = await t.task('t', { vars: { gate: gate.sab, idleMs: 5000 } })
    await t.write(row('a', 1))
    await t.settled(task)
    gate.close()
    t.clock.advance(4000)
    await t.write(row('a', 2))
    await t.write(row('a', 3))
    await gate.reached(2)
    // The shard stands in row 2; the clock passes the due time that row 1 alone would have had.
    t.clock.advance(4000)
    await t.write(row('a', 4))
    t.clock.advance(1_000_000)
    gate.open()
    await t.settled(task)
    // The tick is seen once the ring has run empty.
    await expect
      .poll(async () => (await t.rows(task))[0])
      .toEqual([
        'cpu,host=ha v=1 @1',
        'cpu,host=ha v=2 @2',
        'cpu,host=ha v=3 @3',
        'cpu,host=ha v=4 @4',
        'timer ha @1013000',
      ])
  })

  it('carries frames longer than the output ring’s parts, in order, and goes on after a handler that throws', async () => {
    const t = await start({ shards: 1, outputBytes: 4096 })
    const task = await t.task('t')
    const lengths: number[] = []
    t.engine.onFrame((f) => {
      lengths.push(f.payload.length)
      if (lengths.length === 3) throw new Error('handler')
    })
    await task.control(1, { frames: 50, bytes: 10_000 })
    await task.control(1, { frames: 50, bytes: 10 })
    await expect.poll(() => lengths.length).toBe(100)
    expect(new Set(lengths.slice(0, 50))).toEqual(new Set([10_000]))
    expect(t.lines.filter((l) => l.level === 'error').length).toBe(1)
  })

  it('limits the error lines of a node and counts all errors', async () => {
    const t = await start({ shards: 1 })
    const task = await t.task('t')
    await task.control(1, { log: 500 })
    await task.control(1, { log: 0 })
    await expect.poll(() => t.lines.filter((l) => l.msg === 'probe error').length).toBeGreaterThanOrEqual(10)
    expect(t.lines.filter((l) => l.msg === 'probe error').length).toBeLessThan(20)
    expect(task.stats().nodes[1].counters.errors).toBe(500)
  })

  it('answers a request that fails with its error, and one to a stopped task', async () => {
    const t = await start()
    const task = await t.task('t')
    await expect(task.control(1, 'throw')).rejects.toThrow('control failed')
    await t.engine.stopTask(task.key, 'drain')
    await expect(task.control(1, 'rows')).rejects.toThrow('does not run')
  })

  it('evicts the oldest rows at the budget, counts them, and takes new ones on', async () => {
    const t = await start({ shards: 1, shardMemoryBytes: 59 * MiB, heapBytes: 48 * MiB })
    const task = await t.task('t', { vars: { keep: 1000, limit: 0 } })
    for (let i = 0; i < 40; i++) await t.write(big(i * 500, 500))
    await t.settled(task)
    await t.engine.stopTask(task.key, 'drain')
    const stats = t.engine.stats().shards[0]
    expect(stats.evictedRows).toBeGreaterThan(10_000)
    expect(t.lines.some((l) => l.msg === 'state evicted')).toBe(true)
    // A chunk that asks for more than the reserve is refused in part before the first round.
    const { delivered, processed, dropped } = task.stats()
    expect([delivered, processed + dropped.memory]).toEqual([20_000, 20_000])
    expect(dropped.memory).toBeLessThan(2000)
  })

  it('refuses new rows at the budget under drop-newest', async () => {
    const t = await start({ shards: 1, shardMemoryBytes: 59 * MiB, heapBytes: 48 * MiB, statePolicy: 'drop-newest' })
    const task = await t.task('t', { vars: { keep: 1000, limit: 0 } })
    for (let i = 0; i < 40; i++) await t.write(big(i * 500, 500))
    await t.settled(task)
    const stats = task.stats()
    expect(stats.dropped.memory).toBeGreaterThan(10_000)
    expect(stats.processed + stats.dropped.memory).toBe(20_000)
  })

  it('evicts least recently seen groups under growing cardinality and keeps the busy ones', async () => {
    const t = await start({ shards: 1, shardMemoryBytes: 58 * MiB, heapBytes: 48 * MiB })
    const task = await t.task('t', { vars: { group: true, limit: 0 } })
    const busy = Array.from({ length: 20 }, (_, i) => `cpu,host=busy${i} v=1 1`).join('\n')
    for (let i = 0; i < 150; i++) {
      t.clock.advance(1000)
      const fresh = Array.from({ length: 500 }, (_, k) => `cpu,host=once-${i}-${k} v=1 1`).join('\n')
      await t.write(`${busy}\n${fresh}`)
    }
    await t.settled(task)
    const stats = task.stats()
    expect(stats).toMatchObject({ delivered: 150 * 520, processed: 150 * 520 })
    await expect.poll(() => t.engine.stats().shards[0].evictedGroups).toBeGreaterThan(20_000)
    const evicted = new Set((await t.rows(task))[0])
    expect([...evicted].filter((e) => e.includes('busy'))).toEqual([])
  })

  it('evicts idle groups after their time', async () => {
    const t = await start({ shards: 1, idleGroupMs: 60_000 })
    const task = await t.task('t', { vars: { group: true } })
    await t.write(`${row('a', 1)}\n${row('b', 2)}`)
    await t.settled(task)
    t.clock.advance(40_000)
    await t.write(row('b', 3))
    t.clock.advance(30_000)
    await expect
      .poll(async () => (await t.rows(task))[0].filter((r) => r.startsWith('evicted')))
      .toEqual(['evicted ha'])
    await expect.poll(() => task.stats().groups).toBe(1)
  })

  it('sheds the rows of a slow task, not its neighbour’s, where tasks may shed', async () => {
    const t = await start({ shards: 1, slots: 8, taskPolicy: 'shed', writeWaitMs: 60_000 })
    const slow = await t.task('slow', { vars: { slowMs: 20, limit: 0 } })
    const quick = await t.task('quick', { vars: { limit: 0 } })
    const start0 = performance.now()
    await Promise.all(Array.from({ length: 400 }, (_, i) => t.write(row('a', i))))
    await t.settled(slow)
    await t.settled(quick)
    expect(performance.now() - start0).toBeLessThan(400 * 20)
    expect(quick.stats()).toMatchObject({ delivered: 400, processed: 400 })
    const { delivered, processed, dropped } = slow.stats()
    expect(dropped.shed).toBeGreaterThan(100)
    expect([delivered, processed + dropped.shed]).toEqual([400, 400])
  })

  it('takes datagrams through the UDP sink, and leaves them with the listener while there is no room', async () => {
    const t = await start({ shards: 1, slots: 2, udpPolicy: 'drop-newest' })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    const sink = t.engine.udpSink()
    const send = (lines: string): 'published' | 'no slot' | 'no room' => {
      if (!sink.writer.begin('d', 'r', 'n', sink.nowNs())) return 'no slot'
      const body = Buffer.from(lines)
      if (sink.writer.append(body, 0, body.length) !== 0) return 'no slot'
      const prepared = sink.writer.finish()
      if (sink.publish(prepared)) return 'published'
      sink.writer.discard(prepared)
      return 'no room'
    }
    expect([send(row('a', 1)), send(row('a', 2)), send(row('a', 3))]).toEqual(['published', 'published', 'no slot'])
    const room = sink.whenRoom()
    gate.open()
    await room
    await t.settled(task)
    expect(send(row('a', 4))).toBe('published')
    await t.settled(task)
    expect(task.stats()).toMatchObject({ delivered: 3, processed: 3 })
  })

  it('makes room for datagrams by shedding older ones after a moment', async () => {
    const t = await start({ shards: 1, slots: 4, udpPolicy: 'drop-oldest' })
    const gate = new Gate()
    const task = await t.task('t', { vars: { gate: gate.sab } })
    const sink = t.engine.udpSink()
    let published = 0
    for (let i = 0; published < 12; i++) {
      if (!sink.writer.begin('d', 'r', 'n', sink.nowNs())) {
        await sink.whenRoom()
        continue
      }
      const body = Buffer.from(row('a', i))
      sink.writer.append(body, 0, body.length)
      expect(sink.publish(sink.writer.finish())).toBe(true)
      published++
    }
    gate.open()
    await t.settled(task)
    const { delivered, processed, dropped } = task.stats()
    expect([delivered, processed + dropped.shed]).toEqual([12, 12])
    expect(dropped.shed).toBeGreaterThanOrEqual(8)
  })
})
