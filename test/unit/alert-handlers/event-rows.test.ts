import { describe, expect, it } from 'vitest'
import { decodeRows, encodeRows, joinRows } from '../../../src/alert-handlers/event-rows.js'
import type { Row } from '../../../src/columns/point.js'
import { Duration, missing, Timestamp, type Value } from '../../../src/columns/values.js'

const time = new Timestamp(1_500_001_200_000_000_001n)

function row(name: string, ...values: Value[][]): Row {
  const columns = ['time', ...Array.from({ length: (values[0]?.length ?? 1) - 1 }, (_, i) => `c${i}`)]
  return { name, tags: new Map([['__proto__', 'x']]), columns, values }
}

describe('rows of an event', () => {
  it('get every kind of cell back', () => {
    const cells: Value[] = [
      time,
      9n,
      9,
      -0,
      9_223_372_036_854_775_807n,
      1e300,
      0.1,
      'a"<\u2028',
      true,
      new Duration(5n),
      new Timestamp(-1n),
    ]
    const [back] = decodeRows(encodeRows([row('m', cells)])) ?? []
    expect(back.values).toEqual([cells])
    expect(back.tags).toEqual(new Map([['__proto__', 'x']]))
  })

  it('get back what JSON cannot hold, and say that it cannot', () => {
    const rows = encodeRows([row('m', [time, Number.NaN, 1n], [time, Number.NEGATIVE_INFINITY, 2n])])
    expect(rows.error).toBe('json: unsupported value: NaN')
    expect(decodeRows(rows)?.[0].values).toEqual([
      [time, Number.NaN, 1n],
      [time, Number.NEGATIVE_INFINITY, 2n],
    ])
  })

  it('count rows of the same kinds', () => {
    const rows = encodeRows([row('m', [time, 1], [time, 2], [time, null]), row('n', [time, null]), row('e')])
    expect(rows.kinds).toBe('2tf2tn')
    expect(decodeRows(rows)?.map((r) => r.values.length)).toEqual([3, 1, 0])
    expect(decodeRows(encodeRows([row('m', [time, missing])]))?.[0].values).toEqual([[time, undefined]])
  })

  it('of several events follow each other', () => {
    const joined = joinRows([
      encodeRows([row('a', [time, 1])]),
      encodeRows([row('bad', [time, Number.NaN])]),
      encodeRows([row('b', [time, 1n])]),
    ])
    expect(decodeRows(joined)?.map((r) => [r.name, r.values[0][1]])).toEqual([
      ['a', 1],
      ['b', 1n],
    ])
    expect(decodeRows(joinRows([]))).toBeNull()
  })
})
