/**
 * The result of every group is the same for any number of shards, however the points are split into writes: random points, some
 * late, some of other types, through tasks of every kind of grouping on servers with 1, 2 and 4 shards.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { handledPoints } from './scripts.js'
import { TestServer, taskBody } from './server.js'

const shardCounts = [1, 2, 4]

/** LOG stands for the file of the task's events. */
const scripts: Record<string, string> = {
  window: `stream|from().measurement('m').groupBy('g')
    |window().period(10s).every(5s).align()|sum('v').as('total')
    |alert().info(lambda: "total" > 10).warn(lambda: "total" > 25).crit(lambda: "total" > 40).stateChangesOnly().log('LOG')`,
  rows: `stream|from().measurement('m').groupBy('g', 'h')
    |window().period(12s).every(5s)|percentile('v', 60.0).as('p')
    |alert().crit(lambda: "p" > 4).message('{{ .ID }} {{ index .Fields "p" }}').log('LOG')`,
  counted: `stream|from().measurement('m').groupBy('h')
    |window().periodCount(7).everyCount(3)|mean('v').as('mean')
    |alert().warn(lambda: "mean" > 4.5).flapping(0.2, 0.5).history(5).log('LOG')`,
  states: `stream|from().measurement('m').groupBy(*)
    |eval(lambda: float("v") * 2.0).as('d').keep()
    |stateCount(lambda: "d" >= 8.0)
    |derivative('v').unit(1s).as('rate')
    |alert().crit(lambda: "state_count" >= 2).details('{{ index .Fields "rate" }}').log('LOG')`,
  regrouped: `stream|from().measurement('m').groupBy('g', 'h')
    |changeDetect('v')|groupBy('g')|stateDuration(lambda: "v" > 3).unit(1s)
    |alert().crit(lambda: "state_duration" > 3).stateChangesOnly(20s).log('LOG')`,
  joined: `var a = stream|from().measurement('m').groupBy('g')
    var b = stream|from().measurement('n').groupBy('g')
    a|join(b).as('a', 'b').tolerance(2s).fill(0.0)
    |alert().crit(lambda: "a.v" > "b.v").log('LOG')`,
  ungrouped: `stream|from().measurement('m')
    |window().period(8s).every(8s)|count('v')
    |alert().crit(lambda: "count" > 10).log('LOG')`,
  oneId: `stream|from().measurement('m').groupBy('g', 'h')
    |alert().info(lambda: "v" > 2).warn(lambda: "v" > 5).crit(lambda: "v" > 9).id('one')
    .message('{{ .Group }}').stateChangesOnly().log('LOG')`,
  idOfSome: `stream|from().measurement('m').groupBy('g', 'h')
    |alert().warn(lambda: "v" > 5).crit(lambda: "v" > 9).id('{{ index .Tags "g" }}').noRecoveries().message('{{ .Group }}').log('LOG')`,
  oneIdOfBatches: `stream|from().measurement('m').groupBy('g')|window().period(5s).every(5s).align()
    |alert().warn(lambda: "v" > 5).crit(lambda: "v" > 9).id('one').message('{{ .Group }}').stateChangesOnly(10s).log('LOG')`,
  shared: `stream|from().measurement('m').groupBy('g')
    |alert().crit(lambda: count() % 5 == 0).log('LOG')`,
}

interface Point {
  readonly g: number
  readonly h: number
  readonly v: number
  /** Seconds after (or, for late points, before) the latest. */
  readonly step: number
  readonly kind: 'int' | 'float' | 'string' | 'absent'
  readonly other: boolean
}

const point: fc.Arbitrary<Point> = fc.record({
  g: fc.integer({ min: 0, max: 7 }),
  h: fc.integer({ min: 0, max: 4 }),
  v: fc.integer({ min: -2, max: 12 }),
  step: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.constant(1) },
    fc.integer({ min: -9, max: 9 }),
  ),
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('int' as const) },
    { weight: 3, arbitrary: fc.constant('float' as const) },
    fc.constantFrom('string' as const, 'absent' as const),
  ),
  other: fc.boolean(),
})

function lines(points: readonly Point[]): string[] {
  let second = 1_500_000_000
  return points.map((p) => {
    second += p.step
    const value = { int: `v=${p.v}i`, float: `v=${p.v}.5`, string: `v="x"`, absent: 'w=1' }[p.kind]
    const h = p.h === 0 ? '' : `,h=h${p.h}`
    return `${p.other ? 'n' : 'm'},g=g${p.g}${h} ${value} ${second}`
  })
}

let servers: TestServer[] = []
beforeAll(async () => {
  servers = await Promise.all(shardCounts.map((shards) => TestServer.start({ shards })))
})
afterAll(async () => {
  await Promise.all(servers.map((s) => s.stop()))
})

let run = 0

/** Events of each task and group, in their order. */
async function eventsOf(server: TestServer, db: string, bodies: readonly string[]): Promise<string[]> {
  const names = Object.keys(scripts)
  const log = (name: string): string => join(server.dir, `${db}-${name}.log`)
  for (const name of names) {
    const script = scripts[name].replace('LOG', log(name))
    const made = await server.json('POST', '/tasks', taskBody(`${db}-${name}`, { script, dbrps: [{ db, rp: 'rp' }] }))
    expect(made.status, JSON.stringify(made.body)).toBe(200)
  }
  for (const body of bodies) expect((await server.write(body, `db=${db}&rp=rp&precision=s`)).status).toBe(204)
  // A task is handed the measurements it reads.
  const sent = bodies.flatMap((b) => b.split('\n'))
  const all = sent.length
  const own = sent.filter((l) => l.startsWith('m,')).length
  for (const name of names) {
    await server.until(
      async () =>
        (await handledPoints(server.url, `${db}-${name}`)) === (name === 'joined' ? all : own) ? true : undefined,
      `points of ${name}`,
    )
  }
  // Stopped tasks have flushed what they held, and their handlers have written it.
  for (const name of names) expect((await server.json('DELETE', `/tasks/${db}-${name}`)).status).toBe(204)
  return names.flatMap((name) => {
    const byGroup = new Map<string, string[]>()
    const text = existsSync(log(name)) ? readFileSync(log(name), 'utf8') : ''
    for (const line of text.split('\n').filter(Boolean)) {
      const event = JSON.parse(line) as { id: string; details: string }
      // The default details name the server, and each has its own id.
      if (event.details.includes('ServerID')) event.details = ''
      byGroup.set(event.id, [...(byGroup.get(event.id) ?? []), JSON.stringify(event)])
    }
    return [...byGroup]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([id, list]) => list.map((l) => `${name} ${id} ${l}`))
  })
}

it('1, 2 and 4 shards give the same events for each group', async () => {
  let events = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(point, { minLength: 200, maxLength: 900 }),
      fc.tuple(...shardCounts.map(() => fc.integer({ min: 5, max: 300 }))),
      async (points, sizes) => {
        const db = `db${run++}`
        const all = lines(points)
        const bodiesOf = (size: number): string[] => {
          const bodies: string[] = []
          for (let i = 0; i < all.length; i += size) bodies.push(all.slice(i, i + size).join('\n'))
          return bodies
        }
        const results = await Promise.all(servers.map((s, i) => eventsOf(s, db, bodiesOf(sizes[i]))))
        events += results[0].length
        for (const [i, result] of results.entries()) expect(result, `${shardCounts[i]} shards`).toEqual(results[0])
      },
    ),
    { numRuns: 6, endOnFailure: true },
  )
  expect(events).toBeGreaterThan(200)
}, 60_000)
