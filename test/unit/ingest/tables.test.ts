import { expect, it } from 'vitest'
import type { BatchSchema } from '../../../src/columns/batch-layout.js'
import { privateDb } from '../../../src/ingest/private-db.js'
import { Tables } from '../../../src/ingest/tables.js'
import type { Route } from '../../../src/transport/routes.js'

const route = (id: number, measurement: string | null, tags: string[]): Route => ({
  id,
  db: 'd',
  rp: 'r',
  measurement,
  partition: { kind: 'tags', tags },
})

it('columns are what the tasks read and the tags of the partition keys', () => {
  const schemas: BatchSchema[] = []
  const tables = new Tables({ onSchema: (s) => schemas.push(s) })
  tables.setRoutes([route(1, 'cpu', ['host']), route(2, null, ['dc'])], (_db, _rp, m) =>
    m === 'cpu' ? ['v', 'u'] : ['w'],
  )
  const scope = tables.scope('d', 'r')
  const cpu = tables.byName(scope, 'cpu')
  const mem = tables.byName(scope, 'mem')
  expect(schemas.map(({ name, tags, fields }) => [name, tags, fields])).toEqual([
    ['cpu', ['dc', 'host', 'u', 'v'], ['u', 'v']],
    ['mem', ['dc', 'w'], ['w']],
  ])
  expect(cpu.routes.map((r) => [r.route.id, r.columns])).toEqual([
    [1, [1]],
    [2, [0]],
  ])
  expect(mem.routes.map((r) => r.route.id)).toEqual([2])
  expect(tables.byName(tables.scope('d', 'other'), 'cpu').matched).toBe(false)
})

it('a schema is kept while the columns stay the same, announced anew when they change, forgotten when nobody reads', () => {
  const schemas: BatchSchema[] = []
  const forgotten: number[] = []
  const tables = new Tables({ onSchema: (s) => schemas.push(s), onForget: (s) => forgotten.push(s.id) })
  const scope = tables.scope('d', 'r')
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v'])
  const cpu = tables.byName(scope, 'cpu')
  const first = cpu.schema
  tables.setRoutes([route(1, 'cpu', ['host']), route(2, 'cpu', ['host'])], () => ['v'])
  expect(tables.byName(scope, 'cpu').schema).toBe(first)
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v', 'x'])
  expect(tables.byName(scope, 'cpu').schema?.fields).toEqual(['v', 'x'])
  expect([schemas.map((s) => s.id), forgotten]).toEqual([[1, 2], [1]])
  // At once, whether lines of it come or not.
  tables.setRoutes([], () => [])
  expect([forgotten, tables.schemas.size, cpu.schema, cpu.matched]).toEqual([[1, 2], 0, null, false])
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v'])
  expect(tables.byName(scope, 'cpu').schema?.id).toBe(3)
  expect(tables.byName(scope, 'cpu')).toBe(cpu)
})

it('a schema is not forgotten while a batch of it waits to be published', () => {
  const forgotten: number[] = []
  const tables = new Tables({ onForget: (s) => forgotten.push(s.id) })
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v'])
  const { schema } = tables.byName(tables.scope('d', 'r'), 'cpu')
  if (schema === null) throw new Error('no schema')
  tables.schemas.hold(schema)
  tables.schemas.hold(schema)
  tables.setRoutes([], () => [])
  tables.schemas.release(schema)
  expect([forgotten, [...tables.schemas.values()]]).toEqual([[], [schema]])
  tables.schemas.release(schema)
  expect([forgotten, tables.schemas.size]).toEqual([[1], 0])
})

it('beyond the cap the longest unused tables are forgotten, those without routes first', () => {
  const forgotten: string[] = []
  const tables = new Tables({ cap: 100, onForget: (s) => forgotten.push(s.name) })
  tables.setRoutes([route(1, 'read', ['host'])], () => [])
  const read = tables.byName(tables.scope('d', 'r'), 'read')
  const often = tables.byName(tables.scope('d', 'r'), 'often')
  for (let i = 0; i < 1000; i++) {
    tables.byName(tables.scope('d', 'r'), `m${i}`)
    if (i % 20 === 0) expect(tables.byName(tables.scope('d', 'r'), 'often')).toBe(often)
    expect(tables.size).toBeLessThanOrEqual(100)
  }
  expect(tables.byName(tables.scope('d', 'r'), 'read')).toBe(read)
  expect(forgotten).toEqual([])
  tables.setRoutes([route(1, null, ['host'])], () => [])
  for (let i = 0; i < 300; i++) tables.byName(tables.scope('d', 'r'), `n${i}`)
  expect(tables.size).toBeLessThanOrEqual(100)
  expect(forgotten.length).toBeGreaterThan(100)
  expect(tables.schemas.size).toBe(tables.size)
})

