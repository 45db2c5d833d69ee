import { expect, test } from 'vitest'
import type { BatchSchema } from '../../../src/ingest/batch-layout.js'
import { Tables } from '../../../src/ingest/tables.js'
import type { Route } from '../../../src/route/routes.js'

const route = (id: number, measurement: string | null, tags: string[]): Route => ({
  id,
  db: 'd',
  rp: 'r',
  measurement,
  partition: { kind: 'tags', tags },
})

test('columns are what the tasks read and the tags of the partition keys', () => {
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

test('a schema is kept while the columns stay the same, and announced anew when they change', () => {
  const schemas: BatchSchema[] = []
  const tables = new Tables({ onSchema: (s) => schemas.push(s) })
  const scope = tables.scope('d', 'r')
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v'])
  const cpu = tables.byName(scope, 'cpu')
  const first = cpu.schema
  tables.setRoutes([], () => [])
  expect(tables.byName(scope, 'cpu').matched).toBe(false)
  tables.setRoutes([route(1, 'cpu', ['host']), route(2, 'cpu', ['host'])], () => ['v'])
  expect(tables.byName(scope, 'cpu').schema).toBe(first)
  tables.setRoutes([route(1, 'cpu', ['host'])], () => ['v', 'x'])
  expect(tables.byName(scope, 'cpu').schema?.fields).toEqual(['v', 'x'])
  expect(schemas.length).toBe(2)
  expect(schemas[1].id).not.toBe(schemas[0].id)
})

test('beyond the cap the longest unused tables are forgotten, those without routes first', () => {
  const forgotten: string[] = []
  const tables = new Tables({ cap: 100, onForget: (s) => forgotten.push(s.name) })
  tables.setRoutes([route(1, 'read', ['host'])], () => [])
  const read = tables.byName(tables.scope('d', 'r'), 'read')
  for (let i = 0; i < 1000; i++) {
    tables.byName(tables.scope('d', 'r'), `m${i}`)
    expect(tables.size).toBeLessThanOrEqual(101)
  }
  expect(tables.byName(tables.scope('d', 'r'), 'read')).toBe(read)
  expect(forgotten).toEqual([])
  tables.setRoutes([route(1, null, ['host'])], () => [])
  for (let i = 0; i < 300; i++) tables.byName(tables.scope('d', 'r'), `n${i}`)
  expect(tables.size).toBeLessThanOrEqual(111)
  expect(forgotten.length).toBeGreaterThan(100)
})

test('databases without tables are not remembered', () => {
  const tables = new Tables({ cap: 10 })
  for (let i = 0; i < 200; i++) tables.byName(tables.scope(`db${i}`, ''), 'm')
  expect(tables.size).toBeLessThanOrEqual(11)
  expect(tables.ingress()).toEqual([])
  const last = tables.scope('db199', '')
  expect(tables.byName(last, 'm')).toBe(last.byName.get('m'))
  for (let i = 0; i < 200; i++) tables.scope(`empty${i}`, '')
  expect(tables.scope('db199', '')).toBe(last)
  expect(tables.scopes).toBeLessThanOrEqual(31)
})