it('the bytes of names count too, those of databases as well', () => {
  const tables = new Tables({ nameBytes: 10_000 })
  for (let i = 0; i < 200; i++) tables.byName(tables.scope('d', 'r'), `${'x'.repeat(500)}${i}`)
  expect(tables.size).toBeLessThan(10)
  for (let i = 0; i < 200; i++) tables.byName(tables.scope(`${'y'.repeat(500)}${i}`, 'r'), 'm')
  expect(tables.scopes).toBeLessThan(12)
})

it('lines of one write that no task reads share a table where there is no room for more', () => {
  const tables = new Tables({ cap: 10 })
  tables.setRoutes([route(1, 'read', ['host'])], () => [])
  const scope = tables.scope('d', 'r')
  const all = Array.from({ length: 30 }, (_, i) => tables.byName(scope, `m${i}`))
  expect(new Set(all).size).toBe(11)
  const rest = all[29]
  rest.points = 5
  expect([rest.matched, tables.size, tables.ingress()]).toEqual([false, 10, []])
  // What a task reads has its own in any case.
  expect(tables.byName(scope, 'read').matched).toBe(true)
  expect(tables.byName(tables.scope('d', 'r'), 'm29')).not.toBe(rest)
})

it('a table that was forgotten is found anew where lines before it lead to it', () => {
  const tables = new Tables({ cap: 2 })
  const gone = tables.byName(tables.scope('d', 'r'), 'gone')
  for (let i = 0; i < 10; i++) tables.byName(tables.scope('d', 'r'), `m${i}`)
  tables.setRoutes([], () => [])
  const again = tables.use(gone)
  expect([again.name, again.forgotten]).toEqual(['gone', false])
  expect(again).not.toBe(gone)
  expect(tables.byName(tables.scope('d', 'r'), 'gone')).toBe(again)
})

it('databases without tables are not remembered', () => {
  const tables = new Tables({ cap: 10 })
  for (let i = 0; i < 200; i++) tables.byName(tables.scope(`db${i}`, ''), 'm')
  expect(tables.size).toBeLessThanOrEqual(10)
  expect(tables.scopes).toBeLessThanOrEqual(11)
  expect(tables.ingress()).toEqual([])
  const last = tables.scope('db199', '')
  expect(tables.byName(last, 'm')).toBe(last.byName.get('m'))
  for (let i = 0; i < 200; i++) tables.scope(`empty${i}`, '')
  expect(tables.scope('db199', '')).toBe(last)
  expect(tables.scopes).toBeLessThanOrEqual(11)
})

it('a private database goes with its routes, and is not remembered after them', () => {
  const tables = new Tables()
  const db = privateDb('run', 'd')
  const routes = [{ ...route(1, 'cpu', ['host']), db }]
  tables.setRoutes(routes, () => ['v'])
  for (const name of ['cpu', 'mem', 'disk']) tables.byName(tables.scope(db, 'r'), name)
  expect(tables.byName(tables.scope(db, 'r'), 'cpu').schema?.db).toBe('d')
  expect([tables.size, tables.scopes, tables.schemas.size]).toEqual([3, 1, 1])
  tables.setRoutes([], () => [])
  expect([tables.size, tables.scopes, tables.schemas.size]).toEqual([0, 0, 0])
  expect(tables.byName(tables.scope(db, 'r'), 'cpu').matched).toBe(false)
  expect([tables.size, tables.scopes]).toEqual([0, 0])
  tables.setRoutes(routes, () => ['v'])
  expect(tables.byName(tables.scope(db, 'r'), 'cpu').matched).toBe(true)
})
